"""What a labeler still holds of the questions themselves: read back from its tasks when the ledger was lost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from integrations.errors import LabelerError
from integrations.labelers.json_values import utc
from integrations.labelers.studio_config import Control
from integrations.labelers.studio_json import task_key

Task = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question as its task tells it.

    Attributes:
        key: of the question.
        item_id: that it asks about.
        round: that asked.
        rank: its place in the batch.
        content: the text; or the address of the image that the annotators' browsers get.
        role: None = the task does not say it; curator 0.1.0 did not write that.
        drawn_with: probability with which the item was drawn, for a sampled hold-out.
        why: the reason that annotators see.
        external_id: of the task.
        answers_wanted: by different annotators; None = the labeler does not know.
        asked_at: UTC, ISO 8601; None = the labeler does not know.
    """

    key: str
    item_id: str
    round: int
    rank: int
    content: str
    role: Literal["train", "holdout"] | None
    drawn_with: float | None
    why: str
    external_id: str
    answers_wanted: int | None = None
    asked_at: str | None = None


@dataclass(frozen=True)
class Inventory:
    """The questions of one labeler's project.

    Attributes:
        where: what holds the tasks, for messages.
        control: of the project's labeling configuration.
        pages: reads all tasks, some at a time, each with the id that the labeler gave it; raises `LabelerError`.
    """

    where: str
    control: Control
    pages: Callable[[], Iterator[Sequence[tuple[str, Task]]]]

    def keys(self) -> Iterator[str | None]:
        """The key of each task, whoever's it is; None: it carries none."""
        for page in self.pages():
            yield from (task_key(task.get("data")) for _, task in page)

    def questions(self, is_ours: Callable[[str], bool]) -> Iterator[list[AskedQuestion]]:
        """The questions whose key is of the campaign that is asked for, some at a time. A key may come twice: the first counts.

        Raises:
            LabelerError: a task is not what curator wrote, or cannot be read.
        """
        for page in self.pages():
            keys = ((number, task, task_key(task.get("data"))) for number, task in page)
            yield [self._read(number, task) for number, task, key in keys if key is not None and is_ours(key)]

    def _read(self, number: str, task: Task) -> AskedQuestion:
        try:
            return read_question(task, self.control, number)
        except ValueError as exc:
            raise LabelerError(
                f"task {number} of {self.where} carries the key {task_key(task['data'])!r}, but it was changed there: {exc}. "
                "Undo the change, or delete the task."
            ) from exc


def read_question(task: Task, control: Control, external_id: str) -> AskedQuestion:
    """The inverse of `studio_json.task_json`, as far as a campaign needs it to go on.

    Args:
        task: with `data`, and as far as they are known `meta`, `overlap` and `created_at`.
        control: of the project's labeling configuration.
        external_id: of the task.

    Raises:
        ValueError: something that every question has is missing, or is not what curator writes; says what.
    """
    data, meta = task["data"], task.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    role, why = meta.get("role"), data.get("why")
    wanted, created = task.get("overlap"), task.get("created_at")
    return AskedQuestion(
        key=_text(data, "key"),
        item_id=_text(data, "item_id"),
        round=_count(data.get("round", meta.get("round")), "round"),  # curator 0.1.0 wrote it into the meta
        rank=_count(data.get("rank"), "rank"),
        content=_text(data, control.variable),
        role=role if role in ("train", "holdout") else None,
        drawn_with=_share(meta.get("drawn_with")),
        why=why if isinstance(why, str) else "",
        external_id=external_id,
        answers_wanted=wanted if isinstance(wanted, int) and wanted > 0 else None,
        asked_at=None if created is None else utc(created),
    )


def _text(data: Task, name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"its {name!r} is {value!r}")
    return value


def _count(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"its {name!r} is {value!r}")
    return value


def _share(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)
