"""What a model says of its own training labels when it did not see them: validation that costs no labels."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from curator.learner.folds import stratified_folds


def cross_validated_probs(
    model: Any,
    X: ArrayLike,  # noqa: N803
    y: ArrayLike,
    folds: int = 5,
    seed: int = 0,
) -> NDArray[np.float32] | None:
    """Probs of each training label by a model that did not see it.

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
