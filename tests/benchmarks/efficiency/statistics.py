"""What the curves are worth: areas, label savings, and whether a difference is more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit
from scipy.stats import ttest_1samp
from sklearn.isotonic import IsotonicRegression

FloatArray = NDArray[np.float64]


def area(labels: Sequence[float], values: Sequence[float], low: float = 0.0, high: float = 1.0) -> float:
    """The mean height of a curve over a part of its label range (the whole: AULC), straight lines between the points.

    Args:
        labels: ascending, at least two.
        values: as many.
        low: where the part begins, as a share of the range.
        high: where it ends, above `low`.
    """
    x, y = np.asarray(labels, dtype=float), np.asarray(values, dtype=float)
    begin, end = x[0] + low * (x[-1] - x[0]), x[0] + high * (x[-1] - x[0])
    inside = x[(x > begin) & (x < end)]
    grid = np.concatenate(([begin], inside, [end]))
    return float(np.trapezoid(np.interp(grid, x, y), grid) / (end - begin))


@dataclass(frozen=True)
class PowerLaw:
    """An accuracy that rises as `top - drop * (labels / first) ** -rate`.

    Attributes:
        error: root mean square distance of the points it was fitted to, in the unit of the accuracy.
    """

    first: float
    top: float
    drop: float
    rate: float
    error: float

    def at(self, labels: float) -> float:
        """The accuracy with so many labels."""
        return self.top - self.drop * (labels / self.first) ** -self.rate

    @classmethod
    def fit(cls, labels: Sequence[float], accuracy: Sequence[float]) -> "PowerLaw":
        """Least squares, with `top` up to 1.2: a law that is still rising at the last point may aim above 1.

        Raises:
            ValueError: fewer than four points, or none was found.
        """
        x, y = np.asarray(labels, dtype=float), np.asarray(accuracy, dtype=float)
        if len(x) < 4:
            raise ValueError(f"{len(x)} points do not determine a power law; it takes four.")

        def law(n: FloatArray, top: float, drop: float, rate: float) -> FloatArray:
            return top - drop * n**-rate

        start = (min(y[-1] + 0.01, 1.2), float(np.clip(y[-1] - y[0], 0.0, 1.5)), 0.5)
        try:
            found, _ = curve_fit(
                law, x / x[0], y, p0=start, bounds=([0, 0, 0.02], [1.2, 1.5, 4]), maxfev=20_000
            )
        except RuntimeError as exc:
            raise ValueError("no power law fits the curve of random labels.") from exc
        error = float(np.sqrt(np.mean((law(x / x[0], *found) - y) ** 2)))
        return cls(float(x[0]), *(float(value) for value in found), error)


def labels_needed(goal: float, labels: Sequence[float], accuracy: Sequence[float]) -> float | None:
    """With how many labels a mean curve reaches an accuracy; the curve is made to rise first (isotonic regression).

    Returns:
        Labels, between two points in proportion; the first number of labels when that suffices; None: not reached.
    """
    x = np.asarray(labels, dtype=float)
    rising = IsotonicRegression().fit_transform(x, np.asarray(accuracy, dtype=float))
    reached = np.flatnonzero(rising >= goal)
    if not len(reached):
        return None
    i = int(reached[0])
    return float(x[0]) if i == 0 else float(np.interp(goal, rising[i - 1 : i + 1], x[i - 1 : i + 1]))


def paired_t(differences: Sequence[float]) -> float:
    """The two-sided p value of the paired t-test that the mean of these differences is 0; 1 when it cannot be told."""
    values = np.asarray(differences, dtype=float)
    if len(values) < 2 or not values.any():
        return 1.0
    if np.ptp(values) == 0:
        return 0.0
    return float(ttest_1samp(values, 0.0).pvalue)


def verdict(differences: Sequence[float], level: float = 0.05) -> str:
    """ "win", "tie" or "loss": the sign of the mean where the paired t-test tells it from 0, uncorrected."""
    if paired_t(differences) >= level:
        return "tie"
    return "win" if float(np.mean(differences)) > 0 else "loss"
