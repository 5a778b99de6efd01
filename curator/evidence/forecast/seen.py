"""What a forecast is made from: the measured rounds of one regime, checked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curator.errors import CuratorError, DataError

FloatArray = NDArray[np.float64]
FEWEST_ROUNDS = 4
FURTHEST = 4.0  # times the labels seen
HORIZONS = (1.5, 2.0, 4.0)  # times the labels seen: where forecasts are checked
# Two rounds measured on the same items share most of their error: of p (1 - p) / N so much is a round's own, and so
# much is common to all of them (measured on recorded campaigns: errors correlate 0.87 between neighbouring rounds).
OWN_SHARE, SHARED_SHARE = 0.3, 0.7


class ForecastRefusedError(CuratorError):
    """A forecast that would be a guess; `reason` is short enough for a table, the message says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Seen:
    """Measured rounds, by growing number of labels.

    Attributes:
        labels: (m,) labels that each model was trained on, strictly growing.
        values: (m,) the metric of each on the hold-out, 0-1.
        n_holdout: items of the hold-out, the same in each round.
    """

    labels: FloatArray
    values: FloatArray
    n_holdout: int

    @classmethod
    def of(cls, labels: ArrayLike, values: ArrayLike, n_holdout: int) -> "Seen":
        """Check and sort; rounds with the same number of labels count as one, with their mean.

        Raises:
            DataError: shapes that do not fit, a metric outside [0, 1], labels below 1, an empty hold-out.
            ForecastRefusedError: fewer than four rounds.
        """
        x, y = np.asarray(labels, dtype=np.float64), np.asarray(values, dtype=np.float64)
        if x.ndim != 1 or x.shape != y.shape:
            raise DataError(
                f"labels and values must be two lists of one length, got shapes {x.shape} and {y.shape}."
            )
        if not (np.isfinite(x).all() and np.isfinite(y).all()) or (x < 1).any() or n_holdout < 1:
            raise DataError("labels and n_holdout must be at least 1, and all numbers finite.")
        if ((y < 0) | (y > 1)).any():
            raise DataError(
                f"values must be shares between 0 and 1, got up to {y.max():g}. Divide percentages by 100."
            )
        distinct, place = np.unique(x, return_inverse=True)
        if len(distinct) < FEWEST_ROUNDS:
            raise ForecastRefusedError(
                "fewer than four measured rounds",
                f"A forecast needs at least {FEWEST_ROUNDS} measured rounds of one strategy and model; there are "
                f"{len(distinct)}. Run {FEWEST_ROUNDS - len(distinct)} more.",
            )
        means = np.bincount(place, weights=y) / np.bincount(place)
        return cls(distinct, means, int(n_holdout))

    @property
    def now(self) -> float:
        """Labels of the last round."""
        return float(self.labels[-1])

    @property
    def relative(self) -> FloatArray:
        """(m,) labels as shares of those of the last round."""
        return self.labels / self.now

    @property
    def smoothed(self) -> FloatArray:
        """(m,) the metric of each round by Laplace's rule of succession: never 0 or 1."""
        return (self.values * self.n_holdout + 1.0) / (self.n_holdout + 2.0)

    @property
    def binomial(self) -> FloatArray:
        """(m,) p (1 - p) / N of each round; never 0, for a perfect score on N items is not certain either."""
        p = self.smoothed
        return p * (1.0 - p) / self.n_holdout

    @property
    def shared_variance(self) -> float:
        """Of the error that the hold-out has in all rounds alike, as the last two rounds have it."""
        return float(SHARED_SHARE * self.binomial[-2:].mean())
