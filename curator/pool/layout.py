"""How a delimited file is laid out: the delimiter, the names of the columns, and whether line 1 is a header at all."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from statistics import median

from curator.errors import DataError
from curator.pool.problems import LONGEST_NAME, cut, listed, quoted
from curator.pool.reading import Reading
from curator.pool.text import TextForm, stamp, text_form, text_lines

DELIMITERS = ",;\t|"  # found in any header
RARE_DELIMITERS = "^~:\x01\x1e\x1f"  # only where line after line agrees
NONE = "\x1f"  # the unit separator, which no text has: what parts the fields where there is one
LONGEST_FIELD = 2**24  # characters; a quote that never closes is noticed here, not when memory is full
ROW_NAMES = "row.names"  # what R calls the column that it leaves out of its header
_LONGEST_COLUMN = 1000  # characters of a name: more is data
_SAMPLED_LINES = 200
_SAMPLED_CHARACTERS = 2**20
_MOST = 0.9  # share of the rows that have to agree about their number of fields
_SENTENCE = 5  # words
_SEPARATOR_LINE = re.compile(r'\ufeff?"?sep=(.)"?\s*', re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """How a delimited file is laid out.

    Attributes:
        form: how its bytes are text.
        delimiter: between fields.
        quoting: the `csv` module's; a double quote is special or is not.
        first_line: lines before the header, or before the first row where there is none: 1 under Excel's `sep=`.
        header: whether there is one.
        names: of the columns.
        cut_last: rows end in a delimiter that the header lacks, so their last field is no column.
        found: the delimiter was found and is an unusual one: the next file is to be read with it as well.
        notes: what was recognised, a sentence each.
    """

    form: TextForm
    delimiter: str
    quoting: int
    first_line: int
    header: bool
    names: tuple[str, ...]
    cut_last: bool
    found: bool
    notes: tuple[str, ...]

    @property
    def n_fields(self) -> int:
        """Of each row."""
        return len(self.names) + self.cut_last


def layout_of(path: Path, reading: Reading) -> Layout:
    """Find out how a file is laid out, from its first lines; kept while the file does not change.

    Raises:
        DataError: it is empty, or its header cannot be one.
    """
    return _layout(path, stamp(path), reading)


def check_header(path: Path, layout: Layout, reading: Reading, wanted: Sequence[str]) -> None:
    """Refuse a first line that is a row, and a first row that is a header.

    Args:
        path: of the file.
        layout: of it.
        reading: what the user said; a header that was asked for is taken.
        wanted: columns that the user named: one of them in the header makes it one.

    Raises:
        DataError: says why, and which option decides.
    """
    if reading.header and layout.header:
        return
    rows = list(islice(sample_rows(path, layout), 1, _SAMPLED_LINES))
    first = next(sample_rows(path, layout), [])
    columns = list(zip(*(row for row in rows if len(row) == len(first)), strict=True))
    if not columns:
        return
    if not layout.header:
        numbers = [name for name, values in zip(first, columns, strict=True) if all(map(_number, values))]
        if numbers and len(rows) > 1 and all(map(_is_name, first)) and len(set(first)) == len(first):
            raise DataError(
                f"{path}: line {layout.first_line + 1} looks like a header: {quoted(numbers[0])} stands above numbers only. Give"
                " --header for this file."
            )
        return
    if set(wanted) & set(layout.names):
        return
    why = _why_data(first, columns)
    if why:
        raise DataError(
            f"{path}: line {layout.first_line + 1} looks like data, not like the names of columns: {listed(first, 6)} ({why})."
            f" If the file has no header, give --no-header: the columns are then called column1{f' to column{len(first)}' if len(first) > 1 else ''}. If it"
            " has one, say so with --header."
        )


def sample_rows(path: Path, layout: Layout) -> Iterator[list[str]]:
    """The first rows, header included, as they are: for a look, not for reading."""
    lines = _head(path, layout.form)[layout.first_line :]
    yield from _parsed(lines, layout.delimiter, layout.quoting)


@lru_cache(maxsize=32)
def _layout(path: Path, _stamp: tuple[int, int, bytes], reading: Reading) -> Layout:
    form = text_form(path, reading.encoding)
    lines = _head(path, form)
    quoting = csv.QUOTE_NONE if reading.quoting == "none" else csv.QUOTE_MINIMAL
    notes = [form.note] if form.note else []
    delimiter, first_line = reading.delimiter, 0
    separator = _SEPARATOR_LINE.fullmatch(lines[0]) if lines else None
    if separator:
        delimiter, first_line = delimiter or separator[1], 1
        notes.append(f"delimiter: {_shown(delimiter)} (line 1 says so)")
    lines = lines[first_line:]
    if not any(line.strip() for line in lines):
        raise DataError(f"{path}: the file is empty. Give a header and a row per item.")
    header = reading.header is not False
    found = delimiter is None
    if delimiter is None:
        delimiter = _delimiter(path, lines, quoting, header=header)
        if delimiter not in ",;\t":
            one = delimiter == NONE
            notes.append("one column" if one else f"delimiter: {_shown(delimiter)} (--delimiter for another)")
    layout = Layout(form, delimiter, quoting, first_line, header, (), False, False, tuple(notes))
    # the usual ones are found again in the header of the next file, whichever of them that has
    layout = replace(layout, found=found and (not header or delimiter not in (*",;\t", NONE)))
    return _named(path, layout, _parsed(lines, delimiter, quoting))


def _named(path: Path, layout: Layout, rows: list[list[str]]) -> Layout:
    """The layout with its columns, those that lack a name included."""
    if not rows:
        raise DataError(
            f"{path}: line {layout.first_line + 1} is not readable as CSV: it has a carriage return in a field that is not"
            " quoted. Use the same line ending everywhere, or quote the field."
        )
    first, below = rows[0], rows[1:]
    if not layout.header:
        names = [f"column{n}" for n in range(1, len(first) + 1)]
        note = f"no header: the columns are called {', '.join(names[:3])}{' and so on' if len(names) > 3 else ''}"
        return replace(layout, names=tuple(names), notes=(*layout.notes, note))
    names, notes, cut_last = list(first), list(layout.notes), False
    if _more_by_one(first, below):
        if all(not row[-1].strip() for row in below):
            cut_last = True
            notes.append("every row ends in a delimiter that the header lacks: what follows it is empty")
        elif _are_row_names([row[0] for row in below]):
            names.insert(0, ROW_NAMES)
            notes.append(
                f"the header has {len(first)} names for {len(names)} columns, as R writes it: the first is called {ROW_NAMES}"
            )
    names = [name if name.strip() else f"column{n}" for n, name in enumerate(names, start=1)]
    _refuse_names(path, names, layout.first_line + 1)
    return replace(layout, names=tuple(names), cut_last=cut_last, notes=tuple(notes))


def _refuse_names(path: Path, names: list[str], line: int) -> None:
    refuse_repeated(path, names, f" (line {line})")
    long = next((name for name in names if len(name) > _LONGEST_COLUMN), None)
    if long is not None:
        raise DataError(
            f"{path}: the name of a column in line {line} has {len(long):,} characters ({cut(long, LONGEST_NAME)!r}). Is that "
            "line data? Give a header, or --no-header; for stray quotes use --quoting none."
        )


def refuse_repeated(path: Path, names: Sequence[str], where: str) -> None:
    """Refuse two columns of one name.

    Raises:
        DataError: there are.
    """
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise DataError(
            f"{path}: column {quoted(repeated[0])} is in the header twice{where}. Rename one of the two."
        )


def _head(path: Path, form: TextForm) -> list[str]:
    """The first lines, enough to see how the file is laid out."""
    lines, size = [], 0
    for line in islice(text_lines(path, form), _SAMPLED_LINES):
        lines.append(line)
        size += len(line)
        if size > _SAMPLED_CHARACTERS:
            break
    return lines


def _parsed(lines: Sequence[str], delimiter: str, quoting: int) -> list[list[str]]:
    """Rows of the first lines; the last may be cut off."""
    csv.field_size_limit(LONGEST_FIELD)
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows.extend(row for row in csv.reader(lines, delimiter=delimiter, quoting=quoting) if row)  # type: ignore[arg-type]
    return rows


def _delimiter(path: Path, lines: list[str], quoting: int, *, header: bool) -> str:
    """The delimiter that splits the header into most fields, of those that most rows agree with.

    Raises:
        DataError: the rows are a table, but what is above them is not its header.
    """
    best: tuple[bool, int, str] | None = None
    delimiter: str
    for delimiter in DELIMITERS:
        rows = _parsed(lines, delimiter, quoting)
        if not rows or (len(rows[0]) < 2 and not _is_r(rows)):
            continue
        candidate = (_agree(rows), len(rows[0]), delimiter)
        if best is None or candidate[:2] > best[:2]:
            best = candidate
    if best is not None and (best[0] or header):
        return best[2]
    for delimiter in (*RARE_DELIMITERS, " "):
        rows = _parsed(lines, delimiter, quoting)
        if delimiter == " " and not all(line.startswith('"') for line in lines if line.strip()):
            continue
        if len(rows) > 1 and len(rows[0]) > 1 and _agree(rows, 1.0):
            return delimiter
    if header:
        _refuse_title(path, lines, quoting)
    return NONE


def _agree(rows: list[list[str]], share: float = _MOST) -> bool:
    """Whether rows have as many fields as the first, or all one more."""
    first, below = rows[0], rows[1:]
    if not below:
        return True
    return sum(len(row) == len(first) for row in below) >= share * len(below) or _more_by_one(first, below)


def _is_r(rows: list[list[str]]) -> bool:
    return _more_by_one(rows[0], rows[1:]) and _are_row_names([row[0] for row in rows[1:]])


def _more_by_one(first: list[str], below: list[list[str]]) -> bool:
    return bool(below) and all(len(row) == len(first) + 1 for row in below)


def _are_row_names(values: list[str]) -> bool:
    """Row names are distinct, and words or numbers rather than sentences."""
    return len(set(values)) == len(values) and not any(re.search(r"\s", value) for value in values)


def _refuse_title(path: Path, lines: list[str], quoting: int) -> None:
    """A line of one field above a table is its title."""
    for delimiter in DELIMITERS:
        rows = _parsed(lines, delimiter, quoting)[1:]
        widths = Counter(len(row) for row in rows)
        width, count = widths.most_common(1)[0] if widths else (0, 0)
        if width > 2 and len(rows) > 1 and count >= _MOST * len(rows):
            raise DataError(
                f"{path}: line 1 ({quoted(lines[0].strip())}) is not the header of the rows below, which have {width} fields. "
                "Remove what stands above the header; for one column of text that holds the delimiter, give --delimiter tab."
            )


def _why_data(first: list[str], columns: list[tuple[str, ...]]) -> str | None:
    """What makes a header look like a row; None when nothing does."""
    if [name.strip() for name in first] == [str(n) for n in range(len(first))]:
        return None  # pandas names columns by their number
    for name, values in zip(first, columns, strict=True):
        filled = [value for value in values if value.strip()]
        if not name.strip() or not filled:
            continue
        if _number(name) and all(map(_number, filled)):
            return f"{quoted(name)} is a number above numbers"
        again = filled.count(name)
        if again:
            return f"{quoted(name)} is also in {again} of the {len(values)} rows below"
        words = len(name.split())
        if words >= _SENTENCE and not name.rstrip().endswith(("?", ":")):
            below = [len(value.split()) for value in filled]
            if median(below) >= _SENTENCE:
                return f"{quoted(name)} is as long as the texts below"
    return None


def _is_name(text: str) -> bool:
    return bool(text.strip()) and len(text.split()) <= 3 and not _number(text)


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shown(delimiter: str) -> str:
    return {"\t": "tab", " ": "space"}.get(delimiter, repr(delimiter))
