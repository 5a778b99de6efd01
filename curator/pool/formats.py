"""The file formats: each turns a file into batches of raw column values with row and line numbers.

Nothing here knows what a column means; `curator.pool.readers` does.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

import pyarrow as pa

from curator.errors import DataError
from curator.pool.arrow_files import arrow_batches, arrow_columns, arrow_values, count_arrow_rows
from curator.pool.delimited import csv_rows
from curator.pool.json_rows import check_unicode, field_of, json_keys, json_rows
from curator.pool.layout import check_header, layout_of
from curator.pool.problems import Problems, place
from curator.pool.reading import UNKNOWN, Reading
from curator.pool.text import COMPRESSED, text_form
from curator.pool.workbooks import workbook_columns, workbook_rows

Format = Literal["csv", "json", "arrow", "workbook", "folder"]
Record = TypeVar("Record")

ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".psv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "arrow",
    ".pq": "arrow",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".xlsx": "workbook",
    ".xlsm": "workbook",
}
# What people have that is not read, and how to make of it what is.
CONVERT = {
    ".xls": "Save it as .xlsx or as CSV (UTF-8) with a spreadsheet program.",
    ".xlsb": "Save it as .xlsx or as CSV (UTF-8) with a spreadsheet program.",
    ".ods": "Save it as .xlsx or as CSV (UTF-8) with a spreadsheet program.",
    ".numbers": "Export it as .xlsx or CSV.",
    ".zip": "Unpack it, and give the file or the folder of images that is in it.",
    ".tar": "Unpack it, and give the file or the folder of images that is in it.",
    ".orc": "Write it as Parquet.",
    ".avro": "Write it as Parquet.",
    ".pkl": "Write it as Parquet: pandas.read_pickle(path).to_parquet('data.parquet').",
    ".pickle": "Write it as Parquet: pandas.read_pickle(path).to_parquet('data.parquet').",
    ".db": "Export its table as CSV.",
    ".sqlite": "Export its table as CSV.",
    ".xml": "Write a row per item, as CSV or JSONL.",
    ".npy": "Embeddings go with a data file: --data FILE --embeddings FILE.npy.",
    ".npz": "Embeddings go with a data file: --data FILE --embeddings FILE.npz.",
}
READ = (
    "CSV (.csv, .tsv, .txt), JSON (.jsonl, .ndjson, .json), both also as .gz, .bz2 or .xz, Excel (.xlsx), Parquet (.parquet),"
    " Arrow (.arrow, .feather), and a folder of PNG or JPEG images"
)
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class RawBatch:
    """Rows as the file has them.

    Attributes:
        rows: number of each row among the data rows, from 1.
        lines: line on which each row starts, from 1; None where the format has no lines.
        values: per column what the rows hold: a list, or an Arrow array from Parquet.
    """

    rows: list[int]
    lines: list[int] | None
    values: dict[str, Any]

    def place(self, position: int) -> str:
        """Where the row at `position` of this batch is, in words."""
        return place(self.rows[position], self.lines[position] if self.lines else None)


def format_of(path: Path) -> Format:
    """Which format a path has, by its ending.

    Raises:
        DataError: nothing is there, its name is no text, the ending is unknown, or the file is empty.
    """
    check_name(path)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder.")
    if path.is_dir():
        return "folder"
    ending = path.suffix.lower()
    packed = ending in COMPRESSED
    if packed:
        ending = Path(path.stem).suffix.lower()
    found = ENDINGS.get(ending)
    if packed and found not in ("csv", "json"):
        raise DataError(f"{path}: is packed as {path.suffix}. Unpack it. What is read: {READ}.")
    if found is None:
        way_out = CONVERT.get(ending, "")
        raise DataError(
            f"{path}: unknown file ending {path.suffix!r}. {way_out}{' ' if way_out else ''}Supported formats: {READ}."
        )
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty. Give a file with a row per item.")
    return found


def check_name(path: Path) -> None:
    """Refuse a name that is no text: it could be written neither to curator.toml nor to the pool.

    Raises:
        DataError: shows the name with the odd bytes escaped.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{os.fsencode(path).decode(errors='backslashreplace')}: the name of this file or folder is not valid UTF-8. Rename"
            " it."
        ) from error


def column_names(path: Path, wanted: Sequence[str] = (), reading: Reading = UNKNOWN) -> list[str]:
    """The columns of a file; of JSON and of structs also the fields inside, as `outer.inner`.

    Args:
        path: the file.
        wanted: columns to look for. The objects of a JSON file may differ: all are read until these are found.
        reading: what is known about how it is written.

    Raises:
        DataError: there are none that can be.
    """
    match format_of(path):
        case "csv":
            layout = layout_of(path, reading)
            check_header(path, layout, reading, wanted)
            return list(layout.names)
        case "json":
            return json_keys(path, text_form(path, reading.encoding), set(wanted))
        case "workbook":
            return workbook_columns(path, header=reading.header is not False)[0]
        case _:
            return arrow_columns(path, wanted)


