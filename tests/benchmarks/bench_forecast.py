"""How good the forecasts of `curator plan` are, on recorded learning curves.

    python tests/benchmarks/bench_forecast.py CURVES.csv [--write FILE]

CURVES.csv has the columns dataset, strategy, seed, labels, accuracy, n_holdout: a row per model and hold-out, as
`curator simulate --curves` writes it. The same hold-out items measure every round of a campaign; the curve on its largest
hold-out is the truth. The protocol and the bars are those of docs/measured/forecast.md.
"""

# ruff: noqa: T201  a benchmark prints its table

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
# Runs share out the cores; inside a run more threads would only wait for each other.
if __name__ == "__main__":  # read when numpy is imported; who imports this file keeps the threads there are
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.forecast.curves import Campaign, CurvesError, read_curves  # noqa: E402
from benchmarks.forecast.report import report  # noqa: E402
from benchmarks.forecast.tasks import tasks_of  # noqa: E402
from benchmarks.tables import write_into  # noqa: E402

BLOCK = "bench-forecast"


def _long_enough(path: Path) -> list[Campaign]:
    if not path.is_file():
        raise CurvesError(f"{path} is no file of learning curves; say which: make bench-forecast CURVES=FILE")
    campaigns = read_curves(path)
    if not tasks_of(campaigns, None):
        raise CurvesError(
            f"{path}: no campaign reaches 1.5 times the labels of its fourth model. Simulate more rounds."
        )
    return campaigns


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("curves", type=Path, help="CSV file of learning curves")
    parser.add_argument("--write", type=Path, help="Markdown file to put the tables into")
    args = parser.parse_args(argv)
    try:
        text = report(_long_enough(args.curves))
    except (CurvesError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(text)
    if args.write:
        write_into(args.write, BLOCK, text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
