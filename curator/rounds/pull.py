"""Pull: store every answer as it came, and charge for it, in one transaction with the cursor."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from curator.errors import CuratorError
from curator.ledger.store import Ledger, Row, utc_now
from curator.money.cost import charge_answer
from curator.project import Project
from integrations.labelers.protocol import Answer, Pulled, QuestionAnswers

# What the ledger holds of what is at the labeler now: ours, and what is not ours as of the last complete pull.
_QUESTIONS = "select count(*) from questions where state = 'asked'"
_ANSWERS = "select count(*) from live_answers a join questions q on q.key = a.key where q.state = 'asked'"


@dataclass
class _Tally:
    """What pulls found gone at the labeler."""

    withdrawn: int = 0  # questions
    taken_back: int = 0  # answers to questions that are still there


def pull(project: Project, round_id: int, *, accept_loss: bool = False) -> list[str]:
    """Bring the ledger up to date with the labeler; what is new is charged to `round_id`.

    First what changed since the last pull. If the labeler then holds another number of questions or answers
    than the ledger, everything is pulled once more: that is how deleted questions and lost changes come to light.

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
    tally = _Tally()
    _store(project, labeler.pull(ledger.get("cursor")), round_id, tally, accept_loss=accept_loss)
    if _held(ledger) != (labeler.question_count(), labeler.answer_count()):
        _store(project, labeler.pull(None), round_id, tally, accept_loss=accept_loss)
    notes = []
    if tally.withdrawn:
        notes.append(
            f"{tally.withdrawn} questions were deleted at the labeler: nobody is waited for. "
            "Answers they had before still count."
        )
    if tally.taken_back:
        notes.append(
            f"{tally.taken_back} answers were deleted at the labeler: they no longer count, but stay paid."
        )
    (_, held), there = _held(ledger), labeler.answer_count()
    if held != there:
        notes.append(
            f"The labeler holds {there} answers, {held} of them were pulled; "
            "somebody may be answering just now. Run `curator status` to see the rest."
        )
    return notes


def _held(ledger: Ledger) -> tuple[int, int]:
    """Questions and answers that the ledger knows to be at the labeler."""
    questions = int(ledger.scalar(_QUESTIONS)) + int(ledger.get("foreign_questions") or 0)
    return questions, int(ledger.scalar(_ANSWERS)) + int(ledger.get("foreign_answers") or 0)


def _store(project: Project, pulled: Pulled, round_id: int, tally: _Tally, *, accept_loss: bool) -> None:
    """Write one pull."""
    ledger = project.ledger
    with ledger.write():
        known = _known_questions(ledger, pulled.questions)
        before = _answers_before(ledger, list(known))
        for question in pulled.questions:
            if question.key in known:
                tally.taken_back += _store_question(
                    project, question, known[question.key], before.get(question.key, {}), round_id
                )
        if pulled.complete:
            tally.withdrawn += _withdraw(project, pulled, accept_loss=accept_loss)
            # A key that we never wrote, say of a lost ledger's campaign, makes a task somebody else's.
            unknown = [len(question.answers) for question in pulled.questions if question.key not in known]
            ledger.put("foreign_questions", str(pulled.foreign_questions + len(unknown)))
            ledger.put("foreign_answers", str(pulled.foreign_answers + sum(unknown)))
        if pulled.cursor is not None:
            ledger.put("cursor", pulled.cursor)


def _known_questions(ledger: Ledger, questions: Iterable[QuestionAnswers]) -> dict[str, Row]:
    """Our questions among these; a key we never wrote is somebody else's task."""
    keys = json.dumps([q.key for q in questions])
    rows = ledger.rows("select * from questions where key in (select value from json_each(?))", [keys])
    return {row["key"]: row for row in rows}


def _answers_before(ledger: Ledger, keys: list[str]) -> dict[str, dict[str, Row]]:
    """Key -> source_id -> newest version of each answer we hold."""
    rows = ledger.rows(
        """
        select * from answers a where key in (select value from json_each(?))
        and version = (select max(version) from answers b where b.source_id = a.source_id)
        """,
        [json.dumps(keys)],
    )
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row["key"], {})[row["source_id"]] = row
    return found


