"""What k-center does row by row, in machine code. Inputs are finite: `row_squares` is where that is noticed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.compiled import njit

# Without "nnan" LLVM uses no vectors for a minimum of floats; numbers here are checked before.
_FAST = {"contract", "nsz", "arcp", "reassoc", "nnan"}


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
def row_squares(rows: NDArray[Any], out: NDArray[np.float64]) -> None:
    """Squared length of each row (n, dim), added up in float64; not finite where the row is not."""
    for i in range(len(rows)):
        total = 0.0
        for j in range(rows.shape[1]):
            number = np.float64(rows[i, j])
            total += number * number
        out[i] = total


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def lower_by_one(
    rows: NDArray[np.float32],
    row_square: NDArray[np.float32],
    center: NDArray[np.float32],
    center_square: np.float32,
    bound: NDArray[np.float32],
) -> None:
    """Lower squared distances to the nearest center by one more center: few rows, in the cache, need no BLAS.

    Args:
        rows: (n, dim).
        row_square: (n,) squared lengths of the rows.
        center: (dim,).
        center_square: its squared length.
        bound: (n,) squared distances; lowered in place, to 0 at the least.
    """
    for i in range(len(rows)):
        product = np.float32(0.0)
        for j in range(rows.shape[1]):
            product += rows[i, j] * center[j]
        squared = max(row_square[i] + center_square - np.float32(2.0) * product, np.float32(0.0))
        bound[i] = min(bound[i], squared)
