"""Greedy choice where gains can only shrink: most candidates need not be looked at again.

Source: Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from strategies._types import IntArray

_CHUNK, _LARGEST_CHUNK = 32, 256  # gains computed anew at a time


def lazy_greedy(
    n: int, k: int, gain: Callable[[IntArray], NDArray[np.float64]], take: Callable[[int], None]
) -> list[int]:
    """Pick the candidate of the largest gain, again and again.

    A gain that was computed before the last picks is an upper bound: candidates are computed anew in the order of their
    bounds, until the next bound is below the largest gain found.

    Args:
        n: number of candidates.
        k: how many picks at most.
        gain: (m,) candidates -> (m,) their gains now; never larger than before, and 0 once picked.
        take: called with each pick; changes what `gain` gives.

    Returns:
        Distinct positions, in the order picked; of equal gains the lowest position first. Fewer than k when no gain above
        0 is left.
    """
    everyone = np.arange(n, dtype=np.int64)
    bounds = np.concatenate(
        [gain(everyone[start : start + _LARGEST_CHUNK]) for start in range(0, n, _LARGEST_CHUNK)]
    )
    picks: list[int] = []
    while len(picks) < k:
        order = np.argsort(-bounds, kind="stable") if picks else everyone[:0]
        best, start, size = 0.0, 0, _CHUNK
        while start < len(order) and bounds[order[start]] >= best:
            chunk = order[start : start + size]
            bounds[chunk] = gain(chunk)
            best = max(best, float(bounds[chunk].max()))
            start, size = start + size, min(2 * size, _LARGEST_CHUNK)
            if best == 0.0 and bounds[order[min(start, n - 1)]] == 0.0:
                return picks
        pick = int(bounds.argmax())
        if bounds[pick] <= 0.0:
            break
        picks.append(pick)
        bounds[pick] = 0.0
        take(pick)
    return picks
