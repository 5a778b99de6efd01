"""What the next label will cost, all told: from what the last rounds cost."""

from dataclasses import dataclass

from curator.config import CostSection
from curator.ledger import queries
from curator.ledger.store import Ledger, Row
from curator.money.bill import sum_known

RECENT = 3  # rounds


@dataclass(frozen=True)
class MarginalPrice:
    """Micro-units per training label, without the hold-out, and how that is known."""

    micro: int
    source: str


def marginal_price(ledger: Ledger, cost: CostSection) -> MarginalPrice | None:
    """The mean over the labels of the last three measured rounds; else the price in curator.toml; None when neither is known.

    All that a round cost counts, over the labels that were asked for, but hold-out labels and what is paid once per campaign.
    After one measured round its own labels say it: what an answer cost is known then, also where time is paid.
    """
    rows = queries.rounds.last_asked_labels(ledger, RECENT + 1)
    if rows:
        first, last = rows[-1] if len(rows) > 1 else {"id": 0, "labels": 0}, rows[0]
        labels = int(last["labels"]) - int(first["labels"])
        paid = queries.costs.paid_by_round(ledger)
        amount = sum_known(paid[number] for number in paid if first["id"] < number <= last["id"])
        # Labels that are known to cost nothing have a price, too: none.
        if labels > 0 and amount is not None and (amount > 0 or not cost.micro_per_label):
            return MarginalPrice(round(amount / labels), f"paid per label in {_named(rows)}")
    if cost.micro_per_label:
        return MarginalPrice(cost.micro_per_label, "price_per_label in curator.toml")
    return None


def _named(rows: list[Row]) -> str:
    """The rounds whose labels were counted; `rows` are the newest first, with the one before them where there is one."""
    first, last = rows[-2:][0]["id"], rows[0]["id"]
    return f"round {last}" if first == last else f"rounds {first} to {last}"


def paid_between(ledger: Ledger, previous: int, round_id: int) -> int | None:
    """Micro-units that bought training labels after one round and up to another; None: not known."""
    return sum_known(
        amount
        for number, amount in queries.costs.paid_by_round(ledger).items()
        if previous < number <= round_id
    )
