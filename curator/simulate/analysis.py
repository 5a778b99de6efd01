"""From finished campaigns to standings: every strategy against random labels, seed by seed, at equal money."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curator.errors import DataError
from curator.simulate.result import Against, Place, Standing, Target
from curator.simulate.runs import Point
from curator.simulate.statistics import (
    LEVEL,
    Paired,
    Saving,
    area,
    first_reach,
    holm,
    resampled,
    rising,
    saving,
)

FloatArray = NDArray[np.float64]
Campaigns = Mapping[str, Sequence[Sequence[Point]]]  # strategy -> campaigns, one a seed, in the same order

YARDSTICK = "random"
SHARES = (0.5, 0.75, 1.0)  # of the money after which random labels set a target
_DRAWS = 2_000
_PLACES = 41  # of a curve


@dataclass(frozen=True)
class _Curves:
    """All campaigns on one axis.

    Attributes:
        x: (n_places,) labels or micro-units that every campaign covers.
        values: {strategy: (n_seeds, n_places) metric}.
        areas: {strategy: (n_seeds,) mean of the metric along the axis}.
    """

    x: FloatArray
    values: dict[str, FloatArray]
    areas: dict[str, FloatArray]

    @classmethod
    def of(cls, campaigns: Campaigns, metric: str, axis: Callable[[Point], float]) -> "_Curves":
        """Along an axis; between the points of a campaign its curve is straight."""
        lines = {
            name: [
                (
                    np.array([axis(p) for p in points], dtype=float),
                    np.array([p.value(metric) for p in points]),
                )
                for points in runs
            ]
            for name, runs in campaigns.items()
        }
        everything = [line for found in lines.values() for line in found]
        low, high = max(x[0] for x, _ in everything), min(x[-1] for x, _ in everything)
        if high <= low:
            raise DataError(
                "The campaigns have no spending in common: the longest of one ends before another begins. Give more --rounds, "
                "or a larger --budget."
            )
        places = np.linspace(low, high, _PLACES)
        measured = np.unique(np.concatenate([x for x, _ in everything]))
        if len(measured) <= _PLACES:  # all were measured at the same places: these
            places = np.unique(
                np.concatenate(([low], measured[(measured > low) & (measured < high)], [high]))
            )
        values = {
            name: np.array([np.interp(places, x, y) for x, y in found]) for name, found in lines.items()
        }
        areas = {name: np.array([area(x, y, low, high) for x, y in found]) for name, found in lines.items()}
        return cls(places, values, areas)

    def places(self, name: str) -> tuple[Place, ...]:
        """The mean curve of a strategy with its band over seeds."""
        values = self.values[name]
        low, high = np.quantile(values, [0.1, 0.9], axis=0)
        columns = zip(self.x, values.mean(axis=0), low, high, strict=True)
        return tuple(Place(*(float(number) for number in row)) for row in columns)


def standings(campaigns: Campaigns, metric: str) -> tuple[Standing, ...]:
    """Compare every strategy with random labels.

    Args:
        campaigns: random labels among them; of all strategies the same seeds.
        metric: name of the one that campaigns are compared by.

    Returns:
        The strategies, the largest area over money first.
    """
    money = _Curves.of(campaigns, metric, lambda point: point.cost)
    labels = _Curves.of(campaigns, metric, lambda point: point.labels)
    others = [name for name in campaigns if name != YARDSTICK]
    tests = {name: Paired.of(100 * (money.areas[name] - money.areas[YARDSTICK])) for name in others}
    p = dict(zip(others, holm([tests[name].p for name in others]), strict=True))
    ranks = dict(zip(others, holm([tests[name].p_wilcoxon for name in others]), strict=True))
    found = [
        Standing(
            name=name,
            area=float(money.areas[name].mean()),
            final=float(np.mean([runs[-1].value(metric) for runs in campaigns[name]])),
            over_money=money.places(name),
            over_labels=labels.places(name),
            targets=_targets(name, money, labels),
            against_random=None
            if name == YARDSTICK
            else _against(tests[name], p[name], ranks[name], _saved(name, money, len(others))),
        )
        for name in campaigns
    ]
    return tuple(sorted(found, key=lambda one: -one.area))


def compare(campaigns: Campaigns, metric: str, one: str, other: str) -> Paired:
    """Two strategies, seed by seed: difference of their areas over money, in points."""
    areas = _Curves.of(campaigns, metric, lambda point: point.cost).areas
    return Paired.of(100 * (areas[one] - areas[other]))


def _targets(name: str, money: _Curves, labels: _Curves) -> tuple[Target, ...]:
    yardstick = rising(money.values[YARDSTICK].mean(axis=0))
    found = []
    for share in SHARES:
        value = float(np.interp(share * money.x[-1], money.x, yardstick))
        cost = float(first_reach(money.x, rising(money.values[name].mean(axis=0)), value))
        needed = float(first_reach(labels.x, rising(labels.values[name].mean(axis=0)), value))
        reached = np.isfinite(cost) and np.isfinite(needed)
        found.append(Target(value, share, needed if reached else None, cost if reached else None))
    return tuple(found)


def _saved(name: str, money: _Curves, compared: int) -> tuple[Saving, FloatArray]:
    """The saving of the mean curves, and ((low, high) of the money, (low, high) of the share).

    The level holds for all compared strategies together (Bonferroni), as the p values do: else of ten strategies that save
    nothing one would seem to.
    """
    ours, theirs = money.values[name], money.values[YARDSTICK]
    now = saving(money.x, ours.mean(axis=0), theirs.mean(axis=0))
    n_seeds = len(ours)
    if n_seeds < 2:
        return now, np.array([[-np.inf, np.inf], [-np.inf, np.inf]])
    draws = np.random.default_rng(0).integers(0, n_seeds, size=(_DRAWS, n_seeds))
    drawn = saving(money.x, resampled(ours, draws), resampled(theirs, draws))
    tail = (1 - LEVEL) / 2 / compared
    tails = [tail, 1 - tail]
    return now, np.array([np.quantile(drawn.money, tails), np.quantile(drawn.share, tails)])


def _against(test: Paired, p: float, ranks: float, saved: tuple[Saving, FloatArray]) -> Against:
    now, ((low, high), (share_low, share_high)) = saved
    return Against(
        points=test.mean,
        low=test.low,
        high=test.high,
        p=p,
        p_wilcoxon=ranks,
        level=float(now.level),
        saved=float(now.money),
        saved_low=float(low),
        saved_high=float(high),
        saved_share=float(now.share),
        saved_share_low=float(share_low),
        saved_share_high=float(share_high),
    )
