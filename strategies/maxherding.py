"""MaxHerding: pick the items that best cover the whole pool, each item counting by its most similar pick.

Greedy maximisation of the pool's mean similarity to its nearest labeled item, which for a monotone submodular objective
is within 1 - 1/e of the best possible batch. Unlike k-center it goes where the items are, not where the outliers are.

Source: Bae, Noh & Sutherland, "Generalized Coverage for More Robust Low-Budget Active Learning", ECCV 2024; the shrinking
kernel width: Bae, Oliveira & Sutherland, "Uncertainty Herding: One Active Learning Method for All Label Budgets", 2024,
arXiv 2412.20644. Lazy evaluation: Minoux, "Accelerated greedy algorithms", 1978.
"""

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from strategies._checks import check_embeddings, check_k, check_labeled, check_weights
from strategies._types import FloatArray, IntArray

# The objective is a mean over the pool; over 2,000 random rows its standard error is below 0.012 whatever the pool is.
_MAX_TARGETS = 2_000
_MAX_CANDIDATES = 20_000
_WIDTH_TARGETS = 500  # a median of 500 is plenty
_BLOCK_ROWS = 4_096
_REFRESH = 64  # gains recomputed at a time: one small matrix product instead of 64 thin ones


def select(
    embeddings: FloatArray,
    k: int,
    *,
    labeled: FloatArray | None,
    weights: FloatArray | None,
    rng: np.random.Generator,
) -> IntArray:
    """Pick the batch that covers the candidates best together with what is labeled.

    Similarity is a Gaussian kernel; its width is the median distance to the (n_items / (n_labeled + k))-th neighbour,
    the share of the pool that each label has to stand for, so it shrinks as labels grow. Above 2,000 items the mean is
    taken over a random sample of 2,000, above 20,000 items the picks come from a random sample of 20,000 (or of 2 k).

    Args:
        embeddings: (n_items, dim) of the candidates.
        k: how many items to pick, 1 to n_items.
        labeled: (n_labeled, dim) of what is labeled or already asked; None: nothing is.
        weights: (n_items,) >= 0: how much covering an item is worth (its uncertainty, for example). None: all the same.
        rng: draws the samples; not used up to 2,000 items.

    Returns:
        (k,) distinct positions, the greatest gain in coverage first. Exact copies of a pick come last.

    Raises:
        StrategyInputError: the arrays do not fit together, hold NaN, or k is out of range.
    """
    check_embeddings(embeddings)
    n, dim = embeddings.shape
    check_k(k, n)
    labeled = check_labeled(labeled, dim)
    weights = check_weights(weights, n)

    rows = _sample(n, max(_MAX_CANDIDATES, 2 * k), rng)
    goals = _sample(n, _MAX_TARGETS, rng)
    candidates = embeddings[rows].astype(np.float32, copy=False)
    targets = embeddings[goals].astype(np.float32, copy=False)
    worth = np.ones(len(goals)) if weights is None else weights[goals]
    if not worth.any():  # every item worth covering was missed by the sample
        worth = np.ones(len(goals))

    distinct, copies = _split_copies(candidates)
    # BLAS sums in another order for another number of threads, and the last bits decide near ties. With one thread the
    # same seed gives the same batch everywhere, and at these sizes it costs a second at most.
    with threadpool_limits(limits=1, user_api="blas"):
        squared = _squared_distances(candidates, targets)
        n_labeled = 0 if labeled is None else len(labeled)
        width = _kernel_width(squared[:, :_WIDTH_TARGETS], n_labeled + k)
        covered = _covered_by(labeled, targets, width)
        kernel = _to_kernel(squared, width)
        order = _lazy_greedy(
            kernel, covered, (worth / worth.sum()).astype(np.float32), distinct, min(k, len(distinct))
        )
    return rows[np.concatenate((order, copies[: k - len(order)]))]


def _sample(n: int, size: int, rng: np.random.Generator) -> IntArray:
    """All n positions, or `size` of them drawn at random; ascending, so that ties go to the first."""
    if n <= size:
        return np.arange(n)
    return np.sort(rng.choice(n, size=size, replace=False, shuffle=False)).astype(np.int64)


