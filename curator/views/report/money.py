"""The money part of the report: each figure is one function that returns plain values, or None where there is none yet."""

from typing import Any

from curator.amounts import MICRO, parse_amount
from curator.config import Config
from curator.ledger import queries
from curator.ledger.store import Ledger, Row
from curator.money.bill import KINDS, SOURCES, by_source, sum_known
from curator.money.overview import cost_notes
from curator.money.verdict import gain_word
from curator.views.report.slope import Step, smoothed


def rounds(ledger: Ledger, comparisons: list[Row] | None = None) -> list[Row]:
    """One row per measured round: what it cost, the metric on each split, the gain and the gain per unit of currency.

    Args:
        ledger: of the campaign.
        comparisons: rounds against earlier ones, each with its verdict; where there is none, the interval gives the word.
    """
    words = {(row["round"], row["previous"]): row["verdict"] for row in comparisons or []}
    splits = queries.measures.values_by_split(ledger)
    rows = []
    for row in queries.measures.gain_table(ledger):
        split = splits.get((row["round"], row["metric"]), {})
        facts = queries.rounds.round_by_number(ledger, row["round"]) or {}
        gain = queries.measures.gains_row(ledger, row["round"]) or {}
        per_dollar = _per_dollar(row)
        said = words.get((row["round"], gain.get("previous")))
        rows.append(
            row
            | {name: facts.get(name) for name in ("strategy", "measured_at", "holdout_items", "partial")}
            | {name: gain.get(name) for name in ("previous", "mcnemar_b", "mcnemar_c", "mcnemar_p")}
            | {name: split.get(name) for name in ("train", "validation", "holdout", "generalisation_gap")}
            | {
                "per_dollar_low": per_dollar[0],
                "per_dollar_high": per_dollar[1],
                "verdict": said or gain_word(row),
            }
        )
    return rows


def last(measured: list[Row]) -> Row | None:
    """The last measured round: what its dollars bought."""
    return measured[-1] if measured else None


def spend(ledger: Ledger, config: Config) -> dict[str, Any]:
    """Everything spent so far, by kind and by how the amount is known; the open round's answers included."""
    spent = queries.costs.spend(ledger)
    kinds = {kind: amount for kind, amount in spent.items() if amount != 0}
    sources = by_source(ledger)
    budget = config.cost.budget
    return {
        "total": sum_known(spent.values()),
        "budget": None if budget is None else parse_amount(budget),
        "kinds": [{"kind": k, "name": KINDS[k], "amount": kinds[k]} for k in kinds],
        "sources": [{"source": s, "name": SOURCES[s], "amount": sources[s]} for s in sources],
        "notes": cost_notes(ledger, config.cost),
    }


def slope(ledger: Ledger, measured: list[Row], seed: int) -> list[dict[str, Any]] | None:
    """The smoothed gain per unit of currency at each measured round; None with too few gains to smooth, or where costs are not known.

    `total_cost` is the place on the axis of the other plots; the fit is on what the rounds cost without the hold-out.
    """
    spent = _spent(ledger, measured)
    if spent is None:
        return None
    known = [
        row
        for row in measured
        if row["gain"] is not None and spent[row["round"]] > spent[row["previous"]] > 0
    ]
    steps = [
        Step(
            before=spent[row["previous"]],
            after=spent[row["round"]],
            gain=row["gain"],
            low=row["gain_low"],
            high=row["gain_high"],
            least_error=1 / row["holdout_items"],
        )
        for row in known
    ]
    found = smoothed(steps, [step.after for step in steps], seed)
    if found is None:
        return None
    return [
        {
            "round": row["round"],
            "labels": row["labels"],
            "total_cost": row["total_cost"],
            "value": at.value,
            "low": at.low,
            "high": at.high,
        }
        for row, at in zip(known, found, strict=True)
    ]


def _spent(ledger: Ledger, measured: list[Row]) -> dict[int, float] | None:
    """Units of currency that all rounds until each of these cost, without the hold-out and what is paid once; None: not known."""
    paid = queries.costs.paid_by_round(ledger)
    spent: dict[int, float] = {}
    for row in measured:
        amount = sum_known(paid[number] for number in paid if number <= row["round"])
        if amount is None:
            return None
        spent[row["round"]] = amount / MICRO
    return spent


def _per_dollar(row: Row) -> tuple[float | None, float | None]:
    """The ends of the gain's interval over the same, exact cost."""
    if row["gain_per_dollar"] is None:
        return None, None
    return row["gain_low"] * MICRO / row["cost"], row["gain_high"] * MICRO / row["cost"]
