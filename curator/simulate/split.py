"""From labeled data to the task of one seed: which items may be asked about, and which only measure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curator.errors import DataError
from curator.simulate.data import Labeled
from curator.simulate.price import Price
from curator.simulate.task import Task
from strategies.kernels.near_duplicates import near_any

IntArray = NDArray[np.int64]

MOST_IN_POOL = 4_000
MOST_IN_HOLDOUT = 2_000
_HOLDOUT_SHARE = 1 / 3
_POOL_SHARE = 0.8  # of the data, where the hold-out is a file: so that seeds differ
FEWEST_IN_HOLDOUT = 30
FEWEST_IN_POOL = 20


@dataclass(frozen=True)
class Split:
    """How the data of every seed are split at random.

    Attributes:
        holdout: items that only measure; with a hold-out file: drawn from it.
        pool: items that may be asked about, at most: near-duplicates of the hold-out are taken out of them.
        duplicate_cosine: at which an item counts as a near-duplicate.
    """

    holdout: int
    pool: int
    duplicate_cosine: float = 0.97

    @classmethod
    def of(
        cls,
        data: Labeled,
        holdout: int | None = None,
        pool: int | None = None,
        duplicate_cosine: float = 0.97,
    ) -> "Split":
        """The split of these data; what is None follows from their number.

        Raises:
            DataError: there are too few.
        """
        from_file = int(data.is_holdout.sum())
        left = len(data) - from_file
        least = FEWEST_IN_POOL + (0 if from_file else FEWEST_IN_HOLDOUT)
        if left < least or (from_file and from_file < FEWEST_IN_HOLDOUT):
            raise DataError(
                f"{data.name}: {left} labeled items"
                + (f" and {from_file} in the hold-out file" if from_file else "")
                + f" are too few: a simulation needs {FEWEST_IN_POOL} to choose from and {FEWEST_IN_HOLDOUT} to measure with."
            )
        if from_file:
            size = min(holdout or from_file, from_file)
            possible = int(_POOL_SHARE * left) if pool is None else left
        else:
            size = holdout or min(max(int(_HOLDOUT_SHARE * left), FEWEST_IN_HOLDOUT), MOST_IN_HOLDOUT)
            if left - size < FEWEST_IN_POOL:
                raise DataError(
                    f"A hold-out of {size} items leaves {max(left - size, 0)} of {left} to choose from; at least "
                    f"{FEWEST_IN_POOL} are needed. Give a smaller --holdout."
                )
            possible = left - size
        return cls(size, min(pool or MOST_IN_POOL, possible), duplicate_cosine)

    def task(self, data: Labeled, price: Price, seed: int) -> Task:
        """The task of a seed; its hold-out is in random order, so that every beginning is a random sample too."""
        rng = np.random.default_rng([seed, 3])
        order = rng.permutation(np.flatnonzero(~data.is_holdout))
        if data.is_holdout.any():
            holdout = rng.permutation(np.flatnonzero(data.is_holdout))[: self.holdout]
        else:
            holdout, order = order[: self.holdout], order[self.holdout :]
        pool: IntArray = np.sort(order[: self.pool])
        targets = data.embeddings[holdout]
        pool = pool[~near_any(data.embeddings[pool], targets, self.duplicate_cosine)]
        return Task(
            data.name,
            data.embeddings[pool],
            data.y[pool],
            targets,
            data.y[holdout],
            data.classes,
            price.of(data.words[pool]),
        )


def holdout_sizes(text: str | None, size: int) -> tuple[int, ...]:
    """`--holdouts 300,1000,all` as ascending sizes, the whole hold-out always the last; larger ones than it are it.

    Raises:
        DataError: not a list of whole numbers above 0 and "all".
    """
    parts = [part.strip() for part in (text or "all").split(",") if part.strip()]
    wrong = [part for part in parts if part != "all" and not (part.isdecimal() and int(part) > 0)]
    if wrong:
        raise DataError(f"--holdouts: {wrong[0]!r} is neither a number of items nor all. Write 300,1000,all.")
    asked = {min(int(part), size) for part in parts if part != "all"}
    return tuple(sorted({*asked, size}))
