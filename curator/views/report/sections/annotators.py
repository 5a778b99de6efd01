"""Who answered: how many, how fast, and how often as the others."""

import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Self, TypedDict

from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.rounds.agreement import Agreement, agreement_text, read_agreement
from curator.views.report.section import Campaign, Head, Section


class Together(TypedDict):
    """Of all annotators: shared items, on how many people differ, Krippendorff's alpha, and that in a sentence."""

    shared: int
    differ: int
    alpha: float | None
    text: str


@dataclass(frozen=True)
class Annotators(Section):
    """A row for each annotator, and how far they agree."""

    annotators: list[dict[str, Any]]
    agreement: Together

    @classmethod
    def gather(cls, campaign: Campaign) -> Self:
        """As the ledger has it."""
        found = read_agreement(campaign.ledger, campaign.task)
        together = Together(
            shared=found.shared, differ=found.differ, alpha=found.alpha, text=agreement_text(found)
        )
        return cls(read_annotators(campaign.ledger, found), together)

    def is_shown(self, head: Head) -> bool:  # noqa: ARG002
        """Once anybody has answered."""
        return bool(self.annotators)


def read_annotators(ledger: Ledger, found: Agreement) -> list[dict[str, Any]]:
    """One row per annotator, the busiest first.

    `agreement` is the share of the others who said the same about the items that several people answered, and `kappa` that
    beyond chance; None where nobody else answered the same items. Copies are no answers.
    """
    seconds = _seconds(ledger)
    bill = queries.costs.cost_by_annotator(ledger)
    rows = []
    for row in queries.answers.annotator_totals(ledger):
        name = row["annotator"]
        took = seconds.get(name, [])
        others = found.people.get(name)
        rows.append(
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
    return rows


def _seconds(ledger: Ledger) -> dict[str, list[float]]:
    """Measured seconds of each answer, as the labeler gave them."""
    found = defaultdict(list)
    for row in queries.answers.timed_answers(ledger):
        found[row["annotator"]].append(row["seconds"])
    return found
