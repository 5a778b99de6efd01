"""What a hold-out of some size costs, and what it can show; and whether the next dollars do more in it than in training.

Both rest on Connor's formula (`holdout_size`): what counts is psi, the share of items on which two models differ in being right.
Successive rounds differ on 20% early in a campaign, on 5% late.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from curator.amounts import readable_amount
from curator.evidence.holdout_size import smallest_shown

PSIS = (0.05, 0.10, 0.20)
_FACTORS = (0.5, 1, 2, 4)
_LEVEL = 0.95
_ROUND_TO = 10


@dataclass(frozen=True)
class HoldoutRow:
    """A hold-out of one size.

    Attributes:
        size: items.
        price: of its labels in micro-units; None where it is not known yet.
        reach: half the 95% interval of one score, in points 0-1.
        shows: for each psi of `PSIS` the smallest gain that shows with 80% power, in points 0-1; None: no gain does.
    """

    size: int
    price: int | None
    reach: float
    shows: tuple[float | None, ...]


def holdout_rows(
    size: int, price: float | None, *, most: int | None = None, accuracy: float = 0.9
) -> list[HoldoutRow]:
    """The chosen size, half of it, twice and four times as much.

    Args:
        size: chosen, at least 1.
        price: micro-units per labeled hold-out item; None: not known yet.
        most: items there are; larger sizes are left out.
        accuracy: about where the score lies, 0-1: sets the interval of one score.

    Returns:
        Ascending by size.
    """
    sizes = {_near(size * factor) if factor != 1 else size for factor in _FACTORS}
    z = NormalDist().inv_cdf((1.0 + _LEVEL) / 2.0)
    return [
        HoldoutRow(
            size=n,
            price=None if price is None else round(price * n),
            reach=z * math.sqrt(accuracy * (1.0 - accuracy) / n),
            shows=tuple(smallest_shown(n, psi) for psi in PSIS),
        )
        for n in sorted(sizes)
        if n == size or most is None or n < most
    ]


def holdout_text(rows: Sequence[HoldoutRow], chosen: int, currency: str) -> str:
    """The rows as a table for people, the chosen size marked.

    Args:
        rows: of `holdout_rows`.
        chosen: size to mark.
        currency: of the prices.
    """
    head = ["hold-out", "price", "one score", *(f"{100 * psi:.0f}% differ" for psi in PSIS)]
    cells = [
        [
            f"{row.size:,}{' *' if row.size == chosen else '  '}",
            "?" if row.price is None else readable_amount(row.price, currency),
            f"+/- {100 * row.reach:.1f}",
            *("none" if gain is None else f"{100 * gain:.1f}" for gain in row.shows),
        ]
        for row in rows
    ]
    widths = [max(len(line[i]) for line in [head, *cells]) for i in range(len(head))]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [head, *cells]
    ]
    return "\n".join(
        [
            "Smallest gain in points that shows (80% power) if two models differ on 5%, 10% or 20% of the items; * = your size:",
            *lines,
        ]
    )


@dataclass(frozen=True)
class NextDollars:
    """Where the same money does more.

    Attributes:
        money: micro-units that would double the hold-out.
        items: of the hold-out now.
        shows: smallest gain it shows now, 0-1.
        would_show: smallest gain that twice the items would show.
        gain: what a round like the last ones is expected to gain, 0-1.
        cost: of such a round, micro-units.
        rounds: that `gain` and `cost` were averaged over.
        shown: the gain of the newest round is told from none.
    """

    money: int
    items: int
    shows: float
    would_show: float
    gain: float
    cost: int
    rounds: int
    shown: bool = False

    @property
    def better(self) -> str:
        """Where to put it: "hold-out" or "training"."""
        return "hold-out" if not self.shown and self.would_show <= self.gain < self.shows else "training"

    def facts(self, currency: str) -> str:
        """What a larger hold-out would show, and what training labels gained; which is better is left to the reader."""
        money, cost = readable_amount(self.money, currency), readable_amount(self.cost, currency)
        last = "the last round" if self.rounds == 1 else f"the last {self.rounds} rounds"
        return (
            f"{money} more in the hold-out ({2 * self.items:,} items) would lower the smallest accuracy gain that shows from {100 * self.shows:.1f} "
            f"to {100 * self.would_show:.1f} points; {last} gained {100 * self.gain:+z.1f} for {cost}"
            f"{' each' if self.rounds > 1 else ''}."
        )

    def sentence(self, currency: str) -> str:
        """The facts, and where the money does more, for people."""
        facts = self.facts(currency)
        if self.shown or self.gain >= self.shows:
            return f"{facts} The hold-out can show gains of that size, so the money does more in training labels."
        if self.better == "hold-out":
            return (
                f"{facts} A hold-out of twice the size would show such a gain and this one does not, so the money does more "
                "there. This campaign's hold-out stays as it was drawn: give the next campaign a larger one, and judge several rounds together until then."
            )
        return f"{facts} Even a hold-out of twice the size would not show such a gain, so the money does more in training labels; judge several rounds together."


def next_dollars(
    *, items: int, price: float, psi: float, gains: Sequence[float], costs: Sequence[int], shown: bool = False
) -> NextDollars | None:
    """Whether money does more in the hold-out than in training labels.

    Args:
        items: labeled in the hold-out.
        price: micro-units per labeled hold-out item.
        psi: share of items on which the last two models differ in being right, above 0.
        gains: of the last rounds, in points 0-1.
        costs: of their labels, micro-units.
        shown: the gain of the newest is told from none.

    Returns:
        None where the hold-out costs nothing, or shows no gain at any price.
    """
    shows, would_show = smallest_shown(items, psi), smallest_shown(2 * items, psi)
    if price <= 0 or not gains or shows is None or would_show is None:
        return None
    return NextDollars(
        money=round(price * items),
        items=items,
        shows=shows,
        would_show=would_show,
        gain=sum(gains) / len(gains),
        cost=round(sum(costs) / len(costs)),
        rounds=len(gains),
        shown=shown,
    )


def _near(size: float) -> int:
    """A round number near it."""
    return max(_ROUND_TO, round(size / _ROUND_TO) * _ROUND_TO)
