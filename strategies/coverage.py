"""Coverage (k-center greedy, Core-Set): always ask about the item farthest from everything labeled or picked.

Source: Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985; as a query strategy: Sener & Savarese,
"Active Learning for Convolutional Neural Networks: A Core-Set Approach", ICLR 2018.

The picks are exactly those of a pass over all distances in float64 at every pick, for a small part of the work. Three
facts carry that:

- A new center can only bring an item closer to its nearest center, so an *old* distance is an upper bound. Only a few
  thousand items with the largest bounds (the hot rows) are kept up to date; the others are compared with the centers
  they missed when their bound says that they might be picked.
- What is labeled is a list of centers like any other, so most items need not meet all of it either.
- float32 errs by a known amount at most. Items closer to the maximum than that are compared once more in float64, so the
  picks depend neither on the number of threads nor on the order in which a matrix product adds up.
"""

import numpy as np

from strategies._checks import check_embeddings, check_k, check_labeled, check_weights
from strategies._types import FloatArray, IntArray

_HOT_ROWS = 2_048  # 3 MB at 384 columns: stays in cache from pick to pick
_CENTERS_PER_STEP = 128  # labeled items met before asking again who still matters
_SAMPLE_ROWS = 20_000  # rows that meet everything labeled first, to guess where the largest distances begin
_CHUNK_ROWS = 8_192
_PAIR_CHUNK = 2_048


def select(
    embeddings: FloatArray,
    k: int,
    *,
    labeled: FloatArray | None,
    weights: FloatArray | None,
    rng: np.random.Generator,
) -> IntArray:
    """Pick k items, each the farthest (Euclidean) from what is labeled and from the picks before it.

    Args:
        embeddings: (n_items, dim) of the candidates; not copied, so a memory-mapped array may exceed memory.
        k: how many items to pick, 1 to n_items.
        labeled: (n_labeled, dim) of what is labeled or already asked. None: the first pick is drawn at random.
        weights: (n_items,) >= 0: the distance of each item is multiplied by its weight; weight 0 is picked last.
        rng: draws the first pick when nothing is labeled (among the items of largest weight); not used otherwise.

    Returns:
        (k,) distinct positions, the largest distance first. Equal distances: the lowest position first.

    Raises:
        StrategyInputError: the arrays do not fit together, hold NaN, or k is out of range.
    """
    check_embeddings(embeddings)
    n, dim = embeddings.shape
    check_k(k, n)
    labeled = check_labeled(labeled, dim)
    weights = check_weights(weights, n)

    picks: list[int] = []
    if labeled is None:
        heaviest = np.arange(n) if weights is None else np.flatnonzero(weights == weights.max())
        picks.append(int(rng.choice(heaviest)))
    # Copies of a labeled item add nothing, and without them near ties in float64 have few centers to look at.
    start = embeddings[picks] if labeled is None else np.unique(labeled, axis=0)
    search = _FarthestSearch(embeddings, weights, start, room=k, keep=max(_HOT_ROWS, 4 * k))
    search.remove(picks)
    while len(picks) < k:
        pick = search.farthest()
        if pick is None:  # whatever is left coincides with a center or has weight 0
            left = np.setdiff1d(np.arange(n), picks)
            picks.extend(left[: k - len(picks)].tolist())
            break
        picks.append(pick)
        search.add_center(pick)
    return np.array(picks, dtype=np.int64)


