"""The learning curve: the metric over what was spent, or over the labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from curator.amounts import MICRO
from curator.ledger.store import Row
from curator.money import measured_on
from curator.views.report import words
from curator.views.report.figures import ACCENT, Figure, axis, band, bars, layout, line, money_ticks
from curator.views.report.outlook import Ahead
from curator.views.report.section import Campaign, Head, Section


@dataclass(frozen=True)
class LearningCurve(Section):
    """Drawn from the measured rounds and the forecast, which the head has.

    Attributes:
        chance: what a model without a look at the items would measure; None: the hold-out's predictions are not there.
    """

    chance: float | None

    @classmethod
    def gather(cls, campaign: Campaign) -> Self:
        """How frequent what is, in the hold-out."""
        holdout = campaign.holdout
        metric = campaign.head.project["metric"]
        return cls(None if holdout is None else campaign.task.chance(metric, holdout.y))

    def paid(self, head: Head) -> bool:
        """Whether the rounds cost anything, as far as known: a curve over money that nobody spent is a vertical line."""
        return any(row["cost"] for row in head.rounds) and all(
            row["total_cost"] is not None for row in head.rounds
        )

    def item_counts(self, head: Head) -> str:
        """On how many hold-out items the points are, where that differs."""
        return measured_on.item_counts(head.rounds)

    def figures(self, head: Head) -> dict[str, Figure]:
        """Over money, where it is known, and over labels."""
        if not head.rounds:
            return {}
        ahead = head.forecast["ahead"] if head.forecast else []
        over = {"curve-labels": "labels"}
        if all(row["total_cost"] is not None for row in head.rounds):
            over = {"curve-dollars": "total_cost"} | over
        return {
            name: curve(head.rounds, ahead, column, head.metric, head.currency)
            for name, column in over.items()
        }


def curve(rounds: Sequence[Row], ahead: Sequence[Ahead], over: str, metric: str, currency: str) -> Figure:
    """The metric on the hold-out over what was spent, or over the labels; a bar is a 95% interval.

    Args:
        rounds: measured rounds.
        ahead: the forecast, if any: median and 80% interval at places from now on.
        over: "total_cost" or "labels".
        metric: its name for people.
        currency: of the costs.
    """
    in_money = over == "total_cost"
    places = [row[over] / MICRO if in_money else row[over] for row in rounds]
    texts = [
        f"round {row['round']}: {words.share(row['value'])} ({words.share(row['value_low'])} to "
        f"{words.share(row['value_high'])})<br>{row['labels']:,} labels, {words.amount(row['total_cost'], currency)}"
        for row in rounds
    ]
    drawn = line(places, [row["value"] for row in rounds], texts, metric, color=ACCENT) | {
        "error_y": bars(rounds, "value", "value_low", "value_high")
    }
    title = f"spent so far, {currency}" if in_money else "training labels"
    x = axis(title) | (money_ticks(currency) if in_money else {"tickformat": ",d", "rangemode": "tozero"})
    further = [one for one in ahead if not in_money or one["total_cost"] is not None]
    traces = [*_ahead(further, in_money=in_money, currency=currency), drawn] if len(further) > 1 else [drawn]
    return {"data": traces, "layout": layout(x, axis(metric) | {"tickformat": ".0%"})}


def _ahead(ahead: Sequence[Ahead], *, in_money: bool, currency: str) -> list[Figure]:
    places = [(one["total_cost"] or 0) / MICRO if in_money else one["labels"] for one in ahead]
    texts = [
        f"forecast: {words.share(one['median'])} (80%: {words.share(one['low'])} to {words.share(one['high'])})"
        f"<br>{one['labels']:,} labels"
        + ("" if one["total_cost"] is None else f", {words.amount(one['total_cost'], currency)}")
        for one in ahead
    ]
    drawn = line(places, [one["median"] for one in ahead], texts, "forecast", color=ACCENT)
    drawn["line"] |= {"dash": "dot"}
    shade = band(places, [one["low"] for one in ahead], [one["high"] for one in ahead])
    return [shade, drawn | {"mode": "lines"}]
