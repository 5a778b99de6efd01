"""No two items of a batch that say the same: near-duplicates cost twice and teach once.

A pick is a near-duplicate when its cosine with an accepted pick reaches a threshold. Only the picks of the batch are
compared with each other and with the rows that come up, never all candidates with all candidates.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from strategies._checks import check_embeddings
from strategies._types import FloatArray, IntArray
from strategies.errors import StrategyInputError

_FIRST_CHUNK = 256
# Of a ranking: each pick is compared with the rest of its chunk, which should be in the cache by then.
_LARGEST_CHUNK = 1_024
_BLOCK_ROWS = 8_192
_BLOCK_PICKS = (
    2_048  # accepted picks that a block is compared with at once: 130 MB of cosines however large the batch
)
# Cosines are computed in float64: two equal rows may read 1 - 1e-16.
_ROUNDING = 1e-9


class Candidates(Protocol):
    """The items that may be picked, by position; lets a strategy see few embeddings without loading all of them."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def take(self, positions: IntArray) -> FloatArray:
        """(len(positions), dim) embeddings of some."""
        ...

    def all(self) -> FloatArray:
        """(n, dim) embeddings of all; may be memory-mapped."""
        ...


class ArrayCandidates:
    """Candidates whose embeddings are one array, in memory or memory-mapped.

    Args:
        embeddings: (n, dim) float.

    Raises:
        StrategyInputError: not a float matrix.
    """

    def __init__(self, embeddings: FloatArray) -> None:
        check_embeddings(embeddings[:0] if isinstance(embeddings, np.ndarray) else embeddings)
        self._embeddings = embeddings

    def __len__(self) -> int:
        return len(self._embeddings)

    def take(self, positions: IntArray) -> FloatArray:
        """(len(positions), dim) embeddings of some."""
        return self._embeddings[positions]

    def all(self) -> FloatArray:
        """(n, dim) embeddings of all."""
        return self._embeddings


