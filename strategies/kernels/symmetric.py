"""Something of all pairs of rows that is the same both ways: one half is computed, on all cores."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.parallel import map_blocks

Float32 = NDArray[np.float32]

_TILE = 512  # rows that one thread computes; in tiles of this size the other half is filled in


def symmetric_matrix(rows: Float32, finish: Callable[[Float32, int], object]) -> Float32:
    """Inner products of all pairs, and what `finish` makes of them.

    Args:
        rows: (n, dim).
        finish: (products of some rows with all from the first of them on, position of that row): changes them in place; it
            has to treat a pair the same both ways.

    Returns:
        (n, n), the same on any number of threads.
    """
    n = len(rows)
    matrix = np.empty((n, n), dtype=np.float32)

    def work(start: int) -> None:
        stop = min(start + _TILE, n)
        part = matrix[start:stop, start:]
        np.matmul(rows[start:stop], rows[start:].T, out=part)
        finish(part, start)
        for low in range(stop, n, _TILE):  # tiles stay in cache: a transposed copy jumps from row to row
            matrix[low : low + _TILE, start:stop] = part[:, low - start : low - start + _TILE].T

    for _ in map_blocks(work, range(0, n, _TILE)):
        pass
    return matrix
