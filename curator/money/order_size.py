"""How many labels to order next: the order's price against the chance of missing the target.

Learn-Optimize-Collect (Mahmood et al., "Optimizing Data Collection for Machine Learning", NeurIPS 2022): with q0 labels now,
c the price of one and P the penalty of missing the target, order up to the q that minimises

    c (q - q0) + P (1 - F(q)),

F the distribution of the labels that the target takes, learn the curve again from what came, and decide anew.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Order:
    """Labels to order now.

    Attributes:
        labels: more labels; 0: no order is worth its price.
        chance: that the target is reached with them.
        cost: micro-units.
        penalty: micro-units of missing the target that it was weighed against.
    """

    labels: int
    chance: float
    cost: int
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
