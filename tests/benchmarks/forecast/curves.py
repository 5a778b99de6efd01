"""Learning curves from a file: checked, and grouped into campaigns."""

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
COLUMNS = ("dataset", "strategy", "seed", "labels", "accuracy", "n_holdout")
_FEWEST_POINTS = 6


class CurvesError(ValueError):
    """The file holds no learning curves that a forecast can be checked on; the message says why."""


@dataclass(frozen=True)
class Curve:
    """One campaign measured on one hold-out: `labels` strictly growing, `values` shares 0-1."""

    labels: FloatArray
    values: FloatArray
    n_holdout: int


@dataclass(frozen=True)
class Campaign:
    """One strategy with one seed on one data set, measured on hold-outs of several sizes.

    Attributes:
        dataset, strategy, seed: as in the file; of a name like "trec6/tfidf" the part before the stroke is the data set, the
            rest says how it was changed.
        kind: of the data, as "topics"; the data set where the file has no such column.
        curves: by the size of the hold-out, smallest first; the same items each round.
    """

    dataset: str
    strategy: str
    seed: str
    kind: str
    curves: tuple[Curve, ...]

    @property
    def truth(self) -> Curve:
        """The curve on the largest hold-out: what forecasts are held against."""
        return self.curves[-1]

    def seen(self, size: int | None) -> Curve:
        """The curve on a hold-out of `size` items, or on the largest when that is smaller, or None is asked."""
        found = [curve for curve in self.curves if curve.n_holdout == size]
        return found[0] if found else self.truth

    def has(self, size: int) -> bool:
        """Whether it was measured on so many items, or never on more."""
        return self.truth.n_holdout < size or any(curve.n_holdout == size for curve in self.curves)


def read_curves(path: Path) -> list[Campaign]:
    """Every campaign of a CSV file with at least the columns of `COLUMNS`, one row per model and hold-out.

    Raises:
        CurvesError: columns are missing, a value cannot be, accuracies are percentages, or a number of labels occurs
            twice in one curve.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise CurvesError(
                f"{path} has no column {', '.join(missing)}. Needed are {', '.join(COLUMNS)}: "
                "`curator simulate --curves FILE` writes them."
            )
        points: dict[tuple[str, str, str], dict[int, dict[float, float]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        kinds: dict[str, str] = {}
        for number, row in enumerate(reader, start=2):
            labels, value, size = _numbers(path, number, row)
            kinds[row["dataset"]] = row.get("kind") or row["dataset"].partition("/")[0]
            curve = points[row["dataset"], row["strategy"], row["seed"]][size]
            if curve.setdefault(labels, value) != value:
                raise CurvesError(
                    f"{path}, line {number}: {row['dataset']} {row['strategy']} seed {row['seed']} has two accuracies "
                    f"with {labels:g} labels on {size} items. Give each campaign a strategy or seed of its own."
                )
    return _campaigns(path, points, kinds)


def _numbers(path: Path, number: int, row: dict[str, str]) -> tuple[float, float, int]:
    try:
        labels, value, size = float(row["labels"]), float(row["accuracy"]), float(row["n_holdout"])
    except (TypeError, ValueError):
        raise CurvesError(
            f"{path}, line {number}: labels, accuracy and n_holdout must be numbers, got {row['labels']!r}, "
            f"{row['accuracy']!r}, {row['n_holdout']!r}."
        ) from None
    if not 0.0 <= value <= 1.0:
        hint = "Percentages? Divide by 100." if 1.0 < value <= 100.0 else "It must be a share."
        raise CurvesError(f"{path}, line {number}: accuracy {value:g} is not between 0 and 1. {hint}")
    if not (labels >= 1 and size >= 1 and size == int(size)):
        raise CurvesError(
            f"{path}, line {number}: labels and n_holdout must be whole numbers from 1, got {labels:g} and {size:g}."
        )
    return labels, value, int(size)


def _campaigns(
    path: Path, points: dict[tuple[str, str, str], dict[int, dict[float, float]]], kinds: dict[str, str]
) -> list[Campaign]:
    found = []
    for (dataset, strategy, seed), by_size in sorted(points.items()):
        curves = []
        for size, values in sorted(by_size.items()):
            labels = np.array(sorted(values))
            curves.append(Curve(labels, np.array([values[n] for n in labels]), size))
        if len(curves[-1].labels) >= _FEWEST_POINTS:
            found.append(Campaign(dataset, strategy, seed, kinds[dataset], tuple(curves)))
    if not found:
        raise CurvesError(
            f"{path} holds no campaign with {_FEWEST_POINTS} models or more: four to forecast from and later ones to "
            "check against. Simulate more rounds."
        )
    return found
