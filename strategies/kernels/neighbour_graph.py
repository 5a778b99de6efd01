"""The k nearest neighbours of every item by cosine: exact for small pools, nearly so for large ones, recall measured.

Up to some 20,000 items all cosines are computed, as matrix products over blocks. Above that, every item is compared with
the members of the few cells of the pool whose centroids are most similar to it, again as matrix products: all items that
look into one cell are multiplied with its members at once. How many cells are looked into follows from the true
neighbours of a random sample. A second, independent sample then measures the recall that is reported.

Source: the cells are the inverted file of Jegou, Douze & Schmid, "Product quantization for nearest neighbor search",
TPAMI 2011; that probing them in batches is a matrix product, and the choice of the number of probes from a sample, are
ours.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from strategies.errors import StrategyInputError
from strategies.kernels.best import keep_best
from strategies.kernels.cells import Cells, UnitRows, learn_centroids, nearest_cells
from strategies.kernels.checks import check_embeddings
from strategies.kernels.neighbours import Neighbours
from strategies.kernels.parallel import map_blocks
from strategies.kernels.types import FloatArray, IntArray

NEIGHBOURS = 32
TARGET_RECALL = 0.95
SAMPLE_ROWS = 256  # their 8,192 neighbours give the recall to within about 0.01
_EXACT_PAIRS = 2**29  # cosines that are computed rather than avoided: 0.4 TFLOP at 384 columns, some seconds
_MOST_COMPARED = 32_768  # items that one item is compared with: keeps a pool without structure to minutes
_ROOM = 0.01  # recall aimed at above the target, so that a second sample finds the target reached as well
_QUERIES = 8_192  # items searched for together
_TILE = 1_024  # rows and columns of a matrix product: 4 MB of cosines stay in cache until they are looked at
_LARGE_CELL = 2  # times the mean size: the part of a cell that is multiplied at once ...
_MOST_PARTS = (
    8  # ... and how many parts an item is compared with: thousands of copies in one cell cost no more
)
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
        compared: share of all pairs of items whose cosine was computed, about.
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
        embeddings: (n, dim), of any length; not copied. A row of zeros has no neighbours and is nobody's.
        k: neighbours of each; fewer where there are fewer items.
        target_recall: recall to reach; a pool without structure may stay below, as the report then says.
        rng: draws the sample that the cells are learned from, and those that measure the recall.
        advance: called with the number of items just searched for; n in all.

    Returns:
        The neighbours, (n, k), and how they were found. The same seed gives the same on any number of threads.

    Raises:
        StrategyInputError: no float matrix, or one with NaN; k below 1.
    """
    started = time.perf_counter()
    search = _Search(embeddings, k)
    found = search.empty_lists(len(embeddings))
    everyone = search.there
    plan = _plan(search, everyone, len(everyone), target_recall, rng)
    search.run(everyone, everyone, plan, found, advance)
    return _finish(search, found, plan, started, rng, len(embeddings), advance)


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
        StrategyInputError: no float matrix, one with NaN, or fewer rows than `old` has.
    """
    started = time.perf_counter()
    n, known = len(embeddings), len(old)
    if n < known:
        raise StrategyInputError(f"The graph has {known:,} items, the embeddings have {n:,}. Build it again.")
    search = _Search(embeddings, old.rows.shape[1])
    found = search.empty_lists(n)
    found.rows[:known] = old.rows
    found.cosines[:known] = np.where(old.rows >= 0, old.cosines, -np.inf)
    new, before = search.there[search.there >= known], search.there[search.there < known]
    plan = _plan(search, search.there, len(new), target_recall, rng)
    search.run(new, search.there, plan, found, advance)
    search.run(before, new, plan, found, advance)
    return _finish(search, found, plan, started, rng, n - known, advance)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Who is compared with whom.

    Attributes:
        home: (n,) cell of each item; None: one cell with all of them, compared in full.
        probes: (n, p) cells that each item looks into.
        cells: how many there are.
        compared: share of all pairs.
    """

    home: NDArray[np.int32] | None
    probes: NDArray[np.int32] | None
    cells: int
    compared: float


_ALL_WITH_ALL = _Plan(None, None, 1, 1.0)


