"""Ranked batch mode: uncertain items that are unlike everything labeled, one after the other.

score = alpha (1 - similarity) + (1 - alpha) uncertainty, where similarity is 1 / (1 + distance) to the nearest labeled
item or pick, and alpha the share of items that are not labeled: difference counts first, uncertainty more and more.

Source: Cardoso, Silva, Canuto, Moro & Goncalves, "Ranked batch-mode active learning", Information Sciences 2017. The picks
are those of a pass over all items at every pick.
"""

import numpy as np

from strategies.inputs import check_uncertainty
from strategies.kernels.checks import check_embeddings, check_k, check_labeled, check_weights
from strategies.kernels.parallel import one_thread_each
from strategies.kernels.ties import first_and_largest, first_of_largest
from strategies.kernels.types import FloatArray, IntArray

_BLOCK_NUMBERS = 2_000_000  # distances at a time: 8 MB
_REFRESH = 64  # items compared anew at a time


def select(
    embeddings: FloatArray,
    k: int,
    *,
    labeled: FloatArray | None,
    weights: FloatArray | None,
    rng: np.random.Generator,  # noqa: ARG001  nothing here is left to chance
    uncertainty: FloatArray,
) -> IntArray:
    """Pick items by the ranked score, which counts each pick as labeled from then on.

    Args:
        embeddings: (n_items, dim) of the candidates.
        k: how many items to pick, 1 to n_items.
        labeled: (n_labeled, dim) of what is labeled or already asked. None: the first pick is the item nearest to the mean
            of the pool (the smallest mean squared distance to all).
        weights: (n_items,) >= 0: scores are multiplied by it; weight 0 is picked last.
        rng: not used.
        uncertainty: (n_items,) in [0, 1], 1 = an exact tie of the two likeliest classes.

    Returns:
        (k,) distinct positions, best first. Scores equal to within rounding: the lowest position first.

    Raises:
        StrategyInputError: the arrays do not fit together, hold NaN, or k is out of range.
    """
    check_embeddings(embeddings)
    n, dim = embeddings.shape
    check_k(k, n)
    labeled = check_labeled(labeled, dim)
    weights = check_weights(weights, n)
    uncertain = check_uncertainty(uncertainty, n)

    with one_thread_each():
        search = _Nearest(embeddings, k)
        picks: list[int] = []
        if labeled is None:
            picks.append(_nearest_to_mean(embeddings, weights))
            search.meet(embeddings[picks])
        else:
            search.meet(labeled)
        n_labeled = 0 if labeled is None else len(labeled)
        while len(picks) < k:
            alpha = (n - len(picks)) / (n + n_labeled)
            picks.append(_best(search, uncertain, alpha, weights, picks))
            search.add(picks[-1])
    return np.array(picks, dtype=np.int64)


def _best(
    search: "_Nearest", uncertain: FloatArray, alpha: float, weights: FloatArray | None, picks: list[int]
) -> int:
    """The item of the largest score.

    A distance that has not met the last picks is too large at most, and so is its score: the search ends when the largest
    score of all is up to date.
    """

    def score(rows: IntArray | slice) -> FloatArray:
        away = np.sqrt(search.squared[rows])
        # 1 - 1 / (1 + d) is d / (1 + d), which does not cancel near 0
        value = alpha * (away / (1.0 + away)) + (1.0 - alpha) * uncertain[rows]
        return value if weights is None else value * weights[rows]

    scores = score(slice(None))
    scores[picks] = -1.0
    while True:
        best, largest = first_and_largest(scores)
        if search.seen[best] == search.seen[largest] == len(search):
            return best
        stale = np.where(search.seen < len(search), scores, -1.0)
        size = min(_REFRESH, len(stale))
        rows = np.union1d(np.argpartition(-stale, size - 1)[:size], [best, largest])
        rows = rows[stale[rows] >= 0.0]
        search.refresh(rows)
        scores[rows] = score(rows)


class _Nearest:
    """Squared distances to the nearest labeled item or pick; of items that do not come into question, old ones.

    Attributes:
        squared: (n,) float32, the distance to what is labeled and the first `seen` picks.
        seen: (n,) how many picks each item was compared with.
    """

    def __init__(self, rows: FloatArray, room: int) -> None:
        self.rows = rows
        self.squared = np.full(len(rows), np.inf, dtype=np.float32)
        self.seen = np.zeros(len(rows), dtype=np.int64)
        self.picks = np.empty((room, rows.shape[1]), dtype=np.float32)
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def meet(self, labeled: FloatArray) -> None:
        """Compare everything with what is labeled."""
        labeled = labeled.astype(np.float32, copy=False)
        step = max(1, _BLOCK_NUMBERS // max(len(labeled), self.rows.shape[1]))
        for start in range(0, len(self.rows), step):
            rows = slice(start, start + step)
            self.squared[rows] = _squared(self.rows[rows], labeled)

    def add(self, position: int) -> None:
        """Count an item as labeled."""
        self.picks[self.count] = self.rows[position]
        self.count += 1

    def refresh(self, positions: IntArray) -> None:
        """Compare items with the picks that they have not met."""
        first = int(self.seen[positions].min())
        found = _squared(self.rows[positions], self.picks[first : self.count])
        self.squared[positions] = np.minimum(self.squared[positions], found)
        self.seen[positions] = self.count


def _squared(rows: FloatArray, others: FloatArray) -> FloatArray:
    """(rows,) squared distance to the nearest of the others, in float32."""
    rows = rows.astype(np.float32, copy=False)
    gaps = rows @ (-2.0 * others.T)
    gaps += np.einsum("ij,ij->i", others, others)
    squared: FloatArray = gaps.min(axis=1)
    squared += np.einsum("ij,ij->i", rows, rows)
    return np.maximum(squared, 0.0, out=squared)


def _nearest_to_mean(rows: FloatArray, weights: FloatArray | None) -> int:
    mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)[None]
    search = _Nearest(rows, 0)
    search.meet(mean)
    similarity = 1.0 / (1.0 + np.sqrt(search.squared))
    return first_of_largest(similarity if weights is None else similarity * weights)
