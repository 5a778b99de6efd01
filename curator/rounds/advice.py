"""The verdict of a campaign: gathers what the stop rule looks at, keeps what it said after each round."""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import numpy as np

from curator.amounts import parse_amount
from curator.config import StopSection
from curator.errors import CuratorError
from curator.evidence.forecast.core import Forecast
from curator.evidence.forecast.seen import FEWEST_ROUNDS, FURTHEST
from curator.ledger import queries, updates
from curator.ledger.store import Row, utc_now
from curator.money.advice import TargetOrder, advise
from curator.money.budget import left_of_budget
from curator.money.holdout_price import next_dollars_of
from curator.money.marginal_price import MarginalPrice, marginal_price
from curator.money.order_size import Purse, is_unreachable, order_for
from curator.money.stop import (
    AHEAD,
    Evidence,
    Outlook,
    decide,
    look_ahead,
    recent,
)
from curator.money.supply import labels_per_batch, supply
from curator.project.project import Project
from curator.rounds.forecasts.regime import Regime, current_regime
from curator.rounds.forecasts.score_keeping import forecast_regime
from curator.rounds.limits import limit_batch
from curator.rounds.stability import compare

_DRAWS = 1_000


def record(project: Project, round_id: int) -> dict[str, Any]:
    """Decide after a measured round, and keep what was said; deciding again replaces it.

    Returns:
        As `current`.
    """
    changed, kappa = _stability(project, round_id)
    advice = _advise(project, round_id, changed, kappa)
    row = {
        "round": round_id,
        "word": advice.word,
        "reasons": json.dumps(advice.reasons),
        "inputs": json.dumps(advice.inputs),
        "settings": _settings(project),
        "changed": changed,
        "kappa": kappa,
        "said_at": utc_now(),
    }
    with project.ledger.write():
        updates.replace_advice(project.ledger, row)
    return _told(row)


def catch_up(project: Project) -> dict[str, Any] | None:
    """Decide after the newest measured round if nothing was said yet: the call that measured it was killed.

    Returns:
        As `current`; None when there was nothing to do.
    """
    newest = queries.rounds.newest_measured(project.ledger)
    if newest is None or queries.forecasts.advice_after(project.ledger, newest) is not None:
        return None
    return record(project, newest)


def current(project: Project) -> dict[str, Any] | None:
    """The verdict after the newest measured round; decided anew where curator.toml, the bill or the day changed it. Writes nothing.

    Returns:
        round, word, reasons (sentences, the decisive one first), order (labels to order next, their cost and the chance that they
        reach the target), holdout (where a hold-out is the better use, why) and inputs (every number; amounts in micro-units,
        gains in metric points 0-1); None before the first measured round.
    """
    ledger = project.ledger
    newest = queries.rounds.newest_measured(ledger)
    if newest is None:
        return None
    row = queries.forecasts.advice_after(ledger, newest)
    if row is not None and _still_holds(project, json.loads(row["settings"])):
        return _told(row)
    return consider(project)


def consider(
    project: Project,
    *,
    target: float | None = None,
    price: MarginalPrice | None = None,
    budget: int | None = None,
) -> dict[str, Any]:
    """Decide after the newest measured round as things stand now, or as if they were otherwise. Writes nothing.

    Args:
        project: with a measured round.
        target: of the metric; None: that of curator.toml.
        price: of a label; None: what the last rounds cost.
        budget: micro-units that may still be spent; None: what is left of the budget.

    Returns:
        As `current`.
    """
    ledger = project.ledger
    newest = queries.rounds.newest_measured(ledger)
    assert newest is not None  # noqa: S101 - the caller has a measured round
    row = queries.forecasts.advice_after(ledger, newest) or {}
    advice = _advise(
        project, newest, row.get("changed"), row.get("kappa"), target=target, price=price, budget=budget
    )
    return _as_told(newest, advice.word, list(advice.reasons), advice.inputs)


def _told(row: Row) -> dict[str, Any]:
    return _as_told(
        int(row["round"]), str(row["word"]), json.loads(row["reasons"]), json.loads(row["inputs"])
    )


def _as_told(round_id: int, word: str, reasons: list[str], inputs: dict[str, Any]) -> dict[str, Any]:
    advice = inputs.get("advice") or {}
    return {
        "round": round_id,
        "word": word,
        "reasons": reasons,
        "order": {name: advice.get(name) for name in ("labels", "cost", "chance", "penalty")},
        "holdout": advice.get("holdout"),
        "inputs": inputs,
    }


def _still_holds(project: Project, settings: dict[str, Any]) -> bool:
    """Whether nothing has changed since that the verdict depends on.

    While a round is open its answers come in one by one: what they cost is for the next verdict. Once nothing is asked any
    more, corrections and late answers change what this one says was spent.
    """
    now = json.loads(_settings(project))
    if queries.rounds.current_round(project.ledger) is not None:
        settings = settings | {"bill": now["bill"]}
    return bool(settings == now)


