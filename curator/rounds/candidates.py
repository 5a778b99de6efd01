"""Candidates: the items of the pool that may be asked about next."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from curator.ledger import queries
from curator.project.holdout import near_holdout, unsealed_rows
from curator.project.project import Project

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """The items that may be picked.

    Attributes:
        rows: (n,) pool rows, ascending: of the pool, never asked, without a label of the user's own, not in or next to the hold-out.
        read: (m,) pool rows -> (m, dim) their embeddings.
        holdout_duplicates: how many were left out as near-duplicates of hold-out items.
        blanks: how many have an embedding of zeros: strategies pick them last.
    """

    rows: IntArray
    read: Callable[[IntArray], FloatArray]
    holdout_duplicates: int
    blanks: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def only(self, positions: IntArray) -> "Candidates":
        """Some of them."""
        return replace(self, rows=self.rows[positions])

    def take(self, positions: IntArray) -> FloatArray:
        """(m, dim) embeddings of some candidates."""
        return self.read(self.rows[positions])

    def all(self) -> FloatArray:
        """(n, dim) embeddings of all of them: one array in memory."""
        return self.read(self.rows)


def find_candidates(project: Project) -> Candidates:
    """Everything that may be asked about next."""
    pool, ledger = project.pool, project.ledger
    free = np.zeros(pool.n_items, dtype=bool)
    free[unsealed_rows(project)] = True
    free[pool.rows(queries.questions.settled_ids(ledger))] = False
    is_near = near_holdout(project)
    duplicates = blanks = 0
    for first, block in project.embeddings.blocks():
        here = free[first : first + len(block)]
        near = is_near(block) & here
        here[near] = False  # a view: clears `free`
        duplicates += int(near.sum())
        blanks += int((here & ~block.any(axis=1)).sum())
    return Candidates(np.flatnonzero(free), project.embeddings.take, duplicates, blanks)
