"""The Parquet file of a segment: how its rows are written and read."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curator.errors import DataError
from curator.pool.fields import Fields, decode_fields, encode_fields
from curator.pool.hash_index import HashArray, IntArray
from curator.pool.segments import Kind, Segment

FIELDS = "fields"  # further columns that annotators see, as JSON text; segments of version 0.1.0 have no such column

# hashes as two numbers each: they come back as arrays without a Python object per row
SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("text", pa.string()),
        ("image", pa.string()),
        ("label", pa.string()),
        ("id_hash_1", pa.uint64()),
        ("id_hash_2", pa.uint64()),
        ("content_hash_1", pa.uint64()),
        ("content_hash_2", pa.uint64()),
        (FIELDS, pa.string()),
    ]
)


@dataclass
class SegmentRows:
    """Rows on their way into a segment."""

    ids: list[str]
    contents: list[str]
    labels: list[str | None]
    fields: list[Fields]
    id_hashes: HashArray
    content_hashes: HashArray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def content_hash(self) -> str:
        """Changes when any id or content does, or their order; not with labels or shown fields."""
        return blake2b(self.id_hashes.tobytes() + self.content_hashes.tobytes(), digest_size=16).hexdigest()


def write_segment(path: Path, kind: Kind, rows: SegmentRows) -> None:
    """Write one Parquet file."""
    nothing = pa.nulls(len(rows), pa.string())
    contents = pa.array(rows.contents, pa.string())
    text, image = (contents, nothing) if kind == "text" else (nothing, contents)
    hashes = [
        pa.array(half) for both in (rows.id_hashes, rows.content_hashes) for half in (both[:, 0], both[:, 1])
    ]
    fields = pa.array([encode_fields(shown) for shown in rows.fields], pa.string())
    columns = [
        pa.array(rows.ids, pa.string()),
        text,
        image,
        pa.array(rows.labels, pa.string()),
        *hashes,
        fields,
    ]
    table = pa.Table.from_arrays(columns, schema=SCHEMA)
    pq.write_table(table, path, compression="zstd", use_dictionary=["label"])


def read_segment(segment: Segment, columns: Sequence[str]) -> Any:
    """An Arrow table of the named columns.

    Raises:
        DataError: the file is damaged, or not the one that the manifest means.
    """
    try:
        with pq.ParquetFile(segment.path, memory_map=False) as file:
            absent = [name for name in columns if name not in file.schema_arrow.names]
            # no threads: a table this small is read faster than they start, and their buffers add up
            table = file.read([name for name in columns if name not in absent], use_threads=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{segment.path}: this segment of the pool cannot be read ({error}). Restore the file, or start the"
            " project again from its data."
        ) from error
    if table.num_rows != segment.n_rows:
        raise DataError(
            f"{segment.path}: this segment of the pool has {table.num_rows:,} rows, its manifest says"
            f" {segment.n_rows:,}. Restore the file, or start the project again from its data."
        )
    wrong = [name for name in table.column_names if table.schema.field(name).type != SCHEMA.field(name).type]
    if wrong:
        raise DataError(
            f"{segment.path}: this segment of the pool is damaged: {', '.join(wrong)} is of another type. Restore the"
            " file, or start the project again from its data."
        )
    if absent and absent != [FIELDS]:
        raise DataError(
            f"{segment.path}: this segment of the pool lacks {', '.join(absent)}. Restore the file, or start the project"
            " again from its data."
        )
    if absent:
        table = table.append_column(FIELDS, pa.nulls(table.num_rows, pa.string()))
    return table.select(list(columns))


def fields_column(table: Any) -> list[dict[str, str]]:
    """The shown fields of each row.

    Raises:
        DataError: they are damaged.
    """
    try:
        return [decode_fields(kept) for kept in table.column(FIELDS).to_pylist()]
    except ValueError as error:
        raise DataError(
            f"a segment of the pool holds damaged fields ({error}). Restore the pool from a backup."
        ) from error


def hash_columns(table: Any, name: str) -> HashArray:
    """(n, 2) hashes from the two columns that hold their halves."""
    # to_numpy() would load pandas, a second, where it is installed
    halves = (table.column(f"{name}_{half}").combine_chunks() for half in (1, 2))
    return np.column_stack([np.from_dlpack(half) for half in halves])


def take_rows(table: Any, rows: IntArray) -> Any:
    """The rows of an Arrow table in this order; `pa.array` would load pandas to ask whether these are its numbers."""
    numbers = np.ascontiguousarray(rows, dtype=np.int64)
    return table.take(pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)]))


def joined(tables: Sequence[Any]) -> Any:
    """One Arrow table of several, in this order."""
    return pa.concat_tables(tables)


def no_rows(columns: Sequence[str]) -> Any:
    """An Arrow table of the named columns without a row."""
    return SCHEMA.empty_table().select(list(columns))
