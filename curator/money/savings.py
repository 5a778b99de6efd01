"""What random labels would have cost: what the ledger says of it, in words and numbers."""

import json
from typing import Any

from curator.amounts import readable_amount
from curator.evidence.forecast.seen import FEWEST_ROUNDS
from curator.evidence.metrics import Accuracy
from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.pool.problems import counted

MEASURED, NOT_MEASURED = "measured", "not measured"
JUDGED_BY = Accuracy.name  # the metric that random labels are replayed for

NO_PRICE = "labels cost nothing, so there is no money to save"
PRICE_UNKNOWN = "what the labels cost is not known"

# Below, simulated campaigns have nothing to confirm an interval with.
FEWEST_ARM, FEWEST_HOLDOUT = 20, 100  # and as many rounds as a forecast


def why_not(
    *, rounds: int, labels: int, arm_labels: int, share: float, holdout: int, imported: int = 0
) -> str | None:
    """Why savings cannot be measured yet, or None.

    Args:
        rounds: that are measured, this one included.
        labels: to train on.
        arm_labels: those of the random arm among them.
        share: [acquisition] random_share.
        holdout: labeled items of the hold-out.
        imported: labels of the user's own, which no campaign on random labels would have begun without.
    """
    if imported:
        return f"{counted(imported, 'label')} came from files, and the replay cannot tell what random labels would have added to them"
    if not arm_labels:
        if share > 0:
            return "the random arm has no labels yet"
        return "[acquisition] random_share is 0, so nothing was drawn at random"
    if arm_labels == labels:
        return "every label was drawn at random: there is nothing to compare"
    for have, need, what in (
        (rounds, FEWEST_ROUNDS, "measured rounds"),
        (arm_labels, FEWEST_ARM, "labels in the random arm"),
        (holdout, FEWEST_HOLDOUT, "labeled hold-out items"),
    ):
        if have < need:
            return f"this takes {need} {what}, and there are {have}"
    return None


def current(ledger: Ledger) -> dict[str, Any] | None:
    """The newest statement about savings, as the `savings` table has it; None before the first measured round.

    `saved`, `saved_low`, `saved_high` are micro-units against random labels, negative where those would have been cheaper; a
    null `saved_high` is open. With status "not measured" they are null and `reason` says why.
    """
    row = queries.measures.newest_savings(ledger)
    if row is None:
        return None
    return {**row, "inputs": json.loads(row["inputs"]) if row["inputs"] else None}


def why_no_money(found: dict[str, Any]) -> str | None:
    """Why a statement has no amounts; None: it has them."""
    if found["status"] == NOT_MEASURED:
        return str(found["reason"])
    if found["spent"] is None:
        return PRICE_UNKNOWN
    return None if found["spent"] else NO_PRICE


def sentence(found: dict[str, Any] | None, currency: str) -> str:
    """Savings in one line: never without the interval, and open where nothing bounds it."""
    if found is None:
        return "savings: not measured: no round has been measured yet"
    reason = why_no_money(found)
    if reason is not None:
        return f"savings: not measured: {reason}"
    low = readable_amount(found["saved_low"], currency)
    middle = None if found["saved"] is None else readable_amount(found["saved"], currency)
    if found["saved_high"] is None:
        return _open_ended(found, low, middle)
    interval = f"{found['level']:.0%}: {low} to {readable_amount(found['saved_high'], currency)}"
    if found["saved_low"] > 0:
        return f"saved {middle} ({interval}) against random labels"
    if found["saved_high"] < 0:
        return f"lost against random labels: {middle} ({interval})"
    return f"savings against random labels: not shown ({middle}; {interval})"


def _open_ended(found: dict[str, Any], low: str, middle: str | None) -> str:
    level = f"{found['level']:.0%}"
    if found["saved_low"] > 0:
        return f"saved at least {low} against random labels ({level} confidence; random labels may never get there)"
    best = "" if middle is None else f"{middle} is the middle; "
    return f"savings against random labels: not shown ({best}{level}: {low} or more, no upper end)"
