"""Curator's own strategies, scored and chosen as a round does it."""

from functools import partial

from benchmarks.efficiency.contender import Choose, Library, Moment
from benchmarks.efficiency.data import IntArray

from curator.rounds.needs import Needs
from curator.tasks.single import SingleChoice
from strategies.batch import choose_batch
from strategies.inputs import Inputs
from strategies.registry import SCORERS, SELECTORS


def strategy(name: str) -> Choose:
    """The choice of a strategy in the registry."""
    return partial(_choose, name)


def _choose(name: str, moment: Moment, k: int) -> IntArray:
    """As a round does it, but without a neighbour graph: a sub-pool is small enough for all pairs."""
    candidates, model = moment.pool[moment.unlabeled], moment.model
    scores, inputs = {}, Inputs()
    if model is not None:
        n, dim = candidates.shape
        needs = Needs.of(name, SingleChoice, n_candidates=n, n_asked=len(moment.labeled), batch=k)
        scores = needs.score(model, [(0, candidates)], n, dim, moment.rng)
        inputs = Inputs(uncertainty=scores["margin"], predict=model.predict_proba)
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


CURATOR = Library("curator", "strategies", {name: partial(strategy, name) for name in (*SCORERS, *SELECTORS)})
