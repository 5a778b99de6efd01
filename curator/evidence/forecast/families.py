"""The averaged families: the posterior over shapes, gain and scatter, given the rounds seen.

A curve is y = L + G s(x) + jitter: L the metric now, G what doubling the labels adds, s a shape of the dictionary. Given the
shape, the scatter and a normal prior on L and G, both are normal in closed form (a 2 x 2 system), so that every atom
(shape, scatter, prior mean of G) is weighed exactly by its evidence and nothing is fitted by search.

Source: Bayesian model averaging as in Domhan et al., "Speeding up Automatic Hyperparameter Optimization of Deep Neural
Networks by Extrapolation of Learning Curves", IJCAI 2015, with the linear parameters integrated out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curator.evidence.forecast.seen import LEAST_ERROR, OWN_SHARE, Seen
from curator.evidence.forecast.shapes import dictionary

FloatArray = NDArray[np.float64]
_LEVEL_MEAN, _LEVEL_SD = 0.7, 0.5
JITTERS = (0.0015, 0.0035, 0.007, 0.013, 0.03)  # scatter of training, as shares of 1


@dataclass(frozen=True)
class Prior:
    """What is believed before a campaign is seen.

    Attributes:
        weights: (n_shapes, n_jitters, n_gains) sum to 1.
        gains: (n_gains,) prior means of G, as shares of the error now.
        gain_sd: prior standard deviation of G, in the same unit.
    """

    weights: FloatArray
    gains: FloatArray
    gain_sd: float


@dataclass(frozen=True)
class Posterior:
    """Every atom after the rounds seen; arrays are (n_shapes, n_jitters, n_gains) unless they say otherwise.

    Attributes:
        log_evidence: of the rounds given the atom, without its prior weight.
        log_weights: with it, not yet summing to 1.
        mean: (n_shapes, n_jitters, n_gains, 2) of (L, G).
        covariance: (n_shapes, n_jitters, 2, 2) of (L, G).
    """

    log_evidence: FloatArray
    log_weights: FloatArray
    mean: FloatArray
    covariance: FloatArray


def posterior(seen: Seen, prior: Prior) -> Posterior:
    """Weigh every atom by how well it explains the rounds seen."""
    return weigh(seen.relative, seen.values, seen.binomial, error_now(seen), prior)


def weigh(x: FloatArray, values: FloatArray, binomial: FloatArray, error: float, prior: Prior) -> Posterior:
    """Weigh every atom by how well it explains `values`.

    Args:
        x: (m,) labels, as shares of the labels now.
        values: (m,) the metric at each.
        binomial: (m,) p (1 - p) / N of each.
        error: now: the prior's gains are shares of it.
        prior: over atoms.
    """
    shapes = dictionary().at(x)
    noise = np.square(JITTERS)[:, None] + OWN_SHARE * binomial
    precision = 1.0 / noise
    spread = np.array([_LEVEL_SD, prior.gain_sd * error])
    before = 1.0 / np.square(spread)
    start = np.stack([np.full(len(prior.gains), _LEVEL_MEAN), prior.gains * error], axis=-1)

    system = np.empty((len(shapes), len(JITTERS), 2, 2))
    system[..., 0, 0] = precision.sum(axis=1) + before[0]
    system[..., 0, 1] = system[..., 1, 0] = shapes @ precision.T
    system[..., 1, 1] = np.square(shapes) @ precision.T + before[1]
    seen_part = np.stack(np.broadcast_arrays(precision @ values, (shapes * values) @ precision.T), axis=-1)
    right = seen_part[:, :, None, :] + before * start
    covariance: FloatArray = np.asarray(np.linalg.inv(system), dtype=np.float64)
    mean = np.einsum("jtab,jtkb->jtka", covariance, right)
    squares = (precision @ np.square(values))[None, :, None] + (before * np.square(start)).sum(axis=1)
    log_evidence: FloatArray = 0.5 * (
        np.log(precision).sum(axis=1)[None, :, None]
        + np.log(before).sum()
        - np.log(np.linalg.det(system))[..., None]
        - squares
        + (right * mean).sum(axis=-1)
    )
    from scipy.special import log_ndtr  # here: `curator status` names forecasts and makes none

    # G below 0 is ruled out: what the prior and the posterior had there is taken off both.
    sd = np.sqrt(covariance[..., 1, 1])[..., None]
    log_evidence += log_ndtr(mean[..., 1] / sd) - log_ndtr(prior.gains / prior.gain_sd)
    with np.errstate(divide="ignore"):
        log_weights = log_evidence + np.log(prior.weights)
    return Posterior(log_evidence, log_weights, mean, covariance)


def error_now(seen: Seen) -> float:
    """The error of the last rounds, never 0: what the prior's gains are shares of."""
    return float(max(1.0 - seen.values[-2:].mean(), 1.0 / (seen.n_holdout + 2.0), LEAST_ERROR))


@dataclass(frozen=True)
class Draws:
    """Curves drawn from a forecast.

    Attributes:
        paths: (n, len(x)) the metric along x, without the scatter of a single training.
        limits: (n,) where each levels off.
        scatter: (n,) standard deviation of a single round about its path.
    """

    paths: FloatArray
    limits: FloatArray
    scatter: FloatArray


def draw(found: Posterior, x: FloatArray, n_draws: int, rng: np.random.Generator) -> Draws:
    """Draw curves along x (times the labels now) from the posterior; none falls, none passes 1 within x.

    The atoms are drawn systematically, so that few draws represent the weights well.
    """
    shapes = dictionary()
    values, limits = shapes.at(x), shapes.limits
    weights = np.exp(found.log_weights - found.log_weights.max()).ravel()
    edges = np.cumsum(weights) / weights.sum()
    n_tries = 4 * n_draws
    points = (np.arange(n_tries) + rng.random()) / n_tries
    atoms = np.minimum(np.searchsorted(edges, points), len(edges) - 1)
    j, t, k = np.unravel_index(rng.permutation(atoms), found.log_weights.shape)
    mean, covariance = found.mean[j, t, k], found.covariance[j, t]
    # G first, from its normal above 0, then L given G
    sd = np.sqrt(covariance[:, 1, 1])
    gain = _above_zero(mean[:, 1], sd, rng)
    slope = covariance[:, 0, 1] / covariance[:, 1, 1]
    left = np.sqrt(np.maximum(covariance[:, 0, 0] - slope * covariance[:, 0, 1], 0.0))
    level = mean[:, 0] + slope * (gain - mean[:, 1]) + left * rng.standard_normal(n_tries)
    paths = level[:, None] + gain[:, None] * values[j]
    far = values.shape[1] - 1 if x[-1] <= 4.0 else int(np.searchsorted(x, 4.0))
    excess = np.maximum(paths[:, far] - 1.0, 0.0)
    keep = np.argsort(excess > 0.0, kind="stable")[:n_draws]
    return Draws(
        np.minimum(paths[keep], 1.0),
        np.minimum(level + gain * limits[j], 1.0)[keep],
        np.array(JITTERS)[t][keep],
    )


def _above_zero(mean: FloatArray, sd: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draws of normals given that they are above 0, by the inverse of the upper tail."""
    from scipy.special import log_ndtr, ndtri_exp  # as above

    tail = np.log(rng.random(len(mean))) + log_ndtr(mean / sd)
    return np.asarray(np.maximum(mean - sd * ndtri_exp(tail), 0.0), dtype=np.float64)
