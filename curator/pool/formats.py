"""The file formats: each turns a file into batches of raw column values with row and line numbers.

Nothing here knows what a column means; `curator.pool.readers` does.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from curator.errors import DataError
from curator.pool.problems import Problems, place

Format = Literal["csv", "jsonl", "parquet", "folder"]
Record = TypeVar("Record")

ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg")
DELIMITERS = ",;\t"
PARQUET_DAMAGED = (pa.ArrowException, OSError, ValueError)
# What Arrow raises for a value that Python has none for: a date beyond the year 9999, an unknown time zone.
NO_VALUE = (ArithmeticError, LookupError, NotImplementedError, ValueError)
LONGEST_FIELD = 2**24  # characters; a quote that never closes is noticed here, not when memory is full
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


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
        DataError: nothing is there, the ending is unknown, or the file is empty.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder.")
    if path.is_dir():
        return "folder"
    found = ENDINGS.get(path.suffix.lower())
    if found is None:
        hint = " JSON has to come one object a line, as .jsonl." if path.suffix.lower() == ".json" else ""
        raise DataError(
            f"{path}: unknown file ending {path.suffix!r}. Give .csv, .tsv, .jsonl, .parquet or a folder of"
            f" PNG or JPEG images.{hint}"
        )
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty. Give a file with a row per item.")
    return found


def column_names(path: Path, wanted: Sequence[str] = ()) -> list[str]:
    """The columns of a CSV, JSONL or Parquet file.

    Args:
        path: the file.
        wanted: columns to look for. The lines of a JSONL file may differ: all are read until these are found.
    """
    match format_of(path):
        case "csv":
            return _csv_header(path)[0]
        case "jsonl":
            return _jsonl_keys(path, set(wanted))
        case _:
            with _open_parquet(path) as file:
                return [str(name) for name in file.schema_arrow.names]


def raw_batches(
    path: Path, columns: Sequence[str], problems: Problems, *, batch_rows: int
) -> Iterator[RawBatch]:
    """The named columns of a CSV, JSONL or Parquet file, batch by batch; only one batch is in memory.

    Rows that cannot be read (malformed JSON, too many fields) are noted in `problems` and left out.

    Raises:
        DataError: the file cannot be read on from here (invalid UTF-8, a quote that never closes).
    """
    match format_of(path):
        case "csv":
            return _csv_batches(path, columns, problems, batch_rows)
        case "jsonl":
            return _jsonl_batches(path, columns, problems, batch_rows)
        case _:
            return _parquet_batches(path, columns, batch_rows)


def python_values(values: Any, path: Path, column: str | None) -> list[Any]:
    """The values of a column of a `RawBatch` as Python objects.

    Raises:
        DataError: some cannot be; names the column.
    """
    if not isinstance(values, pa.Array):
        return list(values)
    try:
        return list(values.to_pylist())
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: invalid UTF-8 in column {column!r} ({error}). Write the file again with valid strings."
        ) from error
    except NO_VALUE as error:
        raise DataError(
            f"{path}: column {column!r} holds values that cannot be read ({error}). Write them as text or numbers."
        ) from error


def count_rows(path: Path) -> int | None:
    """How many rows a file has, where that is known without reading it."""
    return _open_parquet(path).metadata.num_rows if format_of(path) == "parquet" else None


def _text_lines(path: Path) -> Iterator[str]:
    """Decoded lines with their ends; a byte order mark is dropped."""
    offset = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if number == 1 and raw.startswith(UTF16_MARKS):
                raise DataError(f"{path}: this is UTF-16. Save the file as UTF-8.")
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}: invalid UTF-8 in line {number}, byte {offset + error.start} of the file"
                    f" (0x{raw[error.start]:02x}). Save the file as UTF-8, for example with iconv -f latin1 -t utf-8."
                ) from error
            offset += len(raw)
            yield line


def _csv_rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """First line and fields of each record, header included; blank lines are no records."""
    # the limit is one for the process; every reader here sets the same
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(_text_lines(path), delimiter=delimiter, strict=True)
    start = 1
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{path}: not readable as CSV from line {start} on: {error}. Quote fields that hold quotes, line"
                " breaks or the delimiter, double the quotes inside, and close every quote."
            ) from error
        if fields:
            yield start, fields
        start = reader.line_num + 1


def _csv_header(path: Path) -> tuple[list[str], str]:
    """Column names and delimiter: of `,` `;` and tab the one that splits the header into most fields."""
    headers: list[tuple[list[str], str]] = []
    for delimiter in DELIMITERS:
        first = next(_csv_rows(path, delimiter), None)
        if first is None:
            raise DataError(f"{path}: the file is empty. Give a header and a row per item.")
        headers.append((first[1], delimiter))
    names, delimiter = max(headers, key=lambda header: len(header[0]))
    _refuse_repeated(path, names, " (line 1)")
    return names, delimiter


def _refuse_repeated(path: Path, names: list[str], where: str) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"{path}: column {repeated[0]!r} is in the header twice{where}. Rename one of the two."
        )


def _csv_batches(
    path: Path, columns: Sequence[str], problems: Problems, batch_rows: int
) -> Iterator[RawBatch]:
    names, delimiter = _csv_header(path)
    wanted = [names.index(column) for column in columns]
    for group in _grouped(_csv_records(path, delimiter, len(names), problems), batch_rows):
        rows, lines, kept = zip(*group, strict=True)
        values = {name: [fields[at] for fields in kept] for name, at in zip(columns, wanted, strict=True)}
        yield RawBatch(list(rows), list(lines), values)


def _csv_records(
    path: Path, delimiter: str, n_fields: int, problems: Problems
) -> Iterator[tuple[int, int, list[str]]]:
    """Row number, line number and fields of each row that has as many as the header."""
    records = _csv_rows(path, delimiter)
    next(records)
    for row, (line, fields) in enumerate(records, start=1):
        if len(fields) == n_fields:
            yield row, line, fields
        else:
            problems.add(
                f"number of fields differs from the header's {n_fields}",
                f"{place(row, line)} has {len(fields)}",
                "Quote fields that hold the delimiter or line breaks.",
            )


def _grouped(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    """The records in lists of `size`; the last may be shorter."""
    while group := list(islice(records, size)):
        yield group


def _jsonl_records(path: Path, problems: Problems) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Row, line and object of each line; blank lines are no rows."""
    row = 0
    for line, text in enumerate(_text_lines(path), start=1):
        if not text.strip():
            continue
        row += 1
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            problems.add(
                "malformed JSON", f"{place(row, line)}: {error}", "Write one complete JSON object a line."
            )
            continue
        if isinstance(record, dict):
            yield row, line, record
        else:
            problems.add(
                "not a JSON object",
                f"{place(row, line)} is a {_json_type(record)}",
                'Write one object a line, like {"text": "..."}.',
            )


