"""Settle: derive labels from answers. Labels are never overwritten: a change is the next version."""

from collections import defaultdict
from dataclasses import dataclass

from curator.ledger import queries
from curator.ledger.class_history import History, Meaning, Role
from curator.ledger.store import Ledger, Row, utc_now
from curator.tasks.task import ANSWERS, Consensus, Task

_ALL = 2**62  # rounds


@dataclass(frozen=True)
class Settled:
    """What settling changed."""

    labeled: int  # items with a new or another label
    retracted: int  # items that lost theirs
    tied: int  # items whose answers have become even, and so have no label


def settle(ledger: Ledger, task: Task, round_id: int, *, partial: bool) -> Settled:
    """Derive the label of every item whose answers say something new, and mark the round settled."""
    with ledger.write():
        settled = derive_labels(ledger, task, settled_in=round_id)
        ledger.update("rounds", round_id, status="settled", partial=int(partial), settled_at=utc_now())
    return settled


def settle_corrections(ledger: Ledger, task: Task) -> Settled:
    """Let labels follow what was corrected since they were settled; what an open round asks waits for its end."""
    with ledger.write():
        last = queries.rounds.last_round_id(ledger)
        return derive_labels(ledger, task, settled_in=last, closed_only=True)


def derive_labels(
    ledger: Ledger, task: Task, *, settled_in: int, last_round: int = _ALL, closed_only: bool = False
) -> Settled:
    """Derive labels, by today's classes; to be called inside a `write`.

    Answers come first, whoever paid for them; an item without any that counts has the label of the user's own file, if
    it stands in one.

    Args:
        ledger: with everything that was answered and imported.
        task: what a label is.
        settled_in: the round that is open now.
        last_round: what later rounds asked is still out.
        closed_only: leave items alone that the open round asks about.
    """
    history = History.read(ledger)
    votes = {item_id: list(by.values()) for item_id, by in _votes(ledger, task, history, last_round).items()}
    running = queries.rounds.current_round(ledger) if closed_only else None
    owned = _owned(ledger, task, history)
    asked = {row["item_id"]: row for row in queries.questions.asked_items(ledger, last_round)}
    asked |= {item_id: known.question for item_id, known in owned.items() if item_id not in asked}
    current = queries.labels.current_labels(ledger)
    labeled = retracted = tied = 0
    changed = []
    for item_id, question in asked.items():
        if running is not None and question["round"] == running["id"]:
            continue
        now, before = consensus_today(task, votes.get(item_id, [])), current.get(item_id)
        known = owned.get(item_id)
        if known is not None and not votes.get(item_id):
            now = known.consensus
            if known.is_unchanged and before is None:
                continue  # the hold-out's own file says it
        if not _changed(now, before):
            continue
        tied += now.tied and not (before and before["tied"])
        labeled += now.label is not None
        retracted += now.label is None and before is not None and before["label"] is not None
        changed.append(_label_row(item_id, question, now, before, settled_in))
    ledger.insert("labels", changed)
    return Settled(labeled, retracted, tied)


@dataclass(frozen=True)
class Vote:
    """What one person says of an item today.

    Attributes:
        name: as it was given; None = cannot tell.
        meaning: what that says today.
        version: the last change of classes that the person can have known of.
    """

    name: str | None
    meaning: Meaning
    version: int


def consensus_today(task: Task, votes: list[Vote]) -> Consensus:
    """What the votes on an item amount to by today's classes.

    A vote that no longer says enough is one against every label: where there is none all the same, the item is to be
    asked about again. It counts until somebody has answered under the newer classes.
    """
    since = max((vote.meaning.outdated or 0 for vote in votes), default=0)
    counting = [vote.meaning.label for vote in votes if vote.meaning.outdated is None]
    if not since or any(vote.meaning.outdated is None and vote.version >= since for vote in votes):
        return task.consensus(counting)
    found = task.consensus(counting, [vote.name for vote in votes if vote.meaning.outdated is not None])
    return found if found.label is not None else Consensus(None, 0, None, tied=False, outdated=since)


@dataclass(frozen=True)
class _Owned:
    """A label of the user's own file."""

    question: Row  # in place of a question: item_id, role, round
    consensus: Consensus
    is_unchanged: bool  # a hold-out file's label that means what it meant


def read_votes(ledger: Ledger, task: Task) -> dict[str, dict[str, str | None]]:
    """Item id -> annotator -> the label they gave as it is called today, or None of who cannot tell.

    What no longer says enough, since the classes changed, is no vote.
    """
    votes = _votes(ledger, task, History.read(ledger), _ALL)
    return {
        item_id: {who: vote.meaning.label for who, vote in by.items() if vote.meaning.outdated is None}
        for item_id, by in votes.items()
    }


def _votes(ledger: Ledger, task: Task, history: History, last_round: int) -> dict[str, dict[str, Vote]]:
    """Item id -> annotator -> what they said last."""
    given: dict[str, dict[str, Vote]] = defaultdict(dict)
    for row in queries.answers.votes(ledger, last_round):
        version = history.version_of_answer(row["classes"], row["updated_at"])
        meaning = task.meaning(history, row["label"], version, row["role"])
        # of one person the newest counts
        given[row["item_id"]][row["annotator"]] = Vote(row["label"], meaning, version)
    return given


def _owned(ledger: Ledger, task: Task, history: History) -> dict[str, _Owned]:
    """Item id -> what a file of the user's says of it: labels to train on, and those of a hold-out file."""
    found = {}
    for row in queries.labels.imported_labels(ledger):
        meaning = task.meaning(history, row["label"], row["classes"], "train")
        found[row["item_id"]] = _owned_label(row["item_id"], "train", "imported", meaning)
    for item_id, label in queries.holdout.holdout_file_labels(ledger).items():
        meaning = task.meaning(history, label, 0, "holdout")
        is_unchanged = meaning.label == label
        found[item_id] = _owned_label(item_id, "holdout", "file", meaning, is_unchanged=is_unchanged)
    return found


def _owned_label(
    item_id: str, role: Role, source: str, meaning: Meaning, *, is_unchanged: bool = False
) -> _Owned:
    now = Consensus(meaning.label, 0, None, tied=False, outdated=meaning.outdated, source=source)
    return _Owned({"item_id": item_id, "role": role, "round": None}, now, is_unchanged)


def _changed(now: Consensus, before: Row | None) -> bool:
    if before is None:
        return now.answers > 0 or now.outdated is not None or now.source != ANSWERS
    return _facts_of(before) != _facts_of(_facts(now))


def _facts(now: Consensus) -> Row:
    return {**vars(now), "tied": int(now.tied)}


def _facts_of(row: Row) -> tuple[object, ...]:
    return tuple(row[name] for name in ("label", "answers", "agreement", "tied", "outdated", "source"))


def _label_row(item_id: str, question: Row, now: Consensus, before: Row | None, settled_in: int) -> Row:
    return {
        "item_id": item_id,
        "version": 1 if before is None else before["version"] + 1,
        "role": question["role"],
        **_facts(now),
        "round": question["round"],
        "settled_in": settled_in,
        "settled_at": utc_now(),
    }
