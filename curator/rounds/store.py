"""Store: write what one pull brought into the ledger, every answer as it came, and charge for it.

Answers are never overwritten: an edit or a deletion is the next version. All of one pull, money and cursor included,
is one transaction.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count

from curator.errors import CuratorError
from curator.ledger import queries, updates
from curator.ledger.people import Given, People
from curator.ledger.store import Ledger, Row, utc_now
from curator.project.project import Project
from curator.rounds.charges import reconcile
from curator.rounds.copies import mark_copies
from integrations.labelers.protocol import Answer, Pulled, QuestionAnswers

_COPIES_KNOWN = "copies_known"  # set once all answers were looked at for copies


@dataclass(frozen=True)
class Stored:
    """What a pull found changed at the labeler."""

    withdrawn: int  # questions that are gone
    taken_back: int  # answers that are gone, to questions that are still there
    edited: int = 0  # answers that say something else now


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
        known = queries.questions.questions_by_key(ledger, [question.key for question in pulled.questions])
        _refuse_forgotten(project, [q.key for q in pulled.questions if q.key not in known])
        before = queries.answers.newest_versions_of(ledger, list(known))
        ours = _Ours(ledger, [question for question in pulled.questions if question.key in known], before)
        changes = _Changes(project, round_id)
        for question, given in zip(ours.questions, ours.given, strict=True):
            changes.add(question, known[question.key], given, before.get(question.key, {}))
        changes.write()
        first = not ledger.get(_COPIES_KNOWN)
        mark_copies(ledger, None if first else known)
        ledger.put(_COPIES_KNOWN, "1")
        reconcile(ledger, round_id, news=first or changes.any)
        withdrawn = 0
        if pulled.complete:
            withdrawn = _withdraw(project, pulled, accept_loss=accept_loss)
            # A key that is not of this campaign makes a task somebody else's.
            unknown = [len(question.answers) for question in pulled.questions if question.key not in known]
            ledger.put("foreign_questions", str(pulled.foreign_questions + len(unknown)))
            ledger.put("foreign_answers", str(pulled.foreign_answers + sum(unknown)))
        if pulled.cursor is not None:
            ledger.put("cursor", pulled.cursor)
    return Stored(withdrawn, changes.taken_back, changes.edited)


class _Ours:
    """The answers of a pull to our questions, each with what the ledger holds of it, under the names of the ledger.

    Attributes:
        questions: with ids and annotators as the ledger has them.
        given: the same answers with what is held of them.
    """

    def __init__(
        self, ledger: Ledger, questions: Sequence[QuestionAnswers], before: Mapping[str, Mapping[str, Row]]
    ) -> None:
        people = People(ledger)
        taken = queries.answers.ids_in_use(
            ledger, [answer.source_id for found in questions for answer in found.answers]
        )
        matched = [_match(question, before.get(question.key, {}), people, taken) for question in questions]
        self.person = people.assign(matched)
        people.write()
        self.given = [
            [
                replace(
                    one,
                    answer=replace(
                        one.answer,
                        source_id=one.source_id,
                        annotator=people.annotator(self.person[one.source_id]),
                    ),
                    person=self.person[one.source_id],
                )
                for one in given
            ]
            for given in matched
        ]
        self.questions = [
            replace(question, answers=tuple(one.answer for one in given))
            for question, given in zip(questions, self.given, strict=True)
        ]


class _Changes:
    """What a pull changes, collected to be written at once: row by row, 100,000 answers take minutes."""

    def __init__(self, project: Project, round_id: int) -> None:
        self.taken_back = 0
        self.edited = 0
        self._ledger = project.ledger
        self._round = round_id
        self._now = utc_now()
        self._there: dict[str, str] = {}  # questions that have moved, or are back: key -> id at the labeler
        self._answers: list[Row] = []
        self._authors: list[
            list[object]
        ] = []  # of answers that are held already: not what somebody said anew

    def add(
        self, now: QuestionAnswers, question: Row, given: Sequence[Given], before: Mapping[str, Row]
    ) -> None:
        """Take in the answers of one question; `before` is the newest version of each that is known."""
        if question["external_id"] != now.external_id or question["state"] != "asked":
            self._there[now.key] = now.external_id
        for one in given:
            if one.held is None:
                self._add_version(one, question, "new")
            elif one.held["change"] == "deleted" or _differs(one.held, one.answer):
                self.edited += 1
                self._add_version(one, question, "edited")
            elif (one.held["person"], one.held["import_id"]) != (one.person, one.answer.import_id):
                self._authors.append([one.source_id, one.person, one.answer.import_id])
        there = {one.source_id for one in given}
        for source_id, held in before.items():
            if source_id not in there and held["change"] != "deleted":
                self._take_back(held)

    def write(self) -> None:
        """Put everything that was added into the ledger."""
        updates.mark_asked(self._ledger, self._there)
        updates.set_authors(self._ledger, self._authors)
        self._ledger.insert("answers", self._answers)

    @property
    def any(self) -> bool:
        """Whether there is anything that the bill may hang on."""
        return bool(self._answers or self._authors)

    def _add_version(self, given: Given, question: Row, change: str) -> None:
        answer, held = given.answer, given.held
        version = 1 if held is None else held["version"] + 1
        self._answers.append(
            {
                "source_id": answer.source_id,
                "version": version,
                "change": change,
                "key": question["key"],
                "annotator": answer.annotator,
                "person": given.person,
                "import_id": answer.import_id,
                "copy_of": None if held is None else held["copy_of"],
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


def _refuse_forgotten(project: Project, unknown: list[str]) -> None:
    """A question of this very campaign that the ledger never wrote: the ledger is an older one, put back by hand."""
    forgotten = [key for key in unknown if key.startswith(f"{project.campaign}-r")]
    if forgotten:
        raise CuratorError(
            f"{len(forgotten)} questions at {project.labeler.where()} belong to this campaign, but its ledger does not know them "
            f"(first: {forgotten[0]}): is it an older copy? Nothing was changed. To take them in: `curator backup DIR`, then "
            "`curator restore --from DIR --force`."
        )


def _match(
    question: QuestionAnswers, before: Mapping[str, Row], people: People, taken: set[str]
) -> tuple[Given, ...]:
    """Each answer with what is held of it.

    Numbers are given out anew at every server, so one id may stand for several answers: the ledger then calls the second
    `ID~2`, and of those that are held under an id the one of the same author is meant.
    """
    answers = question.answers
    pairs = [
        (not people.is_of(held, answer), not _is_same(held, answer), number, source_id)
        for number, answer in enumerate(answers)
        for source_id, held in _held_as(before, answer.source_id)
        if not people.is_of_another(held, answer)
    ]
    names: dict[int, str] = {}
    for *_, number, source_id in sorted(pairs):
        if number not in names and source_id not in names.values():
            names[number] = source_id
    found = []
    for number, answer in enumerate(answers):
        source_id = names.get(number) or _free_id(answer.source_id, taken)
        taken.add(source_id)
        found.append(Given(answer, before.get(source_id) if number in names else None, source_id))
    return tuple(found)


def _held_as(before: Mapping[str, Row], source_id: str) -> list[tuple[str, Row]]:
    """What is held under an id, or under one that was made of it."""
    if source_id in before and len(before) == 1:
        return [(source_id, before[source_id])]
    start = f"{source_id}~"
    return [
        (name, held)
        for name, held in before.items()
        if name == source_id or (name.startswith(start) and name[len(start) :].isdecimal())
    ]


def _is_same(held: Row, answer: Answer) -> bool:
    """Whether it says the same, where authors do not tell: then it is rather this one than another of its id."""
    return not _differs(held, answer)


def _free_id(source_id: str, taken: Collection[str]) -> str:
    return next(i for i in chain([source_id], (f"{source_id}~{n}" for n in count(2))) if i not in taken)


def _differs(held: Row, answer: Answer) -> bool:
    """Whether somebody said something else. Who said it stays as it was first known: people leave, and are renamed."""
    before = ("label", "skipped", "cannot_tell", "problem", "seconds", "suggestion")
    now = (
        answer.label,
        int(answer.skipped),
        int(answer.cannot_tell),
        answer.problem,
        answer.seconds,
        answer.suggestion,
    )
    return tuple(held[name] for name in before) != now


def _withdraw(project: Project, pulled: Pulled, *, accept_loss: bool) -> int:
    """Mark questions that are gone from the labeler. Their answers stand: the work was done and paid for."""
    ledger = project.ledger
    there = {question.key for question in pulled.questions}
    asked = queries.questions.keys_in_state(ledger, "asked")
    gone = [key for key in asked if key not in there]
    if gone and len(gone) == len(asked) and not accept_loss:
        raise CuratorError(
            f"None of the {len(asked)} questions of this campaign is at {project.labeler.where()}: is this another server "
            "or project than before? Fix [labeler] in curator.toml. If they really were deleted there, "
            "`curator round --partial` continues without them."
        )
    updates.withdraw_questions(ledger, gone)
    return len(gone)
