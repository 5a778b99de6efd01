"""The least that peers ask of a model or a data set, so that only what they add to it is measured."""

from collections.abc import Callable
from typing import Any

import numpy as np


class Given:
    """A fitted classifier that gives probabilities worked out before."""

    def __init__(self, probs: np.ndarray | None) -> None:
        self.probs = probs

    def predict_proba(self, _pool: Any) -> np.ndarray | None:
        return self.probs


class Rows:
    """A data set of small-text: rows by number."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, positions: np.ndarray) -> "Rows":
        return Rows(len(positions))


def skactiveml_classifier(predict: Callable[[Any], np.ndarray], n_classes: int) -> Any:
    """A fitted classifier of scikit-activeml with these predictions."""
    from skactiveml.base import SkactivemlClassifier

    class Classifier(SkactivemlClassifier):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:  # noqa: N803  scikit-learn's names
            return self

        def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
            return predict(X)

    return Classifier(classes=list(range(n_classes)))


def unlabeled_y(n: int, labeled: np.ndarray | slice = slice(0, 0)) -> np.ndarray:
    """(n,) labels as scikit-activeml takes them: NaN, but 0 where something is labeled."""
    y = np.full(n, np.nan)
    y[labeled] = 0
    return y
