"""The questions of a round as they go into the ledger's outbox: what is asked, and what annotators see beside it."""

import hashlib
import json

import numpy as np
from numpy.typing import NDArray

from curator.ledger import queries
from curator.ledger.store import Row
from curator.project.project import Project
from strategies.kernels.vector_index import most_similar
from strategies.registry import Scorer, Selector, get

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
        probs: (n_picks, width) what the model thinks; None = there is no model.
        version: of the model.
        with_suggestions: whether annotators see what the model thinks, but for the blind share.
    """
    labeler, seed, task = project.config.labeler, project.config.project.seed, project.task
    suggestions = None if probs is None else task.suggestions(probs)
    near = labeled_neighbours(project, embeddings, labeler.neighbours)
    questions = []
    for i, pick in enumerate(picks):
        item_id = pick["item_id"]
        blind = is_blind(item_id, seed, labeler.blind_share)
        shown = with_suggestions and not blind
        question = new_question(project, round_id, item_id, "train")
        if suggestions is not None:
            label, score = suggestions[i]
            question |= {
                "suggestion": label,
                "suggestion_score": score,
                "suggestion_shown": int(shown),
                "model_version": version,
            }
        # What the model thinks, and labels of items like this one, would give the suggestion away.
        if blind:
            question["why"] = BLIND
        else:
            question["why"] = why_picked(
                pick["strategy"],
                task.doubt(probs[i]) if probs is not None and shown else None,
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


# The same for the hold-out and for the blind share of the others: nobody can tell the two apart by it.
BLIND = "No reason is shown here, so that nothing sways your answer."
SUGGESTED = "The class already ticked is the model's suggestion."
AGAIN = "The answers so far do not settle the label, so one more is needed."


def why_picked(strategy: str, unsure: str | None, distance: float | None) -> str:
    """Why a strategy picked an item, in one sentence.

    Args:
        strategy: that picked it.
        unsure: what the model is unsure about (`Task.doubt`); None = nobody is to know, or there is no model.
        distance: 1 - cosine to the nearest item asked about before; None = there is none.
    """
    found = None if ":" in strategy else get(strategy)  # a strategy of modAL has no entry of ours
    if isinstance(found, Scorer) and not found.members and unsure:
        return f"The model {unsure}."
    parts = [found.reason if found is not None and found.reason else f"Chosen by {strategy}"]
    if unsure and (isinstance(found, Scorer) or (found is not None and _asks_model(found))):
        parts.append(f"the model {unsure}")
    if distance is not None and not isinstance(found, Scorer) and not (found and found.uniform):
        parts.append(_nearness(distance))
    return f"{'; '.join(parts)}."


def _asks_model(selector: Selector) -> bool:
    return bool({"uncertainty", "predict"} & {*selector.needs, *selector.uses})


def _nearness(distance: float) -> str:
    if distance > 0.5:
        return "nothing asked before is similar to it"
    return (
        "a very similar item has been asked before"
        if distance < 0.15
        else "somewhat similar items have been asked before"
    )


def is_blind(item_id: str, seed: int, share: float) -> bool:
    """Whether an item is in the blind share.

    It depends on the item and the campaign's seed alone: chance decides, not what the model thinks of the item,
    and whoever asks again gets the same answer.

    Args:
        item_id: of the item.
        seed: of the campaign.
        share: of the items that are blind, 0 to 1.
    """
    return _fraction(f"blind:{seed}:{item_id}") < share


def wants_several(item_id: str, seed: int, share: float) -> bool:
    """Whether an item is in the share that several annotators answer; drawn apart from the blind share."""
    return _fraction(f"overlap:{seed}:{item_id}") < share


def _fraction(text: str) -> float:
    """A number from 0 to below 1, evenly spread over texts."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def labeled_neighbours(project: Project, embeddings: FloatArray, count: int) -> list[list[str]]:
    """Ids of the labeled training items nearest to each row, nearest first; the hold-out's stay sealed.

    Args:
        project: opened.
        embeddings: (n, dim), rows of length 1.
        count: neighbours of each.

    Returns:
        n lists, each of at most `count` ids; all empty while nothing is labeled.
    """
    labeled = list(queries.labels.training_labels(project.ledger))
    if not count or not labeled or not len(embeddings):
        return [[] for _ in range(len(embeddings))]
    there = project.embeddings.take(project.pool.rows(labeled))
    _cosine, nearest = most_similar(embeddings, there, min(count, len(labeled)))
    return [[labeled[position] for position in row] for row in nearest]
