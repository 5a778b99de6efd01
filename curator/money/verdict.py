"""The verdict on a gain in words, with all that it rests on.

real       the interval lies above 0
worse      it lies below 0
flat       it holds 0, and even its upper end is below the gain worth paying for
not shown  it holds 0 otherwise: the hold-out is too small for what there was to see
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

from curator.amounts import MICRO, format_amount, parse_amount, readable_amount
from curator.config import StopSection
from curator.evidence.gain import Gain
from curator.evidence.holdout_size import smallest_shown
from curator.evidence.metrics import Metric
from curator.ledger.store import Row

Word = Literal["real", "worse", "flat", "not shown"]
_POWER = 0.8


@dataclass(frozen=True)
class Worth:
    """The gain that its price is worth.

    Attributes:
        gain: in units of the metric.
        why: the inputs it was computed from, for people.
    """

    gain: float
    why: str


def judge(low: float, high: float, worth: float | None) -> Word:
    """The word for a gain.

    Args:
        low: lower end of its interval.
        high: upper end.
        worth: the gain worth paying for; None: nobody said what a better model is worth, so nothing is flat.
    """
    if low > 0:
        return "real"
    if high < 0:
        return "worse"
    return "flat" if worth is not None and high < worth else "not shown"


def gain_word(row: Row) -> str | None:
    """The word beside the gain of a round; one measured before there were verdicts gets what its interval says.

    Args:
        row: of `queries.measures.gain_table`.

    Returns:
        None for the first round, which has nothing to be compared with.
    """
    if row["gain"] is None:
        return None
    return str(row.get("verdict") or judge(row["gain_low"], row["gain_high"], None))


def gain_worth_paying_for(
    stop: StopSection, metric: Metric[Any], headline: str, cost: int, currency: str
) -> Worth | None:
    """The gain at which a round earns what it cost.

    With a value per error and a number of predictions, a gain g of a metric that counts mistakes avoids g * predictions errors:
    of accuracy, and of the cost-weighted error as many errors of cost 1. With a floor it is so many points of the project's own
    metric per 100 units of currency.

    Args:
        stop: `[stop]` of curator.toml.
        metric: whose gain.
        headline: name of the project's metric.
        cost: of the labels that brought the gain, in micro-units.
        currency: of the cost.

    Returns:
        None where nothing says it, or nothing was paid.
    """
    if cost <= 0:
        return None
    price = readable_amount(cost, currency)
    value = 0 if stop.value_per_error is None else parse_amount(stop.value_per_error)
    if value and stop.predictions and metric.counts_mistakes:
        return Worth(
            cost / (value * stop.predictions),
            f"{price} against {format_amount(value, currency)} per error on {stop.predictions:,} predictions",
        )
    if stop.floor is not None and metric.name == headline:
        return Worth(
            stop.floor / 100 * cost / (100 * MICRO),
            f"{price} at {stop.floor:g} points per 100 {currency}",
        )
    return None


def detectable_gain(gain: Gain, metric: Metric[Any]) -> float | None:
    """The smallest gain that this hold-out would have shown with a power of 80%, as the models differed.

    Where an item is right or wrong, as with accuracy, by Connor's formula at the observed share of discordant items (plus one
    pseudo-item, for none may have been seen), for the other metrics from the standard error; luck of the training seeds comes on top.

    Returns:
        In units of the metric; None when the hold-out is too small for any gain.
    """
    normal = NormalDist()
    reach = normal.inv_cdf((1.0 + gain.level) / 2.0) + normal.inv_cdf(_POWER)
    if metric.paired != "mcnemar":
        return reach * gain.standard_error
    psi = (gain.mcnemar_b + gain.mcnemar_c + 1.0) / (gain.items + 2.0)
    found = smallest_shown(gain.items, psi, alpha=1.0 - gain.level, power=_POWER)
    return None if found is None else math.hypot(found, reach * gain.seed_error)


def explained(word: Word, *, detectable: float | None, worth: float | None, unit: str) -> str:
    """A verdict with the reason, in a few words.

    Args:
        word: of `judge`.
        detectable: smallest gain that would have shown, in `unit`.
        worth: the gain worth paying for, in `unit`.
        unit: of both.
    """
    if word in ("real", "worse"):
        return word
    if word == "flat":
        return f"flat: below the {worth:.2g} {unit} that would pay for it"
    if detectable is None:
        return "not shown: the hold-out is too small to show any gain"
    return f"not shown: this hold-out shows gains of about {detectable:.1f} {unit} or more"
