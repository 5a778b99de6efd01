"""What the ledger says of the way ahead: the forecast, the chance to reach the target, and how earlier forecasts did."""

import json
from typing import TypedDict

import numpy as np

from curator.errors import CuratorError
from curator.ledger import queries
from curator.ledger.store import Ledger, Row
from curator.money.marginal_price import marginal_price
from curator.project.project import Project
from curator.rounds.forecasts.track_record import own_record
from curator.views.plan import Plan, PlanOptions, make_plan

_FURTHEST = (
    2.0  # times the labels so far: further the page does not show a forecast, though the ledger has it
)
_LOW, _HIGH = 0.1, 0.9  # of an 80% interval


class Ahead(TypedDict):
    """The true metric at a count of labels, median and 80% interval; what is spent in all by then, None: not known."""

    labels: int
    total_cost: int | None
    low: float
    median: float
    high: float


class Target(TypedDict):
    """The chance to reach the target with so many labels, those that the budget pays for where there is one."""

    target: float
    labels: int
    budget: int | None
    chance: float


class Record(TypedDict):
    """How earlier forecasts of this campaign did; `hit80` is None while they are too few."""

    forecasts: int
    hit80: float | None
    error: float


class Forecast(TypedDict):
    """What was forecast after a round, at label counts from now on."""

    made_after: int
    now: int
    ahead: list[Ahead]
    target: Target | None
    record: Record | None


def read_forecast(project: Project, measured: list[Row]) -> Forecast | None:
    """What was forecast after the last measured round; None: nothing was."""
    if not measured:
        return None
    ledger = project.ledger
    rows = queries.forecasts.forecast_after(ledger, measured[-1]["round"])
    if not rows:
        return None
    now, price = rows[0]["now"], marginal_price(ledger, project.config.cost)
    spent = measured[-1]["total_cost"]
    levels = json.loads(rows[0]["levels"])
    quantiles = [json.loads(row["quantiles"]) for row in rows]
    ahead: list[Ahead] = [
        {
            "labels": row["labels"],
            "total_cost": None
            if price is None or spent is None
            else spent + (row["labels"] - now) * price.micro,
            "low": float(np.interp(_LOW, levels, values)),
            "median": float(np.interp(0.5, levels, values)),
            "high": float(np.interp(_HIGH, levels, values)),
        }
        for row, values in zip(rows, quantiles, strict=True)
    ]
    return {
        "made_after": measured[-1]["round"],
        "now": now,
        "ahead": [one for one in ahead if one["labels"] <= _FURTHEST * now],
        "target": _target(_plan(project)),
        "record": _record(ledger),
    }


def _plan(project: Project) -> Plan | None:
    try:
        return make_plan(project, PlanOptions())
    except CuratorError:
        return None


def _target(plan: Plan | None) -> Target | None:
    """The chance that the target is reached with the budget, or with as many labels as a forecast reaches to; as in `curator plan`."""
    if plan is None or plan.target is None:
        return None
    target = plan.target
    return {
        "target": target.target,
        "labels": target.reach,
        "budget": None if target.affordable is None else plan.budget,
        "chance": target.chance_in_reach,
    }


def _record(ledger: Ledger) -> Record | None:
    """How earlier forecasts of this campaign did; None before the first was decided, no share of intervals of a few."""
    found = own_record(ledger)
    if found is None:
        return None
    return {"forecasts": found.forecasts, "hit80": found.hit80 if found.tells else None, "error": found.error}
