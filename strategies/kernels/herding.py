"""Greedy kernel coverage of a pool of any size: what MaxHerding and uncertainty herding share.

The objective is the mean over the pool of worth(x) * max over labeled and picked s of K(x, s), with a Gaussian kernel K.
It is monotone and submodular, so greedy picks are within 1 - 1/e of the best batch. Computing it in full takes the
kernel of all pairs; three ways around that, and how much each may lose is estimated:

- up to 10,000 items all pairs count: nothing is lost. Their kernel is kept, 400 MB, or only the pairs that can still
  matter, where what is labeled leaves few;
- above, items to be covered and items to pick from are sampled. For the same number of pairs more of the former and fewer
  of the latter are better: with one target for every pick, the picks learn the sample by heart;
- when so much is labeled that whoever could still cover an item better is among its nearest neighbours, the neighbour
  graph holds every pair that matters, and all items count.

Lazy evaluation: Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from strategies.errors import StrategyInputError
from strategies.inputs import Tell, say_nothing
from strategies.kernels.checks import check_embeddings, check_k, check_labeled, check_weights
from strategies.kernels.copies import first_of_each
from strategies.kernels.gaussian import Float32, GaussianKernel, float32, squared_distances, squared_lengths
from strategies.kernels.lazy_greedy import lazy_greedy
from strategies.kernels.neighbours import Neighbours
from strategies.kernels.pairs import Pairs, pick_greedily
from strategies.kernels.parallel import map_blocks, one_thread_each
from strategies.kernels.row_gains import row_gains
from strategies.kernels.ties import first_and_largest
from strategies.kernels.types import FloatArray, IntArray

Method = Literal["all pairs", "sample", "graph"]

_ALL_PAIRS = 10_000  # items up to which every one counts
_TARGETS_PER_LABEL = (
    16  # measured, at the same number of pairs: with 7 the coverage is 1.4 % below that with 33
)
_FEWEST_TARGETS, _MOST_TARGETS = 4_096, 32_768
_CANDIDATES_PER_PICK = 48  # measured: with 20 the loss is 1 %
_FEWEST_CANDIDATES, _MOST_CANDIDATES = 20_000, 49_152
_LOST_CANDIDATES = 0.01  # measured: share of the coverage lost because only so many can be picked
_START_PAIRS = (
    10**8
)  # kernel values that the first picks may be chosen with; beyond, they come from a part of the sample
_START_TARGETS, _START_CANDIDATES = 4_096, 8_192
_MOST_PAIRS = 56_000_000  # near pairs in memory, 16 bytes each
_FEW_NEAR = 0.12  # share of all pairs up to which only the near ones are kept: it is quicker, and takes half the memory
_PROBE_CANDIDATES = 512  # tell how many pairs there would be
_WIDTH_TARGETS, _WIDTH_ROWS = 256, 100_000
# Squared distances below this share of the squared lengths are rounding: the rows are copies, and set no scale.
_ROUNDING = 1e-6
_JUDGE_TARGETS = 4_096  # not among the targets of the choice: coverage is measured where it was not aimed at
_GRAPH_LOSS = 0.01  # share of the coverage that pairs outside the graph may hold
_BLOCK = 256
_REFRESH = 256  # gains computed again at a time


@dataclass(frozen=True, slots=True)
class Herded:
    """A batch, and how it was found.

    Attributes:
        positions: (k,) distinct, the greatest gain first.
        gains: (k,) what each added to the coverage.
        coverage: mean over the pool of worth times similarity to the nearest of labeled and picked, in [0, 1].
        method: how the objective was computed.
        estimated_loss: share of the coverage by which the batch may fall short of the greedy choice over all pairs. Of a
            sample: by how much its coverage exceeds that of an independent sample, which is what learning the targets
            by heart costs; that only some items could be picked is not in it (some 1 % more). With the graph: what
            pairs beyond the last neighbours could add at most. 0 with all pairs.
        width: of the kernel, a Euclidean distance.
    """

    positions: IntArray
    gains: FloatArray
    coverage: float
    method: Method
    estimated_loss: float
    width: float


def herd(
    embeddings: FloatArray,
    k: int,
    *,
    labeled: FloatArray | None,
    worth: FloatArray | None,
    weights: FloatArray | None,
    neighbours: Neighbours | None = None,
    rng: np.random.Generator,
    tell: Tell = say_nothing,
    items: str = "items",
) -> Herded:
    """Pick the batch that covers the candidates best together with what is labeled.

    Args:
        embeddings: (n, dim) of the candidates; not copied.
        k: how many items to pick, 1 to n.
        labeled: (m, dim) of what is labeled or already asked; None: nothing is.
        worth: (n,) >= 0 what covering each item is worth; None: all the same.
        weights: (n,) >= 0 by which the gain of choosing each is multiplied; None: all the same.
        neighbours: of the candidates, for when the graph suffices; only for rows of length 1.
        rng: draws the samples; not used for the batch up to 10,000 items.
        tell: gets a sentence about the estimated loss where not all pairs count.
        items: what that sentence calls them.

    Returns:
        The batch. Exact copies of a pick come last.

    Raises:
        StrategyInputError: the arrays do not fit together, hold NaN, or k is out of range.
    """
    check_embeddings(embeddings)
    n, dim = embeddings.shape
    check_k(k, n)
    labeled = check_labeled(labeled, dim)
    weights = check_weights(weights, n)
    if neighbours is not None and len(neighbours) != n:
        raise StrategyInputError(
            f"The neighbour graph has {len(neighbours):,} items, but there are {n:,} candidates. Build it for these."
        )
    worth = np.ones(n) if worth is None or not worth.any() else worth.astype(np.float64)
    factor = np.ones(n) if weights is None else weights / weights.max()
    with one_thread_each():
        found = _Herding(embeddings, k, labeled, worth, factor, neighbours, rng).batch()
    if found.method == "sample":
        missed = found.estimated_loss + _LOST_CANDIDATES
        tell(f"Coverage of {n:,} {items} was judged by a sample of them: about {missed:.1%} may be missed.")
    elif found.method == "graph":
        missed = found.estimated_loss
        tell(
            f"Coverage of {n:,} {items} was judged by their neighbour graph: at most {missed:.1%} is missed."
        )
    return found


class _Herding:
    """One batch on its way.

    Attributes:
        first: (n,) for each row which of its copies stands for all: the heaviest, of equal ones the first.
        distinct: (u,) positions of those rows, without those of weight 0: only these are picked by gain.
    """

    def __init__(
        self,
        rows: FloatArray,
        k: int,
        labeled: FloatArray | None,
        worth: FloatArray,
        factor: FloatArray,
        neighbours: Neighbours | None,
        rng: np.random.Generator,
    ) -> None:
        self.rows, self.k, self.worth, self.factor, self.rng = rows, k, worth, factor, rng
        self.n = len(rows)
        self.neighbours = neighbours
        self.labeled = np.empty((0, rows.shape[1]), np.float32) if labeled is None else float32(labeled)
        self.first = self._heaviest_of_each(first_of_each(rows))
        self.distinct = np.flatnonzero((self.first == np.arange(self.n)) & (factor > 0.0))
        self.kernel = GaussianKernel(self._width())

    def batch(self) -> Herded:
        """Choose the way, pick, fill up with copies, measure."""
        wanted = min(self.k, len(self.distinct))
        if self.n <= _ALL_PAIRS:
            picks, aimed = self._from_all_pairs(wanted)
            return self._judged(picks, "all pairs", aimed)
        if self.neighbours is not None:
            found = self._from_graph(wanted)
            if found is not None:
                return found
        size = _TARGETS_PER_LABEL * (self.k + len(self.labeled))
        targets, worth = draw_in_proportion(
            self.worth, int(np.clip(size, _FEWEST_TARGETS, min(self.n, _MOST_TARGETS))), self.rng
        )
        picks, aimed = self._from_sample(targets, worth, self._candidates(wanted), wanted)
        return self._judged(picks, "sample", aimed)

    def _heaviest_of_each(self, first: IntArray) -> IntArray:
        order = np.lexsort((-self.factor, first))
        groups, start = np.unique(first[order], return_index=True)
        heaviest = np.empty(self.n, dtype=np.int64)
        heaviest[groups] = order[start]
        return heaviest[first]

    def _candidates(self, wanted: int) -> IntArray:
        """Some of the distinct items, drawn in proportion to weight and to worth (half of it to weight alone)."""
        size = max(
            int(np.clip(_CANDIDATES_PER_PICK * wanted, _FEWEST_CANDIDATES, _MOST_CANDIDATES)), 2 * wanted
        )
        if size >= len(self.distinct):
            return self.distinct
        rate = self.factor[self.distinct] * (1.0 + self.worth[self.distinct] / self.worth.mean())
        # the smallest of independent exponential arrival times are such a draw; rate 0 arrives after all others
        arrival = np.full(len(rate), np.inf)
        np.divide(self.rng.exponential(size=len(rate)), rate, out=arrival, where=rate > 0.0)
        return self.distinct[np.sort(np.argpartition(arrival, size - 1)[:size])]

    def _from_all_pairs(self, wanted: int) -> tuple[IntArray, float]:
        """Picks by the kernel of all pairs, and their coverage."""
        rows = float32(self.rows)
        covered = self.kernel.cover(np.zeros(self.n, np.float32), self.labeled, rows)
        probe = rows[:: max(1, self.n // _PROBE_CANDIDATES)]
        near = self.kernel.squared(rows, probe) < self.kernel.reach(covered)[:, None]
        if near.mean() <= _FEW_NEAR:
            return self._by_near_pairs(rows, covered, self.worth, self.distinct, wanted)
        worth = (self.worth / self.worth.sum()).astype(np.float32)
        covered *= worth
        similar = self.kernel.all_pairs(rows)
        similar *= worth  # max(0, worth * a - worth * b) is worth * max(0, a - b)

        def gain(some: IntArray) -> NDArray[np.float64]:
            gains = np.empty(len(some))
            row_gains(similar, self.distinct[some], covered, gains)
            return np.asarray(gains * self.factor[self.distinct[some]])

        def take(pick: int) -> None:
            np.maximum(covered, similar[self.distinct[pick]], out=covered)

        picks = self.distinct[lazy_greedy(len(self.distinct), wanted, gain, take)]
        return picks, float(covered.sum(dtype=np.float64))

    def _from_sample(
        self, targets: IntArray, worth: FloatArray, candidates: IntArray, wanted: int
    ) -> tuple[IntArray, float]:
        """Picks by the coverage of these targets, and that coverage."""
        goals = float32(self.rows[targets])
        covered = self.kernel.cover(np.zeros(len(goals), np.float32), self.labeled, goals)
        return self._by_near_pairs(goals, covered, worth, candidates, wanted)

    def _by_near_pairs(
        self, goals: Float32, covered: Float32, worth: FloatArray, candidates: IntArray, wanted: int
    ) -> tuple[IntArray, float]:
        """Picks with no more in memory than pairs that can still matter, and the coverage of the goals."""
        choices = float32(self.rows[candidates])
        start = self._first_picks(choices, goals, covered, worth, self.factor[candidates], wanted)
        covered = self.kernel.cover(covered, choices[start], goals)
        rest: IntArray = np.empty(0, np.int64)
        if len(start) < wanted:
            allowed = np.ones(len(choices), dtype=bool)
            allowed[start] = False
            pairs = Pairs.of(self.kernel.pairs(goals, choices, covered))
            rest = pick_greedily(pairs, covered, worth, self.factor[candidates], allowed, wanted - len(start))
        return candidates[np.concatenate((start, rest))], float(covered @ worth / worth.sum())

    def _first_picks(
        self,
        choices: Float32,
        goals: Float32,
        covered: Float32,
        worth: FloatArray,
        factor: FloatArray,
        k: int,
    ) -> IntArray:
        """Picks until so few pairs matter that they fit into memory: before, kernel rows are computed as they are needed."""
        among: IntArray = np.arange(len(choices))
        aims: IntArray = np.arange(len(goals))
        if len(choices) * len(goals) > _START_PAIRS:
            size = min(len(choices), max(_START_CANDIDATES, 2 * k))
            among = np.sort(self.rng.choice(len(choices), size, replace=False))
            aims = np.sort(self.rng.choice(len(goals), min(len(goals), _START_TARGETS), replace=False))
        probe = choices[:: max(1, len(choices) // _PROBE_CANDIDATES)]
        squared = self.kernel.squared(goals, probe)
        reach = self.kernel.reach(covered)
        lazy = None
        picks: list[int] = []
        while len(picks) < k:
            matter = np.count_nonzero(squared < reach[:, None]) / squared.size
            if matter * len(choices) * len(goals) <= _MOST_PAIRS:
                break
            if lazy is None:
                lazy = _Lazy(
                    self.kernel, choices[among], goals[aims], covered[aims], worth[aims], factor[among]
                )
            pick = int(among[lazy.pick()])
            picks.append(pick)
            reach = np.minimum(reach, self.kernel.squared(goals, choices[pick : pick + 1])[:, 0])
        return np.array(picks, dtype=np.int64)

    def _from_graph(self, wanted: int) -> Herded | None:
        """Picks by the neighbour graph; None when it does not hold the pairs that matter."""
        assert self.neighbours is not None  # noqa: S101  asked before
        squared = np.einsum("ij,ij->i", self.rows, self.rows)
        if not (np.abs(squared - 1.0) <= 1e-3).all():
            return None
        covered = self.kernel.cover_rows(self.rows, self.labeled)
        cosines, near = self.neighbours.cosines, self.neighbours.rows
        # of an item that lost all its neighbours nothing is known: anything might be next to it
        last = np.where(near >= 0, cosines, 2.0).min(axis=1, initial=2.0)
        last[last > 1.0] = 1.0
        beyond = self.kernel.of(2.0 - 2.0 * last)
        total = self.worth.sum()

        def loss(covered: Float32) -> float:
            return float(np.maximum(beyond - covered, 0.0) @ self.worth / total)

        def blocks() -> Iterator[tuple[IntArray, NDArray[np.int32], Float32]]:
            for low in range(0, self.n, _BLOCK * _BLOCK):
                where = slice(low, min(low + _BLOCK * _BLOCK, self.n))
                own = np.arange(where.start, where.stop, dtype=np.int32)
                others = np.concatenate((own[:, None], near[where]), axis=1)
                values = np.concatenate(
                    (np.ones((len(own), 1), np.float32), self.kernel.of(2.0 - 2.0 * cosines[where])), axis=1
                )
                # instead of a copy, whoever stands for it is picked; it counts once
                others = np.where(others >= 0, self.first[others], -1).astype(np.int32)
                order = np.argsort(others, axis=1, kind="stable")
                others = np.take_along_axis(others, order, axis=1)
                values = np.take_along_axis(values, order, axis=1)
                matter = (np.diff(others, axis=1, prepend=-1) > 0) & (values > covered[where, None])
                yield matter.sum(axis=1), others[matter], values[matter]

        if loss(covered) > _GRAPH_LOSS:
            return None
        allowed = np.zeros(self.n, dtype=bool)
        allowed[self.distinct] = True
        picks = pick_greedily(Pairs.of(blocks()), covered, self.worth, self.factor, allowed, wanted)
        coverage = float(covered @ self.worth / total)
        return self._judged(picks, "graph", coverage, loss(covered) / max(coverage, 1e-12))

    def _judged(self, picks: IntArray, method: Method, aimed: float, loss: float | None = None) -> Herded:
        """The batch with its copies, and what each pick gained on targets that the choice did not aim at."""
        if len(picks) < self.k:
            left = np.setdiff1d(np.arange(self.n), picks)
            order = np.lexsort((-self.factor[left], self.first[left] != left, self.factor[left] == 0.0))
            left = left[order]
            picks = np.concatenate((picks, left[: self.k - len(picks)]))
        targets: IntArray = np.arange(self.n)
        worth = self.worth
        if method != "all pairs":
            targets, worth = draw_in_proportion(self.worth, min(self.n, _JUDGE_TARGETS), self.rng)
        goals, chosen = float32(self.rows[targets]), float32(self.rows[picks])
        before = self.kernel.cover(np.zeros(len(goals), np.float32), self.labeled, goals)
        after = np.zeros(len(picks) + 1)
        for start in range(0, len(goals), _BLOCK):
            where = slice(start, start + _BLOCK)
            steps = np.concatenate(
                (before[None, where], self.kernel.of(self.kernel.squared(chosen, goals[where])))
            )
            after += np.maximum.accumulate(steps, axis=0).astype(np.float64) @ worth[where]
        after /= worth.sum()
        if loss is None:
            loss = 0.0 if method == "all pairs" else max(0.0, 1.0 - float(after[-1]) / max(aimed, 1e-12))
        gains = np.maximum(np.diff(after), 0.0)  # what rounding leaves below nothing
        return Herded(picks, gains, float(after[-1]), method, loss, self.kernel.width)

    def _width(self) -> float:
        """Median distance to the (pool / labels after this batch)-th neighbour: the share that each label stands for."""
        labels = self.k + len(self.labeled)
        rows = min(self.n, max(20_000, min(20 * labels, _WIDTH_ROWS)))
        some = np.arange(self.n) if rows == self.n else np.sort(self.rng.choice(self.n, rows, replace=False))
        pool = float32(self.rows[some])
        step = max(1, rows // _WIDTH_TARGETS)
        targets = pool[::step][:_WIDTH_TARGETS]
        squared = squared_distances(targets, pool)
        squared[squared <= _ROUNDING * np.add.outer(squared_lengths(targets), squared_lengths(pool))] = 0.0
        rank = int(np.clip(round(rows / labels), 1, rows - 1)) if rows > 1 else 0
        width = float(np.sqrt(np.median(np.partition(squared, rank, axis=1)[:, rank])))
        if width > 0.0:
            return width
        # More than half of the pool are copies of each other: the nearest that is no copy sets the scale.
        positive = squared[squared > 0.0]
        return float(np.sqrt(positive.min())) if len(positive) else 1.0


class _Lazy:
    """Greedy picks with kernel rows computed as they are needed: an old gain is an upper bound of the gain."""

    def __init__(
        self,
        kernel: GaussianKernel,
        choices: Float32,
        goals: Float32,
        covered: Float32,
        worth: FloatArray,
        factor: FloatArray,
    ) -> None:
        self.kernel, self.choices, self.goals = kernel, choices, goals
        self.covered = covered.copy()
        self.worth = (worth / worth.sum()).astype(np.float32)
        self.factor = factor
        starts = range(0, len(choices), _REFRESH)
        self.gains = np.concatenate(
            [
                *map_blocks(
                    lambda start: self._gain(np.arange(start, min(start + _REFRESH, len(choices)))), starts
                )
            ]
        )
        self.fresh = np.ones(len(choices), dtype=bool)

    def pick(self) -> int:
        """The next; of gains that are equal to within rounding the lowest position."""
        best, largest = first_and_largest(self.gains)
        while not (self.fresh[best] and self.fresh[largest]):
            stale = np.where(self.fresh, -1.0, self.gains)
            size = min(_REFRESH, len(stale))
            top = np.union1d(np.argpartition(-stale, size - 1)[:size], [best, largest])
            top = top[stale[top] >= 0.0]
            self.gains[top] = self._gain(top)
            self.fresh[top] = True
            best, largest = first_and_largest(self.gains)
        row = self.choices[best : best + 1]
        self.covered = self.kernel.cover(self.covered, row, self.goals)
        self.gains[best] = -1.0
        self.fresh[:] = False
        return best

    def _gain(self, rows: IntArray) -> FloatArray:
        more = self.kernel.of(self.kernel.squared(self.choices[rows], self.goals))
        more -= self.covered
        np.maximum(more, 0.0, out=more)
        gains: FloatArray = (more @ self.worth).astype(np.float64) * self.factor[rows]
        return gains


def draw_in_proportion(worth: FloatArray, size: int, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """A systematic sample in proportion to size, with what each drawn item stands for.

    Args:
        worth: (n,) >= 0, not all zero.
        size: about how many; all that are worth anything when there are no more.
        rng: shuffles the items, and draws the start.

    Returns:
        (m,) ascending positions, and (m,) their worth divided by the probability that they are drawn, so that sums over
        the sample estimate sums over all without bias (Horvitz & Thompson, 1952).
    """
    rates = worth / worth.max()
    positive = np.flatnonzero(rates)
    if len(positive) <= size:
        return positive, worth[positive]
    # items worth so much that they are drawn for certain leave the rest of the sample to the others
    largest = -np.sort(-rates[positive])
    rest = np.cumsum(largest[::-1])[::-1]
    factors = (size - np.arange(size)) / rest[:size]
    factor = factors[np.argmax(largest[:size] * factors <= 1.0 + 1e-9)]
    probability = np.minimum(rates * factor, 1.0)
    order = rng.permutation(len(worth))
    ticks = np.floor(np.cumsum(probability[order]) + rng.random())
    drawn = np.sort(order[np.diff(ticks, prepend=0.0) > 0.0])
    return drawn, worth[drawn] / probability[drawn]
