"""Choosing by expected gain per expected cost: the weights that the candidates of a round get."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from curator.amounts import readable_amount
from curator.money.cost_aware import cost_weights
from curator.money.rates import rates_by_person
from curator.money.timing import expected_costs
from curator.project.project import Project
from strategies.inputs import Predict

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def candidate_weights(
    project: Project, rows: IntArray, predict: Predict | None, tell: Callable[[str], None]
) -> FloatArray | None:
    """What choosing each candidate is worth against the others, by what it is expected to cost.

    Args:
        project: opened.
        rows: (n,) pool rows of the candidates, ascending.
        predict: embeddings -> class probabilities of the newest model; None: there is none yet.
        tell: gets a sentence about what was done, where curator.toml wants costs to be looked at.

    Returns:
        (n,) weights with mean 1; None where costs are not looked at, or all the same.
    """
    if not project.config.acquisition.cost_aware or not len(rows):
        return None
    cost = rates_by_person(project.ledger, project.config.cost)
    costs, known = expected_costs(project.ledger, project.pool, cost, rows, seed=project.config.project.seed)
    of_classes = project.task.traits.class_probabilities
    probs = partial(_probs, project, rows, predict) if predict is not None and of_classes else None
    weights = cost_weights(costs, probs) if known.model else None
    if weights is None:
        for_now = "" if known.for_good else " yet"
        tell(f"cost_aware has no effect{for_now}: {known.why}.")
        return None
    low, high = (
        readable_amount(float(q), project.config.cost.currency) for q in np.quantile(costs, [0.05, 0.95])
    )
    tell(
        f"Chosen by expected gain per expected cost, {low} to {high} per answer (middle 90% of the candidates); {known.why}."
    )
    return weights


def _probs(project: Project, rows: IntArray, predict: Predict) -> Iterator[tuple[int, NDArray[np.floating]]]:
    """(first candidate, their probabilities), block by block of the pool."""
    done = 0
    for first, block in project.embeddings.blocks():
        end = int(np.searchsorted(rows, first + len(block)))
        if end > done:
            yield done, predict(block[rows[done:end] - first])
        done = end
