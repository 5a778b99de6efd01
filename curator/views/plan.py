"""What the next labels will bring, what the target will cost, and how many labels to order: the forecast in money."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from curator.errors import ConfigError
from curator.evidence.forecast.core import Forecast
from curator.evidence.forecast.errors import ForecastRefusedError
from curator.evidence.forecast.expected import expected_error
from curator.evidence.forecast.seen import FEWEST_ROUNDS, FURTHEST
from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.money.budget import left_of_budget
from curator.money.marginal_price import MarginalPrice, marginal_price
from curator.money.order_size import Order, Purse, is_unreachable
from curator.money.supply import labels_per_batch, supply
from curator.project.project import Project
from curator.rounds import advice
from curator.rounds.forecasts.regime import Regime, current_regime
from curator.rounds.forecasts.score_keeping import forecast_regime
from curator.rounds.forecasts.track_record import (
    TrackRecord,
    own_record,
    pooled_record,
    pooled_scores,
    pooled_widths,
    record_path,
)

ROUNDS = 5
_MOST_ROWS = 8


@dataclass(frozen=True)
class PlanOptions:
    """What is asked; amounts in micro-units.

    Attributes:
        target: of the metric, 0-1; None: that of [stop], if any.
        budget: what may still be spent; None: what is left of [cost] budget, if any.
        rounds: rows of the table.
        price_per_label: instead of the ledger's.
    """

    target: float | None = None
    budget: int | None = None
    rounds: int = ROUNDS
    price_per_label: int | None = None


@dataclass(frozen=True)
class Ahead:
    """The forecast at one number of labels: the true metric, median and 80 % interval, and the cost from now on."""

    labels: int
    cost: int | None
    median: float
    low: float
    high: float
    expected_error: float


@dataclass(frozen=True)
class TargetPlan:
    """What the target takes; `None` for an end that lies beyond 8 times the labels seen, or that has no price."""

    target: float
    labels: int | None  # in all; the median where 8 times the labels are enough
    low: int | None
    high: int | None
    cost: int | None
    cost_low: int | None
    cost_high: int | None
    chance_now: float  # that it is reached already
    chance_beyond: float  # that 8 times the labels are not enough
    chance_never: float  # that the curve levels off below it
    unreachable: bool  # all but certain
    reach: int  # labels in all that may be ordered up to: the budget's, or as far as a forecast reaches
    chance_in_reach: float
    affordable: int | None  # labels in all that the budget buys, as far as a forecast reaches
    chance_in_budget: float | None
    pool_ends_at: int  # labels in all, when every item has one
    order: Order


@dataclass(frozen=True)
class Plan:
    """Everything that `curator plan` prints."""

    metric: str
    currency: str
    labels: int
    rounds_seen: int
    holdout_items: int
    present: tuple[float, float, float]  # the true metric now: median, and 80 % interval
    measured: float  # as the hold-out showed it
    price: MarginalPrice | None
    budget: int | None
    ahead: list[Ahead]
    target: TargetPlan | None
    verdict: dict[str, Any]  # the recommendation, as `curator.rounds.advice.current` tells it
    record: TrackRecord | None
    pooled: TrackRecord | None
    method: str
    notes: list[str]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def make_plan(project: Project, options: PlanOptions) -> Plan:
    """Forecast from the measured rounds.

    Raises:
        ForecastRefusedError: too few rounds of the present strategy, model, encoder and classes.
        ConfigError: a target that is no share.
    """
    ledger, config = project.ledger, project.config
    target = options.target if options.target is not None else config.stop.target
    if target is not None and not 0.0 < target < 1.0:
        raise ConfigError(
            f"--target must be a share of the metric above 0 and below 1, got {target:g}. Write 92 % as 0.92."
        )
    regime = _regime(ledger)
    price = _price(project, options)
    budget = options.budget if options.budget is not None else left_of_budget(ledger, config.cost.budget)
    pooled = pooled_scores(record_path())
    batch = labels_per_batch(ledger, config.acquisition.batch)
    money = Purse(regime.now, supply(ledger, project.pool), price, budget)
    at, notes = _label_counts(regime, batch, options.rounds, money)
    found = forecast_regime(regime, at, pooled_widths(pooled))
    own = (options.target, options.budget, options.price_per_label) == (None, None, None)
    told = (advice.current(project) if own else None) or advice.consider(
        project, target=target, price=price, budget=budget
    )
    present = np.quantile(found.present(), [0.5, 0.1, 0.9])
    return Plan(
        metric=regime.metric,
        currency=config.cost.currency,
        labels=regime.now,
        rounds_seen=len(regime.rounds),
        holdout_items=regime.holdout_items,
        present=(float(present[0]), float(present[1]), float(present[2])),
        measured=regime.values[-1],
        price=price,
        budget=budget,
        ahead=_ahead(found, regime, money),
        target=None
        if target is None
        else _target_plan(
            found,
            regime,
            target,
            money,
            _ordered(told),
            unreachable=is_unreachable(found, target, queries.measures.highest_shown(ledger)),
        ),
        verdict=told,
        record=own_record(ledger),
        pooled=pooled_record(pooled),
        method=found.version,
        notes=notes,
    )


def _regime(ledger: Ledger) -> Regime:
    regime = current_regime(ledger)
    if regime is None:
        raise ForecastRefusedError(
            "no measured round",
            f"No round is measured yet. A forecast needs {FEWEST_ROUNDS} measured rounds: run `curator round`.",
        )
    if len(set(regime.labels)) < FEWEST_ROUNDS:
        since = (
            f" since the {' and '.join(regime.changed)} changed in round {regime.rounds[0]} (a forecast does not cross that)"
            if regime.changed
            else ""
        )
        have = len(set(regime.labels))
        raise ForecastRefusedError(
            "fewer than four measured rounds",
            f"A forecast needs {FEWEST_ROUNDS} measured rounds with growing labels; there are {have}{since}. "
            f"`curator round` measures the next: {FEWEST_ROUNDS - have} more to go.",
        )
    return regime


def _price(project: Project, options: PlanOptions) -> MarginalPrice | None:
    if options.price_per_label is not None:
        return MarginalPrice(options.price_per_label, "given with --price-per-label")
    return marginal_price(project.ledger, project.config.cost)


def _ordered(told: dict[str, Any]) -> Order:
    """The order that is recommended."""
    order = told["order"]
    return Order(order["labels"] or 0, order["chance"] or 0.0, order["cost"], order["penalty"] or 0)


def _label_counts(regime: Regime, batch: float, rounds: int, money: Purse) -> tuple[list[int], list[str]]:
    """Where the forecast is shown: after each of the next rounds, the open one first, and where budget or pool end."""
    most, affordable, asked = money.most, money.affordable, money.supply.asked
    step = max(1, -(-rounds // _MOST_ROWS))
    after = sorted({*range(step, rounds + 1, step), rounds})
    counts = {
        regime.now + (asked + round(batch * (ahead - 1)) if asked else max(round(batch * ahead), 1))
        for ahead in after
    }
    notes = []
    if affordable is not None and affordable <= money.paid:
        notes.append("The budget buys no more labels; the rows show what more money would bring.")
    elif affordable is not None:
        counts = {n for n in counts if n <= affordable} | {min(affordable, most)}
    within = {n for n in counts if n <= most}
    if len(within) < len(counts) or (affordable or 0) > most:
        notes.append(_why_no_further(money))
        within.add(most)
    return sorted(within), notes


def _why_no_further(money: Purse) -> str:
    if money.most < int(FURTHEST * money.now):
        return f"The pool ends at {money.most:,} labels: `curator add` brings more items."
    return (
        f"No forecast beyond {money.most:,} labels: past four times those seen, forecasts were never checked."
    )


def _ahead(found: Forecast, regime: Regime, money: Purse) -> list[Ahead]:
    rows = []
    for labels, median, (low, high) in zip(found.at, found.median, found.interval(0.8), strict=True):
        error = expected_error(len(regime.rounds), float(labels) / regime.now)
        rows.append(Ahead(int(labels), money.cost(labels), float(median), float(low), float(high), error))
    return rows


def _target_plan(
    found: Forecast, regime: Regime, target: float, money: Purse, order: Order, *, unreachable: bool
) -> TargetPlan:
    """What the target takes, and what is recommended to order for it."""
    now = regime.now
    needed = found.labels_to(target)
    affordable, most = money.affordable, money.reach

    def more(labels: float | None) -> int | None:
        return None if labels is None else money.cost(labels)

    return TargetPlan(
        target=target,
        labels=_whole(needed.likely),
        low=_whole(needed.low),
        high=_whole(needed.high),
        cost=more(needed.likely),
        cost_low=more(needed.low),
        cost_high=more(needed.high),
        chance_now=needed.chance_within(now),
        chance_beyond=needed.beyond,
        chance_never=needed.never,
        unreachable=unreachable,
        reach=most,
        chance_in_reach=needed.chance_within(most),
        affordable=None if affordable is None else most,
        chance_in_budget=None if affordable is None else needed.chance_within(most),
        pool_ends_at=now + money.supply.total,
        order=order,
    )


def _whole(labels: float | None) -> int | None:
    return None if labels is None else round(labels)
