"""No item of a batch that says the same as another, or as one asked before: near-duplicates cost twice and teach once.

A pick is a near-duplicate when its cosine with an accepted pick, or with an item that is labeled or asked, reaches a
threshold. Only the rows that come up are compared, each at most once with what is known; never all candidates with all.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from strategies.errors import StrategyInputError
from strategies.kernels.checks import check_embeddings, check_labeled
from strategies.kernels.near_duplicates import EQUAL, directions_of, largest_cosine, near_any
from strategies.kernels.types import FloatArray, IntArray

_FIRST_CHUNK = 256
# Of a ranking: each pick is compared with the rest of its chunk, which should be in the cache by then.
_LARGEST_CHUNK = 1_024
_BLOCK_ROWS = 8_192
_SCARCE = (
    8  # where fewer than one in so many proposals can be used, all candidates are compared with what is known
)


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


class Stage(IntEnum):
    """What is still accepted; the next stage begins when nothing else is left."""

    FRESH = 0  # neither a near-duplicate nor a row of zeros
    BLANK = 1  # also a row of zeros, if none is known
    KNOWN = 2  # also near-duplicates of what is known
    ANY = 3  # also near-duplicates within the batch


class DistinctPicks:
    """The batch as it grows: takes what strategies propose, and refuses what is taken or a near-duplicate.

    Args:
        candidates: what may be picked.
        duplicate_cosine: in (0, 1]; two items with at least this cosine are near-duplicates. Rows of zeros (nothing was
            recognised in the item) count as duplicates of each other and of nothing else.
        known: (m, dim) embeddings of what is labeled or asked, m may be 0. None: picks are compared with each other only,
            and a row of zeros is as good as another.

    Attributes:
        taken: (n,) bool, True for the positions accepted so far.
        stage: what is still accepted.
        blanks: how many of the accepted are rows of zeros.
        repeats: how many of the others are near-duplicates of one accepted earlier, or of what is known.

    Raises:
        StrategyInputError: the threshold is not in (0, 1], or `known` is no finite matrix as wide as the candidates.
    """

    def __init__(
        self, candidates: Candidates, duplicate_cosine: float, known: FloatArray | None = None
    ) -> None:
        if not 0.0 < duplicate_cosine <= 1.0:
            raise StrategyInputError(
                f"duplicate_cosine must be above 0 and at most 1, not {duplicate_cosine}."
            )
        self.candidates = candidates
        self.taken = np.zeros(len(candidates), dtype=bool)
        self.stage = self._begun = Stage.KNOWN if known is None else Stage.FRESH
        self.repeats = self.blanks = 0
        self._duplicate_cosine = duplicate_cosine
        self._threshold = duplicate_cosine - EQUAL
        nobody = np.empty(0, dtype=np.int64)
        self._known = None if known is None else check_labeled(known, candidates.take(nobody).shape[1])
        self._met = np.zeros(len(candidates), dtype=bool)  # compared with what is known
        self._again = np.zeros(len(candidates), dtype=bool)  # and found to be a near-duplicate of it
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
        if self.stage == Stage.ANY:
            return self.fill(order, k)
        accepted: list[int] = []
        start, size = 0, _FIRST_CHUNK
        while len(accepted) < k and start < len(order):
            chunk = order[start : start + size]
            accepted += self._accept(chunk[self._open(chunk)], k - len(accepted))
            start, size = start + size, min(2 * size, _LARGEST_CHUNK)
        return np.array(accepted, dtype=np.int64)

    def fill(self, order: IntArray, k: int) -> IntArray:
        """Accept the first k of a ranking that are not taken, near-duplicates too: for when nothing else is left."""
        self.stage = Stage.ANY
        rest: IntArray = order[~self.taken[order]][:k]
        self._add(rest, _directions(self.candidates.take(rest)))
        return rest

    def relax(self) -> None:
        """Go to the next stage: nothing else is left."""
        self.stage = Stage(self.stage + 1)

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
        usable = None if self.stage == self._begun else self.usable()  # None: all candidates
        while len(accepted) < k:
            want = min(k - len(accepted), len(self.candidates) if usable is None else len(usable))
            if want == 0:
                break
            picks = select(usable, want, self.embeddings())
            found = self.from_ranking(picks if usable is None else usable[picks], want)
            accepted = np.concatenate((accepted, found))
            if usable is not None or 2 * len(found) < want:
                usable = self.usable(thorough=usable is not None and _SCARCE * len(found) < want)
        return accepted

    def embeddings(self) -> FloatArray | None:
        """(accepted, dim) of what was accepted so far; None when nothing was."""
        return self.candidates.take(np.array(self._accepted, dtype=np.int64)) if self._accepted else None

    def usable(self, *, thorough: bool = True) -> IntArray:
        """Positions that would be accepted, apart from being near-duplicates of each other: one pass over the candidates.

        Args:
            thorough: compare also with what is known the rows that were not yet. In a large pool that takes far longer than
                all the rest; without it, near-duplicates of what is known that never came up are among the positions.
        """
        free: IntArray = np.arange(len(self.taken))
        free = free[self._open(free)]
        if self.stage == Stage.ANY:
            return free
        kept = []
        for start in range(0, len(free), _BLOCK_ROWS):
            part = free[start : start + _BLOCK_ROWS]
            directions = _directions(self.candidates.take(part))
            kept.append(part[self._fresh(part, directions, thorough=thorough)])
        return np.concatenate(kept) if kept else free

    def _open(self, positions: IntArray) -> NDArray[np.bool_]:
        """Which of these may come up at all: not taken, nor refused for good at this stage."""
        free: NDArray[np.bool_] = ~self.taken[positions]
        return free & ~self._again[positions] if self.stage < Stage.KNOWN else free

    def _fresh(
        self, positions: IntArray, directions: FloatArray, *, thorough: bool = True
    ) -> NDArray[np.bool_]:
        """Which of these are no near-duplicates of accepted ones, and of what else this stage refuses."""
        fresh: NDArray[np.bool_] = largest_cosine(directions, self._directions[: len(self)]) < self._threshold
        if self.stage == Stage.FRESH:
            fresh &= directions[:, -1] == 0.0
        if thorough and self._known is not None and self.stage < Stage.KNOWN:
            new = np.flatnonzero(fresh & ~self._met[positions])
            self._met[positions[new]] = True
            self._again[positions[new]] = self._is_known(directions[new])
            fresh &= ~self._again[positions]
        return fresh

    def _is_known(self, directions: FloatArray) -> NDArray[np.bool_]:
        """Which of these are near-duplicates of something known; of a row of zeros others of its kind are."""
        assert self._known is not None  # noqa: S101  only asked where something may be
        near = near_any(directions[:, :-1], self._known, self._duplicate_cosine)
        if not self._known.any(axis=1).all():
            near[directions[:, -1] == 1.0] = True
        return near

    def _accept(self, positions: IntArray, k: int) -> list[int]:
        """Accept the first k of these that this stage does not refuse, for what was accepted or for each other."""
        if not len(positions):
            return []
        directions = _directions(self.candidates.take(positions))
        fresh = self._fresh(positions, directions)
        chosen: list[int] = []
        for row in range(len(positions)):
            if len(chosen) == k:
                break
            if fresh[row] and not self.taken[positions[row]]:
                chosen.append(row)
                self.taken[positions[row]] = True
                fresh &= directions @ directions[row] < self._threshold
        self._add(positions[chosen], directions[chosen])
        return [int(position) for position in positions[chosen]]

    def _add(self, positions: IntArray, directions: FloatArray) -> None:
        if not len(positions):
            return
        self.taken[positions] = True
        blanks = int(directions[:, -1].sum())
        self.blanks += blanks
        if self.stage == Stage.ANY or (self.stage == Stage.KNOWN and self._known is not None):
            self.repeats += len(positions) - blanks
        end = len(self) + len(positions)
        if end > len(self._directions):
            width = directions.shape[1]
            more = np.empty((max(end, 2 * len(self)) - len(self._directions), width))
            self._directions = np.concatenate((self._directions.reshape(-1, width), more))
        self._directions[len(self) : end] = directions
        self._accepted += positions.tolist()


def _directions(embeddings: FloatArray) -> FloatArray:
    """Unit rows in float64, with one more column that is 1 for rows of zeros: the products are the cosines we mean."""
    rows = directions_of(embeddings)
    return np.column_stack((rows, ~rows.any(axis=1)))
