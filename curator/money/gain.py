"""What a round gained on the hold-out, with an interval that knows about items and about training seeds.

Both models are measured on the same hold-out items, each with S training seeds. Per replicate of the bootstrap the
items are drawn again inside each class, the same items for both models, and the seeds are drawn again inside each
model. An interval over items alone is too narrow: what a single training run scores is luck of its seed as well.

Two corrections make the seed level honest for the handful of seeds one can afford:

* S seeds drawn from S have a variance (S - 1) / S times too small: deviations grow by sqrt(S / (S - 1)).
* Seeds measured on n items differ also because of these items. That part is in the item level already, so it is taken
  out of the seed level: its size is read off the replicates themselves.

With one seed the interval says nothing about seeds: it covers the items only.

Sources: Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), for the percentile interval; Dietterich,
"Approximate statistical tests for comparing supervised classification learning algorithms" (1998), for McNemar.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from curator.errors import DataError

Metric = Literal["accuracy", "macro_f1"]
FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]

# Replicates are made in blocks of about this many (replicate, item) cells, 16 MB each in float32.
_BLOCK_CELLS = 4_000_000
# Below this number of discordant items the normal approximation of McNemar's test is not to be trusted.
_EXACT_BELOW = 25
_DIGITS = 12  # of a gain, in units of the metric; below is rounding


@dataclass(frozen=True)
class Gain:
    """The gain of one model over another on the same hold-out, in metric points 0-1.

    Attributes:
        value: after - before.
        low: lower end of the interval of `value`.
        high: upper end of the interval of `value`.
        before: the metric before, mean over seeds.
        after: the metric after, mean over seeds.
        mcnemar_b: items that the mean over seeds had right before and wrong after.
        mcnemar_c: items that it had wrong before and right after.
        mcnemar_p: two-sided p of McNemar's test: exact binomial when b + c < 25, else the normal approximation with
            continuity correction.
    """

    value: float
    low: float
    high: float
    before: float
    after: float
    mcnemar_b: int
    mcnemar_c: int
    mcnemar_p: float


@dataclass(frozen=True)
class Interval:
    """A metric of one model, mean over seeds, with its interval; metric points 0-1."""

    value: float
    low: float
    high: float


def paired_gain(
    before: FloatArray,
    after: FloatArray,
    y: IntArray,
    metric: Metric = "accuracy",
    *,
    n_bootstrap: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Gain:
    """Gain of `after` over `before` by a paired bootstrap over items and seeds.

    Args:
        before: (n_seeds_before, n_items, n_classes) probs of the earlier model on the hold-out.
        after: (n_seeds_after, n_items, n_classes) probs of the later model on the same items in the same order.
        y: (n_items,) the true class of each item as its column in the probs.
        metric: "accuracy", or "macro_f1" over the classes that occur in `y`.
        n_bootstrap: replicates.
        seed: of the replicates; the same seed gives the same interval.
        level: probability content of the interval.

    Returns:
        The gain; positive = better after.

    Raises:
        DataError: shapes that do not fit each other, no items, or a class outside the columns.
    """
    _check(before, y, n_bootstrap, level)
    _check(after, y, n_bootstrap, level)
    rng = np.random.default_rng(seed)
    predictions = np.concatenate([before.argmax(axis=2), after.argmax(axis=2)])
    now, replicates = _metric_and_replicates(predictions, y, metric, n_bootstrap, rng)
    arms = (slice(0, len(before)), slice(len(before), None))
    draws = [replicates[:, arm].mean(axis=1) + _seed_noise(now[arm], replicates[:, arm], rng) for arm in arms]
    low, high = _percentiles(draws[1] - draws[0], level)
    value_before, value_after = (float(now[arm].mean()) for arm in arms)
    right_before = before.mean(axis=0).argmax(axis=1) == y
    right_after = after.mean(axis=0).argmax(axis=1) == y
    lost = int(np.count_nonzero(right_before & ~right_after))
    won = int(np.count_nonzero(~right_before & right_after))
    # Rounding must not decide whether an interval includes 0.
    value, low, high = (round(x, _DIGITS) + 0.0 for x in (value_after - value_before, low, high))
    return Gain(
        value=value,
        low=low,
        high=high,
        before=value_before,
        after=value_after,
        mcnemar_b=lost,
        mcnemar_c=won,
        mcnemar_p=mcnemar_p(lost, won),
    )


def metric_interval(
    probs: FloatArray,
    y: IntArray,
    metric: Metric = "accuracy",
    *,
    n_bootstrap: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """A model's metric on the hold-out by the same bootstrap over items and seeds.

    Args:
        probs: (n_seeds, n_items, n_classes) probs on the hold-out.
        y: (n_items,) the true class of each item as its column in `probs`.
        metric: "accuracy", or "macro_f1" over the classes that occur in `y`.
        n_bootstrap: replicates.
        seed: of the replicates; the same seed gives the same interval.
        level: probability content of the interval.

    Returns:
        The mean of the metric over seeds, with its interval; at exactly 0 or 1, where a bootstrap has no width, the
        exact binomial one (Clopper & Pearson, 1934).

    Raises:
        DataError: shapes that do not fit each other, no items, or a class outside the columns.
    """
    _check(probs, y, n_bootstrap, level)
    rng = np.random.default_rng(seed)
    now, replicates = _metric_and_replicates(probs.argmax(axis=2), y, metric, n_bootstrap, rng)
    low, high = _percentiles(replicates.mean(axis=1) + _seed_noise(now, replicates, rng), level)
    value = float(now.mean())
    if low == high and value in (0.0, 1.0):
        # All right, or all wrong: a bootstrap sees no spread, the exact binomial interval knows better.
        reach = 1.0 - ((1.0 - level) / 2.0) ** (1.0 / len(y))
        low, high = (0.0, reach) if value == 0.0 else (1.0 - reach, 1.0)
    return Interval(value=value, low=low, high=high)


def mcnemar_p(lost: int, won: int) -> float:
    """Two-sided p of McNemar's test of equal accuracy.

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


