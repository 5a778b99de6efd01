"""Rounds, picks and questions again, from the tasks at the labeler."""

import json
from dataclasses import dataclass, field
from datetime import datetime

from curator.care.restore.items import LostItems, differing
from curator.care.restore.place import Place
from curator.errors import CuratorError, DataError
from curator.ledger import queries, restoring
from curator.ledger.class_history import History
from curator.ledger.store import Row, utc_now
from curator.pool.hash_index import as_hashes, digest
from curator.pool.problems import counted, listed
from curator.project.project import Project
from curator.rounds.questions import AGAIN, is_key_of, new_question, wants_several
from integrations.labelers.inventory import AskedQuestion
from integrations.labelers.protocol import Neighbour, Question

RESTORED = "restored"  # stands where the strategy was
UNKNOWN_ROLE = "?"  # until the hold-out is drawn again
_GLANCE = 200  # characters of a neighbour's text that annotators were surely shown
_LISTED = 5


@dataclass
class Taken:
    """What the labeler told.

    Attributes:
        questions: that the ledger did not know.
        drawn: item_id -> probability with which it was drawn, of the hold-out questions that say so.
        others: tasks of other campaigns.
        keyless: tasks that are not curator's.
        changed: items that the data files now hold with another content.
    """

    questions: int = 0
    drawn: dict[str, float | None] = field(default_factory=dict)
    others: int = 0
    keyless: int = 0
    changed: list[str] = field(default_factory=list)


def take_in(project: Project, place: Place, lost: LostItems) -> Taken:
    """Enter every question of the campaign that the labeler holds and the ledger does not know.

    Args:
        project: whose ledger is built.
        place: where its questions are.
        lost: gets the items that the pool lacks.

    Raises:
        CuratorError: a task is not what curator wrote.
        DataError: data files hold other items than were asked about.
        LabelerError: the labeler cannot be read.
    """
    taken = Taken()
    assert place.inventory is not None  # noqa: S101 - the caller asks only where there is one
    reader = _Reader(project, lost, taken)
    with project.progress.bar("reading questions", place.inventory.count()) as advance:
        for page in place.inventory.pages(place.is_ours):
            reader.add(page.questions)
            taken.others += len(page.other_keys)
            taken.keyless += page.keyless
            advance(len(page.questions) + len(page.other_keys) + page.keyless)
    if taken.changed:
        raise DataError(
            f"{counted(len(taken.changed), 'item')} had other content when asked about than the data file has now: "
            f"{listed(taken.changed, _LISTED)}. Their labels would not fit. Put the original file back, name another (--data "
            "FILE), or move it away: items already asked about are then taken from their questions."
        )
    return taken


def add_picks(project: Project) -> None:
    """Which items each restored round picked: what it asked about for training, and for the first time."""
    with project.ledger.write():
        restoring.add_picks(project.ledger, RESTORED)


