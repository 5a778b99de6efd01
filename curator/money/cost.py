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
    seconds_before: float | None,
    known_seconds: Sequence[float],
) -> Charge | None:
    """What an answer adds to the bill.

    A price per label is owed once per answer and never for a skip. Paid by the hour, a skip costs its time,
    and an edit what it added (Label Studio's time is the sum over all edits). Time that was not measured is
    imputed as the median of the answers so far.

    Args:
        cost: the rate card.
        first: False for an edit of an answer that was charged before.
        skipped: the annotator passed on the item.
        seconds: time as measured now, edits included; None when not measured.
        seconds_before: the same at the version before.
        known_seconds: measured times of the campaign so far, to impute from.

    Returns:
        The charge in micro-units; None when nothing was added to the bill (an edit that took no time).
    """
    if cost.micro_per_label is not None:
        return Charge(0 if skipped else cost.micro_per_label, "per label", "measured") if first else None
    rate = cost.micro_per_hour or 0
    source = "measured"
    if seconds is None:
        if not first:
            return None
        seconds, source = (statistics.median(known_seconds) if known_seconds else 0.0), "imputed"
    added = max(0.0, seconds - (seconds_before or 0.0))
    if added == 0 and not first:
        return None
    # Through a fraction: a float product could round a bill of many hours by a micro-unit.
    return Charge(round(Fraction(added) * rate / SECONDS_PER_HOUR), "per hour", source)
