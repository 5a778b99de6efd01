"""What looking at costs saves: dollars to the same score, with the interval over seeds.

A single campaign's curve is jagged, and when it first touches a score is luck. So seeds are averaged first: the mean score
over dollars of the plain campaigns, and of those that look at costs, and the dollars at which each mean first reaches the
score. The interval comes from drawing seeds again, the two campaigns of a seed together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.cost_aware.play import FURTHER, Point
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

REPLICATES = 2_000
_STEPS = 100  # of the plain campaign's dollars
HALF, END = 50, 100


@dataclass(frozen=True)
class Ratio:
    """Dollars of the cost-aware campaigns per dollar of the plain ones, to the same score; 95% interval over seeds."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Saving:
    """One set and strategy.

    Attributes:
        seeds: campaigns of each kind.
        plain: mean score of the plain campaigns at the end.
        half: to the score that these reach at half of their dollars.
        end: to the score that they reach at the end.
        points: mean difference of the score at equal dollars, in points.
        points_margin: half the width of its 95% interval over seeds.
        draws: (REPLICATES, 2) logarithms of both ratios, for an average over sets.
    """

    seeds: int
    plain: float
    half: Ratio
    end: Ratio
    points: float
    points_margin: float
    draws: FloatArray


def saving(plain: Sequence[Sequence[Point]], aware: Sequence[Sequence[Point]], seed: int = 0) -> Saving:
    """Compare campaigns of the same seeds, in the same order."""
    first = np.array([points[0].dollars for points in plain])
    last = np.array([points[-1].dollars for points in plain])
    # Dollars from 0 (the start, the same for both) to 1 (what the plain campaign of that seed has spent).
    ours, theirs = np.linspace(0.0, FURTHER, int(_STEPS * FURTHER) + 1), np.linspace(0.0, 1.0, _STEPS + 1)
    before = np.array([_at(p, f + (e - f) * theirs) for p, f, e in zip(plain, first, last, strict=True)])
    after = np.array([_at(p, f + (e - f) * ours) for p, f, e in zip(aware, first, last, strict=True)])

    def ratios(seeds: NDArray[np.int64]) -> FloatArray:
        start, span = first[seeds].mean(), (last - first)[seeds].mean()
        rising = np.maximum.accumulate(before[seeds].mean(axis=0))
        reached = np.maximum.accumulate(after[seeds].mean(axis=0))
        found = []
        for at in (HALF, END):
            needed = _first(theirs, rising, rising[at])
            found.append((start + span * _first(ours, reached, rising[at])) / (start + span * needed))
        return np.log(found)

    rng = np.random.default_rng(seed)
    n = len(plain)
    draws = np.array([ratios(rng.integers(0, n, n)) for _ in range(REPLICATES)])
    value = ratios(np.arange(n))
    gap = 100.0 * (after[:, : _STEPS + 1] - before).mean(axis=1)
    margin = 1.96 * float(gap.std(ddof=1)) / np.sqrt(n)
    return Saving(
        n, float(before[:, -1].mean()), _ratio(value[0], draws[:, 0]), _ratio(value[1], draws[:, 1]),
        float(gap.mean()), float(margin), draws,
    )  # fmt: skip


def over_sets(found: Sequence[Saving]) -> tuple[Ratio, Ratio]:
    """Geometric means of the ratios to half and to the end, over sets."""
    draws = np.mean([one.draws for one in found], axis=0)
    values = np.mean([[np.log(one.half.value), np.log(one.end.value)] for one in found], axis=0)
    return _ratio(values[0], draws[:, 0]), _ratio(values[1], draws[:, 1])


def _ratio(value: float, draws: FloatArray) -> Ratio:
    low, high = np.quantile(draws, [0.025, 0.975])
    return Ratio(float(np.exp(value)), float(np.exp(low)), float(np.exp(high)))


def _at(points: Sequence[Point], dollars: FloatArray) -> FloatArray:
    """The score of a campaign over dollars, straight between its models."""
    found: FloatArray = np.interp(dollars, [p.dollars for p in points], [p.accuracy for p in points])
    return found


def _first(grid: FloatArray, rising: FloatArray, score: float) -> float:
    """Where a rising curve first has a score; the end of the grid when it never has (a ratio is too small then)."""
    at = int(np.searchsorted(rising, score - 1e-12))
    if at == len(rising):
        return float(grid[-1])
    if at == 0:
        return float(grid[0])
    share = (score - rising[at - 1]) / (rising[at] - rising[at - 1])
    return float(grid[at - 1] + (grid[at] - grid[at - 1]) * share)
