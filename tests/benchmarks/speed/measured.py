"""OUT/rows.jsonl: one line per measured row, appended row by row, so that a stopped benchmark goes on where it was."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.speed.case import Case
from benchmarks.speed.row import Row


def read(path: Path, cases: Iterable[Case]) -> list[Row]:
    """The rows of the cases given; what it holds of others is left out. None when there is no file.

    Of several of one case, size and number of cores the last counts; those that failed do not, they are tried again.

    Raises:
        ValueError: a line, other than a last one that was cut short, is no row.
    """
    if not path.exists():
        return []
    by_name = {case.name: case for case in cases}
    rows = []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        if number == len(lines) and not line.endswith("\n"):
            break  # the benchmark was killed while it wrote
        try:
            found = json.loads(line)
            case = by_name.get(found.pop("case"))
            if case is not None:
                rows.append(Row(case, **found))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{path}, line {number} is no measured row. Move the file away.") from error
    newest = {(row.case.name, row.n, row.threads): row for row in rows if not row.error}
    return list(newest.values())


def append(path: Path, row: Row) -> None:
    """Write a finished row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)  # a line that was cut short
        file.write((json.dumps({**asdict(row), "case": row.case.name}) + "\n").encode())


def holds(rows: Sequence[Row], case: Case, n: int, threads: int) -> Row | None:
    """The row of a case, size and number of cores, if it was measured."""
    return next((row for row in rows if (row.case, row.n, row.threads) == (case, n, threads)), None)
