"""Curator's own strategies, scored and chosen as a round does it."""

from functools import partial
from typing import Any

import numpy as np
from benchmarks.efficiency.contender import Choose, Library, Moment
from benchmarks.efficiency.data import IntArray

from strategies.batch import choose_batch
from strategies.committee import dropout_committee
from strategies.inputs import Inputs
from strategies.registry import SCORERS, SELECTORS, Scorer, get
from strategies.scoring import score_blocks


def strategy(name: str) -> Choose:
    """The choice of a strategy in the registry."""
    return partial(_choose, name)


def _choose(name: str, moment: Moment, k: int) -> IntArray:
    candidates = moment.pool[moment.unlabeled]
    scores, inputs = _scored(name, moment)
    batch = choose_batch(
        name,
        k=k,
        embeddings=candidates,
        scores=scores,
        labeled=moment.pool[moment.labeled] if len(moment.labeled) else None,
        rng=moment.rng,
        inputs=inputs,
    )
    return moment.unlabeled[batch.positions]


def _scored(name: str, moment: Moment) -> tuple[dict[str, Any], Inputs]:
    """The scores that this strategy ranks by, and what it looks at beside embeddings.

    No neighbour graph: a sub-pool is small enough for all pairs, which is what strategies compute then.
    """
    model = moment.model
    if model is None:
        return {}, Inputs()
    found = get(name)
    candidates = moment.pool[moment.unlabeled]
    offered = getattr(model, "linear_head", lambda: None)
    predict = offered() or model.predict_proba
    if isinstance(found, Scorer):
        members = dropout_committee(predict, candidates.shape[1], rng=moment.rng) if found.members else None
        return _score(name, candidates, predict, members), Inputs()
    uncertainty = None
    if "uncertainty" in (*found.needs, *found.uses):
        uncertainty = _score("margin", candidates, predict, None)["margin"]
    return {}, Inputs(uncertainty=uncertainty, predict=model.predict_proba)


def _score(name: str, candidates: np.ndarray, predict: Any, members: Any) -> dict[str, Any]:
    return score_blocks([(0, candidates)], predict, [name], len(candidates), predict_members=members)


CURATOR = Library("curator", "strategies", {name: partial(strategy, name) for name in (*SCORERS, *SELECTORS)})
