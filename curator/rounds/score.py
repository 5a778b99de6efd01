"""Score: what the newest model says of every candidate, and whatever else the strategies of a round look at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.ledger import queries
from curator.ledger.store import Row
from curator.progress import Advance
from curator.project.project import Project
from curator.rounds.needs import Needs
from curator.rounds.own_probs import OwnProbs
from strategies.inputs import Inputs
from strategies.kernels.neighbours import Neighbours

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


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
    project: Project,
    rows: IntArray,
    model: Any,
    round_row: Row,
    *,
    n_asked: int,
    batch: int,
    own: OwnProbs | None = None,
) -> Scored:
    """Score the candidates in one streaming pass over the pool, and gather what the strategies need.

    Args:
        project: with embeddings.
        rows: (n,) pool rows of the candidates, ascending.
        model: the newest one; None: there is none yet.
        round_row: the round that asks.
        n_asked: items asked about so far.
        batch: how many are to be picked.
        own: predictions that take the place of the model's.
    """
    task = project.task
    needs = Needs.of(
        queries.rounds.strategy_of(round_row), task, n_candidates=len(rows), n_asked=n_asked, batch=batch
    )
    neighbours = _neighbours(project, rows) if needs.neighbours else None
    if own is not None:
        scores = own.score(project, rows, needs.scorers)
        return Scored(scores, Inputs(uncertainty=scores[task.uncertainty], neighbours=neighbours))
    if model is None:
        return Scored({}, Inputs(neighbours=neighbours))
    n, dim = project.pool.n_items, project.embeddings.dim
    rng = np.random.default_rng([project.config.project.seed, int(round_row["id"]), 1])
    with project.progress.bar("scoring", n) as advance:
        scores = needs.score(model, _blocks(project, advance), n, dim, rng)
    here = {name: values[rows] for name, values in scores.items()}
    return Scored(
        here,
        Inputs(uncertainty=here[task.uncertainty], predict=model.predict_proba, neighbours=neighbours),
    )


def _blocks(project: Project, advance: Advance) -> Iterator[tuple[int, FloatArray]]:
    for first, block in project.embeddings.blocks():
        yield first, block
        advance(len(block))


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
