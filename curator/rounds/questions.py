"""The questions of a round as they go into the ledger's outbox: what is asked, and what annotators see beside it."""

import hashlib
import json

import numpy as np
from numpy.typing import NDArray

from curator.ledger.store import Row
from curator.project import Project
from curator.rounds.blind import is_blind, wants_several
from curator.rounds.neighbours import labeled_neighbours
from curator.rounds.why import BLIND, SUGGESTED, why_picked
from strategies.ties import likeliest

FloatArray = NDArray[np.float32]


def pick_questions(
    project: Project,
    round_id: int,
    picks: list[Row],
    embeddings: FloatArray,
    probs: FloatArray | None,
    version: str | None,
    *,
    with_suggestions: bool,
) -> list[Row]:
    """The questions about the picks of a round, as the ledger's outbox keeps them.

    Args:
        project: opened.
        round_id: that asks.
        picks: rows of the ledger, in order of rank.
        embeddings: (n_picks, dim) of them.
        probs: (n_picks, n_classes) what the model thinks; None = there is no model.
        version: of the model.
        with_suggestions: whether annotators see what the model thinks, but for the blind share.
    """
    labeler, seed, classes = (
        project.config.labeler,
        project.config.project.seed,
        project.config.project.classes,
    )
    near = labeled_neighbours(project, embeddings, labeler.neighbours)
    questions = []
    for i, pick in enumerate(picks):
        item_id = pick["item_id"]
        blind = is_blind(item_id, seed, labeler.blind_share)
        shown = with_suggestions and not blind
        question = new_question(project, round_id, item_id, "train")
        if probs is not None:
            best = int(likeliest(probs[i]))
            question |= {
                "suggestion": classes[best],
                "suggestion_score": float(probs[i][best]),
                "suggestion_shown": int(shown),
                "model_version": version,
            }
        # What the model thinks, and labels of items like this one, would give the suggestion away.
        if blind:
            question["why"] = BLIND
        else:
            question["why"] = why_picked(
                pick["strategy"],
                probs[i] if probs is not None and shown else None,
                classes,
                pick["coverage_distance"],
            )
            if probs is not None and shown:
                question["why"] += f" {SUGGESTED}"
            question["neighbours"] = json.dumps(near[i]) if near[i] else None
        questions.append(question)
    return questions


def new_question(project: Project, round_id: int, item_id: str, role: str) -> Row:
    """A question that is still to be sent, without suggestion."""
    labeler = project.config.labeler
    several = wants_several(item_id, project.config.project.seed, labeler.overlap_share)
    digest = hashlib.blake2b(item_id.encode(), digest_size=8).hexdigest()
    return {
        "key": f"{project.campaign}-r{round_id}-{digest}",
        "round": round_id,
        "item_id": item_id,
        "role": role,
        "rank": 0,
        "state": "outbox",
        "external_id": None,
        "suggestion": None,
        "suggestion_score": None,
        "suggestion_shown": None,
        "model_version": None,
        "answers_wanted": labeler.overlap if several else 1,
        "why": None,
        "neighbours": None,
        "sending_at": None,
        "asked_at": None,
    }


def again_key(key: str, version: int) -> str:
    """The key of a question that is asked once more in the same round, since the classes changed."""
    return f"{key}-c{version}"


def is_key_of(found: str, key: str) -> bool:
    """Whether a question's key is `key`, or that of the same question asked once more."""
    rest = found.removeprefix(key)
    return found == key or (rest != found and rest.startswith("-c") and rest[2:].isdecimal())


def interleave(*parts: list[Row]) -> list[Row]:
    """One order of asking over all: spread evenly, so that a round settled early has measured and learned."""
    place = [
        ((i + 0.5) / len(part), number, q) for number, part in enumerate(parts) for i, q in enumerate(part)
    ]
    ordered = [q for _at, _role, q in sorted(place, key=lambda p: p[:2])]
    return [{**question, "rank": rank} for rank, question in enumerate(ordered, start=1)]
