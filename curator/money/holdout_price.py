"""Prices of hold-out labels, from the rate card or from what was paid, and what they buy."""

from curator.config import Config
from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.money.cost import SECONDS_PER_HOUR
from curator.money.holdout_table import HoldoutRow, NextDollars, holdout_rows, next_dollars
from curator.money.marginal_price import paid_between
from curator.pool.catalogue import Pool
from curator.tasks.task import Task

_LAST_ROUNDS = 3


def planned_holdouts(config: Config, n_items: int) -> list[HoldoutRow]:
    """The table for a hold-out that is still to be labeled, at the price of the rate card; empty for a labeled file."""
    if config.holdout.file is not None:
        return []
    return holdout_rows(config.holdout.size, _card_price(config), most=n_items)


def measured_holdouts(ledger: Ledger, task: Task, pool: Pool, config: Config) -> list[HoldoutRow]:
    """The table around the hold-out of a campaign, at what its labels cost, and at the score it has now."""
    share = task.by_item
    value = None if share is None else queries.measures.newest_value(ledger, share.name)
    return holdout_rows(
        max(1, queries.holdout.holdout_size(ledger, config.holdout.size)),
        paid_price(ledger) or _card_price(config),
        most=pool.n_items,
        accuracy=0.9 if value is None else min(0.99, max(0.01, value)),
    )


def paid_price(ledger: Ledger) -> float | None:
    """Micro-units that a labeled hold-out item cost on average, several answers included; None before there is one, or where nobody knows."""
    paid = queries.costs.spend(ledger)["holdout"]
    labeled = queries.holdout.count_labeled_by_answers(ledger)
    return paid / labeled if paid is not None and labeled else None


def next_dollars_of(ledger: Ledger, task: Task) -> NextDollars | None:
    """Whether money does more in the hold-out than in training labels; None before two measured rounds."""
    share = task.by_item
    last = [] if share is None else queries.measures.last_gains_by(ledger, share.name, _LAST_ROUNDS)
    price = paid_price(ledger)
    # As the bill has it now: an invoice may have come since the round was measured.
    costs = [paid_between(ledger, row["previous"], row["round"]) for row in last]
    known = [cost for cost in costs if cost is not None]
    if not last or price is None or len(known) < len(costs):
        return None
    items = int(last[0]["holdout_items"])
    changed = (last[0]["lost_share"] + last[0]["won_share"]) * items
    return next_dollars(
        items=items,
        price=price,
        psi=(changed + 1.0) / (items + 2.0),
        gains=[float(row["gain"]) for row in last],
        costs=known,
        shown=last[0]["low"] > 0,
    )


def _card_price(config: Config) -> float | None:
    """Micro-units per hold-out item by the rate card, reviews included; None where time is paid and nobody knows it yet."""
    cost, labeler = config.cost, config.labeler
    answers = 1.0 + (labeler.overlap - 1) * labeler.overlap_share
    review = cost.review_share * (cost.micro_per_review or 0)
    if cost.micro_per_label is not None:
        return (cost.micro_per_label + review) * answers
    # Answers from known labels take as long as curator.toml says, unless that hangs on the text.
    if "seconds" in labeler.traits.settings and not labeler.seconds_per_word:
        hourly = (cost.micro_per_hour or 0) * cost.paid_to_active
        return (hourly * labeler.seconds / SECONDS_PER_HOUR + review) * answers
    return None
