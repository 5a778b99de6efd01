"""What is equal to within rounding, and who then comes first: the same on every processor.

A matrix product adds up in another order on another processor, and the last bits of its sums differ. Where two values are
equal but for these bits, the bits must not decide. That is no rare accident: of two items that nothing but each other comes
near, each covers as much as the other, so their gains are the same sum of different roundings.

Values closer than `TELLABLE`, as a share of the largest, count as equal, and of equal ones the lowest position comes first.
Positions are those of the pool, whose order is fixed when items are added, wherever it is read later.
"""

import numpy as np
from numpy.typing import NDArray

from strategies._types import FloatArray, IntArray

# 64 float32 roundings at 1: sums over some hundred columns were up to 20 of them apart between processors.
TELLABLE = 2.0**-17
# A power of two that the largest value reaches but for rounding is reached: else rounding would halve or double the steps.
_NEXT_POWER = 1e-3


def levels(scores: FloatArray) -> IntArray:
    """Scores in whole steps, so that what rounding tells apart is equal.

    Args:
        scores: (n,) not NaN; infinite ones come first and last, and set no step.

    Returns:
        (n,) in the order of the scores. A step is `TELLABLE` of the largest magnitude, rounded up to a power of two, so
        that 0, 1 and 1/2 are each in the middle of a step.
    """
    size = np.abs(scores)
    largest = float(size.max(initial=0.0, where=np.isfinite(size)))
    if largest > 0.0:
        exponent = int(np.ceil(np.log2(largest) - _NEXT_POWER))
        scores = np.ldexp(scores.astype(np.float64), -exponent)  # about 1 at most
    return np.rint(np.clip(scores, -2.0, 2.0) / TELLABLE).astype(np.int64)


def ranking(scores: FloatArray) -> IntArray:
    """(n,) all positions, the highest score first; of equal ones (see `levels`) the lowest position first."""
    return np.argsort(-levels(scores), kind="stable").astype(np.int64)


def least_equal(largest: float) -> float:
    """The smallest value that is equal to the largest but for rounding."""
    return largest - TELLABLE * abs(largest)


def first_of_largest(values: FloatArray) -> int:
    """The lowest position among those of the largest value.

    Args:
        values: (n,) at least one.
    """
    return int((values >= least_equal(float(values.max()))).argmax())


def likeliest(probs: FloatArray) -> NDArray[np.intp]:
    """(..., n) the class of the largest probability of (..., n, n_classes); of equal ones the first."""
    largest = probs.max(axis=-1, keepdims=True)
    return np.asarray((probs >= largest * probs.dtype.type(1.0 - TELLABLE)).argmax(axis=-1))
