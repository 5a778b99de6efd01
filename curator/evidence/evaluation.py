"""How good probs are: accuracy, macro-F1, log loss, Brier, calibration error, and each class by itself.

Everything is computed from probs and true columns, by numpy alone; the tests compare with scikit-learn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from curator.errors import DataError
from curator.learner.folds import stratified_folds
from strategies.kernels.ties import likeliest

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]

BINS = 15
# A wrong answer given with certainty costs 13.8 nats, not infinitely many.
_SMALLEST_PROB = 1e-6


@dataclass(frozen=True)
class ClassEvaluation:
    """One class: shares 0-1, `support` in items. A share without items to count is 0."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Evaluation:
    """The quality of probs on labeled items.

    Attributes:
        n: items.
        accuracy: share of items whose likeliest class is the true one; higher is better.
        macro_f1: mean F1 over the classes that occur among the true ones; higher is better.
        log_loss: mean -ln of the probability of the true class, in nats; lower is better.
        brier: mean squared distance to the one-hot truth, summed over classes, 0-2; lower is better.
        ece: expected calibration error, 0-1: |confidence - accuracy|, mean over items in 15 equal bins of confidence;
            lower is better.
        per_class: one entry per class of the project, in its order.
    """

    n: int
    accuracy: float
    macro_f1: float
    log_loss: float
    brier: float
    ece: float
    per_class: tuple[ClassEvaluation, ...]


def evaluate(probs: FloatArray, y: IntArray, classes: Sequence[str]) -> Evaluation:
    """Measure probs against the truth.

    Args:
        probs: (n, n_classes) rows that sum to 1.
        y: (n,) true classes as columns of `probs`.
        classes: names of the columns.

    Returns:
        The evaluation.

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
    predicted = likeliest(probs)
    per_class = _per_class(predicted, y, classes)
    of_truth = probs[np.arange(len(y)), y]
    # sum over classes of (p - 1[true])^2, without the (n, k) one-hot matrix
    squares = np.square(probs).sum(axis=1) - 2.0 * of_truth + 1.0
    return Evaluation(
        n=len(y),
        accuracy=float((predicted == y).mean()),
        macro_f1=float(np.mean([one.f1 for one in per_class if one.support])),
        log_loss=float(-np.log(np.clip(of_truth, _SMALLEST_PROB, 1.0)).mean()),
        brier=float(squares.mean()),
        ece=expected_calibration_error(probs, y),
        per_class=per_class,
    )


def expected_calibration_error(probs: FloatArray, y: IntArray) -> float:
    """Mean over items of |confidence - accuracy| in 15 equal bins of the largest probability; 0-1, lower is better.

    Args:
        probs: (n, n_classes) rows that sum to 1.
        y: (n,) true classes as columns of `probs`.

    Source: Naeini, Cooper & Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.
    """
    confidence = probs.max(axis=1)
    right = likeliest(probs) == y
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gap = np.bincount(bins, weights=confidence - right, minlength=BINS)
    return float(np.abs(gap).sum() / len(y))


def cross_validated_probs(
    model: Any,
    X: ArrayLike,  # noqa: N803
    y: ArrayLike,
    folds: int = 5,
    seed: int = 0,
) -> NDArray[np.float32] | None:
    """Probs of each training label by a model that did not see it: the validation part that costs no labels.

    Folds are stratified and need no minimum per class. A class with one label is wholly held out once: its label is
    predicted by a model that has never seen the class, which is what such a label would have met; the figure errs on
    the pessimistic side while classes have fewer labels than there are folds.

    Args:
        model: an estimator of this package, or any with scikit-learn's interface whose `predict_proba` has a column for
            every class of the project; it is cloned, not changed.
        X: (n, dim) embeddings.
        y: (n,) classes, as for `fit`.
        folds: at most; fewer when there are fewer labels.
        seed: of the dealing.

    Returns:
        (n, n_classes) float32; None with fewer than four labels or with labels of one class only: nothing can be
        validated then.
    """
    embeddings, labels = np.asarray(X), np.asarray(y)
    columns = np.unique(labels, return_inverse=True)[1]
    if len(labels) < 4 or columns.max() == 0:
        return None
    n_folds = min(folds, len(labels))
    fold = stratified_folds(columns, n_folds, [seed, 6])
    parts = []
    for part in range(n_folds):
        fitted = clone(model).fit(embeddings[fold != part], labels[fold != part])
        parts.append(fitted.predict_proba(embeddings[fold == part]))
    out = np.empty((len(labels), parts[0].shape[1]), dtype=np.float32)
    for part, probs in enumerate(parts):
        out[fold == part] = probs
    return out


def _per_class(predicted: IntArray, y: IntArray, classes: Sequence[str]) -> tuple[ClassEvaluation, ...]:
    n = len(classes)
    hits = np.bincount(y[predicted == y], minlength=n)
    support, guessed = np.bincount(y, minlength=n), np.bincount(predicted, minlength=n)
    precision = hits / np.maximum(guessed, 1)
    recall = hits / np.maximum(support, 1)
    f1 = 2.0 * hits / np.maximum(support + guessed, 1)
    return tuple(
        ClassEvaluation(str(name), float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
        for i, name in enumerate(classes)
    )
