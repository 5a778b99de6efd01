"""What choosing an item is worth against the others when items cost unequal amounts: expected gain per expected cost.

An item is held against the items that the model takes for the same class. Held against all, where one class is dear
(spam is long) its items would hardly be asked about, and what is saved on them is lost in what the model does not learn.
"""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Blocks = Callable[[], Iterable[tuple[int, NDArray[np.floating]]]]

EXPONENT = 0.5  # of expected cost; 1 = gain per cost as if scores were gains, 0 = costs do not matter
FARTHEST = 4.0  # a cost counts as at most so many times, or at least that part of, what is usual


def cost_weights(
    costs: FloatArray,
    probs: Blocks | None = None,
    *,
    exponent: float = EXPONENT,
    farthest: float = FARTHEST,
) -> FloatArray | None:
    """Weights for `strategies.inputs.Inputs.weights`: a cheap item more, a dear one less.

    Args:
        costs: (n,) > 0 expected cost of each candidate.
        probs: gives (first candidate, (m, n_classes) their class probabilities), block by block; it is gone through twice.
            None: there is no model yet, and every item is held against all.
        exponent: 1 = gain per cost; 0 = cost does not matter.
        farthest: a cost counts as at most so many times, or at least that part of, what is usual.

    Returns:
        (n,) weights with mean 1; None where all cost the same.
    """
    logs = np.log(costs)
    apart = logs - (_usual(logs, probs) if probs else np.median(logs))
    reach = np.log(farthest)
    weights: FloatArray = np.exp(-exponent * np.clip(apart, -reach, reach))
    weights /= weights.mean()
    return None if np.ptp(logs) < 1e-9 else weights


def _usual(logs: FloatArray, probs: Blocks) -> FloatArray:
    """(n,) the mean log-cost of the classes that an item may belong to, by how likely the model takes each to be."""
    mass: FloatArray | None = None
    total: FloatArray | None = None
    for first, block in probs():
        here = block.astype(np.float64)
        if mass is None or total is None:
            mass, total = np.zeros(here.shape[1]), np.zeros(here.shape[1])
        mass += here.sum(axis=0)
        total += logs[first : first + len(here)] @ here
    if mass is None or total is None:
        return np.zeros(len(logs))
    of_class = total / np.maximum(mass, 1e-12)
    usual = np.empty(len(logs))
    for first, block in probs():
        usual[first : first + len(block)] = block.astype(np.float64) @ of_class
    return usual
