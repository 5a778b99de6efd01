"""What a simulated campaign is played on: a pool whose answers are known, a hold-out, and what asking costs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curator.errors import DataError

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """One pool and one hold-out, labeled.

    Attributes:
        name: of the data.
        pool: (n, dim) unit-length embeddings of the items that may be asked about.
        y: (n,) their classes, as positions in `classes`.
        holdout: (m, dim) embeddings of the items that are only measured on; none of them near one of the pool.
        holdout_y: (m,) their classes.
        classes: names of all classes.
        cost: (n,) micro-units that asking about each item of the pool costs.
    """

    name: str
    pool: FloatArray
    y: IntArray
    holdout: FloatArray
    holdout_y: IntArray
    classes: tuple[str, ...]
    cost: IntArray

    def __post_init__(self) -> None:
        for what, rows, of in (
            ("y", self.y, self.pool),
            ("cost", self.cost, self.pool),
            ("holdout_y", self.holdout_y, self.holdout),
        ):
            if rows.shape != (len(of),):
                raise DataError(f"{what} has the shape {rows.shape}; it needs one entry for {len(of)} items.")
