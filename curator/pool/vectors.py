"""Embeddings on disk: one `.npy` file of float32 rows per segment, and the manifest beside them."""

import re
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from curator.errors import DataError
from curator.files import is_count, read_json, sync_file, write_json
from integrations.encoders.npy import read_header, write_header

FloatArray = NDArray[np.float32]

MANIFEST = "manifest.json"
FORMAT = 1
FLOAT32 = np.dtype("<f4")


def store_folder(base: Path, encoder: str) -> Path:
    """Where the embeddings of one encoder lie below `.curator/embeddings`.

    The part of a name that follows a colon may be a path: its last piece stays readable, and a hash of the
    whole keeps two apart.
    """
    name, _, argument = encoder.partition(":")
    if not argument:
        return base / _safe(name)
    short = blake2b(encoder.encode(), digest_size=4).hexdigest()
    return base / f"{_safe(name)}-{_safe(Path(argument).name)}-{short}"


def vector_file(index: int) -> str:
    """The file name of a segment's embeddings."""
    return f"segment-{index:06d}.npy"


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip(".-")[:60] or "encoder"


@dataclass(frozen=True)
class StoredSegment:
    """One finished file of embeddings.

    Attributes:
        rows: how many.
        content_hash: of the segment whose items these are.
        file: name in the store's folder.
        zero_rows: rows that are all zero: the encoder saw nothing in the item.
    """

    rows: int
    content_hash: str
    file: str
    zero_rows: int


@dataclass
class StoreManifest:
    """What a store holds. `fingerprint` and `dim` are those of every segment named here."""

    encoder: str
    fingerprint: str
    dim: int
    about: dict[str, Any] = field(default_factory=dict)
    segments: dict[int, StoredSegment] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> "StoreManifest | None":
        """The manifest in `folder`; None when there is none.

        Raises:
            DataError: it cannot be read.
        """
        path = folder / MANIFEST
        if not path.exists():
            return None
        try:
            content = read_json(path)
            segments = {int(index): StoredSegment(**entry) for index, entry in content["segments"].items()}
            found = cls(
                content["encoder"], content["fingerprint"], content["dim"], content["about"], segments
            )
            found.check()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path}: damaged ({error}). Delete the folder {folder} to have the embeddings computed again."
            ) from error
        return found

    def check(self) -> None:
        """Make sure that it can be what `save` wrote.

        Raises:
            ValueError: it cannot.
            TypeError: something in it is of another type.
        """
        texts = [self.encoder, self.fingerprint, *(entry.content_hash for entry in self.segments.values())]
        numbers = [
            self.dim,
            *(number for entry in self.segments.values() for number in (entry.rows, entry.zero_rows)),
        ]
        if not all(isinstance(text, str) for text in texts) or not isinstance(self.about, dict):
            raise TypeError("a text is none")
        if not all(is_count(number) for number in numbers) or self.dim < 1:
            raise ValueError("a number cannot be")
        if any(entry.file != vector_file(index) for index, entry in self.segments.items()):
            raise ValueError("a file has another name")

    def holds(self, index: int, content_hash: str) -> bool:
        """Whether the embeddings of this very segment are named."""
        entry = self.segments.get(index)
        return entry is not None and entry.content_hash == content_hash

    def save(self, folder: Path) -> None:
        """Write it in one step."""
        segments = {str(index): vars(entry) for index, entry in sorted(self.segments.items())}
        content = {
            "format": FORMAT,
            "encoder": self.encoder,
            "fingerprint": self.fingerprint,
            "dim": self.dim,
            "about": self.about,
            "segments": segments,
        }
        write_json(folder / MANIFEST, content)


class VectorWriter:
    """Writes one `.npy` file piece by piece; a process that was killed goes on where it stopped.

    The header is written first, with the final shape: how far the file got shows in its size.

    Args:
        path: the partial file; `finish` moves it away.
        rows: how many there will be.
        dim: entries per row.
    """

    def __init__(self, path: Path, rows: int, dim: int) -> None:
        self._path = path
        self._row_bytes = dim * FLOAT32.itemsize
        self._rows = rows
        kept = rows_written(path, rows, dim)
        self._file: IO[bytes]
        if kept:
            self._file = path.open("r+b")
            self._file.truncate(_data_start(path) + kept * self._row_bytes)
            self._file.seek(0, 2)
        else:
            self._file = path.open("wb")
            write_header(self._file, (rows, dim), FLOAT32)
        self.done = kept

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, rows: FloatArray) -> None:
        """Add (m, dim) rows; they survive a kill once this returns."""
        self._file.write(np.ascontiguousarray(rows, dtype=FLOAT32).data)
        self._file.flush()
        self.done += len(rows)

    def finish(self, target: Path) -> None:
        """Give the complete file its name."""
        self._file.close()
        sync_file(self._path)
        self._path.replace(target)


def rows_written(path: Path, rows: int, dim: int | None) -> int:
    """How many whole rows a partial file holds; 0 when it is absent or not for this shape."""
    shape = _header_shape(path)
    if shape is None or shape[0] != rows or (dim is not None and shape[1] != dim) or shape[1] == 0:
        return 0
    return (path.stat().st_size - _data_start(path)) // (shape[1] * FLOAT32.itemsize)


def vector_dim(path: Path) -> int | None:
    """Entries per row of a (partial) file; None when it is none."""
    shape = _header_shape(path)
    return None if shape is None else shape[1]


def why_unusable(path: Path, rows: int, dim: int) -> str | None:
    """What is wrong with a finished file, in words; None when it has the right shape and size."""
    if not path.exists():
        return "the file is missing"
    shape = _header_shape(path)
    if shape is None:
        return "it is not an array of float32 rows"
    if shape != (rows, dim):
        return f"its shape is {shape}, not {(rows, dim)}"
    size, expected = path.stat().st_size, _data_start(path) + rows * dim * FLOAT32.itemsize
    return None if size == expected else f"it has {size:,} bytes, not {expected:,}"


def open_vectors(path: Path) -> FloatArray:
    """A memory map of a finished file: let go of it soon, its pages count as resident while it lives."""
    mapped: FloatArray = np.load(path, mmap_mode="r", allow_pickle=False)
    return mapped


def _header_shape(path: Path) -> tuple[int, int] | None:
    try:
        with path.open("rb") as file:
            shape, fortran, dtype = read_header(file)
    except (OSError, ValueError):
        return None
    return (shape[0], shape[1]) if len(shape) == 2 and not fortran and dtype == FLOAT32 else None


def _data_start(path: Path) -> int:
    with path.open("rb") as file:
        read_header(file)
        return file.tell()
