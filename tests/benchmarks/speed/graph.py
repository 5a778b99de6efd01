"""W7: the 32 nearest neighbours of every item, and of one more segment of items."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from benchmarks.speed.case import NAIVE, OURS, Case, Prepared
from benchmarks.speed.data import FloatArray, clustered, low_rank, text_like

if TYPE_CHECKING:
    from strategies.kernels.neighbour_graph import GraphReport

NEIGHBOURS = 32
ADDED = 16_384  # one segment
_BLOCK_ROWS = 2_048
_SAMPLE = 256
_WARM = 30_000  # above some 20,000 items other code runs as well


def _ours_extended(n: int) -> Prepared:
    from strategies.kernels.neighbour_graph import build, extend

    rows = clustered(n)
    graph, _report = build(rows[: max(n - ADDED, n // 2)], k=NEIGHBOURS, rng=np.random.default_rng(0))
    return Prepared(lambda: extend(graph, rows, rng=np.random.default_rng(1)), lambda found: _said(found[1]))


def _ours(make: Callable[[int], FloatArray], n: int) -> Prepared:
    from strategies.kernels.neighbour_graph import build

    rows = make(n)
    return Prepared(
        lambda: build(rows, k=NEIGHBOURS, rng=np.random.default_rng(0)), lambda found: _said(found[1])
    )


def _numpy(n: int) -> Prepared:
    rows = clustered(n)

    def run() -> np.ndarray:
        nearest = np.empty((n, NEIGHBOURS), dtype=np.int64)
        for start in range(0, n, _BLOCK_ROWS):
            block = slice(start, min(start + _BLOCK_ROWS, n))
            cosines = rows[block] @ rows.T
            cosines[np.arange(block.stop - start), np.arange(start, block.stop)] = -2.0
            nearest[block] = np.argpartition(-cosines, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        return nearest

    return Prepared(run)


def _faiss_flat(make: Callable[[int], FloatArray], n: int) -> Prepared:
    import faiss

    rows = make(n)

    def run() -> np.ndarray:
        index = faiss.IndexFlatIP(rows.shape[1])
        index.add(rows)
        return index.search(rows, NEIGHBOURS + 1)[1]

    return Prepared(run)


def _faiss_cells(make: Callable[[int], FloatArray], probes: int, n: int) -> Prepared:
    """IVF-Flat, the same cells without compression; `probes` reaches about the recall that curator does."""
    import faiss

    rows = make(n)

    def run() -> np.ndarray:
        quantizer = faiss.IndexFlatIP(rows.shape[1])
        index = faiss.IndexIVFFlat(quantizer, rows.shape[1], int(np.sqrt(n)), faiss.METRIC_INNER_PRODUCT)
        index.cp.niter, index.cp.max_points_per_centroid, index.cp.spherical = 8, 64, True
        index.train(rows)
        index.add(rows)
        index.nprobe = probes
        return index.search(rows, NEIGHBOURS + 1)[1]

    return Prepared(run, lambda found: f"recall {_recall(rows, found):.3f}")


def _faiss_hnsw(make: Callable[[int], FloatArray], n: int) -> Prepared:
    import faiss

    rows = make(n)

    def run() -> np.ndarray:
        index = faiss.IndexHNSWFlat(rows.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction, index.hnsw.efSearch = 40, 64
        index.add(rows)
        return index.search(rows, NEIGHBOURS + 1)[1]

    return Prepared(run, lambda found: f"recall {_recall(rows, found):.3f}")


def _recall(rows: np.ndarray, found: np.ndarray) -> float:
    """Share of the true neighbours of a sample; `found` may hold the item itself."""
    sample = np.random.default_rng(0).choice(len(rows), min(_SAMPLE, len(rows)), replace=False)
    cosines = rows[sample] @ rows.T
    cosines[np.arange(len(sample)), sample] = -2.0
    true = np.argpartition(-cosines, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return float(
        np.mean([np.isin(near, found[item]).mean() for item, near in zip(sample, true, strict=True)])
    )


def _said(report: "GraphReport") -> str:
    said: list[Any] = [f"recall {report.recall:.3f}"]
    if report.compared < 1.0:
        said.append(f"{report.compared:.1%} of all pairs compared")
    return ", ".join(said)


_SIZES = (25_000, 100_000, 1_000_000)
_SMALLER = (25_000, 50_000)
_TASK = f"{NEIGHBOURS} neighbours of all, clustered"
_TEXT = f"{NEIGHBOURS} neighbours of all, text-like"
CASES = (
    Case("W7", _TASK, OURS, _SIZES, partial(_ours, clustered), warm=_WARM),
    Case("W7", _TASK, NAIVE, _SMALLER, _numpy),
    Case("W7", _TASK, "faiss flat", _SMALLER, partial(_faiss_flat, clustered), "faiss"),
    Case("W7", _TASK, "faiss HNSW", _SMALLER, partial(_faiss_hnsw, clustered), "faiss"),
    Case("W7", _TEXT, OURS, (*_SMALLER, 100_000), partial(_ours, text_like), warm=_WARM),
    Case("W7", _TEXT, "faiss flat", _SMALLER, partial(_faiss_flat, text_like), "faiss"),
    Case("W7", _TEXT, "faiss IVF-Flat", _SMALLER, partial(_faiss_cells, text_like, 30), "faiss"),
    Case("W7", _TEXT, "faiss HNSW", _SMALLER, partial(_faiss_hnsw, text_like), "faiss"),
    Case(
        "W7", f"{NEIGHBOURS} neighbours of all, lowrank", OURS, _SIZES, partial(_ours, low_rank), warm=_WARM
    ),
    Case("W7", f"{ADDED:,} items added", OURS, _SIZES[1:], _ours_extended, warm=_WARM),
)
