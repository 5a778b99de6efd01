"""Which labelers there are, by name.

Only names stand here, so that looking one up imports no server library; the caller imports the class it needs
and hands it the arguments it wants. Others add theirs as entry points of the group `curator.labelers`.
"""

from importlib import import_module
from importlib.metadata import entry_points

from integrations.errors import LabelerError

GROUP = "curator.labelers"

LABELERS: dict[str, str] = {
    "files": "integrations.labelers.files:FilesLabeler",
    "label-studio": "integrations.labelers.label_studio.labeler:LabelStudioLabeler",
    "replay": "integrations.labelers.replay:ReplayLabeler",
}


def known_labelers() -> dict[str, str]:
    """Name -> "module:Class" of every labeler, ours and those installed; ours win a clash of names."""
    installed = {point.name: point.value for point in entry_points(group=GROUP)}
    return {**installed, **LABELERS}


def labeler_class(name: str) -> type:
    """Import the class of the labeler `name`.

    Raises:
        LabelerError: no labeler has this name, or its module cannot be imported.
    """
    known = known_labelers()
    if name not in known:
        raise LabelerError(f"there is no labeler {name!r}; known are: {', '.join(sorted(known))}.")
    module, _, attribute = known[name].partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as exc:
        raise LabelerError(
            f"the labeler {name!r} ({known[name]}) cannot be loaded: {exc}. Install the package that brings it."
        ) from exc
    if not isinstance(found, type):
        raise LabelerError(
            f"the labeler {name!r} ({known[name]}) is not a class but a {type(found).__name__}."
        )
    return found
