"""What a round gained on the hold-out, with an interval that knows about items and about training seeds.

Both models are measured on the same hold-out items, each with S training seeds. Per replicate of the bootstrap the items are
drawn again, the same items for both models, and the mean over seeds moves as another draw of the seeds would move it. An
interval over items alone is too narrow: what a single training run scores is luck of its seed as well.

Three things make it hold what it promises; `make bench-gain` measures it, docs/measured/gain.md has the tables:

* Items are drawn from the whole hold-out (`resampling`), for it is a simple random sample.
* Accuracy, macro-F1 and cost move in jumps, and in a late round hardly an item changes: a bootstrap of no change is a point.
  So each replicate also wins half a pseudo-item on average and loses half a one, as half an item is added to each cell of the
  two-by-two table by Agresti & Min, "Simple improved confidence intervals for comparing matched proportions" (2005). The
  interval is that of the percentiles (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993).
* Log loss differs on every item, on some of them by far more than on most: percentiles are too narrow, a symmetric
  bootstrap-t is not (Hall, "On symmetric bootstrap confidence intervals", 1988).

The part of the seeds is in `seed_noise`. With one seed the interval says nothing about seeds: it covers the items only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.errors import DataError
from curator.evidence.metrics import Metric
from curator.evidence.outcomes import Outcomes
from curator.evidence.resampling import Resampling
from curator.evidence.seed_noise import SeedNoise, seed_noise

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]
_DIGITS = 12  # of a gain, in units of the metric; below is rounding


@dataclass(frozen=True)
class Gain:
    """The gain of one model over another on the same hold-out: positive = better, for every metric.

    Attributes:
        metric: its name.
        value: what was gained: after - before, of an error before - after.
        low: lower end of the interval of `value`.
        high: upper end of the interval of `value`.
        level: probability content of the interval.
        before: the metric before, mean over seeds.
        after: the metric after, mean over seeds.
        seed_error: the part of the standard error that comes from training seeds.
        mcnemar_b: items that the mean over seeds had right before and wrong after.
        mcnemar_c: items that it had wrong before and right after.
        mcnemar_p: two-sided p of McNemar's test of equal accuracy.
        items: of the hold-out.
    """

    metric: str
    value: float
    low: float
    high: float
    level: float
    before: float
    after: float
    seed_error: float
    mcnemar_b: int
    mcnemar_c: int
    mcnemar_p: float
    items: int

    @property
    def standard_error(self) -> float:
        """Half the interval in units of the normal quantile."""
        return (self.high - self.low) / 2.0 / NormalDist().inv_cdf((1.0 + self.level) / 2.0)


@dataclass(frozen=True)
class Interval:
    """A metric of one model, mean over seeds, with its interval."""

    value: float
    low: float
    high: float


def gains(
    befores: Sequence[Outcomes],
    after: Outcomes,
    metrics: Sequence[Metric[Any]],
    *,
    draws: Resampling,
    level: float = 0.95,
) -> list[dict[str, Gain]]:
    """Gains of one model over several earlier ones by a paired bootstrap, all from the same draws of the items.

    Args:
        befores: of the earlier models, on the items of `after`.
        after: of the later model.
        metrics: of these outcomes.
        draws: of the items; the same draws give the same intervals.
        level: probability content of the intervals.

    Returns:
        Per earlier model {name of the metric: gain}; positive = better after.

    Raises:
        DataError: the models were not measured on the same items, or impossible options.
    """
    _check_options(draws.n_draws, level)
    if any(not np.array_equal(before.y, after.y) for before in befores):
        raise DataError(
            "The models were measured on different hold-out items; a gain compares the same items."
        )
    found: list[dict[str, Gain]] = [{} for _ in befores]
    for metric in metrics:
        models = [_Model.of(metric, outcomes, draws) for outcomes in (*befores, after)]
        for place, before in enumerate(befores):
            compared = _Compared(metric, (models[place], models[-1]), draws, level)
            found[place][metric.name] = _gain(compared, before, after)
    return found


def metric_interval(
    outcomes: Outcomes,
    metric: Metric[Any],
    *,
    n_bootstrap: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """A model's metric on the hold-out by the same bootstrap over items and seeds.

    Args:
        outcomes: of the model.
        metric: of these outcomes.
        n_bootstrap: replicates.
        seed: of the replicates; the same seed gives the same interval.
        level: probability content of the interval.

    Returns:
        The mean of the metric over seeds, with its interval; where all answers are right, or all wrong, accuracy has the
        exact binomial one (Clopper & Pearson, 1934).

    Raises:
        DataError: impossible options.
    """
    _check_options(n_bootstrap, level)
    draws = Resampling(len(outcomes.y), n_bootstrap, seed)
    model = _Model.of(metric, outcomes, draws)
    value = metric.sign * float(model.now.mean())
    if metric.bounded and value in (0.0, 1.0):
        reach = 1.0 - ((1.0 - level) / 2.0) ** (1.0 / draws.n_items)
        low, high = (0.0, reach) if value == 0.0 else (1.0 - reach, 1.0)
        return Interval(value, low, high)
    low, high = _Compared(metric, (model,), draws, level).interval()
    if metric.sign < 0:
        low, high = -high, -low
    return Interval(value, max(0.0, low), min(1.0, high) if metric.bounded else high)


def _check_options(n_bootstrap: int, level: float) -> None:
    if n_bootstrap < 1 or not 0.0 < level < 1.0:
        raise DataError(f"need n_bootstrap >= 1 and 0 < level < 1, got {n_bootstrap} and {level}.")


@dataclass(frozen=True)
class _Model:
    """One model by one metric.

    Attributes:
        now: (n_seeds,) the metric of each seed on the hold-out.
        replicates: (n_draws, n_seeds) and on each replicate.
        outcomes: what it said.
    """

    now: FloatArray
    replicates: FloatArray
    outcomes: Outcomes

    @classmethod
    def of(cls, metric: Metric[Any], outcomes: Outcomes, draws: Resampling) -> "_Model":
        once = np.ones((1, len(outcomes.y)), dtype=np.float32)
        replicates = [metric.replicates(counts, outcomes) for counts in draws.blocks()]
        return cls(metric.replicates(once, outcomes)[0], np.concatenate(replicates), outcomes)


@dataclass(frozen=True)
class _Compared:
    """One model's metric, or the difference of two: (before, after)."""

    metric: Metric[Any]
    models: tuple[_Model, ...]
    draws: Resampling
    level: float

    @property
    def value(self) -> float:
        """After - before, or the metric itself; more is better."""
        now = [float(model.now.mean()) for model in self.models]
        return now[-1] - now[0] if len(now) == 2 else now[0]

    @cached_property
    def noise(self) -> SeedNoise:
        """Of the training seeds."""
        return seed_noise([m.now for m in self.models], [m.replicates for m in self.models])

    def interval(self) -> tuple[float, float]:
        """Of `value`."""
        noise, value = self.noise, self.value
        if self.metric.paired == "smooth":
            error, reach = self._studentized()
            normal = NormalDist().inv_cdf((1.0 + self.level) / 2.0)
            reach = math.hypot(reach, normal * noise.error)
            low, high = value - reach, value + reach
        else:
            flip = self.metric.flip(self.models[0].outcomes)
            items = self._of_items() + self.draws.flips * flip / self.draws.n_items
            error = float(items.std())
            edges = [(1.0 - self.level) / 2.0, (1.0 + self.level) / 2.0]
            low, high = np.quantile(items + noise.error * self.draws.normals, edges).tolist()
        wider = noise.widening(error, self.level)
        return value - wider * (value - low), value + wider * (high - value)

    def _of_items(self) -> FloatArray:
        """(n_draws,) the value on each replicate of the items, mean over seeds."""
        means = [model.replicates.mean(axis=1) for model in self.models]
        return np.asarray(means[-1] - means[0] if len(means) == 2 else means[0])

    def _studentized(self) -> tuple[float, float]:
        """Standard error from the items, and how far a symmetric bootstrap-t reaches to either side."""
        values = [self.metric.per_item(model.outcomes).mean(axis=0) for model in self.models]
        of_item = values[-1] - values[0] if len(values) == 2 else values[0]
        of_item = of_item - of_item.mean()
        scale = float(np.abs(of_item).max())
        if scale == 0.0:
            return 0.0, 0.0
        n = self.draws.n_items
        columns = np.stack([of_item / scale, np.square(of_item / scale)], axis=1).astype(np.float32)
        mean, square = (np.concatenate([c @ columns for c in self.draws.blocks()]).astype(np.float64) / n).T
        spread = np.sqrt(np.maximum(square - mean**2, 0.0))
        # a replicate of a single item drawn n times has no spread: it says nothing
        t = np.divide(np.abs(mean), spread, out=np.zeros_like(mean), where=spread > 0)
        sd = float(of_item.std())
        return sd / math.sqrt(n), float(np.quantile(t, self.level)) * sd


