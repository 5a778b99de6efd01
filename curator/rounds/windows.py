"""Windows: what the last rounds gained together, and for how much, over every stretch that ends at the newest round.

A single late gain seldom shows on a usual hold-out; several rounds together may. Every stretch is told, or the one that was
asked for: a tool that shows some of them could leave out the worst.
"""

from typing import Any

from curator.amounts import MICRO, readable_amount
from curator.errors import CuratorError
from curator.ledger import queries
from curator.ledger.store import Ledger, Row
from curator.money.marginal_price import paid_between
from curator.project.project import Project
from curator.rounds.comparisons import compare_one


def windows(ledger: Ledger) -> list[Row]:
    """The stretches of measured rounds that end at the newest, the shortest first; empty before two measured rounds.

    Returns:
        Rows of `comparisons` with `rounds` (how many were measured in it), `cost` as the bill has it now (micro-units of training labels;
        None: not known), and gain per unit of currency: `per_dollar`, `per_dollar_low`, `per_dollar_high` (metric points 0-1).
    """
    newest = queries.rounds.newest_measured(ledger)
    if newest is None:
        return []
    return [_told(ledger, row) for row in queries.measures.comparisons_of(ledger, newest)]


def last_window(project: Project, amount: int) -> dict[str, Any]:
    """The stretch whose cost is the nearest to an amount; of two equally near ones the longer.

    Args:
        project: with two measured rounds.
        amount: micro-units.

    Returns:
        As of `windows`, with `asked` and a `note` that says which rounds it is.

    Raises:
        CuratorError: there is none, or what rounds cost is not known.
    """
    ledger, currency = project.ledger, project.config.cost.currency
    newest = queries.rounds.newest_measured(ledger)
    earlier = [] if newest is None else queries.rounds.measured_rounds(ledger, newest)
    if newest is None or not earlier:
        raise CuratorError("A gain needs two measured rounds: `curator round` measures the next.")
    costs = {number: paid_between(ledger, number, newest) for number in earlier}
    known = {number: cost for number, cost in costs.items() if cost is not None}
    if not known:
        raise CuratorError("What the last rounds cost is not known, so no window can be chosen by its cost.")
    previous = min(known, key=lambda number: (abs(known[number] - amount), number))
    held = {row["previous"]: row for row in queries.measures.comparisons_of(ledger, newest)}
    row = held.get(previous) or compare_one(project, newest, previous)
    told = _told(ledger, row)
    rounds = f"round {newest}" if told["rounds"] == 1 else f"rounds {previous + 1} to {newest}"
    note = f"Nearest to the last {readable_amount(amount, currency)} of spending: {rounds}, {readable_amount(told['cost'], currency)}."
    if known[previous] < amount and previous == earlier[0]:
        note += " There is nothing earlier to compare with."
    return told | {"asked": amount, "note": note}


def _told(ledger: Ledger, row: Row) -> Row:
    cost = paid_between(ledger, row["previous"], row["round"])
    measured = queries.rounds.count_measured_between(ledger, row["previous"], row["round"])
    ends = {"per_dollar": "gain", "per_dollar_low": "low", "per_dollar_high": "high"}
    rates = {name: row[end] * MICRO / cost if cost else None for name, end in ends.items()}
    return row | {"cost": cost, "rounds": measured} | rates
