"""What an answer costs: a price per label, or a rate per hour of measured time, of whoever gave it."""

from dataclasses import dataclass
from fractions import Fraction

from curator.config import CostSection, RateSection

SECONDS_PER_HOUR = 3600
NOT_KNOWN = "not known"


@dataclass(frozen=True)
class Worked:
    """An answer as it stands now, as far as it is paid for.

    Attributes:
        annotator: who gave it.
        skipped: the annotator passed on the item.
        seconds: as measured now, edits included; None when not measured.
        cap: most seconds that are paid.
        typical: seconds to impute where none were measured; None: nobody's time is known.
    """

    annotator: str
    skipped: bool
    seconds: float | None
    cap: float
    typical: float | None = None


@dataclass(frozen=True)
class Charge:
    """What one answer costs in all.

    Attributes:
        amount: micro-units; 0 where it is not known.
        basis: per label | per hour
        source: measured | imputed | not known (time is paid, and nobody's time is known)
        capped_seconds: that are paid; None where time is not paid, or not known.
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


def charge_answer(cost: CostSection, worked: Worked) -> Charge:
    """What an answer costs, all its edits included.

    A price per label is owed once, for an answer that is no skip. Paid by the hour, a skip costs its time too; time above
    the cap is not paid, and time that was not measured is imputed.

    Args:
        cost: the rate card that its question was asked under.
        worked: the answer as it stands now.
    """
    rate = rate_of(cost, worked.annotator)
    if rate.micro_per_label is not None:
        return Charge(0 if worked.skipped else rate.micro_per_label, "per label", "measured")
    seconds = worked.typical if worked.seconds is None else min(worked.seconds, worked.cap)
    source = "measured" if worked.seconds is not None else "imputed"
    if seconds is None:
        # An hour that costs nothing costs nothing, however long it is.
        return Charge(0, "per hour", NOT_KNOWN if rate.micro_per_hour else source)
    # Through fractions: a float product could round a bill of many hours by a micro-unit.
    per_second = Fraction(rate.micro_per_hour or 0) * Fraction(str(cost.paid_to_active)) / SECONDS_PER_HOUR
    return Charge(max(0, round(Fraction(seconds) * per_second)), "per hour", source, seconds)
