"""Which labelers there are, by name: what each can do, and how it is made.

A labeler of ours is its file and its line here; its module is imported when it is made, so looking one up imports no
server library. Another package registers a class under the entry point group `curator.labelers`:

    [project.entry-points."curator.labelers"]
    my-labeler = "my_package.my_module:MyLabeler"

The class is made with two arguments, `[labeler.options]` of curator.toml as a dict and the project's folder as a `Path`,
and may have a class attribute `traits` (`integrations.labelers.traits.Traits`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from integrations.errors import LabelerError
from integrations.labelers.protocol import Labeler
from integrations.labelers.traits import FILES, LABEL_STUDIO, REPLAY, Traits
from integrations.plugins import Plugins

if TYPE_CHECKING:
    from integrations.labelers.label_studio.connection import Route


class Server(NamedTuple):
    """How a server is reached: where it is, the token, the way there, and the folder whose images it serves itself."""

    url: str
    token: str
    route: "Route"
    image_root: Path | None


@dataclass(frozen=True, slots=True)
class Setup:
    """What labelers are made from; each takes what it needs. Calls raise what their caller wants raised.

    Attributes:
        folder: of the project.
        exchange: folder in which questions and answers are exchanged as files.
        server: how the server is reached.
        known_labels: item id -> the label that the data came with.
        seconds: about how long one answer takes, where that is known beforehand.
        more_seconds: item id -> seconds on top of `seconds`; None = none.
        options: [labeler.options].
    """

    folder: Path
    exchange: Path
    server: Callable[[], Server]
    known_labels: Callable[[], Mapping[str, str | None]]
    seconds: float
    more_seconds: Callable[[str], float] | None
    options: Mapping[str, Any]


class Registered(NamedTuple):
    """A labeler: what it can do, and how it is made."""

    traits: Traits
    make: Callable[[Setup], Labeler]


def _label_studio(setup: Setup) -> Labeler:
    server = setup.server()
    from integrations.labelers.label_studio.labeler import LabelStudioLabeler

    return LabelStudioLabeler(server.url, server.token, image_root=server.image_root, route=server.route)


def _files(setup: Setup) -> Labeler:
    from integrations.labelers.files import FilesLabeler

    return FilesLabeler(setup.exchange)


def _replay(setup: Setup) -> Labeler:
    from integrations.labelers.replay import ReplayLabeler

    return ReplayLabeler(
        setup.known_labels(),
        setup.folder / ".curator" / "replay.jsonl",
        seconds=setup.seconds,
        more_seconds=setup.more_seconds,
    )


LABELERS = {
    "label-studio": Registered(LABEL_STUDIO, _label_studio),
    "files": Registered(FILES, _files),
    "replay": Registered(REPLAY, _replay),
}
PLUGINS = Plugins("curator.labelers", "labeler", LABELERS, LabelerError)


def find_labeler(name: str) -> Registered:
    """The labeler `name`; of another package its class is imported.

    Raises:
        LabelerError: no labeler has this name, or what a package registered is no labeler.
    """
    if name in LABELERS:
        return LABELERS[name]
    made = PLUGINS.load(name)
    if not isinstance(made, type):
        raise PLUGINS.refuse(name, f"is not a class but a {type(made).__name__}. Ask its author.")
    traits = getattr(made, "traits", Traits())
    if not isinstance(traits, Traits):
        raise PLUGINS.refuse(name, f"has `traits` that are a {type(traits).__name__}. Ask its author.")

    def make(setup: Setup) -> Labeler:
        hint = "Its documentation says what [labeler.options] in curator.toml must hold."
        return cast("Labeler", PLUGINS.make(name, made, dict(setup.options), setup.folder, hint=hint))

    return Registered(traits, make)


def traits_of(name: str) -> Traits:
    """What the labeler `name` can do.

    One that cannot be loaded here is taken for one that people answer through: who only reads a campaign does not need its
    package, and who makes the labeler is told what is missing.
    """
    try:
        return find_labeler(name).traits
    except LabelerError:
        return Traits()


def describe_labelers() -> str:
    """Our labelers, each with what it is: for help texts."""
    return ", ".join(f"{name} ({registered.traits.summary})" for name, registered in LABELERS.items())
