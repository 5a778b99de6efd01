"""Dollars to the same hold-out score with and without `acquisition.cost_aware`, where texts take unequal time to read.

    python tests/benchmarks/bench_cost_aware.py --data DATA --out OUT [--seeds 20] [--sets NAMES] [--strategies auto,margin]

DATA is a folder of sets: NAME/pool.jsonl and NAME/test.jsonl (an object with a "text" and a "label" per line) and
NAME/embeddings.npz (arrays `pool` and `test`). A random third of each is the hold-out. An item takes 2 s and 0.4 s per
word, times log-normal noise, at $25 an hour; the model of seconds is learnt from the answers of the campaign. OUT gets
curves.csv, campaign by campaign: a benchmark that was stopped goes on where it was.
"""

# ruff: noqa: T201  a benchmark prints its table

import argparse
import csv
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
# Runs share out the cores; inside a run more threads would only wait for each other.
if __name__ == "__main__":  # read when numpy is imported; who imports this file keeps the threads there are
    os.environ.update({"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"})

from benchmarks.cost_aware.play import FURTHER, Point, Run, load, play, work_of  # noqa: E402
from benchmarks.cost_aware.savings import Ratio, Saving, over_sets, saving  # noqa: E402
from benchmarks.tables import markdown_table  # noqa: E402

from curator.progress import RichProgress  # noqa: E402

COLUMNS = ("dataset", "strategy", "aware", "seed", "labels", "dollars", "accuracy")
Curves = dict[Run, list[Point]]


def read(path: Path) -> Curves:
    """The campaigns of a file; none when there is none."""
    curves: Curves = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                run = Run(row["dataset"], row["strategy"], row["aware"] == "1", int(row["seed"]))
                point = Point(int(row["labels"]), float(row["dollars"]), float(row["accuracy"]))
                curves.setdefault(run, []).append(point)
    return curves


def append(path: Path, pair: Curves) -> None:
    """Write the two campaigns of a seed at once."""
    lines = [
        f"{r.dataset},{r.strategy},{int(r.aware)},{r.seed},{p.labels},{p.dollars:.6f},{p.accuracy:.6f}\n"
        for r, points in pair.items()
        for p in points
    ]
    head = "" if path.exists() else ",".join(COLUMNS) + "\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(head + "".join(lines))


def play_pair(folder: Path, dataset: str, strategy: str, seed: int, batches: int | None) -> Curves:
    """The plain campaign of a seed, and the one that looks at costs."""
    work = work_of(load(folder, dataset), seed)
    plan = work.plan if batches is None else work.plan.__class__(work.plan.start, work.plan.batch, batches)
    plain, aware = (Run(dataset, strategy, is_aware, seed) for is_aware in (False, True))
    before = play(work, plain, plan)
    return {plain: before, aware: play(work, aware, plan, until=FURTHER * before[-1].dollars)}


def tabulate(curves: Curves, strategies: list[str], names: list[str]) -> str:
    """A table per strategy: a row per set, and their geometric mean."""
    parts = []
    for strategy in strategies:
        found = {name: one for name in names if (one := _saving(curves, name, strategy))}
        rows = [
            (
                name,
                str(one.seeds),
                f"{one.plain:.3f}",
                _text(one.half),
                _text(one.end),
                f"{one.points:+.2f} ± {one.points_margin:.2f}",
            )
            for name, one in found.items()
        ]
        if found:
            half, end = over_sets(list(found.values()))
            rows.append(("all sets", "", "", _text(half), _text(end), ""))
        head = ("set", "seeds", "plain, end", "dollars to half", "dollars to end", "points at equal dollars")
        parts.append(f"`{strategy}`\n\n{markdown_table(head, rows)}")
    return "\n\n".join(parts)


def _saving(curves: Curves, name: str, strategy: str) -> Saving | None:
    seeds = sorted(
        run.seed for run in curves if (run.dataset, run.strategy, run.aware) == (name, strategy, True)
    )
    if len(seeds) < 2:
        return None
    plain, aware = (
        [curves[Run(name, strategy, is_aware, seed)] for seed in seeds] for is_aware in (False, True)
    )
    return saving(plain, aware)


def _text(ratio: Ratio) -> str:
    return f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


def main() -> int:
    """Play, tabulate; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of sets")
    parser.add_argument("--out", type=Path, required=True, help="folder for curves.csv and tables.md")
    parser.add_argument("--sets", default="sms_spam,trec6,subj,banking77", help="comma-separated")
    parser.add_argument("--strategies", default="auto,margin", help="comma-separated")
    parser.add_argument("--seeds", type=int, default=20, help="pairs of campaigns on each set (20)")
    parser.add_argument("--batches", type=int, help="of each plain campaign (12)")
    given = parser.parse_args()

    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "curves.csv"
    names, strategies = given.sets.split(","), given.strategies.split(",")
    curves = read(path)
    todo = [
        (name, strategy, seed)
        for seed in range(given.seeds)
        for name in names
        for strategy in strategies
        if Run(name, strategy, True, seed) not in curves
    ]
    with RichProgress().bar("campaigns", len(todo)) as advance:
        for name, strategy, seed in todo:
            pair = play_pair(given.data, name, strategy, seed, given.batches)
            append(path, pair)
            curves |= pair
            advance(1)
    text = tabulate(curves, strategies, names)
    (given.out / "tables.md").write_text(f"{text}\n", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
