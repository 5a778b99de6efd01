"""What the ledger says of the way ahead: comparisons over several rounds, forecast, the live pool.

Each function reads a table that another part of curator writes after a measured round, and returns None while it has
nothing to say.
"""

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from curator.config import Config
from curator.ledger.store import Ledger, Row
from curator.money.amounts import parse_amount
from curator.money.pool_estimate import recent_accuracy
from curator.money.track_record import FEWEST

_FURTHEST = (
    2.0  # times the labels so far: further the page does not show a forecast, though the ledger has it
)
_RECENT = 3  # rounds whose cost per label is taken for the next ones
_ENDS = {"low": 0.1, "median": 0.5, "high": 0.9}  # of an 80% interval


def has(ledger: Ledger, table: str) -> bool:
    """Whether the ledger has a table or view of this name."""
    return bool(ledger.scalar("select count(*) from sqlite_master where name = ?", [table]))


def compared(ledger: Ledger, metric: str) -> list[Row] | None:
    """Every measured round against earlier ones by the project's metric, the newest round and the nearest pair first."""
    if not has(ledger, "comparisons"):
        return None
    return ledger.rows(
        "select * from comparisons where metric = ? order by round desc, previous desc", [metric]
    )


def forecast(ledger: Ledger, config: Config, measured: list[Row]) -> dict[str, Any] | None:
    """What was forecast after the last measured round.

    Returns:
        `ahead`: the true metric at label counts from now on, median and 80% interval, with the spend in all at that point
        (`total_cost`, micro-units; None where the price of a label is not known); `target`: the chance to reach it; `record`:
        how earlier forecasts did.
    """
    if not measured or not has(ledger, "forecasts"):
        return None
    rows = ledger.rows(
        "select * from forecasts where made_after = ? order by labels", [measured[-1]["round"]]
    )
    if not rows:
        return None
    now, price = rows[0]["now"], _price(measured)
    spent = measured[-1]["total_cost"]
    levels = json.loads(rows[0]["levels"])
    quantiles = [json.loads(row["quantiles"]) for row in rows]
    ahead = [
        {
            "labels": row["labels"],
            "total_cost": None if price is None else spent + round((row["labels"] - now) * price),
            **{name: float(np.interp(at, levels, values)) for name, at in _ENDS.items()},
        }
        for row, values in zip(rows, quantiles, strict=True)
    ]
    return {
        "made_after": measured[-1]["round"],
        "now": now,
        "ahead": [one for one in ahead if one["labels"] <= _FURTHEST * now],
        "target": _target(config, [row["labels"] for row in rows], levels, quantiles, spent, price),
        "record": _record(ledger),
    }


def live_pool(ledger: Ledger) -> dict[str, Any] | None:
    """The accuracy of the last models on the live pool, as `curator status` tells it; None: too few items have judged one."""
    found = recent_accuracy(ledger)
    return None if found is None else asdict(found)


def _price(measured: list[Row]) -> float | None:
    """Micro-units per label, mean of the last rounds; None where they cost nothing or brought no labels."""
    last = measured[-1 - _RECENT :]
    labels = last[-1]["labels"] - last[0]["labels"]
    cost = sum(row["cost"] for row in last[1:])
    return cost / labels if labels > 0 and cost > 0 else None


def _target(
    config: Config,
    labels: list[int],
    levels: list[float],
    quantiles: list[list[float]],
    spent: int,
    price: float | None,
) -> dict[str, Any] | None:
    """The chance that the target is reached with the budget, or with as many labels as the forecast goes."""
    target = config.stop.target
    if target is None:
        return None
    chances = [1.0 - float(np.interp(target, values, levels, left=0.0, right=1.0)) for values in quantiles]
    budget = None if config.cost.budget is None else parse_amount(config.cost.budget)
    most = float(labels[-1])
    if budget is not None and price is not None:
        most = min(most, labels[0] + max(budget - spent, 0) / price)
    chance = float(np.interp(np.log(max(most, labels[0])), np.log(labels), chances))
    return {"target": target, "labels": int(most), "budget": budget, "chance": chance}


def _record(ledger: Ledger) -> dict[str, Any] | None:
    """How earlier forecasts of this campaign did; None before the first was decided, no share of intervals of a few."""
    row = ledger.one(
        "select count(*) as forecasts, avg(hit80) as hit80, avg(abs(error)) as error from forecast_scores"
    )
    if not row or not row["forecasts"]:
        return None
    return row | {"hit80": row["hit80"] if row["forecasts"] >= FEWEST else None}
