"""A labeler that already knows the answers: for simulations, demonstrations and tests.

Everything is deterministic. Two runs that ask the same questions in the same order get the same answers with the
same times, so that a campaign can be compared with itself byte for byte.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from integrations.class_names import ClassNames
from integrations.errors import LabelerError
from integrations.labelers.form import Form
from integrations.labelers.json_values import TIME_FORMAT
from integrations.labelers.protocol import (
    Announcement,
    Answer,
    ProjectSpec,
    Pulled,
    Question,
    QuestionAnswers,
)
from integrations.labelers.single_choice import SINGLE_CHOICE
from integrations.labelers.studio_json import check_questions
from integrations.labelers.traits import REPLAY

REFERENCE = "replay"
_EPOCH = datetime(
    2020, 1, 1, tzinfo=UTC
)  # answer n is given n seconds later: the order of asking is the clock
_ANSWERS = range(1, 1000)  # that a question may want
_HEADER = '{"curator": "questions asked of the replay labeler", "version": 1}\n'


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question that was asked.

    Attributes:
        external_id: its number, from 1.
        item_id: of the item.
        skip: the known label said too little when it was asked.
    """

    external_id: str
    item_id: str
    skip: bool = False


class ReplayLabeler:
    """Answers from known labels.

    The questions asked are kept in an append-only file, each line written through to the disk, so that another
    process (after a kill, say) knows them too.

    Args:
        labels: item_id -> label; None = the annotator skips it; an item that is missing is not answered yet. Only
            ever looked up, never walked through, so it may be a view of a large pool.
        state: where the questions asked are kept.
        seconds: an answer takes between half and one and a half times this, by a hash of its item.
        more_seconds: item_id -> seconds that are added to `seconds` for an item; None = none.
        annotator: who answers.
        answers_limit: only this many of the questions asked, in the order of asking, are answered so far;
            None = all.
    """

    name = "replay"
    traits = REPLAY
    chunk_size = 1000
    settle_seconds = 0.0

    def __init__(
        self,
        labels: Mapping[str, str | None],
        state: Path,
        *,
        seconds: float = 5.0,
        more_seconds: Callable[[str], float] | None = None,
        annotator: str = "replay",
        answers_limit: int | None = None,
    ) -> None:
        self._labels = labels
        self._state = state
        self._seconds = seconds
        self._more_seconds = more_seconds
        self._annotator = annotator
        self._answers_limit = answers_limit
        self._form: Form = SINGLE_CHOICE
        self._classes: ClassNames | None = None
        self._former: dict[str, str | None] = {}

    def prepare(self, spec: ProjectSpec, project: str | None) -> str:
        """Start the file of questions, or check that it is there. See `Labeler.prepare`."""
        self._form, self._classes = spec.form, ClassNames(spec.classes)
        self._former = dict(spec.former_classes)
        if project is None:
            if not self._whole_lines():
                self._state.parent.mkdir(parents=True, exist_ok=True)
                self._state.touch()
                self._append(_HEADER)
        elif project != REFERENCE:
            raise LabelerError(f"the replay labeler knows no project {project!r}, only {REFERENCE!r}.")
        elif not self._state.exists():
            raise LabelerError(
                f"the questions asked so far are gone: {self._state} does not exist. Put it back, or start over."
            )
        return REFERENCE

    def find(self, keys: Sequence[str]) -> dict[str, str]:
        """See `Labeler.find`."""
        asked = self._asked()
        return {key: asked[key].external_id for key in keys if key in asked}

    def send(self, questions: Sequence[Question]) -> dict[str, str]:
        """Ask; what is there already is not asked again. See `Labeler.send`."""
        check_questions(questions, self.chunk_size)
        asked = self._asked()
        lines = []
        for question in questions:
            if question.key not in asked:
                skip = self._says_too_little(question.item_id)
                asked[question.key] = _Asked(str(len(asked) + 1), question.item_id, skip)
                line = {"key": question.key, "item_id": question.item_id, **({"skip": True} if skip else {})}
                lines.append(json.dumps(line) + "\n")
        self._append("".join(lines))
        return {question.key: asked[question.key].external_id for question in questions}

    def announce(self, announcement: Announcement) -> None:
        """Note which questions want several answers; suggestions are not looked at. See `Labeler.announce`."""
        wanted = self._wanted()
        self._append(
            "".join(
                json.dumps({"key": key, "answers": count}) + "\n"
                for key, count in announcement.answers_wanted.items()
                if wanted.get(key, 1) != count
            )
        )

    def pull(self, cursor: str | None) -> Pulled:  # noqa: ARG002 - every pull is complete
        """Everything there is, each time. See `Labeler.pull`."""
        wanted = self._answered()
        questions = tuple(
            QuestionAnswers(
                key=key,
                external_id=asked.external_id,
                answers=tuple(self._answer(key, asked, who) for who in range(1, wanted.get(key, 0) + 1)),
            )
            for key, asked in self._asked().items()
        )
        return Pulled(questions=questions, cursor=str(len(questions)) if questions else None, complete=True)

    def question_count(self) -> int:
        """See `Labeler.question_count`."""
        return len(self._asked())

    def answer_count(self) -> int:
        """See `Labeler.answer_count`."""
        return sum(self._answered().values())

    def where(self) -> str:
        """See `Labeler.where`."""
        return str(self._state)

    def _answered(self) -> dict[str, int]:
        """Key of each question that has answers, in the order in which they were asked -> how many."""
        wanted = self._wanted()
        known = [key for key, asked in self._asked().items() if asked.item_id in self._labels]
        return {key: wanted.get(key, 1) for key in known[: self._answers_limit]}

    def _says_too_little(self, item_id: str) -> bool:
        """Whether the known label names a class that was split: the column does not know its parts."""
        label = self._labels.get(item_id)
        return label is not None and self._former.get(label, label) is None

    def _answer(self, key: str, asked: "_Asked", who: int) -> Answer:
        """What annotator `who` (from 1) says: the known label, as all of them do."""
        item_id, external_id = asked.item_id, asked.external_id
        label = None if asked.skip else self._labels[item_id]
        given = (_EPOCH + timedelta(seconds=int(external_id))).strftime(TIME_FORMAT)
        typical = self._seconds + (0.0 if self._more_seconds is None else self._more_seconds(item_id))
        known = label if label is None or self._classes is None else self._form.find(label, self._classes)
        if known is None and label in self._former:
            known = label  # as it was called once
        unknown = label is not None and known is None
        return Answer(
            source_id=f"{key}@{given}" if who == 1 else f"{key}@{given}#{who}",
            annotator=self._annotator if who == 1 else f"{self._annotator}-{who}",
            label=known,
            skipped=label is None,
            seconds=round(typical * (0.5 + _fraction(item_id)), 3),
            created_at=given,
            updated_at=given,
            problem=f"{label!r} is not one of the classes" if unknown else None,
            raw={"item_id": item_id, "label": label},
        )

    def _asked(self) -> dict[str, "_Asked"]:
        """Key -> every question asked, in the order of asking."""
        rows = [row for row in self._rows() if "item_id" in row]
        return {
            row["key"]: _Asked(str(number), row["item_id"], bool(row.get("skip")))
            for number, row in enumerate(rows, start=1)
        }

    def _wanted(self) -> dict[str, int]:
        """Key -> number of answers, for the questions that want another number than one."""
        return {row["key"]: row["answers"] for row in self._rows() if "answers" in row}

    def _rows(self) -> list[dict[str, Any]]:
        """What was written: a question asked (key, item_id), or the answers it wants (key, answers)."""
        rows = []
        for number, line in enumerate(self._whole_lines()[1:], start=2):
            try:
                row = json.loads(line)
                good = isinstance(row["key"], str) and (
                    isinstance(row["item_id"], str) if "item_id" in row else row["answers"] in _ANSWERS
                )
            except (ValueError, TypeError, KeyError, RecursionError):
                good = False
            if not good:
                raise LabelerError(
                    f"line {number} of {self._state} is not a question that was asked. "
                    "Restore the file from a copy."
                )
            rows.append(row)
        return rows

    def _whole_lines(self) -> list[bytes]:
        """The lines of the file; a last one without its end was torn by a kill and does not count."""
        return self._state.read_bytes().split(b"\n")[:-1] if self._state.exists() else []

    def _append(self, text: str) -> None:
        """Write through to the disk; what a kill left half-written is cut off first."""
        with self._state.open("r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)
            file.seek(0, os.SEEK_END)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())


def _fraction(item_id: str) -> float:
    """A number from 0 to below 1 that depends on the item alone."""
    digest = hashlib.sha256(item_id.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
