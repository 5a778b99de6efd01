"""W6: MaxHerding and uncertainty herding, on 10,000 items beside peers with the same kernel width, and on large pools."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from benchmarks.speed.case import NAIVE, OURS, Case, Prepared
from benchmarks.speed.data import clustered, labeled_positions
from benchmarks.speed.peers import unlabeled_y

if TYPE_CHECKING:
    from strategies.kernels.herding import Herded

_REFRESH = 32
_FEW, _MANY = 100, 1_000  # picks beside peers, picks of a large pool
_LABELED = 1_000


def _ours(picks: int, labeled: int, uncertain: bool, n: int) -> Prepared:  # noqa: FBT001  bound by partial
    rows = clustered(n)
    return Prepared(lambda: _herded(rows, picks, labeled, uncertain=uncertain), _said)


def _numpy(picks: int, n: int) -> Prepared:
    rows = clustered(n)
    scale = _scale(rows, picks)
    return Prepared(lambda: dense(rows, picks, scale), lambda chosen: _objective(rows, chosen, scale))


def _skactiveml(picks: int, n: int) -> Prepared:
    from skactiveml.pool import MaxHerding

    rows = clustered(n)
    scale = _scale(rows, picks)
    strategy = MaxHerding(metric_dict={"gamma": -scale}, random_state=0)
    return Prepared(
        lambda: strategy.query(rows, unlabeled_y(n), batch_size=picks),
        lambda chosen: _objective(rows, chosen, scale),
    )


def dense(rows: np.ndarray, picks: int, scale: float) -> np.ndarray:
    """Lazy greedy on the kernel of all pairs, held in memory: unit rows, nothing labeled."""
    kernel = np.exp(np.maximum(2.0 - 2.0 * (rows @ rows.T), 0.0) * np.float32(scale))
    covered = np.zeros(len(rows), dtype=np.float32)
    gains = kernel.mean(axis=1)
    chosen: list[int] = []
    for _ in range(picks):
        fresh = np.zeros(len(rows), dtype=bool)
        while not fresh[best := int(gains.argmax())]:
            stale = np.where(fresh, -1.0, gains)
            top = np.union1d(np.argpartition(-stale, _REFRESH)[:_REFRESH], best)
            gains[top] = np.maximum(kernel[top] - covered, 0.0).mean(axis=1)
            gains[chosen] = -1.0
            fresh[top] = True
        chosen.append(best)
        covered = np.maximum(covered, kernel[best])
        gains[best] = -1.0
    return np.array(chosen)


def _herded(rows: np.ndarray, picks: int, labeled: int, *, uncertain: bool) -> "Herded":
    from strategies.kernels.herding import herd

    known = rows[labeled_positions(len(rows), labeled)] if labeled else None
    worth = np.random.default_rng(1).random(len(rows)) if uncertain else None
    return herd(rows, picks, labeled=known, worth=worth, weights=None, rng=np.random.default_rng(0))


def _scale(rows: np.ndarray, picks: int) -> float:
    """That of our kernel: exp(scale * squared distance)."""
    return -0.5 / _herded(rows, picks, 0, uncertain=False).width ** 2


def _said(found: "Herded") -> str:
    loss = f", loss estimated at {found.estimated_loss:.1%}" if found.method != "all pairs" else ""
    return f"{found.method}: coverage {found.coverage:.4f}{loss}"


def _objective(rows: np.ndarray, chosen: np.ndarray, scale: float) -> str:
    squared = np.maximum(2.0 - 2.0 * (rows @ rows[chosen].T).max(axis=1), 0.0)
    return f"coverage {float(np.exp(scale * squared).mean()):.4f}"


_BESIDE_PEERS = f"MaxHerding, {_FEW} picks"
_WARM = 12_000  # above 10,000 items other code runs as well
CASES = (
    Case("W6", _BESIDE_PEERS, OURS, (2_500, 10_000), partial(_ours, _FEW, 0, False)),
    Case("W6", _BESIDE_PEERS, NAIVE, (2_500, 10_000), partial(_numpy, _FEW)),
    Case("W6", _BESIDE_PEERS, "scikit-activeml", (2_500, 10_000), partial(_skactiveml, _FEW), "skactiveml"),
    *(
        Case("W6", task, OURS, (100_000, 1_000_000), partial(_ours, _MANY, _LABELED, uncertain), warm=_WARM)
        for task, uncertain in (
            (f"MaxHerding, {_MANY:,} picks", False),
            (f"uncertainty herding, {_MANY:,} picks", True),
        )
    ),
)
