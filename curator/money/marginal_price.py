"""What the next label will cost, all told: from what the last rounds cost."""

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

    All that was paid between them counts, in rounds that could not be measured too, but hold-out labels and what is paid once
    per campaign.
    """
    rows = ledger.rows(
        "select id, labels from rounds where status = 'measured' and labels is not null order by id desc limit ?",
        [_RECENT + 1],
    )
    if len(rows) > 1 and rows[0]["labels"] > rows[-1]["labels"]:
        labels = int(rows[0]["labels"]) - int(rows[-1]["labels"])
        amount = int(
            ledger.scalar(
                "select coalesce(sum(amount), 0) from costs where round > ? and round <= ? "
                "and kind not in ('holdout', 'campaign')",
                [rows[-1]["id"], rows[0]["id"]],
            )
        )
        # Labels that are known to cost nothing have a price, too: none.
        if amount > 0 or not cost.micro_per_label:
            first, last = int(rows[-1]["id"]) + 1, int(rows[0]["id"])
            return MarginalPrice(round(amount / labels), f"paid per label in rounds {first} to {last}")
    if cost.micro_per_label:
        return MarginalPrice(cost.micro_per_label, "price_per_label in curator.toml")
    return None


def labels_per_batch(ledger: Ledger, batch: int) -> float:
    """Labels that a batch of questions will give: as many per question as in the rounds so far, for some are skipped.

    Rounds that are still open do not count: their answers have no labels yet. At least 1.
    """
    asked = int(
        ledger.scalar(
            "select count(distinct q.item_id) from questions q join live_answers a on a.key = q.key "
            "join rounds r on r.id = q.round where q.role = 'train' and r.status in ('measured', 'unmeasured')"
        )
    )
    labeled = int(
        ledger.scalar(
            "select count(*) from current_labels l join rounds r on r.id = l.round "
            "where l.role = 'train' and l.label is not null and r.status in ('measured', 'unmeasured')"
        )
    )
    return max(1.0, batch * labeled / asked) if asked else float(batch)
