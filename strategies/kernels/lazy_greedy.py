"""Greedy choice where gains can only shrink: most candidates need not be looked at again.

Source: Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.ties import first_of_largest, least_equal
from strategies.kernels.types import IntArray

_CHUNK, _LARGEST_CHUNK = 32, 256  # gains computed anew at a time
_FIRST = 1_024  # put in order before each pick; seldom more are looked at


def lazy_greedy(
    n: int, k: int, gain: Callable[[IntArray], NDArray[np.float64]], take: Callable[[int], None]
) -> list[int]:
    """Pick the candidate of the largest gain, again and again.

    A gain that was computed before the last picks is an upper bound: candidates are computed anew in the order of their
    bounds, until the next bound is below what is equal to the largest gain found.

    Args:
        n: number of candidates.
        k: how many picks at most.
        gain: (m,) candidates -> (m,) their gains now; never larger than before, and 0 once picked.
        take: called with each pick; changes what `gain` gives.

    Returns:
        Distinct positions, in the order picked; of gains that are equal to within rounding the lowest position first.
        Fewer than k when no gain above 0 is left.
    """
    everyone = np.arange(n, dtype=np.int64)
    bounds = np.concatenate(
        [gain(everyone[start : start + _LARGEST_CHUNK]) for start in range(0, n, _LARGEST_CHUNK)]
    )
    picks: list[int] = []
    while len(picks) < k:
        best = 0.0
        for chunk in _by_bound(bounds) if picks else ():
            bound = bounds[chunk[0]]
            if bound < least_equal(best) or bound == 0.0:
                break
            bounds[chunk] = gain(chunk)
            best = max(best, float(bounds[chunk].max()))
        pick = first_of_largest(bounds)
        if bounds[pick] <= 0.0:
            break
        picks.append(pick)
        bounds[pick] = 0.0
        take(pick)
    return picks


def _by_bound(bounds: NDArray[np.float64]) -> Iterator[IntArray]:
    """Candidates in chunks, the highest bound first, of equal ones the lowest position; those given may change meanwhile."""
    among_first = np.ones(len(bounds), dtype=bool)
    if len(bounds) > _FIRST:
        among_first = bounds >= -np.partition(-bounds, _FIRST - 1)[_FIRST - 1]
    for part in (among_first, ~among_first):
        some = np.flatnonzero(part)
        order = some[np.argsort(-bounds[some], kind="stable")]
        start, size = 0, _CHUNK
        while start < len(order):
            yield order[start : start + size]
            start, size = start + size, min(2 * size, _LARGEST_CHUNK)
