"""What past curves did from here: the error at 1.5, 2 and 4 times the labels, regressed on features of the rounds seen.

By horizon, a ridge regression of the logarithm of (error then / error now), a second one of how far it missed, and the
quantiles of the misses. Fitted to simulated campaigns by `tests/benchmarks/forecast/learn.py`, some of them flattened, so that
level curves are known too. On data unlike those it can be far off: it counts as much as the families, not more; it starts
where they are now, and beyond four times the labels it goes on as they do.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.evidence.forecast.families import Draws
from curator.evidence.forecast.seen import HORIZONS, LEAST_ERROR, Seen

FloatArray = NDArray[np.float64]
# Of the quantiles that are kept of the misses.
LEVELS = np.r_[0.005, 0.01, 0.025, np.linspace(0.05, 0.95, 19), 0.975, 0.99, 0.995]
N_FEATURES = 10
_LEAST_GAP = 0.01  # to a metric of 1, that a gain is divided by
_SMALLEST = 1e-6  # error that a curve may have
_LEAST_LEFT = 0.25  # of the variance, when the scatter of single trainings is taken off
_FURTHEST = 3.0  # standard deviations from the mean of past curves: a feature further out counts as this far
_DIGITS = 6


@dataclass(frozen=True)
class Regression:
    """One horizon's.

    Attributes:
        centre, spread: (N_FEATURES,) means and standard deviations of the features.
        mean: (1 + N_FEATURES,) intercept and coefficients of log (error then / error now).
        scale: (1 + N_FEATURES,) those of the logarithm of the size of its misses.
        misses: (len(LEVELS),) quantiles of miss / size, rising.
    """

    centre: FloatArray
    spread: FloatArray
    mean: FloatArray
    scale: FloatArray
    misses: FloatArray

    def log_ratio(self, found: FloatArray, levels: FloatArray) -> FloatArray:
        """(len(levels),) quantiles of log (error then / error now)."""
        row = design(found[None], self.centre, self.spread)[0]
        quantiles: FloatArray = row @ self.mean + np.exp(row @ self.scale) * np.interp(
            levels, LEVELS, self.misses
        )
        return quantiles


PastCurves = dict[float, Regression]  # by horizon


def design(found: FloatArray, centre: FloatArray, spread: FloatArray) -> FloatArray:
    """(n, 1 + N_FEATURES) what coefficients are multiplied with, of features (n, N_FEATURES)."""
    standard = np.clip((found - centre) / spread, -_FURTHEST, _FURTHEST)
    return np.column_stack((np.ones(len(found)), standard))


def features(seen: Seen) -> FloatArray:
    """(N_FEATURES,) of the rounds seen; log labels are 0 now.

    Slope of the log error over all rounds; slope now and bend of a parabola; slope of the later half; slope of the metric as a
    share of the error; log error now; scatter about the line; log of labels now over those of the first round; what the line
    is above the log error now; log of the noise that the hold-out puts on it.
    """
    x = np.log(seen.relative)
    logs, now = _log_errors_seen(seen), log_error_now(seen)
    start, slope = _line(x, logs)
    parabola = np.column_stack((np.ones(len(x)), x, np.square(x)))
    _, slope_now, bend = np.linalg.solve(parabola.T @ parabola + np.diag([0.0, 0.0, 0.05]), parabola.T @ logs)
    late = max(len(x) // 2, 2)
    scatter = np.sqrt(np.square(logs - start - slope * x).mean())
    gain = _line(x, seen.values)[1] / max(1.0 - seen.values[-2:].mean(), _LEAST_GAP)
    noise = 0.5 * np.log((1.0 - np.exp(now)) / (np.exp(now) * seen.n_holdout))
    return np.array(
        [slope, slope_now, bend, _line(x[-late:], logs[-late:])[1], gain, now, scatter, -x[0], start - now, noise]
    )  # fmt: skip


def log_error_now(seen: Seen) -> float:
    """The logarithm of the error of the last two rounds, never quite 0."""
    return float(_log_errors_seen(seen)[-2:].mean())


def _log_errors_seen(seen: Seen) -> FloatArray:
    return np.asarray(np.log(np.maximum(1.0 - seen.smoothed, LEAST_ERROR)))


def go_on(seen: Seen, past: PastCurves, families: Draws, x: FloatArray) -> Draws:
    """Curves as past ones went on; rows are quantiles, lowest first.

    Up to the first horizon they come from where the families are now; beyond the last, and to their limits, they lose error in
    the proportion of the families' curve of the same rank.

    Args:
        seen: the rounds.
        past: the regressions.
        families: curves along `x`, the error that the hold-out has in all rounds alike among them.
        x: times the labels now, rising; 1 and the last horizon are among them.
    """
    levels = (np.arange(len(families.paths)) + 0.5) / len(families.paths)
    others = _log_errors(np.sort(families.paths, axis=0))
    start, last = others[:, x.tolist().index(1.0)], others[:, x.tolist().index(HORIZONS[-1])]
    found, now = features(seen), np.median(start)
    # the lowest metric is the highest error
    reached = [1.0 - np.exp(now + past[h].log_ratio(found, 1.0 - levels)) for h in HORIZONS]
    anchors = [start, *(_log_errors(_without_scatter(values, families.scatter)) for values in reached)]
    marks = np.log([1.0, *HORIZONS])
    logs = np.empty_like(others)
    for column, place in enumerate(np.log(x)):
        if place <= marks[-1]:
            k = int(np.clip(np.searchsorted(marks, place), 1, len(marks) - 1))
            share = (place - marks[k - 1]) / (marks[k] - marks[k - 1])
            logs[:, column] = (1.0 - share) * anchors[k - 1] + share * anchors[k]
        else:
            logs[:, column] = anchors[-1] + others[:, column] - last
    limits = anchors[-1] + _log_errors(np.sort(families.limits)) - last
    return Draws(np.sort(1.0 - np.exp(logs), axis=0), np.sort(1.0 - np.exp(limits)), families.scatter)


def _log_errors(values: FloatArray) -> FloatArray:
    return np.asarray(np.log(np.maximum(1.0 - values, _SMALLEST)))


def _without_scatter(values: FloatArray, scatter: FloatArray) -> FloatArray:
    """Past curves were held against single trainings: what these scatter is taken off the spread about the median."""
    left = max(1.0 - np.square(scatter).mean() / max(values.var(), 1e-12), _LEAST_LEFT)
    middle = np.median(values)
    return np.asarray(middle + np.sqrt(left) * (values - middle))


def past_from(table: dict[str, Any]) -> PastCurves:
    """As it is written: by horizon, the fields of a `Regression`."""
    return {
        float(horizon): Regression(
            **{name: np.array(values, dtype=np.float64) for name, values in row.items()}
        )
        for horizon, row in table.items()
    }


def as_table(past: PastCurves) -> dict[str, Any]:
    """The inverse of `past_from`, to six digits."""
    return {
        f"{horizon:g}": {name: np.round(values, _DIGITS).tolist() for name, values in vars(row).items()}
        for horizon, row in past.items()
    }


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Value at 0 and slope of the least-squares line."""
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    return float(y.mean() - slope * x.mean()), slope
