"""Whether the 95% interval of a gain holds the true gain in 95 of 100 rounds: campaigns whose truth is known.

    python tests/benchmarks/bench_gain.py --out OUT [--data DATA] [--seeds 3] [--draws 10] [--write FILE]

DATA is a folder of sets: NAME/pool.jsonl and NAME/test.jsonl (an object with a "label" per line) and NAME/embeddings.npz
(arrays `pool` and `test`, unit-length rows); without it scikit-learn's digits are used. OUT gets the models' answers (played/),
coverage.csv (every round) and tables.md. A benchmark that was stopped goes on where it was.
"""

# ruff: noqa: T201  a benchmark prints its table

import argparse
import os
import platform
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
# Runs share out the cores; inside a run more threads would only wait for each other.
if __name__ == "__main__":  # read when numpy is imported; who imports this file keeps the threads there are
    os.environ.update({"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"})

from benchmarks.gain.campaigns import KINDS, SEEDS_OF_RANDOM, campaigns, kept  # noqa: E402
from benchmarks.gain.coverage import SIZES, Covered, coverage, read, write  # noqa: E402
from benchmarks.gain.tables import tables  # noqa: E402
from benchmarks.tables import write_into  # noqa: E402

from curator.progress import RichProgress  # noqa: E402

BLOCK = "bench-gain"


def measured(given: argparse.Namespace) -> list[Covered]:
    """The rows of all campaigns asked for; those that OUT holds are not measured again."""
    played, path = given.out / "played", given.out / "coverage.csv"
    played.mkdir(parents=True, exist_ok=True)
    wanted = campaigns(given.data, given.seeds, given.kinds.split(","))
    rows = read(path)
    done = {(row.dataset, row.strategy, row.seed, row.kind) for row in rows if row.draws == given.draws}
    rows = [row for row in rows if row.draws == given.draws]
    with RichProgress().bar("campaigns", len(wanted)) as advance:
        for campaign in wanted:
            if (campaign.dataset, campaign.strategy, campaign.seed, campaign.kind) not in done:
                rows += coverage(
                    campaign, kept(played, given.data, campaign, given.batches), given.draws, SIZES
                )
                write(path, rows)
            advance(1)
    asked = {(one.dataset, one.strategy, one.seed, one.kind) for one in wanted}
    return [row for row in rows if (row.dataset, row.strategy, row.seed, row.kind) in asked]


def main() -> int:
    """Play, measure, tabulate, write; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of sets (default: scikit-learn's digits)")
    parser.add_argument("--out", type=Path, required=True, help="folder for played/, coverage.csv, tables.md")
    parser.add_argument("--seeds", type=int, default=3, help="campaigns per set, strategy and kind (3)")
    parser.add_argument("--draws", type=int, default=10, help="hold-outs of each size per round (10)")
    parser.add_argument("--kinds", default=",".join(KINDS), help=f"of models ({','.join(KINDS)})")
    parser.add_argument("--batches", type=int, help="batches of each campaign (12; 10 above 50 classes)")
    parser.add_argument("--write", type=Path, help=f"Markdown file whose block `{BLOCK}` gets the tables")
    given = parser.parse_args()
    if unknown := set(given.kinds.split(",")) - set(KINDS):
        parser.error(f"unknown kinds {', '.join(sorted(unknown))}; known are {', '.join(KINDS)}")
    try:
        rows = measured(given)
    except (ValueError, OSError) as exc:
        parser.error(str(exc))
    text = tables(rows, SEEDS_OF_RANDOM)
    (given.out / "tables.md").write_text(f"{text}\n", encoding="utf-8")
    print(text)
    if given.write:
        machine = f"Measured with Python {platform.python_version()} on {platform.system()}."
        write_into(given.write, BLOCK, f"{machine} {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
