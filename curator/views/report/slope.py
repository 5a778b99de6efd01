"""The smoothed gain per dollar: what one more dollar bought at each point of the spend.

A single late round is mostly noise. But a learning curve that flattens as a power law, value = limit - b * S**-a over the
spend S, has the slope A * S**-k, and a gain is the sum of the slope over the dollars between two rounds. So the slope is
fitted to the paired gains, each with the error of its own interval; the limit drops out, and over a grid of exponents k
the fit of A is linear. The exponents are averaged by how well they explain the gains, not picked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

FEWEST = 3  # gains: two numbers are fitted
_EXPONENTS = np.linspace(0.6, 3.0, 25)
_DRAWS = 4000
_NORMAL_95 = 3.919927969080108  # width of a 95% interval in standard deviations


@dataclass(frozen=True)
class Step:
    """The gain of one round: `gain` metric points 0-1 (95%: `low` to `high`) while the spend went up.

    Attributes:
        before: spend on training labels until the round before, in units of the currency; above 0.
        after: the same with this round; above `before`.
        gain: after - before, metric points.
        low: lower end of its 95% interval.
        high: upper end.
        least_error: standard error of the gain at least, such as what one item of the hold-out counts: where two models
            happen to agree on every item the interval has no width, and must not count for everything.
    """

    before: float
    after: float
    gain: float
    low: float
    high: float
    least_error: float


@dataclass(frozen=True)
class Slope:
    """Metric points 0-1 per unit of currency at a spend, with a 95% interval."""

    spend: float
    value: float
    low: float
    high: float


def smoothed(steps: Sequence[Step], at: Sequence[float], seed: int = 0) -> list[Slope] | None:
    """The smoothed gain per unit of currency at each spend in `at`.

    Args:
        steps: the gains so far.
        at: spends on training labels, above 0.
        seed: of the draws that give the interval.

    Returns:
        One slope per spend; None with fewer than three gains.
    """
    if len(steps) < FEWEST:
        return None
    gains = np.array([s.gain for s in steps])
    errors = np.array([max((s.high - s.low) / _NORMAL_95, s.least_error) for s in steps])
    middle = float(np.exp(np.mean([np.log(s.after) for s in steps])))
    # Spends in units of `middle`, so that A is the slope there whatever the exponent, and a flat prior on it is fair.
    before, after = (np.array([getattr(s, end) for s in steps]) / middle for end in ("before", "after"))
    areas = np.array([_area(before, after, k) for k in _EXPONENTS])
    precision = (areas**2 / errors**2).sum(axis=1)
    fitted = (areas * gains / errors**2).sum(axis=1) / precision
    misfit = (((gains - fitted[:, None] * areas) / errors) ** 2).sum(axis=1)
    weights = np.exp(-(misfit - misfit.min()) / 2.0) / np.sqrt(precision)
    rng = np.random.default_rng([seed, 41])
    drawn = rng.choice(len(_EXPONENTS), size=_DRAWS, p=weights / weights.sum())
    heights = fitted[drawn] + rng.standard_normal(_DRAWS) / np.sqrt(precision[drawn])
    slopes = []
    for spend in at:
        draws = heights * (spend / middle) ** -_EXPONENTS[drawn] / middle
        low, value, high = np.quantile(draws, [0.025, 0.5, 0.975])
        slopes.append(Slope(float(spend), float(value), float(low), float(high)))
    return slopes


def _area(before: FloatArray, after: FloatArray, k: float) -> FloatArray:
    """The sum of S**-k from `before` to `after`."""
    if abs(k - 1.0) < 1e-9:
        return np.log(after / before)
    area: FloatArray = (after ** (1.0 - k) - before ** (1.0 - k)) / (1.0 - k)
    return area
