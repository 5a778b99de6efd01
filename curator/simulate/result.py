"""What a simulation found, as values: curves, targets, tests, and what to do."""

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any


@dataclass(frozen=True)
class Place:
    """A point of a mean curve.

    Attributes:
        x: labels, or micro-units.
        mean: of the metric over seeds, 0-1.
        low: tenth percentile over seeds.
        high: ninetieth.
    """

    x: float
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Target:
    """What a strategy needs to a value of the metric, by its mean curve.

    Attributes:
        value: of the metric, 0-1.
        share: of the money after which random labels reach it.
        labels: needed; None: not reached within this simulation.
        cost: micro-units needed; None: not reached.
    """

    value: float
    share: float
    labels: float | None
    cost: float | None


@dataclass(frozen=True)
class Against:
    """A strategy against random labels, seed by seed.

    Attributes:
        points: difference of the areas under the curves over money, in points (0-100); positive = better than random.
        low: of its 95% interval.
        high: of the same.
        p: of the paired t-test, corrected by Holm for how many strategies are compared.
        p_wilcoxon: of the signed-rank test, corrected in the same way.
        level: the metric that both reach, 0-1.
        saved: micro-units that random labels cost more to that level; negative = the strategy costs more.
        saved_low: of its 95% interval, by a bootstrap over seeds.
        saved_high: of the same.
        saved_share: of what random labels cost.
        saved_share_low: of its 95% interval.
        saved_share_high: of the same.
    """

    points: float
    low: float
    high: float
    p: float
    p_wilcoxon: float
    level: float
    saved: float
    saved_low: float
    saved_high: float
    saved_share: float
    saved_share_low: float
    saved_share_high: float


@dataclass(frozen=True)
class Standing:
    """One strategy.

    Attributes:
        name: of the strategy.
        area: under the curve over money, normalised: the mean of the metric while money is spent, 0-1.
        final: the metric at the end, mean over seeds.
        over_money: the curve; x in micro-units.
        over_labels: the curve; x in labels.
        targets: what it needs to each.
        against_random: None for random labels themselves.
    """

    name: str
    area: float
    final: float
    over_money: tuple[Place, ...]
    over_labels: tuple[Place, ...]
    targets: tuple[Target, ...]
    against_random: Against | None


@dataclass(frozen=True)
class Simulation:
    """All of it.

    Attributes:
        data: its name.
        metric: name of the one that campaigns are compared by.
        seeds: campaigns of each strategy.
        items: labeled items there are.
        pool: items that each campaign could ask about, mean over seeds.
        holdout: items that measured.
        classes: how many.
        budget: micro-units up to which curves are compared.
        currency: of all money.
        standings: the strategies, the largest area first.
        recommendation: in sentences.
        warnings: what a reader has to know before trusting it.
        settings: how campaigns were played.
    """

    data: str
    metric: str
    seeds: int
    items: int
    pool: int
    holdout: int
    classes: int
    budget: int
    currency: str
    standings: tuple[Standing, ...]
    recommendation: str
    warnings: tuple[str, ...]
    settings: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """For `--json` and for the file; what has no end, as the interval of a single seed, is null."""
        found: dict[str, Any] = _finite(asdict(self))
        return found


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _finite(one) for key, one in value.items()}
        case list() | tuple():
            return [_finite(one) for one in value]
        case float() if not isfinite(value):
            return None
        case _:
            return value
