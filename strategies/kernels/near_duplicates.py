"""Which items are near-duplicates of given ones: they would leak the hold-out into training."""

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-5  # a float32 row's cosine with its own copy can fall this short of 1
_BLOCK = 8192  # rows at a time, so that (rows x targets) never grows with the pool


def near_any(
    embeddings: NDArray[np.float32], targets: NDArray[np.float32], threshold: float
) -> NDArray[np.bool_]:
    """Which rows have a cosine of at least `threshold` to any target.

    Args:
        embeddings: (n, dim), rows of unit length.
        targets: (m, dim), rows of unit length.
        threshold: cosine, above 0 to 1.

    Returns:
        (n,) booleans. Zero rows are near nothing.
    """
    near = np.zeros(len(embeddings), dtype=bool)
    if not len(targets):
        return near
    for start in range(0, len(embeddings), _BLOCK):
        block = embeddings[start : start + _BLOCK]
        near[start : start + _BLOCK] = (block @ targets.T).max(axis=1) >= threshold - _ROUNDING
    return near
