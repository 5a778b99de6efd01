"""Greedy coverage over those pairs of candidate and target that can still matter.

A candidate adds to a target only if it is more similar to it than what covers the target already. Once something covers
every target a little, few pairs are left; with these in memory each pick touches only what it changes, and the greedy
choice among all candidates is exact without looking at a stale bound twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.compiled import njit
from strategies.kernels.ties import TELLABLE
from strategies.kernels.types import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Pairs:
    """Kernel values by target.

    Attributes:
        starts: (targets + 1,) where each target begins.
        candidates: (pairs,) int32.
        values: (pairs,) float32 kernel, each above what covers the target.
    """

    starts: IntArray
    candidates: NDArray[np.int32]
    values: NDArray[np.float32]

    @classmethod
    def of(cls, blocks: Iterator[tuple[IntArray, NDArray[np.int32], NDArray[np.float32]]]) -> "Pairs":
        """Join blocks of targets: pairs of each target, candidates, values."""
        counts, candidates, values = zip(*blocks, strict=True)
        starts = np.concatenate(([0], np.cumsum(np.concatenate(counts))))
        return cls(starts.astype(np.int64), np.concatenate(candidates), np.concatenate(values))


def pick_greedily(
    pairs: Pairs,
    covered: NDArray[np.float32],
    worth: FloatArray,
    factor: FloatArray,
    allowed: NDArray[np.bool_],
    k: int,
) -> IntArray:
    """The candidates that raise sum_t worth[t] * covered[t] most, one after the other.

    Args:
        pairs: of every target.
        covered: (targets,) by how much each is covered so far; written to.
        worth: (targets,) >= 0.
        factor: (candidates,) >= 0: the gain of each is multiplied by it.
        allowed: (candidates,) which may be picked; at least k.
        k: how many.

    Returns:
        (k,) candidates, the best first; of those that are equal to within rounding the lowest.
    """
    return np.asarray(
        _greedy(
            pairs.starts,
            pairs.candidates,
            pairs.values,
            *_by_candidate(pairs.starts, pairs.candidates, pairs.values, len(allowed)),
            covered,
            worth.astype(np.float64),
            factor.astype(np.float64),
            allowed,
            k,
        )
    )


@njit(cache=True)
def _by_candidate(
    starts: IntArray, candidates: NDArray[np.int32], values: NDArray[np.float32], count: int
) -> tuple[IntArray, NDArray[np.int32], NDArray[np.float32]]:
    """The same pairs by candidate: where each begins, targets, values."""
    begins = np.zeros(count + 1, dtype=np.int64)
    for pair in range(len(candidates)):
        begins[candidates[pair] + 1] += 1
    for candidate in range(count):
        begins[candidate + 1] += begins[candidate]
    place = begins[:-1].copy()
    targets = np.empty(len(candidates), dtype=np.int32)
    turned = np.empty(len(candidates), dtype=np.float32)
    for target in range(len(starts) - 1):
        for pair in range(starts[target], starts[target + 1]):
            at = place[candidates[pair]]
            targets[at] = target
            turned[at] = values[pair]
            place[candidates[pair]] = at + 1
    return begins, targets, turned


@njit(cache=True)
def _greedy(
    starts: IntArray,
    candidates: NDArray[np.int32],
    values: NDArray[np.float32],
    begins: IntArray,
    targets: NDArray[np.int32],
    turned: NDArray[np.float32],
    covered: NDArray[np.float32],
    worth: NDArray[np.float64],
    factor: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    k: int,
) -> IntArray:
    free = allowed.copy()
    gains, now = np.zeros(len(free)), np.zeros(len(free))
    for target in range(len(starts) - 1):
        for pair in range(starts[target], starts[target + 1]):
            gains[candidates[pair]] += worth[target] * max(0.0, np.float64(values[pair]) - covered[target])
    picks = np.empty(k, dtype=np.int64)
    for turn in range(k):
        most = -np.inf
        for candidate in range(len(free)):
            # sums that rounding left a hair below or above nothing are nothing
            if free[candidate]:
                now[candidate] = gains[candidate] * factor[candidate] if gains[candidate] > 1e-12 else 0.0
                most = max(most, now[candidate])
        best = 0
        while not (free[best] and now[best] >= most - TELLABLE * most):
            best += 1
        picks[turn] = best
        free[best] = False
        for at in range(begins[best], begins[best + 1]):
            target = targets[at]
            new, old = np.float64(turned[at]), np.float64(covered[target])
            if new <= old:
                continue
            for pair in range(starts[target], starts[target + 1]):
                value = np.float64(values[pair])
                if value > old:
                    gains[candidates[pair]] -= worth[target] * (min(value, new) - old)
            covered[target] = turned[at]
    return picks


@njit(cache=True, nogil=True)
def near_pairs(
    squared: NDArray[np.float32], reach: NDArray[np.float32], scale: np.float32
) -> tuple[IntArray, NDArray[np.int32], NDArray[np.float32]]:
    """Pairs within reach, of a block of targets with all candidates.

    Args:
        squared: (targets, candidates) squared distances.
        reach: (targets,) only pairs below this squared distance count.
        scale: the kernel is exp(scale * squared distance).

    Returns:
        (targets,) how many pairs each has, (pairs,) candidates, (pairs,) kernel values.
    """
    counts = np.zeros(len(squared), dtype=np.int64)
    for t in range(len(squared)):
        inside = 0
        for c in range(squared.shape[1]):
            inside += squared[t, c] < reach[t]
        counts[t] = inside
    candidates = np.empty(counts.sum(), dtype=np.int32)
    values = np.empty(len(candidates), dtype=np.float32)
    at = 0
    for t in range(len(squared)):
        for c in range(squared.shape[1]):
            if squared[t, c] < reach[t]:
                candidates[at] = c
                values[at] = np.exp(scale * squared[t, c])
                at += 1
    return counts, candidates, values
