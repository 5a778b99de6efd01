"""What the scorers compute on a row of probabilities or logits, in machine code: checked and scored in one pass.

Division follows IEEE instead of raising (`error_model`), as a branch per division keeps LLVM from using vectors. The sums
may be reordered ("reassoc"), in one fixed way: a row scores the same wherever it stands and whatever runs beside it.
NaN is never assumed away, but for logits, whose rows are looked at before (`linear_head.check_lengths`).
"""

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload
from numpy.typing import NDArray

from strategies.kernels.compiled import njit

_FAST = {"contract", "nsz", "arcp", "reassoc"}
LANES = 16  # float32 numbers in the widest vector register
_TILE = 2_048  # numbers worked on at a time: they stay in the first-level cache

_LN2 = np.log(2.0)
_LN2_F32 = np.float32(_LN2)
_ROOT2 = np.float32(np.sqrt(2.0))
_LOG2_E_F32 = np.float32(1.0 / _LN2)
# ln 2 in two parts, of which the first has so few digits that its multiples are exact (Cody & Waite, 1980).
_LN2_HIGH_F32 = np.float32(0.693359375)
_LN2_LOW_F32 = np.float32(_LN2 - 0.693359375)
_SMALLEST_EXPONENT_F32 = np.float32(-87.0)


def natural_log(x: Any) -> Any:
    """Natural logarithm of a positive normal number; within 2 units in the last place.

    x = 2**k * m with m in [sqrt(1/2), sqrt(2)), log m = 2 artanh((m - 1) / (m + 1)) by its power series, which here needs
    4 terms in float32 and 11 in float64. math.log would be called number by number, 6 x slower.
    """
    return np.log(x)