def _settings(project: Project) -> str:
    """What else a verdict depends on: curator.toml, the bill, and whether the deadline is over."""
    config, ledger = project.config, project.ledger
    over = config.stop.deadline is not None and _today() > config.stop.deadline
    parts = {
        "stop": config.stop.model_dump(mode="json"),
        "cost": config.cost.model_dump(mode="json"),
        "batch": config.acquisition.batch,
        "over": over,
        "advice": 2,  # what was said by an earlier curator had no order in it
        "invoices": queries.costs.count_invoice_rows(ledger),
        "bill": [queries.costs.spent_so_far(ledger), queries.questions.open_answers(ledger)],
    }
    return json.dumps(parts, sort_keys=True)


def _today() -> date:
    return datetime.now().astimezone().date()


@dataclass(frozen=True)
class _Advised:
    """A recommendation with every number that it was made of."""

    word: str
    reasons: tuple[str, ...]
    inputs: dict[str, Any]


def _advise(
    project: Project,
    round_id: int,
    changed: float | None,
    kappa: float | None,
    *,
    target: float | None = None,
    price: MarginalPrice | None = None,
    budget: int | None = None,
) -> _Advised:
    """Read what the rules look at, let each decide, and make one recommendation of it."""
    ledger, config = project.ledger, project.config
    regime = current_regime(ledger, round_id)
    price = price or marginal_price(ledger, config.cost)
    forecast, no_forecast = (
        (None, "no round has been measured.") if regime is None else _forecast(project, regime)
    )
    more = labels_per_batch(ledger, config.acquisition.batch)
    limit = limit_batch(project, config.acquisition.batch, today=_today())
    earlier = queries.forecasts.all_advice(ledger, before=round_id)
    verdict = decide(
        Evidence(
            rounds=0 if regime is None else len(regime.rounds),
            outlook=None if forecast is None else _outlook(forecast, more, price, config.stop),
            no_outlook=no_forecast,
            floor=config.stop.floor,
            **_rarest(project),
            least_per_class=config.stop.least_per_class,
            changed=recent([*(row["changed"] for row in earlier), changed]),
            kappa=recent([*(row["kappa"] for row in earlier), kappa]),
            hard=limit.why,
            hard_reason=limit.refused,
            currency=config.cost.currency,
        )
    )
    target = config.stop.target if target is None else target
    towards = None
    if forecast is not None and regime is not None and target is not None:
        left = left_of_budget(ledger, config.cost.budget) if budget is None else budget
        purse = Purse(regime.now, supply(ledger, project.pool), price, left)
        towards = TargetOrder(
            target,
            order_for(forecast, target, purse, config.stop),
            forecast.labels_to(target).never,
            is_unreachable(forecast, target, queries.measures.highest_shown(ledger)),
        )
    # What the budget cuts off a batch is not ordered.
    batch = round(more * limit.batch / config.acquisition.batch)
    advice = advise(
        verdict,
        batch=batch,
        batch_cost=None if price is None else price.micro * batch,
        target=towards,
        holdout=next_dollars_of(ledger, project.task),
    )
    told = {name: getattr(advice, name) for name in ("labels", "cost", "chance", "holdout")}
    told["penalty"] = None if towards is None else towards.order.penalty
    inputs = asdict(verdict.evidence) | {
        "target": None if towards is None else asdict(towards),
        "advice": told,
    }
    return _Advised(advice.word, advice.reasons, inputs)


def _rarest(project: Project) -> dict[str, Any]:
    counts = project.task.count(queries.labels.training_labels(project.ledger).values())
    rarest = min(project.config.project.classes, key=lambda name: counts[name])
    return {"rarest": rarest, "rarest_labels": counts[rarest]}


def _forecast(project: Project, regime: Regime) -> tuple[Forecast | None, str]:
    """The learning curve after each of the next rounds, or why nobody can say: the same as in `curator plan`."""
    config, ledger = project.config, project.ledger
    if len(regime.rounds) < FEWEST_ROUNDS:
        since = f" since the {' and '.join(regime.changed)} changed" if regime.changed else ""
        return None, f"{len(regime.rounds)} of the {FEWEST_ROUNDS} measured rounds it needs{since}."
    more = labels_per_batch(ledger, config.acquisition.batch)
    ahead = regime.now + more * np.arange(AHEAD + 1)
    ahead = ahead[ahead <= FURTHEST * regime.now]
    if len(ahead) < 2:
        return (
            None,
            f"a batch of {config.acquisition.batch} is too large a step from {regime.now} labels.",
        )
    try:
        return forecast_regime(regime, ahead.tolist()), ""
    except CuratorError as exc:
        return None, str(exc)


def _outlook(forecast: Forecast, more: float, price: MarginalPrice | None, stop: StopSection) -> Outlook:
    """What the next rounds are worth."""
    value = None
    if stop.value_per_error is not None and stop.predictions is not None:
        value = parse_amount(stop.value_per_error) * stop.predictions
    cost = None if price is None else round(price.micro * more)
    return look_ahead(forecast.paths(_DRAWS), cost=cost, value=value)


def _stability(project: Project, round_id: int) -> tuple[float | None, float | None]:
    """How much the model differs from the one before: share of other predictions, Cohen's kappa; None: not known."""
    before = queries.rounds.last_measured(project.ledger, round_id)
    found = None if before is None else compare(project, int(before["id"]), round_id)
    return found or (None, None)
