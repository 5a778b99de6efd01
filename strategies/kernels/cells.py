"""Cells of a pool: every row with the nearest of some hundred centroids, so that neighbours are sought nearby only.

The inverted file of Jegou, Douze & Schmid, "Product quantization for nearest neighbor search", TPAMI 2011, with unit
centroids ("spherical k-means": Dhillon & Modha, "Concept decompositions for large sparse text data", 2001).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.best import keep_best
from strategies.kernels.parallel import map_blocks
from strategies.kernels.types import FloatArray, IntArray

_ROWS_PER_CELL_TO_LEARN = 64
_ITERATIONS = 8
_BLOCK_ROWS = 4_096
_SMALLEST_NORM, _LARGEST_NORM = 1e-15, 1e15  # beyond them the square of a norm leaves float32


class UnitRows:
    """Rows of an array scaled to length 1 as they are read; the array is not copied.

    Attributes:
        nonzero: (n,) which rows have a direction at all.
    """

    def __init__(self, rows: FloatArray) -> None:
        self._rows = rows
        scales = map_blocks(self._inverse_norms, blocks_of(len(rows)))
        self._scale: FloatArray = np.concatenate([*scales, np.empty(0, np.float32)])
        self.nonzero: NDArray[np.bool_] = self._scale > 0.0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def dim(self) -> int:
        """Columns."""
        return int(self._rows.shape[1])

    def take(self, positions: IntArray | NDArray[np.int32] | slice) -> NDArray[np.float32]:
        """(m, dim) unit rows in float32; rows of zeros stay so."""
        block = self._rows[positions]
        return (block * self._scale[positions, None]).astype(np.float32, copy=False)

    def _inverse_norms(self, where: slice) -> FloatArray:
        block = self._rows[where]
        kind = np.result_type(block, np.float32)
        norms = np.sqrt(np.einsum("ij,ij->i", block, block, dtype=kind)).astype(np.float64)
        odd = np.flatnonzero(~((norms > _SMALLEST_NORM) & (norms < _LARGEST_NORM)))
        norms[odd] = np.linalg.norm(block[odd].astype(np.float64), axis=1)
        inverse = np.zeros(len(norms))
        np.divide(1.0, norms, out=inverse, where=norms > np.finfo(np.float32).tiny)
        return inverse.astype(kind)


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows grouped by cell.

    Attributes:
        order: (m,) row numbers, those of one cell together.
        starts: (cells + 1,) where each cell begins in `order`.
    """

    order: NDArray[np.int32]
    starts: IntArray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def sizes(self) -> IntArray:
        """(cells,) rows in each."""
        return np.diff(self.starts)

    def members(self, cell: int) -> NDArray[np.int32]:
        """Row numbers of one cell, ascending."""
        return self.order[self.starts[cell] : self.starts[cell + 1]]

    @classmethod
    def of(cls, home: NDArray[np.int32], rows: IntArray, count: int) -> "Cells":
        """Group rows by cell.

        Args:
            home: (n,) cell of every row.
            rows: (m,) ascending: the rows to group.
            count: number of cells.
        """
        at = home[rows]
        order = rows[np.argsort(at, kind="stable")].astype(np.int32)
        starts = np.concatenate(([0], np.cumsum(np.bincount(at, minlength=count))))
        return cls(order, starts.astype(np.int64))


def blocks_of(n: int, size: int = _BLOCK_ROWS) -> Iterator[slice]:
    """Consecutive slices that cover n rows."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def learn_centroids(
    units: UnitRows, among: IntArray, count: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Spherical k-means on a random sample.

    Args:
        units: the rows.
        among: (m,) rows that are not zero.
        count: number of centroids, at most m.
        rng: draws the sample and the first centroids.

    Returns:
        (count, dim) of unit length.
    """
    size = min(len(among), _ROWS_PER_CELL_TO_LEARN * count)
    drawn = rng.choice(among, size=size, replace=False, shuffle=True)
    sample = units.take(drawn)
    centroids = sample[:count].copy()
    for _ in range(_ITERATIONS):
        home = nearest_cells(lambda where: sample[where], size, centroids, 1)[:, 0]
        cells = Cells.of(home, np.arange(size), count)
        full = np.flatnonzero(cells.sizes)
        sums = np.add.reduceat(sample[cells.order], cells.starts[full], axis=0)
        lengths = np.linalg.norm(sums, axis=1)
        # a cell that lost all its rows, or whose rows cancel out, stays where it is
        moved = lengths > 0.0
        centroids[full[moved]] = sums[moved] / lengths[moved, None]
    return centroids


def nearest_cells(
    take: Callable[[slice], NDArray[np.float32]],
    n: int,
    centroids: NDArray[np.float32],
    count: int,
    advance: Callable[[int], None] = lambda _: None,
) -> NDArray[np.int32]:
    """(n, count) the cells whose centroids are most similar to each of n rows, the most similar first."""
    nearest = np.empty((n, count), dtype=np.int32)
    numbers = np.arange(len(centroids))

    def work(where: slice) -> int:
        similarity = take(where) @ centroids.T
        m = len(similarity)
        best = np.full((m, count), -np.inf, dtype=np.float32)
        keep_best(similarity, np.arange(m), np.full(m, -1), numbers, nearest[where], best)
        return m

    for done in map_blocks(work, blocks_of(n)):
        advance(done)
    return nearest
