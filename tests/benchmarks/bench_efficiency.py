"""How many labels each strategy needs, on labeled sets whose answers are looked up.

    python tests/benchmarks/bench_efficiency.py --out OUT [--data DATA] [--seeds 10] [--only PATTERN] [--write FILE]

DATA is a folder of sets: NAME/pool.jsonl and NAME/test.jsonl (an object with a "label" per line) and NAME/embeddings.npz
(arrays `pool` and `test`, unit-length rows); without it scikit-learn's digits are used. OUT gets curves.csv (every model of
every run), tables.md and curves.svg. A benchmark that was stopped goes on where it was: finished runs are not repeated. Peers
take part when they can be imported; `make bench-efficiency` installs them into an environment of their own.
"""

# ruff: noqa: T201  a benchmark prints its table

import argparse
import multiprocessing
import os
import platform
import re
import sys
import warnings
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
# Runs share out the cores; inside a run more threads would only wait for each other.
if __name__ == "__main__":  # read when numpy is imported; who imports this file keeps the threads there are
    os.environ.update({"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"})

from benchmarks.efficiency import curves  # noqa: E402
from benchmarks.efficiency.data import load, set_names  # noqa: E402
from benchmarks.efficiency.figure import figure  # noqa: E402
from benchmarks.efficiency.simulate import LIBRARIES, Point, Run, plan_of, runs_of, simulate  # noqa: E402
from benchmarks.efficiency.standings import standings  # noqa: E402
from benchmarks.efficiency.tables import tables  # noqa: E402
from benchmarks.tables import write_into  # noqa: E402

from curator.progress import RichProgress  # noqa: E402

BLOCK = "bench-efficiency"


def play(folder: Path | None, run: Run, batches: int | None) -> list[Point]:
    """One run, in a process of the pool."""
    # peers deprecate things at every call, and logistic regression stops after its 300 steps
    warnings.simplefilter("ignore")
    sub_pool = load(folder, run.dataset).sub_pool(run.seed)
    return simulate(run, sub_pool, plan_of(run, sub_pool, batches))


def wanted(folder: Path | None, seeds: int, only: str, batches: int | None) -> dict[Run, tuple[int, ...]]:
    """The runs asked for and the numbers of labels of each; a seed of all sets comes before the next seed."""
    found = {}
    for seed in range(seeds):
        for name in set_names(folder):
            sub_pool = load(folder, name).sub_pool(seed)
            for place, run in enumerate(runs_of(name, seed)):
                # the first two are what all others are compared with
                if place < 2 or re.search(only, f"{run.library} {run.strategy} {run.head}"):
                    found[run] = plan_of(run, sub_pool, batches).budgets
    return found


def play_all(
    folder: Path | None, todo: list[Run], batches: int | None, jobs: int, path: Path
) -> dict[str, str]:
    """Play runs side by side and write each when it is done.

    Returns:
        {peer's strategy: why it could not run}; a failure of our own is an error.
    """
    failed: dict[str, str] = {}
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(jobs, mp_context=context) as pool,
        RichProgress().bar("runs", len(todo)) as advance,
    ):
        playing: dict[Future[list[Point]], Run] = {
            pool.submit(play, folder, run, batches): run for run in todo
        }
        try:
            for done in as_completed(playing):
                run = playing[done]
                error = done.exception()
                if error is None:
                    curves.append(path, run, done.result())
                elif run.library == "curator":
                    raise RuntimeError(f"{run} failed: {error}") from error
                else:
                    what = f"{run.library} {run.strategy}, head {run.head}, on {run.dataset}"
                    failed.setdefault(what, f"{type(error).__name__}: {error}".splitlines()[0])
                advance(1)
        finally:
            pool.shutdown(cancel_futures=True)
    return failed


def main() -> int:
    """Run, tabulate, write; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of sets (default: scikit-learn's digits)")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for curves.csv, tables.md and curves.svg"
    )
    parser.add_argument("--seeds", type=int, default=10, help="runs of each contender on each set (10)")
    parser.add_argument(
        "--only",
        default="",
        metavar="PATTERN",
        help='of "LIBRARY STRATEGY/START HEAD", e.g. "curator .*/maxherding head"',
    )
    parser.add_argument("--batches", type=int, help="batches of each run (12; 10 above 50 classes)")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--jobs", type=int, default=cores, help="runs at a time (all cores)")
    parser.add_argument("--write", type=Path, help=f"Markdown file whose block `{BLOCK}` gets the tables")
    given = parser.parse_args()

    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "curves.csv"
    for library in LIBRARIES.values():
        if not library.installed:
            print(f"{library.name} is not installed in this environment: left out", flush=True)
    try:
        budgets = wanted(given.data, given.seeds, given.only, given.batches)
        todo = curves.unfinished(path, budgets)
    except (ValueError, OSError) as exc:
        parser.error(str(exc))
    print(f"{len(budgets)} runs, {len(budgets) - len(todo)} of them done before", flush=True)
    failed = play_all(given.data, todo, given.batches, given.jobs, path)
    skipped = [f"{what}: {why}" for what, why in failed.items()]
    for line in skipped:
        print(f"left out: {line}")

    found = standings(curves.read(path))
    text, drawn = tables(found, skipped), figure(found)
    (given.out / "tables.md").write_text(f"{text}\n", encoding="utf-8")
    (given.out / "curves.svg").write_text(drawn, encoding="utf-8")
    print(f"\n{text}")
    if given.write:
        picture = given.write.with_suffix(".svg")
        picture.write_text(drawn, encoding="utf-8")
        machine = f"Measured with Python {platform.python_version()} on {platform.system()}."
        write_into(given.write, BLOCK, f"![Accuracy over labels]({picture.name})\n\n{machine} {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
