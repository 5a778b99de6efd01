"""The gain per unit of the currency: of each round, and smoothed over all of them; and the table of rounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypedDict

from curator.amounts import MICRO, unit_name
from curator.ledger import queries
from curator.ledger.store import Ledger, Row
from curator.money import measured_on
from curator.money.bill import sum_known
from curator.views.report import words
from curator.views.report.figures import (
    ACCENT,
    MUTED,
    Figure,
    axis,
    band,
    bars,
    layout,
    line,
    money_ticks,
    unit_for,
)
from curator.views.report.section import Campaign, Head, Section
from curator.views.report.slope import Step, smoothed


class SlopePoint(TypedDict):
    """The smoothed gain per unit of currency after a round, with its 95% band."""

    round: int
    labels: int
    total_cost: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class GainPerDollar(Section):
    """Its own is the smoothed slope; None: too few gains, or a cost that is not known."""

    slope: list[SlopePoint] | None

    @classmethod
    def gather(cls, campaign: Campaign) -> Self:
        """Smooth the gains."""
        seed = campaign.project.config.project.seed
        return cls(smoothed_slope(campaign.ledger, campaign.head.rounds, seed))

    def restated(self, head: Head) -> list[str]:
        """What to know of gains whose model before has another value now."""
        return measured_on.restated(head.rounds)

    def figures(self, head: Head) -> dict[str, Figure]:
        """Once a gain has a price."""
        priced = [
            row for row in head.rounds if row["gain_per_dollar"] is not None and row["total_cost"] is not None
        ]
        if not priced:
            return {}
        return {"per-dollar": per_dollar(priced, self.slope, head.currency, unit_for(head.rounds))}


def per_dollar(known: Sequence[Row], slope: Sequence[SlopePoint] | None, currency: str, unit: int) -> Figure:
    """The gain of each round per `unit` of the currency: dots with 95% bars, and the smoothed slope with its band.

    The axis shows all dots and the slope; a bar that reaches far beyond is cut off by the edge of the plot.
    """
    scale = 100.0 * unit
    texts = [
        f"round {row['round']}: {words.points(row['gain'])} points for {words.amount(row['cost'], currency)}<br>"
        f"{row['gain_per_dollar'] * scale:+.2f} ({row['per_dollar_low'] * scale:+.2f} to "
        f"{row['per_dollar_high'] * scale:+.2f}) per {unit_name(currency, unit)}"
        for row in known
    ]
    values = [row["gain_per_dollar"] * scale for row in known]
    dots = line([row["total_cost"] / MICRO for row in known], values, texts, "each round", color=MUTED) | {
        "mode": "markers",
        "error_y": bars(known, "gain_per_dollar", "per_dollar_low", "per_dollar_high", scale),
    }
    traces = [*_slope(slope, scale, currency, unit), dots] if slope else [dots]
    y = axis(f"points per {unit_name(currency, unit)}") | {"zeroline": True}
    y["range"] = _window(values, known, slope or [], scale)
    x = axis(f"spent so far, {currency}") | money_ticks(currency)
    return {"data": traces, "layout": layout(x, y, legend=bool(slope))}


def _slope(slope: Sequence[SlopePoint], scale: float, currency: str, unit: int) -> list[Figure]:
    places = [one["total_cost"] / MICRO for one in slope]
    texts = [
        f"smoothed after round {one['round']}: {one['value'] * scale:+.2f} ({one['low'] * scale:+.2f} to "
        f"{one['high'] * scale:+.2f}) per {unit_name(currency, unit)}"
        for one in slope
    ]
    shade = band(places, [one["low"] * scale for one in slope], [one["high"] * scale for one in slope])
    drawn = line(places, [one["value"] * scale for one in slope], texts, "smoothed", color=ACCENT)
    return [shade, drawn | {"mode": "lines"}]


def _window(
    values: list[float], known: Sequence[Row], slope: Sequence[SlopePoint], scale: float
) -> list[float]:
    """The range of the axis: all dots, the slope, and as much of the bars as leaves those readable."""
    centre = [*values, *(one["value"] * scale for one in slope), 0.0]
    low, high = min(centre), max(centre)
    reach = max(high - low, 1e-9)
    low = max(min(row["per_dollar_low"] * scale for row in known), low - reach / 2)
    high = min(max(row["per_dollar_high"] * scale for row in known), high + reach / 2)
    low, high = min(low, *centre), max(high, *centre)
    margin = 0.06 * max(high - low, 1e-9)
    return [low - margin, high + margin]


def smoothed_slope(ledger: Ledger, measured: list[Row], seed: int) -> list[SlopePoint] | None:
    """The smoothed gain per unit of currency at each measured round; None with too few gains to smooth, or where costs are not known.

    `total_cost` is the place on the axis of the other plots; the fit is on what the rounds cost without the hold-out.
    """
    spent = _spent(ledger, measured)
    if spent is None:
        return None
    known = [
        row
        for row in measured
        if row["gain"] is not None and spent[row["round"]] > spent[row["previous"]] > 0
    ]
    steps = [
        Step(
            before=spent[row["previous"]],
            after=spent[row["round"]],
            gain=row["gain"],
            low=row["gain_low"],
            high=row["gain_high"],
            least_error=1 / row["holdout_items"],
        )
        for row in known
    ]
    found = smoothed(steps, [step.after for step in steps], seed)
    if found is None:
        return None
    return [
        {
            "round": row["round"],
            "labels": row["labels"],
            "total_cost": row["total_cost"],
            "value": at.value,
            "low": at.low,
            "high": at.high,
        }
        for row, at in zip(known, found, strict=True)
    ]


def _spent(ledger: Ledger, measured: list[Row]) -> dict[int, float] | None:
    """Units of currency that all rounds until each of these cost, without the hold-out and what is paid once; None: not known."""
    paid = queries.costs.paid_by_round(ledger)
    spent: dict[int, float] = {}
    for row in measured:
        amount = sum_known(paid[number] for number in paid if number <= row["round"])
        if amount is None:
            return None
        spent[row["round"]] = amount / MICRO
    return spent