class _Reader:
    """Enters pages of questions."""

    def __init__(self, project: Project, lost: LostItems, taken: Taken) -> None:
        self._project = project
        self._lost = lost
        self._taken = taken
        self._version = History.read(project.ledger).newest
        self._rounds = set(queries.rounds.round_numbers(project.ledger))
        self._sealed = frozenset(queries.holdout.holdout_ids(project.ledger))
        # What neighbours show -> the item; None = several show the same. Empty unless neighbours are shown.
        self._shown: dict[str, str | None] = {}

    def add(self, page: tuple[AskedQuestion, ...]) -> None:
        """Enter what is new of a page."""
        ledger = self._project.ledger
        asked = list({found.question.key: found for found in reversed(page)}.values())[::-1]
        self._check_items([found.question for found in asked])
        known = queries.questions.questions_by_key(ledger, [found.question.key for found in asked])
        new = [found for found in asked if found.question.key not in known]
        for found in asked:
            self._remember(found.question)
        with ledger.write():
            ledger.insert("rounds", [self._round(number) for number in self._missing_rounds(new)])
            ledger.insert("questions", [self._row(found) for found in new])
            for found in new:
                self._date(found)
        self._taken.questions += len(new)

    def _check_items(self, questions: list[Question]) -> None:
        pool = self._project.pool
        found = pool.find(as_hashes(digest(q.item_id.encode("utf-8", "surrogatepass")) for q in questions))
        for question, row in zip(questions, found, strict=True):
            if row < 0:
                self._lost.add(question)
        there = [question for question, row in zip(questions, found, strict=True) if row >= 0]
        self._taken.changed += differing(pool, there)

    def _missing_rounds(self, new: list[AskedQuestion]) -> list[int]:
        """Rounds to enter, those without a question left among them."""
        newest = max((found.question.round for found in new), default=0)
        missing = [number for number in range(1, newest + 1) if number not in self._rounds]
        self._rounds.update(missing)
        return missing

    def _round(self, number: int) -> Row:
        return {
            "id": number,
            "status": "pushed",
            "strategy": RESTORED,
            "seed": self._project.config.project.seed,
            "config": self._project.config_json(),
            "opened_at": utc_now(),
        }

    def _date(self, found: AskedQuestion) -> None:
        """A round began with the first of its questions and was sent with the last."""
        if found.asked_at is not None:
            asked_at = _ledger_time(found.asked_at)
            restoring.date_round(
                self._project.ledger,
                found.question.round,
                RESTORED,
                asked_at,
                self._pushed_version(found.question),
            )

    def _row(self, found: AskedQuestion) -> Row:
        question = found.question
        role = question.role if found.says_role else self._role_of(question.item_id)
        row = new_question(self._project, question.round, question.item_id, role)
        if not is_key_of(question.key, row["key"]):
            raise CuratorError(
                f"The question {question.key} at the labeler (task {found.external_id}) says that it asks about item "
                f"{question.item_id!r} in round {question.round}, which does not match its key: it was changed there. "
                "Put its data back, or delete the task."
            )
        if role == "holdout":
            self._taken.drawn[question.item_id] = question.drawn_with
        version = self._pushed_version(question)
        near = [item_id for near in question.neighbours if (item_id := self._item_shown(near))]
        suggestion = question.suggestion if version is not None else None
        return row | {
            "key": question.key,
            "classes": self._version,
            "rank": question.rank,
            "state": "asked",
            "external_id": found.external_id,
            "suggestion": None if suggestion is None else suggestion.label,
            "suggestion_score": None if suggestion is None else suggestion.score,
            "suggestion_shown": None if suggestion is None else 1,
            "model_version": version,
            "answers_wanted": found.answers_wanted or self._answers_wanted(question, role),
            "why": question.why or None,
            "neighbours": json.dumps(near) if near else None,
            "asked_at": None if found.asked_at is None else _ledger_time(found.asked_at),
        }

    def _role_of(self, item_id: str) -> str:
        """The role of a question that does not say it, when the ledger knows the hold-out already."""
        if not self._sealed:
            return UNKNOWN_ROLE
        return "holdout" if item_id in self._sealed else "train"

    def _answers_wanted(self, question: Question, role: str) -> int:
        """Where the labeler does not know: as when it was picked."""
        labeler, seed = self._project.config.labeler, self._project.config.project.seed
        several = (
            role == "train"
            and question.why != AGAIN
            and wants_several(question.item_id, seed, labeler.overlap_share)
        )
        return labeler.overlap if several else 1

    @staticmethod
    def _pushed_version(question: Question) -> str | None:
        """The model whose suggestion came with a question; one made while labeling is of its round's own, or later."""
        version = None if question.suggestion is None else question.suggestion.model_version
        number = (version or "").removeprefix("round-")
        return None if number.isdecimal() and int(number) >= question.round else version

    def _remember(self, question: Question) -> None:
        if self._project.config.labeler.neighbours:
            name = _glance(question.text, question.image)
            item_id = question.item_id
            self._shown[name] = item_id if self._shown.get(name, item_id) == item_id else None

    def _item_shown(self, near: Neighbour) -> str | None:
        return self._shown.get(_glance(near.text, near.image))


def _ledger_time(moment: str) -> str:
    """As `utc_now` writes it, so that times compare."""
    return datetime.fromisoformat(moment).isoformat(timespec="seconds")


def _glance(text: str | None, image: str | None) -> str:
    return image or " ".join((text or "").split())[:_GLANCE]