def raw_batches(
    path: Path,
    columns: Sequence[str],
    problems: Problems,
    *,
    batch_rows: int,
    reading: Reading = UNKNOWN,
    unchecked: Sequence[str] = (),
) -> Iterator[RawBatch]:
    """The named columns of a file, batch by batch; only one batch is in memory.

    Rows that cannot be read (malformed JSON, too many fields) are noted in `problems` and left out.

    Args:
        path: the file.
        columns: that are wanted; all have to be there.
        problems: takes what is wrong.
        batch_rows: rows per batch.
        reading: what is known about how it is written.
        unchecked: of the columns, those whose reader sees to half surrogate pairs itself.

    Raises:
        DataError: the file cannot be read on from here (invalid UTF-8, a quote that never closes).
    """
    match format_of(path):
        case "csv":
            layout = layout_of(path, reading)
            problems.notes += layout.notes
            rows = csv_rows(path, layout, reading, problems)
            return _by_position(rows, columns, layout.names, batch_rows)
        case "json":
            return _json_batches(path, columns, problems, batch_rows, reading, unchecked)
        case "workbook":
            header = reading.header is not False
            names, notes = workbook_columns(path, header=header)
            problems.notes += notes
            cells = workbook_rows(path, names, problems, header=header)
            return _by_position(cells, columns, names, batch_rows)
        case _:
            return _arrow_batches(path, columns, problems, batch_rows)


def first_rows(path: Path, columns: Sequence[str], limit: int, reading: Reading = UNKNOWN) -> RawBatch:
    """The first rows that can be read, for a look at them.

    Raises:
        DataError: none can; says why.
    """
    problems = Problems(path)
    first = next(raw_batches(path, columns, problems, batch_rows=limit, reading=reading), None)
    if first is None:
        problems.raise_if_any()
        aside = f" ({'; '.join(problems.notes)})" if problems.notes else ""
        raise DataError(f"{path}: no rows{aside}. Give a file with a row per item.")
    return first


def kept_reading(path: Path, reading: Reading) -> Reading:
    """What is to be remembered about a file, so that the next one is read in the same way.

    That is what the user said, and what was found but might not be found again in another file: a guessed encoding,
    a delimiter that is none of the usual ones.
    """
    match format_of(path):
        case "csv":
            layout = layout_of(path, reading)
            form = layout.form
            if layout.found:
                reading = replace(reading, delimiter=layout.delimiter)
        case "json":
            form = text_form(path, reading.encoding)
        case _:
            return reading
    return replace(reading, encoding=form.encoding) if form.guessed else reading


def python_values(values: Any, path: Path, column: str | None) -> list[Any]:
    """The values of a column of a `RawBatch` as Python objects.

    Raises:
        DataError: some cannot be; names the column.
    """
    return arrow_values(values, path, column) if isinstance(values, pa.Array) else list(values)


def count_rows(path: Path) -> int | None:
    """How many rows a file has, where that is known without reading it."""
    return count_arrow_rows(path) if format_of(path) == "arrow" else None


def _grouped(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    """The records in lists of `size`; the last may be shorter."""
    while group := list(islice(records, size)):
        yield group


def _by_position(
    rows: Iterator[tuple[int, int, list[str]]], columns: Sequence[str], names: Sequence[str], batch_rows: int
) -> Iterator[RawBatch]:
    position = {name: at for at, name in enumerate(names)}
    wanted = [position[column] for column in columns]
    for group in _grouped(rows, batch_rows):
        numbers, lines, kept = zip(*group, strict=True)
        values = {name: [fields[at] for fields in kept] for name, at in zip(columns, wanted, strict=True)}
        yield RawBatch(list(numbers), list(lines), values)


def _json_batches(
    path: Path,
    columns: Sequence[str],
    problems: Problems,
    batch_rows: int,
    reading: Reading,
    unchecked: Sequence[str],
) -> Iterator[RawBatch]:
    form = text_form(path, reading.encoding)
    if form.note:
        problems.notes.append(form.note)
    rows = (
        found
        for found in json_rows(path, form, problems)
        if check_unicode(found, columns, unchecked, problems)
    )
    for group in _grouped(rows, batch_rows):
        values = {name: [field_of(found.record, name) for found in group] for name in columns}
        yield RawBatch([found.row for found in group], [found.line for found in group], values)


def _arrow_batches(
    path: Path, columns: Sequence[str], problems: Problems, batch_rows: int
) -> Iterator[RawBatch]:
    done = 0
    for n_rows, values in arrow_batches(path, columns, batch_rows):
        yield RawBatch(list(range(done + 1, done + n_rows + 1)), None, values)
        done += n_rows
        problems.n_rows = done
