"""The ends of a campaign that nobody has to weigh: the deadline is over, or the target is reached for certain."""

from dataclasses import dataclass
from datetime import date

from curator.config import StopSection
from curator.evidence.looks import widening
from curator.ledger.store import Row

LOOKS = 20  # that a target's interval allows for; more looks widen it further
_LEVEL = 0.95


@dataclass(frozen=True)
class TargetCheck:
    """Whether the target is reached. Values are metric points, 0 to 1.

    Attributes:
        target: as in curator.toml.
        value: of the metric now.
        low: lower end of its interval, wide enough for having looked every round.
    """

    target: float
    value: float
    low: float

    @property
    def reached(self) -> bool:
        """With the lower end: a lucky round must not end a campaign."""
        return self.low >= self.target


def check_target(stop: StopSection, measured: list[Row]) -> TargetCheck | None:
    """The target against the newest measured round; None: there is no target, or no round.

    Whoever looks every round and stops at the first good one is fooled more often than once in twenty. The interval is
    widened to Bonferroni's for 20 looks, or as many as there were: its half-width grows with the normal quantile.

    Args:
        stop: of curator.toml.
        measured: rows of the `gain` view with `value`, `value_low`; the newest last.
    """
    if stop.target is None or not measured:
        return None
    row = measured[-1]
    low = row["value"] - (row["value"] - row["value_low"]) * widening(_LEVEL, max(LOOKS, len(measured)))
    return TargetCheck(stop.target, float(row["value"]), float(low))


def is_over(stop: StopSection, today: date) -> bool:
    """Whether the deadline has passed; on the day itself batches are still sent."""
    return stop.deadline is not None and today > stop.deadline
