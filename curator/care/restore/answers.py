"""Answers as they are at the labeler now, each paid by the round that asked; then labels, and rounds closed."""

from dataclasses import replace
from pathlib import Path

from curator.care.restore.place import Place
from curator.care.restore.result import RestoreReport
from curator.ledger import queries, restoring
from curator.ledger.store import Ledger, Row
from curator.money.fixed import charge_round
from curator.project.project import Project
from curator.rounds.pull import pull
from curator.rounds.push import labeler_spec
from curator.rounds.settle import settle
from integrations.labelers.protocol import Announcement, ProjectSpec, Question
from integrations.labelers.replay import ReplayLabeler

_NOTE = "Restored from the labeler: its model and its gain are lost."


def first_unpaid(ledger: Ledger) -> int:
    """The first round that answers may still be charged to: what is closed stays as it was measured."""
    current = queries.rounds.current_round(ledger)
    return queries.rounds.last_round_id(ledger) + 1 if current is None else int(current["id"])


def pull_answers(project: Project, place: Place, first: int, report: RestoreReport) -> None:
    """Pull everything; what is new is charged to the round that asked, or `first` if that is closed.

    Args:
        project: whose ledger is built; the newest round is open.
        place: where its questions are.
        first: see `first_unpaid`, before anything was taken in.
        report: gets what the pull notes.
    """
    ledger = project.ledger
    # No holder: nothing is taken over before the new state is in its place.
    spec = replace(labeler_spec(project), holder="")
    reference = project.labeler.prepare(spec, place.project)
    with ledger.write():
        ledger.put("labeler_project", reference)
        ledger.drop("cursor")
    answers, costs = restoring.newest_row(ledger, "answers"), restoring.newest_row(ledger, "costs")
    report.notes += pull(project, queries.rounds.last_round_id(ledger))
    with ledger.write():
        restoring.pay_by_asking_rounds(ledger, answers, costs, first)


def close_rounds(project: Project, first: int) -> list[int]:
    """Settle and close every round below the newest that is still open, from `first` on; returns their numbers."""
    ledger, newest = project.ledger, queries.rounds.last_round_id(project.ledger)
    closing = [number for number in queries.rounds.open_rounds(ledger) if first <= number < newest]
    if not closing:
        return []
    # Labels of all but the newest round, which the next `curator round` settles; each in the round that asked.
    last = queries.labels.newest_label_row(ledger)
    settle(ledger, project.task, newest - 1, partial=False)
    with ledger.write():
        restoring.settle_by_asking_rounds(ledger, last, newest, first)
        restoring.withdraw_unsent(ledger, newest)
        for number in closing:
            waiting = queries.questions.progress(ledger, number).waiting
            ledger.update(
                "rounds",
                number,
                status="unmeasured",
                note=_NOTE,
                partial=int(waiting > 0),
                model_version=None,
            )
            charge_round(ledger, project.config.cost, number)
    return closing


def reopen_newest(project: Project, *, has_new: bool) -> None:
    """Let the newest round go on where it can: its model is gone, and what was sent need not be chosen again."""
    ledger = project.ledger
    current = queries.rounds.current_round(ledger)
    if current is None:
        return
    changes: Row = {}
    if current["status"] == "opened" and has_new:
        changes = {"status": "pushed"}
    elif current["status"] == "trained":
        changes = {"status": "settled", "model_version": None, "trained_at": None}
    if changes:
        with ledger.write():
            ledger.update("rounds", current["id"], **changes)


def ask_again(ledger: Ledger, state: Path) -> None:
    """Put every question that was asked to the replay labeler again, in the same order: it answers the same.

    Its file says nothing but the order of asking, which a backup knows.
    """
    asked = queries.questions.sent_questions(ledger)
    if not asked:
        return
    labeler = ReplayLabeler({}, state / "replay.jsonl")
    labeler.prepare(ProjectSpec(title="", kind="text", classes=()), None)
    questions = [Question(row["key"], row["item_id"], row["round"], row["rank"]) for row in asked]
    for start in range(0, len(asked), labeler.chunk_size):
        labeler.send(questions[start : start + labeler.chunk_size])
    several = {row["key"]: int(row["answers_wanted"]) for row in asked if row["answers_wanted"] > 1}
    labeler.announce(Announcement(round=1, answers_wanted=several))
