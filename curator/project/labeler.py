"""The labeler that curator.toml names, made from what the project knows, and what its project must look like."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from curator.config import Config
from curator.errors import ConfigError
from curator.pool.catalogue import Pool
from curator.project.instance import instance_name
from curator.project.instructions import instructions_html
from integrations.labelers.protocol import Labeler, ProjectSpec
from integrations.labelers.registry import Server, Setup, find_labeler

if TYPE_CHECKING:
    from integrations.labelers.label_studio.connection import Route


def make_labeler(config: Config, folder: Path, pool: Pool) -> Labeler:
    """The labeler of a project in `folder`; talks to nobody yet.

    Raises:
        ConfigError: a setting or the token is missing; says which.
        LabelerError: no labeler has this name, or it cannot be loaded.
    """
    labeler = config.labeler

    def known_labels() -> Mapping[str, str | None]:
        if config.data.label is None:
            raise ConfigError(
                f"The {labeler.name} labeler answers from known labels, but [data] in curator.toml names no label column. "
                "Set `label`, or another labeler."
            )
        return _PoolColumn(pool, pool.labels)

    per_word = labeler.seconds_per_word if config.project.kind == "text" else 0.0
    setup = Setup(
        folder=folder,
        exchange=exchange_folder(config, folder),
        server=lambda: _server(config, folder),
        known_labels=known_labels,
        seconds=labeler.seconds,
        more_seconds=_reading_time(pool, per_word) if per_word else None,
        options=labeler.options,
    )
    return find_labeler(labeler.name).make(setup)


def exchange_folder(config: Config, folder: Path) -> Path:
    """Where the project in `folder` exchanges questions and answers as files."""
    return folder / (config.labeler.folder or "labeling")


@dataclass(frozen=True)
class Former:
    """Choices that answers may still hold: classes of earlier, and what stood for "cannot tell".

    Attributes:
        classes: name -> today's class; None: it says too little.
        lists: the classes before each change.
        cannot_tell: names.
    """

    classes: Mapping[str, str | None] = field(default_factory=dict)
    lists: tuple[tuple[str, ...], ...] = ()
    cannot_tell: tuple[str, ...] = ()


def project_spec(
    config: Config, campaign: str, folder: Path, *, former: Former | None = None, take_over: bool = False
) -> ProjectSpec:
    """What the labeler's project must look like. The campaign's id in the title tells namesakes apart.

    Args:
        config: curator.toml.
        campaign: its id.
        folder: of the project.
        former: choices of earlier; None: there were no others.
        take_over: run the campaign from here, whoever ran it before.

    Raises:
        ConfigError: the instructions cannot be read.
    """
    labeler = config.labeler
    return ProjectSpec(
        title=f"{config.project.name[:38]} ({campaign})",
        kind=config.project.kind,
        classes=config.project.classes,
        cannot_tell=labeler.cannot_tell,
        descriptions=labeler.descriptions,
        hotkeys=labeler.hotkeys,
        instructions=instructions_html(config, folder),
        shows_fields=bool(config.data.show),
        shows_neighbours=labeler.neighbours > 0,
        holder=instance_name(folder / ".curator"),
        take_over=take_over,
        former_classes=former.classes if former else {},
        former_lists=former.lists if former else (),
        former_cannot_tell=former.cannot_tell if former else (),
        form=config.kind.form,
    )


def studio_route(config: Config, folder: Path) -> "Route":
    """How the Label Studio server of a project in `folder` is reached."""
    from integrations.labelers.label_studio.connection import Route

    ca_file = config.labeler.ca_file
    return Route(
        proxy=config.labeler.proxy, ca_file=None if ca_file is None else folder / Path(ca_file).expanduser()
    )


def studio_warnings(config: Config, folder: Path) -> list[str]:
    """Who could read the token on its way to the Label Studio server, a sentence each."""
    from integrations.labelers.label_studio.address import warn_plain_http

    url = config.labeler.url
    if not url:
        return []
    from integrations.labelers.label_studio.connection import warn_proxy

    warnings = (warn_plain_http(url), warn_proxy(url, studio_route(config, folder)))
    return [warning for warning in warnings if warning is not None]


def _server(config: Config, folder: Path) -> Server:
    from curator.studio.credentials import require_token

    if not config.labeler.url:
        raise ConfigError(
            '[labeler] in curator.toml needs the address of the server: url = "http://localhost:8080"'
        )
    token = require_token(config.labeler.url)
    root = config.labeler.image_root if config.labeler.images == "local" else None
    return Server(
        config.labeler.url,
        token,
        route=studio_route(config, folder),
        image_root=None if root is None else folder / Path(root).expanduser(),
    )


def _reading_time(pool: Pool, per_word: float) -> Callable[[str], float]:
    """Item id -> seconds that reading its text takes."""
    texts = _PoolColumn(pool, pool.contents)
    return lambda item_id: per_word * len((texts[item_id] or "").split())


class _PoolColumn(Mapping[str, str | None]):
    """A column as a mapping that looks rows up when asked: of a large pool only touched segments are read."""

    def __init__(self, pool: Pool, read: Callable[[range], Sequence[str | None]]) -> None:
        self._pool = pool
        self._read_rows = read
        self._first_rows = [segment.first_row for segment in pool.segments]
        self._read: dict[int, Sequence[str | None]] = {}
        self._known: dict[str, str | None] = {}  # what was looked up: each pull asks for all of it again

    def __getitem__(self, item_id: str) -> str | None:
        if item_id not in self._known:
            self._known[item_id] = self._look_up(item_id)
        return self._known[item_id]

    def _look_up(self, item_id: str) -> str | None:
        row = int(self._pool.rows([item_id])[0])
        number = bisect_right(self._first_rows, row) - 1
        segment = self._pool.segments[number]
        if number not in self._read:
            self._read[number] = self._read_rows(range(segment.first_row, segment.first_row + segment.n_rows))
        return self._read[number][row - segment.first_row]

    def __iter__(self) -> Iterator[str]:
        raise TypeError("known values are looked up, never listed")

    def __len__(self) -> int:
        return self._pool.n_items
