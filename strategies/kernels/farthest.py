"""The farthest row from a growing set of centers, exactly, without computing most distances.

Four facts carry that:

- A new center can only bring a row closer to its nearest center, so an *old* distance is an upper bound. Rows are
  compared with the centers they missed only when their bound says that they might be the farthest.
- So few are that they stay in the cache: of the whole pool some thousand *hot* rows are brought up to date when it is
  their turn, and of those a *front* of some hundred is kept up to date from pick to pick.
- The first centers are a list like any other. Most rows are near some center, and mostly near one that is close to the
  nearest of a few spread-out centers (pivots): after meeting those they need not meet the rest.
- Distances come from FAISS, in float32, which errs by a known amount at most. Rows closer to the maximum than that are
  compared once more in float64, so the picks depend neither on the number of threads nor on the order in which a matrix
  product adds up.
"""

import numpy as np
from numpy.typing import NDArray

from strategies.errors import StrategyInputError
from strategies.kernels.checks import check_embeddings
from strategies.kernels.distance_kernels import lower_by_one, row_squares
from strategies.kernels.types import FloatArray, IntArray
from strategies.kernels.vector_index import nearest

_HOT_ROWS = 4_096
_FRONT_ROWS = 256  # 0.4 MB at 384 columns: stays in the second-level cache from pick to pick
_FEW_CENTERS = 256  # so few are met by all rows at once
_CENTERS_PER_STEP = 128  # first centers met before asking again who still matters
_PIVOTS = 64
_NEAR_A_PIVOT = 64
_SAMPLE_SHARE = 50  # one row in so many meets all first centers, to guess where the largest distances begin
_LEAST_SAMPLE = 2_000
_SLAB_ROWS = 65_536
_CHUNK_ROWS = 2_048
_SETTLE_AHEAD = 32  # rows brought to float64 at a time: reading the centers is most of the work
_PAIR_CHUNK = 2_048
_ROUNDING = 1e-12  # of a float64 distance: sums of squares cancel nothing


