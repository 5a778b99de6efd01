"""Every point of every campaign as CSV: what forecasts of learning curves are tested on."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from curator.files import write_bytes
from curator.simulate.runs import Point, Run

COLUMNS = ("dataset", "strategy", "seed", "labels", "accuracy", "n_holdout", "cost")


def write_curves(path: Path, dataset: str, played: Mapping[Run, Sequence[Point]]) -> None:
    """Write a row per campaign, round and size of the hold-out.

    Args:
        path: of the file; replaced in one step.
        dataset: the name of the data.
        played: the campaigns. `cost` is micro-units of the labels so far; hold-outs of a campaign are beginnings of one
            another, and the same items in every round.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for run, points in played.items():
        for size in run.holdouts:
            for point in points:
                accuracy = f"{point.accuracy[size]:.6f}"
                writer.writerow((dataset, run.contender, run.seed, point.labels, accuracy, size, point.cost))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, text.getvalue().encode())