class _FarthestSearch:
    """Finds the row with the largest (weighted) distance to its nearest center, while centers are added.

    Attributes:
        bound: (n,) float32, squared distance to the nearest of the first `seen[row]` centers: an upper bound of the
            distance to all of them; -1 for rows that are out of the search.
        seen: (n,) how many centers each row was compared with in float32.
        exact: (n,) float64, the same squared distance for rows that were ever in a near tie, over the first
            `settled[row]` centers; infinity before.
    """

    def __init__(
        self, rows: FloatArray, weights: FloatArray | None, centers: FloatArray, *, room: int, keep: int
    ) -> None:
        n, dim = rows.shape
        self.rows = rows
        self.weights = weights
        # Only ratios of weights matter; at most 1, they cannot blow up an error bound.
        self.factor = None if weights is None else np.square(weights / weights.max()).astype(np.float32)
        self.centers = np.empty((len(centers) + room, dim), dtype=np.result_type(rows, centers))
        self.centers[: len(centers)] = centers
        self.count = len(centers)
        self.bound = np.full(n, np.inf, dtype=np.float32)
        self.seen = np.zeros(n, dtype=np.int32)
        self.exact = np.full(n, np.inf)
        self.settled = np.zeros(n, dtype=np.int32)
        self.hot: IntArray = np.empty(0, dtype=np.int64)
        self.outside = np.inf  # largest bound of a row that is not hot
        self.error = self._float32_error()
        self._meet_first_centers(keep)

    def remove(self, positions: list[int]) -> None:
        """Take rows out of the search."""
        self.bound[positions] = -1.0

    def add_center(self, position: int) -> None:
        """Make a row a center, and take it out of the search."""
        self.centers[self.count] = self.rows[position]
        self.count += 1
        self.remove([position])

    def farthest(self) -> int | None:
        """The row with the largest weighted distance (of equals the first); None when no distance above 0 is left."""
        while True:
            self._catch_up(self.hot)
            reach = self._utility(self.hot)
            top = float(reach.max(initial=-1.0))
            # Two values, each wrong by `error` at most, cannot be told apart when closer than twice that.
            floor = top - 2.0 * self.error
            if self.outside >= floor or top < 0.0:
                if not self._widen():
                    return None
                continue
            tied = self.hot[reach >= max(floor, 0.0)]
            utility = self._settle(tied)
            best = int(tied[np.lexsort((tied, -utility))[0]])
            if utility.max() > 0.0:
                return best
            # All of these coincide with centers, for certain: what is left may still hold distances within the error.
            self.bound[tied] = -1.0

    def _utility(self, positions: IntArray) -> FloatArray:
        """Squared weighted bounds; -1 stays -1 (out of the search)."""
        bound = self.bound[positions]
        if self.factor is None:
            return bound
        return np.where(bound < 0.0, bound, bound * self.factor[positions])

    def _widen(self) -> bool:
        """Choose new hot rows: up to date, and with a maximum that no other row can reach.

        Returns:
            False when no row is left in the search.
        """
        utility = self.bound if self.factor is None else self._utility(np.arange(len(self.bound)))
        size = _HOT_ROWS
        alive = int(np.count_nonzero(utility >= 0.0))
        while alive:
            size = min(size, alive)
            order = np.argpartition(-utility, size - 1)
            self.hot = np.sort(order[:size])
            self.outside = float(utility[order[size:]].max(initial=-1.0))
            self._catch_up(self.hot)
            if self.factor is not None:
                utility[self.hot] = self._utility(self.hot)
            if size == alive:
                self.outside = -np.inf
            floor = float(utility[self.hot].max()) - 2.0 * self.error
            if self.outside < floor:
                self._trim(utility, floor)
                return True
            size *= 2  # many old bounds, or many equal distances: ever larger steps keep the number of steps small
        return False

    def _trim(self, utility: FloatArray, floor: float) -> None:
        """Keep only the best of many hot rows, unless what would be dropped could reach the maximum."""
        if len(self.hot) <= _HOT_ROWS:
            return
        order = np.argpartition(-utility[self.hot], _HOT_ROWS - 1)
        dropped = float(utility[self.hot[order[_HOT_ROWS:]]].max())
        if dropped < floor:
            self.outside = max(self.outside, dropped)
            self.hot = np.sort(self.hot[order[:_HOT_ROWS]])

    def _meet_first_centers(self, keep: int) -> None:
        """Compare rows with the first centers, in steps, as long as they may be among the `keep` farthest."""
        n = len(self.rows)
        everything = np.arange(n)
        if self.count <= _CENTERS_PER_STEP or n <= 2 * keep:
            self._compare(everything, 0, self.count)
            return
        sample = everything[:: max(1, n // _SAMPLE_ROWS)]
        self._compare(sample, 0, self.count)
        # A wrong guess costs time, never a wrong pick: rows left behind keep their bound and are found by `_widen`.
        reach = np.sort(self._utility(sample))
        cut = float(reach[-min(len(reach), int(np.ceil(keep * len(sample) / n)))])
        for low in range(0, self.count, _CENTERS_PER_STEP):
            waiting = np.flatnonzero(self.seen == low)
            if low:
                waiting = waiting[self._utility(waiting) >= cut]
            self._compare(waiting, low, min(low + _CENTERS_PER_STEP, self.count))

    def _catch_up(self, positions: IntArray) -> None:
        """Bring rows up to date with all centers, together with others that missed the same ones."""
        seen = self.seen[positions]
        for low in np.unique(seen):
            if low < self.count:
                self._compare(positions[seen == low], int(low), self.count)

    def _compare(self, positions: IntArray, low: int, high: int) -> None:
        """Lower the bounds of rows by their distance to centers[low:high], with FAISS."""
        import faiss  # here, because listing the strategies should not pay 0.2 s for it

        index = faiss.IndexFlatL2(self.rows.shape[1])
        index.add(np.ascontiguousarray(self.centers[low:high], dtype=np.float32))
        for start in range(0, len(positions), _CHUNK_ROWS):
            chunk = positions[start : start + _CHUNK_ROWS]
            squared, _ = index.search(np.ascontiguousarray(self.rows[chunk], dtype=np.float32), 1)
            self.bound[chunk] = np.minimum(self.bound[chunk], np.maximum(squared[:, 0], 0.0))
        self.seen[positions] = high

    def _settle(self, positions: IntArray) -> FloatArray:
        """Squared weighted distances in float64 of rows whose bounds are up to date."""
        settled = self.settled[positions]
        for low in np.unique(settled):
            if low < self.count:
                self._settle_against(positions[settled == low], int(low))
        exact = self.exact[positions]
        return exact if self.weights is None else exact * np.square(self.weights[positions])

    def _settle_against(self, positions: IntArray, low: int) -> None:
        """Lower the float64 distances of rows by centers[low:]; of those only the ones that may be the nearest."""
        centers = self.centers[low : self.count].astype(np.float32, copy=False)
        square = np.einsum("ij,ij->i", centers, centers)
        for start in range(0, len(positions), _PAIR_CHUNK):
            chunk = positions[start : start + _PAIR_CHUNK]
            rows = self.rows[chunk].astype(np.float32)
            squared = np.einsum("ij,ij->i", rows, rows)[:, None] + square - 2.0 * (rows @ centers.T)
            near = np.nonzero(squared <= (self.bound[chunk] + 2.0 * self.error)[:, None])
            for part in range(0, len(near[0]), _PAIR_CHUNK):
                who, whom = (side[part : part + _PAIR_CHUNK] for side in near)
                gap = self.rows[chunk[who]].astype(np.float64) - self.centers[low + whom]
                np.minimum.at(self.exact, chunk[who], np.einsum("ij,ij->i", gap, gap))
        self.settled[positions] = self.count

    def _float32_error(self) -> float:
        """Largest error of a squared distance in float32.

        |x|^2 + |c|^2 - 2 x.c: a sum of dim products errs by dim roundings at most in whatever order it is added up, and
        all three together by at most 4 times that of the largest squared norm (Higham, "Accuracy and Stability of
        Numerical Algorithms", section 3.1).
        """
        largest = 0.0
        for matrix in (self.centers[: self.count], self.rows):
            for start in range(0, len(matrix), _CHUNK_ROWS):
                block = matrix[start : start + _CHUNK_ROWS].astype(np.float32, copy=False)
                largest = max(largest, float(np.einsum("ij,ij->i", block, block).max()))
        roundings = self.rows.shape[1] + 8
        return 4.0 * roundings * float(np.finfo(np.float32).eps) / 2.0 * largest
