"""W2: greedy k-center, 1,000 labeled, 1,000 picks. W2b: the same with distances kept from the round before."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from speed import data
from speed.row import Row, measure
from strategies import coverage

LABELED = 1_000
PICKS = 1_000
_KNOWN = 900  # of them in the round before
_BLOCK_ROWS = 8_192


def w2(n: int, kind: str, library: str, picks: int = PICKS) -> Row:
    """k-center greedy from embeddings, cold.

    Args:
        n: items.
        kind: a key of `data.KINDS`.
        library: "curator", "numpy" (a pass over the pool per pick) or "scikit-activeml".
        picks: how many; fewer where a peer would take hours.
    """
    rows = data.KINDS[kind](n)
    labeled = data.labeled_positions(n, LABELED)
    run: Callable[[], Any]
    if library == "curator":

        def run() -> Any:
            return coverage.select(
                rows, picks, labeled=rows[labeled], weights=None, rng=np.random.default_rng(0)
            )
    elif library == "numpy":

        def run() -> Any:
            return pass_per_pick(rows, labeled, picks)
    else:
        from skactiveml.pool import CoreSet

        known = np.full(n, np.nan)
        known[labeled] = 0

        def run() -> Any:
            return CoreSet(random_state=0).query(rows, known, batch_size=picks)

    return measure("W2", f"{picks:,} picks of {kind}", library, n, run, most=3)


def w2b(n: int, kind: str) -> Row:
    """Ours with what the round before kept: 900 labeled and 1,000 picks then, 100 labels more and 1,000 picks now.

    Args:
        n: items.
        kind: a key of `data.KINDS`.
    """
    rows = data.KINDS[kind](n)
    labeled = rows[data.labeled_positions(n, LABELED)]
    rng = np.random.default_rng(0)
    _, kept = coverage.select_and_keep(rows, PICKS, labeled=labeled[:_KNOWN], weights=None, rng=rng)

    def run() -> Any:
        return coverage.select_and_keep(rows, PICKS, labeled=labeled, weights=None, rng=rng, kept=kept)[0]

    return measure("W2b", f"{PICKS:,} picks of {kind}, distances kept", "curator", n, run, most=3)


def libraries() -> list[str]:
    """Those that are installed, ours first."""
    return ["curator", "numpy", *(["scikit-activeml"] if find_spec("skactiveml") else [])]


def pass_per_pick(rows: np.ndarray, labeled: np.ndarray, picks: int) -> list[int]:
    """What one would write: unit-length rows, the largest cosine to any center, a pass over the pool per pick."""
    nearest = np.full(len(rows), -np.inf, dtype=np.float32)
    for start in range(0, len(rows), _BLOCK_ROWS):
        nearest[start : start + _BLOCK_ROWS] = (rows[start : start + _BLOCK_ROWS] @ rows[labeled].T).max(
            axis=1
        )
    nearest[labeled] = np.inf
    chosen = []
    for _ in range(picks):
        chosen.append(int(nearest.argmin()))
        np.maximum(nearest, rows @ rows[chosen[-1]], out=nearest)
        nearest[chosen[-1]] = np.inf
    return chosen


def float64_picks(rows: np.ndarray, labeled: np.ndarray, picks: int = PICKS) -> list[int]:
    """The reference: every distance to every center in float64; of equals the first."""
    wide = rows.astype(np.float64)
    square = np.einsum("ij,ij->i", wide, wide)
    nearest = np.full(len(rows), np.inf)
    for start in range(0, len(rows), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        gaps = square[block, None] + square[labeled] - 2.0 * (wide[block] @ wide[labeled].T)
        nearest[block] = np.maximum(gaps.min(axis=1), 0.0)
    nearest[labeled] = -1.0
    chosen = []
    for _ in range(picks):
        pick = int(nearest.argmax())
        chosen.append(pick)
        gaps = square + square[pick] - 2.0 * (wide @ wide[pick])
        np.minimum(nearest, np.maximum(gaps, 0.0), out=nearest)
        nearest[pick] = -1.0
    return chosen