@overload(natural_log, inline="always")
def _natural_log(x: Any) -> Any:
    if x == types.float32:

        def log_f32(x: Any) -> Any:
            bits = np.float32(x).view(np.int32)
            k = np.float32(np.int32(bits >> np.int32(23))) - np.float32(127.0)
            m = np.int32((bits & np.int32(0x7FFFFF)) | np.int32(0x3F800000)).view(np.float32)
            upper = m > _ROOT2
            m = m * np.float32(0.5) if upper else m
            k = k + np.float32(1.0) if upper else k
            s = (m - np.float32(1.0)) / (m + np.float32(1.0))
            z = s * s
            series = np.float32(1 / 3) + z * (
                np.float32(1 / 5) + z * (np.float32(1 / 7) + z * np.float32(1 / 9))
            )
            return k * _LN2_F32 + np.float32(2.0) * s * (np.float32(1.0) + z * series)

        return log_f32

    def log_f64(x: Any) -> Any:
        bits = np.float64(x).view(np.int64)
        k = np.float64(bits >> 52) - 1023.0
        m = np.int64((bits & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000).view(np.float64)
        upper = m > _ROOT2
        m = m * 0.5 if upper else m
        k = k + 1.0 if upper else k
        s = (m - 1.0) / (m + 1.0)
        z = s * s
        low = 1 / 13 + z * (1 / 15 + z * (1 / 17 + z * (1 / 19 + z * (1 / 21 + z * (1 / 23)))))
        series = 1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + z * low))))
        return k * _LN2 + 2.0 * s * (1.0 + z * series)

    return log_f64


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def entropy_rows(
    probs: NDArray[Any], bits: NDArray[Any], tiny: Any, tolerance: Any, out: NDArray[Any]
) -> bool:
    """Entropy of each row, nats.

    Args:
        probs: (n, classes) float32 or float64, contiguous.
        bits: the same memory as whole numbers of the same size: they have the same sign.
        tiny: the smallest normal number; it stands in for 0 inside the logarithm only, as 0 times its finite log is 0.
        tolerance: how far the sum of a row may be from 1.
        out: (n,) gets the scores.

    Returns:
        False when a row may not be probabilities; -0.0 is such a false alarm.
    """
    zero = probs.dtype.type(0)  # a plain 0 would turn float32 sums into float64
    n, classes = probs.shape
    step = max(1, _TILE // classes)
    terms = np.empty(step * classes, dtype=probs.dtype)
    right = True
    for first in range(0, n, step):
        rows = min(step, n - first)
        flat = probs[first : first + rows].reshape(-1)
        flat_bits = bits[first : first + rows].reshape(-1)
        smallest = bits.dtype.type(0)
        for i in range(rows * classes):
            p = flat[i]
            terms[i] = p * natural_log(p if p > tiny else tiny)  # noqa: FURB136  max() of NaN is not a vector operation
            smallest = flat_bits[i] if flat_bits[i] < smallest else smallest  # noqa: FURB136
        right &= smallest >= 0
        for row in range(rows):
            total, negative = zero, zero
            for column in range(classes):  # counted from 0: with other bounds LLVM uses no vectors
                total += flat[row * classes + column]
                negative += terms[row * classes + column]
            # Rounding can leave -1e-7 for a certain prediction, and negative entropy does not exist.
            out[first + row] = -negative if negative < 0 else 0
            right &= abs(total - 1) <= tolerance
    return right


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def top_two_rows(
    probs: NDArray[Any],
    row: NDArray[Any],
    row_bits: NDArray[Any],
    tolerance: Any,
    best: NDArray[Any],
    second: NDArray[Any],
) -> bool:
    """The two largest probabilities of each row.

    Args:
        probs: (n, classes) float32 or float64, contiguous.
        row: (classes rounded up to whole vectors,) zeros: room for one row, so that no loop has a rest.
        row_bits: the memory of `row` as whole numbers of the same size: they have the same sign and, where it is
            positive, the same order, and unlike the maximum of floats that of whole numbers is a vector operation.
        tolerance: how far the sum of a row may be from 1.
        best: (n,) gets the largest.
        second: (n,) gets the second largest, equal to the largest in a tie.

    Returns:
        False when a row may not be probabilities; -0.0 is such a false alarm.
    """
    zero, one = probs.dtype.type(0), probs.dtype.type(1)  # plain 0 and 1 would turn float32 sums into float64
    nothing = row_bits.dtype.type(0)
    n, classes = probs.shape
    width = len(row)
    right = True
    for i in range(n):
        row[:classes] = probs[i]
        total, top, smallest = zero, nothing, nothing
        for j in range(width):
            total += row[j]
            top = row_bits[j] if row_bits[j] > top else top  # noqa: FURB136
            smallest = row_bits[j] if row_bits[j] < smallest else smallest  # noqa: FURB136
        winners, runner_up = zero, nothing
        for j in range(width):
            winners += one if row_bits[j] == top else zero
            below = row_bits[j] if row_bits[j] < top else nothing
            runner_up = below if below > runner_up else runner_up  # noqa: FURB136
        right &= (abs(total - one) <= tolerance) & (smallest >= nothing)
        row_bits[0] = top
        best[i] = row[0]
        row_bits[0] = top if winners > one else runner_up
        second[i] = row[0]
    return right


@njit(nogil=True, error_model="numpy", fastmath={*_FAST, "nnan"}, cache=True)
def _largest(logits: NDArray[np.float32]) -> Any:
    """The largest of a row; a vector operation only because NaN may be taken for anything."""
    top = np.float32(-np.inf)
    for j in range(len(logits)):
        top = logits[j] if logits[j] > top else top  # noqa: FURB136
    return top


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def softmax_scores(
    logits: NDArray[np.float32],
    tail: NDArray[np.float32],
    exps: NDArray[np.float32],
    bits: NDArray[np.int32],
    entropy: NDArray[np.float32],
    best: NDArray[np.float32],
    second: NDArray[np.float32],
) -> None:
    """Entropy and the two largest probabilities of the softmax of each row, without a logarithm per class.

    With d = logit - largest logit and T = sum exp d, the entropy is log T - sum(d exp d) / T.

    Args:
        logits: (n, width) finite, contiguous, width a multiple of 16; overwritten.
        tail: (width,) added to each row: the bias, and a very low number where a column is no class.
        exps: (tile,) room for the exponentials of some rows, at least one.
        bits: the memory of `exps` as whole numbers, which keep the order of numbers that are not negative.
        entropy: (n,) gets the entropy, nats.
        best: (n,) gets the largest probability.
        second: (n,) gets the second largest, equal in a tie.
    """
    zero, one = np.float32(0.0), np.float32(1.0)
    nothing = bits.dtype.type(0)
    n, width = logits.shape
    step = len(exps) // width
    for first in range(0, n, step):
        rows = min(step, n - first)
        for row in range(rows):
            here = logits[first + row]
            for j in range(width):
                here[j] += tail[j]
            largest = _largest(here)
            for j in range(width):
                here[j] -= largest
        flat = logits[first : first + rows].reshape(-1)
        for i in range(rows * width):
            d = flat[i] if flat[i] > _SMALLEST_EXPONENT_F32 else _SMALLEST_EXPONENT_F32  # noqa: FURB136
            k = np.int32(d * _LOG2_E_F32 - np.float32(0.5))  # towards zero: the nearest whole number
            power = np.float32(k)
            r = (d - power * _LN2_HIGH_F32) - power * _LN2_LOW_F32
            high = np.float32(1 / 24) + r * (np.float32(1 / 120) + r * np.float32(1 / 720))
            series = one + r * (one + r * (np.float32(1 / 2) + r * (np.float32(1 / 6) + r * high)))
            exps[i] = series * np.int32((k + np.int32(127)) << np.int32(23)).view(np.float32)
            flat[i] = d * exps[i]
        for row in range(rows):
            start = row * width
            total, spread = zero, zero
            winners, runner_up = zero, nothing
            for j in range(width):
                total += exps[start + j]
                spread += flat[start + j]
                # exp gives exactly 1 for the largest
                winners += one if exps[start + j] == one else zero
                below = bits[start + j] if exps[start + j] < one else nothing
                runner_up = below if below > runner_up else runner_up  # noqa: FURB136
            entropy[first + row] = np.log(total) - spread / total
            best[first + row] = one / total
            bits[start] = runner_up
            second[first + row] = one / total if winners > one else exps[start] / total
