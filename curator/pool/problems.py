"""Collects what is wrong with a data file, so that one run names everything, and what was left out of it."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO, TypeVar

from curator.errors import DataError

SHOWN = 5  # examples of one kind of problem: enough to see the pattern, short enough to read
LONGEST = 200  # characters of a place or a value in a message; an id may have millions
LONGEST_NAME = 80  # characters of a column's or a class's name in a list of them
EMPTY_ROW = "empty row"
BAD_ROWS_HEADER = ("file", "row", "line", "problem", "where", "advice")
_LONGEST = 60  # characters of an example
Part = TypeVar("Part")


@dataclass
class _Kind:
    what: str
    advice: str
    count: int = 0
    first: list[str] = field(default_factory=list)


class BadRows:
    """The list of rows that were left out: a CSV file with a line for each, for `--skip-bad-rows FILE`.

    It is written aside, and takes its place when all went well; else nothing is left behind.

    Args:
        path: of the list; None: rows are left out, and only counted. A list of an earlier run is replaced,
            anything else is not.

    Raises:
        DataError: another file is there, or it cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._file: TextIO = io.StringIO()
        if path is None:
            return
        if path.exists() and not self._is_ours(path):
            raise DataError(f"{path}: already exists. Name a new file for the rows that are left out.")
        try:
            self._file = self._aside.open("w", encoding="utf-8", errors="backslashreplace", newline="")
        except OSError as error:
            raise DataError(
                f"{path}: cannot be written ({error.strerror}). Name another file for the rows that are left out."
            ) from error
        csv.writer(self._file).writerow(BAD_ROWS_HEADER)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self.path is not None and kind is None:
            self._aside.replace(self.path)
        elif self.path is not None:
            self._aside.unlink(missing_ok=True)

    def add(self, *values: object) -> None:
        """List a row: the values of `BAD_ROWS_HEADER`."""
        if self.path is not None:
            csv.writer(self._file).writerow(values)

    @property
    def _aside(self) -> Path:
        path = self.path or Path()
        return path.with_name(f".{path.name}.partial")

    @staticmethod
    def _is_ours(path: Path) -> bool:
        start = (",".join(BAD_ROWS_HEADER) + "\r\n").encode()
        with suppress(OSError), path.open("rb") as file:
            return file.read(len(start)) == start
        return False


def listing(path: Path | None) -> AbstractContextManager[BadRows | None]:
    """`--skip-bad-rows FILE` as a context: takes the rows that are left out; None: a bad row is an error."""
    return nullcontext() if path is None else BadRows(path)


