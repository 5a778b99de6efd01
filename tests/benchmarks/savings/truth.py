"""The random campaign in full: how accurate random labels make a model, on the whole test set, averaged over many draws."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.efficiency.data import DataSet, FloatArray, IntArray
from benchmarks.player import logistic

_FIRST, _STEPS = 20, 4  # labels, and sizes per doubling
_DRAWS, _LONG_DRAWS, _LONG = 40, 6, 3000  # fewer draws where fits are slow and differ little
_MANY_CLASSES, _DRAWS_OF_MANY = 50, 12


@dataclass(frozen=True)
class RandomCurve:
    """Sizes, ascending, and the mean accuracy of models of so many random labels; made to never fall."""

    sizes: IntArray
    accuracy: FloatArray

    def at(self, labels: float) -> float:
        """Accuracy of so many random labels."""
        return float(np.interp(np.log(labels), np.log(self.sizes), self.accuracy))

    def labels_for(self, accuracy: float) -> float:
        """Random labels that reach an accuracy; infinite where the whole pool does not."""
        if accuracy > self.accuracy[-1]:
            return float("inf")
        rising = np.concatenate(([True], np.diff(self.accuracy) > 0))
        return float(np.exp(np.interp(accuracy, self.accuracy[rising], np.log(self.sizes[rising]))))


def random_curve(data: DataSet, kept: Path) -> RandomCurve:
    """The curve of a set, computed once and kept in a file."""
    if not kept.exists():
        sizes, accuracy = _measure(data)
        np.savez(kept, sizes=sizes, accuracy=accuracy)
    with np.load(kept) as arrays:
        return RandomCurve(arrays["sizes"], np.maximum.accumulate(arrays["accuracy"]))


def _measure(data: DataSet) -> tuple[IntArray, FloatArray]:
    n = len(data.pool)
    steps = _FIRST * 2.0 ** (np.arange(64) / _STEPS)
    sizes = np.unique(np.append(steps[steps < n].astype(np.int64), n))
    draws = _DRAWS_OF_MANY if data.n_classes > _MANY_CLASSES else _DRAWS
    found = np.full((draws, len(sizes)), np.nan)
    for draw in range(draws):
        order = np.random.default_rng([draw, 77]).permutation(n)
        for place, size in enumerate(sizes):
            if size > _LONG and draw >= _LONG_DRAWS:
                break
            rows = order[:size]
            model = logistic(data.n_classes).fit(data.pool[rows], data.labels[rows])
            found[draw, place] = (model.predict(data.test) == data.truth).mean()
    return sizes, np.nanmean(found, axis=0)
