"""The nearest neighbours of each item: what densities, sparse kernels and label spreading are made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.types import IntArray


@dataclass(frozen=True, slots=True)
class Neighbours:
    """A neighbour list.

    Attributes:
        rows: (n, k) int32 positions of the neighbours, the nearest first, the item itself left out; -1 fills up rows
            that have fewer.
        cosines: (n, k) float32 their cosines; 0 where `rows` is -1.
    """

    rows: NDArray[np.int32]
    cosines: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, positions: IntArray) -> "Neighbours":
        """The neighbours of some items among those items: whoever is not among them is left out.

        Args:
            positions: (m,) distinct, ascending.
        """
        new = np.full(len(self.rows) + 1, -1, dtype=np.int32)  # the last entry stands for -1
        new[positions] = np.arange(len(positions), dtype=np.int32)
        rows = new[self.rows[positions]]
        there = rows >= 0
        # the neighbours that are left move to the front, in their order
        order = np.argsort(~there, axis=1, kind="stable")
        cosines = np.where(there, self.cosines[positions], np.float32(0.0))
        return Neighbours(np.take_along_axis(rows, order, axis=1), np.take_along_axis(cosines, order, axis=1))
