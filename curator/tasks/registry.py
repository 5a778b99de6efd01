"""The kinds of labels by the name that [project] task gives them: a kind is its file and its line here."""

from typing import Any

from curator.evidence.metrics import Metric
from curator.tasks.single import SingleChoice
from curator.tasks.task import Task

KINDS: dict[str, type[Task]] = {kind.kind: kind for kind in (SingleChoice,)}


def find_kind(name: str) -> type[Task]:
    """The kind of label `name`.

    Raises:
        ValueError: there is none; the message names those there are.
    """
    if name not in KINDS:
        raise ValueError(f"no kind of label is called {name!r}; there are: {describe_kinds()}")
    return KINDS[name]


def describe_kinds() -> str:
    """All kinds, each with what it is: for help and messages."""
    return ", ".join(f"{name} ({kind.summary})" for name, kind in KINDS.items())


def find_metric(name: str) -> Metric[Any] | None:
    """The metric `name` of whichever kind has it; None of one that no kind knows any more."""
    return next((kind.registered[name] for kind in KINDS.values() if name in kind.registered), None)


def metric_title(name: str) -> str:
    """A metric as people call it: "macro-F1"."""
    metric = find_metric(name)
    return name.replace("_", "-") if metric is None else metric.title


def metric_unit(name: str) -> tuple[float, str]:
    """What its values are multiplied by before people see them, and the unit they then have: 100 and "points"."""
    metric = find_metric(name)
    return (100.0, "points") if metric is None or metric.unit == "points" else (1.0, metric.unit)


def describe_headlines() -> str:
    """What campaigns may be run by, of every kind: "accuracy (the share ...) or macro_f1 (counts ...)", for help."""
    metrics = {metric.name: metric for kind in KINDS.values() for metric in kind.registered.values()}
    told = [f"{name} ({metric.meaning})" for name, metric in metrics.items() if metric.headline]
    return f"{', '.join(told[:-1])} or {told[-1]}" if len(told) > 1 else told[0]
