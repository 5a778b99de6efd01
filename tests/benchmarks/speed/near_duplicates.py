"""W5: near-duplicates, cosine above 0.97: of given items in the whole pool, and among the picks of a ranking."""

from typing import Any

import numpy as np
from benchmarks.speed.case import NAIVE, OURS, Case, Prepared
from benchmarks.speed.data import labeled_positions, near_copies

THRESHOLD = 0.97
TARGETS = 1_000  # the hold-out
PICKS = 1_000


def _ours_near(n: int) -> Prepared:
    from strategies.kernels.near_duplicates import near_any

    rows, targets = _rows_and_targets(n)
    return Prepared(lambda: near_any(rows, targets, THRESHOLD), _counted)


def _numpy_near(n: int) -> Prepared:
    rows, targets = _rows_and_targets(n)
    return Prepared(lambda: (rows @ targets.T).max(axis=1) >= THRESHOLD, _counted)


def _faiss_near(n: int) -> Prepared:
    import faiss

    rows, targets = _rows_and_targets(n)

    def run() -> np.ndarray:
        index = faiss.IndexFlatIP(rows.shape[1])
        index.add(targets)
        return index.search(rows, 1)[0][:, 0] >= THRESHOLD

    return Prepared(run, _counted)


def _ours_picks(n: int) -> Prepared:
    from strategies.kernels.distinct import ArrayCandidates, DistinctPicks

    rows = near_copies(n)
    order = np.random.default_rng(0).permutation(n)
    return Prepared(lambda: DistinctPicks(ArrayCandidates(rows), THRESHOLD).from_ranking(order, PICKS))


def _numpy_picks(n: int) -> Prepared:
    """Every item of the ranking is compared with every pick before it."""
    rows = near_copies(n)
    order = np.random.default_rng(0).permutation(n)

    def run() -> list[int]:
        picks: list[int] = []
        for item in order:
            if len(picks) == PICKS:
                break
            if not picks or (rows[picks] @ rows[item]).max() < THRESHOLD:
                picks.append(int(item))
        return picks

    return Prepared(run)


def _rows_and_targets(n: int) -> tuple[np.ndarray, np.ndarray]:
    rows = near_copies(n)
    return rows, rows[labeled_positions(n, TARGETS)]


def _counted(near: Any) -> str:
    return f"{int(near.sum()):,} found"


_NEAR = f"near any of {TARGETS:,} hold-out items"
_AMONG = f"{PICKS:,} of a ranking, none near another"
_SIZES = (200_000, 1_000_000)
CASES = (
    Case("W5", _NEAR, OURS, _SIZES, _ours_near),
    Case("W5", _NEAR, NAIVE, _SIZES, _numpy_near),
    Case("W5", _NEAR, "faiss flat", _SIZES, _faiss_near, "faiss"),
    Case("W5", _AMONG, OURS, _SIZES, _ours_picks),
    Case("W5", _AMONG, NAIVE, _SIZES, _numpy_picks),
)
