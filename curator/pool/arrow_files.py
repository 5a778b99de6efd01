"""Parquet and Arrow (Feather) files, a batch of columns at a time."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curator.errors import DataError
from curator.pool.layout import refuse_repeated
from curator.pool.problems import quoted

DAMAGED = (pa.ArrowException, OSError, ValueError)
# What Arrow raises for a value that Python has none for: a date beyond the year 9999, an unknown time zone.
NO_VALUE = (ArithmeticError, LookupError, NotImplementedError, ValueError)
MOST_VALUES = 2**15  # in a field of a row, on average: a small file may unpack to more than fits into memory
DEEPEST = 3  # structs in structs whose fields are listed


def arrow_columns(path: Path, wanted: Sequence[str]) -> list[str]:
    """The columns of a Parquet or Arrow file; those inside structs as `outer.inner`, where wanted or shallow."""
    schema = _schema(path)
    names = [str(name) for name in schema.names]
    nested = [name for entry in schema for name in _nested_names(entry.name, entry.type)]
    nested += [name for name in wanted if _path_in(schema, name) is not None]
    return list(dict.fromkeys([*names, *nested]))


def arrow_batches(
    path: Path, columns: Sequence[str], batch_rows: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number of rows and the named columns as Arrow arrays, at most `batch_rows` rows at a time.

    Raises:
        DataError: the file is damaged, or a row of it is too large.
    """
    done = 0
    paths = {name: _path_in(_schema(path), name) or (name,) for name in columns}
    batches = _parquet(path, paths, batch_rows) if _is_parquet(path) else _ipc(path, batch_rows)
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            return
        except DataError:
            raise
        except DAMAGED as error:
            what = "Parquet" if _is_parquet(path) else "Arrow"
            raise DataError(
                f"{path}: damaged {what} file, not readable after row {done}: {error}. Write the file again."
            ) from error
        yield batch.num_rows, {name: _column(batch, keys) for name, keys in paths.items()}
        done += batch.num_rows


def count_arrow_rows(path: Path) -> int | None:
    """How many rows there are, where the file says so without being read."""
    if not _is_parquet(path):
        return None
    with _open_parquet(path) as file:
        return int(file.metadata.num_rows)


def arrow_values(values: Any, path: Path, column: str | None) -> list[Any]:
    """An Arrow array as Python objects.

    Raises:
        DataError: some cannot be; names the column.
    """
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


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".pq")


def _schema(path: Path) -> Any:
    if _is_parquet(path):
        with _open_parquet(path) as file:
            return file.schema_arrow
    with _open_ipc(path) as reader:
        return reader.schema


def _open_parquet(path: Path) -> Any:
    try:
        file = pq.ParquetFile(path, memory_map=False)
        names = list(file.schema_arrow.names)
    except DAMAGED as error:
        raise DataError(f"{path}: not a readable Parquet file: {error}. Write the file again.") from error
    try:
        refuse_repeated(path, names, "")
    except DataError:
        file.close()
        raise
    return file


def _open_ipc(path: Path) -> Any:
    """The reader of an Arrow file, or of a stream, as which Hugging Face datasets are kept."""
    try:
        with ExitStack() as stack:
            source = stack.enter_context(pa.memory_map(str(path)))
            try:
                reader = pa.ipc.open_file(source)
            except pa.ArrowInvalid:
                source.seek(0)
                reader = pa.ipc.open_stream(source)
            refuse_repeated(path, list(reader.schema.names), "")
            stack.pop_all()
            return reader
    except DAMAGED as error:
        raise DataError(
            f"{path}: not a readable Arrow file: {error}. Write it again, or as Parquet."
        ) from error


def _parquet(path: Path, paths: dict[str, tuple[str, ...]], batch_rows: int) -> Iterator[Any]:
    with _open_parquet(path) as file:
        _refuse_huge(path, file.metadata, {keys[0] for keys in paths.values()})
        yield from file.iter_batches(
            batch_size=batch_rows, columns=[".".join(keys) for keys in paths.values()], use_threads=False
        )


def _ipc(path: Path, batch_rows: int) -> Iterator[Any]:
    with _open_ipc(path) as reader:
        batches = (
            reader
            if isinstance(reader, pa.RecordBatchStreamReader)
            else (reader.get_batch(i) for i in range(reader.num_record_batches))
        )
        for batch in batches:
            for start in range(0, batch.num_rows, batch_rows):
                yield batch.slice(start, batch_rows)


def _refuse_huge(path: Path, metadata: Any, columns: set[str]) -> None:
    """Lists that repeat a value take next to nothing in the file, whatever their length."""
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group)
        for at in range(rows.num_columns):
            chunk = rows.column(at)
            name = chunk.path_in_schema.split(".")[0]
            if name in columns and chunk.num_values > MOST_VALUES * max(1, rows.num_rows):
                each = chunk.num_values // max(1, rows.num_rows)
                raise DataError(
                    f"{path}: column {quoted(name)} has {each:,} values a row, more than {MOST_VALUES:,}. Is this the right"
                    " column?"
                )


def _column(batch: Any, keys: tuple[str, ...]) -> Any:
    array = batch.column(keys[0])
    for key in keys[1:]:
        array = pc.struct_field(array, key)
    return array


def _nested_names(name: str, kind: Any, depth: int = DEEPEST) -> Iterator[str]:
    if pa.types.is_struct(kind) and depth > 1:
        for at in range(kind.num_fields):
            inner = kind.field(at)
            yield f"{name}.{inner.name}"
            yield from _nested_names(f"{name}.{inner.name}", inner.type, depth - 1)


def _path_in(schema: Any, name: str) -> tuple[str, ...] | None:
    """The keys to a column: of the column itself, or through structs; None when it is not there."""
    if name in schema.names:
        return (name,)
    for entry in schema:
        if name.startswith(f"{entry.name}."):
            found = _path_in_struct(entry.type, name[len(entry.name) + 1 :])
            if found is not None:
                return (entry.name, *found)
    return None


def _path_in_struct(kind: Any, name: str) -> tuple[str, ...] | None:
    if not pa.types.is_struct(kind):
        return None
    for at in range(kind.num_fields):
        inner = kind.field(at)
        if inner.name == name:
            return (name,)
        if name.startswith(f"{inner.name}."):
            found = _path_in_struct(inner.type, name[len(inner.name) + 1 :])
            if found is not None:
                return (inner.name, *found)
    return None
