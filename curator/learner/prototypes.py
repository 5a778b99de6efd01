"""Class means on the unit sphere: the part of the head that works from the first label on.

The score of a class is the cosine to the mean of its labeled embeddings. How sharp these scores are read is fitted on
left-out labels: each label is scored against the mean of its class *without* it.

Source: Snell, Swersky & Zemel, "Prototypical Networks for Few-shot Learning", NeurIPS 2017 (class means); the
leave-one-out temperature and its starting value were measured by tests/benchmarks/bench_heads.py.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curator.learner.calibration import fit_inverse_temperature

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.int64]

# Cosines of sentence and image embeddings want 10 to 25 once there are enough labels to tell (measured on five
# sets); five pseudo-labels keep 2 labels per class from concluding 0 or 400.
_START = 20.0
_PSEUDO_LABELS = 5.0
_BOUNDS = (0.1, 400.0)


@dataclass(frozen=True)
class Prototypes:
    """Unit class means and the inverse temperature of their cosines.

    Attributes:
        means: (n_classes, dim) float64 rows of unit length; zero for a class without labels.
        sharpness: logits are sharpness * cosine.
    """

    means: FloatArray
    sharpness: float


def fit_prototypes(embeddings: FloatArray, y: IntArray, n_classes: int) -> Prototypes:
    """Class means of labeled embeddings, with a leave-one-out temperature.

    A class with one label has nothing left when that label is left out: such labels have no say in the temperature.

    Args:
        embeddings: (n, dim) unit-length rows.
        y: (n,) class of each row, 0 to n_classes - 1.
        n_classes: columns of the result; classes without a label get a zero mean.

    Returns:
        The prototypes.
    """
    rows = embeddings.astype(np.float64)
    sums = np.zeros((n_classes, rows.shape[1]))
    np.add.at(sums, y, rows)
    size = np.bincount(y, minlength=n_classes)
    means = _unit(sums)
    left_out = np.where(size > 0, rows @ means.T, -np.inf)
    left_out[np.arange(len(y)), y] = (rows * _unit(sums[y] - rows)).sum(axis=1)
    has_others = size[y] > 1
    sharpness = fit_inverse_temperature(
        left_out[has_others], y[has_others], start=_START, pseudo_labels=_PSEUDO_LABELS, bounds=_BOUNDS
    )
    return Prototypes(means=means, sharpness=sharpness)


def _unit(rows: FloatArray) -> FloatArray:
    length = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    unit: FloatArray = rows / np.maximum(length, 1e-12)
    return unit
