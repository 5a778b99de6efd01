"""Rows of unit length, for every encoder alike."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from integrations.encoders.protocol import FloatArray


def unit_rows(rows: NDArray[np.floating[Any]]) -> tuple[FloatArray, int]:
    """Scale each row to length 1.

    Args:
        rows: (n, dim) finite numbers of any float type.

    Returns:
        (n, dim) float32, and how many rows are all zero (they stay zero). A row is divided by its largest
        entry first, so that neither 1e300 nor 1e-300 is lost on the way to float32.
    """
    wide = rows.astype(np.float32) if rows.dtype == np.float16 else rows
    largest = np.abs(wide).max(axis=1, keepdims=True, initial=0.0)
    zero = largest == 0
    scaled = (wide / np.where(zero, 1, largest)).astype(np.float32)
    scaled /= np.where(zero, 1, np.sqrt(np.einsum("ij,ij->i", scaled, scaled))[:, None])
    return scaled, int(zero.sum())