def _gain(compared: _Compared, before: Outcomes, after: Outcomes) -> Gain:
    right_before, right_after = before.right, after.right
    lost = int(np.count_nonzero(right_before & ~right_after))
    won = int(np.count_nonzero(~right_before & right_after))
    low, high = compared.interval()
    if compared.metric.bounded:
        low, high = max(-1.0, low), min(1.0, high)
    # Rounding must not decide whether an interval includes 0.
    value, low, high = (round(x, _DIGITS) + 0.0 for x in (compared.value, low, high))
    sign = compared.metric.sign
    return Gain(
        metric=compared.metric.name,
        value=value,
        low=low,
        high=high,
        level=compared.level,
        before=sign * float(compared.models[0].now.mean()) + 0.0,
        after=sign * float(compared.models[1].now.mean()) + 0.0,
        seed_error=compared.noise.error,
        mcnemar_b=lost,
        mcnemar_c=won,
        mcnemar_p=mcnemar_p(lost, won),
        items=len(after.y),
    )


# Below this number of discordant items the normal approximation is not to be trusted.
_EXACT_BELOW = 25


def mcnemar_p(lost: int, won: int) -> float:
    """Two-sided p of McNemar's test of equal accuracy: exact binomial below 25 items, else the corrected normal.

    Args:
        lost: items right before and wrong after.
        won: items wrong before and right after.

    Returns:
        p in (0, 1]; 1 when no item changed.
    """
    changed = lost + won
    if changed < _EXACT_BELOW:
        tail = sum(math.comb(changed, i) for i in range(min(lost, won) + 1)) / 2.0**changed
        return min(1.0, 2.0 * tail)
    z = max(abs(lost - won) - 1.0, 0.0) / math.sqrt(changed)
    return math.erfc(z / math.sqrt(2.0))