def _store_question(
    project: Project, now: QuestionAnswers, question: Row, before: dict[str, Row], round_id: int
) -> int:
    """Write the answers of one question; returns how many were taken back."""
    ledger = project.ledger
    if question["external_id"] != now.external_id or question["state"] != "asked":
        ledger.update("questions", now.key, external_id=now.external_id, state="asked")
    for answer in now.answers:
        held = before.get(answer.source_id)
        if held is None:
            _add_version(project, answer, question, None, "new", round_id)
        elif held["change"] == "deleted" or _differs(held, answer):
            _add_version(project, answer, question, held, "edited", round_id)
    there = {answer.source_id for answer in now.answers}
    gone = [
        held for source_id, held in before.items() if source_id not in there and held["change"] != "deleted"
    ]
    for held in gone:
        _take_back(ledger, held, round_id)
    return len(gone)


def _differs(held: Row, answer: Answer) -> bool:
    before = ("label", "skipped", "cannot_tell", "problem", "seconds", "annotator", "suggestion")
    now = (
        answer.label,
        int(answer.skipped),
        int(answer.cannot_tell),
        answer.problem,
        answer.seconds,
        answer.annotator,
        answer.suggestion,
    )
    return tuple(held[name] for name in before) != now


def _add_version(
    project: Project, answer: Answer, question: Row, held: Row | None, change: str, round_id: int
) -> None:
    ledger = project.ledger
    version = 1 if held is None else held["version"] + 1
    ledger.insert(
        "answers",
        [
            {
                "source_id": answer.source_id,
                "version": version,
                "change": change,
                "key": question["key"],
                "annotator": answer.annotator,
                "label": answer.label,
                "skipped": int(answer.skipped),
                "cannot_tell": int(answer.cannot_tell),
                "suggestion": answer.suggestion,
                "problem": answer.problem,
                "seconds": answer.seconds,
                "created_at": answer.created_at,
                "updated_at": answer.updated_at,
                "raw": json.dumps(dict(answer.raw), sort_keys=True, default=str),
                "round": round_id,
                "pulled_at": utc_now(),
            }
        ],
    )
    charge = charge_answer(
        project.config.cost,
        first=held is None,
        skipped=answer.skipped,
        seconds=answer.seconds,
        charged=int(
            ledger.scalar(
                "select coalesce(sum(amount), 0) from costs where source_id = ?", [answer.source_id]
            )
        ),
        known_seconds=_known_seconds(ledger) if answer.seconds is None else (),
    )
    if charge is None:
        return
    ledger.insert(
        "costs",
        [
            {
                "source_id": answer.source_id,
                "version": version,
                "round": round_id,
                "kind": "holdout" if question["role"] == "holdout" else "label",
                "key": question["key"],
                "annotator": answer.annotator,
                "seconds": answer.seconds,
                "amount": charge.amount,
                "currency": project.config.cost.currency,
                "basis": charge.basis,
                "source": charge.source,
            }
        ],
    )


def _known_seconds(ledger: Ledger) -> list[float]:
    return [
        row["seconds"] for row in ledger.rows("select seconds from live_answers where seconds is not null")
    ]


def _take_back(ledger: Ledger, held: Row, round_id: int) -> None:
    """A deletion is a version too: what was said stays on record, what was paid stays paid."""
    ledger.insert(
        "answers",
        [
            {
                **held,
                "version": held["version"] + 1,
                "change": "deleted",
                "round": round_id,
                "pulled_at": utc_now(),
            }
        ],
    )


def _withdraw(project: Project, pulled: Pulled, *, accept_loss: bool) -> int:
    """Mark questions that are gone from the labeler. Their answers stand: the work was done and paid for."""
    ledger = project.ledger
    there = {question.key for question in pulled.questions}
    asked = [row["key"] for row in ledger.rows("select key from questions where state = 'asked'")]
    gone = [key for key in asked if key not in there]
    if gone and len(gone) == len(asked) and not accept_loss:
        raise CuratorError(
            f"None of the {len(asked)} questions of this campaign is at {project.labeler.where()}: is it another server or "
            "project than before? Mend [labeler] in curator.toml. If they really were deleted there, "
            "`curator round --partial` goes on without them."
        )
    for key in gone:
        ledger.update("questions", key, state="withdrawn")
    return len(gone)
