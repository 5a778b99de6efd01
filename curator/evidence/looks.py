"""Intervals for decisions: who looks at the same hold-out after every round is misled by chance sooner or later.

An interval of level 95% excludes 0 by chance in one of twenty rounds without a gain. So what is decided on uses Bonferroni's
correction for the looks that were planned: 10, and twice as many whenever a campaign outgrows them (z = 2.81, 3.02, 3.23).
The comparisons of one round with several earlier ones share their looks: they answer one question, and are nearly the same.
"""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, TypeVar

_FIRST_PLAN = 10
Comparison = TypeVar("Comparison", bound=Mapping[str, Any])


def planned_looks(looks: int) -> int:
    """The number of looks that is corrected for: 10, 20, 40, ..., the first that is not below `looks`."""
    planned = _FIRST_PLAN
    while planned < looks:
        planned *= 2
    return planned


def widening(level: float, looks: int) -> float:
    """By how much an interval grows for `looks` looks (Bonferroni): the ratio of the normal quantiles, 1 for a single look."""
    alpha = 1.0 - level
    normal = NormalDist()
    return normal.inv_cdf(1.0 - alpha / 2.0 / looks) / normal.inv_cdf(1.0 - alpha / 2.0)


def decision_interval(
    value: float, low: float, high: float, *, level: float, looks: int
) -> tuple[float, float]:
    """An interval widened so that over all planned looks together its level holds.

    Both sides grow by the ratio of normal quantiles, for a bootstrap of 2,000 has too few replicates that far out.

    Args:
        value: of the gain.
        low: lower end of its interval of `level`.
        high: upper end.
        level: probability content.
        looks: at the hold-out so far, this one included.
    """
    ratio = widening(level, planned_looks(looks))
    return value - ratio * (value - low), value + ratio * (high - value)


def together(comparisons: Sequence[Comparison]) -> Comparison | None:
    """The comparison to show beside the last round's own.

    The shortest stretch of rounds whose *decision* interval leaves out 0: with the plain one, choosing among several would be
    choosing by luck. Where there is none, the longest.

    Args:
        comparisons: rows of `comparisons` of one round and one metric, the nearest earlier round first.

    Returns:
        None when the round's own gain shows (real, worse or flat), or when there is nothing longer.
    """
    if len(comparisons) < 2 or comparisons[0]["verdict"] != "not shown":
        return None
    longer = comparisons[1:]
    for row in longer:
        if row["decision_low"] > 0 or row["decision_high"] < 0:
            return row
    return longer[-1]
