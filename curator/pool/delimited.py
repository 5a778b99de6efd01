"""Records of a delimited file (CSV, TSV and their kin), and the quoted fields that swallow them."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curator.errors import DataError
from curator.pool.layout import LONGEST_FIELD, Layout
from curator.pool.problems import LONGEST_NAME, Problems, cut, place
from curator.pool.reading import Reading
from curator.pool.text import text_lines

_LEARNED = 1000  # rows of one line whose looks are remembered
_COLUMNS = 50  # of them: more say no more
_FEWEST = 3  # of them that say anything
_KEPT = 100  # doubtful fields that are looked at
_KEPT_LINES = 50  # lines of each
_MOST = 0.8  # share of a field's lines that look like rows when it has swallowed some
QUOTING_ADVICE = "If quotes are part of the text, give --quoting none; if the field is meant to hold these lines, give --quoting double."


class _Lines:
    """The physical lines, those of the record that is being read remembered."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: list[str] = []
        self.taken: list[str] = []
        self.number = 0  # of the line taken last

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._lines)
        self.number += 1
        self.taken.append(line)
        return line

    def give_back(self, lines: list[str]) -> None:
        """Read these again next."""
        self._again.extend(reversed(lines))
        self.number -= len(lines)


def csv_rows(
    path: Path, layout: Layout, reading: Reading, problems: Problems
) -> Iterator[tuple[int, int, list[str]]]:
    """Row number, first line and fields of each data row that has as many fields as there are columns.

    Rows with another number of fields are noted in `problems`, empty ones left out, blank lines are no rows.

    Raises:
        DataError: a quote that never closes, or one in a place where none can be.
    """
    n_fields, last = layout.n_fields, len(layout.names)
    swallowed = _SwallowedRows(layout) if reading.quoting is None and n_fields > 1 else None
    row, skip = 0, layout.header
    longest = (0, 0)
    for line, fields, taken in _records(path, layout):
        if skip:
            skip = False
            continue
        row += 1
        problems.n_rows = row
        if isinstance(fields, list) and not any(map(str.strip, fields)):
            problems.leave_out_empty(row, line)
        elif isinstance(fields, csv.Error) or len(fields) != n_fields:
            problems.on_row(row, line)
            _add_unreadable(problems, layout, place(row, line), fields, taken)
        else:
            if len(taken) > 1:
                longest = max(longest, (len(taken), line))
            if swallowed is not None:
                swallowed.look_at(row, line, fields, taken)
            yield row, line, fields[:last]
    problems.on_row(None)
    if swallowed is not None:
        swallowed.report(problems)
    if longest[0] > 1 and reading.quoting is None and (swallowed is None or swallowed.undecided):
        problems.notes.append(
            f"quoted fields span several lines, the longest {longest[0]:,} from line {longest[1]:,} on: if quotes are part of the "
            "text, use --quoting none"
        )


def _add_unreadable(
    problems: Problems, layout: Layout, where: str, fields: list[str] | csv.Error, taken: list[str]
) -> None:
    if isinstance(fields, csv.Error) and "new-line" in str(fields):
        problems.add(
            "a carriage return inside a field that is not quoted",
            f"{where}: {cut(repr(taken[0].strip()), LONGEST_NAME)}",
            "Quote these fields, or use the same line ending everywhere.",
        )
        return
    if isinstance(fields, csv.Error):
        problems.add(
            "a quote inside a field that begins with one",
            f"{where}: {cut(taken[0].strip(), LONGEST_NAME)}",
            "Close quotes that are open and double those inside quoted fields; give --quoting none if quotes are part of the text; or "
            "leave such rows out with --skip-bad-rows FILE.",
        )
        return
    first = "header" if layout.header else "first row"
    advice = "Quote fields that hold the delimiter or line breaks; for another delimiter give --delimiter."
    if layout.quoting == csv.QUOTE_NONE:
        advice = "With --quoting none no field can hold the delimiter: take it out of these rows, or go without the option."
    problems.add(
        f"number of fields differs from the {first}'s {len(layout.names)}",
        f"{where} has {len(fields)}",
        advice,
    )


def _records(path: Path, layout: Layout) -> Iterator[tuple[int, list[str] | csv.Error, list[str]]]:
    """First line, fields and physical lines of each record; the error where fields cannot be told apart."""
    # the limit is one for the process; every reader here sets the same
    csv.field_size_limit(LONGEST_FIELD)
    lines = _Lines(text_lines(path, layout.form))
    for _ in range(layout.first_line):
        next(lines, None)
    while True:
        reader = csv.reader(lines, delimiter=layout.delimiter, quoting=layout.quoting, strict=True)  # type: ignore[arg-type]
        start = lines.number + 1
        lines.taken.clear()
        try:
            for fields in reader:
                if fields:
                    yield start, fields, lines.taken
                lines.taken.clear()
                start = lines.number + 1
        except csv.Error as error:
            taken = list(lines.taken)
            opened = _open_quote(taken, layout.delimiter)
            if opened is not None:
                raise _never_closed(path, start, taken, opened) from error
            # what the field ran into is read again: it may be rows that are fine
            lines.give_back(taken[1:])
            yield start, error, taken[:1]
        else:
            return


