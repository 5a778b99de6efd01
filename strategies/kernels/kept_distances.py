"""Distances that are kept from one batch to the next: most of them stay what they were."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.types import IntArray


@dataclass(frozen=True, slots=True)
class KeptDistances:
    """What is known of the distances of candidates to a growing list of labeled rows.

    Attributes:
        squared: (n,) float32 squared Euclidean distance of each candidate to the nearest of the labeled rows it has met;
            infinity for one that has met none.
        met: (n,) int32: it has met at least the first so many labeled rows, and maybe some of the others.
    """

    squared: NDArray[np.float32]
    met: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.squared)

    def take(self, positions: IntArray) -> "KeptDistances":
        """The same for some of the candidates."""
        return KeptDistances(self.squared[positions], self.met[positions])


class DistanceMemory(Protocol):
    """Where a strategy leaves distances for the next batch. Labeled rows are only ever added, at the end."""

    def recall(self) -> KeptDistances | None:
        """Those of the batch before, for the candidates of this one; None: there are none that fit."""
        ...

    def keep(self, found: KeptDistances) -> None:
        """Those of this batch, for its candidates."""
        ...