class DistinctPicks:
    """The batch as it grows: takes what strategies propose, and refuses what is taken or a near-duplicate.

    Args:
        candidates: what may be picked.
        duplicate_cosine: in (0, 1]; two picks with at least this cosine are near-duplicates. Rows of zeros (nothing was
            recognised in the item) count as duplicates of each other and of nothing else.

    Attributes:
        taken: (n,) bool, True for the positions accepted so far.

    Raises:
        StrategyInputError: the threshold is not in (0, 1].
    """

    def __init__(self, candidates: Candidates, duplicate_cosine: float) -> None:
        if not 0.0 < duplicate_cosine <= 1.0:
            raise StrategyInputError(
                f"duplicate_cosine must be above 0 and at most 1, not {duplicate_cosine}."
            )
        self.candidates = candidates
        self.taken = np.zeros(len(candidates), dtype=bool)
        self._threshold = duplicate_cosine - _ROUNDING
        self._accepted: list[int] = []
        self._directions: FloatArray = np.empty(
            (0, 0)
        )  # (room, dim + 1), unit rows of those accepted and room for more

    def __len__(self) -> int:
        return len(self._accepted)

    def from_ranking(self, order: IntArray, k: int) -> IntArray:
        """Accept the first k of a ranking that are neither taken nor near-duplicates.

        Args:
            order: positions, best first.
            k: how many are wanted.

        Returns:
            (at most k,) the accepted positions, in the ranking's order; fewer when the ranking has no more.
        """
        accepted: list[int] = []
        start, size = 0, _FIRST_CHUNK
        while len(accepted) < k and start < len(order):
            chunk = order[start : start + size]
            accepted += self._accept(chunk[~self.taken[chunk]], k - len(accepted))
            start, size = start + size, min(2 * size, _LARGEST_CHUNK)
        return np.array(accepted, dtype=np.int64)

    def fill(self, order: IntArray, k: int) -> IntArray:
        """Accept the first k of a ranking that are not taken, near-duplicates too: for when nothing else is left."""
        rest: IntArray = order[~self.taken[order]][:k]
        self._add(rest, _directions(self.candidates.take(rest)))
        return rest

    def from_proposals(self, propose: Callable[[int], IntArray], k: int) -> IntArray:
        """Accept k from a source that gives its best m for any m, asking for more as long as too few can be used.

        Args:
            propose: m -> (m,) positions, best first; it need not know what is taken.
            k: how many are wanted.

        Returns:
            (at most k,) the accepted positions in the order proposed; fewer when even all candidates did not suffice.
        """
        accepted: IntArray = np.empty(0, dtype=np.int64)
        n, size = len(self.candidates), k
        while len(accepted) < k:
            accepted = np.concatenate((accepted, self.from_ranking(propose(size), k - len(accepted))))
            if size == n:
                break
            size = min(n, 2 * size + len(self))
        return accepted

    def from_selector(
        self, select: Callable[[IntArray | None, int, FloatArray | None], IntArray], k: int
    ) -> IntArray:
        """Accept k from a selector, asking again in place of what was refused.

        What was accepted counts as labeled from then on, so a selector that looks at it turns elsewhere by itself, and
        the pool need not be copied. Only when most of what it proposes is still refused is it shown nothing but
        the usable rest.

        Args:
            select: (positions that may be picked or None for all, m, embeddings of this batch so far or None) -> (m,)
                positions among those that may be picked.
            k: how many are wanted.

        Returns:
            (at most k,) the accepted positions in the order selected; fewer when only near-duplicates are left.
        """
        accepted: IntArray = np.empty(0, dtype=np.int64)
        usable: IntArray | None = None  # None: all candidates
        while len(accepted) < k:
            want = min(k - len(accepted), len(self.candidates) if usable is None else len(usable))
            if want == 0:
                break
            picks = select(usable, want, self.embeddings())
            found = self.from_ranking(picks if usable is None else usable[picks], want)
            accepted = np.concatenate((accepted, found))
            if usable is not None or 2 * len(found) < want:
                usable = self.usable()
        return accepted

    def embeddings(self) -> FloatArray | None:
        """(accepted, dim) of what was accepted so far; None when nothing was."""
        return self.candidates.take(np.array(self._accepted, dtype=np.int64)) if self._accepted else None

    def usable(self) -> IntArray:
        """Positions that are neither taken nor near-duplicates of an accepted pick: one pass over the candidates."""
        free = np.flatnonzero(~self.taken)
        parts = [free[start : start + _BLOCK_ROWS] for start in range(0, len(free), _BLOCK_ROWS)]
        kept = [
            part[self._closest(_directions(self.candidates.take(part))) < self._threshold] for part in parts
        ]
        return np.concatenate(kept) if kept else free

    def _closest(self, directions: FloatArray) -> FloatArray:
        """(rows,) largest cosine with an accepted pick; -1 when nothing is accepted."""
        closest: FloatArray = np.full(len(directions), -1.0)
        for start in range(0, len(self), _BLOCK_PICKS):
            known = self._directions[start : min(start + _BLOCK_PICKS, len(self))]
            np.maximum(closest, (directions @ known.T).max(axis=1), out=closest)
        return closest

    def _accept(self, positions: IntArray, k: int) -> list[int]:
        """Accept the first k of these that are no near-duplicates of accepted ones, nor of each other."""
        if not len(positions):
            return []
        directions = _directions(self.candidates.take(positions))
        closest = self._closest(directions)
        chosen: list[int] = []
        for row in range(len(positions)):
            if len(chosen) == k:
                break
            if closest[row] < self._threshold and not self.taken[positions[row]]:
                chosen.append(row)
                self.taken[positions[row]] = True
                np.maximum(closest, directions @ directions[row], out=closest)
        self._add(positions[chosen], directions[chosen])
        return [int(position) for position in positions[chosen]]

    def _add(self, positions: IntArray, directions: FloatArray) -> None:
        self.taken[positions] = True
        end = len(self) + len(positions)
        if end > len(self._directions):
            width = directions.shape[1]
            more = np.empty((max(end, 2 * len(self)) - len(self._directions), width))
            self._directions = np.concatenate((self._directions.reshape(-1, width), more))
        self._directions[len(self) : end] = directions
        self._accepted += positions.tolist()


def _directions(embeddings: FloatArray) -> FloatArray:
    """Unit rows in float64, with one more column that is 1 for rows of zeros: the products are the cosines we mean."""
    rows = np.zeros((embeddings.shape[0], embeddings.shape[1] + 1))
    rows[:, :-1] = embeddings
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    rows[:, -1] = lengths == 0.0
    rows /= np.where(lengths == 0.0, 1.0, lengths)[:, None]
    return rows
