"""The k nearest neighbours of every item by cosine, with FAISS: exact for small pools, recall measured for large ones.

Up to some 20,000 items all cosines are computed. Above that, each item is compared with the compressed items of the cells of
the pool that are nearest to it (`vector_index.CompressedIndex`), and what is found is compared once more without compression:
the cosines of the lists are those of the embeddings. How many cells are looked into follows from the true neighbours of a
random sample. A second, independent sample then measures the recall that is reported.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategies.errors import StrategyInputError
from strategies.kernels.checks import check_embeddings
from strategies.kernels.copies import first_of_each
from strategies.kernels.neighbours import Neighbours
from strategies.kernels.parallel import map_blocks
from strategies.kernels.types import FloatArray, IntArray
from strategies.kernels.vector_index import (
    CompressedIndex,
    inverse_lengths,
    most_similar,
    products_by_number,
)

NEIGHBOURS = 32
TARGET_RECALL = 0.95
SAMPLE_ROWS = 256  # their 8,192 neighbours give the recall to within about 0.01
_EXACT_PAIRS = 2**29  # cosines that are computed rather than avoided: 0.4 TFLOP at 384 columns, some seconds
_FEW = 1_024  # items among which compressing would spare nothing
_MOST_COMPARED = 32_768  # items that one item is compared with: keeps a pool without structure to minutes
_ROOM = 0.015  # recall aimed at above the target by the cells: for what compression misses ...
_SPARE = 0.005  # ... and of that, for the second sample
_CANDIDATES = (
    2,
    4,
    8,
    16,
    32,
)  # per neighbour, to be compared without compression: the fewest that reach the target
_ROWS_PER_CELL = 64  # that the cells are learned from
_QUERIES = 2_048  # items searched for together
_TARGETS = 16_384  # items that are compared with all of those at a time
_TIE = 1e-6  # rounding of a float32 cosine: neighbours this close to the k-th are as good

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class GraphReport:
    """How a neighbour graph was made, and how good it is.

    Attributes:
        rows: items searched for.
        seconds: it took, measuring the recall included.
        recall: share of the true k nearest neighbours that were found (one as near as the k-th counts), on average over
            `recall_rows` random items; 1 where all were compared with all.
        recall_rows: items of that sample.
        compared: share of all pairs of items that were compared, about.
    """

    rows: int
    seconds: float
    recall: float
    recall_rows: int
    compared: float


def build(
    embeddings: FloatArray,
    *,
    k: int = NEIGHBOURS,
    target_recall: float = TARGET_RECALL,
    rng: np.random.Generator,
    advance: Advance = lambda _: None,
) -> tuple[Neighbours, GraphReport]:
    """Find the nearest neighbours of every item.

    Args:
        embeddings: (n, dim), of any length; not copied where they are float32. A row of zeros has no neighbours and is nobody's.
        k: neighbours of each; fewer where there are fewer items.
        target_recall: recall to reach; a pool without structure may stay below, as the report then says.
        rng: draws the sample that the cells are learned from, and those that measure the recall.
        advance: called with the number of items just searched for; n in all.

    Returns:
        The neighbours, (n, k), and how they were found. The same seed gives the same on any number of threads.

    Raises:
        StrategyInputError: no float matrix, or one with NaN; k below 1.
    """
    nobody = Neighbours(np.empty((0, k), dtype=np.int32), np.empty((0, k), dtype=np.float32))
    return extend(nobody, embeddings, target_recall=target_recall, rng=rng, advance=advance)


def extend(
    old: Neighbours,
    embeddings: FloatArray,
    *,
    target_recall: float = TARGET_RECALL,
    rng: np.random.Generator,
    advance: Advance = lambda _: None,
) -> tuple[Neighbours, GraphReport]:
    """Add items to a graph: their neighbours among all, and them to the lists of the old items they are close to.

    Args:
        old: the neighbours of the first len(old) rows among themselves.
        embeddings: (n, dim): the same rows, then the new ones.
        target_recall: as in `build`.
        rng: as in `build`.
        advance: called with the number of items just searched for; n in all.

    Returns:
        The neighbours of all, (n, k) with the k of `old`, and how they were found; the recall is that of all.

    Raises:
        StrategyInputError: no float matrix, one with NaN, fewer rows than `old` has, or k below 1.
    """
    started = time.perf_counter()
    n, known = len(embeddings), len(old)
    if n < known:
        raise StrategyInputError(f"The graph has {known:,} items, the embeddings have {n:,}. Build it again.")
    search = _Search(embeddings, old)
    advance(n - len(search.asking))
    new = search.asking >= known
    compared = search.run(search.asking[new], search.worth_finding, target_recall, rng, advance)
    if known:
        fresh = search.worth_finding[search.worth_finding >= known]
        search.run(search.asking[~new], fresh, target_recall, rng, advance)
    sample = np.sort(rng.choice(search.there, size=min(len(search.there), SAMPLE_ROWS), replace=False))
    recall = search.recall(sample)
    search.found.cosines[search.found.rows < 0] = 0.0
    seconds = time.perf_counter() - started
    return search.found, GraphReport(n - known, seconds, recall, len(sample), compared)


class _Search:
    """Looks for neighbours of some items among some items, and enters them into lists.

    Attributes:
        found: the lists so far; -1 and -inf where they are not full.
        there: items that are not zero, ascending.
        asking: those of them whose neighbours have to be looked for. Of an item with more copies than k these are copies:
            the next k, so that each is the neighbour of some.
        worth_finding: those of them that can be in the lists of `asking`: k copies of an item fill a list.
    """

    def __init__(self, embeddings: FloatArray, old: Neighbours) -> None:
        check_embeddings(embeddings)
        self.k = old.rows.shape[1]
        if self.k < 1:
            raise StrategyInputError(f"Asked for {self.k} neighbours of each item; ask for at least 1.")
        scale = inverse_lengths(embeddings)
        plain = embeddings.dtype == np.float32 and embeddings.flags.c_contiguous and embeddings.flags.aligned
        # float32 rows stay where they are, and their products are scaled; others are copied
        self._rows = (
            embeddings if plain else np.ascontiguousarray(embeddings * scale[:, None], dtype=np.float32)
        )
        self._scale = scale.astype(np.float32) if plain else (scale > 0.0).astype(np.float32)
        self.there: IntArray = np.flatnonzero(scale > 0.0)
        self.found = self._empty(len(embeddings))
        self.found.rows[: len(old)] = old.rows
        self.found.cosines[: len(old)] = np.where(old.rows >= 0, old.cosines, -np.inf)
        self._link_copies(first_of_each(embeddings)[self.there])

    def _empty(self, count: int) -> Neighbours:
        shape = (count, self.k)
        return Neighbours(np.full(shape, -1, dtype=np.int32), np.full(shape, -np.inf, dtype=np.float32))

    def _link_copies(self, first: IntArray) -> None:
        """Make out who has more than k copies, and what that spares.

        Args:
            first: (there,) the first copy of each item.
        """
        order = np.argsort(first, kind="stable")
        _, begins, sizes = np.unique(first[order], return_index=True, return_counts=True)
        size, begin = np.repeat(sizes, sizes), np.repeat(begins, sizes)
        number = np.arange(len(order)) - begin  # of each among its copies
        self.asking = np.sort(self.there[order[size <= self.k]])
        self.worth_finding = np.sort(self.there[order[(size <= self.k) | (number < self.k)]])
        many = np.flatnonzero(size > self.k)
        following = (number[many, None] + np.arange(1, self.k + 1)) % size[many, None] + begin[many, None]
        items = self.there[order]
        self.found.rows[items[many]] = items[following]
        self.found.cosines[items[many]] = 1.0

    def units(self, positions: IntArray) -> NDArray[np.float32]:
        """(m, dim) items as vectors of length 1."""
        return self._rows[positions] * self._scale[positions, None]

    def run(
        self,
        queries: IntArray,
        among: IntArray,
        target_recall: float,
        rng: np.random.Generator,
        advance: Advance,
    ) -> float:
        """Enter the neighbours of `queries` among `among` into the lists.

        Args:
            queries: (m,) ascending.
            among: (c,) ascending; those of them that are in lists already are entered once more where they are found.
            target_recall: to be reached.
            rng: draws samples.
            advance: called with the number of items just searched for.

        Returns:
            Share of the pairs that were compared.
        """
        if not len(queries) or not len(among):
            advance(len(queries))
            return 1.0
        plan = None
        if len(among) > _FEW and len(queries) * len(among) > _EXACT_PAIRS:
            plan = self._plan(queries, among, target_recall, rng)

        def work(where: slice) -> int:
            some = queries[where]
            if plan is None:
                self._enter_exactly(self.found, some, some, among)
            else:
                near = plan.index.candidates(self.units(some), plan.candidates)
                self._enter(self.found, some, some, near)
            return len(some)

        pieces = (slice(start, start + _QUERIES) for start in range(0, len(queries), _QUERIES))
        for done in map_blocks(work, pieces):
            advance(done)
        return 1.0 if plan is None else plan.compared

    def _plan(
        self, queries: IntArray, among: IntArray, target_recall: float, rng: np.random.Generator
    ) -> "_Plan | None":
        """How to find the neighbours without comparing all; None where that would not spare half of it."""
        n, cells = len(among), int(np.sqrt(len(among)))
        learning = rng.choice(among, size=min(n, _ROWS_PER_CELL * cells), replace=False)
        index = CompressedIndex(self.units(learning), cells, int(rng.integers(2**31)))
        for start in range(0, n, _TARGETS):
            block = among[start : start + _TARGETS]
            index.add(self.units(block), block)
        sample = np.sort(rng.choice(queries, size=min(len(queries), SAMPLE_ROWS), replace=False))
        truth = self._empty(len(sample))
        places = np.arange(len(sample))
        self._enter_exactly(truth, places, sample, among)
        most = min(cells, max(1, _MOST_COMPARED * cells // n))
        nearest = index.cells_of(self.units(sample), most)
        probes = self._probes_for(index, truth, nearest, target_recall + _ROOM)
        share = float(index.sizes()[nearest[:, :probes]].sum(axis=1).mean()) / n
        if share > 0.5:
            return None
        index.look_into(probes)
        for times in _CANDIDATES:
            candidates = times * (self.k + 1)  # one more, because each finds itself
            lists = self._empty(len(sample))
            self._enter(lists, places, sample, index.candidates(self.units(sample), candidates))
            if _recall(lists, truth) >= target_recall + _SPARE:
                break
        return _Plan(index, candidates, share)

    def _probes_for(self, index: CompressedIndex, truth: Neighbours, nearest: IntArray, recall: float) -> int:
        """The smallest number of cells in which this share of the true neighbours lives."""
        true, most = truth.rows >= 0, nearest.shape[1]
        homes = np.full(true.shape, -1)
        homes[true] = index.cells_of(self.units(truth.rows[true].astype(np.int64)), 1)[:, 0]
        inside = homes[:, :, None] == nearest[:, None, :]
        rank = np.where(inside.any(axis=2), inside.argmax(axis=2), most)[true]
        share = np.cumsum(np.bincount(rank, minlength=most)[:most]) / max(len(rank), 1)
        return min(int(np.searchsorted(share, recall)) + 1, most)

    def _enter_exactly(self, lists: Neighbours, slots: IntArray, queries: IntArray, among: IntArray) -> None:
        """Compare queries with everything in `among`, and enter what is nearest."""
        rows = self.units(queries)
        for start in range(0, len(among), _TARGETS):
            block = among[start : start + _TARGETS]
            _, where = most_similar(rows, self.units(block), min(self.k + 1, len(block)))
            self._enter(lists, slots, queries, np.where(where >= 0, block[where], -1))

    def _enter(self, lists: Neighbours, slots: IntArray, queries: IntArray, near: IntArray) -> None:
        """Enter (m, c) candidates of m queries into their lists: of equal cosines the item first in the pool comes first."""
        there = lists.rows[slots].astype(np.int64)
        numbers = np.sort(np.concatenate((there, near), axis=1), axis=1)
        again = np.zeros(numbers.shape, dtype=bool)
        again[:, 1:] = numbers[:, 1:] == numbers[:, :-1]
        numbers[again | (numbers == queries[:, None])] = -1
        cosines = products_by_number(self.units(queries), self._rows, numbers)
        cosines *= np.where(numbers >= 0, self._scale[numbers], np.float32(1.0))
        best = np.argsort(-cosines, axis=1, kind="stable")[:, : self.k]
        lists.rows[slots] = np.take_along_axis(numbers, best, axis=1)
        lists.cosines[slots] = np.take_along_axis(cosines, best, axis=1)

    def recall(self, sample: IntArray) -> float:
        """Share of the true neighbours of a sample that the lists hold."""
        truth = self._empty(len(sample))
        self._enter_exactly(truth, np.arange(len(sample)), sample, self.there)
        return _recall(Neighbours(self.found.rows[sample], self.found.cosines[sample]), truth)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to compare.

    Attributes:
        index: of what is to be found.
        candidates: of each item, that are compared without compression.
        compared: share of all pairs that are compared at all.
    """

    index: CompressedIndex
    candidates: int
    compared: float


def _recall(found: Neighbours, truth: Neighbours) -> float:
    """Share of the true neighbours that were found; one as near as the last true one counts."""
    true = truth.cosines > -np.inf
    if not true.any():
        return 1.0
    last = np.where(true, truth.cosines, np.inf).min(axis=1)
    good = found.cosines >= last[:, None] - _TIE
    return float(np.minimum(good.sum(axis=1), true.sum(axis=1)).sum() / true.sum())
