"""What the next label will cost, all told: from what the last rounds cost."""

import itertools
from dataclasses import dataclass

from curator.config import CostSection
from curator.ledger.store import Ledger

_RECENT = 3


@dataclass(frozen=True)
class MarginalPrice:
    """Micro-units per training label, without the hold-out, and how that is known."""

    micro: int
    source: str


def marginal_price(ledger: Ledger, cost: CostSection) -> MarginalPrice | None:
    """The mean over the labels of the last measured rounds; else the price in curator.toml; None when neither is known.

    All that a round cost counts, over the labels that were asked for, but hold-out labels and what is paid once per campaign.
    """
    rows = ledger.rows(
        "select id, labels - imported as labels from rounds where status = 'measured' and labels is not null order by id desc limit ?",
        [_RECENT + 1],
    )
    recent = [
        (int(new["id"]), int(new["labels"]) - int(old["labels"]), paid_between(ledger, old["id"], new["id"]))
        for new, old in itertools.pairwise(rows)
    ]
    labels = sum(gained for _, gained, _ in recent)
    amount = sum(spent for _, _, spent in recent)
    # Labels that are known to cost nothing have a price, too: none.
    if labels > 0 and (amount > 0 or not cost.micro_per_label):
        return MarginalPrice(
            round(amount / labels), f"paid per label in rounds {recent[-1][0]} to {recent[0][0]}"
        )
    if cost.micro_per_label:
        return MarginalPrice(cost.micro_per_label, "price_per_label in curator.toml")
    return None


def paid_between(ledger: Ledger, previous: int, round_id: int) -> int:
    """Micro-units of what came between two rounds: hold-out labels and what is paid once per campaign buy no gain."""
    return int(
        ledger.scalar(
            "select coalesce(sum(amount), 0) from costs where round > ? and round <= ? "
            "and kind not in ('holdout', 'campaign')",
            [previous, round_id],
        )
    )
