"""The kinds of labels by the name that [project] task gives them: a kind is its file and its line here."""

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


def metric_title(name: str) -> str:
    """A metric as people call it: "macro-F1"; its name, of one that no kind knows any more."""
    known = (kind.registered[name].title for kind in KINDS.values() if name in kind.registered)
    return next(known, name.replace("_", "-"))


def describe_headlines() -> str:
    """What campaigns may be run by, of every kind: "accuracy (the share ...) or macro_f1 (counts ...)", for help."""
    metrics = {metric.name: metric for kind in KINDS.values() for metric in kind.registered.values()}
    told = [f"{name} ({metric.meaning})" for name, metric in metrics.items() if metric.headline]
    return f"{', '.join(told[:-1])} or {told[-1]}" if len(told) > 1 else told[0]
