"""What stopping where the verdict says costs, against the best stop in hindsight and against other rules.

    python tests/benchmarks/bench_stop.py --out OUT [--data DATA] [--seeds 5] [--batches 40] [--write FILE]

DATA is a folder of sets: NAME/pool.jsonl and NAME/test.jsonl (an object with a "label" per line) and NAME/embeddings.npz
(arrays `pool` and `test`, unit-length rows); without it scikit-learn's digits are used. Campaigns are played once, far beyond the
point where they should end (logistic regression on the embeddings), and kept in OUT with their forecasts; rules, values and
hold-outs are judged on what was kept. A benchmark that was stopped goes on where it was.
"""

# ruff: noqa: T201  a benchmark prints its table

import argparse
import os
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
# Runs share out the cores; inside a run more threads would only wait for each other.
if __name__ == "__main__":  # read when numpy is imported; who imports this file keeps the threads there are
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.efficiency.data import load, set_names  # noqa: E402
from benchmarks.stop.campaigns import Campaign, Run, play, read, save  # noqa: E402
from benchmarks.stop.cases import HOLDOUTS, cases_of, forecasts  # noqa: E402
from benchmarks.stop.judge import misses, report  # noqa: E402
from benchmarks.tables import write_into  # noqa: E402

from curator.progress import RichProgress  # noqa: E402

BLOCK = "bench-stop"
STRATEGIES = ("auto", "margin", "random")
_FEWER = 30  # batches above 50 classes, where a model takes seconds
_MANY_CLASSES = 50


def played(folder: Path | None, run: Run, batches: int, kept: Path) -> Campaign:
    """A campaign, played unless it was kept."""
    found = read(run, kept)
    if found is None:
        data = load(folder, run.dataset)
        found = play(data, run, min(batches, _FEWER) if data.n_classes > _MANY_CLASSES else batches)
        save(found, kept)
    return found


def main() -> int:
    """Play, judge, write; returns the exit code: 1 when the verdict does not keep what is promised."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of sets (default: scikit-learn's digits)")
    parser.add_argument("--out", type=Path, required=True, help="folder for campaigns, forecasts and stop.md")
    parser.add_argument("--seeds", type=int, default=5, help="campaigns of each strategy on each set (5)")
    parser.add_argument("--batches", type=int, default=40, help="of each campaign (40; 30 above 50 classes)")
    parser.add_argument(
        "--strategies", default=",".join(STRATEGIES), help="comma-separated (auto,margin,random)"
    )
    parser.add_argument("--write", type=Path, help=f"Markdown file whose block `{BLOCK}` gets the tables")
    given = parser.parse_args()
    campaigns_folder, forecasts_folder = given.out / "campaigns", given.out / "forecasts"
    for made in (campaigns_folder, forecasts_folder):
        made.mkdir(parents=True, exist_ok=True)
    # logistic regression stops after its 300 steps
    warnings.filterwarnings("ignore", module="sklearn")
    try:
        runs = [
            Run(name, strategy, seed)
            for seed in range(given.seeds)
            for name in set_names(given.data)
            for strategy in given.strategies.split(",")
        ]
    except OSError as exc:
        parser.error(str(exc))
    campaigns: dict[Run, Campaign] = {}
    with RichProgress().bar("campaigns", len(runs)) as advance:
        for run in runs:
            campaigns[run] = played(given.data, run, given.batches, campaigns_folder)
            for items in HOLDOUTS:
                if campaigns[run].holdout.shape[1] >= items:
                    forecasts(campaigns[run], items, forecasts_folder)
            advance(1)
    cases = cases_of(campaigns, forecasts_folder)
    text = report(cases)
    (given.out / "stop.md").write_text(f"{text}\n", encoding="utf-8")
    print(text)
    if given.write:
        write_into(given.write, BLOCK, text)
    missed = misses(cases)
    if missed:
        print(f"Not as promised: {missed}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
