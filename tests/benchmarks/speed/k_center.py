"""W2: greedy k-center, 1,000 labeled, 1,000 picks. W2b: the same with distances kept from the round before."""

from functools import partial
from typing import Any

import numpy as np
from benchmarks.speed import data
from benchmarks.speed.case import NAIVE, OURS, Case, Prepared
from benchmarks.speed.peers import Given, Rows, unlabeled_y

LABELED = 1_000
PICKS = 1_000
_KNOWN = 900  # of them in the round before
_FEW = 20  # picks of a peer that compares everything with every center at every pick
_BLOCK_ROWS = 8_192
_COMPARABLE = 100_000  # items up to which the picks are compared with those of float64: a minute


def _ours(kind: str, picks: int, n: int) -> Prepared:
    from strategies import coverage

    rows = data.KINDS[kind](n)
    labeled = data.labeled_positions(n, LABELED)

    def run() -> Any:
        rng = np.random.default_rng(0)
        return coverage.select(rows, picks, labeled=rows[labeled], weights=None, rng=rng)

    return Prepared(run, lambda chosen: _compared(rows, labeled, chosen))


def _ours_kept(kind: str, n: int) -> Prepared:
    """900 labeled and 1,000 picks in the round before; 100 labels more and 1,000 picks now."""
    from strategies import coverage

    rows = data.KINDS[kind](n)
    labeled = data.labeled_positions(n, LABELED)
    rng = np.random.default_rng(0)
    known = rows[labeled[:_KNOWN]]
    _, kept = coverage.select_and_keep(rows, PICKS, labeled=known, weights=None, rng=rng)

    def run() -> Any:
        found = coverage.select_and_keep(rows, PICKS, labeled=rows[labeled], weights=None, rng=rng, kept=kept)
        return found[0]

    return Prepared(run, lambda chosen: _compared(rows, labeled, chosen))


def _numpy(kind: str, picks: int, n: int) -> Prepared:
    rows = data.KINDS[kind](n)
    labeled = data.labeled_positions(n, LABELED)
    return Prepared(lambda: pass_per_pick(rows, labeled, picks))


def _skactiveml(kind: str, picks: int, n: int) -> Prepared:
    from skactiveml.pool import CoreSet

    rows = data.KINDS[kind](n)
    y = unlabeled_y(n, data.labeled_positions(n, LABELED))
    return Prepared(lambda: CoreSet(random_state=0).query(rows, y, batch_size=picks))


def _small_text(kind: str, picks: int, n: int) -> Prepared:
    from small_text import GreedyCoreset

    rows = data.KINDS[kind](n)
    positions = data.labeled_positions(n, LABELED)
    unlabeled = np.setdiff1d(np.arange(n), positions)
    # It takes places among the unlabeled for places among all, which is right where these come first.
    ordered = rows[np.concatenate((unlabeled, positions))]
    places, known = np.arange(len(unlabeled)), np.arange(len(unlabeled), n)
    strategy = GreedyCoreset()
    return Prepared(lambda: strategy.sample(Given(None), Rows(n), places, known, None, picks, ordered))


def pass_per_pick(rows: np.ndarray, labeled: np.ndarray, picks: int) -> list[int]:
    """What one would write: unit-length rows, the largest cosine to any center, a pass over the pool per pick."""
    nearest = np.full(len(rows), -np.inf, dtype=np.float32)
    for start in range(0, len(rows), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        nearest[block] = (rows[block] @ rows[labeled].T).max(axis=1)
    nearest[labeled] = np.inf
    chosen = []
    for _ in range(picks):
        chosen.append(int(nearest.argmin()))
        np.maximum(nearest, rows @ rows[chosen[-1]], out=nearest)
        nearest[chosen[-1]] = np.inf
    return chosen


def float64_picks(rows: np.ndarray, labeled: np.ndarray, picks: int) -> list[int]:
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


def _compared(rows: np.ndarray, labeled: np.ndarray, chosen: np.ndarray) -> str:
    """How far the picks are those of float64, in order."""
    if len(rows) > _COMPARABLE:
        return ""
    reference = float64_picks(rows, labeled, len(chosen))
    differing = np.flatnonzero(chosen != reference)
    if not len(differing):
        return f"all {len(chosen):,} picks those of float64, in order"
    first = int(differing[0])
    far = np.linalg.norm(rows[chosen[first]] - rows[reference[first]])
    return f"the first {first:,} picks those of float64, then another (apart by {far:.2g})"


_SIZES = (25_000, 100_000, 1_000_000)
_PEER_SIZES = _SIZES[:2]
_TASKS = {kind: f"{PICKS:,} picks of {kind}" for kind in data.KINDS}
CASES = (
    *(Case("W2", task, OURS, _SIZES, partial(_ours, kind, PICKS)) for kind, task in _TASKS.items()),
    *(Case("W2", task, NAIVE, _PEER_SIZES, partial(_numpy, kind, PICKS)) for kind, task in _TASKS.items()),
    *(
        Case("W2", task, "scikit-activeml", _PEER_SIZES, partial(_skactiveml, kind, PICKS), "skactiveml")
        for kind, task in _TASKS.items()
    ),
    Case("W2", f"{_FEW} picks of clustered", OURS, _PEER_SIZES, partial(_ours, "clustered", _FEW)),
    Case("W2", f"{_FEW} picks of clustered", NAIVE, _PEER_SIZES, partial(_numpy, "clustered", _FEW)),
    Case(
        "W2",
        f"{_FEW} picks of clustered",
        "small-text",
        _PEER_SIZES,
        partial(_small_text, "clustered", _FEW),
        "small_text",
    ),
    *(
        Case("W2b", f"{_TASKS[kind]}, distances kept", OURS, _SIZES[1:], partial(_ours_kept, kind))
        for kind in ("clustered", "lowrank")
    ),
)
