"""What is compared: the shipped forecast, its parts alone, and what others would draw through the points."""

from collections.abc import Callable
from functools import cache, partial

import numpy as np
from benchmarks.forecast.curves import FloatArray
from benchmarks.forecast.tasks import Task

from curator.evidence.forecast import core as forecast
from curator.evidence.forecast.core import LEVELS
from curator.evidence.forecast.families import Draws, draw, posterior
from curator.evidence.forecast.power_law import bootstrap, fit
from curator.evidence.forecast.seen import FURTHEST, Seen

# task -> {horizon: (len(LEVELS),) quantiles}; all levels alike where a method gives one number only
Method = Callable[[Task], dict[float, FloatArray]]
_N_DRAWS = 500


@cache
def make(task: Task) -> forecast.Forecast:
    """The shipped forecast of a task."""
    return forecast.predict(task.labels, task.values, task.n_holdout, list(task.at.values()))


def shipped(task: Task) -> dict[float, FloatArray]:
    """The forecast that `curator plan` shows."""
    return dict(zip(task.at, make(task).quantiles, strict=True))


def last_value(task: Task) -> dict[float, FloatArray]:
    """Nothing changes any more."""
    return {h: np.full(len(LEVELS), task.values[-1]) for h in task.at}


def power_law(task: Task) -> dict[float, FloatArray]:
    """One power law a - b n**-c with a <= 1 and b >= 0, least squares."""
    fitted = fit(task.labels / task.labels[-1], task.values[None])
    return {h: np.full(len(LEVELS), fitted.at(np.array([h]))[0, 0]) for h in task.at}


def _families(seen: Seen, x: FloatArray, rng: np.random.Generator) -> Draws:
    return draw(posterior(seen), x, _N_DRAWS, rng)


def _bootstrap(seen: Seen, x: FloatArray, rng: np.random.Generator) -> Draws:
    return bootstrap(seen, x, _N_DRAWS, rng)


def _member(
    drawn_from: Callable[[Seen, FloatArray, np.random.Generator], Draws], task: Task
) -> dict[float, FloatArray]:
    """A part of the forecast alone, with the noise that both of them get."""
    seen = Seen.of(task.labels, task.values, task.n_holdout)
    rng = np.random.default_rng([0, 61])
    grid = np.unique(np.r_[list(task.at), FURTHEST])
    drawn = drawn_from(seen, grid, rng)
    shared = np.sqrt(seen.shared_variance) * rng.standard_normal(_N_DRAWS)
    scatter = drawn.scatter[:, None] * rng.standard_normal(drawn.paths.shape)
    quantiles = np.quantile(np.clip(drawn.paths + shared[:, None] + scatter, 0, 1), LEVELS, axis=0).T
    return {h: quantiles[int(np.searchsorted(grid, h))] for h in task.at}


METHODS: dict[str, Method] = {
    "last value": last_value,
    "bounded power law": power_law,
    "its bootstrap": partial(_member, _bootstrap),
    "families": partial(_member, _families),
    "**curator plan**": shipped,
}
SHIPPED = "**curator plan**"
