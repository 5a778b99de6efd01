"""Learning curves over money: means, areas, what a target costs, and whether a difference is more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student
from scipy.stats import ttest_1samp, wilcoxon

FloatArray = NDArray[np.float64]

LEVEL = 0.95  # of intervals
_SAME = 1e-12  # differences below are rounding


@dataclass(frozen=True)
class Paired:
    """Differences to the yardstick over the seeds.

    Attributes:
        mean: of the differences.
        low: of its 95% interval (Student's t); -inf with a single seed.
        high: of the same.
        p: two-sided, of the paired t-test; 1 where it cannot be told.
        p_wilcoxon: of the signed-rank test, which assumes no normal distribution.
    """

    mean: float
    low: float
    high: float
    p: float
    p_wilcoxon: float

    @classmethod
    def of(cls, differences: Sequence[float] | FloatArray) -> "Paired":
        """The tests of paired differences, one a seed."""
        values = np.asarray(differences, dtype=np.float64)
        mean = float(values.mean())
        if len(values) < 2:
            return cls(mean, -np.inf, np.inf, 1.0, 1.0)
        if np.ptp(values) < _SAME:  # no spread at all: both tests divide by it
            p = 1.0 if abs(mean) < _SAME else 0.0
            return cls(mean, mean, mean, p, min(1.0, p + 2.0 ** (1 - len(values))))
        half = float(student.ppf((1 + LEVEL) / 2, len(values) - 1)) * float(
            values.std(ddof=1) / np.sqrt(len(values))
        )
        p, ranks = float(ttest_1samp(values, 0.0).pvalue), float(wilcoxon(values).pvalue)
        return cls(mean, mean - half, mean + half, p, ranks)


def holm(ps: Sequence[float]) -> list[float]:
    """P values corrected for how many there are (Holm 1979), in their order."""
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    corrected, largest = [1.0] * len(ps), 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(ps) - place) * ps[i]))
        corrected[i] = largest
    return corrected


def area(x: FloatArray, y: FloatArray, low: float, high: float) -> float:
    """Mean height of a curve between two places, straight lines between its points."""
    grid = np.concatenate(([low], x[(x > low) & (x < high)], [high]))
    return float(np.trapezoid(np.interp(grid, x, y), grid) / (high - low))


def rising(values: FloatArray) -> FloatArray:
    """The nearest curves that never fall: a noisy one reaches a target early by luck.

    Isotonic regression by its min-max formula (Barlow et al. 1972), for many short curves at once: the largest, over where
    a stretch begins, of the smallest, over where it ends, mean of a stretch that holds the point.

    Args:
        values: (..., n).

    Returns:
        The same shape; of all curves that never fall the one of least squares.
    """
    n = values.shape[-1]
    sums = np.concatenate((np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1)), axis=-1)
    begin, end = np.arange(n)[:, None], np.arange(n)[None, :]
    lengths = np.where(end >= begin, end - begin + 1, 1)
    means = (sums[..., None, 1:] - sums[..., :-1, None]) / lengths
    means = np.where(end >= begin, means, np.inf)
    least = np.flip(np.minimum.accumulate(np.flip(means, axis=-1), axis=-1), axis=-1)
    found: FloatArray = np.where(end >= begin, least, -np.inf).max(axis=-2)
    return found


def first_reach(x: FloatArray, rises: FloatArray, target: FloatArray | float) -> FloatArray:
    """Where rising curves reach a target, between two points in proportion; inf: nowhere.

    Args:
        x: (n,) ascending.
        rises: (..., n).
        target: (...) of each curve.
    """
    goal = np.asarray(target, dtype=np.float64)[..., None]
    there = rises >= goal - _SAME
    after = there.argmax(axis=-1)
    before = np.maximum(after - 1, 0)
    low, high = (np.take_along_axis(rises, i[..., None], axis=-1) for i in (before, after))
    share = np.divide(goal - low, high - low, out=np.ones_like(low), where=high - low > _SAME)[..., 0]
    found: FloatArray = x[before] + np.clip(share, 0.0, 1.0) * (x[after] - x[before])
    return np.where(there.any(axis=-1), found, np.inf)


@dataclass(frozen=True)
class Saving:
    """What random labels cost more for what both reach; of one pair of curves, or of many.

    Attributes:
        level: the metric that both reach: the lower of the two highest.
        money: micro-units that random labels take to it, less those of the strategy; negative: the strategy costs more.
        share: of what random labels take.
    """

    level: FloatArray
    money: FloatArray
    share: FloatArray


def saving(x: FloatArray, strategy: FloatArray, random: FloatArray) -> Saving:
    """Of mean curves (..., n) over the same money (n,), above 0."""
    ours, theirs = rising(strategy), rising(random)
    level = np.minimum(ours[..., -1], theirs[..., -1])
    yardstick = first_reach(x, theirs, level)
    money = yardstick - first_reach(x, ours, level)
    return Saving(level, money, money / yardstick)


def resampled(values: FloatArray, draws: NDArray[np.int64]) -> FloatArray:
    """(n_draws, n_points) mean curves over seeds drawn with replacement.

    Args:
        values: (n_seeds, n_points).
        draws: (n_draws, n_seeds) which seeds each draw takes; the same for everything that is compared.
    """
    mean: FloatArray = values[draws].mean(axis=1)
    return mean
