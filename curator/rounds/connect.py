"""Connect: go on in another project of the labeler, when the one that questions were asked in is gone.

Questions are known by our own keys, so whatever of them the other project holds (it was imported again, or restored
from a backup) is found there. What it does not hold is asked again only where an answer is still owed: labels that were
paid for stay, wherever they were given.
"""

from dataclasses import dataclass

from curator.errors import ConfigError, CuratorError
from curator.ledger import queries, updates
from curator.ledger.store import utc_now
from curator.project.labeler import project_spec
from curator.project.project import Project

_KEYS_AT_ONCE = 5_000


@dataclass(frozen=True)
class Connection:
    """Where the campaign goes on, and what becomes of its questions.

    Attributes:
        project: the labeler's name of the project.
        where: an address for people.
        there: questions that the project holds.
        again: questions of the open round that are asked again, for they are not there and answers are owed.
        labeled: questions that are not there and need not be: their answers are in the ledger.
    """

    project: str
    where: str
    there: int
    again: int
    labeled: int


def connect_project(project: Project, number: int | None) -> Connection:
    """Make another project of the labeler the one that this campaign asks in.

    Args:
        project: opened.
        number: of a project that exists; None = the one made for this campaign, made anew when there is none.

    Raises:
        ConfigError: curator.toml names another project, or the labeler has no projects.
        LabelerError: the project is not there, or does not fit; nothing was changed.
        CuratorError: the campaign has asked nothing yet.
    """
    config, ledger = project.config, project.ledger
    if not config.labeler.traits.has_projects:
        raise ConfigError(
            f"`curator labeler connect` is for a Label Studio server; [labeler] name in curator.toml is "
            f"{config.labeler.name!r}, which has no projects."
        )
    if config.labeler.project not in (None, number):
        raise ConfigError(
            f"[labeler] project in curator.toml is {config.labeler.project}. Change it to the project to continue in, or remove "
            "the line, and run this again."
        )
    with project.locked("labeler connect"):
        if not queries.rounds.last_round_id(ledger):
            raise CuratorError(
                "This campaign has asked nothing yet: set [labeler] project in curator.toml, or let `curator round` create one."
            )
        spec = project_spec(config, project.campaign, project.folder, take_over=project.take_over)
        reference = project.labeler.prepare(spec, None if number is None else str(number))
        keys = queries.questions.keys_ever_sent(ledger)
        there: dict[str, str] = {}
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            there |= project.labeler.find(keys[start : start + _KEYS_AT_ONCE])
        return _write(project, reference, there, [key for key in keys if key not in there])


def _write(project: Project, reference: str, there: dict[str, str], missing: list[str]) -> Connection:
    ledger = project.ledger
    current = queries.rounds.current_round(ledger)
    with ledger.write():
        owed = queries.questions.keys_still_wanted(ledger, 0 if current is None else current["id"], missing)
        updates.mark_asked(ledger, there, asked_at=utc_now())
        updates.mark_absent(ledger, owed, "outbox")
        updates.mark_absent(ledger, set(missing) - owed, "withdrawn")
        if current is not None and owed and current["status"] == "pushed":
            ledger.update("rounds", current["id"], status="selected")  # `curator round` sends the rest first
        # All that was known of what the other project holds.
        ledger.drop("cursor", "last_complete_pull", "foreign_questions", "foreign_answers")
        ledger.put("labeler_project", reference)
    return Connection(reference, project.labeler.where(), len(there), len(owed), len(missing) - len(owed))
