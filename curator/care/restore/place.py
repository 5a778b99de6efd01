"""Finds the campaign at its labeler: which project asks for it, and what its id is."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curator.care.backup import Backup
from curator.config import Config
from curator.errors import ConfigError, CuratorError
from curator.ledger import queries
from curator.ledger.health import reading
from curator.pool.problems import counted, joined
from curator.project.labeler import exchange_folder, project_spec, studio_route
from curator.studio.credentials import require_token
from integrations.labelers.inventory import Inventory

if TYPE_CHECKING:
    from integrations.labelers.label_studio.inventory import StudioInventory, StudioProject, StudioProjects

_KEY = re.compile(r"(?P<campaign>.+)-r(?P<round>[1-9]\d*)-[0-9a-f]{16}")
_LISTED = 20  # projects that an error lists


@dataclass(frozen=True)
class Place:
    """Where the labeler has the campaign.

    Attributes:
        campaign: its id.
        project: the labeler's reference of its project; None = nothing was ever asked.
        inventory: what is asked there; None = this labeler cannot be read back.
    """

    campaign: str
    project: str | None
    inventory: Inventory | None

    def is_ours(self, key: str) -> bool:
        """Whether a key is one of this campaign."""
        return campaign_of(key) == self.campaign


def campaign_of(key: str) -> str | None:
    """The campaign whose question has this key; None when curator did not make the key."""
    found = _KEY.fullmatch(key)
    return None if found is None else found["campaign"]


def find_place(config: Config, folder: Path, number: int | None, backup: Backup | None) -> Place:
    """Find the campaign of the project in `folder`.

    Args:
        config: of the project.
        folder: of the project; its `.curator` exists.
        number: of Label Studio's project, when the user names it.
        backup: to restore from as well.

    Raises:
        ConfigError: it is not clear which project is meant; the message lists those there are.
        CuratorError: there is nothing to restore from.
        LabelerError: the labeler cannot be read.
    """
    name = config.labeler.name
    traits = config.labeler.traits
    if number is not None and not traits.has_projects:
        raise ConfigError(f"--labeler-project is for Label Studio; this project's labeler is {name!r}.")
    if name in _SEARCHES:
        return _SEARCHES[name](config, folder, number, backup)
    if backup is not None:
        return Place(backup.campaign, _project_in(backup), None)
    if not traits.keeps_questions:
        raise CuratorError(
            f"There is nothing to restore from: the {name} labeler keeps its questions in .curator, and they were lost with "
            "it. Move curator.toml away and run `curator init` again: the same seed gives the same questions and answers."
        )
    raise CuratorError(
        f"The labeler {name!r} cannot list the questions it holds, so only a backup can be restored: --from BACKUP."
    )


def _project_in(backup: Backup) -> str | None:
    with reading(backup.ledger) as opened:
        return queries.unopened.read_state(opened).get("labeler_project")


def _files(config: Config, folder: Path, _number: int | None, backup: Backup | None) -> Place:
    from integrations.labelers.files import REFERENCE
    from integrations.labelers.files_inventory import FilesInventory

    place = exchange_folder(config, folder)
    if backup is not None and _project_in(backup) is None and not place.exists():
        return Place(backup.campaign, None, None)
    inventory = FilesInventory(place, config.project.kind, config.labeler.cannot_tell, config.kind.form)
    found = Counter(campaign for key in inventory.all_keys() if (campaign := campaign_of(key)))
    if backup is not None:
        return Place(backup.campaign, REFERENCE, inventory)
    if not found:
        raise CuratorError(
            f"There is nothing to restore from: no file in {place} holds a question from curator."
        )
    if len(found) > 1:
        raise ConfigError(
            f"The files in {place} belong to several campaigns ({_counted(found)}). Move "
            "those of the other campaigns away, and restore again."
        )
    return Place(next(iter(found)), REFERENCE, inventory)


class _StudioSearch:
    """Looks for the campaign at a Label Studio."""

    def __init__(self, config: Config, folder: Path, backup: Backup | None) -> None:
        self._config = config
        self._folder = folder
        self._backup = backup
        self._url, self._projects = self._connect()

    def place(self, wanted: int | None) -> Place:
        number = self._number(wanted)
        if number is None:
            found = self._by_name()
            if found is None:
                assert self._backup is not None  # noqa: S101 - else `_by_name` has raised
                return Place(self._backup.campaign, None, None)
            number, campaign = found.number, str(found.campaign)
        else:
            campaign = self._campaign_in(self._projects.project(number))
        return Place(campaign, str(number), self._inventory(number))

    def _inventory(self, number: int) -> "StudioInventory":
        config = self._config
        return self._projects.inventory(
            number, config.project.kind, config.labeler.cannot_tell, config.kind.form
        )

    def _connect(self) -> "tuple[str, StudioProjects]":
        from integrations.labelers.label_studio.inventory import StudioProjects

        url = self._config.labeler.url
        if not url:
            raise ConfigError(
                '[labeler] in curator.toml needs the address of the server: url = "http://localhost:8080"'
            )
        return url, StudioProjects(url, require_token(url), route=studio_route(self._config, self._folder))

    def _number(self, wanted: int | None) -> int | None:
        """The project as far as it is named somewhere: by the user, in curator.toml, in the backup."""
        configured = self._config.labeler.project
        if None not in (wanted, configured) and wanted != configured:
            raise ConfigError(
                f"--labeler-project is {wanted}, but [labeler] project in curator.toml is {configured}. "
                "Make them the same, or leave one of them out."
            )
        number = configured if wanted is None else wanted
        known = None if self._backup is None else _project_in(self._backup)
        if number is not None and known is not None and str(number) != known:
            raise ConfigError(
                f"The backup belongs to a campaign that asks in project {known}, not {number}, and its questions are there: "
                "leave the number out, or restore without this backup."
            )
        return int(known) if number is None and known is not None else number

    def _by_name(self) -> "StudioProject | None":
        ours = self._projects.ours()
        if self._backup is not None:
            # It was made before anything was asked; since then a project may have been made.
            campaign = self._backup.campaign
            return next((found for found in ours if found.campaign == campaign), None)
        name = " ".join(self._config.project.name[:38].split())
        fitting = [found for found in ours if found.campaign is not None and found.name == name]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise ConfigError(
                f"Several projects at {self._url} belong to campaigns named {name!r}: {joined(fitting, _LISTED, _in_words)}. "
                "Name the one to restore: --labeler-project N."
            )
        others = f" Projects that curator created there: {joined(ours, _LISTED, _in_words)}." if ours else ""
        raise ConfigError(
            f"No project at {self._url} belongs to a campaign named {name!r}.{others} "
            "Is this the right server and user? If so, name the project: --labeler-project N."
        )

    def _campaign_in(self, found: "StudioProject") -> str:
        """The campaign that a project asks for: as it says itself, or else by the keys of its tasks."""
        where = f"Project {found.number} ({found.title!r}) at {self._url}"
        if self._backup is not None:
            if found.campaign not in (None, self._backup.campaign):
                raise ConfigError(
                    f"{where} belongs to campaign {found.campaign}, but the backup to "
                    f"{self._backup.campaign}. Name the right project, or another backup."
                )
            return self._backup.campaign
        if found.campaign is not None:
            return found.campaign
        keys = self._inventory(found.number).all_keys()
        counts = Counter(campaign for key in keys if (campaign := campaign_of(key)))
        if not counts:
            raise CuratorError(f"There is nothing to restore from: {where} holds no question from curator.")
        confirmed = [
            campaign
            for campaign in counts
            if found.is_of(project_spec(self._config, campaign, self._folder).title)
        ]
        if len(confirmed) == 1:
            return confirmed[0]
        if len(counts) == 1:
            return next(iter(counts))
        raise ConfigError(
            f"{where} holds questions of several campaigns ({_counted(counts)}), and its description names none of them as "
            f"{self._config.project.name!r}. Set [project] name in curator.toml back to what it was, and restore again."
        )


def _studio(config: Config, folder: Path, number: int | None, backup: Backup | None) -> Place:
    return _StudioSearch(config, folder, backup).place(number)


# labeler -> how its questions are read back
_SEARCHES = {"label-studio": _studio, "files": _files}


def _counted(campaigns: Counter[str]) -> str:
    return ", ".join(
        f"{campaign}: {counted(n, 'question')}" for campaign, n in campaigns.most_common(_LISTED)
    )


def _in_words(project: "StudioProject") -> str:
    return f"{project.number} ({project.title!r}, {counted(project.tasks, 'task')})"
