"""What the next labels will bring, what the target will cost, and how many labels to order: the forecast in money."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from curator.config import StopSection
from curator.errors import ConfigError
from curator.ledger import records
from curator.ledger.store import Ledger
from curator.money.amounts import parse_amount
from curator.money.batch_labels import labels_per_batch
from curator.money.forecast import Forecast, ForecastRefusedError
from curator.money.forecast.expected import expected_error
from curator.money.forecast.seen import FEWEST_ROUNDS, FURTHEST
from curator.money.marginal_price import MarginalPrice, marginal_price
from curator.money.order_size import Order, order_size
from curator.money.regime import Regime, current_regime
from curator.money.score_keeping import forecast_regime
from curator.money.supply import Supply, supply
from curator.money.track_record import (
    TrackRecord,
    own_record,
    pooled_record,
    pooled_scores,
    pooled_widths,
    record_path,
)
from curator.project import Project

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
    budget = options.budget if options.budget is not None else _left(ledger, config.cost.budget)
    pooled = pooled_scores(record_path())
    batch = labels_per_batch(ledger, config.acquisition.batch)
    money = _Money(regime.now, supply(project), price, budget)
    at, notes = _label_counts(regime, batch, options.rounds, money)
    found = forecast_regime(regime, at, pooled_widths(pooled))
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
        else _target_plan(found, regime, target, money, config.stop, _shown(ledger)),
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


def _left(ledger: Ledger, budget: str | None) -> int | None:
    """What is left of the campaign's budget."""
    if budget is None:
        return None
    known = sum(amount or 0 for amount in records.spend(ledger).values())
    return max(parse_amount(budget) - known, 0)


def _shown(ledger: Ledger) -> float:
    """The upper end of the interval of the last measured value: what lies below it may be reached already."""
    return float(ledger.scalar("select value_high from gains order by round desc limit 1"))


@dataclass(frozen=True)
class _Money:
    """What labels cost from here on, and how many there can be.

    Attributes:
        now: labels that the last model has learned from.
        supply: labels beyond these.
        price: of one; None: not known.
        budget: micro-units that may still be spent; None: no limit.
    """

    now: int
    supply: Supply
    price: MarginalPrice | None
    budget: int | None

    @property
    def paid(self) -> int:
        """Labels in all that are paid for, those of the open round included."""
        return self.now + self.supply.answered

    @property
    def most(self) -> int:
        """Labels in all that a forecast may speak of: four times those seen, and no more than the pool has."""
        return max(min(int(FURTHEST * self.now), self.now + self.supply.total), self.now)

    @property
    def affordable(self) -> int | None:
        """Labels in all that the budget buys; None: no limit."""
        if self.budget is None or self.price is None or self.price.micro == 0:
            return None
        return self.paid + self.budget // self.price.micro

    def cost(self, labels: float) -> int | None:
        """Micro-units from now on for so many labels in all."""
        return None if self.price is None else max(round(labels) - self.paid, 0) * self.price.micro


def _label_counts(regime: Regime, batch: float, rounds: int, money: _Money) -> tuple[list[int], list[str]]:
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
        notes.append("The budget buys no further label; the rows are what more money would bring.")
    elif affordable is not None:
        counts = {n for n in counts if n <= affordable} | {min(affordable, most)}
    within = {n for n in counts if n <= most}
    if len(within) < len(counts) or (affordable or 0) > most:
        notes.append(_why_no_further(money))
        within.add(most)
    return sorted(within), notes


def _why_no_further(money: _Money) -> str:
    if money.most < int(FURTHEST * money.now):
        return f"The pool ends at {money.most:,} labels: `curator add` brings more items."
    return f"Nothing is said beyond {money.most:,} labels: past four times those seen, forecasts were never checked."


def _ahead(found: Forecast, regime: Regime, money: _Money) -> list[Ahead]:
    rows = []
    for labels, median, (low, high) in zip(found.at, found.median, found.interval(0.8), strict=True):
        error = expected_error(len(regime.rounds), float(labels) / regime.now)
        rows.append(Ahead(int(labels), money.cost(labels), float(median), float(low), float(high), error))
    return rows


def _target_plan(
    found: Forecast, regime: Regime, target: float, money: _Money, stop: StopSection, shown: float
) -> TargetPlan:
    """What the target takes; `shown`: what the hold-out may have shown already is not called out of reach."""
    now = regime.now
    needed = found.labels_to(target)
    affordable = money.affordable
    most = money.most if affordable is None else min(affordable, money.most)
    micro = 1 if money.price is None else money.price.micro  # without a price an order is weighed in labels

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
        unreachable=needed.unreachable and target > shown,
        affordable=None if affordable is None else most,
        chance_in_budget=None if affordable is None else needed.chance_within(most),
        pool_ends_at=now + money.supply.total,
        order=order_size(
            needed.draws,
            money.paid,
            max(most, money.paid),
            micro,
            penalty(stop, target, found.present(), int(FURTHEST * now) - now, micro),
        ),
    )


def penalty(
    stop: StopSection, target: float, present: Sequence[float] | np.ndarray[Any, Any], most: int, price: int
) -> int:
    """Micro-units that missing the target costs: the errors that remain, where [stop] says what one is worth.

    Without that it is the price of all the labels that a forecast reaches to: missing the target is taken to be as bad as
    having bought four times the labels. Free labels are worth any chance.
    """
    if stop.value_per_error is not None and stop.predictions is not None:
        missing = max(target - float(np.median(present)), 0.0)
        return round(parse_amount(stop.value_per_error) * stop.predictions * missing)
    return most * max(price, 1)


def _whole(labels: float | None) -> int | None:
    return None if labels is None else round(labels)
