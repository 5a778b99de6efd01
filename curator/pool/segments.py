"""Segments of the pool: Parquet files that never change, and the manifest that says which ones exist."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from curator.errors import DataError
from curator.files import is_count, read_json, write_json

Kind = Literal["text", "image"]
Role = Literal["pool", "holdout"]

SEGMENT_ROWS = 16_384  # 24 MiB of 384-dimensional embeddings: streams well, and resumes cheaply
MANIFEST = "manifest.json"
FORMAT = 1


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


def segment_file(index: int) -> str:
    """The file name of a segment."""
    return f"segment-{index:06d}.parquet"


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
