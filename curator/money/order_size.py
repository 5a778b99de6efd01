"""How many labels to order next: the order's price against the chance of missing the target.

Learn-Optimize-Collect (Mahmood et al., "Optimizing Data Collection for Machine Learning", NeurIPS 2022): with q0 labels now,
c the price of one and P the penalty of missing the target, order up to the q that minimises

    c (q - q0) + P (1 - F(q)),

F the distribution of the labels that the target takes, learn the curve again from what came, and decide anew.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curator.amounts import parse_amount
from curator.config import StopSection
from curator.evidence.forecast.core import Forecast
from curator.evidence.forecast.seen import FURTHEST
from curator.money.marginal_price import MarginalPrice
from curator.money.supply import Supply

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Order:
    """Labels to order now.

    Attributes:
        labels: more labels; 0: no order is worth its price.
        chance: that the target is reached with them.
        cost: micro-units; None: not known.
        penalty: micro-units of missing the target that it was weighed against.
    """

    labels: int
    chance: float
    cost: int | None
    penalty: int


def order_size(needed: FloatArray, now: int, most: int, price: int, penalty: int) -> Order:
    """The best order.

    Args:
        needed: (n,) draws of the labels in all that the target takes; infinite: not within sight.
        now: labels there are.
        most: labels in all that may be ordered up to: the budget's, or as far as a forecast reaches.
        price: of a label, micro-units.
        penalty: of missing the target, micro-units.

    Returns:
        The order; the smallest of equally good ones.
    """
    within = needed[np.isfinite(needed) & (needed <= most)]
    candidates = np.unique(np.concatenate(([now], np.ceil(np.maximum(within, now)))))
    chances = np.searchsorted(np.sort(needed), candidates, side="right") / len(needed)
    totals = price * (candidates - now) + penalty * (1.0 - chances)
    best = int(np.argmin(totals))
    more = int(candidates[best]) - now
    return Order(more, float(chances[best]), more * price, penalty)


@dataclass(frozen=True)
class Purse:
    """What labels cost from here on, and how many there can be.

    Attributes:
        now: labels that the last model has learned from.
        supply: labels beyond these.
        price: of one; None: not known.
        budget: micro-units that may still be spent; None: no limit.
    """

    now: int
    supply: Supply
    price: MarginalPrice | None
    budget: int | None

    @property
    def paid(self) -> int:
        """Labels in all that are paid for, those of the open round included."""
        return self.now + self.supply.answered

    @property
    def most(self) -> int:
        """Labels in all that a forecast may speak of: four times those seen, and no more than the pool has."""
        return max(min(int(FURTHEST * self.now), self.now + self.supply.total), self.now)

    @property
    def affordable(self) -> int | None:
        """Labels in all that the budget buys; None: no limit."""
        if self.budget is None or self.price is None or self.price.micro == 0:
            return None
        return self.paid + self.budget // self.price.micro

    @property
    def reach(self) -> int:
        """Labels in all that an order may go up to."""
        return self.most if self.affordable is None else min(self.affordable, self.most)

    def cost(self, labels: float) -> int | None:
        """Micro-units from now on for so many labels in all."""
        return None if self.price is None else max(round(labels) - self.paid, 0) * self.price.micro


def order_for(forecast: Forecast, target: float, purse: Purse, stop: StopSection) -> Order:
    """The order that a target is worth, with what the purse allows."""
    micro = 1 if purse.price is None else purse.price.micro  # without a price an order is weighed in labels
    lost = penalty(stop, target, forecast.present(), int(FURTHEST * purse.now) - purse.now, micro)
    needed = forecast.labels_to(target).draws
    return order_size(needed, purse.paid, max(purse.reach, purse.paid), micro, lost)


def is_unreachable(forecast: Forecast, target: float, shown: float) -> bool:
    """Whether the curve all but certainly levels off below a target.

    Args:
        forecast: of the curve.
        target: of the metric.
        shown: what the hold-out may have shown already is not called out of reach.
    """
    return forecast.labels_to(target).unreachable and target > shown


def penalty(stop: StopSection, target: float, present: FloatArray, most: int, price: int) -> int:
    """Micro-units that missing the target costs: the errors that remain, where [stop] says what one is worth.

    Without that it is the price of all the labels that a forecast reaches to: missing the target is taken to be as bad as
    having bought four times the labels. Free labels are worth any chance.
    """
    if stop.value_per_error is not None and stop.predictions is not None:
        missing = max(target - float(np.median(present)), 0.0)
        return round(parse_amount(stop.value_per_error) * stop.predictions * missing)
    return most * max(price, 1)
