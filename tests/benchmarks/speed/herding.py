"""MaxHerding and uncertainty herding: a large pool, and 10,000 rows beside a dense kernel and scikit-activeml.

`measure` runs one case in this process. As a program (PYTHONPATH is the root and its tests folder):

    python -m benchmarks.speed.herding clustered 1000000 --labeled 1000 --uncertain
    OMP_NUM_THREADS=1 taskset -c 0 python -m benchmarks.speed.herding clustered 10000 --picks 100 --peers
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from benchmarks.speed.batch_selectors import _forget_peak, _peak_gib
from benchmarks.speed.data import KINDS, labeled_positions

_REFRESH = 32


@dataclass(frozen=True, slots=True)
class HerdingRow:
    """One batch.

    Attributes:
        core_seconds: processor time of all threads.
        coverage: the objective, on all rows (of a large pool: on an independent sample).
        estimated_loss: as `strategies._herding.Herded` has it; None for others.
        beyond_gib: peak memory beyond the embeddings and the imports.
    """

    name: str
    n: int
    picks: int
    labeled: int
    wall_seconds: float
    core_seconds: float
    coverage: float
    estimated_loss: float | None
    beyond_gib: float


def measure(
    kind: str, n: int, picks: int = 1_000, labeled: int = 0, *, uncertain: bool = False, peers: bool = False
) -> Iterator[HerdingRow]:
    """Our batch, and on request those of a dense kernel and of scikit-activeml with the same kernel width."""
    from strategies._herding import herd

    rows = KINDS[kind](n)
    known = rows[labeled_positions(n, labeled)] if labeled else None
    worth = np.random.default_rng(1).random(n) if uncertain else None
    herd(
        rows[:2_000], 5, labeled=None, worth=None, weights=None, rng=np.random.default_rng(0)
    )  # compiled and loaded
    found, wall, core, beyond = _timed(
        lambda: herd(rows, picks, labeled=known, worth=worth, weights=None, rng=np.random.default_rng(0))
    )
    name = "curator uncertainty_herding" if uncertain else "curator maxherding"
    yield HerdingRow(name, n, picks, labeled, wall, core, found.coverage, found.estimated_loss, beyond)
    if not peers:
        return
    scale = -0.5 / found.width**2
    others: dict[str, Callable[[], np.ndarray]] = {"dense kernel, numpy": lambda: dense(rows, picks, scale)}
    if find_spec("skactiveml"):
        others["scikit-activeml MaxHerding"] = lambda: _skactiveml(rows, picks, -scale)
    for other, run in others.items():
        chosen, wall, core, beyond = _timed(run)
        nearest = np.maximum(2.0 - 2.0 * (rows @ rows[chosen].T).max(axis=1), 0.0)
        coverage = float(np.exp(scale * nearest).mean())
        yield HerdingRow(other, n, picks, 0, wall, core, coverage, None, beyond)


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


def _skactiveml(rows, picks, gamma):
    from skactiveml.pool import MaxHerding

    strategy = MaxHerding(metric_dict={"gamma": gamma}, random_state=0)
    return strategy.query(rows, np.full(len(rows), np.nan), batch_size=picks)


def _timed(run):
    _forget_peak()
    before = _peak_gib()
    clock, cpu = time.perf_counter(), time.process_time()
    result = run()
    return result, time.perf_counter() - clock, time.process_time() - cpu, _peak_gib() - before


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("n", type=int)
    parser.add_argument("--picks", type=int, default=1_000)
    parser.add_argument("--labeled", type=int, default=0)
    parser.add_argument("--uncertain", action="store_true")
    parser.add_argument("--peers", action="store_true")
    case = parser.parse_args()
    for row in measure(
        case.kind, case.n, case.picks, case.labeled, uncertain=case.uncertain, peers=case.peers
    ):
        print(row)  # noqa: T201  a program's output
