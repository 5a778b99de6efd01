"""Who answered: how many, how fast, and how often as the others."""

import statistics
from collections import defaultdict
from typing import Any

from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.rounds.agreement import read_agreement
from curator.tasks.task import Task


def annotators(ledger: Ledger, task: Task) -> list[dict[str, Any]]:
    """One row per annotator, the busiest first.

    `agreement` is the share of the others who said the same about the items that several people answered, and `kappa` that
    beyond chance; None where nobody else answered the same items. Copies are no answers.
    """
    seconds = _seconds(ledger)
    agreement = read_agreement(ledger, task).people
    bill = queries.costs.cost_by_annotator(ledger)
    found = []
    for row in queries.answers.annotator_totals(ledger):
        name = row["annotator"]
        took = seconds.get(name, [])
        others = agreement.get(name)
        found.append(
            row
            | {
                "cost": bill.get(name, {}).get("amount", 0),
                "paid_seconds": bill.get(name, {}).get("seconds"),
                "seconds": sum(took) if took else None,
                "median_seconds": statistics.median(took) if took else None,
                "shared": others.shared if others else 0,
                "agreement": others.same if others else None,
                "kappa": others.kappa if others else None,
            }
        )
    return found


def _seconds(ledger: Ledger) -> dict[str, list[float]]:
    """Measured seconds of each answer, as the labeler gave them."""
    found = defaultdict(list)
    for row in queries.answers.timed_answers(ledger):
        found[row["annotator"]].append(row["seconds"])
    return found