def _split_copies(rows: FloatArray) -> tuple[IntArray, IntArray]:
    """Positions of the first of each distinct row, and of the exact copies: a copy of a pick covers nothing new."""
    seen: set[bytes] = set()
    first = np.empty(len(rows), dtype=bool)
    for position, row in enumerate(rows):
        key = row.tobytes()
        first[position] = key not in seen
        seen.add(key)
    return np.flatnonzero(first), np.flatnonzero(~first)


def _squared_distances(rows: FloatArray, targets: FloatArray) -> FloatArray:
    """(rows, targets) squared Euclidean distances in float32."""
    squared = rows @ (-2.0 * targets.T)
    squared += np.einsum("ij,ij->i", rows, rows)[:, None]
    squared += np.einsum("ij,ij->i", targets, targets)
    return np.maximum(squared, 0.0, out=squared)


def _kernel_width(squared: FloatArray, labels: int) -> float:
    """Median distance from a target to its (pool / labels)-th neighbour.

    Args:
        squared: (candidates, some targets) squared distances; a sample of the pool has neighbours at the same share.
        labels: labeled items including this batch.
    """
    rank = int(np.clip(round(len(squared) / labels), 1, len(squared) - 1)) if len(squared) > 1 else 0
    neighbour = np.partition(squared, rank, axis=0)[rank]
    width = float(np.sqrt(np.median(neighbour)))
    if width > 0.0:
        return width
    # More than half of the pool are copies of each other: the nearest that is no copy sets the scale.
    positive = squared[squared > 0.0]
    return float(np.sqrt(positive.min())) if len(positive) else 1.0


def _to_kernel(squared: FloatArray, width: float) -> FloatArray:
    """exp(-d^2 / (2 width^2)), in place."""
    squared *= -0.5 / width**2
    return np.exp(squared, out=squared)


def _covered_by(labeled: FloatArray | None, targets: FloatArray, width: float) -> FloatArray:
    """(targets,) similarity of each target to its nearest labeled item; 0 when nothing is labeled."""
    covered = np.zeros(len(targets), dtype=np.float32)
    if labeled is not None:
        for start in range(0, len(labeled), _BLOCK_ROWS):
            block = labeled[start : start + _BLOCK_ROWS].astype(np.float32, copy=False)
            kernel = _to_kernel(_squared_distances(block, targets), width)
            np.maximum(covered, kernel.max(axis=0), out=covered)
    return covered


def _lazy_greedy(
    kernel: FloatArray, covered: FloatArray, worth: FloatArray, allowed: IntArray, k: int
) -> IntArray:
    """The k rows that raise sum_t worth[t] * max(covered[t], kernel[row, t]) most, one after the other.

    A gain can only shrink as coverage grows, so an old gain is an upper bound: only rows whose bound beats the best
    fresh gain need to be computed again.

    Args:
        kernel: (candidates, targets) similarities.
        covered: (targets,) coverage so far.
        worth: (targets,) sums to 1.
        allowed: rows that may be picked, ascending; at least k.
        k: how many.
    """
    gains = np.full(len(kernel), -1.0, dtype=np.float32)
    for start in range(0, len(allowed), _BLOCK_ROWS):
        rows = allowed[start : start + _BLOCK_ROWS]
        gains[rows] = _gain(kernel[rows], covered, worth)
    picks: list[int] = []
    for _ in range(k):
        fresh = np.zeros(len(kernel), dtype=bool) if picks else gains >= 0.0
        best = int(gains.argmax())
        while not fresh[best]:
            stale = np.where(fresh, -1.0, gains)
            size = min(_REFRESH, len(stale))
            rows = np.union1d(np.argpartition(-stale, size - 1)[:size], best)
            rows = rows[stale[rows] >= 0.0]
            gains[rows] = _gain(kernel[rows], covered, worth)
            fresh[rows] = True
            best = int(gains.argmax())
        picks.append(best)
        covered = np.maximum(covered, kernel[best])
        gains[best] = -1.0
    return np.array(picks, dtype=np.int64)


def _gain(kernel: FloatArray, covered: FloatArray, worth: FloatArray) -> FloatArray:
    more = kernel - covered
    np.maximum(more, 0.0, out=more)
    return more @ worth
