"""Precomputed embeddings on their way into the pool: from a column, or from an array beside the data file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from curator.errors import DataError
from curator.pool.problems import Problems
from curator.pool.readers import RecordBatch
from curator.pool.segments import Segment
from curator.pool.vectors import FloatArray, StoreManifest, store_folder
from integrations.encoders.precomputed import FINGERPRINT, NAME, AlignedArray
from integrations.encoders.protocol import unit_rows


@dataclass(frozen=True)
class EmbeddingSource:
    """Where precomputed embeddings come from and go to.

    Attributes:
        base: the project's `.curator/embeddings`.
        file: `PATH.npy`, `PATH.npz` or `PATH.npz:ARRAY`, a row per row of the data file; None to take the
            embedding column.
    """

    base: Path
    file: str | None = None

    @property
    def folder(self) -> Path:
        """The store that takes them."""
        return store_folder(self.base, NAME)


def embedding_source(encoder: str, base: Path, file: str | None) -> EmbeddingSource | None:
    """Where precomputed embeddings come from; None when an encoder computes them."""
    return EmbeddingSource(base, file) if encoder == NAME else None


class IncomingEmbeddings:
    """Hands out the embeddings of each batch, checked.

    Args:
        source: None when there are none.
        segments: of the pool; their embeddings fix the number of entries.
        data: the data file, for messages.
    """

    def __init__(self, source: EmbeddingSource | None, segments: Sequence[Segment], data: Path) -> None:
        self._source = source
        self._data = data
        self._array: AlignedArray | None = None
        self._passed = 0  # rows of the array that were read
        self._dim = None if source is None else _dim_of(source.folder, segments)
        self.zero_rows = 0

    def __enter__(self) -> Self:
        if self._source is not None and self._source.file is not None:
            self._array = AlignedArray(self._source.file)
            self._problems = Problems(Path(self._array.path))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._array is not None:
            self._array.close()

    @property
    def encoder(self) -> tuple[str, str] | None:
        """Name and fingerprint for the store's manifest."""
        return None if self._source is None else (NAME, FINGERPRINT)

    def of(self, batch: RecordBatch) -> NDArray[np.floating[Any]] | None:
        """(n, dim) the embeddings of a batch; None when there are none.

        Raises:
            DataError: their number of entries is not that of the pool's.
        """
        if self._source is None:
            return None
        embeddings = batch.embeddings if self._array is None else self._next(self._array, batch)
        if embeddings is None:
            raise DataError(
                f"{self._data}: no embeddings for these rows. Name their column with --embedding, or give an .npy or"
                " .npz file."
            )
        if self._dim is not None and embeddings.shape[1] != self._dim:
            where = self._data if self._array is None else self._array.path
            raise DataError(
                f"{where}: embeddings have {embeddings.shape[1]} entries, those of the pool in {self._source.folder} have"
                f" {self._dim}. Use the encoder that made those."
            )
        return embeddings

    def unit(self, embeddings: NDArray[np.floating[Any]]) -> FloatArray:
        """Rows of unit length; zero rows stay zero and are counted."""
        rows, zero_rows = unit_rows(embeddings)
        self.zero_rows += zero_rows
        return rows

    def check_end(self, n_rows: int) -> None:
        """After the last batch: the array must end where the data file does.

        Args:
            n_rows: of the data file, those that were left out included.

        Raises:
            DataError: it does not, or some of its rows are not finite.
        """
        if self._array is None:
            return
        self._problems.raise_if_any()
        if self._array.n_rows != n_rows:
            raise self._wrong_count(self._array, f"{n_rows:,}")

    def _next(self, array: AlignedArray, batch: RecordBatch) -> NDArray[np.floating[Any]]:
        """(n, dim) those of the rows of the batch; rows of the data file that were left out have theirs as well."""
        passed = self._passed
        embeddings = array.read(int(batch.rows[-1]) - passed)
        self._passed += len(embeddings)
        if self._passed < int(batch.rows[-1]):
            raise self._wrong_count(array, f"{int(batch.rows[-1]):,} or more")
        embeddings = embeddings[batch.rows - passed - 1]
        for at in np.flatnonzero(~np.isfinite(embeddings).all(axis=1)):
            entry = int(np.flatnonzero(~np.isfinite(embeddings[at]))[0])
            self._problems.add(
                "embedding is not finite",
                f"row {int(batch.rows[at])}, entry {entry + 1} is {embeddings[at, entry]}",
                "Compute the embeddings of these rows again.",
            )
            # the problem is noted; what follows must not trip over it
            embeddings[at] = 0
        return embeddings

    def _wrong_count(self, array: AlignedArray, rows: str) -> DataError:
        return DataError(
            f"{array.path}: {array.n_rows:,} embeddings for {rows} rows in {self._data}. There must be one per row, "
            "in the same order."
        )


def _dim_of(folder: Path, segments: Sequence[Segment]) -> int | None:
    """Entries per row of the embeddings that the pool has; None when it has none."""
    manifest = StoreManifest.load(folder)
    if manifest is None or not any(
        manifest.holds(segment.index, segment.content_hash) for segment in segments
    ):
        return None
    return manifest.dim
