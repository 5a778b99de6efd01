"""What answers cost: a price per label, or a rate per hour of measured time."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from curator.config import CostSection

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Charge:
    """What one answer, or one edit of it, costs."""

    amount: int  # micro-units
    basis: str  # per label | per hour
    source: str  # measured | imputed


def charge_answer(
    cost: CostSection,
    *,
    first: bool,
    skipped: bool,
    seconds: float | None,
    charged: int,
    known_seconds: Sequence[float],
) -> Charge | None:
    """What a version of an answer adds to the bill.

    A price per label is owed once per answer, at its first version that is not a skip. Paid by the hour, a skip costs
    its time, and an edit what it added to all that was charged before (Label Studio's time is the sum over all edits).
    Time that was not measured is imputed as the median of the answers so far; measured later, it is made up to that.

    Args:
        cost: the rate card.
        first: False for an edit of an answer that is known.
        skipped: the annotator passed on the item.
        seconds: time as measured now, edits included; None when not measured.
        charged: micro-units charged for earlier versions of this answer.
        known_seconds: measured times of the campaign so far, to impute from.

    Returns:
        The charge in micro-units; None when an edit adds nothing to the bill.
    """
    if cost.micro_per_label is not None:
        owed, basis, source = (0 if skipped else cost.micro_per_label), "per label", "measured"
    elif seconds is not None:
        # Through a fraction: a float product could round a bill of many hours by a micro-unit.
        owed = round(Fraction(seconds) * (cost.micro_per_hour or 0) / SECONDS_PER_HOUR)
        basis, source = "per hour", "measured"
    else:
        guess = statistics.median(known_seconds) if first and known_seconds else 0.0
        owed = round(Fraction(guess) * (cost.micro_per_hour or 0) / SECONDS_PER_HOUR)
        basis, source = "per hour", "imputed"
    added = max(0, owed - charged)
    return Charge(added, basis, source) if added or first else None
