"""The quantities that scorers are made of, per row of probabilities; every number is checked as it is read."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from strategies.kernels.checks import SUM_TOLERANCE, check_prob_shape, refuse_bad_rows
from strategies.kernels.row_kernels import LANES, entropy_rows, top_two_rows
from strategies.kernels.types import FloatArray

_BLOCK_ROWS = 8_192


def entropies(probs: FloatArray) -> FloatArray:
    """(n,) entropy of each row of probabilities (n, classes), nats.

    Raises:
        StrategyInputError: fewer than two classes, or a row that is not a probability vector.
    """
    check_prob_shape(probs)
    out = np.empty(len(probs), dtype=np.result_type(probs, np.float32))
    for rows, block in plain_blocks(probs):
        number = block.dtype.type
        bits = block.view(f"i{block.itemsize}")
        if not entropy_rows(block, bits, np.finfo(block.dtype).tiny, number(SUM_TOLERANCE), out[rows]):
            refuse_bad_rows(probs)
    return out


def top_two(probs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(n,) the largest and (n,) the second largest of each row of probabilities (n, classes); equal in a tie.

    Raises:
        StrategyInputError: fewer than two classes, or a row that is not a probability vector.
    """
    check_prob_shape(probs)
    best = np.empty(len(probs), dtype=np.result_type(probs, np.float32))
    second = np.empty_like(best)
    row = np.zeros(-(-probs.shape[1] // LANES) * LANES, dtype=best.dtype)
    bits = row.view(f"i{row.itemsize}")
    for rows, block in plain_blocks(probs):
        if not top_two_rows(block, row, bits, row.dtype.type(SUM_TOLERANCE), best[rows], second[rows]):
            refuse_bad_rows(probs)
    return best, second


def plain(array: FloatArray) -> FloatArray:
    """An array in the form that the kernels are compiled for, copied only where it differs.

    Args:
        array: of any float type and layout.

    Returns:
        float32 or float64 (float16 is widened: its logarithms would be worthless), contiguous, aligned, read-only.
    """
    view = np.require(array, dtype=_plain_dtype(array), requirements=["C", "A"]).view()
    view.flags.writeable = False
    return view


def plain_blocks(array: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
    """Walk over rows in `plain` form: in one block, or in small ones where they need copying."""
    as_is = array.dtype == _plain_dtype(array) and array.flags.c_contiguous and array.flags.aligned
    step = max(1, len(array)) if as_is else _BLOCK_ROWS
    for start in range(0, len(array), step):
        rows = slice(start, min(start + step, len(array)))
        yield rows, plain(array[rows])


def _plain_dtype(array: FloatArray) -> type[np.floating[Any]]:
    return np.float64 if array.dtype.itemsize > 4 else np.float32
