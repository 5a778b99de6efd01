"""What k-center does with matrix products, in machine code. Inputs are finite: `row_squares` is where that is noticed."""

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
def lower_bounds(
    products: NDArray[np.float32],
    row_square: NDArray[np.float32],
    center_square: NDArray[np.float32],
    bound: NDArray[np.float32],
) -> None:
    """Lower squared distances to the nearest center by some more centers.

    Args:
        products: (n, m) scalar products of rows and centers.
        row_square: (n,) squared lengths of the rows.
        center_square: (m,) squared lengths of the centers.
        bound: (n,) squared distances; lowered in place, to 0 at the least.
    """
    for i in range(len(products)):
        nearest = np.float32(np.inf)
        for j in range(products.shape[1]):
            gap = center_square[j] - np.float32(2.0) * products[i, j]
            nearest = gap if gap < nearest else nearest  # noqa: FURB136  min() is not a vector operation
        squared = max(nearest + row_square[i], np.float32(0.0))
        bound[i] = min(bound[i], squared)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def lower_by_one(
    rows: NDArray[np.float32],
    row_square: NDArray[np.float32],
    center: NDArray[np.float32],
    center_square: np.float32,
    bound: NDArray[np.float32],
) -> None:
    """The same for one center (dim,), products included: rows (n, dim) in the cache need no BLAS."""
    for i in range(len(rows)):
        product = np.float32(0.0)
        for j in range(rows.shape[1]):
            product += rows[i, j] * center[j]
        squared = max(row_square[i] + center_square - np.float32(2.0) * product, np.float32(0.0))
        bound[i] = min(bound[i], squared)
