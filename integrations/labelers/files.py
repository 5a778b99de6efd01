"""A labeler made of files, for teams that carry Label Studio's JSON to and fro by hand.

    FOLDER/label_config.xml            the labeling configuration, to paste into the project
    FOLDER/questions/round-003-*.json  what to import there
    FOLDER/answers/*.json              where its exports go (format "JSON", not "JSON-MIN")

A question is there as long as a file of questions or of answers holds it: so copy a file of questions, or move it
after the answers to it have come.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from integrations.disk import write_whole
from integrations.errors import LabelerError
from integrations.labelers.protocol import (
    Announcement,
    Answer,
    ProjectSpec,
    Pulled,
    Question,
    QuestionAnswers,
)
from integrations.labelers.studio_config import Control, build_config, check_classes, read_control
from integrations.labelers.studio_json import (
    check_questions,
    merge_tasks,
    question_image,
    question_text,
    read_answer,
    task_json,
    task_key,
    utc,
)

REFERENCE = "files"
_OTHER_EXPORTS = frozenset({".csv", ".tsv", ".conll", ".zip", ".jsonl"})  # Label Studio's other formats


class FilesLabeler:
    """Asks by writing files for Label Studio's import, and reads its exports.

    Args:
        folder: where the files are; made by `prepare`.
    """

    name = "files"
    chunk_size = 1000
    settle_seconds = 0.0

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._questions = folder / "questions"
        self._answers = folder / "answers"
        self._config = folder / "label_config.xml"
        self._control: Control | None = None

    def prepare(self, spec: ProjectSpec, project: str | None) -> str:
        """Make the folder and the labeling configuration, or check them. See `Labeler.prepare`."""
        if project not in (None, REFERENCE):
            raise LabelerError(f"the labeler of files knows no project {project!r}, only {REFERENCE!r}.")
        if self._config.exists():
            try:
                control = read_control(read_text(self._config), spec.kind, spec.cannot_tell)
            except LabelerError as exc:
                raise LabelerError(f"{self._config} does not fit: {exc}") from exc
            check_classes(control, spec.classes, str(self._config))
        elif project is None:
            config = build_config(spec)
            control = read_control(config, spec.kind, spec.cannot_tell)
            _write(self._config, config)
        else:
            raise LabelerError(
                f"the files of the labeler are gone: {self._config} does not exist. Put them back."
            )
        self._questions.mkdir(exist_ok=True)
        self._answers.mkdir(exist_ok=True)
        self._control = control
        return REFERENCE

    def find(self, keys: Sequence[str]) -> dict[str, str]:
        """See `Labeler.find`. The id of a question is the name of the file that holds it."""
        there = {key: name for name, tasks in self._exports() for key in _keys(tasks)} | self._asked()
        return {key: there[key] for key in keys if key in there}

    def send(self, questions: Sequence[Question]) -> dict[str, str]:
        """Write a file of questions; what is there already is not written again. See `Labeler.send`."""
        control = self._prepared()
        check_questions(questions, self.chunk_size)
        there = self.find([question.key for question in questions])
        new = [question for question in questions if question.key not in there]
        if not new:
            return there
        tasks = [task_json(question, control, _shown(question, control)) for question in new]
        digest = hashlib.sha256("\n".join(question.key for question in new).encode()).hexdigest()
        path = self._questions / f"round-{new[0].round:03d}-{digest[:12]}.json"
        _write(path, json.dumps(tasks, ensure_ascii=False, indent=1))
        return there | {question.key: path.name for question in new}

    def announce(self, announcement: Announcement) -> None:
        """All lies in the files; whoever imports them picks the model. See `Labeler.announce`."""

    def pull(self, cursor: str | None) -> Pulled:  # noqa: ARG002 - every pull is complete
        """Everything there is, each time; of two exports with the same task the newer counts.

        See `Labeler.pull`. The cursor is a digest of what was read.
        """
        control = self._prepared()
        asked = self._asked()
        tasks: dict[tuple[str, str], tuple[str, str, list[Answer]]] = {
            (key, ""): (key, name, []) for key, name in asked.items()
        }
        changed: dict[tuple[str, str], str] = {}
        foreign: list[int] = []
        for name, rows in self._exports():  # oldest first: a newer one writes over it
            ours = [(key, row) for row in rows if (key := task_key(row.get("data"))) is not None]
            foreign += [len(_annotations(row)) for row in rows if task_key(row.get("data")) is None]
            for key, row in ours:
                # Two people may each label the questions in a server of their own: a newer export replaces an older
                # one of the same task only, and the answers of different tasks come together.
                origin = key, f"{row.get('project')}/{row.get('id')}"
                # By the server's clock, where the export has it: that of the files may have been set back meanwhile.
                at = _changed_at(row)
                if at >= changed.get(origin, ""):
                    changed[origin] = at
                    tasks[origin] = (key, asked.get(key, name), self._read(row, control, name))
        questions = merge_tasks(tasks.values())
        return Pulled(
            questions=questions,
            cursor=_digest(questions) if questions else None,
            complete=True,
            foreign_questions=len(foreign),
            foreign_answers=sum(foreign),
        )

    def question_count(self) -> int:
        """See `Labeler.question_count`."""
        pulled = self.pull(None)
        return pulled.foreign_questions + len(pulled.questions)

    def answer_count(self) -> int:
        """See `Labeler.answer_count`."""
        pulled = self.pull(None)
        return pulled.foreign_answers + sum(len(question.answers) for question in pulled.questions)

    def where(self) -> str:
        """See `Labeler.where`."""
        return str(self._folder)

    def _prepared(self) -> Control:
        assert self._control is not None, "prepare() comes first"  # noqa: S101 - our own mistake, not the user's
        return self._control

    def _asked(self) -> dict[str, str]:
        """Key -> name of the file that asks it."""
        return {
            key: path.name
            for path in sorted(self._questions.glob("*.json"))
            for key in _keys(read_tasks(path))
        }

    def _exports(self) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
        """(name, tasks) of each export, the oldest first."""
        other = sorted(path.name for path in self._answers.glob("*") if path.suffix.lower() in _OTHER_EXPORTS)
        if other:
            raise LabelerError(
                f"{self._answers / other[0]} is an export in another format than JSON; only JSON says whose question each answer "
                "is. Export the project again, in the format JSON, or take the file out of the folder."
            )
        written: list[tuple[int, str]] = []
        for path in self._answers.glob("*.json"):
            with suppress(FileNotFoundError):  # somebody is just putting a newer export in its place
                written.append((path.stat().st_mtime_ns, path.name))
        return ((name, read_tasks(self._answers / name)) for _, name in sorted(written))

    def _read(self, row: Mapping[str, Any], control: Control, name: str) -> list[Answer]:
        try:
            return [read_answer(found, control, lambda user: f"user-{user}") for found in _annotations(row)]
        except ValueError as exc:
            raise LabelerError(
                f"{self._answers / name}, task {row.get('id')}: {exc}. Export the project again, in the format JSON."
            ) from exc


def _shown(question: Question, control: Control) -> str:
    return question_text(question) if control.kind == "text" else question_image(question)


def _keys(tasks: Sequence[Mapping[str, Any]]) -> list[str]:
    return [key for task in tasks if (key := task_key(task.get("data"))) is not None]


def _changed_at(row: Mapping[str, Any]) -> str:
    """When a task was last changed at the server, as text that sorts; "" where the export does not say."""
    try:
        return utc(row["updated_at"])
    except (KeyError, ValueError, OverflowError):
        return ""


def _annotations(row: Mapping[str, Any]) -> list[Any]:
    found = row.get("annotations")
    return found if isinstance(found, list) else []


def read_tasks(path: Path) -> list[Mapping[str, Any]]:
    """The tasks in a file of Label Studio's JSON."""
    try:
        rows = json.loads(read_text(path))
    except (ValueError, RecursionError) as exc:
        raise LabelerError(
            f"{path} is not JSON ({exc}). Export it again, or take it out of the folder."
        ) from exc
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) and "data" in row for row in rows):
        raise LabelerError(
            f"{path} is not a list of Label Studio's tasks with their data. Export the project in the format JSON "
            "(not JSON-MIN), or take the file out of the folder."
        )
    return rows


def read_text(path: Path) -> str:
    """The text of a file of the labeler; a `LabelerError` names one that cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise LabelerError(f"{path} cannot be read ({exc}). Replace it by a good copy.") from exc


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and there for good, also when the machine stops right after."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())


def _digest(questions: Sequence[QuestionAnswers]) -> str:
    rows = [
        (found.key, [(answer.source_id, answer.updated_at, answer.label) for answer in found.answers])
        for found in questions
    ]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
