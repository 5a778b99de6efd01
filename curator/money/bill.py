"""The bill: what each round cost by kind, and how much of it is measured, invoiced, imputed or assumed."""

from collections.abc import Iterable
from dataclasses import dataclass

from curator.amounts import format_amount, parse_amount
from curator.config import CostSection, RateSection
from curator.ledger import queries
from curator.ledger.store import Ledger, Row
from curator.money.cost import NOT_KNOWN, SECONDS_PER_HOUR
from curator.pool.problems import counted

KINDS = {
    "label": "training labels",
    "holdout": "the hold-out",
    "review": "review",
    "round": "fixed per round",
    "campaign": "fixed per campaign",
    "compute": "compute",
}
# How an amount is known, and what that means to somebody who has not read the documentation.
SOURCES = {
    "measured": "measured",
    "invoiced": "invoiced",
    "imputed": "imputed (no time came with the answer)",
    "assumed": "assumed (from the rate card)",
    NOT_KNOWN: "not known (no times are known yet)",
}


@dataclass(frozen=True)
class Hours:
    """Paid time.

    Attributes:
        measured: hours as the labeler measured them.
        paid: hours that are charged for: capped, and with the imputed ones; None: not known.
    """

    measured: float
    paid: float | None


def bill_rows(ledger: Ledger) -> list[Row]:
    """Micro-units by round, kind and source, in this order; an amount that is not known is None."""
    order = {kind: number for number, kind in enumerate(KINDS)}
    rows = queries.costs.bill_lines(ledger)
    return sorted(rows, key=lambda row: (row["round"], order[row["kind"]], row["source"]))


def by_source(ledger: Ledger) -> dict[str, int | None]:
    """Source -> micro-units, of all that was spent; sources without any are left out. What is not known is None."""
    found = queries.costs.spent_by_source(ledger)
    return {source: found[source] for source in SOURCES if source in found and found[source] != 0}


def unknown_note(answers: int) -> str:
    """What a person is told about them."""
    return (
        f"The cost of {counted(answers, 'answer')} paid by the hour is not known: no answer came with a time. The bill is corrected once times "
        "arrive or an invoice is imported (`curator cost import`); until then the budget counts one minute for each."
    )


def sum_known(amounts: Iterable[int | None]) -> int | None:
    """The sum; None where any part of it is not known."""
    total = 0
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def paid_hours(ledger: Ledger) -> Hours | None:
    """Hours measured and hours paid, of the answers that are paid by time; None when none is."""
    row = queries.costs.paid_time(ledger)
    if not row["n"]:
        return None
    paid = None if row["unknown"] else (row["paid"] or 0.0) / SECONDS_PER_HOUR
    return Hours((row["measured"] or 0.0) / SECONDS_PER_HOUR, paid)


def hours_line(hours: Hours) -> str:
    """Paid time in a sentence."""
    if hours.paid is None:
        return f"Time: {hours.measured:,.2f} hours measured; the hours to charge are not known"
    return f"Time: {hours.measured:,.2f} hours measured, {hours.paid:,.2f} charged (capped per annotator, missing times imputed)"


def imported_line(labels: int, currency: str) -> str:
    """Labels from files of the user's, in a sentence."""
    return f"{counted(labels, 'label')} of your own used for training: imported, {format_amount(0, currency)} paid"


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
