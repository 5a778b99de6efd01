"""What a round costs beside its answers: fixed sums, assumed from the rate card, and compute, by the clock.

Each is written in the transaction that ends the step which it pays for, so that a round that was killed and goes on
pays once: for the run of the step that counted.
"""

import time
from fractions import Fraction

from curator.amounts import parse_amount
from curator.config import CostSection
from curator.ledger import queries
from curator.ledger.store import Ledger, Row
from curator.money.cost import SECONDS_PER_HOUR


class Stopwatch:
    """Runs from when it is made; says what the compute since then costs."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def charge(self, ledger: Ledger, cost: CostSection, round_id: int, step: str) -> None:
        """Put the compute of a step on the bill; call it inside the transaction that ends the step.

        Args:
            ledger: inside `write`.
            cost: the rate card; without a price of compute nothing is written.
            round_id: pays.
            step: score | train | measure.
        """
        if cost.compute_per_hour is None:
            return
        seconds = round(time.monotonic() - self._begun, 3)
        amount = round(Fraction(seconds) * parse_amount(cost.compute_per_hour) / SECONDS_PER_HOUR)
        name = f"compute:{round_id}:{step}"
        # A step that ran to its end again, as after a restore, was computed again.
        done = queries.costs.count_versions(ledger, name)
        row = _row(cost, name, round_id, "compute", amount, "compute", "measured")
        ledger.insert("costs", [{**row, "version": done + 1, "seconds": seconds}])


def charge_campaign(ledger: Ledger, cost: CostSection, round_id: int) -> None:
    """Put what is paid once per campaign on the bill of the round that is begun, if it is not on it yet."""
    _once(ledger, cost, "campaign", round_id, cost.per_campaign, "per campaign")


def charge_round(ledger: Ledger, cost: CostSection, round_id: int) -> None:
    """Put what each round costs on the bill of one that is closed, measured or not, if it is not on it yet."""
    charge_campaign(ledger, cost, round_id)
    _once(ledger, cost, "round", round_id, cost.per_round, "per round")


def _once(ledger: Ledger, cost: CostSection, kind: str, round_id: int, price: str | None, basis: str) -> None:
    name = f"{kind}:{round_id}" if kind == "round" else kind
    if price is None or queries.costs.count_versions(ledger, name):
        return
    ledger.insert("costs", [_row(cost, name, round_id, kind, parse_amount(price), basis, "assumed")])


def _row(cost: CostSection, name: str, round_id: int, kind: str, amount: int, basis: str, source: str) -> Row:
    return {
        "source_id": name,
        "version": 1,
        "round": round_id,
        "kind": kind,
        "amount": amount,
        "currency": cost.currency,
        "basis": basis,
        "source": source,
    }
