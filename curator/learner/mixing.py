"""How much each of several models counts in the weighted sum of their logits: stacking with few labels.

The weights are those with the least log loss on labels that the models had not seen. As their sum sets how sharp the
probs are, this calibrates the sum as well; `calibration.py` is the case of one model.

Source: Wolpert, "Stacked Generalization", Neural Networks 5 (1992).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_PSEUDO_LABELS = 5.0
_LOG_BOUNDS = (-6.0, 2.0)  # of a weight over its starting value


def fit_mixing_weights(logits: FloatArray, y: IntArray, start: FloatArray) -> FloatArray:
    """Weights of the models in the sum of their logits, held near starting values while labels are few.

    Args:
        logits: (n, n_classes, n_parts) of left-out labels; -inf for a class that the models had not seen.
        y: (n,) the true class as its column; its logits must be finite.
        start: (n_parts,) positive weights to stay near: the squared distance of each log weight counts as half of five
            labels' worth of log loss.

    Returns:
        (n_parts,) float64, positive; `start` when there are no labels.
    """
    if len(y) == 0:
        return np.array(start, dtype=np.float64)
    known, finite = _split(logits)
    rows = np.arange(len(y))

    def loss(distance: FloatArray) -> tuple[float, FloatArray]:
        weights = start * np.exp(distance)
        log_probs = log_softmax(np.where(known, finite @ weights, -np.inf), axis=1)
        error = np.exp(log_probs)
        error[rows, y] -= 1.0
        slope = np.einsum("nc,ncp->p", error, finite) * weights
        pull = 0.5 * _PSEUDO_LABELS * np.square(distance).sum()
        return float(pull - log_probs[rows, y].sum()), slope + _PSEUDO_LABELS * distance

    found = minimize(
        loss, np.zeros(len(start)), jac=True, method="L-BFGS-B", bounds=[_LOG_BOUNDS] * len(start)
    )
    weights: FloatArray = start * np.exp(found.x)
    return weights


def weighted_log_probs(logits: FloatArray, weights: FloatArray) -> FloatArray:
    """Log probs of the weighted sum of the logits of the first parts.

    Args:
        logits: (n, n_classes, n_parts); -inf for a class that the models had not seen.
        weights: (m,) positive, m at most n_parts: the weights of the first m parts, the others have none.

    Returns:
        (n, n_classes); -inf for a class that the models had not seen.
    """
    known, finite = _split(logits)
    log_probs: FloatArray = log_softmax(
        np.where(known, finite[:, :, : len(weights)] @ weights, -np.inf), axis=1
    )
    return log_probs


def _split(logits: FloatArray) -> tuple[BoolArray, FloatArray]:
    """Which classes (n, n_classes) the models had seen, and the logits with 0 for the others."""
    known: BoolArray = np.asarray(np.isfinite(logits).all(axis=2))
    return known, np.where(known[:, :, None], logits, 0.0)
