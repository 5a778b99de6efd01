"""Score: what the newest model says of every candidate, and whatever else the strategies of a round look at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.ledger import records
from curator.ledger.store import Row
from curator.project import Project
from strategies.committee import dropout_committee
from strategies.fused import FUSED
from strategies.inputs import Inputs
from strategies.mixture import shares_of
from strategies.neighbours import Neighbours
from strategies.registry import Scorer, Selector, get
from strategies.scoring import score_blocks

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
Spec = str | dict[str, float]

# Selectors that use the neighbour graph where it is there get it when there is a label for every so many items: with
# fewer, an item stands for more of the pool than its nearest neighbours, and the graph takes minutes at a million items.
_ITEMS_PER_LABEL = 32
_SMALL_POOL = 10_000  # in which selectors look at all pairs themselves


@dataclass(frozen=True)
class Scored:
    """The candidates, scored.

    Attributes:
        scores: {scorer: (n,) scores, higher = ask first}; empty before there is a model.
        inputs: what selectors look at beside embeddings.
    """

    scores: Mapping[str, FloatArray]
    inputs: Inputs


def score_candidates(
    project: Project, rows: IntArray, model: Any, round_row: Row, *, n_asked: int, batch: int
) -> Scored:
    """Score the candidates in one streaming pass over the pool, and gather what the strategies need.

    Args:
        project: with embeddings.
        rows: (n,) pool rows of the candidates, ascending.
        model: the newest one; None: there is none yet.
        round_row: the round that asks.
        n_asked: items asked about so far.
        batch: how many are to be picked.
    """
    spec = records.strategy_of(round_row)
    strategies = [
        get(name) for name in shares_of(spec) if ":" not in name
    ]  # those of modAL look for themselves
    selectors = [strategy for strategy in strategies if isinstance(strategy, Selector)]
    neighbours = None
    dense = _SMALL_POOL < len(rows) <= (n_asked + batch) * _ITEMS_PER_LABEL
    if any(
        "neighbours" in selector.needs or (dense and "neighbours" in selector.uses) for selector in selectors
    ):
        neighbours = _neighbours(project, rows)
    if model is None:
        return Scored({}, Inputs(neighbours=neighbours))
    # What costs nothing beside the logits is always scored and kept with the picks.
    committee = [s.name for s in strategies if isinstance(s, Scorer) and s.members]
    others = [s.name for s in strategies if isinstance(s, Scorer) and not s.members]
    rng = np.random.default_rng([project.config.project.seed, int(round_row["id"]), 1])
    scores = _score(project, model, list(dict.fromkeys((*FUSED, *others))), committee, rng)
    here = {name: values[rows] for name, values in scores.items()}
    return Scored(
        here, Inputs(uncertainty=here["margin"], predict=model.predict_proba, neighbours=neighbours)
    )


def _score(
    project: Project, model: Any, names: list[str], committee: list[str], rng: np.random.Generator
) -> dict[str, FloatArray]:
    n = project.pool.n_items
    offered: Callable[[], Any] = getattr(model, "linear_head", lambda: None)
    predict = offered() or model.predict_proba
    members = None
    if committee:
        members = dropout_committee(predict, project.embeddings.dim, rng=rng)
    with project.progress.bar("scoring", n) as advance:

        def blocks() -> Any:
            for first, block in project.embeddings.blocks():
                yield first, block
                advance(len(block))

        return score_blocks(blocks(), predict, [*names, *committee], n, predict_members=members)


def _neighbours(project: Project, rows: IntArray) -> Neighbours:
    """The candidates' nearest neighbours among themselves, from the graph that is kept beside the embeddings."""
    graph = project.graph
    state = graph.ensure(project.progress)
    for warning in state.warnings:
        project.say(warning)
    if state.rows_searched:
        project.say(
            f"The neighbour graph of {state.rows_searched:,} items took {state.seconds:.0f} s; it holds "
            f"{state.recall:.1%} of the true nearest neighbours (measured on {state.recall_rows} items)."
        )
    return graph.open().take(rows)
