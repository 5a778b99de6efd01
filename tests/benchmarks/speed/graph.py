"""The neighbour graph: time, recall and memory by kind of pool, and how long adding one segment takes.

`measure` builds one graph in this process; a fresh process per kind keeps the peaks of memory apart. As a program
(PYTHONPATH is the root and its tests folder):

    python -m benchmarks.speed.graph clustered 1000000
"""

import argparse
import time
from dataclasses import dataclass

import numpy as np
from benchmarks.speed.batch_selectors import _forget_peak, _peak_gib
from benchmarks.speed.data import KINDS

ADDED = 16_384  # one segment


@dataclass(frozen=True, slots=True)
class GraphRow:
    """One graph.

    Attributes:
        core_seconds: processor time of all threads.
        recall: at 32, on a sample.
        compared: share of all pairs.
        beyond_gib: peak memory beyond the embeddings and the imports.
        extend_seconds: wall seconds to add the last 16,384 rows to the graph of the others.
        extend_recall: of the extended graph.
    """

    kind: str
    n: int
    wall_seconds: float
    core_seconds: float
    recall: float
    compared: float
    beyond_gib: float
    extend_seconds: float
    extend_recall: float


def measure(kind: str, n: int) -> GraphRow:
    """Build the graph of all rows but one segment, then add that segment."""
    from strategies.neighbour_graph import build, extend

    rows = KINDS[kind](n)
    build(rows[:30_000], rng=np.random.default_rng(0))  # compiled and loaded
    kept = max(n - ADDED, n // 2)
    _forget_peak()
    before = _peak_gib()
    clock, cpu = time.perf_counter(), time.process_time()
    graph, report = build(rows[:kept], rng=np.random.default_rng(0))
    wall, core = time.perf_counter() - clock, time.process_time() - cpu
    beyond = _peak_gib() - before
    _, added = extend(graph, rows, rng=np.random.default_rng(1))
    return GraphRow(
        kind, kept, wall, core, report.recall, report.compared, beyond, added.seconds, added.recall
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("n", type=int)
    chosen = parser.parse_args()
    print(measure(chosen.kind, chosen.n))  # noqa: T201  a program's output
