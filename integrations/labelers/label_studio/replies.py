"""What Label Studio replies, as values that are what they say.

The SDK builds its models from any reply without checking it, so each value that is used is checked here. What is
nonsense raises ValueError, TypeError or AttributeError, which the caller turns into a clear error.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

_DEEPEST = 100  # levels; far more than anything that Label Studio says


@dataclass(frozen=True, slots=True)
class Project:
    """What we read of a project."""

    number: int
    title: str
    description: str
    config: str
    model_version: str
    overlap: int  # answers that the stream collects for a new task
    tasks: int
    answers: int  # annotations and skips

    @classmethod
    def of(cls, model: Any) -> "Project":
        """Check the SDK's model of one."""
        skips = count(model.skipped_annotations_number or 0)
        return cls(
            number=count(model.id),
            title=text(model.title),
            description=text(model.description),
            config=text(model.label_config),
            model_version=text(model.model_version),
            overlap=count(model.maximum_annotations or 1),
            tasks=count(model.task_number or 0),
            answers=count(model.total_annotations_number or 0) + skips,
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Some tasks of a project.

    Attributes:
        tasks: in the order asked for, as dictionaries. Each has a whole number as `id`; `annotations` and
            `predictions`, if asked for, are lists.
        total: how many tasks fit the filters in all, those after this page included.
    """

    tasks: tuple[Mapping[str, Any], ...]
    total: int

    @classmethod
    def of(cls, pager: Any) -> "Page":
        """Check the SDK's pager."""
        return cls(tuple(map(_task, pager.items or ())), count(pager.response.total))


def _task(model: Any) -> Mapping[str, Any]:
    task = plain(model)
    if not isinstance(task, Mapping):
        raise TypeError(f"a task is {type(task).__name__}, not an object")
    for name in ("annotations", "predictions"):
        if not isinstance(task.get(name) or [], list):
            raise TypeError(f"the {name} of a task are {type(task[name]).__name__}, not a list")
    return {**task, "id": count(task.get("id"))}


def count(value: Any) -> int:
    """A whole number that is not negative: how many, or the number of something."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{str(value)[:50]!r} stands where a number should")
    return value


def text(value: Any) -> str:
    """Text; none at all is empty."""
    if not isinstance(value, str | None):
        raise TypeError(f"{type(value).__name__} stands where text should")
    return value or ""


def plain(value: Any, depth: int = _DEEPEST) -> Any:
    """The SDK's models as dictionaries, at every level; anything else as it is."""
    if depth == 0:
        raise ValueError("a reply is nested too deeply")
    if isinstance(value, BaseModel):
        # not model_dump, which warns at what it does not expect
        return {name: plain(inner, depth - 1) for name, inner in value}
    if isinstance(value, Mapping):
        return {name: plain(inner, depth - 1) for name, inner in value.items()}
    return [plain(inner, depth - 1) for inner in value] if isinstance(value, list) else value
