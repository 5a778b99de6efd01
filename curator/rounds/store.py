"""Store: write what one pull brought into the ledger, every answer as it came, and charge for it.

Answers are never overwritten: an edit or a deletion is the next version. All of one pull, money and cursor included,
is one transaction.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from curator.errors import CuratorError
from curator.ledger.store import Ledger, Row, utc_now
from curator.project import Project
from curator.rounds.charges import reconcile
from integrations.labelers.protocol import Answer, Pulled, QuestionAnswers


@dataclass(frozen=True)
class Stored:
    """What a pull found gone at the labeler."""

    withdrawn: int  # questions
    taken_back: int  # answers to questions that are still there


def store(project: Project, pulled: Pulled, round_id: int, *, accept_loss: bool) -> Stored:
    """Write one pull.

    Args:
        project: opened.
        pulled: what the labeler said.
        round_id: pays for what is new.
        accept_loss: go on even when every question of the campaign is gone from the labeler.

    Raises:
        CuratorError: every question is gone, which rather means another server or project than before; or questions
            of this campaign are there that the ledger does not know.
    """
    ledger = project.ledger
    with ledger.write():
        known = _known_questions(ledger, pulled.questions)
        _refuse_forgotten(project, [q.key for q in pulled.questions if q.key not in known])
        before = _answers_before(ledger, list(known))
        changes = _Changes(project, round_id)
        for question in pulled.questions:
            if question.key in known:
                changes.add(question, known[question.key], before.get(question.key, {}))
        changes.write()
        withdrawn = 0
        if pulled.complete:
            withdrawn = _withdraw(project, pulled, accept_loss=accept_loss)
            # A key that is not of this campaign makes a task somebody else's.
            unknown = [len(question.answers) for question in pulled.questions if question.key not in known]
            ledger.put("foreign_questions", str(pulled.foreign_questions + len(unknown)))
            ledger.put("foreign_answers", str(pulled.foreign_answers + sum(unknown)))
        if pulled.cursor is not None:
            ledger.put("cursor", pulled.cursor)
    return Stored(withdrawn, changes.taken_back)


class _Changes:
    """What a pull changes, collected to be written at once: row by row, 100,000 answers take minutes."""

    def __init__(self, project: Project, round_id: int) -> None:
        self.taken_back = 0
        self._ledger = project.ledger
        self._round = round_id
        self._now = utc_now()
        self._there: dict[str, str] = {}  # questions that have moved, or are back: key -> id at the labeler
        self._answers: list[Row] = []

    def add(self, now: QuestionAnswers, question: Row, before: Mapping[str, Row]) -> None:
        """Take in the answers of one question; `before` is the newest version of each that is known."""
        if question["external_id"] != now.external_id or question["state"] != "asked":
            self._there[now.key] = now.external_id
        for answer in now.answers:
            held = before.get(answer.source_id)
            if held is None:
                self._add_version(answer, question, None, "new")
            elif held["change"] == "deleted" or _differs(held, answer):
                self._add_version(answer, question, held, "edited")
        there = {answer.source_id for answer in now.answers}
        for source_id, held in before.items():
            if source_id not in there and held["change"] != "deleted":
                self._take_back(held)

    def write(self) -> None:
        """Put everything that was added into the ledger."""
        self._ledger.execute(
            "update questions set state = 'asked', external_id = there.value from json_each(?) there "
            "where questions.key = there.key",
            [json.dumps(self._there)],
        )
        self._ledger.insert("answers", self._answers)
        reconcile(self._ledger, self._round, news=bool(self._answers))

    def _add_version(self, answer: Answer, question: Row, held: Row | None, change: str) -> None:
        version = 1 if held is None else held["version"] + 1
        self._answers.append(
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
                "round": self._round,
                "pulled_at": self._now,
            }
        )

    def _take_back(self, held: Row) -> None:
        """A deletion is a version too: what was said stays on record, what was paid stays paid."""
        self.taken_back += 1
        self._answers.append(
            {
                **held,
                "version": held["version"] + 1,
                "change": "deleted",
                "round": self._round,
                "pulled_at": self._now,
            }
        )


def _known_questions(ledger: Ledger, questions: Iterable[QuestionAnswers]) -> dict[str, Row]:
    """Our questions among these; a key we never wrote is somebody else's task."""
    rows = ledger.rows(
        "select key, role, state, external_id from questions where key in (select value from json_each(?))",
        [json.dumps([question.key for question in questions])],
    )
    return {row["key"]: row for row in rows}


def _refuse_forgotten(project: Project, unknown: list[str]) -> None:
    """A question of this very campaign that the ledger never wrote: the ledger is an older one, put back by hand."""
    forgotten = [key for key in unknown if key.startswith(f"{project.campaign}-r")]
    if forgotten:
        raise CuratorError(
            f"{len(forgotten)} questions at {project.labeler.where()} are of this campaign, but its ledger does not know them "
            f"(first: {forgotten[0]}): is it an older copy? Nothing was changed. To take them in: `curator backup DIR`, then "
            "`curator restore --from DIR --force`."
        )


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
    ledger.execute(
        "update questions set state = 'withdrawn' where key in (select value from json_each(?))",
        [json.dumps(gone)],
    )
    return len(gone)
