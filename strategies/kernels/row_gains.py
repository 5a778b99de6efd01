"""How much rows of similarities would add to what is covered, in machine code."""

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.compiled import njit
from strategies.kernels.types import IntArray


# Sums may be reordered, in one fixed way: a row gains the same whatever is computed beside it.
@njit(cache=True, fastmath={"contract", "nsz", "reassoc"})
def row_gains(
    kernel: NDArray[np.float32], rows: IntArray, covered: NDArray[np.float32], gains: NDArray[np.float64]
) -> None:
    """Sum of max(0, kernel[row] - covered) of some rows.

    Args:
        kernel: (candidates, targets) similarities.
        rows: (m,) which rows.
        covered: (targets,) similarity so far.
        gains: (m,) written to.
    """
    for i in range(len(rows)):
        line = kernel[rows[i]]
        total = 0.0
        for t in range(len(covered)):
            total += max(line[t] - covered[t], np.float32(0.0))
        gains[i] = total
