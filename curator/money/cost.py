"""What an answer costs: a price per label, or a rate per hour of measured time, of whoever gave it."""

from dataclasses import dataclass
from fractions import Fraction

from curator.config import CostSection, RateSection

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Worked:
    """One version of an answer, as far as it is paid for.

    Attributes:
        annotator: who gave it.
        skipped: the annotator passed on the item.
        seconds: as measured now, edits included; None when not measured.
        cap: most seconds that are paid; None = all.
        typical: seconds to impute where none were measured; None = nothing is known yet.
    """

    annotator: str
    skipped: bool
    seconds: float | None
    cap: float | None = None
    typical: float | None = None


@dataclass(frozen=True)
class Before:
    """What is on the bill of an answer for its earlier versions.

    Attributes:
        charged: micro-units.
        seconds: measured at the last of them; None when not measured.
    """

    charged: int
    seconds: float | None


@dataclass(frozen=True)
class Charge:
    """What one answer, or one edit of it, costs.

    Attributes:
        amount: micro-units.
        basis: per label | per hour
        source: measured | imputed
        capped_seconds: that are paid for all its versions; None where time is not paid.
    """

    amount: int
    basis: str
    source: str
    capped_seconds: float | None = None


def rate_of(cost: CostSection, annotator: str) -> RateSection:
    """The rates of one annotator: their own, or those of all."""
    return cost.annotators.get(annotator, cost)


def pays_time(cost: CostSection) -> bool:
    """Whether anybody is paid by the hour."""
    return any(rate.micro_per_hour is not None for rate in (cost, *cost.annotators.values()))


def charge_answer(cost: CostSection, worked: Worked, before: Before | None = None) -> Charge | None:
    """What a version of an answer adds to the bill.

    A price per label is owed once per answer, at its first version that is not a skip. Paid by the hour, a skip costs
    its time, and an edit what it added to all that was charged before (Label Studio's time is the sum over all edits),
    never less than nothing. Time above the cap is not paid; time that was not measured is imputed.

    Args:
        cost: the rate card.
        worked: the version.
        before: earlier versions; None at the first.

    Returns:
        The charge; None when an edit adds nothing to the bill.
    """
    rate = rate_of(cost, worked.annotator)
    charged = 0 if before is None else before.charged
    if rate.micro_per_label is not None:
        # Whatever was charged before paid for it: an edit is free, also where the price has risen since.
        owed = 0 if worked.skipped or charged else rate.micro_per_label
        charge = Charge(owed, "per label", "measured")
    else:
        charge = _by_time(rate.micro_per_hour or 0, cost.paid_to_active, worked, before)
    return charge if charge.amount or before is None else None


def _by_time(micro_per_hour: int, paid_to_active: float, worked: Worked, before: Before | None) -> Charge:
    # Through fractions: a float product could round a bill of many hours by a micro-unit.
    per_second = Fraction(micro_per_hour) * Fraction(str(paid_to_active)) / SECONDS_PER_HOUR
    if worked.seconds is None:
        guess = (worked.typical or 0.0) if before is None else 0.0
        charged = 0 if before is None else before.charged
        return Charge(max(0, round(Fraction(guess) * per_second) - charged), "per hour", "imputed", guess)
    paid = worked.seconds if worked.cap is None else min(worked.seconds, worked.cap)
    owed = round(Fraction(paid) * per_second)
    if before is None:
        return Charge(max(0, owed), "per hour", "measured", paid)
    added = owed - before.charged
    if before.seconds is not None:
        # The cap may have risen since: an edit costs no more than the time that it took itself.
        added = min(added, round(Fraction(worked.seconds - before.seconds) * per_second))
    return Charge(max(0, added), "per hour", "measured", paid)
