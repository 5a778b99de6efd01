"""Facility location: every item of the pool is represented by its most similar pick; pick what represents the pool best.

Similarity is the cosine, 0 where it is negative. The objective is monotone and submodular, so the greedy batch is within
1 - 1/e of the best one. Like MaxHerding but without a kernel width: what is far still counts a little.

Source: Nemhauser, Wolsey & Fisher, "An analysis of approximations for maximizing submodular set functions", 1978; as a
query strategy: Wei, Iyer & Bilmes, "Submodularity in Data Subset Selection and Active Learning", ICML 2015.
"""

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.checks import check_embeddings, check_k, check_labeled, check_weights
from strategies.kernels.kmeans import sample
from strategies.kernels.lazy_greedy import lazy_greedy
from strategies.kernels.parallel import one_thread_each
from strategies.kernels.rest import fill_up
from strategies.kernels.symmetric import symmetric_matrix
from strategies.kernels.types import FloatArray, IntArray
from strategies.kernels.vector_index import unit_vectors

_MAX_KERNEL = 100_000_000  # similarities held at a time: 400 MB
_MAX_CANDIDATES = 20_000
_BLOCK_ROWS = 1_000


def select(
    embeddings: FloatArray,
    k: int,
    *,
    labeled: FloatArray | None,
    weights: FloatArray | None,
    rng: np.random.Generator,
) -> IntArray:
    """Pick the batch that represents the candidates best together with what is labeled.

    Up to 10,000 items the objective is exact. Above, the picks come from a random sample of 20,000 candidates (of 2 k when
    that is more), and the objective is a mean over a random sample of 5,000 items (fewer with more candidates: the kernel
    never holds more than 100 million similarities); as each similarity is in [0, 1], its standard error is below 0.008.

    Args:
        embeddings: (n_items, dim) of the candidates.
        k: how many items to pick, 1 to n_items.
        labeled: (n_labeled, dim) of what is labeled or already asked; None: nothing is.
        weights: (n_items,) >= 0: what a candidate adds is multiplied by it; weight 0 is picked last.
        rng: draws the samples, and the rest of the batch when nothing adds anything.

    Returns:
        (k,) distinct positions, the largest gain first. Gains that are equal to within rounding: the lowest position first.

    Raises:
        StrategyInputError: the arrays do not fit together, hold NaN, or k is out of range.
    """
    from strategies.kernels.row_gains import (
        row_gains,
    )  # here, because listing the strategies should not pay for numba

    check_embeddings(embeddings)
    n, dim = embeddings.shape
    check_k(k, n)
    labeled = check_labeled(labeled, dim)
    weights = check_weights(weights, n)

    # The number of BLAS threads changes the last bits of a product, and they decide near ties.
    with one_thread_each():
        if n * n <= _MAX_KERNEL:
            rows = sample(n, n, rng)
            targets = unit_vectors(embeddings)
            kernel = symmetric_matrix(targets, lambda part, _start: np.maximum(part, 0.0, out=part))
        else:
            rows = sample(n, max(_MAX_CANDIDATES, 2 * k), rng)
            targets = unit_vectors(embeddings[sample(n, max(1, _MAX_KERNEL // len(rows)), rng)])
            kernel = _kernel(unit_vectors(embeddings[rows]), targets)
        covered = _covered_by(labeled, targets)
    worth = np.ones(len(rows)) if weights is None else weights[rows]

    def gain(some: IntArray) -> NDArray[np.float64]:
        gains = np.empty(len(some))
        row_gains(kernel, some, covered, gains)
        return gains * worth[some]

    def take(row: int) -> None:
        np.maximum(covered, kernel[row], out=covered)

    picks = rows[lazy_greedy(len(rows), k, gain, take)]
    return fill_up(picks, k, n, weights, rng)


def _kernel(rows: FloatArray, targets: FloatArray) -> FloatArray:
    kernel = rows @ targets.T
    return np.maximum(kernel, 0.0, out=kernel)


def _covered_by(labeled: FloatArray | None, targets: FloatArray) -> FloatArray:
    """(targets,) similarity of each target to its nearest labeled item; 0 when nothing is labeled."""
    covered = np.zeros(len(targets), dtype=np.float32)
    if labeled is not None:
        for start in range(0, len(labeled), _BLOCK_ROWS):
            kernel = _kernel(unit_vectors(labeled[start : start + _BLOCK_ROWS]), targets)
            np.maximum(covered, kernel.max(axis=0), out=covered)
    return covered
