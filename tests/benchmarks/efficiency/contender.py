"""What takes part: a strategy of some library, and the moment in which it chooses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np
from benchmarks.efficiency.data import FloatArray, IntArray

from curator.learner.model import Model


@dataclass(frozen=True)
class Moment:
    """All that a strategy may look at when it is asked.

    Attributes:
        pool: (n, dim) embeddings of the sub-pool.
        labeled: (m,) positions of what is labeled, in the order in which it was asked.
        labels: (m,) their classes.
        model: trained on them.
        n_classes: how many classes there are.
        rng: of the run; goes on from batch to batch.
    """

    pool: FloatArray
    labeled: IntArray
    labels: IntArray
    model: Model
    n_classes: int
    rng: np.random.Generator

    @cached_property
    def unlabeled(self) -> IntArray:
        """(n - m,) positions that may be chosen, ascending."""
        return np.setdiff1d(np.arange(len(self.pool)), self.labeled)

    @property
    def seed(self) -> int:
        """A number for those who take no generator, another one at each call."""
        return int(self.rng.integers(2**31))


# (moment, how many) -> distinct positions of the pool that are not labeled
Choose = Callable[[Moment, int], IntArray]


@dataclass(frozen=True)
class Library:
    """Whose strategies they are.

    Attributes:
        name: of the library, as in the `library` column.
        module: that must be importable.
        strategies: {name: makes the choice of one run}; made anew for every run, for some keep a state. None: the player
            knows the strategy by its name.
        own_head: makes the scikit-learn style classifier that the library's first example uses; None: it takes part with
            the project's heads only.
    """

    name: str
    module: str
    strategies: Mapping[str, Callable[[], Choose] | None]
    own_head: Callable[[], Any] | None = None

    @property
    def installed(self) -> bool:
        """Whether it can run in this interpreter."""
        return find_spec(self.module) is not None
