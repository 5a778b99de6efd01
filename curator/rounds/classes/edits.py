"""Classes that somebody changed by hand in curator.toml: said, with the command that is meant."""

from curator.errors import ConfigError
from curator.ledger.class_history import History, may_begin_anew
from curator.project.project import Project


def refuse_hand_edit(project: Project) -> None:
    """Classes in curator.toml that the campaign does not know are said, with the command that changes them.

    Raises:
        ConfigError: they differ.
    """
    history = History.read(project.ledger)
    if may_begin_anew(project.ledger):
        return
    there, known = project.config.project.classes, history.classes
    if there == known:
        return
    differ = (
        f"[project] classes in curator.toml is {list(there)}, but this campaign's classes are {list(known)}."
    )
    if sorted(there) == sorted(known):
        raise ConfigError(f"{differ} Their order is fixed: put the line back as it was.")
    extra = [name for name in there if name not in known]
    missing = [name for name in known if name not in there]
    how = _how(missing, extra)
    raise ConfigError(
        f"{differ} What became of them decides what earlier answers mean, so make the change with a command: {how}. Or put the line "
        "back as it was."
    )


def _how(missing: list[str], extra: list[str]) -> str:
    """The command that is most likely meant."""
    old, new = (
        " ".join(f'"{name}"' if " " in name else name for name in names) for names in (missing, extra)
    )
    match len(missing), len(extra):
        case 0, _:
            command = f"`curator classes add {new}`"
        case _, 0:
            command = f"`curator classes merge {old} ... --into CLASS`"
        case 1, 1:
            command = f"`curator classes rename {old} {new}`"
        case _, 1:
            command = f"`curator classes merge {old} --into {new}`"
        case 1, _:
            command = f"`curator classes split {old} {new}`"
        case _:
            command = "`curator classes add`, `rename`, `merge` or `split`, one change at a time"
    return command
