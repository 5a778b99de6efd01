"""The choices that annotators have, and had: classes, and the one of who cannot tell."""

import json
from collections.abc import Iterable

from curator.errors import ConfigError
from curator.ledger import queries
from curator.ledger.class_history import History
from curator.ledger.store import Ledger
from curator.project.labeler import Former

CANNOT_TELL = "cannot_tell"  # in the ledger's state: every name that it ever had, JSON


def former_choices(ledger: Ledger, cannot_tell: str, classes: tuple[str, ...]) -> Former:
    """What answers may hold beside today's choices.

    Args:
        ledger: of the campaign.
        cannot_tell: today's choice of who cannot tell; "" = none.
        classes: today's.

    Raises:
        ConfigError: a choice had the other meaning once: answers with it could be read both ways.
    """
    history = History.read(ledger)
    former = history.former()
    without_label = cannot_tell_names(ledger)
    if cannot_tell in former:
        raise ConfigError(
            f"[labeler] cannot_tell is {cannot_tell!r}, which was a class until it was changed: answers with it would be read "
            "as that class. Choose another word."
        )
    both = [name for name in classes if name in without_label and name != cannot_tell]
    if both:
        raise ConfigError(
            f"{both[0]!r} stood for annotators who cannot tell, so it cannot be a class now: answers with it could be read both "
            "ways. Choose another name for the class."
        )
    lists = tuple(dict.fromkeys(change.classes for change in history.changes if change.classes != classes))
    return Former(former, lists, tuple(name for name in without_label if name != cannot_tell))


def cannot_tell_names(ledger: Ledger) -> tuple[str, ...]:
    """Every name that the choice of who cannot tell has had in this campaign."""
    return names_ever(ledger.get(CANNOT_TELL), queries.rounds.cannot_tell_names(ledger))


def names_ever(kept: str | None, of_rounds: Iterable[str | None]) -> tuple[str, ...]:
    """The same from what the ledger holds: `CANNOT_TELL` of its state, and what its rounds were opened with.

    Until the former was kept, it could not change while a campaign ran.
    """
    return tuple(dict.fromkeys(filter(None, [*json.loads(kept or "[]"), *of_rounds])))


def is_new_cannot_tell(ledger: Ledger, name: str) -> bool:
    """Whether annotators have not seen this choice yet."""
    return bool(name) and name not in cannot_tell_names(ledger)


def note_cannot_tell(ledger: Ledger, name: str) -> None:
    """Remember a name before annotators see it. To be called inside a `write`."""
    ledger.put(CANNOT_TELL, json.dumps([*cannot_tell_names(ledger), name], ensure_ascii=False))