class _Search:
    """Looks for neighbours of some items among some items."""

    def __init__(self, embeddings: FloatArray, k: int) -> None:
        check_embeddings(embeddings)
        if k < 1:
            raise StrategyInputError(f"Asked for {k} neighbours of each item; ask for at least 1.")
        self.units = UnitRows(embeddings)
        self.k = k
        self.there = np.flatnonzero(self.units.nonzero)

    def empty_lists(self, count: int) -> Neighbours:
        """Lists for some items, nothing in them."""
        shape = (count, self.k)
        return Neighbours(np.full(shape, -1, dtype=np.int32), np.full(shape, -np.inf, dtype=np.float32))

    def run(
        self,
        queries: IntArray,
        among: IntArray,
        plan: _Plan,
        found: Neighbours,
        advance: Advance,
        *,
        slots: IntArray | None = None,
    ) -> None:
        """Enter the neighbours of `queries` among `among` into `found`.

        Args:
            queries: (m,) ascending.
            among: (c,) ascending.
            plan: who is compared with whom.
            found: lists, written to; those of items are at their own number,
            slots: (m,) or at these places.
            advance: called with the number of items just searched for.
        """
        slots = queries if slots is None else slots
        if plan.home is None:
            cells = Cells(among.astype(np.int32), np.array([0, len(among)], dtype=np.int64))
            order: IntArray = np.arange(len(queries))
        else:
            cells = Cells.of(plan.home, among, plan.cells)
            order = np.argsort(plan.home[queries], kind="stable")  # neighbours look into the same cells

        def work(where: slice) -> int:
            mine = order[where]
            self._look(queries[mine], slots[mine], cells, plan, found)
            return len(mine)

        pieces = (slice(start, start + _QUERIES) for start in range(0, len(queries), _QUERIES))
        for done in map_blocks(work, pieces):
            advance(done)

    def _look(self, queries: IntArray, slots: IntArray, cells: Cells, plan: _Plan, found: Neighbours) -> None:
        rows = self.units.take(queries)
        if plan.probes is None:
            every = np.arange(len(queries))
            for start in range(0, len(cells.order), _TILE):
                self._multiply(rows, every, queries, slots, cells.order[start : start + _TILE], found)
            return
        probes = plan.probes[queries]
        who = np.argsort(probes, axis=None, kind="stable") // probes.shape[1]
        cell = np.sort(probes, axis=None)
        bounds = np.flatnonzero(np.diff(cell, prepend=-1, append=len(cells)))
        part_rows = _LARGE_CELL * -(-len(self.there) // plan.cells)
        for low, high in pairwise(bounds):
            members, lookers = cells.members(int(cell[low])), who[low:high]
            parts = -(-len(members) // part_rows)
            for part in range(parts):
                here = members[part * part_rows : (part + 1) * part_rows]
                if parts > _MOST_PARTS:  # each item begins elsewhere, so that every member is somebody's
                    some = lookers[(part - queries[lookers]) % parts < _MOST_PARTS]
                else:
                    some = lookers
                for start in range(0, len(here), _TILE):
                    self._multiply(rows, some, queries, slots, here[start : start + _TILE], found)

    def _multiply(
        self,
        rows: NDArray[np.float32],
        some: IntArray,
        queries: IntArray,
        slots: IntArray,
        members: NDArray[np.int32],
        found: Neighbours,
    ) -> None:
        """Compare some of the rows with some members."""
        across = self.units.take(members).T
        for start in range(0, len(some), _TILE):
            tile = some[start : start + _TILE]
            keep_best(rows[tile] @ across, slots[tile], queries[tile], members, found.rows, found.cosines)

    def recall(self, found: Neighbours, sample: IntArray, truth: Neighbours) -> float:
        """Share of the true neighbours of a sample that were found; one as near as the last true one counts."""
        true = truth.cosines > -np.inf
        if not true.any():
            return 1.0
        last = np.where(true, truth.cosines, np.inf).min(axis=1)
        good = found.cosines[sample] >= last[:, None] - _TIE
        return float(np.minimum(good.sum(axis=1), true.sum(axis=1)).sum() / true.sum())

    def truth(self, sample: IntArray) -> Neighbours:
        """The true neighbours of a sample among all."""
        found = self.empty_lists(len(sample))
        self.run(sample, self.there, _ALL_WITH_ALL, found, lambda _: None, slots=np.arange(len(sample)))
        return found


def _plan(
    search: _Search, everyone: IntArray, queries: int, target_recall: float, rng: np.random.Generator
) -> _Plan:
    """Compare all where that is little work; else find out how many cells to look into."""
    n = len(everyone)
    if queries * n <= _EXACT_PAIRS:
        return _ALL_WITH_ALL
    count = int(np.sqrt(n))
    centroids = learn_centroids(search.units, everyone, count, rng)
    most = min(count, max(1, _MOST_COMPARED * count // n))
    sample = np.sort(rng.choice(everyone, size=min(n, SAMPLE_ROWS), replace=False))
    nearest = nearest_cells(search.units.take, len(search.units), centroids, most)
    probes = _probes_for(search.truth(sample), nearest, sample, target_recall + _ROOM)
    sizes = np.bincount(nearest[everyone, 0], minlength=count)
    compared = float(sizes[nearest[sample, :probes]].sum(axis=1).mean()) / n
    if compared > 0.5:
        return _ALL_WITH_ALL
    return _Plan(nearest[:, 0].copy(), nearest[:, :probes].copy(), count, compared)


def _probes_for(truth: Neighbours, nearest: NDArray[np.int32], sample: IntArray, recall: float) -> int:
    """The smallest number of cells in which this share of the true neighbours lives."""
    true = truth.rows >= 0
    homes = nearest[truth.rows, 0]
    inside = homes[:, :, None] == nearest[sample][:, None, :]
    rank = np.where(inside.any(axis=2), inside.argmax(axis=2), nearest.shape[1])[true]
    share = np.cumsum(np.bincount(rank, minlength=nearest.shape[1])[: nearest.shape[1]]) / max(len(rank), 1)
    return min(int(np.searchsorted(share, recall)) + 1, nearest.shape[1])


def _finish(
    search: _Search,
    found: Neighbours,
    plan: _Plan,
    started: float,
    rng: np.random.Generator,
    searched: int,
    advance: Advance,
) -> tuple[Neighbours, GraphReport]:
    """Measure the recall, and empty what was not filled."""
    n = len(search.there)
    advance(len(search.units) - n)
    sample = np.sort(rng.choice(search.there, size=min(n, SAMPLE_ROWS), replace=False))
    recall = search.recall(found, sample, search.truth(sample))
    found.cosines[found.rows < 0] = 0.0
    seconds = time.perf_counter() - started
    return found, GraphReport(searched, seconds, recall, len(sample), plan.compared)
