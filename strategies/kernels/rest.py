"""What to do when a strategy has nothing more to say: the rest of the batch is left to chance."""

from collections.abc import Sequence

import numpy as np

from strategies import random_
from strategies.kernels.checks import weights_among
from strategies.kernels.types import FloatArray, IntArray


def fill_up(
    picks: Sequence[int] | IntArray, k: int, n: int, weights: FloatArray | None, rng: np.random.Generator
) -> IntArray:
    """Complete a batch with items drawn at random from those that are left.

    Args:
        picks: distinct positions, at most k.
        k: size of the batch.
        n: number of candidates, at least k.
        weights: (n,) >= 0: drawn in proportion to them; weight 0 last. None: all the same.
        rng: draws; not used when the batch is complete.

    Returns:
        (k,) the picks and then the drawn positions.
    """
    chosen = np.asarray(picks, dtype=np.int64)
    if len(chosen) == k:
        return chosen
    free = np.ones(n, dtype=bool)
    free[chosen] = False
    left = np.flatnonzero(free)
    worth = weights_among(weights, left)
    drawn = random_.select(np.empty((len(left), 1)), k - len(chosen), labeled=None, weights=worth, rng=rng)
    return np.concatenate((chosen, left[drawn]))
