"""k-means, seeded and the same on any number of threads; shared by the strategies that cluster.

Centres may be fixed: what is labeled holds its surroundings, and the free centres share out the rest. Everything runs
with one thread of BLAS, because the number of threads changes the last bits of a product and with them near ties.

Source: Lloyd, "Least squares quantization in PCM", 1982; its start: `strategies.kernels.plusplus`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.checks import weights_among
from strategies.kernels.parallel import one_thread_each
from strategies.kernels.plusplus import draw_centres
from strategies.kernels.ties import levels
from strategies.kernels.types import FloatArray, IntArray

_ITERATIONS = 10
_ROWS_PER_CENTRE = (
    256  # centres are learnt from at most so many items each: their mean is known to 1/16 of the spread
)
_BLOCK_NUMBERS = 2_000_000  # distances at a time: 8 MB
# Squared distances below this share of the squared lengths are rounding: the rows are equal.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Clusters:
    """Where each item belongs.

    Attributes:
        centres: (at most k, dim) float32; fewer than asked for when fewer items differ.
        labels: (n,) the nearest centre of each item; -1: something fixed is nearer.
        squared: (n,) float32 squared distance to it.
    """

    centres: FloatArray
    labels: IntArray
    squared: FloatArray


def kmeans(
    rows: FloatArray,
    k: int,
    *,
    rng: np.random.Generator,
    weights: FloatArray | None = None,
    fixed: FloatArray | None = None,
) -> Clusters:
    """Cluster items.

    Args:
        rows: (n, dim) float, at least one.
        k: how many centres, at least 1.
        rng: draws the start, and the sample that the centres are learnt from when there are more than 256 k items.
        weights: (n,) >= 0: how much each item pulls at its centre. None: all the same.
        fixed: (m, dim) centres that stay where they are.

    Returns:
        The clusters of all n items.
    """
    with one_thread_each():
        few = sample(len(rows), _ROWS_PER_CENTRE * k, rng)
        learn = np.ascontiguousarray(rows[few], dtype=np.float32)
        pull = weights_among(weights, few)
        held = None if fixed is None else _nearest(learn, fixed.astype(np.float32, copy=False))[1]
        centres = _start(learn, k, rng, pull, held)
        labels: IntArray | None = None
        for _ in range(_ITERATIONS):
            before = labels
            labels, _squared = _assign(learn, centres, held)
            if before is not None and np.array_equal(before, labels):
                break
            centres = _means(learn, labels, centres, pull)
        if len(few) < len(rows) and fixed is not None:
            held = _nearest(rows, fixed.astype(np.float32, copy=False))[1]
        return Clusters(centres, *_assign(rows, centres, held))


def nearest_centre(rows: FloatArray, centres: FloatArray) -> IntArray:
    """(n,) the nearest of (k, dim) centres for each of (n, dim) rows; of equals the first."""
    with one_thread_each():
        return _nearest(rows, centres)[0]


def representatives(clusters: Clusters, k: int, weights: FloatArray | None) -> IntArray:
    """The items nearest to the centres.

    Args:
        clusters: of n items.
        k: how many items, 1 to n.
        weights: (n,) >= 0: a squared distance is divided by the weight; weight 0 comes last. None: all the same.

    Returns:
        (k,) distinct positions: the nearest of each cluster, those of the largest first; then the second nearest of each,
        and so on; last what a fixed centre holds, the farthest from it first.
    """
    n = len(clusters.labels)
    far = clusters.squared.astype(np.float64)
    free = clusters.labels >= 0
    if weights is not None:
        far = np.divide(far, weights, out=np.full(n, np.inf), where=weights > 0.0)
        free &= weights > 0.0
    sizes = np.bincount(clusters.labels[free], minlength=len(clusters.centres))
    place = np.full(n, n, dtype=np.int64)
    members = np.flatnonzero(free)
    members = members[np.lexsort((levels(far[members]), clusters.labels[members]))]
    begins = np.cumsum(sizes) - sizes
    place[members] = np.arange(len(members)) - begins[clusters.labels[members]]
    size = np.zeros(n, dtype=np.int64)
    size[members] = sizes[clusters.labels[members]]
    held_last = np.where(free, 0.0, -clusters.squared if weights is None else -clusters.squared * weights)
    order: IntArray = np.lexsort((np.arange(n), levels(held_last), -size, place))[:k]
    return order


def sample(n: int, size: int, rng: np.random.Generator) -> IntArray:
    """All n positions, or `size` of them drawn at random; ascending."""
    if n <= size:
        return np.arange(n, dtype=np.int64)
    return np.sort(rng.choice(n, size=size, replace=False, shuffle=False)).astype(np.int64)


class _RowCentres:
    """Centres among rows, for `draw_centres`; distances in float64."""

    def __init__(self, rows: FloatArray, room: int) -> None:
        self.rows = rows
        self.points = np.empty((room, rows.shape[1]))
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def add(self, position: int) -> None:
        self.points[self.count] = self.rows[position]
        self.count += 1

    def squared(self, positions: IntArray, first: int) -> NDArray[np.float64]:
        rows = self.rows[positions].astype(np.float64)
        points = self.points[first : self.count]
        lengths = np.einsum("ij,ij->i", rows, rows)[:, None] + np.einsum("ij,ij->i", points, points)
        squared = lengths - 2.0 * (rows @ points.T)
        squared[squared <= _ROUNDING * lengths] = 0.0
        nearest: NDArray[np.float64] = squared.min(axis=1)
        return nearest


def _start(
    rows: FloatArray, k: int, rng: np.random.Generator, weights: FloatArray | None, held: FloatArray | None
) -> FloatArray:
    """(at most k, dim) distinct rows drawn by k-means++, in addition to what is held by fixed centres."""
    centres = _RowCentres(rows, k)
    first: list[int] = []
    if held is None:
        chance = None if weights is None else weights / weights.sum()
        first = [int(rng.choice(len(rows), p=chance))]
        centres.add(first[0])
        held = _nearest(rows, rows[first])[1]
    picks = first + draw_centres(centres, held, k - len(first), weights=weights, rng=rng)
    # Everything coincides with what is fixed: one centre, which nothing will be nearest to.
    return rows[picks or [0]]


def _assign(rows: FloatArray, centres: FloatArray, held: FloatArray | None) -> tuple[IntArray, FloatArray]:
    labels, squared = _nearest(rows, centres)
    if held is not None:
        fixed = held <= squared
        labels[fixed] = -1
        squared[fixed] = held[fixed]
    return labels, squared


def _nearest(rows: FloatArray, centres: FloatArray) -> tuple[IntArray, FloatArray]:
    """The nearest centre of each row, and the squared distance to it (0 for equal rows)."""
    labels = np.empty(len(rows), dtype=np.int64)
    squared = np.empty(len(rows), dtype=np.float32)
    lengths = np.einsum("ij,ij->i", centres, centres)
    step = max(1, _BLOCK_NUMBERS // max(len(centres), rows.shape[1]))
    for start in range(0, len(rows), step):
        block = rows[start : start + step].astype(np.float32, copy=False)
        gaps = block @ (-2.0 * centres.T)
        gaps += lengths
        best = gaps.argmin(axis=1)
        own = np.einsum("ij,ij->i", block, block)
        far = gaps[np.arange(len(block)), best] + own
        far[far <= _ROUNDING * (own + lengths[best])] = 0.0
        labels[start : start + step] = best
        squared[start : start + step] = far
    return labels, squared


def _means(rows: FloatArray, labels: IntArray, centres: FloatArray, weights: FloatArray | None) -> FloatArray:
    """The mean of each cluster; an empty one keeps its centre."""
    from scipy.sparse import csr_matrix  # here, because listing the strategies should not pay for it

    members = np.flatnonzero(labels >= 0)
    pull = np.ones(len(members)) if weights is None else weights[members]
    total = np.bincount(labels[members], weights=pull, minlength=len(centres))
    share = (pull / np.maximum(total[labels[members]], np.finfo(np.float64).tiny)).astype(np.float32)
    belongs = csr_matrix((share, (labels[members], members)), shape=(len(centres), len(rows)))
    means: FloatArray = np.where(total[:, None] > 0.0, belongs @ rows, centres)
    return means
