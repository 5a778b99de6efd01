"""Which items are near-duplicates of given ones: what would leak the hold-out into training, or ask the same twice."""

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.parallel import map_blocks
from strategies.kernels.types import FloatArray
from strategies.kernels.vector_index import most_similar, rounding, unit_vectors

# Cosines that decide are computed in float64, of rows whose length is 1 in float32: two equal rows may read a little less than 1.
EQUAL = 1e-9
_BLOCK = 8_192  # rows at a time ...
_TARGETS = 2_048  # ... and targets: 130 MB of cosines in float64, however many there are


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
    units = unit_vectors(targets)
    doubt = 2.0 * rounding(targets.shape[1])  # of the product, and of the lengths of its two rows

    def work(start: int) -> NDArray[np.bool_]:
        block = embeddings[start : start + _BLOCK]
        cosines, where = most_similar(unit_vectors(block), units)
        near: NDArray[np.bool_] = cosines[:, 0] >= threshold + doubt
        open_ = np.flatnonzero(~near & (cosines[:, 0] >= threshold - doubt))
        rows = directions_of(block[open_])
        # a copy is near the very target that was found; who is not may still be near another
        near[open_] = (
            np.einsum("ij,ij->i", rows, directions_of(targets[where[open_, 0]])) >= threshold - EQUAL
        )
        left = np.flatnonzero(~near[open_])
        if len(left):
            near[open_[left]] = largest_cosine(rows[left], directions_of(targets)) >= threshold - EQUAL
        return near

    return np.concatenate([np.zeros(0, dtype=bool), *map_blocks(work, range(0, len(embeddings), _BLOCK))])


def directions_of(embeddings: FloatArray) -> FloatArray:
    """(n, dim) float64 rows of length 1, whose products are cosines; rows of zeros stay so."""
    rows = embeddings.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    rows /= np.where(lengths == 0.0, 1.0, lengths)[:, None]
    return rows


def largest_cosine(rows: FloatArray, others: FloatArray) -> FloatArray:
    """(n,) the largest product of each row (n, dim) with any of the others (m, dim), -1 when there are none."""
    largest: FloatArray = np.full(len(rows), -1.0)
    if len(rows):
        for start in range(0, len(others), _TARGETS):
            np.maximum(largest, (rows @ others[start : start + _TARGETS].T).max(axis=1), out=largest)
    return largest
