"""The draws of the bootstrap over hold-out items: the same ones for every model and metric that is compared.

The hold-out is a simple random sample, so the items of a replicate are drawn from all of them. Drawing inside each class
would take the class counts for fixed, which they were not when the hold-out was drawn, and makes intervals too narrow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]

# Replicates are made in blocks of about this many (replicate, item) cells, 16 MB each in float32.
_BLOCK_CELLS = 4_000_000
# Up to so many cells the counts are kept for the next model or metric.
_KEPT_CELLS = 16_000_000
_ITEMS, _FLIPS, _NORMALS = 1, 2, 3  # streams of random numbers


@dataclass(frozen=True)
class Resampling:
    """Bootstrap draws of a hold-out: the same numbers give the same draws.

    Attributes:
        n_items: of the hold-out.
        n_draws: replicates.
        seed: of all draws.
    """

    n_items: int
    n_draws: int = 2000
    seed: int = 0

    def blocks(self) -> Iterator[FloatArray]:
        """(block, n_items) float32: how often each item was drawn, over all blocks `n_draws` rows.

        float32 is exact here: the counts are whole numbers far below 2**24.
        """
        yield from self._kept if self.n_draws * self.n_items <= _KEPT_CELLS else self._made()

    @cached_property
    def _kept(self) -> list[FloatArray]:
        return list(self._made())

    def _made(self) -> Iterator[FloatArray]:
        rng = np.random.default_rng([self.seed, _ITEMS])
        block = max(1, _BLOCK_CELLS // self.n_items)
        for first in range(0, self.n_draws, block):
            rows = min(block, self.n_draws - first)
            drawn = rng.integers(0, self.n_items, size=(rows, self.n_items), dtype=np.int64)
            drawn += np.arange(rows)[:, None] * self.n_items
            counts = np.bincount(drawn.ravel(), minlength=rows * self.n_items)
            yield counts.reshape(rows, self.n_items).astype(np.float32)

    @cached_property
    def flips(self) -> FloatArray:
        """(n_draws,) net pseudo-items won: half an item on average is won in a replicate, and half an item lost."""
        won, lost = np.random.default_rng([self.seed, _FLIPS]).poisson(0.5, size=(2, self.n_draws))
        return np.asarray(won - lost, dtype=np.float64)

    @cached_property
    def normals(self) -> FloatArray:
        """(n_draws,) standard normal numbers, for what another draw of the training seeds would add."""
        return np.random.default_rng([self.seed, _NORMALS]).normal(size=self.n_draws)
