"""How many labels a campaign saved against random ones: from what was measured to an interval.

The counterfactual is a campaign that buys random labels until its model is as accurate as the one there is. Up to the
size of the random arm its learning curve is measured; beyond, it is not, and a curve extrapolated from a tenth of the
labels says next to nothing. So it is replayed: models learn from random items of the pool that carry their own label
where they have one, else what the current model says of them. Labels that were chosen by looking at the items only may
be learnt from without bias. Three things are then put right, with figures from campaigns where the truth is known
(`make bench-savings`; docs/measured/savings.md has what they cover):

- Wrong labels make the replayed models too weak, by about the square of the model's own error.
- What a replayed difference leaves out of the true one, and the noise of the hold-out, widen it.
- Labels are worth what the curve is steep: the slope comes from replayed models at a quarter of the labels and from the
  arm's own model, flattens by an unknown share with every doubling, and so may never reach the accuracy at all. Then the
  interval has no upper end.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LEVEL = 0.95
FURTHEST = 8.0  # times the labels bought: beyond, nothing is said but "more"

_DRAWS = 8000
# Fitted on campaigns of five sets, and left as they were on the sets that bench_savings.py was then run on (docs/measured/savings.md).
_REPLAYED = 0.8  # of a replayed difference are true
_WRONG_LABELS = 0.75  # times the squared error: what replayed models are too weak
_UNEXPLAINED = 0.1  # of the error: standard deviation of what the replay misses
_TAILS = 6  # degrees of freedom: misses are larger than normal ones, now and then
# log slope (log error per doubling) = a + b log(replayed slope) + c log(slope from the arm), and its deviation
_SLOPE = (-0.41, 0.57, 0.23)
_SLOPE_SD = 0.5
_SLOPE_RANGE = (0.03, 0.8)
_FLATTENS = (0.75, 1.0)  # share of the slope that is left after a doubling


@dataclass(frozen=True)
class Evidence:
    """What was measured of a campaign, with one quick model for all of it. Accuracies are 0 to 1, on the hold-out.

    Attributes:
        labels: bought so far, the arm's included.
        arm_labels: of the arm.
        items: that could ever be labeled: the pool and the labels.
        holdout: items of the hold-out.
        accuracy: of the model of all labels.
        replayed: mean accuracy of models of as many random items.
        replayed_quarter: of a quarter as many.
        of_arm: accuracy of the model of the arm's labels.
        paired_sd: standard error of accuracy - replayed, over items of the hold-out and over replayed campaigns.
    """

    labels: int
    arm_labels: int
    items: int
    holdout: int
    accuracy: float
    replayed: float
    replayed_quarter: float
    of_arm: float
    paired_sd: float


@dataclass(frozen=True)
class Saved:
    """What was saved, in labels; negative: random labels would have been cheaper.

    Attributes:
        labels: the median; None: beyond what can be said.
        low: lower end of the interval.
        high: upper end; None: open, random labels may never get there.
        lift: accuracy of the campaign over that of as many random labels.
        lift_low: lower end of the interval of `lift`.
        lift_high: upper end.
        chance: that anything was saved at all.
    """

    labels: float | None
    low: float
    high: float | None
    lift: float
    lift_low: float
    lift_high: float
    chance: float


def saved_labels(seen: Evidence, *, level: float = LEVEL, seed: int = 0) -> Saved:
    """How many labels more than the campaign random ones would have needed.

    Args:
        seen: what was measured.
        level: of the intervals.
        seed: of the draws; the same seed gives the same interval.
    """
    rng = np.random.default_rng([seed, 11])
    error = 1.0 - seen.accuracy
    middle = _lift(seen, error)
    spread = np.hypot(seen.paired_sd, _UNEXPLAINED * error)
    lift = middle + spread * rng.standard_t(_TAILS, _DRAWS) / np.sqrt(_TAILS / (_TAILS - 2))
    wrong = error * seen.holdout
    errors = np.maximum(rng.beta(wrong + 0.5, seen.holdout - wrong + 0.5, _DRAWS), 1e-4)
    others = np.clip(errors + lift, 0.2 * errors, 1.0)
    slope = _slopes(seen, error + middle, rng)
    left = rng.uniform(*_FLATTENS, _DRAWS)
    saved = seen.labels * (2.0 ** doublings(np.log(others / errors), slope, left) - 1.0)
    most = min(seen.items - seen.labels, (FURTHEST - 1.0) * seen.labels)
    low, half, high = np.quantile(saved, [(1 - level) / 2, 0.5, (1 + level) / 2], method="inverted_cdf")
    lift_low, lift_high = np.quantile(lift, [(1 - level) / 2, (1 + level) / 2])
    return Saved(
        labels=float(half) if half < most else None,
        low=float(min(low, most)),
        high=float(high) if high < most else None,
        lift=middle,
        lift_low=float(lift_low),
        lift_high=float(lift_high),
        chance=float((lift > 0).mean()),
    )


def _lift(seen: Evidence, error: float) -> float:
    """Accuracy over that of as many random labels: the replayed difference, put right for wrong labels."""
    imputed = error * (1.0 - seen.labels / seen.items)
    return _REPLAYED * (seen.accuracy - seen.replayed) - _WRONG_LABELS * imputed**2


def _slopes(seen: Evidence, error: float, rng: np.random.Generator) -> FloatArray:
    """Draws of the slope of the random curve at the labels bought, log error per doubling."""
    floor = 0.5 / seen.holdout  # no error at all on the hold-out has no logarithm
    replayed = np.log(max(1 - seen.replayed_quarter, floor) / max(1 - seen.replayed, floor)) / 2.0
    doublings = np.log2(seen.labels / seen.arm_labels)
    arm = np.log(max(1 - seen.of_arm, floor) / max(error, floor)) / doublings
    level, *weights = _SLOPE
    logs = np.log(np.clip([replayed, arm], *_SLOPE_RANGE))
    drawn: FloatArray = np.exp(level + weights @ logs + _SLOPE_SD * rng.normal(size=_DRAWS))
    return drawn


def doublings(log_ratio: FloatArray, slope: FloatArray, left: FloatArray) -> FloatArray:
    """Doublings of random labels until their error has fallen by a factor.

    The log error falls by slope * left**t at t doublings: by slope * (1 - left**t) / -log(left) up to there.

    Args:
        log_ratio: (n,) of the error now and the one to reach; negative: it was passed before.
        slope: (n,) log error per doubling, at the labels bought.
        left: (n,) share of the slope that is left after each doubling, up to 1.

    Returns:
        (n,) at most 6 either way; infinite where the curve flattens before.
    """
    rate = -np.log(np.minimum(left, 0.999))
    remains = 1.0 - log_ratio * rate / slope
    reached = -np.log(np.maximum(remains, 1e-9)) / rate
    found: FloatArray = np.where(remains > 0, np.clip(reached, -6.0, 6.0), np.inf)
    return found