def _json_type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case _:
            return "list"


def _jsonl_keys(path: Path, wanted: set[str], at_least: int = 1000) -> list[str]:
    keys: dict[str, None] = {}
    for row, _, record in _jsonl_records(path, Problems(path)):
        keys.update(dict.fromkeys(record))
        if row >= at_least and wanted <= keys.keys():
            break
    if not keys:
        raise DataError(f"{path}: no rows that can be read. Give one JSON object a line.")
    return list(keys)


def _jsonl_batches(
    path: Path, columns: Sequence[str], problems: Problems, batch_rows: int
) -> Iterator[RawBatch]:
    for group in _grouped(_jsonl_records(path, problems), batch_rows):
        rows, lines, kept = zip(*group, strict=True)
        values = {name: [record.get(name) for record in kept] for name in columns}
        yield RawBatch(list(rows), list(lines), values)


def _open_parquet(path: Path) -> Any:
    try:
        file = pq.ParquetFile(path, memory_map=False)
        names = list(file.schema_arrow.names)
    except PARQUET_DAMAGED as error:
        raise DataError(f"{path}: not a readable Parquet file: {error}. Write the file again.") from error
    try:
        _refuse_repeated(path, names, "")
    except DataError:
        file.close()
        raise
    return file


def _parquet_batches(path: Path, columns: Sequence[str], batch_rows: int) -> Iterator[RawBatch]:
    done = 0
    with _open_parquet(path) as file:
        batches = None
        while True:
            try:
                batches = batches or file.iter_batches(
                    batch_size=batch_rows, columns=list(columns), use_threads=False
                )
                batch = next(batches)
            except StopIteration:
                return
            except PARQUET_DAMAGED as error:
                raise DataError(
                    f"{path}: damaged Parquet file, not readable after row {done}: {error}. Write the file again."
                ) from error
            values = {name: batch.column(name) for name in columns}
            yield RawBatch(list(range(done + 1, done + batch.num_rows + 1)), None, values)
            done += batch.num_rows
