"""How good forecasts were: per data set, then the mean over data sets, each of which counts the same."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from benchmarks.forecast.curves import FloatArray
from benchmarks.forecast.methods import Method, make
from benchmarks.forecast.tasks import Task

from curator.evidence.forecast.core import LEVELS

_FINE = np.linspace(0.005, 0.995, 100)


@dataclass(frozen=True)
class Score:
    """Means; points of the metric, and shares in percent.

    Attributes:
        forecasts: how many.
        error: of the median, absolute.
        bias: of the median.
        hits50, hits80, hits95: how often the interval of that content holds the truth.
        width80: of the 80 % interval.
        crps: continuous ranked probability score; the absolute error for a method with one number.
    """

    forecasts: float
    error: float
    bias: float
    hits50: float
    hits80: float
    hits95: float
    width80: float
    crps: float


@dataclass(frozen=True)
class Reach:
    """Labels to the accuracy that is really reached at twice the labels: shares in percent.

    Attributes:
        forecasts: how many.
        within: predicted within a factor 1.5 of the truth; the prediction is `LabelsTo.likely`.
        within_median: the same of `LabelsTo.median`.
        never: wrongly called out of reach.
        open_median: more likely than not beyond 8 times the labels, wrongly.
        holds: the 80 % range holds the truth.
        open: its upper end is open.
    """

    forecasts: float
    within: float
    within_median: float
    never: float
    open_median: float
    holds: float
    open: float


def score_method(method: Method, tasks: Sequence[Task]) -> dict[float, dict[str, Score]]:
    """Horizon -> data set -> score."""
    rows: dict[float, dict[str, list[tuple[FloatArray, float]]]] = {}
    for task in tasks:
        for horizon, quantiles in method(task).items():
            of_set = rows.setdefault(horizon, {}).setdefault(task.dataset, [])
            of_set.append((quantiles, task.truths[horizon]))
    return {
        horizon: {name: _score(pairs) for name, pairs in sorted(by_set.items())}
        for horizon, by_set in sorted(rows.items())
    }


def _score(pairs: Sequence[tuple[FloatArray, float]]) -> Score:
    quantiles = np.array([q for q, _ in pairs])
    truth = np.array([t for _, t in pairs])
    at = {level: quantiles[:, place] for place, level in enumerate(LEVELS)}

    def hits(low: float, high: float) -> float:
        return 100.0 * float(np.mean((truth >= at[low]) & (truth <= at[high])))

    fine = np.array([np.interp(_FINE, LEVELS, row) for row in quantiles])
    off = truth[:, None] - fine
    pinball = 2.0 * np.where(off >= 0, _FINE * off, (_FINE - 1.0) * off)
    return Score(
        forecasts=len(pairs),
        error=100.0 * float(np.abs(at[0.5] - truth).mean()),
        bias=100.0 * float((at[0.5] - truth).mean()),
        hits50=hits(0.25, 0.75),
        hits80=hits(0.1, 0.9),
        hits95=hits(0.025, 0.975),
        width80=100.0 * float((at[0.9] - at[0.1]).mean()),
        crps=100.0 * float(pinball.mean()),
    )


def score_reach(tasks: Sequence[Task]) -> dict[str, Reach]:
    """Data set -> how well the shipped forecast says how many labels the accuracy at 2x takes."""
    rows: dict[str, list[list[float]]] = {}
    for task in tasks:
        if 2.0 not in task.truths:
            continue
        found, true = make(task).labels_to(task.truths[2.0]), task.at[2.0]
        low, high = found.low or np.inf, found.high or np.inf
        rows.setdefault(task.dataset, []).append(
            [
                _close(found.likely, true),
                _close(found.median, true),
                float(found.unreachable),
                float(found.median is None),
                float(low <= true <= high),
                float(found.high is None),
            ]
        )
    return {
        name: Reach(len(values), *(100.0 * np.mean(values, axis=0)).tolist())
        for name, values in sorted(rows.items())
    }


def _close(predicted: float | None, true: float) -> float:
    return float(predicted is not None and true / 1.5 <= predicted <= true * 1.5)


Kind = TypeVar("Kind", Score, Reach)


def mean_over_sets(by_set: dict[str, Kind]) -> Kind:
    """Every data set counts the same; forecasts are added up."""
    scores = list(by_set.values())
    means = {f.name: float(np.mean([getattr(s, f.name) for s in scores])) for f in fields(scores[0])}
    means["forecasts"] = sum(s.forecasts for s in scores)
    return type(scores[0])(**means)
