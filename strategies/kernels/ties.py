"""What is equal to within rounding, and who then comes first: the same on every processor.

A matrix product adds up in another order on another processor, and the last bits of its sums differ. Where two values are
equal but for these bits, the bits must not decide. That is no rare accident: of two items that nothing but each other comes
near, each covers as much as the other, so their gains are the same sum of different roundings.

Values closer than `TELLABLE`, as a share of the largest, count as equal, and of equal ones the lowest position comes first.
Positions are those of the pool, whose order is fixed when items are added, wherever it is read later.
"""

import numpy as np

from strategies.kernels.types import FloatArray, IntArray

# 64 float32 roundings at 1: sums over some hundred columns were up to 20 of them apart between processors.
TELLABLE = 2.0**-17
# What neighbours in the order of scores are told apart by, where they are few: so little that only equal ones come as close.
_GAP = 2.0**-19
# A power of two that the largest value reaches but for rounding is reached: else rounding would halve or double the steps.
_NEXT_POWER = 1e-3


def levels(scores: FloatArray) -> IntArray:
    """Scores as whole numbers, so that what only rounding tells apart is equal.

    Scores that follow each other closely are one level. Where so many do that they add up to more than `TELLABLE`, as in a
    pool of millions, they are cut into steps of that size, with 0, 1 and 1/2 each in the middle of a step.

    Args:
        scores: (n,) not NaN; infinite ones come first and last.

    Returns:
        (n,) from 0 on, in the order of the scores. `TELLABLE` is meant of the largest finite magnitude, rounded up to a power
        of two.
    """
    if not len(scores):
        return np.zeros(0, dtype=np.int64)
    size = np.abs(scores)
    largest = float(size.max(initial=0.0, where=np.isfinite(size)))
    if largest > 0.0:
        exponent = int(np.ceil(np.log2(largest) - _NEXT_POWER))
        scores = np.ldexp(scores.astype(np.float64), -exponent)  # about 1 at most
    order = np.argsort(scores, kind="stable")
    ordered = np.clip(scores[order], -2.0, 2.0)
    apart = np.diff(ordered, prepend=ordered[0]) > _GAP
    begins = np.append(np.flatnonzero(apart), len(ordered))
    span = ordered[begins - 1] - ordered[np.append(0, begins[:-1])]
    step = np.where(span[np.cumsum(apart)] > TELLABLE, np.rint(ordered / TELLABLE), 0.0)
    found = np.empty(len(scores), dtype=np.int64)
    found[order] = np.cumsum(apart | (np.diff(step, prepend=step[0]) != 0.0))
    return found


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
    return first_and_largest(values)[0]


def first_and_largest(values: FloatArray) -> tuple[int, int]:
    """As `first_of_largest`, and the position of the largest itself: where values are bounds, these two have to be right."""
    largest = int(values.argmax())
    return int((values >= least_equal(float(values[largest]))).argmax()), largest


def likeliest(probs: FloatArray) -> IntArray:
    """(..., n) the class of the largest probability of (..., n, n_classes); of equal ones the first."""
    largest = probs.max(axis=-1, keepdims=True)
    return np.asarray((probs >= largest * probs.dtype.type(1.0 - TELLABLE)).argmax(axis=-1), dtype=np.int64)
