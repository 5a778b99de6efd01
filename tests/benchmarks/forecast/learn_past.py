"""How curves went on after a few rounds: the ridge regressions of `curator.evidence.forecast.past_curves`.

Every curve is cut several times after 4 to 10 rounds, in three of ten cuts thinned to every second round or begun later, and
seen on a hold-out of 200 to 4,000 items whose noise is added: 0.7 p(1-p)/N common to all rounds, 0.3 p(1-p)/N of each. One in
ten is flattened at some level first: the development sets have few plateaus, and without any, level curves were forecast to rise.
"""

from dataclasses import dataclass

import numpy as np
from benchmarks.forecast.curves import Campaign, Curve, FloatArray

from curator.evidence.forecast.past_curves import (
    LEVELS,
    N_FEATURES,
    PastCurves,
    Regression,
    design,
    features,
    log_error_now,
)
from curator.evidence.forecast.seen import HORIZONS, LEAST_ERROR, OWN_SHARE, SHARED_SHARE, Seen

_CUTS = 8
_SEEN = (4, 5, 6, 7, 8, 10)
_HOLDOUTS = (200, 4_000)
_PENALTY = 300.0
_LEAST_MISS = 0.02
_FLAT = 0.1  # of the cuts
_LEVELS, _MOVEMENT_LEFT = (0.2, 0.98), 0.15


@dataclass(frozen=True)
class Cut:
    """One curve seen up to some round, and what came of it.

    Attributes:
        dataset, variant: of a name like "banking77/sub4" the part before the stroke, and all of it.
        features: (N_FEATURES,).
        log_ratios: by horizon that the curve reached, log (error then / error now).
    """

    dataset: str
    variant: str
    features: FloatArray
    log_ratios: dict[float, float]


def examples(campaigns: list[Campaign], rng: np.random.Generator) -> list[Cut]:
    """`_CUTS` of each curve, as far as it is long enough."""
    return [
        cut
        for campaign in campaigns
        for k in range(_CUTS)
        if (cut := _cut(campaign, rng, thinned=k % 2 == 1)) is not None
    ]


def learn(cuts: list[Cut]) -> PastCurves:
    """One regression per horizon; data sets count the same, and within one a variant by the root of its cuts."""
    return {h: _regress([cut for cut in cuts if h in cut.log_ratios], h) for h in HORIZONS}


def _cut(campaign: Campaign, rng: np.random.Generator, *, thinned: bool) -> Cut | None:
    whole = _flattened(campaign.truth, rng) if rng.random() < _FLAT else campaign.truth
    first, step = (int(rng.choice([0, 0, 0, 1, 2])), int(rng.choice([1, 1, 2]))) if thinned else (0, 1)
    m = int(rng.choice(_SEEN))
    labels, true = whole.labels[first::step][:m], whole.values[first::step][:m]
    if len(labels) < m:
        return None
    n = int(np.exp(rng.uniform(*np.log(_HOLDOUTS))))
    sd = np.sqrt(np.maximum(true * (1.0 - true), 1e-4) / n)
    noise = np.sqrt(SHARED_SHARE) * rng.standard_normal() + np.sqrt(OWN_SHARE) * rng.standard_normal(m)
    seen = Seen.of(labels, np.clip(np.round((true + sd * noise) * n) / n, 0.0, 1.0), n)
    reached = {h: h * seen.now for h in HORIZONS if h * seen.now <= whole.labels[-1]}
    errors = {h: 1.0 - float(np.interp(at, whole.labels, whole.values)) for h, at in reached.items()}
    now = log_error_now(seen)
    ratios = {h: float(np.log(max(error, LEAST_ERROR))) - now for h, error in errors.items()}
    return Cut(campaign.dataset.partition("/")[0], campaign.dataset, features(seen), ratios)


def _flattened(curve: Curve, rng: np.random.Generator) -> Curve:
    """At a level of its own, with a little of its movement."""
    third = curve.values[len(curve.values) // 3]
    values = rng.uniform(*_LEVELS) + rng.uniform(0.0, _MOVEMENT_LEFT) * (curve.values - third)
    return Curve(curve.labels, np.clip(values, 0.01, 0.995), curve.n_holdout)


def _regress(cuts: list[Cut], horizon: float) -> Regression:
    weights = len(cuts) * shares([cut.dataset for cut in cuts], [cut.variant for cut in cuts])
    rows = np.array([cut.features for cut in cuts])
    centre = np.average(rows, axis=0, weights=weights)
    spread = np.sqrt(np.average(np.square(rows - centre), axis=0, weights=weights))
    matrix = design(rows, centre, spread)
    outcomes = np.array([cut.log_ratios[horizon] for cut in cuts])
    mean = _ridge(matrix, outcomes, weights)
    misses = outcomes - matrix @ mean
    scale = _ridge(matrix, np.log(np.abs(misses) + _LEAST_MISS), weights)
    relative = misses / np.exp(matrix @ scale)
    order = relative.argsort()
    quantiles = np.interp(LEVELS, np.cumsum(weights[order]) / weights.sum(), relative[order])
    return Regression(centre, spread, mean, scale, quantiles)


def _ridge(matrix: FloatArray, outcomes: FloatArray, weights: FloatArray) -> FloatArray:
    """Least squares with `_PENALTY` on everything but the intercept; the weights have mean 1."""
    penalty = np.diag([0.0, *[_PENALTY] * N_FEATURES])
    found: FloatArray = np.linalg.solve(
        matrix.T @ (weights[:, None] * matrix) + penalty, matrix.T @ (weights * outcomes)
    )
    return found


def shares(sets: list[str], variants: list[str]) -> FloatArray:
    """What each example counts, 1 in all: data sets the same, within one a variant by the root of its examples."""
    of_set = np.array(sets)
    _, which, counts = np.unique(variants, return_inverse=True, return_counts=True)
    found = counts[which] ** -0.5
    for name in np.unique(of_set):
        found[of_set == name] /= found[of_set == name].sum()
    return np.asarray(found / found.sum())
