"""The averaged families: the posterior over shapes, gain and scatter, given the rounds seen.

A curve is y = L + G s(x) + jitter: L the metric now, G what doubling the labels adds, s a shape of the dictionary. Given the
shape, the scatter and a normal prior on L and G, both are normal in closed form (a 2 x 2 system), so that every atom
(shape, scatter) is weighed exactly by its evidence and nothing is fitted by search.

The prior is the same for all data: each family counts the same, each shape of a family too, and twice the labels take nothing
to two fifths of the error off. A prior learned from other campaigns was tried, and was worse on data unlike them.

Source: Bayesian model averaging as in Domhan et al., "Speeding up Automatic Hyperparameter Optimization of Deep Neural
Networks by Extrapolation of Learning Curves", IJCAI 2015, with the linear parameters integrated out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curator.evidence.forecast.seen import OWN_SHARE, Seen
from curator.evidence.forecast.shapes import dictionary

FloatArray = NDArray[np.float64]
_LEVEL_MEAN, _LEVEL_SD = 0.7, 0.5
_JITTERS = np.array([0.0015, 0.0035, 0.007, 0.013, 0.03])  # scatter of training, as shares of 1
_LEAST_ERROR = 0.004  # what is less counts as so much, where a gain is a share of the error
_GAIN_SD = 0.2  # of G, which is above 0: as a share of the error now


@dataclass(frozen=True)
class Posterior:
    """Every atom after the rounds seen.

    Attributes:
        log_weights: (n_shapes, n_jitters) prior weight times evidence, not yet summing to 1.
        mean: (n_shapes, n_jitters, 2) of (L, G).
        covariance: (n_shapes, n_jitters, 3): variance of L, covariance, variance of G.
    """

    log_weights: FloatArray
    mean: FloatArray
    covariance: FloatArray


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


def posterior(seen: Seen) -> Posterior:
    """Weigh every atom by how well it explains the rounds seen."""
    from scipy.special import log_ndtr  # here: `curator status` names forecasts and makes none

    shapes, values = dictionary().at(seen.relative), seen.values
    precision = 1.0 / (np.square(_JITTERS)[:, None] + OWN_SHARE * seen.binomial)
    of_level, of_gain = 1.0 / _LEVEL_SD**2, 1.0 / (_GAIN_SD * _error_now(seen)) ** 2

    # the 2 x 2 precision of (L, G) by atom, and what its inverse is multiplied with
    gg = np.square(shapes) @ precision.T + of_gain
    lg = shapes @ precision.T
    ll = np.broadcast_to(precision.sum(axis=1) + of_level, gg.shape)
    level = precision @ values + of_level * _LEVEL_MEAN
    gain = (shapes * values) @ precision.T
    determinant = ll * gg - np.square(lg)
    covariance = np.stack((gg, -lg, ll), axis=-1) / determinant[..., None]
    mean = np.stack((gg * level - lg * gain, ll * gain - lg * level), axis=-1) / determinant[..., None]
    log_evidence: FloatArray = 0.5 * (
        np.log(precision).sum(axis=1)
        - precision @ np.square(values)
        - np.log(determinant)
        + level * mean[..., 0]
        + gain * mean[..., 1]
    )
    # G below 0 is ruled out: of each atom so much is left
    log_evidence += log_ndtr(mean[..., 1] / np.sqrt(covariance[..., 2]))
    families = dictionary().families
    log_prior = -np.log(np.bincount(families)[families])
    return Posterior(log_evidence + log_prior[:, None], mean, covariance)


def _error_now(seen: Seen) -> float:
    """The error of the last rounds, never 0: what the prior's gains are shares of."""
    return float(max(1.0 - seen.values[-2:].mean(), 1.0 / (seen.n_holdout + 2.0), _LEAST_ERROR))


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
    place = np.unravel_index(rng.permutation(atoms), found.log_weights.shape)
    mean, covariance = found.mean[place], found.covariance[place]
    # G first, from its normal above 0, then L given G
    of_level, both, of_gain = covariance.T
    gain = _above_zero(mean[:, 1], np.sqrt(of_gain), rng)
    slope = both / of_gain
    left = np.sqrt(np.maximum(of_level - slope * both, 0.0))
    level = mean[:, 0] + slope * (gain - mean[:, 1]) + left * rng.standard_normal(n_tries)
    paths = level[:, None] + gain[:, None] * values[place[0]]
    far = values.shape[1] - 1 if x[-1] <= 4.0 else int(np.searchsorted(x, 4.0))
    excess = np.maximum(paths[:, far] - 1.0, 0.0)
    keep = np.argsort(excess > 0.0, kind="stable")[:n_draws]
    return Draws(
        np.minimum(paths[keep], 1.0),
        np.minimum(level + gain * limits[place[0]], 1.0)[keep],
        _JITTERS[place[1]][keep],
    )


def _above_zero(mean: FloatArray, sd: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draws of normals given that they are above 0, by the inverse of the upper tail."""
    from scipy.special import log_ndtr, ndtri_exp  # as above

    tail = np.log(rng.random(len(mean))) + log_ndtr(mean / sd)
    return np.asarray(np.maximum(mean - sd * ndtri_exp(tail), 0.0), dtype=np.float64)
