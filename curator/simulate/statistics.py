"""Learning curves over money: means, areas, what a target costs, and whether a difference is more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student
from scipy.stats import ttest_1samp, wilcoxon
from sklearn.isotonic import isotonic_regression

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
    """The nearest curve that never falls (isotonic regression): a noisy one reaches a target early by luck."""
    return np.asarray(isotonic_regression(values), dtype=np.float64)


def first_reach(x: FloatArray, rises: FloatArray, target: float) -> float:
    """Where a rising curve reaches a target, between two points in proportion; inf: nowhere."""
    reached = np.flatnonzero(rises >= target - _SAME)
    if not len(reached):
        return np.inf
    i = int(reached[0])
    if i == 0 or rises[i] == rises[i - 1]:
        return float(x[i])
    share = (target - rises[i - 1]) / (rises[i] - rises[i - 1])
    return float(x[i - 1] + share * (x[i] - x[i - 1]))


@dataclass(frozen=True)
class Saving:
    """What random labels cost more for what both reach.

    Attributes:
        level: the metric that both reach: the lower of the two highest.
        money: micro-units that random labels take to it, less those of the strategy; negative: the strategy costs more.
        share: of what random labels take.
    """

    level: float
    money: float
    share: float


def saving(x: FloatArray, strategy: FloatArray, random: FloatArray) -> Saving:
    """Of two mean curves over the same money."""
    ours, theirs = rising(strategy), rising(random)
    level = float(min(ours[-1], theirs[-1]))
    needed, yardstick = first_reach(x, ours, level), first_reach(x, theirs, level)
    money = yardstick - needed
    return Saving(level, money, money / yardstick if yardstick > 0 else 0.0)


def resampled(values: FloatArray, draws: NDArray[np.int64]) -> FloatArray:
    """(n_draws, n_points) mean curves over seeds drawn with replacement.

    Args:
        values: (n_seeds, n_points).
        draws: (n_draws, n_seeds) which seeds each draw takes; the same for everything that is compared.
    """
    mean: FloatArray = values[draws].mean(axis=1)
    return mean
