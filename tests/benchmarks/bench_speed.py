"""How long strategies take and how much memory, curator beside every peer that this interpreter can import.

    python tests/benchmarks/bench_speed.py [--only W2] [--sizes 100000] [--threads 1 2] [--out DIR] [--write docs/measured/performance.md]

Each case runs in a process of its own, on so many cores and threads. `--only` is a pattern of "WORKLOAD what, library";
`--sizes` replaces the sizes of every case, but none runs above its largest; `--small` takes sizes that end in minutes.
With `--out`, rows are kept in DIR/rows.jsonl: what it holds is not measured again, and all of it is in the tables; begin
a new DIR for other code or another machine.
The exit code is 1 when a case of curator failed.
"""

# ruff: noqa: T201  a benchmark prints its table

import argparse
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from benchmarks.processes import Limits, in_process  # noqa: E402
from benchmarks.speed import (  # noqa: E402
    batch_selectors,
    graph,
    herding,
    k_center,
    measured,
    near_duplicates,
    scoring,
    whole_round,
)
from benchmarks.speed.case import OURS, Case  # noqa: E402
from benchmarks.speed.report import Report, cores  # noqa: E402
from benchmarks.speed.row import Row, measure  # noqa: E402
from benchmarks.tables import write_into  # noqa: E402

CASES: tuple[Case, ...] = (
    *scoring.CASES,
    *k_center.CASES,
    *batch_selectors.CASES,
    *near_duplicates.CASES,
    *herding.CASES,
    *graph.CASES,
    *whole_round.CASES,
)
SMALL = (2_500, 5_000)


def rows_of(
    cases: Sequence[Case],
    sizes: Sequence[int] | None,
    threads: Sequence[int],
    seconds: float,
    gib: float,
    known: Sequence[Row] = (),
) -> Iterator[Row]:
    """Measure cases, one process after the other; a case that failed is not tried at a larger size.

    Args:
        cases: that this interpreter can import.
        sizes: instead of their own; those above a case's largest are left out.
        threads: numbers of cores.
        seconds: that one case may take, its data included.
        gib: that it may hold.
        known: rows measured before; they are not measured again.
    """
    for case in cases:
        chosen = [n for n in sizes if n <= max(case.sizes)] if sizes else case.sizes
        for count in threads:
            for n in sorted(chosen):
                row = measured.holds(known, case, n, count)
                if row is None:
                    row = _row(case, n, count, Limits(count, gib, seconds))
                    yield row
                if row.error:
                    break


def _row(case: Case, n: int, threads: int, limits: Limits) -> Row:
    try:
        found: Row = in_process(measure, case, n, threads, limits=limits).value
    except RuntimeError as error:
        return Row(case, n, threads, error=str(error))
    return found


def main() -> int:
    """Run, print, write; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help='a pattern of "WORKLOAD what, library"')
    parser.add_argument("--sizes", type=int, nargs="+", help="items, instead of those of each case")
    parser.add_argument("--small", action="store_true", help=f"sizes that end in minutes: {SMALL}")
    there = len(os.sched_getaffinity(0))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2][:there], help="cores (1 2)")
    parser.add_argument("--seconds", type=float, default=3_600.0, help="that one case may take (3600)")
    parser.add_argument("--gib", type=float, default=16.0, help="that one case may hold (16)")
    parser.add_argument("--out", type=Path, help="folder that keeps the rows; a stopped run goes on there")
    parser.add_argument("--write", type=Path, help="Markdown file whose block `bench-speed` gets the tables")
    given = parser.parse_args()
    if not all(1 <= count <= there for count in given.threads):
        parser.error(f"--threads are numbers of cores, 1 to {there} here")
    wanted = [case for case in CASES if re.search(given.only, case.name)]
    if not wanted:
        parser.error(f"--only {given.only!r} fits no case, such as {CASES[0].name!r}")
    absent = sorted({f"{case.library} ({case.package})" for case in wanted if not case.importable})
    sizes = given.sizes or (SMALL if given.small else None)
    kept = given.out / "rows.jsonl" if given.out else None
    rows = measured.read(kept, CASES) if kept else []
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="curator-speed-") as folder:
        os.environ["TMPDIR"] = folder  # what a case that was ended leaves behind goes as well
        cases = [case for case in wanted if case.importable]
        for row in rows_of(cases, sizes, given.threads, given.seconds, given.gib, tuple(rows)):
            print(_line(row), flush=True)
            rows.append(row)
            if kept:
                measured.append(kept, row)
    if not rows:
        parser.error("no case runs at these sizes with what can be imported here")
    absent = [name for name in absent if name.split(" (")[0] not in {row.case.library for row in rows}]
    said = f"Measured on {cores(there)}, Python {platform.python_version()}, {platform.system()}." + (
        f" Not importable, so not measured: {', '.join(absent)}." if absent else ""
    )
    tables = f"{said}\n\n{Report(rows).markdown()}"
    print(f"\n{tables}\n\n{time.perf_counter() - begun:.0f} s in all")
    if given.write:
        write_into(given.write, "bench-speed", tables)
    return int(any(row.error and row.case.library == OURS for row in rows))


def _line(row: Row) -> str:
    outcome = f"fails: {row.error}" if row.error else f"{row.core_s:.3g} s core, {row.wall_s:.3g} s wall"
    return f"{row.case.name}, {row.n:,} items, {cores(row.threads)}: {outcome}"


if __name__ == "__main__":
    sys.exit(main())
