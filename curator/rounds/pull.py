"""Pull: bring the ledger up to date with the labeler, and notice what is gone or was missed."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from curator.errors import CuratorError
from curator.ledger import queries
from curator.ledger.store import Ledger, utc_now
from curator.pool.problems import counted
from curator.project.project import Project
from curator.rounds.push import prepare
from curator.rounds.settle import settle_corrections
from curator.rounds.store import Stored, store
from integrations.errors import IntegrationError
from integrations.labelers.protocol import Labeler

# Complete pulls take at most one part in so many of the time: with 100,000 questions one takes a minute or two.
_REST = 10
_LAST_COMPLETE = "last_complete_pull"
_PULLED_FROM = "pulled_from"  # the address of the server


@dataclass(frozen=True)
class _Counts:
    """How many questions and answers there are, those that are not ours included."""

    questions: int
    answers: int

    def __sub__(self, other: "_Counts") -> "_Counts":
        return _Counts(self.questions - other.questions, self.answers - other.answers)


def pull(project: Project, round_id: int, *, accept_loss: bool = False) -> list[str]:
    """Bring the ledger up to date with the labeler; what is new is charged to `round_id`.

    First what changed since the last pull. The labeler's number of questions and answers is read before and after, for
    somebody may be answering just now: then the ledger holds as many as there were at some time in between. Whatever
    else differs is looked at once more, and what stays is looked into by pulling everything: that is how deleted
    questions and lost changes come to light.

    Args:
        project: opened, its labeler prepared.
        round_id: the open round.
        accept_loss: go on even when every question of the campaign is gone from the labeler.

    Returns:
        Notes for a person: questions and answers deleted at the labeler, counts that still differ.

    Raises:
        CuratorError: every question is gone, which rather means another server or project than before.
    """
    ledger, labeler = project.ledger, project.labeler
    gone: list[Stored] = []
    said: dict[str, None] = {}

    def take(cursor: str | None) -> tuple[_Counts, bool]:
        pulled = labeler.pull(cursor)
        gone.append(store(project, pulled, round_id, accept_loss=accept_loss))
        said.update(dict.fromkeys(pulled.notes))
        return _there(labeler), pulled.complete

    _begin_anew_elsewhere(project)

    before = _there(labeler)
    there, complete = take(ledger.get("cursor"))
    # What everything just pulled does not explain, only the next pull can.
    if not complete and not _is_between(_held(ledger), before, there):
        before = there
        there, complete = take(ledger.get("cursor"))
        if not complete and not _is_between(_held(ledger), before, there):
            settling = accept_loss or not queries.questions.progress(ledger, round_id).waiting
            if _may_pull_all(ledger, there, settling=settling):
                there = _pull_all(ledger, there, take)
    return [*_notes(gone, _held(ledger), there), *said]


def catch_up(project: Project) -> list[str]:
    """Take in what was corrected while no round is open; labels follow, the newest model does not.

    Returns:
        Notes for a person; among them that the labeler could not be asked.
    """
    ledger = project.ledger
    newest = queries.rounds.last_round_id(ledger)
    if not newest:
        return []
    try:
        prepare(project, claim=False)
        notes = pull(project, newest)
    except (IntegrationError, CuratorError) as exc:
        return [f"The labeler could not be asked for corrections: {exc}"]
    settled = settle_corrections(ledger, project.task)
    if settled.labeled or settled.retracted:
        notes.append(
            f"Answers were corrected since their rounds ended: {counted(settled.labeled, 'label')} changed or added, {settled.retracted} "
            "withdrawn. `curator export` writes the corrected labels; models learn them only in the next measured round."
        )
    return notes


def _begin_anew_elsewhere(project: Project) -> None:
    """A time up to which was pulled means nothing to a server at another address: there everything is pulled."""
    ledger, where = project.ledger, project.config.labeler.url or ""
    if ledger.get(_PULLED_FROM) == where:
        return
    with ledger.write():
        if ledger.get(_PULLED_FROM) is not None:
            ledger.drop("cursor")
        ledger.put(_PULLED_FROM, where)


def _pull_all(ledger: Ledger, before: _Counts, take: Callable[[str | None], tuple[_Counts, bool]]) -> _Counts:
    """Pull everything; notes when that was, what it left unexplained, and how long it took. Returns what is there."""
    begun = time.monotonic()
    there, _ = take(None)
    # While people answer, nothing can be said about what is left.
    left = there - _held(ledger) if there == before else _Counts(0, 0)
    seconds = time.monotonic() - begun
    with ledger.write():
        ledger.put(
            _LAST_COMPLETE,
            json.dumps({"at": utc_now(), "seconds": seconds, "left": [left.questions, left.answers]}),
        )
    return there


def _held(ledger: Ledger) -> _Counts:
    """What the ledger knows to be at the labeler: ours, and what is not ours as of the last complete pull."""
    return _Counts(
        queries.questions.count_questions_there(ledger) + int(ledger.get("foreign_questions") or 0),
        queries.answers.count_answers_there(ledger) + int(ledger.get("foreign_answers") or 0),
    )


def _there(labeler: Labeler) -> _Counts:
    """What the labeler says it holds."""
    return _Counts(labeler.question_count(), labeler.answer_count())


def _is_between(held: _Counts, before: _Counts, after: _Counts) -> bool:
    """Whether annotators at work explain all difference: as many answers as there were at some time meanwhile."""
    low, high = sorted((before.answers, after.answers))
    return held.questions == after.questions and low <= held.answers <= high


def _may_pull_all(ledger: Ledger, there: _Counts, *, settling: bool) -> bool:
    """Whether a difference is worth a complete pull now.

    Before a round is settled, every one is. So is one in the number of questions: nobody need wait for a question that
    was deleted. Answers that do not add up can wait a while, as when people answer tasks that are not ours. What the
    last complete pull could not explain is left alone until the round is settled.
    """
    found = ledger.get(_LAST_COMPLETE)
    if found is None or settling:
        return True
    last = json.loads(found)
    difference = there - _held(ledger)
    if difference == _Counts(*last["left"]):
        return False
    passed = (datetime.now(UTC) - datetime.fromisoformat(last["at"])).total_seconds()
    rested = not 0 <= passed < _REST * last["seconds"]  # the clock may have been set back
    return rested or difference.questions != last["left"][0]


def _notes(gone: list[Stored], held: _Counts, there: _Counts) -> list[str]:
    notes = []
    withdrawn, taken_back = sum(s.withdrawn for s in gone), sum(s.taken_back for s in gone)
    if withdrawn:
        notes.append(
            f"Deleted at the labeler: {counted(withdrawn, 'question')}, no longer waited "
            "for. Answers they had before still count; items without any go back into the pool."
        )
    if taken_back:
        notes.append(
            f"Deleted at the labeler: {counted(taken_back, 'answer')}, which no longer count but remain paid."
        )
    if held.answers != there.answers:
        notes.append(
            f"The labeler reports {counted(there.answers, 'answer')}, and {held.answers:,} were pulled; "
            "somebody may be answering right now. Run `curator status` to see the rest."
        )
    return notes