class FarthestSearch:
    """Finds the row with the largest (weighted) distance to its nearest center, while centers are added.

    Attributes:
        bound: (n,) float32, squared distance to the nearest center that a row has met: an upper bound of the distance to
            all of them; -1 for rows that are out of the search.
        first_bound: (n,) the same, of the first centers (those of `meet`) alone, and never -1.
        seen: (n,) each row has met the first so many of the first centers, and maybe others of them.
        added: (n,) each row has met the first so many of the centers added later.
        exact: {row: (float64 squared distance, number of centers it is of)} of rows that were ever in a near tie.
    """

    def __init__(self, rows: FloatArray, weights: FloatArray | None, *, room: int) -> None:
        """Look at every row once.

        Args:
            rows: (n, dim).
            weights: (n,) >= 0 that multiply the distances, or None.
            room: how many centers there may be.

        Raises:
            StrategyInputError: a row holds NaN or infinity, or is so long that its square overflows float32.
        """
        n, dim = rows.shape
        self.rows = rows
        self.weights = weights
        # Only ratios of weights matter; at most 1, they cannot blow up an error bound.
        self.factor = None if weights is None else np.square(weights / weights.max()).astype(np.float32)
        self.square, self._longest = _squares(rows)
        self.centers = np.empty((room, dim), dtype=rows.dtype)
        self.centers32 = np.empty((room, dim), dtype=np.float32)
        self.center_square = np.empty(room, dtype=np.float32)
        self.n_first = 0
        self.count = 0  # of all centers
        self.bound = np.full(n, np.inf, dtype=np.float32)
        self.first_bound = self.bound.copy()
        self.seen = np.zeros(n, dtype=np.int32)
        self.added = np.zeros(n, dtype=np.int32)
        self.exact: dict[int, tuple[float, int]] = {}
        self.error = 0.0
        self._hot: IntArray = np.empty(0, dtype=np.int64)
        self._beyond_hot = np.inf  # largest utility of a row that is not hot
        self._front: IntArray = np.empty(0, dtype=np.int64)
        self._beyond_front = np.inf  # largest utility of a row that is not in the front
        self._front_rows: NDArray[np.float32] = np.empty((0, dim), dtype=np.float32)
        self._front_square: NDArray[np.float32] = np.empty(0, dtype=np.float32)
        self._front_bound: NDArray[np.float32] = np.empty(0, dtype=np.float32)

    def meet(
        self,
        centers: FloatArray,
        *,
        keep: int,
        bound: NDArray[np.float32] | None = None,
        seen: IntArray | None = None,
    ) -> None:
        """Set the first centers, and compare each row with them for as long as it may be among the farthest.

        Args:
            centers: (m, dim).
            keep: how many of the farthest rows will matter, about.
            bound: (n,) upper bounds already known, squared.
            seen: (n,) how many of `centers` each row has met already.
        """
        m = len(centers)
        self.centers = self.centers.astype(np.result_type(self.rows, centers), copy=False)
        self.centers[:m] = centers
        self.centers32[:m] = centers
        self.center_square[:m], longest = _squares(centers)
        self._longest = max(self._longest, longest)
        self.n_first = self.count = m
        # |x|^2 + |c|^2 - 2 x.c, all three added up in float32 by FAISS: each errs by dim roundings at most, in whatever order it
        # is added up (Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1), and there are a few roundings
        # of the terms themselves.
        self.error = 4.0 * (self.rows.shape[1] + 8) * float(np.finfo(np.float32).eps) / 2.0 * self._longest
        if bound is not None and seen is not None:
            self.bound[:], self.first_bound[:], self.seen[:] = bound, bound, seen
        n = len(self.rows)
        everything = np.arange(n)
        keep = max(2 * _HOT_ROWS, 4 * keep)
        if m <= _FEW_CENTERS or n <= 2 * keep:
            self._meet_all(everything)
            return
        sample = everything[:: max(1, min(_SAMPLE_SHARE, n // _LEAST_SAMPLE))]
        self._meet_all(sample)
        reach = np.sort(self._utility(sample))
        # A wrong guess costs time, never a wrong pick: rows left behind keep their bound and are found when it is due.
        cut = float(reach[-max(1, len(sample) * keep // n)])
        new = np.flatnonzero(np.isinf(self.bound))
        if len(new):
            self._meet_around_pivots(new)
        self._meet_while(everything[self._utility(everything) >= cut], cut)

    def remove(self, position: int) -> None:
        """Take a row out of the search."""
        self.bound[position] = -1.0
        self._front_bound[self._front == position] = -1.0

    def add_center(self, position: int) -> None:
        """Make a row a center, and take it out of the search."""
        self.centers[self.count] = self.rows[position]
        center = self.centers32[self.count]
        center[:] = self.rows[position]
        self.center_square[self.count] = self.square[position]
        out = self._front_bound < 0.0
        lower_by_one(self._front_rows, self._front_square, center, self.square[position], self._front_bound)
        self._front_bound[out] = -1.0
        self.count += 1
        self.remove(position)

    def farthest(self) -> int | None:
        """The row with the largest weighted distance (of equals the first); None when no distance above 0 is left."""
        while True:
            reach = self._weighted(self._front_bound, self._front)
            top = float(reach.max(initial=-1.0))
            # Two values, each wrong by `error` at most, cannot be told apart when closer than twice that.
            floor = top - 2.0 * self.error
            if self._beyond_front >= floor or top < 0.0:
                if not self._advance():
                    return None
                continue
            tied = np.flatnonzero(reach >= max(floor, 0.0))
            if len(tied) == 1 and floor > 0.0:
                return int(self._front[tied[0]])
            utility = self._settle(tied, reach)
            positions = self._front[tied]
            # added up in another order on another processor, the squares differ by some 1e-16
            best = int(positions[utility >= (1.0 - _ROUNDING) * utility.max()].min())
            if utility.max() > 0.0:
                return best
            # All of these coincide with centers, for certain: what is left may still hold distances within the error.
            for position in positions:
                self.remove(int(position))

    def _weighted(self, bound: NDArray[np.float32], positions: IntArray) -> NDArray[np.float32]:
        """Squared weighted distances; -1 stays -1 (out of the search)."""
        if self.factor is None:
            return bound
        return np.where(bound < 0.0, bound, bound * self.factor[positions])

    def _utility(self, positions: IntArray) -> NDArray[np.float32]:
        return self._weighted(self.bound[positions], positions)

    def _advance(self) -> bool:
        """Choose a new front, of the hot rows or else of all.

        Returns:
            False when no row is left in the search.
        """
        self.bound[self._front] = self._front_bound
        self.added[self._front] = self.count - self.n_first
        front, beyond = self._best_of(self._hot, _FRONT_ROWS)
        if not len(front) or self._beyond_hot >= self._floor(front):
            everything = np.flatnonzero(self.bound >= 0.0)
            if not len(everything):
                self._front, self._front_bound = everything, self.bound[everything]
                return False
            self._hot, self._beyond_hot = self._best_of(everything, _HOT_ROWS)
            front, beyond = self._best_of(self._hot, _FRONT_ROWS)
        self._front, self._beyond_front = front, max(beyond, self._beyond_hot)
        self._front_rows = self._take(front)
        self._front_square = self.square[front]
        self._front_bound = self.bound[front]
        return True

    def _floor(self, up_to_date: IntArray) -> float:
        return float(self._utility(up_to_date).max()) - 2.0 * self.error

    def _best_of(self, positions: IntArray, size: int) -> tuple[IntArray, float]:
        """Those of some rows that hold the maximum: up to date, and none of the others can reach it.

        Returns:
            About `size` of the positions, more where many are as good; and the largest utility of the others.
        """
        positions = positions[self.bound[positions] >= 0.0]
        wanted = size
        while True:
            utility = self._utility(positions)
            if len(positions) <= wanted:
                self._meet_added(positions)
                self._meet_all(positions)
                return positions, -np.inf
            order = np.argpartition(utility, -wanted)
            chosen, beyond = positions[order[-wanted:]], float(utility[order[:-wanted]].max())
            # A row that falls below those left out has no need of the rest: it is not due before they are.
            self._meet_added(chosen)
            chosen = self._meet_while(chosen[self._utility(chosen) >= beyond], beyond)
            if len(chosen) and beyond < self._floor(chosen):
                break
            wanted *= 2  # many old bounds, or many equal distances: ever larger steps keep the number of steps small
        if len(chosen) > 2 * size:
            utility = self._utility(chosen)
            order = np.argpartition(utility, -size)
            dropped = float(utility[order[:-size]].max())
            if dropped < self._floor(chosen):
                chosen, beyond = chosen[order[-size:]], max(beyond, dropped)
        return chosen, beyond

    def _meet_while(self, positions: IntArray, cut: float) -> IntArray:
        """Compare rows with the first centers, step by step, as long as their utility is at least `cut`.

        Returns:
            The rows that have met all of them and are still there.
        """
        done = [positions[self.seen[positions] == self.n_first]]
        waiting = positions[self.seen[positions] < self.n_first]
        while len(waiting):
            low = self.seen[waiting]
            for start in np.unique(low):
                end = min(
                    int(start) // _CENTERS_PER_STEP * _CENTERS_PER_STEP + _CENTERS_PER_STEP, self.n_first
                )
                self._meet_first(waiting[low == start], int(start), end)
            waiting = waiting[self._utility(waiting) >= cut]
            complete = self.seen[waiting] == self.n_first
            done.append(waiting[complete])
            waiting = waiting[~complete]
        return np.sort(np.concatenate(done))

    def _meet_all(self, positions: IntArray) -> None:
        """Compare rows with those of the first centers that they have not met, the ones far behind together."""
        behind = positions[self.seen[positions] < self.n_first]
        behind = behind[np.argsort(self.seen[behind], kind="stable")]
        for start in range(0, len(behind), _CHUNK_ROWS):
            chunk = behind[start : start + _CHUNK_ROWS]
            self._meet_first(chunk, int(self.seen[chunk[0]]), self.n_first)

    def _meet_first(self, positions: IntArray, low: int, high: int) -> None:
        """Compare rows with the first centers from low to high, which they have then seen."""
        for start in range(0, len(positions), _CHUNK_ROWS):
            self._lower_first(positions[start : start + _CHUNK_ROWS], slice(low, high))
        self.seen[positions] = high

    def _meet_added(self, positions: IntArray) -> None:
        """Compare rows with those of the added centers that they have not met."""
        n_added = self.count - self.n_first
        behind = positions[self.added[positions] < n_added]
        behind = behind[np.argsort(self.added[behind], kind="stable")]
        for start in range(0, len(behind), _CHUNK_ROWS):
            chunk = behind[start : start + _CHUNK_ROWS]
            missed = self.centers32[self.n_first + int(self.added[chunk[0]]) : self.count]
            self.bound[chunk] = np.minimum(self.bound[chunk], nearest(self._take(chunk), missed)[0])
        self.added[behind] = n_added

    def _meet_around_pivots(self, positions: IntArray) -> None:
        """Lower the bounds of rows by some centers that are spread out, and by those close to the nearest of them."""
        centers = self.centers32[: self.count]
        pivots = _spread_out(centers, self.center_square[: self.count], _PIVOTS)
        apart = self.center_square[: self.count] - 2.0 * (centers[pivots] @ centers.T)
        around = np.argpartition(apart, min(_NEAR_A_PIVOT, self.count - 1), axis=1)[:, :_NEAR_A_PIVOT]
        for start in range(0, len(positions), _SLAB_ROWS):
            slab = positions[start : start + _SLAB_ROWS]
            home = np.empty(len(slab), dtype=np.int64)
            for low in range(0, len(slab), _CHUNK_ROWS):
                home[low : low + _CHUNK_ROWS] = self._lower_first(slab[low : low + _CHUNK_ROWS], pivots)
            order = np.argsort(home, kind="stable")
            ends = np.cumsum(np.bincount(home, minlength=len(pivots)))
            for pivot, group in enumerate(np.split(slab[order], ends[:-1])):
                for low in range(0, len(group), _CHUNK_ROWS):
                    self._lower_first(group[low : low + _CHUNK_ROWS], around[pivot])

    def _lower_first(self, positions: IntArray, centers: slice | IntArray) -> IntArray:
        """Lower both bounds of a chunk of rows by some of the first centers; returns which of them is the nearest to each."""
        squared, where = nearest(self._take(positions), self.centers32[centers])
        first = np.minimum(self.first_bound[positions], squared)
        self.first_bound[positions] = first
        # -1 is lower than any distance: what is out of the search stays out
        self.bound[positions] = np.minimum(self.bound[positions], first)
        return where

    def _take(self, positions: IntArray) -> NDArray[np.float32]:
        """(m, dim) float32 rows; without a copy where they stand in one piece."""
        first = int(positions[0]) if len(positions) else 0
        if len(positions) and positions[-1] - first == len(positions) - 1 and (np.diff(positions) == 1).all():
            piece = self.rows[first : first + len(positions)]
        else:
            piece = self.rows[positions]
        return np.ascontiguousarray(piece, dtype=np.float32)

    def _settle(self, tied: IntArray, reach: NDArray[np.float32]) -> NDArray[np.float64]:
        """Squared weighted distances in float64 of some rows of the front.

        Args:
            tied: (m,) places in the front.
            reach: utilities of the front.
        """
        unsettled = [place for place in tied.tolist() if int(self._front[place]) not in self.exact]
        if unsettled:
            ahead = np.argsort(-reach, kind="stable")[:_SETTLE_AHEAD].tolist()
            more = [p for p in ahead if reach[p] >= 0.0 and int(self._front[p]) not in self.exact]
            self._settle_against(np.array(sorted({*unsettled, *more}), dtype=np.int64), 0)
        settled = np.array([self.exact[int(self._front[place])][1] for place in tied])
        for low in np.unique(settled):
            if low < self.count:
                self._settle_against(tied[settled == low], int(low))
        exact = np.array([self.exact[int(self._front[place])][0] for place in tied])
        return exact if self.weights is None else exact * np.square(self.weights[self._front[tied]])

    def _settle_against(self, places: IntArray, low: int) -> None:
        """Lower the float64 distances of rows of the front by centers[low:]; only by those that may be the nearest."""
        centers = self.centers32[low : self.count]
        for start in range(0, len(places), _PAIR_CHUNK):
            chunk = places[start : start + _PAIR_CHUNK]
            positions = self._front[chunk]
            squared = self._front_rows[chunk] @ centers.T
            squared *= -2.0
            squared += self.center_square[low : self.count]
            squared += self._front_square[chunk, None]
            who, whom = np.nonzero(
                squared <= (self._front_bound[chunk] + np.float32(2.0 * self.error))[:, None]
            )
            exact = np.array([self.exact.get(int(position), (np.inf, 0))[0] for position in positions])
            for part in range(0, len(who), _PAIR_CHUNK):
                row, center = who[part : part + _PAIR_CHUNK], whom[part : part + _PAIR_CHUNK]
                gap = self.rows[positions[row]].astype(np.float64) - self.centers[low + center]
                np.minimum.at(exact, row, np.einsum("ij,ij->i", gap, gap))
            for position, value in zip(positions.tolist(), exact.tolist(), strict=True):
                self.exact[position] = (value, self.count)


def _squares(rows: FloatArray) -> tuple[NDArray[np.float32], float]:
    """(n,) squared lengths, and the largest of them.

    Raises:
        StrategyInputError: one is not finite in float32.
    """
    out = np.empty(len(rows), dtype=np.float64)
    for start in range(0, len(rows), _SLAB_ROWS):
        block = rows[start : start + _SLAB_ROWS]
        plain = np.require(block, dtype=np.result_type(block, np.float32), requirements=["C", "A"]).view()
        plain.flags.writeable = False
        row_squares(plain, out[start : start + _SLAB_ROWS])
    longest = float(out.max(initial=0.0))
    if not longest < float(np.finfo(np.float32).max) / 8.0 or not np.isfinite(out).all():
        check_embeddings(rows)
        raise StrategyInputError(
            f"The longest embedding has length {np.sqrt(longest):.3g}: its square overflows float32. Scale the embeddings."
        )
    return out.astype(np.float32), longest


def _spread_out(centers: NDArray[np.float32], square: NDArray[np.float32], size: int) -> IntArray:
    """(size,) rows that are far from each other: the first, then always the farthest; near ties may fall either way."""
    chosen = np.zeros(min(size, len(centers)), dtype=np.int64)
    bound = np.full(len(centers), np.inf, dtype=np.float32)
    for i in range(1, len(chosen)):
        last = chosen[i - 1]
        np.minimum(bound, square + square[last] - 2.0 * (centers @ centers[last]), out=bound)
        chosen[i] = int(bound.argmax())
    return chosen
