"""The labeler over a Label Studio server.

What a server of version 1.23 does, and what is done about it here:

- Task ids are handed out again after deletions, so a question is known by its key in the task's data alone.
- A call that failed may have stored everything, and may still be at work: nothing is ever sent twice from here.
- Times are given before they are visible, so a pull reaches back some seconds before the newest time it has seen.
- Pages are offsets into something that moves, so a list is walked by id, and every page is counted.
- Two curators may begin at the same moment, and nothing there locks: who runs the project is read again after it was
  written, and before every request that asks.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote_plus

from integrations.errors import HeldError, LabelerError
from integrations.labelers.json_values import TIME_FORMAT, utc
from integrations.labelers.label_studio.client import ANSWER_FIELDS, KEY_FIELDS, StudioClient, task_filter
from integrations.labelers.label_studio.connection import AS_THE_ENVIRONMENT_SAYS, Route
from integrations.labelers.label_studio.local_files import LocalFiles
from integrations.labelers.label_studio.lots import Lots, TooLargeError
from integrations.labelers.label_studio.project_notes import ProjectNotes, fingerprint
from integrations.labelers.label_studio.replies import Project
from integrations.labelers.label_studio.round_view import open_round_view
from integrations.labelers.label_studio.uploads import ImageUploads
from integrations.labelers.protocol import (
    Announcement,
    Answer,
    ProjectSpec,
    Pulled,
    Question,
    QuestionAnswers,
)
from integrations.labelers.studio_config import (
    Control,
    build_config,
    check_classes,
    control_for,
    has_known_classes,
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
from integrations.labelers.traits import LABEL_STUDIO

# A row gets its time before it is committed: with a strict cursor, 3% of the answers of ten busy annotators were
# never seen; reaching back 30 s lost none.
OVERLAP = timedelta(seconds=60)
_PAGE = 1000
# With more tasks changed than this, reading all of them is quicker than looking for the twins of each.
_MOST_CHANGED = 20_000
_LOT_BYTES = 900_000  # of a request that asks; nginx takes 1 MiB unless told otherwise
_MOST_KEYS = 500
_MOST_KEY_BYTES = 6000  # a common proxy in front of the server takes no address longer than 8 KB
_TITLE_LENGTH = 50
_SHORTEST_TITLE = 3


@dataclass(frozen=True, slots=True)
class _Task:
    """What a pull needs of a task: without its text, 100,000 of them fit anywhere."""

    id: int
    key: str | None  # None: not ours
    annotations: tuple[Any, ...]
    created_at: str  # as `utc` writes it; "" = not known

    @classmethod
    def of(cls, task: Mapping[str, Any]) -> Self:
        try:
            created_at = utc(task.get("created_at"))
        except ValueError:
            created_at = ""
        return cls(task["id"], task_key(task.get("data")), tuple(task.get("annotations") or ()), created_at)


class LabelStudioLabeler:
    """Asks people in Label Studio, Community edition.

    Args:
        url: where the server is, with its scheme.
        token: a personal access token or a legacy token; appears in no message.
        chunk_size: most questions in one request.
        settle_seconds: how long a request whose reply was lost may still be at work there.
        timeout: seconds that one call may take.
        image_root: the folder that the server serves, when it is to read local images there (its
            LOCAL_FILES_DOCUMENT_ROOT); None = upload them.
        route: how the server is reached.

    Raises:
        LabelerError: the address or the token cannot be right. The network is not used yet.
    """

    name = "label-studio"
    traits = LABEL_STUDIO

    def __init__(
        self,
        url: str,
        token: str,
        *,
        chunk_size: int = 300,
        settle_seconds: float = 20.0,
        timeout: float = 300.0,
        image_root: Path | None = None,
        route: Route = AS_THE_ENVIRONMENT_SAYS,
    ) -> None:
        self.chunk_size = chunk_size
        self.settle_seconds = settle_seconds
        self._client = StudioClient(url, token, timeout=timeout, route=route)
        self._lots = Lots(_LOT_BYTES, chunk_size)
        self._image_root = image_root
        self._prepared: tuple[int, Control] | None = None
        self._holder = ""
        self._images: ImageUploads | LocalFiles | None = None
        self._view: int | None = None
        self._users: dict[int, str] = {}

    def __repr__(self) -> str:
        return f"LabelStudioLabeler({self._client.url!r})"

    def prepare(self, spec: ProjectSpec, project: str | None) -> str:
        """Create the project, or check that it fits. See `Labeler.prepare`.

        A kill may come between the creation and the moment its number is stored, so a project that was made for
        exactly this title is taken over instead of made again.
        """
        number = self._find_or_create(spec) if project is None else _project_number(project)
        found = self._client.project(number)
        where = f"project {number} ({found.title!r}) at {self._client.url}"
        try:
            control = control_for(found.config, spec)
        except LabelerError as exc:
            raise LabelerError(f"{where} does not fit: {exc}") from exc
        if not (_is_ours(found, spec) and has_known_classes(control, spec)):  # else it follows
            check_classes(control, spec.classes, where)
        if self._update(found, spec, where):
            control = control_for(build_config(spec), spec)
        self._prepared, self._holder = (number, control), spec.holder
        if self._image_root is None:
            self._images = ImageUploads(self._client, number)
        else:
            self._images = LocalFiles(self._client, number, self._image_root)
        return str(number)

    def _find_or_create(self, spec: ProjectSpec) -> int:
        there = self._oldest(spec)
        if there is not None:
            return there
        config, title = build_config(spec), _title(spec.title)
        notes = replace(
            ProjectNotes.read("", spec.title),
            holder=spec.holder,
            layout=fingerprint(config),
            instructions=fingerprint(spec.instructions),
        )
        made = self._client.create_project(title, notes.in_description(spec.title), config, spec.instructions)
        # Another curator may have made one at the same moment: then both find the same, and one of them is refused.
        return min(made, self._oldest(spec) or made)

    def _oldest(self, spec: ProjectSpec) -> int | None:
        """The number of the project that was made for exactly this campaign; of several the first."""
        notes = ProjectNotes.read("", spec.title)
        found = self._client.projects(_title(spec.title))
        return min((one.number for one in found if notes.is_in(one.description)), default=None)

    def _update(self, found: Project, spec: ProjectSpec, where: str) -> bool:
        """Bring what we once wrote into the project up to date; says whether its layout is another one now.

        A labeling configuration that somebody else wrote, or changed, is left alone. Without a holder nothing is
        changed: somebody only looks.
        """
        if not spec.holder:
            return False
        before = notes = ProjectNotes.read(found.description, spec.title)
        if not spec.take_over:
            _refuse_other(notes.holder, spec.holder, where)
        changes: dict[str, Any] = {}
        config = build_config(spec)
        if found.config != config and _is_ours(found, spec):
            changes["label_config"] = config
            notes = replace(notes, layout=fingerprint(config))
        if spec.instructions and notes.instructions != fingerprint(spec.instructions):
            changes |= {"expert_instruction": spec.instructions, "show_instruction": True}
            notes = replace(notes, instructions=fingerprint(spec.instructions))
        notes = replace(notes, holder=spec.holder or notes.holder)
        if notes != before:
            changes["description"] = notes.in_description(found.description)
            self._client.change_project(found.number, **changes)
            if notes.holder != before.holder:
                self._refuse_if_taken(found.number, spec.holder)
        return "label_config" in changes

    def _refuse_if_taken(self, number: int, holder: str) -> None:
        """Another curator may have begun, or taken over, since the project was prepared."""
        if holder:
            found = self._client.project(number)
            where = f"project {number} ({found.title!r}) at {self._client.url}"
            _refuse_other(ProjectNotes.read(found.description, "").holder, holder, where)

    def find(self, keys: Sequence[str]) -> dict[str, str]:
        """See `Labeler.find`."""
        return {
            key: str(min(task["id"] for task in tasks))
            for key, tasks in self._with_keys(keys, KEY_FIELDS).items()
        }

    def send(self, questions: Sequence[Question]) -> dict[str, str]:
        """Ask, in one request; what is there already is not asked again. See `Labeler.send`."""
        number, control = self._project()
        check_questions(questions, self.chunk_size)
        there = self.find([question.key for question in questions])
        new = [question for question in questions if question.key not in there]
        if not new:
            return there
        tasks = self._tasks(new, control)
        self._refuse_if_taken(number, self._holder)
        sizes = [len(json.dumps(task)) for task in tasks]
        sent: list[int] = []

        def import_lot(lot: slice) -> None:
            ids = self._client.import_tasks(number, tasks[lot])
            if len(ids) != lot.stop - lot.start:
                raise LabelerError(
                    f"project {number} at {self._client.url} confirmed {len(ids)} of {lot.stop - lot.start} questions. "
                    "Try again; what has arrived there is not sent twice.",
                    maybe_done=True,
                )
            sent.extend(ids)

        try:
            self._lots.send(sizes, import_lot)
        except LabelerError as exc:
            # lots before the one that failed have arrived: whoever hears of it must look what is there
            exc.maybe_done = exc.maybe_done or bool(sent)
            if isinstance(exc, TooLargeError):
                item, size = new[len(sent)].item_id, sizes[len(sent)]
                exc.args = (f"item {item!r} alone makes a question of {size:,} bytes: {exc}",)
            raise
        return there | {question.key: str(task) for question, task in zip(new, sent, strict=True)}

    def announce(self, announcement: Announcement) -> None:
        """Give the round a tab of its own, and show the suggestions of its model.

        When the project holds none of these suggestions, those shown before stay. See `Labeler.announce`.
        """
        found = self._client.project(self._project()[0])
        number = found.number
        self._want_answers(announcement.answers_wanted, found.overlap)
        self._view = open_round_view(self._client, number, announcement.round)
        version = announcement.model_version
        if version is not None:
            # the value must be a list: a plain text is compared letter by letter
            carrying = task_filter("predictions_model_versions", "contains", "List", [version])
            if self._client.page(number, [carrying], fields="id", size=1).total:
                self._client.change_project(number, model_version=version)

    def _want_answers(self, answers_wanted: Mapping[str, int], default: int) -> None:
        """Set how many annotators get each task, where it is not what the project gives every new one."""
        others = [key for key, count in answers_wanted.items() if count != default]
        for key, tasks in self._with_keys(others, "id,data,overlap").items():
            for task in tasks:
                if task.get("overlap") != answers_wanted[key]:
                    self._client.want_answers(task["id"], answers_wanted[key])

    def pull(self, cursor: str | None) -> Pulled:
        """See `Labeler.pull`. The cursor is the time of the newest change, by the server's clock."""
        number, _ = self._project()
        # Read before the list: what changes while the list is walked is newer than this, and comes next time.
        since = [] if cursor is None else [_since(cursor)]
        newest, changed = self._client.newest_change(number, since)
        complete = cursor is None or changed > _MOST_CHANGED
        tasks: list[_Task] = []
        if cursor is not None and not complete:
            tasks = [_Task.of(task) for task in self._with_twins(list(self._walk(since, ANSWER_FIELDS)))]
            # A question that was deleted is in no list, and a stranger in its place keeps the number of tasks as it was.
            complete = _has_new_stranger(tasks, utc(cursor))
        if complete:
            tasks = [_Task.of(task) for task in self._walk([], ANSWER_FIELDS)]
        questions = self._answers(tasks)
        foreign = [len(task.annotations) for task in tasks if task.key is None]
        return Pulled(
            questions=questions,
            cursor=newest or cursor,
            complete=complete,
            # the second copy of a question is nobody's question either
            foreign_questions=len(tasks) - len(questions) if complete else 0,
            foreign_answers=sum(foreign) if complete else 0,
        )

    def question_count(self) -> int:
        """See `Labeler.question_count`."""
        return self._client.project(self._project()[0]).tasks

    def answer_count(self) -> int:
        """See `Labeler.answer_count`."""
        return self._client.project(self._project()[0]).answers

    def where(self) -> str:
        """See `Labeler.where`."""
        address = f"{self._client.url}/projects/{self._project()[0]}"
        return address if self._view is None else f"{address}/data?tab={self._view}"

    def _project(self) -> tuple[int, Control]:
        assert self._prepared is not None, "prepare() comes first"  # noqa: S101 - our own mistake, not the user's
        return self._prepared

    def _tasks(self, questions: Sequence[Question], control: Control) -> list[dict[str, Any]]:
        if control.kind == "text":
            return [task_json(question, control, question_text(question)) for question in questions]
        assert self._images is not None  # noqa: S101 - set together with `_prepared`
        images = [question_image(question) for question in questions]
        # written once without the address: a question that cannot be sent shows before anything is uploaded
        for question, image in zip(questions, images, strict=True):
            task_json(question, control, image)
        beside = [near.image for question in questions for near in question.neighbours if near.image]
        addresses = self._images.addresses([*images, *beside])
        return [
            task_json(question, control, addresses[image], addresses)
            for question, image in zip(questions, images, strict=True)
        ]

    def _answers(self, tasks: Sequence[_Task]) -> tuple[QuestionAnswers, ...]:
        """The answers to our questions among these tasks."""
        by_id = sorted((task for task in tasks if task.key is not None), key=lambda task: task.id)
        self._learn_users([annotation for task in by_id for annotation in task.annotations])
        return merge_tasks(
            (str(task.key), str(task.id), [self._answer(annotation, task) for annotation in task.annotations])
            for task in by_id
        )

    def _answer(self, annotation: Any, task: _Task) -> Answer:
        number, control = self._project()
        try:
            return read_answer(annotation, control, lambda user: self._users.get(user, ""), self._client.url)
        except ValueError as exc:
            raise LabelerError(
                f"task {task.id} of project {number} at {self._client.url} cannot be read: {exc}. "
                "Delete the annotation there, or ask the person who runs the server."
            ) from exc

    def _learn_users(self, annotations: Sequence[Any]) -> None:
        """Ask for the names of the users, once, when somebody appears who is not known yet."""
        told = (row.get("completed_by") for row in annotations if isinstance(row, Mapping))
        seen = {user for user in told if isinstance(user, int)}
        if not seen <= self._users.keys():
            self._users |= self._client.users()

    def _with_twins(self, tasks: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Add the tasks that share a key with one of these: the answers of a question are one whole set."""
        known = {task["id"] for task in tasks}
        keys = sorted({key for task in tasks if (key := task_key(task.get("data"))) is not None})
        doubled = [
            key
            for key, found in self._with_keys(keys, KEY_FIELDS).items()
            if any(task["id"] not in known for task in found)
        ]
        full = self._with_keys(doubled, ANSWER_FIELDS)
        return [task for task in tasks if task_key(task.get("data")) not in full] + [
            task for found in full.values() for task in found
        ]

    def _with_keys(self, keys: Sequence[str], fields: str) -> dict[str, list[Mapping[str, Any]]]:
        """The tasks that carry each of these keys."""
        wanted = set(keys)
        found: dict[str, list[Mapping[str, Any]]] = {}
        for some in _key_chunks(list(dict.fromkeys(keys))):
            for task in self._walk([task_filter("data.key", "in_list", "List", some)], fields):
                key = task_key(task.get("data"))
                if key in wanted:
                    found.setdefault(key, []).append(task)
        return found

    def _walk(self, filters: Sequence[Mapping[str, Any]], fields: str) -> Iterator[Mapping[str, Any]]:
        """Every task that passes the filters, by ascending id."""
        for tasks in self._client.walk(self._project()[0], filters, fields=fields, size=_PAGE):
            yield from tasks


def _is_ours(found: Project, spec: ProjectSpec) -> bool:
    """Whether the labeling configuration of a project is as we wrote it, and so follows what we want."""
    return ProjectNotes.read(found.description, spec.title).layout == fingerprint(found.config)


def _refuse_other(holder: str, us: str, where: str) -> None:
    """Refuse to work on a project that `holder` runs, unless that is us, or nobody."""
    if us and holder not in ("", us):
        raise HeldError(
            f"{where} is run from {holder}, not from here ({us}): two would ask and pay twice. "
            "Run it there; or, if that machine is gone for good, take over: `curator round --take-over`.",
            holder=holder,
        )


def _has_new_stranger(tasks: Sequence[_Task], cursor: str) -> bool:
    """Whether a task without our key, or another copy of a question, was made after the cursor."""
    first: dict[str, int] = {}
    for task in tasks:
        if task.key is not None:
            first[task.key] = min(task.id, first.get(task.key, task.id))
    return any(
        task.created_at > cursor and (task.key is None or task.id != first[task.key]) for task in tasks
    )


def _since(cursor: str) -> dict[str, object]:
    """Tasks changed since a little before the cursor."""
    try:
        moment = datetime.fromisoformat(utc(cursor)) - OVERLAP
    except ValueError as exc:
        raise LabelerError(
            f"the cursor {cursor!r} is not a time; pull everything (without a cursor) once."
        ) from exc
    # any other format of the time is answered with HTTP 500
    return task_filter("updated_at", "greater_or_equal", "Datetime", moment.strftime(TIME_FORMAT))


def _key_chunks(keys: Sequence[str]) -> Iterator[list[str]]:
    """Keys in lots that fit into the address of one request."""
    lot: list[str] = []
    size = 0
    for key in keys:
        added = len(quote_plus(json.dumps(key))) + len(quote_plus(","))
        if lot and (len(lot) >= _MOST_KEYS or size + added > _MOST_KEY_BYTES):
            yield lot
            lot, size = [], 0
        lot.append(key)
        size += added
    if lot:
        yield lot


def _title(title: str) -> str:
    """The title as Label Studio takes it: 3 to 50 characters. A cut one keeps its difference to others by a hash."""
    title = " ".join(title.split())
    if len(title) > _TITLE_LENGTH:
        return f"{title[: _TITLE_LENGTH - 11]}... {fingerprint(title)[:7]}"
    return title if len(title) >= _SHORTEST_TITLE else f"{title} project".strip()


def _project_number(project: str) -> int:
    if not project.isdecimal():
        raise LabelerError(
            f"a project of Label Studio is named by its number, not {project!r}: see its address there."
        )
    return int(project)
