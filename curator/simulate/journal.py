"""Finished campaigns in files: a journal, by which a simulation that was stopped goes on, and every point as CSV, what forecasts are tested on."""

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from curator.files import write_bytes
from curator.simulate.runs import Point, Run

COLUMNS = ("dataset", "strategy", "seed", "labels", "accuracy", "n_holdout", "cost")


class Journal:
    """A file of finished campaigns, one a line, found by their keys.

    Args:
        path: of the file; made with the first campaign. A line that was torn when its writer was killed does not count.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, list[Point]]:
        """{key: points} of every campaign that was finished."""
        found = {}
        for line in self._lines():
            try:
                row = json.loads(line)
                found[str(row["key"])] = [Point.from_json(point) for point in row["points"]]
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                continue
        return found

    def append(self, key: str, contender: str, seed: int, points: Sequence[Point]) -> None:
        """Keep a finished campaign.

        Raises:
            OSError: the disk refuses.
        """
        row = {"key": key, "strategy": contender, "seed": seed, "points": [p.as_json() for p in points]}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            torn = file.tell() > 0 and not self._ends_well()
            file.write((b"\n" if torn else b"") + json.dumps(row).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _lines(self) -> list[str]:
        try:
            return self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def _ends_well(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"


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
