"""Which items are near-duplicates of given ones: what would leak the hold-out into training, or ask the same twice."""

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.parallel import map_blocks
from strategies.kernels.types import FloatArray
from strategies.kernels.vector_index import most_similar, rounding, unit_vectors

# Cosines that decide are computed in float64, of rows whose length is 1 in float32: two equal rows may read a little less than 1.
EQUAL = 1e-9
_BLOCK = 8_192  # rows at a time, so that (rows x targets) never grows with the pool


def near_any(embeddings: FloatArray, targets: FloatArray, threshold: float) -> NDArray[np.bool_]:
    """Which rows have a cosine of at least `threshold` to any target.

    The nearest target of each row is found with FAISS in float32. Where its cosine is closer to the threshold than float32
    can tell, it is computed in float64: the answer is that of float64 for every row.

    Args:
        embeddings: (n, dim), of any length.
        targets: (m, dim), of any length.
        threshold: cosine, above 0 to 1.

    Returns:
        (n,) booleans. Zero rows are near nothing.
    """
    if not len(targets):
        return np.zeros(len(embeddings), dtype=bool)
    units, exact = unit_vectors(targets), directions(targets)
    doubt = 2.0 * rounding(targets.shape[1])  # of the product, and of the lengths of its two rows

    def work(start: int) -> NDArray[np.bool_]:
        block = embeddings[start : start + _BLOCK]
        cosines, where = most_similar(unit_vectors(block), units)
        near: NDArray[np.bool_] = cosines[:, 0] >= threshold + doubt
        open_ = np.flatnonzero(~near & (cosines[:, 0] >= threshold - doubt))
        rows = directions(block[open_])
        # a copy is near the very target that was found; who is not may still be near another
        near[open_] = np.einsum("ij,ij->i", rows, exact[where[open_, 0]]) >= threshold - EQUAL
        left = np.flatnonzero(~near[open_])
        near[open_[left]] = _largest(rows[left], exact) >= threshold - EQUAL
        return near

    return np.concatenate([np.zeros(0, dtype=bool), *map_blocks(work, range(0, len(embeddings), _BLOCK))])


def directions(embeddings: FloatArray) -> FloatArray:
    """(n, dim) float64 rows of length 1, whose products are cosines; rows of zeros stay so."""
    rows = embeddings.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    rows /= np.where(lengths == 0.0, 1.0, lengths)[:, None]
    return rows


def _largest(rows: FloatArray, targets: FloatArray) -> FloatArray:
    """(n,) the largest product of each row with a target."""
    step = max(1, _BLOCK * _BLOCK // len(targets))
    blocks = (rows[start : start + step] for start in range(0, len(rows), step))
    return np.concatenate([np.zeros(0), *((block @ targets.T).max(axis=1) for block in blocks)])