class Problems:
    """What is wrong with one file, grouped by kind: a count, the first few places, what to do.

    Where bad rows are to be left out, what belongs to a row is no error: the row is counted under the first reason
    there is, and listed. What belongs to no row is an error in any case.

    Args:
        path: the file that the messages name.
        bad_rows: takes the rows that are left out; None: a bad row is an error.

    Attributes:
        n_rows: data rows that the file was found to have, the unreadable ones too.
        left_out: reason -> rows left out for it.
        notes: what is worth saying about the file that is no error, a sentence each.
    """

    def __init__(self, path: Path, bad_rows: BadRows | None = None) -> None:
        self._path = path
        self._bad_rows = bad_rows
        self._kinds: dict[str, _Kind] = {}
        self._row: tuple[int, int | None] | None = None
        self._bad: set[int] = set()
        self.n_rows = 0
        self.left_out: Counter[str] = Counter()
        self.notes: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._kinds)

    @property
    def skipping(self) -> bool:
        """Whether bad rows are left out."""
        return self._bad_rows is not None

    def on_row(self, row: int | None, line: int | None = None) -> None:
        """What is added from now on belongs to this row; None: to none, but to the file."""
        self._row = None if row is None else (row, line)

    def add(self, what: str, place: str, advice: str, *, longest: int = LONGEST) -> None:
        """Note one problem.

        Args:
            what: the kind, as a noun phrase ("no text in column 'body'").
            place: where, with details if there are any ("row 3 (line 4)"); long ones are cut.
            advice: what to do about all of this kind, a whole sentence.
            longest: characters of the place that are kept.
        """
        place = cut(place, longest)
        if self._bad_rows is not None and self._row is not None:
            row, line = self._row
            if row not in self._bad:
                self._bad.add(row)
                self.left_out[cut(what)] += 1
            self._bad_rows.add(self._path, row, line or "", what, place, advice)
            return
        kind = self._kinds.setdefault(what, _Kind(what, advice))
        kind.count += 1
        if len(kind.first) < SHOWN:
            kind.first.append(place)

    def leave_out_empty(self, row: int, line: int | None) -> None:
        """Note a row without anything in it: no error, but counted, and listed where there is a list."""
        self.left_out[EMPTY_ROW] += 1
        if self._bad_rows is not None:
            self._bad_rows.add(self._path, row, line or "", EMPTY_ROW, place(row, line), "")

    def bad_among(self, rows: Sequence[int]) -> set[int]:
        """Which of these rows are left out; each is asked about once, and forgotten."""
        found = self._bad.intersection(rows)
        if self._bad:
            # what came before could not be read at all and was in no batch
            self._bad = {row for row in self._bad if row > rows[-1]}
        return found

    def is_bad(self, row: int) -> bool:
        """Whether something was noted about a row that will be left out."""
        return row in self._bad

    def raise_if_any(self) -> None:
        """Raise what was collected.

        Raises:
            DataError: one line per kind of problem.
        """
        if self._kinds:
            raise DataError("\n".join(self._line(kind) for kind in self._kinds.values()))

    def _line(self, kind: _Kind) -> str:
        what = cut(kind.what)
        if kind.count == 1:
            return f"{self._path}: {what}: {kind.first[0]}. {kind.advice}"
        places = "; ".join(kind.first)
        return f"{self._path}: {what}: {kind.count:,} times; first: {places}. {kind.advice}"


def place(row: int, line: int | None) -> str:
    """Where a row is: its number among the data rows (from 1) and, in text files, its first line."""
    return f"row {row}" if line is None else f"row {row} (line {line})"


def cut(text: str, longest: int = LONGEST) -> str:
    """A text for a message, its middle left out when it is long: what it is about is at both ends."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}… ({len(text):,} characters) …{text[-half // 2 :]}"


def quoted(name: object, longest: int = LONGEST_NAME) -> str:
    """A value for a message: as Python writes it, so that blanks and odd characters show, and cut."""
    return repr(cut(name, longest) if isinstance(name, str) else cut(str(name), longest))


def missing_column(
    path: Path, name: str, option: str, existing: Iterable[str], advice: str = ""
) -> DataError:
    """The error for a column that is not there: lists those that are, and suggests the nearest."""
    names = list(existing)
    close = get_close_matches(name[:LONGEST], names, n=1) if len(name) <= LONGEST else []
    hint = f" Did you mean {close[0]!r}?" if close else ""
    more = f" {advice}" if advice else ""
    return DataError(f"{path}: no column {quoted(name)} ({option}). It has {listed(names)}.{hint}{more}")


def listed(names: Sequence[str], limit: int = 20) -> str:
    """Names for a message: quoted, cut, joined, at most `limit` of them."""
    return joined(names, limit, quoted)


def joined(parts: Sequence[Part], limit: int, say: Callable[[Part], str] = str) -> str:
    """Parts of a message: the first `limit` of them, and how many more there are."""
    shown = ", ".join(say(part) for part in parts[:limit])
    return shown if len(parts) <= limit else f"{shown} and {len(parts) - limit:,} more"


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: "1 row", "1,200 rows"."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def example(kind: str, content: str) -> str:
    """A text on one line, or the last parts of a path, short enough for an example."""
    if kind == "image":
        return "/".join(content.rsplit("/", 2)[-2:])
    line = " ".join(content[: 8 * _LONGEST].split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1].rstrip()}…"
