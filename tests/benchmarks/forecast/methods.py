"""What is compared: the shipped forecast, its parts alone, and what others would draw through the points."""

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
from benchmarks.forecast.curves import FloatArray
from benchmarks.forecast.power_law import bootstrap, fit
from benchmarks.forecast.tasks import Task

from curator.evidence.forecast import core as forecast
from curator.evidence.forecast.core import LEVELS
from curator.evidence.forecast.families import draw, posterior
from curator.evidence.forecast.learnt import Learnt, learnt_from
from curator.evidence.forecast.learnt import shipped as shipped_with_the_package
from curator.evidence.forecast.past_curves import features, log_error_now
from curator.evidence.forecast.prior import vague_prior
from curator.evidence.forecast.seen import Seen

# task -> {horizon: (len(LEVELS),) quantiles}; all levels alike where a method gives one number only
Method = Callable[[Task], dict[float, FloatArray]]
_LEFT_OUT = Path(__file__).with_name("left_out.json")
_N_DRAWS = 500


@cache
def _left_out() -> dict[str, Learnt]:
    return {
        name: learnt_from(table) for name, table in json.loads(_LEFT_OUT.read_text(encoding="utf-8")).items()
    }


def is_known(dataset: str) -> bool:
    """Whether what is shipped was learnt on this set, too: then it is judged with what was learnt without it."""
    return dataset in _left_out()


def _learnt_for(dataset: str) -> Learnt:
    return _left_out().get(dataset) or shipped_with_the_package()


def make(task: Task) -> forecast.Forecast:
    """The shipped forecast of a task."""
    return forecast.predict(
        task.labels,
        task.values,
        task.n_holdout,
        list(task.at.values()),
        learnt=_learnt_for(task.dataset),
    )


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


def _member(kind: str, task: Task) -> dict[float, FloatArray]:
    """A part of the forecast alone, with the noise that all of them get, and no correction of the width."""
    seen = Seen.of(task.labels, task.values, task.n_holdout)
    rng = np.random.default_rng([0, 61])
    x = np.array(list(task.at))
    grid = np.unique(np.r_[x, 4.0])
    if kind == "power":
        drawn = bootstrap(seen, grid, _N_DRAWS, rng)
    else:
        prior = vague_prior() if kind == "vague" else _learnt_for(task.dataset).prior
        drawn = draw(posterior(seen, prior), grid, _N_DRAWS, rng)
    shared = np.sqrt(seen.shared_variance) * rng.standard_normal(_N_DRAWS)
    scatter = drawn.scatter[:, None] * rng.standard_normal(drawn.paths.shape)
    quantiles = np.quantile(np.clip(drawn.paths + shared[:, None] + scatter, 0, 1), LEVELS, axis=0).T
    return {h: quantiles[int(np.searchsorted(grid, h))] for h in task.at}


def past_curves(task: Task) -> dict[float, FloatArray]:
    """The regression on past curves alone."""
    seen = Seen.of(task.labels, task.values, task.n_holdout)
    past, found, now = _learnt_for(task.dataset).past, features(seen), log_error_now(seen)
    levels = 1.0 - np.array(LEVELS)
    return {h: np.clip(1.0 - np.exp(now + past[h].log_ratio(found, levels)), 0, 1) for h in task.at}


METHODS: dict[str, Method] = {
    "last value": last_value,
    "bounded power law": power_law,
    "its bootstrap": partial(_member, "power"),
    "families, vague prior": partial(_member, "vague"),
    "families, learnt prior": partial(_member, "learnt"),
    "past curves": past_curves,
    "**curator plan**": shipped,
}
SHIPPED = "**curator plan**"
