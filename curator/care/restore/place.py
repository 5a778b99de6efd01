"""Finds the campaign at its labeler: which project asks for it, and what its id is."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from curator.care.backup import Backup
from curator.config import Config
from curator.errors import ConfigError, CuratorError
from curator.ledger import queries
from curator.ledger.health import reading
from curator.pool.problems import counted, joined
from curator.project.labeler import exchange_folder, studio_route
from curator.studio.credentials import require_token
from integrations.labelers.inventory import Inventory

if TYPE_CHECKING:
    from integrations.labelers.label_studio.inventory import StudioProject, StudioProjects

_KEY = re.compile(r"(?P<campaign>.+)-r(?P<round>[1-9]\d*)-[0-9a-f]{16}(-c[1-9]\d*)?")
_LISTED = 20  # projects that an error lists


@dataclass(frozen=True)
class Place:
    """Where the labeler has the campaign.

    Attributes:
        campaign: its id.
        project: the labeler's reference of its project; None = nothing was ever asked.
        inventory: what is asked there; None = there is nothing, or this labeler cannot be read back.
        tasks: how many there are, of each campaign; None = those that are not curator's.
    """

    campaign: str
    project: str | None = None
    inventory: Inventory | None = None
    tasks: Counter[str | None] = field(default_factory=Counter)

    def is_ours(self, key: str) -> bool:
        """Whether a key is one of this campaign."""
        return campaign_of(key) == self.campaign


def campaign_of(key: str | None) -> str | None:
    """The campaign whose question has this key; None when curator did not make the key."""
    found = _KEY.fullmatch(key or "")
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
    name, traits = config.labeler.name, config.labeler.traits
    if number is not None and not traits.has_projects:
        raise ConfigError(f"--labeler-project is for Label Studio; this project's labeler is {name!r}.")
    asked_in = None
    if backup is not None:
        with reading(backup.ledger) as opened:
            asked_in = queries.unopened.read_state(opened).get("labeler_project")
    named: str | None = None
    if name == "label-studio":
        project, named, inventory = _in_studio(config, folder, number, backup, asked_in)
    elif name == "files":
        project, inventory = _in_files(config, folder, asked_in, required=backup is None)
    elif backup is not None:
        return Place(backup.campaign, asked_in)
    elif traits.keeps_questions:
        raise CuratorError(
            f"The labeler {name!r} cannot list the questions it holds, so only a backup can be restored: --from BACKUP."
        )
    else:
        raise CuratorError(
            f"There is nothing to restore from: the {name} labeler keeps its questions in .curator, and they were lost with "
            "it. Move curator.toml away and run `curator init` again: the same seed gives the same questions and answers."
        )
    if inventory is None:
        assert backup is not None  # noqa: S101 - else it was refused
        return Place(backup.campaign)
    tasks = Counter(map(campaign_of, inventory.keys()))
    return Place(_campaign(tasks, named, backup, inventory.where), project, inventory, tasks)


def _campaign(tasks: Counter[str | None], named: str | None, backup: Backup | None, where: str) -> str:
    """The campaign to restore: the backup's; or the one that the project is named after; or the only one."""
    ours = {campaign: n for campaign, n in tasks.items() if campaign is not None}
    questions = ", ".join(
        f"{campaign}: {counted(n, 'question')}" for campaign, n in list(ours.items())[:_LISTED]
    )
    if backup is not None:
        if ours and backup.campaign not in ours:
            raise ConfigError(
                f"{where} belongs to other campaigns ({questions}), but the backup to {backup.campaign}. Name the right project, "
                "or another backup."
            )
        return backup.campaign
    if not ours:
        raise CuratorError(f"There is nothing to restore from: {where} holds no question from curator.")
    if named in ours:
        return str(named)
    if len(ours) > 1:
        raise ConfigError(
            f"The questions of {where} belong to several campaigns ({questions}). Move those of the other campaigns away, and restore again."
        )
    return next(iter(ours))


def _in_files(
    config: Config, folder: Path, asked_in: str | None, *, required: bool
) -> tuple[str, Inventory | None]:
    from integrations.labelers.files import REFERENCE, files_inventory

    place = exchange_folder(config, folder)
    if not required and asked_in is None and not place.exists():
        return REFERENCE, None
    return REFERENCE, files_inventory(
        place, config.project.kind, config.labeler.cannot_tell, config.kind.form
    )


def _in_studio(
    config: Config, folder: Path, wanted: int | None, backup: Backup | None, asked_in: str | None
) -> tuple[str | None, str | None, Inventory | None]:
    """Number of the project, the campaign that it names, and its questions."""
    from integrations.labelers.label_studio.inventory import StudioProjects

    url = config.labeler.url
    if not url:
        raise ConfigError(
            '[labeler] in curator.toml needs the address of the server: url = "http://localhost:8080"'
        )
    projects = StudioProjects(url, require_token(url), route=studio_route(config, folder))
    number = _number(config.labeler.project, wanted, asked_in)
    if number is not None:
        found: StudioProject | None = projects.project(number)
    elif backup is not None:  # made before anything was asked; since then a project may have been made
        found = next((one for one in projects.ours() if one.campaign == backup.campaign), None)
    else:
        found = _by_name(projects, config.project.name, url)
    if found is None:
        return None, None, None
    inventory = projects.inventory(
        found.number, config.project.kind, config.labeler.cannot_tell, config.kind.form
    )
    return str(found.number), found.campaign, inventory


def _number(configured: int | None, wanted: int | None, asked_in: str | None) -> int | None:
    """The project as far as it is named somewhere: by the user, in curator.toml, in the backup."""
    if None not in (wanted, configured) and wanted != configured:
        raise ConfigError(
            f"--labeler-project is {wanted}, but [labeler] project in curator.toml is {configured}. "
            "Make them the same, or leave one of them out."
        )
    number = configured if wanted is None else wanted
    if number is not None and asked_in is not None and str(number) != asked_in:
        raise ConfigError(
            f"The backup belongs to a campaign that asks in project {asked_in}, not {number}, and its questions are there: "
            "leave the number out, or restore without this backup."
        )
    return int(asked_in) if number is None and asked_in is not None else number


def _by_name(projects: "StudioProjects", named: str, url: str) -> "StudioProject":
    ours, name = projects.ours(), " ".join(named[:38].split())
    fitting = [project for project in ours if project.name == name]
    if len(fitting) == 1:
        return fitting[0]
    listed = joined(
        fitting or ours, _LISTED, lambda one: f"{one.number} ({one.title!r}, {counted(one.tasks, 'task')})"
    )
    if fitting:
        raise ConfigError(
            f"Several projects at {url} belong to campaigns named {name!r}: {listed}. Name the one to restore: --labeler-project N."
        )
    others = f" Projects that curator created there: {listed}." if ours else ""
    raise ConfigError(
        f"No project at {url} belongs to a campaign named {name!r}.{others} "
        "Is this the right server and user? If so, name the project: --labeler-project N."
    )
