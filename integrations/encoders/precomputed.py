"""Embeddings that come with the data: a column, or an array file with a row per row of the data file."""

import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from integrations.encoders.npy import read_header
from integrations.encoders.protocol import FloatArray, Kind
from integrations.errors import EncoderError

NAME = "precomputed"
FINGERPRINT = "as-given-1"  # the 1 counts changes of what is done to given rows: scaled to unit length
MOST_ENTRIES = 2**15  # of a row; a small archive may unpack to rows that fit into no memory
FLOATS = (np.float16, np.float32, np.float64)
# What reading a damaged archive raises: an unknown method is a NotImplementedError, an encrypted member a RuntimeError.
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(RuntimeError, ValueError, LookupError, OverflowError),
)


class PrecomputedEncoder:
    """Stands for embeddings that are imported together with their items.

    Args:
        argument: `PATH.npy` or `PATH.npz[:ARRAY]` of the embeddings; None for the embedding column.
        kind: of the items.
    """

    name = NAME

    def __init__(self, argument: str | None, kind: Kind) -> None:
        self.kind: Kind = kind
        self.file = argument

    @property
    def fingerprint(self) -> str:
        """Always the same: the numbers are the user's."""
        return FINGERPRINT

    @property
    def needs_fit(self) -> bool:
        """Nothing to learn."""
        return False

    def fit(self, sample: Sequence[str]) -> None:
        """Nothing to learn."""

    def encode(self, items: Sequence[str]) -> FloatArray:
        """Refuse: given embeddings cannot be computed.

        Raises:
            EncoderError: always.
        """
        raise EncoderError(
            f"{len(items):,} items came without embeddings, and precomputed embeddings cannot be computed here. Add"
            " the items together with their embeddings, or choose another encoder."
        )

    def save(self, folder: Path) -> None:
        """Nothing was learned."""

    def load(self, folder: Path) -> bool:  # noqa: ARG002 - the protocol's argument
        """Nothing was learned."""
        return True

    def describe(self) -> dict[str, Any]:
        """Where the numbers come from."""
        return {"source": self.file or "embedding column"}


class AlignedArray:
    """A two-dimensional float array in an `.npy` or `.npz` file, read from its first row to its last.

    Only the rows asked for are in memory, also from inside an `.npz`.

    Args:
        spec: `PATH.npy`, `PATH.npz` (with one array in it) or `PATH.npz:ARRAY`.

    Raises:
        EncoderError: the file cannot be used; the message says why and what to do.
    """

    def __init__(self, spec: str) -> None:
        self._file, self.path, self._size = _open(spec)
        try:
            self.n_rows, self.dim, self._dtype = self._header()
        except BaseException:
            self.close()
            raise
        self._done = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, n_rows: int) -> NDArray[np.floating[Any]]:
        """The next (m, dim) rows; m is smaller than `n_rows` only at the end.

        Raises:
            EncoderError: the file ends too early.
        """
        m = min(n_rows, self.n_rows - self._done)
        size = m * self.dim * self._dtype.itemsize
        try:
            data = self._file.read(size)
        except DAMAGED as error:
            raise EncoderError(
                f"{self.path}: damaged after row {self._done:,}: {error}. Write it again."
            ) from error
        if len(data) < size:
            raise EncoderError(
                f"{self.path}: the file ends in row {self._done + 1:,} or later. Write it again."
            )
        self._done += m
        return np.frombuffer(data, dtype=self._dtype).reshape(m, self.dim).copy()

    def _header(self) -> tuple[int, int, np.dtype[Any]]:
        try:
            shape, fortran, dtype = read_header(self._file)
        except (ValueError, OSError) as error:
            raise EncoderError(
                f"{self.path}: not a NumPy array ({error}). Write it with numpy.save."
            ) from error
        if dtype.hasobject:
            raise EncoderError(
                f"{self.path}: an array of Python objects, as NumPy makes it from ragged rows. Every row needs the"
                " same number of entries: save a two-dimensional float array."
            )
        if len(shape) != 2 or min(shape) < 1:
            raise EncoderError(f"{self.path}: shape {shape}; it must be (rows, entries), neither of them 0.")
        if shape[1] > MOST_ENTRIES:
            raise EncoderError(
                f"{self.path}: shape {shape}, {shape[1]:,} entries per row, more than the {MOST_ENTRIES:,} allowed. It must be (rows, "
                "entries): is it transposed, or the wrong array?"
            )
        if dtype.newbyteorder("=") not in FLOATS:
            raise EncoderError(f"{self.path}: holds {dtype}, not float16, float32 or float64. Convert it.")
        if fortran and math.prod(shape) > max(shape):
            raise EncoderError(
                f"{self.path}: saved column by column. Save numpy.ascontiguousarray(...) of it."
            )
        row_bytes = shape[1] * dtype.itemsize
        here = (self._size - self._file.tell()) // row_bytes
        if here < shape[0]:  # also before memory is asked for that no file fills
            raise EncoderError(
                f"{self.path}: the file ends in row {here + 1:,} of {shape[0]:,}. Write it again."
            )
        return shape[0], shape[1], dtype


def _open(spec: str) -> tuple[IO[bytes], str, int]:
    """The opened array, what messages call it, and its size in bytes."""
    path, array = _split(spec)
    if not path.is_file():
        raise EncoderError(f"{path}: no such file of embeddings. Give PATH.npy, PATH.npz or PATH.npz:ARRAY.")
    if path.suffix != ".npz":
        return path.open("rb"), str(path), path.stat().st_size
    try:
        # stays open through its member, which closes it
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            chosen = _chosen(path, array, list(members))
            member = members[chosen]
            return archive.open(member), f"{path}:{chosen}", member.file_size
    except DAMAGED as error:
        raise EncoderError(f"{path}: not an .npz file ({error}). Write it with numpy.savez.") from error


def _chosen(path: Path, array: str | None, names: list[str]) -> str:
    """The array to take of those in an archive."""
    if not names:
        raise EncoderError(f"{path}: holds no array. Write it with numpy.savez.")
    if array is None and len(names) != 1:
        raise EncoderError(f"{path}: holds the arrays {', '.join(names)}. Choose one: {path}:{names[0]}.")
    chosen = array or names[0]
    if chosen not in names:
        raise EncoderError(f"{path}: no array {chosen!r}. It holds {', '.join(names)}.")
    return chosen


def _split(spec: str) -> tuple[Path, str | None]:
    """Path and array name: what follows the colon after `.npz`."""
    head, colon, tail = spec.rpartition(":")
    path = Path(head if colon and head.endswith(".npz") else spec)
    if path.suffix not in (".npy", ".npz"):
        raise EncoderError(f"{spec}: embeddings come as PATH.npy, PATH.npz or PATH.npz:ARRAY.")
    return path, tail if colon and head.endswith(".npz") else None
