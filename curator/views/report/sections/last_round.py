"""What the last round bought: the first thing on the page."""

from dataclasses import dataclass
from typing import Self

from curator.ledger.store import Row
from curator.views.report import words
from curator.views.report.section import Campaign, Section


@dataclass(frozen=True)
class LastRound(Section):
    """The last measured round, None before there is one; and it against earlier ones, the nearest first."""

    last: Row | None
    against: list[Row]
    needs_rounds = False

    @classmethod
    def gather(cls, campaign: Campaign) -> Self:
        """Of the measured rounds."""
        rounds = campaign.head.rounds
        against = [row for row in campaign.comparisons if row["round"] == campaign.last_round]
        return cls(rounds[-1] if rounds else None, against)

    def sentence(self) -> str:
        """What the interval of the last gain allows to say."""
        last = self.last
        if last is None or last["gain"] is None:
            return ""
        low, high = words.points(last["gain_low"]), words.points(last["gain_high"])
        if last["verdict"] == "real":
            return f"Real: the whole 95% interval, {low} to {high} points, lies above zero."
        if last["verdict"] == "worse":
            return f"Worse: the whole 95% interval, {low} to {high} points, lies below zero."
        if last["verdict"] == "flat":
            return f"Flat: even the upper end of the 95% interval, {low} to {high} points, is worth less than the round cost."
        shows = self.against[0]["detectable"] if self.against else None
        if shows is not None:
            return (
                f"Not shown: the 95% interval, {low} to {high} points, includes zero. This hold-out shows gains of "
                f"about {100 * shows:.1f} points or more; look at several rounds together."
            )
        return (
            f"Not shown: the 95% interval, {low} to {high} points, includes zero. Single late rounds are often too small to see "
            "on a hold-out of this size; look at several together."
        )
