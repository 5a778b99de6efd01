"""What else than the labels of a round lies between its gain and the round before: changed classes, labels from files."""

from curator.ledger import queries
from curator.ledger.class_history import History, comparable
from curator.ledger.store import Ledger
from curator.pool.problems import counted


def gain_note(ledger: Ledger, round_id: int) -> str | None:
    """What has to be said beside a gain, or why there is none; None: nothing, or there was no round before.

    Args:
        ledger: of the campaign.
        round_id: trained, about to be measured.
    """
    previous = queries.rounds.last_measured(ledger, round_id)
    if previous is None:
        return None
    number = int(previous["id"])
    notes = []
    changes = History.read(ledger).between(number, round_id)
    if changes:
        what = "; ".join(change.sentence() for change in changes)
        if comparable(changes):
            notes.append(
                f"Classes changed between rounds {number} and {round_id} ({what}): both are scored with today's classes."
            )
        else:
            notes.append(
                f"Classes changed between rounds {number} and {round_id} ({what}): the two measured different things, so "
                "no gain is stated. The next round is compared with this one."
            )
    came = int((queries.rounds.round_by_number(ledger, round_id) or {}).get("imported") or 0)
    new = came - int(previous["imported"] or 0)
    if new > 0:
        notes.append(
            f"{counted(new, 'label')} came from files between rounds {number} and {round_id}: the gain includes theirs, the cost does not."
        )
    return " ".join(notes) or None
