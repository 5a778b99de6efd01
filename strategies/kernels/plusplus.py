"""k-means++ seeding without a pass over the pool for each centre: draws by rejection, from the same distribution.

A centre is drawn in proportion to the squared distance to the nearest centre before it. A new centre can only shorten
that distance, so an *old* distance is an upper bound: an item is drawn by its bound, measured, and kept with probability
distance / bound, which is a draw by the distance itself. Only the few items that are drawn are ever measured.

Source: Arthur & Vassilvitskii, "k-means++: The Advantages of Careful Seeding", SODA 2007; sampling it by rejection:
Cohen-Addad, Lattanzi, Norouzi-Fard, Sohler & Svensson, "Fast and Accurate k-means++ via Rejection Sampling", NeurIPS 2020.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.types import FloatArray, IntArray

_DRAWS = (8, 32, 128, 512)  # tries before all bounds are renewed: by then fewer than 1 in 100 was kept
_REFRESH_ROWS = 4_096


class Centres(Protocol):
    """The centres so far, in the space where distances are measured."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def add(self, position: int) -> None:
        """Make an item a centre."""
        ...

    def squared(self, positions: IntArray, first: int) -> NDArray[np.float64]:
        """(len(positions),) squared distance of items to the nearest of the centres from number `first` on."""
        ...


def draw_centres(
    centres: Centres,
    bound: FloatArray,
    k: int,
    *,
    weights: FloatArray | None,
    rng: np.random.Generator,
) -> list[int]:
    """Draw items one after the other, each in proportion to weight times squared distance to the nearest centre.

    Args:
        centres: at least one; grows by the items drawn.
        bound: (n,) no less than the squared distance of each item to the nearest centre. Items of bound 0 are never
            drawn: so are those that may not be drawn kept out.
        k: how many at most.
        weights: (n,) >= 0; None: all the same.
        rng: draws.

    Returns:
        Distinct positions in the order drawn; fewer than k when every other item coincides with a centre or has weight 0.
    """
    search = _Search(centres, bound, weights)
    picks: list[int] = []
    while len(picks) < k:
        pick = search.draw(rng)
        if pick is None:
            break
        picks.append(pick)
        search.take(pick)
    return picks


class _Search:
    def __init__(self, centres: Centres, bound: FloatArray, weights: FloatArray | None) -> None:
        self.centres = centres
        self.bound = bound.astype(np.float64)
        self.weights = weights
        self.seen = np.zeros(len(bound), dtype=np.int64)  # how many centres each bound has met
        self.mass = self.bound.copy() if weights is None else self.bound * weights

    def take(self, position: int) -> None:
        self.centres.add(position)
        self.bound[position] = self.mass[position] = 0.0

    def draw(self, rng: np.random.Generator) -> int | None:
        for size in _DRAWS:
            rows = self._by_bound(size, rng)
            if rows is None:
                return None
            old = self.mass[rows]
            self._measure(np.unique(rows))
            kept = rng.random(size) * old < self.mass[rows]
            if kept.any():
                return int(rows[kept.argmax()])
        alive = np.flatnonzero(self.mass > 0.0)
        for start in range(0, len(alive), _REFRESH_ROWS):
            self._measure(alive[start : start + _REFRESH_ROWS])
        rows = self._by_bound(1, rng)
        return None if rows is None else int(rows[0])

    def _by_bound(self, size: int, rng: np.random.Generator) -> IntArray | None:
        """(size,) independent draws in proportion to the bounds; None when all are 0."""
        steps = np.cumsum(self.mass)
        if steps[-1] <= 0.0:
            return None
        last = int(
            np.searchsorted(steps, steps[-1], side="left")
        )  # a draw rounded up to the sum belongs to the last
        found = np.searchsorted(steps, rng.random(size) * steps[-1], side="right")
        rows: IntArray = np.minimum(found, last).astype(np.int64)
        return rows

    def _measure(self, positions: IntArray) -> None:
        """Renew the bounds of items by the centres that they have not met."""
        seen = self.seen[positions]
        for first in np.unique(seen):
            rows = positions[seen == first]
            if first < len(self.centres):
                squared = self.centres.squared(rows, int(first))
                self.bound[rows] = np.minimum(self.bound[rows], squared)
        self.mass[positions] = self.bound[positions]
        if self.weights is not None:
            self.mass[positions] *= self.weights[positions]
        self.seen[positions] = len(self.centres)
