"""Temperatures: how sharp the probs of a score should be.

A score (a logit, a cosine) orders the classes; its inverse temperature b turns it into softmax(b * score). It is
fitted on scores of labels that the score had not seen: left out one by one, or fold by fold.

Source: Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.int64]


def fit_inverse_temperature(
    scores: FloatArray, y: IntArray, *, start: float, pseudo_labels: float, bounds: tuple[float, float]
) -> float:
    """Inverse temperature with the least log loss, held near a starting value while labels are few.

    With a handful of labels the best fit is often no temperature at all (every left-out label right: infinitely
    sharp; all wrong: uniform). The squared distance of log(b) from log(start), worth `pseudo_labels` labels, keeps such
    fits away; its weight fades as labels come in.

    Args:
        scores: (n, n_classes) scores of left-out labels, higher = more likely; -inf for a class that was not seen.
        y: (n,) the true class as its column; its score must be finite.
        start: the value to stay near; returned when there are no scores.
        pseudo_labels: weight of staying near, in labels.
        bounds: smallest and largest value that may be returned.

    Returns:
        The inverse temperature, unitless per unit of the score.
    """
    if len(y) == 0:
        return start
    rows = np.arange(len(y))

    def loss(log_b: float) -> float:
        log_probs = log_softmax(np.exp(log_b) * scores, axis=1)
        pull = 0.5 * pseudo_labels * (log_b - math.log(start)) ** 2
        return float(pull - log_probs[rows, y].sum())

    best = minimize_scalar(loss, bounds=(math.log(bounds[0]), math.log(bounds[1])), method="bounded")
    return float(math.exp(best.x))
