"""The bill: what each round cost by kind, and how much of it is measured, invoiced, imputed or assumed."""

from dataclasses import dataclass

from curator.config import CostSection, RateSection
from curator.ledger.store import Ledger, Row
from curator.money.amounts import format_amount, parse_amount
from curator.money.cost import SECONDS_PER_HOUR

KINDS = {
    "label": "training labels",
    "holdout": "the hold-out",
    "review": "review",
    "round": "fixed per round",
    "campaign": "fixed per campaign",
    "compute": "compute",
}
SOURCES = ("measured", "invoiced", "imputed", "assumed")


@dataclass(frozen=True)
class Hours:
    """Paid time.

    Attributes:
        measured: hours as the labeler measured them.
        paid: hours that are charged for: capped, and with the imputed ones.
    """

    measured: float
    paid: float


def bill_rows(ledger: Ledger) -> list[Row]:
    """Micro-units by round, kind and source, in this order."""
    order = {kind: number for number, kind in enumerate(KINDS)}
    rows = ledger.rows("select round, kind, source, amount from bill")
    return sorted(rows, key=lambda row: (row["round"], order[row["kind"]], row["source"]))


def by_source(ledger: Ledger) -> dict[str, int]:
    """Source -> micro-units, of all that was spent; sources without any are left out."""
    found = {
        row["source"]: int(row["amount"])
        for row in ledger.rows("select source, sum(amount) as amount from bill group by source")
    }
    return {source: found[source] for source in SOURCES if found.get(source)}


def paid_hours(ledger: Ledger) -> Hours | None:
    """Hours measured and hours paid, of the answers that are paid by time; None when none is."""
    row = ledger.one(
        """
        select count(*) as n, sum(seconds) as measured, sum(capped_seconds) as paid from (
            select max(seconds) as seconds, max(capped_seconds) as capped_seconds from costs
            where basis = 'per hour' group by source_id
        )
        """
    )
    if row is None or not row["n"]:
        return None
    return Hours((row["measured"] or 0.0) / SECONDS_PER_HOUR, (row["paid"] or 0.0) / SECONDS_PER_HOUR)


def hours_line(hours: Hours) -> str:
    """Paid time in a sentence."""
    return f"Time: {hours.measured:,.2f} hours measured, {hours.paid:,.2f} charged (capped per annotator, missing times imputed)"


def imported_line(labels: int, currency: str) -> str:
    """Labels from files of the user's, in a sentence."""
    return f"{labels:,} labels of yours count for training: imported, {format_amount(0, currency)} paid"


def rate_card(cost: CostSection) -> list[str]:
    """curator.toml's rate card as it is understood, a line per rate."""
    code = cost.currency
    lines = [f"Answers: {_rate(cost, cost)}"]
    lines += [f"  {name}: {_rate(cost, rate)}" for name, rate in cost.annotators.items()]
    if cost.micro_per_review is not None:
        lines.append(
            f"Review: {cost.review_share:.0%} of the answers at {format_amount(cost.micro_per_review, code)} (assumed)"
        )
    for price, what in (
        (cost.per_round, "Each round: {} when it is closed (assumed)"),
        (cost.per_campaign, "Once: {} with the first batch (assumed)"),
        (cost.compute_per_hour, "Compute: {} an hour of scoring, training and measuring (measured)"),
        (cost.budget, "Budget: {}"),
    ):
        if price is not None:
            lines.append(what.format(format_amount(parse_amount(price), code)))
    return lines


def _rate(cost: CostSection, rate: RateSection) -> str:
    if rate.micro_per_label is not None:
        return f"{format_amount(rate.micro_per_label, cost.currency)} each, skips are free"
    paid = "" if cost.paid_to_active == 1.0 else f", times {cost.paid_to_active:g} (paid to active)"
    return f"{format_amount(rate.micro_per_hour or 0, cost.currency)} an hour of measured time, capped per annotator{paid}"
