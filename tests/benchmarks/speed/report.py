"""From measured rows to tables: seconds, how many times longer others take, memory, growth."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from math import isnan, log

from benchmarks.speed.case import NAIVE, OURS
from benchmarks.speed.row import Row
from benchmarks.tables import markdown_table

Key = tuple[str, str, str, int]  # workload, task, library, items


class Report:
    """All rows of one benchmark, ready to be compared.

    Args:
        rows: in the order measured; those of one case and size differ in the number of threads.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._threads = sorted({row.threads for row in rows})

    def markdown(self) -> str:
        """Both tables, in Markdown."""
        growth = self._growth_table()
        return self._seconds_table() + (f"\n\nGrowth: seconds ~ items^e.\n\n{growth}" if growth else "")

    def _seconds_table(self) -> str:
        head = (
            "workload", "what", "items", "library", f"seconds on {cores(*self._threads)}", "best peer takes", "numpy takes",
            "peak GiB", "of it data", "note",
        )  # fmt: skip
        by_case = groupby(sorted(self._rows, key=self._place), key=_key)
        return markdown_table(head, [self._cells(key, list(rows)) for key, rows in by_case])

    def _place(self, row: Row) -> tuple[int, int, int, int, int]:
        """The order of the table: tasks and libraries as they were measured first, by size."""
        workloads = [(row.case.workload, row.case.task) for row in self._rows]
        libraries = [row.case.library for row in self._rows]
        return (
            workloads.index((row.case.workload, row.case.task)), row.n, row.case.library != OURS,
            libraries.index(row.case.library), row.threads,
        )  # fmt: skip

    def _cells(self, key: Key, rows: list[Row]) -> tuple[str, ...]:
        workload, task, library, n = key
        ours = library == OURS
        seconds = [_number(row.seconds) for row in rows if not row.error]
        peak = max((row.peak_gib for row in rows if not row.error), default=float("nan"))
        data = min((row.data_gib for row in rows if not row.error), default=float("nan"))
        notes = dict.fromkeys([row.note for row in rows if row.note])
        errors = dict.fromkeys(f"fails: {row.error}" for row in rows if row.error)
        return (
            workload,
            task,
            f"{n:,}",
            library,
            " / ".join(seconds),
            " / ".join(self._times(row, _is_peer) for row in rows) if ours else "",
            " / ".join(self._times(row, _is_naive) for row in rows) if ours else "",
            _number(peak),
            _number(data),
            "; ".join([*notes, *errors]).replace("|", "/"),
        )

    def _times(self, ours: Row, other: Callable[[Row], bool]) -> str:
        """How many times as long the fastest of the others takes; "~" where that follows from its growth."""
        if ours.error:
            return "-"
        rivals = [row for row in self._of(ours) if other(row)]
        here = [row.seconds for row in rivals if row.n == ours.n]
        if here:
            return f"{_number(min(here) / ours.seconds)} x"
        expected = [
            seconds
            for library in dict.fromkeys(row.case.library for row in rivals)
            if (seconds := _expected([row for row in rivals if row.case.library == library], ours.n))
        ]
        return f"~{_number(min(expected) / ours.seconds)} x" if expected else "-"

    def _of(self, like: Row) -> Iterable[Row]:
        """Rows of the same workload, task and threads that have numbers."""
        return (
            row
            for row in self._rows
            if (row.case.workload, row.case.task, row.threads)
            == (like.case.workload, like.case.task, like.threads)
            and not row.error
        )

    def _growth_table(self) -> str:
        fewest = self._threads[0] if self._threads else 1
        rows = [row for row in self._rows if row.threads == fewest and not row.error]
        lines = []
        for name in dict.fromkeys((row.case.workload, row.case.task, row.case.library) for row in rows):
            same = [row for row in rows if (row.case.workload, row.case.task, row.case.library) == name]
            least, most = min(same, key=_items), max(same, key=_items)
            if least.n < most.n:
                lines.append((*name, f"{least.n:,} to {most.n:,}", f"{growth(same):.2f}"))
        return markdown_table(("workload", "what", "library", "items", "e"), lines) if lines else ""


def cores(*counts: int) -> str:
    """Numbers of cores in words."""
    return f"{' / '.join(map(str, counts))} core{'' if counts == (1,) else 's'}"


def growth(rows: Sequence[Row]) -> float:
    """The exponent e of seconds ~ items^e between the smallest and the largest of some rows of one case."""
    least, most = min(rows, key=_items), max(rows, key=_items)
    return log(most.seconds / least.seconds) / log(most.n / least.n)


def _expected(rows: Sequence[Row], n: int) -> float | None:
    """Seconds for more items than were measured, by the growth so far; None when that is not known."""
    if len(rows) < 2 or n <= max(row.n for row in rows):
        return None
    most = max(rows, key=_items)
    return most.seconds * (n / most.n) ** growth(rows)


def _key(row: Row) -> Key:
    return row.case.workload, row.case.task, row.case.library, row.n


def _items(row: Row) -> int:
    return row.n


def _is_peer(row: Row) -> bool:
    return row.case.library not in {OURS, NAIVE}


def _is_naive(row: Row) -> bool:
    return row.case.library == NAIVE


def _number(value: float) -> str:
    """Three digits; nothing where there is no number."""
    if isnan(value):
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
