"""Candidates: the items of the pool that may be asked about next."""

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
    """The items that may be picked, and what the picks must stay away from.

    Attributes:
        rows: (n,) pool rows, ascending: of the pool, never asked, without a label of the user's own, not in or next to the hold-out.
        holdout_duplicates: how many were left out as near-duplicates of hold-out items.
        blanks: how many have an embedding of zeros: strategies pick them last.
    """

    project: Project
    rows: IntArray
    holdout_duplicates: int
    blanks: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def only(self, positions: IntArray) -> "Candidates":
        """Some of them."""
        return replace(self, rows=self.rows[positions])

    def ids(self, positions: IntArray) -> list[str]:
        """Of some candidates."""
        return self.project.pool.ids(self.rows[positions])

    def take(self, positions: IntArray) -> FloatArray:
        """(m, dim) embeddings of some candidates."""
        return self.project.embeddings.take(self.rows[positions])

    def all(self) -> FloatArray:
        """(n, dim) embeddings of all of them: one array in memory."""
        return self.project.embeddings.take(self.rows)


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
    return Candidates(project, np.flatnonzero(free), duplicates, blanks)