def _open_quote(taken: list[str], delimiter: str) -> tuple[int, int] | None:
    """Line (from 0) and field (from 1) of a quoted field that is still open at the end of these lines."""
    text = "".join(taken)
    mark = re.escape(delimiter)
    whole = re.compile(rf'(?:"[^"]*(?:""[^"]*)*"|[^"{mark}\r\n][^{mark}\r\n]*|)({mark}|\r?\n|\Z)')
    at, number = 0, 1
    while at < len(text) and (match := whole.match(text, at)) is not None:
        at, number = match.end(), number + 1 if match[1] == delimiter else 1
    if at >= len(text) or text[at] != '"':
        return None
    inside = re.compile(r'"[^"]*(?:""[^"]*)*').match(text, at)
    if inside is None or inside.end() < len(text):
        return None  # it is closed, but something follows
    return text.count("\n", 0, at), number


def _never_closed(path: Path, start: int, taken: list[str], opened: tuple[int, int]) -> DataError:
    line, number = start + opened[0], opened[1]
    n_lines = len(taken) - opened[0]
    return DataError(
        f"{path}: the quote that begins field {number} in line {line} never ends: it takes {n_lines:,} lines, not readable from"
        f" line {line} on: {cut(taken[opened[0]].strip(), LONGEST_NAME)!r}. If quotes are part of the text, give --quoting none;"
        " otherwise close every quote."
    )


@dataclass
class _Column:
    """What the values of a column in rows of one line look like."""

    values: set[str] = field(default_factory=set)
    n_filled: int = 0
    numbers: bool = True
    digits: bool = True
    words: bool = True

    def learn(self, value: str) -> None:
        value = value.strip()
        if not value:
            return
        self.n_filled += 1
        self.values.add(value[:LONGEST_NAME])
        self.numbers = self.numbers and _is_number(value)
        self.digits = self.digits and any(map(str.isdecimal, value))
        self.words = self.words and not re.search(r"\s", value)

    @property
    def telling(self) -> bool:
        """Whether a value can be told from a piece of text: a number, one of few, or a word with digits."""
        few = 2 * len(self.values) <= self.n_filled
        return self.n_filled >= _FEWEST and (self.numbers or few or (self.words and self.digits))

    def fits(self, value: str) -> bool:
        value = value.strip()
        if self.numbers:
            return _is_number(value)
        if 2 * len(self.values) <= self.n_filled:
            return value[:LONGEST_NAME] in self.values
        return any(map(str.isdecimal, value)) and not re.search(r"\s", value)


class _SwallowedRows:
    """Finds quoted fields that have swallowed rows: their lines, taken one by one, look like the rows around them.

    Two stray quotes, rows apart, make a field like any other of all that is between them. A text of several lines does
    not look like that: its lines would need as many delimiters as there are columns, a number where numbers stand, and
    one of the labels where labels do.
    """

    def __init__(self, layout: Layout) -> None:
        self._delimiter = layout.delimiter
        self._n_fields = layout.n_fields
        self._rows: list[Sequence[str]] = []  # of one line: looked at only if there is any doubt
        self._doubtful: list[tuple[int, int, int, list[list[str]]]] = []
        self.undecided = False

    def look_at(self, row: int, line: int, fields: Sequence[str], taken: Sequence[str]) -> None:
        """Take note of a row of one line, and of a record of several if they could be rows by their number of fields."""
        if len(taken) == 1:
            if len(self._rows) < _LEARNED:
                self._rows.append(fields[:_COLUMNS])
            return
        below = [text.rstrip("\r\n").split(self._delimiter) for text in taken[1 : _KEPT_LINES + 1]]
        as_rows = [fields for fields in below if len(fields) == self._n_fields]
        if len(as_rows) >= _MOST * len(below) and len(self._doubtful) < _KEPT:
            self._doubtful.append((row, line, len(taken), as_rows))

    def report(self, problems: Problems) -> None:
        """Note those that look like rows, as what is wrong with the file: which rows they are nobody can say."""
        if not self._doubtful:
            return
        columns = [_Column() for _ in range(min(self._n_fields, _COLUMNS))]
        for row_fields in self._rows:
            for column, value in zip(columns, row_fields, strict=True):
                column.learn(value)
        telling = [at for at, column in enumerate(columns) if column.telling]
        self.undecided = not telling
        for row, line, n_lines, as_rows in self._doubtful:
            alike = [all(columns[at].fits(fields[at]) for at in telling) for fields in as_rows]
            if telling and sum(alike) >= _MOST * len(alike):
                problems.add(
                    "a quoted field swallows rows",
                    f"it begins in line {line} ({place(row, None)}) and takes {n_lines:,} lines, which look like rows of their own",
                    QUOTING_ADVICE,
                )


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
