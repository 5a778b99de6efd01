"""How good a model is on labeled items: every metric that is evaluated, and each class by itself.

Everything is computed from predictions and true columns, by numpy alone; the tests compare with scikit-learn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.errors import DataError
from curator.evidence.metrics import Metric, class_counts
from strategies.kernels.ties import likeliest

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]


@dataclass(frozen=True)
class PartEvaluation:
    """One part of the items, such as those of a class.

    Attributes:
        name: of the class.
        items: of it.
        values: {precision, recall, f1: share 0-1}; a share without items to count is 0.
    """

    name: str
    items: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class Evaluation:
    """The quality of predictions on labeled items.

    Attributes:
        n: items.
        values: {metric: value}, as people know it.
        parts: the same for parts of the items: one entry per class of the project, in its order.
    """

    n: int
    values: Mapping[str, float]
    parts: tuple[PartEvaluation, ...] = ()


def evaluate_classes(
    probs: FloatArray, y: IntArray, classes: Sequence[str], metrics: Sequence[Metric[Any]]
) -> Evaluation:
    """Measure probs against the truth.

    Args:
        probs: (n, n_classes) rows that sum to 1.
        y: (n,) true classes as columns of `probs`.
        classes: names of the columns.
        metrics: to measure by.

    Returns:
        The evaluation, by these metrics, and by precision, recall and F1 of each class.

    Raises:
        DataError: shapes that do not fit each other, no items, probs that are not finite, or a class outside the columns.
    """
    if probs.ndim != 2 or len(probs) == 0 or probs.shape[1] != len(classes):
        raise DataError(
            f"probs must be (items, {len(classes)} classes) with at least one item; got {probs.shape}."
        )
    if y.shape != (len(probs),) or y.min() < 0 or y.max() >= len(classes):
        raise DataError(
            f"y must hold {len(probs)} columns from 0 to {len(classes) - 1}; got the shape {y.shape}."
        )
    if not np.isfinite(probs).all():
        raise DataError("probs hold values that are not finite; the model that made them is broken.")
    probs = probs.astype(np.float64)
    values = {metric.name: metric.measure(probs, y) for metric in metrics}
    return Evaluation(len(y), values, _per_class(likeliest(probs), y, classes))


def _per_class(predicted: IntArray, y: IntArray, classes: Sequence[str]) -> tuple[PartEvaluation, ...]:
    counts = class_counts(predicted, y, len(classes))
    precision, recall, f1 = counts.precision, counts.recall, counts.f1
    return tuple(
        PartEvaluation(
            str(name),
            int(counts.support[i]),
            {"precision": float(precision[i]), "recall": float(recall[i]), "f1": float(f1[i])},
        )
        for i, name in enumerate(classes)
    )
