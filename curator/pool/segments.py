"""Segments of the pool: Parquet files that never change, and the manifest that says which ones exist."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curator.errors import DataError
from curator.files import is_count, read_json, write_json
from curator.pool.columns import Kind
from curator.pool.fields import Fields, decode_fields, encode_fields
from curator.pool.hash_index import HashArray, IntArray

Role = Literal["pool", "holdout"]

SEGMENT_ROWS = 16_384  # 24 MiB of 384-dimensional embeddings: streams well, and resumes cheaply
MANIFEST = "manifest.json"
FORMAT = 1
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


@dataclass(frozen=True)
class Segment:
    """Consecutive rows of the pool in one file.

    Attributes:
        index: position among the segments, from 0.
        first_row: row number in the pool of its first item.
        n_rows: how many items.
        path: the Parquet file.
        content_hash: of all its items' ids and contents, in order.
        role: "pool", or "holdout" for a hold-out file of the user's own.
    """

    index: int
    first_row: int
    n_rows: int
    path: Path
    content_hash: str
    role: Role


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


def segment_file(index: int) -> str:
    """The file name of a segment."""
    return f"segment-{index:06d}.parquet"


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


def save_manifest(folder: Path, kind: Kind, segments: Sequence[Segment]) -> None:
    """Say which segments exist; from then on they do."""
    entries = [
        {
            "file": segment.path.name,
            "rows": segment.n_rows,
            "content_hash": segment.content_hash,
            "role": segment.role,
        }
        for segment in segments
    ]
    write_json(folder / MANIFEST, {"format": FORMAT, "kind": kind, "segments": entries})


def load_manifest(folder: Path) -> tuple[Kind, tuple[Segment, ...]]:
    """Kind of the pool and its segments.

    Raises:
        DataError: there is no pool here, or its manifest or one of its files is damaged or missing.
    """
    path = folder / MANIFEST
    try:
        content = read_json(path)
    except FileNotFoundError as error:
        raise DataError(f"{folder}: no pool here. Create the project with `curator init`.") from error
    except ValueError as error:
        raise DataError(f"{path}: damaged ({error}). Restore it from a backup.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(
            f"{path}: written by another version of curator. Open it with the version that wrote it."
        )
    try:
        kind, segments = _listed(folder, content)
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path}: damaged ({error!r}). Restore it from a backup.") from error
    for segment in segments:
        if not segment.path.exists():
            raise DataError(
                f"{segment.path}: this segment of the pool is missing. Restore the file from a backup."
            )
    return kind, segments


def _listed(folder: Path, content: dict[str, Any]) -> tuple[Kind, tuple[Segment, ...]]:
    """Kind and segments as a manifest lists them.

    Raises:
        ValueError, LookupError, TypeError: it was not written by `save_manifest`.
    """
    kind: Kind = content["kind"]
    segments: list[Segment] = []
    first_row = 0
    for index, entry in enumerate(content["segments"]):
        rows, content_hash, role = entry["rows"], entry["content_hash"], entry["role"]
        fits = (
            entry["file"] == segment_file(index)
            and is_count(rows)
            and 0 < rows <= SEGMENT_ROWS
            and isinstance(content_hash, str)
            and role in get_args(Role)
        )
        if not fits:
            raise ValueError(f"segment {index} cannot be")
        segments.append(Segment(index, first_row, rows, folder / entry["file"], content_hash, role))
        first_row += rows
    if kind not in get_args(Kind):
        raise ValueError("no such kind of items")
    return kind, tuple(segments)
