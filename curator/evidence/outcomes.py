"""What a model said about the hold-out, as far as any metric needs it.

`Outcomes` is what every kind of label gives: who was right on which item is what paired gains stand on. `ClassOutcomes` is that of
a label that is one class of several.
"""

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from curator.errors import DataError
from strategies.kernels.ties import likeliest

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]


class Outcomes(Protocol):
    """The answers of a model to n hold-out items.

    Attributes:
        y: (n_items, ...) the truth: models compare only where it is the same.
    """

    @property
    def y(self) -> NDArray[Any]:  # noqa: D102 - above
        ...

    @property
    def n_seeds(self) -> int:
        """Models that were trained."""
        ...

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n_items,) whether the mean over training seeds answers the item as the truth does."""
        ...


@dataclass(frozen=True)
class ClassOutcomes:
    """The answers of a model to n hold-out items, one row per training seed.

    Attributes:
        predicted: (n_seeds, n_items) column of the likeliest class.
        of_truth: (n_seeds, n_items) probability of the true class.
        together: (n_items,) column of the likeliest class of the mean over seeds.
        y: (n_items,) column of the true class.
        n_classes: columns.
    """

    predicted: IntArray
    of_truth: FloatArray
    together: IntArray
    y: IntArray
    n_classes: int

    @classmethod
    def of(cls, probs: FloatArray, y: IntArray) -> Self:
        """From probabilities.

        Args:
            probs: (n_seeds, n_items, n_classes) probs on the hold-out.
            y: (n_items,) the true class of each item as its column in `probs`.

        Raises:
            DataError: shapes that do not fit each other, no items, or a class outside the columns.
        """
        if probs.ndim != 3 or 0 in probs.shape:
            raise DataError(
                f"probs must have the shape (seeds, items, classes), none of them zero; got {probs.shape}. "
                "Pass predict_proba_seeds(), or add an axis in front of predict_proba()."
            )
        if y.shape != (probs.shape[1],):
            raise DataError(
                f"{probs.shape[1]} items have probs but y has the shape {y.shape}; pass one class per item."
            )
        if y.min() < 0 or y.max() >= probs.shape[2]:
            raise DataError(
                f"y holds classes from {y.min()} to {y.max()}, but probs have the columns 0 to {probs.shape[2] - 1}."
            )
        of_truth = probs[:, np.arange(len(y)), y]
        together = likeliest(probs.mean(axis=0))
        return cls(likeliest(probs), of_truth, together, y, probs.shape[2])

    @property
    def n_seeds(self) -> int:
        """Models that were trained."""
        return len(self.predicted)

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n_items,) whether the mean over seeds has the true class."""
        return np.asarray(self.together == self.y)