def _check(probs: FloatArray, y: IntArray, n_bootstrap: int, level: float) -> None:
    if probs.ndim != 3 or 0 in probs.shape:
        raise DataError(
            f"probs must have the shape (seeds, items, classes), none of them zero; got {probs.shape}. "
            "Pass predict_proba_seeds(), or add an axis in front of predict_proba()."
        )
    if y.shape != (probs.shape[1],):
        raise DataError(
            f"{probs.shape[1]} items have probs but y has the shape {y.shape}; pass one class per item."
        )
    if y.min() < 0 or y.max() >= probs.shape[2]:
        raise DataError(
            f"y holds classes from {y.min()} to {y.max()}, but probs have the columns 0 to {probs.shape[2] - 1}."
        )
    if n_bootstrap < 1 or not 0.0 < level < 1.0:
        raise DataError(f"need n_bootstrap >= 1 and 0 < level < 1, got {n_bootstrap} and {level}.")


def _percentiles(draws: FloatArray, level: float) -> tuple[float, float]:
    low, high = np.quantile(draws, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)


def _metric_and_replicates(
    predictions: IntArray, y: IntArray, metric: Metric, n_bootstrap: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """The metric of each seed on the hold-out, (n_seeds,), and on each replicate, (n_bootstrap, n_seeds).

    The items of a replicate enter as counts (how often each was drawn), so that one matrix product evaluates a
    whole block of replicates.
    """
    order = np.argsort(y, kind="stable")
    y, predictions = y[order], predictions[:, order]
    starts = np.flatnonzero(np.r_[True, y[1:] != y[:-1]])
    sizes = np.diff(np.r_[starts, len(y)])
    measure = _accuracy if metric == "accuracy" else _macro_f1
    now = measure(np.ones((1, len(y)), dtype=np.float32), predictions, y, starts)[0]
    block = max(1, _BLOCK_CELLS // len(y))
    blocks = []
    for first in range(0, n_bootstrap, block):
        counts = _stratified_counts(min(block, n_bootstrap - first), starts, sizes, rng)
        blocks.append(measure(counts, predictions, y, starts))
    return now, np.concatenate(blocks)


def _stratified_counts(
    n_draws: int, starts: IntArray, sizes: IntArray, rng: np.random.Generator
) -> FloatArray:
    """(n_draws, n_items) how often each item was drawn; each class keeps its number of items.

    float32 is exact here: the counts are whole numbers far below 2**24.
    """
    n_items = int(sizes.sum())
    first, size = np.repeat(starts, sizes), np.repeat(sizes, sizes)
    within = np.floor(rng.random((n_draws, n_items)) * size).astype(np.int64)
    drawn = first + within + np.arange(n_draws)[:, None] * n_items
    counts = np.bincount(drawn.ravel(), minlength=n_draws * n_items)
    return counts.reshape(n_draws, n_items).astype(np.float32)


def _accuracy(counts: FloatArray, predictions: IntArray, y: IntArray, _starts: IntArray) -> FloatArray:
    right = (predictions == y).astype(np.float32)
    share: FloatArray = (counts @ right.T).astype(np.float64) / len(y)
    return share


def _macro_f1(counts: FloatArray, predictions: IntArray, y: IntArray, starts: IntArray) -> FloatArray:
    """Macro-F1 over the classes in `y` (sorted), F1 = 2 * hits / (support + predicted)."""
    classes = y[starts]
    support = np.diff(np.r_[starts, len(y)]).astype(np.float64)
    out = np.empty((len(counts), len(predictions)))
    for column, predicted in enumerate(predictions):
        hits = np.add.reduceat(counts * (predicted == y), starts, axis=1)
        n_predicted = counts @ (predicted[:, None] == classes).astype(np.float32)
        out[:, column] = (2.0 * hits / (support + n_predicted)).mean(axis=1)
    return out


def _seed_noise(now: FloatArray, replicates: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(n_bootstrap,) what another draw of the seeds adds to the mean over seeds; zeros for a single seed.

    Args:
        now: (n_seeds,) the metric of each seed on the hold-out.
        replicates: (n_bootstrap, n_seeds) the metric of each seed on each replicate of the items.
        rng: draws the seeds.
    """
    n_seeds = len(now)
    if n_seeds == 1:
        return np.zeros(len(replicates))
    deviation = now - now.mean()
    observed = float(now.var(ddof=1))
    apart = replicates - replicates.mean(axis=1, keepdims=True)
    from_items = float(apart.var(axis=0).sum()) / (n_seeds - 1)
    if observed <= from_items:
        return np.zeros(len(replicates))
    scale = math.sqrt((1.0 - from_items / observed) * n_seeds / (n_seeds - 1))
    drawn = rng.integers(0, n_seeds, size=(len(replicates), n_seeds))
    mean: FloatArray = deviation[drawn].mean(axis=1)
    return scale * mean
