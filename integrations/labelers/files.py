"""A labeler made of files, for teams that carry Label Studio's JSON to and fro by hand.

    FOLDER/label_config.xml            the labeling configuration, to paste into the project
    FOLDER/questions/round-003-*.json  what to import there
    FOLDER/answers/*.json              where its exports go (format "JSON", not "JSON-MIN"); see `exports`

A question is there as long as a file of questions or of answers holds it: so copy a file of questions, or move it
after the answers to it have come.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from integrations.disk import write_whole
from integrations.errors import LabelerError
from integrations.labelers.exports import (
    Export,
    annotations_of,
    note_passed_over,
    read_exports,
    read_tasks,
    read_text,
)
from integrations.labelers.form import Form
from integrations.labelers.inventory import Inventory, Task
from integrations.labelers.json_values import utc
from integrations.labelers.protocol import (
    Announcement,
    Answer,
    Kind,
    ProjectSpec,
    Pulled,
    Question,
    QuestionAnswers,
)
from integrations.labelers.single_choice import SINGLE_CHOICE
from integrations.labelers.studio_config import (
    Control,
    build_config,
    check_classes,
    control_for,
    has_known_classes,
    read_control,
)
from integrations.labelers.studio_json import (
    check_questions,
    merge_tasks,
    question_image,
    question_text,
    read_answer,
    task_json,
    task_key,
)
from integrations.labelers.traits import FILES

REFERENCE = "files"


class FilesLabeler:
    """Asks by writing files for Label Studio's import, and reads its exports.

    Args:
        folder: where the files are; made by `prepare`.
    """

    name = "files"
    traits = FILES
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
            config = read_text(self._config)
            try:
                control = control_for(config, spec)
            except LabelerError as exc:
                raise LabelerError(f"{self._config} does not fit: {exc}") from exc
            if not _is_behind(config, control, spec):
                check_classes(control, spec.classes, str(self._config))
            elif spec.holder:  # without one somebody only looks
                control = self._rewrite(spec)
        elif project is None:
            control = self._rewrite(spec)
        else:
            raise LabelerError(
                f"the files of the labeler are gone: {self._config} does not exist. Put them back."
            )
        self._questions.mkdir(exist_ok=True)
        self._answers.mkdir(exist_ok=True)
        self._control = control
        return REFERENCE

    def _rewrite(self, spec: ProjectSpec) -> Control:
        """Write the labeling configuration; one that is there is kept beside it, as it was."""
        config = build_config(spec)
        if self._config.exists():
            _write(self._config.with_name(f"{self._config.stem}.before.xml"), read_text(self._config))
        _write(self._config, config)
        return control_for(config, spec)

    def find(self, keys: Sequence[str]) -> dict[str, str]:
        """See `Labeler.find`. The id of a question is the name of the file that holds it."""
        exports = read_exports(self._answers).files
        there = {key: export.name for export in exports for key in _keys(export.tasks)} | self._asked()
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
        tasks: dict[tuple[str, ...], tuple[str, str, list[Answer]]] = {
            (key,): (key, name, []) for key, name in asked.items()
        }
        changed: dict[tuple[str, ...], str] = {}
        foreign: list[int] = []
        exports = read_exports(self._answers)
        for export in exports.files:  # oldest first: a newer one writes over it
            ours = [(key, row) for row in export.tasks if (key := task_key(row.get("data"))) is not None]
            foreign += [len(annotations_of(row)) for row in export.tasks if task_key(row.get("data")) is None]
            for key, row in ours:
                # Two people may each label the questions in a server of their own: a newer export replaces an older
                # one of the same task only, and the answers of different tasks come together.
                task = (key, export.origin, str(row.get("project")), str(row.get("id")))
                # By the server's clock, where the export has it: that of the files may have been set back meanwhile.
                at = _changed_at(row)
                if at >= changed.get(task, ""):
                    changed[task] = at
                    tasks[task] = (key, asked.get(key, export.name), self._read(row, control, export))
        questions = merge_tasks(tasks.values())
        return Pulled(
            questions=questions,
            cursor=_digest(questions) if questions else None,
            complete=True,
            foreign_questions=len(foreign),
            foreign_answers=sum(foreign),
            notes=tuple(filter(None, [note_passed_over(exports.passed_over, self._answers)])),
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

    def _read(self, row: Mapping[str, Any], control: Control, export: Export) -> list[Answer]:
        try:
            return [
                read_answer(found, control, lambda _user: export.user_name, export.origin)
                for found in annotations_of(row)
            ]
        except ValueError as exc:
            raise LabelerError(
                f"{self._answers / export.name}, task {row.get('id')}: {exc}. Export the project again, in the format JSON."
            ) from exc


def files_inventory(folder: Path, kind: Kind, cannot_tell: str = "", form: Form = SINGLE_CHOICE) -> Inventory:
    """The questions that the files hold: those of questions first, then the exports, which repeat them.

    Args:
        folder: of the labeler.
        kind: what is asked about.
        cannot_tell: the choice that is no class, if there is one.
        form: the kind of label that is asked for.

    Raises:
        LabelerError: the files are gone, or ask about something else.
    """
    config = folder / "label_config.xml"
    if not config.is_file():
        raise LabelerError(f"the files of the labeler are gone: {config} does not exist. Put them back.")

    def pages() -> Iterator[list[tuple[str, Task]]]:
        for path in sorted((folder / "questions").glob("*.json")):
            yield [(path.name, task) for task in read_tasks(path)]
        for export in read_exports(folder / "answers").files:
            yield [(Path(export.name).name, task) for task in export.tasks]

    return Inventory(
        f"the files in {folder}", read_control(read_text(config), kind, cannot_tell, form), pages
    )


def _is_behind(config: str, control: Control, spec: ProjectSpec) -> bool:
    """Whether a configuration has the choices of an earlier time of the campaign: then it is to follow, not to be refused."""
    if set(control.classes) != set(spec.classes):
        return has_known_classes(control, spec)
    choices, former = (
        set(read_control(config, spec.kind, form=spec.form).classes),
        set(spec.former_cannot_tell),
    )
    return bool(choices & former) or (bool(former) and spec.cannot_tell not in {"", *choices})


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
