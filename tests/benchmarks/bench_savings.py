"""Whether a stated saving against random labels is true: simulated campaigns, and the random campaign in full.

    python tests/benchmarks/bench_savings.py --out OUT [--data DATA] [--seeds 2] [--only PATTERN] [--write FILE]

DATA is a folder of sets as in bench_efficiency.py; without it scikit-learn's digits are used. OUT gets certificates.csv (a
row per judged round), truth-NAME.npz and tables.md. A benchmark that was stopped goes on where it was. All is done with
logistic regression. Seeds take turns with hold-outs of 300 and 1,000 items.
"""

# ruff: noqa: T201  a benchmark prints its table

import argparse
import csv
import os
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
# Runs share out the cores; inside a run more threads would only wait for each other.
if __name__ == "__main__":  # read when numpy is imported; who imports this file keeps the threads there are
    os.environ.update({"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"})

from benchmarks.efficiency.data import load, set_names  # noqa: E402
from benchmarks.savings.campaign import play, seen_pool  # noqa: E402
from benchmarks.savings.judge import Verdict, verdicts  # noqa: E402
from benchmarks.savings.tables import tables  # noqa: E402
from benchmarks.savings.truth import random_curve  # noqa: E402
from benchmarks.tables import write_into  # noqa: E402

BLOCK = "bench-savings"
STRATEGIES = ("auto", "margin", "entropy", "coverage")  # the last loses against random on some sets
BATCHES = ((20, 14), (50, 10), (100, 8))  # labels, rounds
HOLDOUTS = (300, 1000)
SHARE = 0.1


@dataclass(frozen=True)
class Run:
    """One campaign."""

    dataset: str
    strategy: str
    batch: int
    rounds: int
    holdout: int
    seed: int

    @property
    def name(self) -> str:
        """As `--only` matches it."""
        return f"{self.dataset} {self.strategy} {self.batch} {self.holdout} {self.seed}"


def runs(names: list[str], seeds: list[int], only: str) -> Iterator[Run]:
    """All campaigns, one seed of all sets before the next."""
    for seed in seeds:
        for name in names:
            for batch, rounds in BATCHES:
                for strategy in STRATEGIES:
                    run = Run(name, strategy, batch, rounds, HOLDOUTS[seed % len(HOLDOUTS)], seed)
                    if re.search(only, run.name):
                        yield run


def judge(folder: Path | None, out: Path, run: Run) -> list[Verdict]:
    """Play one campaign and judge it; none where the pool is too small for it."""
    data = load(folder, run.dataset)
    if run.batch * run.rounds > len(data.pool) / 2 or run.batch < data.n_classes / 2:
        return []
    facts = {"batch": run.batch, "holdout": run.holdout, "seed": run.seed}
    campaign = play(data, run.strategy, rounds=run.rounds, share=SHARE, **facts)
    curve = random_curve(data, out / f"truth-{run.dataset}.npz")
    pool = seen_pool(data, run.batch, run.seed)
    return list(verdicts(data, curve, campaign, run.strategy, pool, **facts))


def read(path: Path) -> list[Verdict]:
    """What was judged so far."""
    if not path.exists():
        return []
    kinds = {field.name: field.type for field in fields(Verdict)}
    with path.open(encoding="utf-8", newline="") as file:
        return [Verdict(**{k: kinds[k](v) for k, v in row.items()}) for row in csv.DictReader(file)]  # type: ignore[operator]


def append(path: Path, found: list[Verdict]) -> None:
    """Add the verdicts of a campaign at once."""
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Verdict)])
        if new:
            writer.writeheader()
        writer.writerows(asdict(verdict) for verdict in found)


def main() -> int:
    """Play, judge, tabulate; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of sets (default: scikit-learn's digits)")
    parser.add_argument("--out", type=Path, required=True, help="folder for certificates.csv and tables.md")
    parser.add_argument("--seeds", type=int, default=2, help="campaigns of each kind (2)")
    parser.add_argument("--first-seed", type=int, default=0, help="the seed that the first of them has (0)")
    parser.add_argument("--only", default="", metavar="PATTERN", help='of "SET STRATEGY BATCH HOLDOUT SEED"')
    parser.add_argument("--write", type=Path, help=f"Markdown file whose block `{BLOCK}` gets the tables")
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # logistic regression stops after its 300 steps

    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "certificates.csv"
    found = read(path)
    done = {(v.dataset, v.strategy, v.batch, v.holdout, v.seed) for v in found}
    seeds = list(range(given.first_seed, given.first_seed + given.seeds))
    try:
        for run in runs(set_names(given.data), seeds, given.only):
            if (run.dataset, run.strategy, run.batch, run.holdout, run.seed) in done:
                continue
            new = judge(given.data, given.out, run)
            append(path, new)
            found += new
            print(f"{run.name}: {sum(v.covered for v in new)} of {len(new)} hold", flush=True)
    except (ValueError, OSError) as exc:
        parser.error(str(exc))
    if not found:
        parser.error("nothing was judged: the sets are too small, or nothing matches --only.")
    text = tables(found)
    (given.out / "tables.md").write_text(f"{text}\n", encoding="utf-8")
    print(f"\n{text}")
    if given.write:
        write_into(given.write, BLOCK, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
