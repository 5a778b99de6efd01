"""Outbox: what a round asks, its picks and questions, written into the ledger before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curator.ledger import queries
from curator.ledger.class_history import History
from curator.ledger.store import Row, utc_now
from curator.money.fixed import Stopwatch, charge_campaign
from curator.project.project import Project
from curator.rounds.candidates import Candidates
from curator.rounds.questions import AGAIN, BLIND, again_key, interleave, new_question, pick_questions
from curator.rounds.suggestions import OFF, harm_of_suggestions, suggestions_on
from strategies.batch import Batch
from strategies.kernels.vector_index import most_similar

if TYPE_CHECKING:
    from curator.learner.checkpoint import Checkpoint  # loads torch

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Chosen:
    """The batch of a round.

    Attributes:
        candidates: that it was chosen from.
        batch: positions of the candidates, and how each was chosen.
        of_arm: (k,) which of its items are of the random arm.
        scores: {scorer: (n,) scores} of the candidates; empty before there is a model.
        asked: (m, dim) embeddings of the items asked about before.
        again: item_id -> role, of items whose answers disagree or cannot be read.
        scored_by: the model whose probabilities it was chosen by, where it is not curator's.
    """

    candidates: Candidates
    batch: Batch
    of_arm: NDArray[np.bool_]
    scores: Mapping[str, FloatArray]
    asked: FloatArray
    again: Mapping[str, str]
    scored_by: str | None = None


def write_batch(
    project: Project, round_id: int, chosen: Chosen, checkpoint: Checkpoint | None, watch: Stopwatch
) -> str | None:
    """Write picks and outbox in one transaction: from here on the round can be killed and goes on where it was.

    Args:
        project: opened.
        round_id: that asks.
        chosen: what to ask.
        checkpoint: of the model that chose; None: there is none yet.
        watch: runs since the round began to choose.

    Returns:
        Why suggestions are no longer shown, where that was found just now.
    """
    ledger, candidates = project.ledger, chosen.candidates
    harm = harm_of_suggestions(project)
    rows = candidates.rows[chosen.batch.positions]
    ids, embeddings = project.pool.ids(rows), project.embeddings.take(rows)
    picks = _picks(round_id, ids, embeddings, chosen)
    made_by = None if checkpoint is None else str(checkpoint.meta["version"])
    probs = None if checkpoint is None or not ids else checkpoint.model.predict_proba(embeddings)
    with_suggestions = harm is None and suggestions_on(project)
    questions = pick_questions(
        project, round_id, picks, embeddings, probs, made_by, with_suggestions=with_suggestions
    )
    ties = [
        {**new_question(project, round_id, item_id, role), "why": AGAIN, "answers_wanted": 1}
        for item_id, role in sorted(chosen.again.items())
    ]
    with ledger.write():
        if harm:
            ledger.put(OFF, harm)
        ledger.insert("picks", picks)
        version = History.read(ledger).newest
        outbox = interleave(ties, questions, _holdout_questions(project, round_id))
        ledger.insert("questions", [{**question, "classes": version} for question in outbox])
        ledger.update(
            "rounds",
            round_id,
            status="selected",
            batch=len(picks),
            candidates=len(candidates),
            picked_with=chosen.scored_by or made_by,
            holdout_duplicates=candidates.holdout_duplicates,
            selected_at=utc_now(),
        )
        watch.charge(ledger, project.config.cost, round_id, "score")
        charge_campaign(ledger, project.config.cost, round_id)
    return harm


def ask_holdout_again(project: Project, round_id: int, version: int) -> int:
    """Put hold-out items that lost their label into the outbox of a round that is out; returns how many.

    To be called inside the `write` that changed the classes.

    Args:
        project: opened.
        round_id: of the open round, which goes back to being sent.
        version: the change of classes, which tells a second question of the same round from the first.
    """
    ledger = project.ledger
    again = [item_id for item_id, labeled in queries.questions.holdout_to_ask(ledger).items() if labeled]
    if not again:
        return 0
    last = queries.questions.last_rank(ledger, round_id)
    questions = []
    for rank, item_id in enumerate(again, start=last + 1):
        question = new_question(project, round_id, item_id, "holdout")
        own = {"key": again_key(question["key"], version), "rank": rank, "why": BLIND, "classes": version}
        questions.append({**question, **own})
    ledger.insert("questions", questions)
    ledger.update("rounds", round_id, status="selected")
    return len(questions)


def _picks(round_id: int, ids: list[str], embeddings: FloatArray, chosen: Chosen) -> list[Row]:
    """Rows of the ledger, in order of rank."""
    batch = chosen.batch
    distance = _coverage_distance(embeddings, chosen.asked)
    entropy, margin = chosen.scores.get("entropy"), chosen.scores.get("margin")
    return [
        {
            "round": round_id,
            "item_id": item_id,
            "rank": i + 1,
            "strategy": batch.strategy[i],
            "score": _number(batch.score[i]),
            "entropy": None if entropy is None else float(entropy[position]),
            "margin": None if margin is None else float(margin[position]),
            "coverage_distance": None if distance is None else float(distance[i]),
            "probability": _number(batch.probability[i]),
            "arm": int(chosen.of_arm[i]),
        }
        for i, (item_id, position) in enumerate(zip(ids, batch.positions, strict=True))
    ]


def _holdout_questions(project: Project, round_id: int) -> list[Row]:
    """About the items of the sealed sample that no question asks about, and those that lost their label."""
    return [
        {**new_question(project, round_id, item_id, "holdout"), "why": BLIND}
        for item_id in queries.questions.holdout_to_ask(project.ledger)
    ]


def _coverage_distance(embeddings: FloatArray, asked: FloatArray) -> FloatArray | None:
    """1 - cosine of each row to the nearest item asked about before; None when there is none."""
    if not len(asked):
        return None
    cosine, _nearest = most_similar(embeddings, asked)
    return np.asarray(1.0 - cosine[:, 0], dtype=np.float32)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
