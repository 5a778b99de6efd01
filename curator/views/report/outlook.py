"""What the ledger says of the way ahead: comparisons over several rounds, forecast, the live pool.

Each function reads a table that another part of curator writes after a measured round, and returns None while it has
nothing to say.
"""

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from curator.errors import CuratorError
from curator.ledger import queries
from curator.ledger.store import Ledger, Row
from curator.money.marginal_price import marginal_price
from curator.money.pool_estimate import recent_accuracy
from curator.project.project import Project
from curator.rounds.forecasts.track_record import own_record
from curator.tasks.task import Task
from curator.views.plan import Plan, PlanOptions, make_plan

_FURTHEST = (
    2.0  # times the labels so far: further the page does not show a forecast, though the ledger has it
)
_ENDS = {"low": 0.1, "median": 0.5, "high": 0.9}  # of an 80% interval


def forecast(project: Project, measured: list[Row]) -> dict[str, Any] | None:
    """What was forecast after the last measured round.

    Returns:
        `ahead`: the true metric at label counts from now on, median and 80% interval, with the spend in all at that point
        (`total_cost`, micro-units; None where the price of a label is not known); `target`: the chance to reach it; `record`:
        how earlier forecasts did.
    """
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
    ahead = [
        {
            "labels": row["labels"],
            "total_cost": None
            if price is None or spent is None
            else spent + (row["labels"] - now) * price.micro,
            **{name: float(np.interp(at, levels, values)) for name, at in _ENDS.items()},
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


def live_pool(ledger: Ledger, task: Task) -> dict[str, Any] | None:
    """The accuracy of the last models on the live pool, as `curator status` tells it; None: too few items have judged one."""
    found = recent_accuracy(ledger, task)
    return None if found is None else asdict(found)


def _target(plan: Plan | None) -> dict[str, Any] | None:
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


def _record(ledger: Ledger) -> dict[str, Any] | None:
    """How earlier forecasts of this campaign did; None before the first was decided, no share of intervals of a few."""
    found = own_record(ledger)
    if found is None:
        return None
    return {
        "forecasts": found.forecasts,
        "hit80": found.hit80 if found.tells else None,
        "error": found.error,
    }
