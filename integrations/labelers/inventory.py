"""What a labeler still holds of the questions themselves: read back from its tasks when the ledger was lost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, Literal, Protocol

from integrations.labelers.json_values import utc
from integrations.labelers.protocol import Neighbour, Question, Suggestion
from integrations.labelers.studio_config import Control
from integrations.labelers.studio_json import regions_of, task_key

IsOurs = Callable[[str], bool]  # whether a key belongs to the campaign that is asked for


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question as its task tells it.

    Attributes:
        question: as it was sent, but `image` is the address that the annotators' browsers get, and neighbours are cut
            as they are shown.
        external_id: of the task.
        says_role: the task says whether it is of the hold-out; curator 0.1.0 did not write that.
        answers_wanted: by different annotators; None = the labeler does not know.
        asked_at: UTC, ISO 8601; None = the labeler does not know.
    """

    question: Question
    external_id: str
    says_role: bool
    answers_wanted: int | None = None
    asked_at: str | None = None


@dataclass(frozen=True, slots=True)
class InventoryPage:
    """Some tasks of a labeler.

    Attributes:
        questions: of the campaign that was asked for.
        other_keys: keys of tasks that are of another one.
        keyless: tasks that carry no key.
    """

    questions: tuple[AskedQuestion, ...]
    other_keys: tuple[str, ...]
    keyless: int


class Inventory(Protocol):
    """The tasks of one labeler's project. Every method may raise `LabelerError`."""

    def count(self) -> int | None:
        """How many tasks there are, ours or not; None when that would take as long as reading them."""
        ...

    def all_keys(self) -> Iterator[str]:
        """The keys of all tasks that carry one."""
        ...

    def pages(self, ours: IsOurs) -> Iterator[InventoryPage]:
        """All tasks; only one page is in memory at a time. A key may come twice: its first task counts."""
        ...


def split_tasks(
    tasks: Sequence[Mapping[str, Any]], ours: IsOurs
) -> tuple[list[Mapping[str, Any]], list[str], int]:
    """Tasks of a campaign, the keys of those of others, and how many carry none."""
    keys = [task_key(task.get("data")) for task in tasks]
    mine = [task for task, key in zip(tasks, keys, strict=True) if key is not None and ours(key)]
    others = [key for key in keys if key is not None and not ours(key)]
    return mine, others, keys.count(None)


def read_question(task: Mapping[str, Any], control: Control, external_id: str) -> AskedQuestion:
    """The inverse of `studio_json.task_json`, as far as the task still says what it was made from.

    Args:
        task: with `data`, and as far as they are known `meta`, `predictions`, `overlap` and `created_at`.
        control: of the project's labeling configuration.
        external_id: of the task.

    Raises:
        ValueError: something that every question has is missing, or is not what curator writes; says what.
    """
    data, meta = task["data"], _mapping(task.get("meta"))
    shown = _text(data, control.variable)
    role, drawn = meta.get("role"), meta.get("drawn_with")
    question = Question(
        key=_text(data, "key"),
        item_id=_text(data, "item_id"),
        round=_whole(data.get("round", meta.get("round")), "round"),
        rank=_whole(data.get("rank"), "rank"),
        text=shown if control.kind == "text" else None,
        image=shown if control.kind == "image" else None,
        suggestion=_suggestion(task.get("predictions"), control),
        role="holdout" if role == "holdout" else "train",
        why=data["why"] if isinstance(data.get("why"), str) else "",
        fields={
            name: text
            for name, text in _mapping(meta.get("fields")).items()
            if isinstance(name, str) and isinstance(text, str)
        },
        neighbours=_neighbours(data.get("neighbours"), control.kind),
        drawn_with=_number(drawn),
    )
    wanted, created = task.get("overlap"), task.get("created_at")
    return AskedQuestion(
        question=question,
        external_id=external_id,
        says_role=role in ("train", "holdout"),
        answers_wanted=wanted if isinstance(wanted, int) and wanted > 0 else None,
        asked_at=None if created is None else utc(created),
    )


def _suggestion(predictions: Any, control: Control) -> Suggestion | None:
    """The oldest prediction that can be read: the one that came with the task."""
    found = [row for row in predictions if isinstance(row, Mapping)] if isinstance(predictions, list) else []
    for row in sorted(found, key=lambda row: row["id"] if isinstance(row.get("id"), int) else 0):
        version, score = row.get("model_version"), _number(row.get("score"))
        label = _chosen(row.get("result"), control)
        if label is not None and isinstance(version, str) and version and score is not None:
            return Suggestion(label, score, version)
    return None


def _chosen(result: Any, control: Control) -> str | None:
    """The label that a prediction of ours stands for: one of today's classes."""
    regions = regions_of(result, control) if isinstance(result, list) else []
    label = control.form.read(regions, control).label if regions else None
    return label if label is not None and control.takes(label) else None


def _neighbours(shown: Any, kind: Literal["text", "image"]) -> tuple[Neighbour, ...]:
    if not isinstance(shown, str):
        return ()
    reader = _NeighbourList()
    reader.feed(shown)
    reader.close()
    if kind == "image":
        return tuple(Neighbour(label, image=image) for label, _, image in reader.entries if image)
    # between label and text stands ": "
    return tuple(Neighbour(label, text=text.removeprefix(": ")) for label, text, _ in reader.entries)


class _NeighbourList(HTMLParser):
    """The entries (label, text, address of the image) of the list that annotators see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.entries: list[tuple[str, str, str]] = []
        self._bold = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "li":
            self.entries.append(("", "", ""))
        elif tag == "img" and self.entries:
            label, text, _ = self.entries[-1]
            self.entries[-1] = (label, text, dict(attrs).get("src") or "")
        self._bold = tag == "b"

    def handle_endtag(self, tag: str) -> None:
        if tag == "b":
            self._bold = False

    def handle_data(self, data: str) -> None:
        if self.entries:
            label, text, image = self.entries[-1]
            self.entries[-1] = (label + data, text, image) if self._bold else (label, text + data, image)


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"its {name!r} is {value!r}")
    return value


def _whole(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"its {name!r} is {value!r}")
    return value


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    """A probability."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)
