"""BADGE: items whose label would change the model most, spread over the directions of that change.

An item's gradient embedding is the gradient of the loss at the last layer if the likeliest class were true: the outer
product of (probabilities - one-hot of the likeliest class) and the embedding. Its length is how unsure the model is.
k-means++ over these embeddings draws items that are uncertain and different.

The outer products are never formed: |a(x)x - b(x)y|^2 = |a|^2|x|^2 + |b|^2|y|^2 - 2 (a.b)(x.y).

Source: Ash, Zhang, Krishnamurthy, Langford & Agarwal, "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower
Bounds", ICLR 2020. The draws of k-means++ by rejection: `strategies.kernels.plusplus`.
"""

import numpy as np
from numpy.typing import NDArray

from strategies.inputs import Predict
from strategies.kernels.checks import check_embeddings, check_k, check_labeled, check_weights
from strategies.kernels.parallel import one_thread_each
from strategies.kernels.plusplus import draw_centres
from strategies.kernels.predict import PREDICT_ROWS, predict_checked
from strategies.kernels.rest import fill_up
from strategies.kernels.ties import first_of_largest, likeliest
from strategies.kernels.types import FloatArray, IntArray

# Gradients closer than this share of their squared lengths are equal: a model does not predict more precisely.
_ROUNDING = 1e-10


def select(
    embeddings: FloatArray,
    k: int,
    *,
    labeled: FloatArray | None,
    weights: FloatArray | None,
    rng: np.random.Generator,
    predict: Predict,
) -> IntArray:
    """Draw a batch by k-means++ over gradient embeddings.

    The first item is the one of the longest gradient; where something is labeled, its gradients are the first centres
    instead (short ones where the model has learnt the label, long ones where the answer is still awaited). Each next item
    is drawn in proportion to the squared distance to the nearest centre. Every item of the pool takes part: one pass asks
    for the predictions of all, and only of items that come into question are they asked for again, so that no
    (n_items, n_classes) matrix is kept.

    Args:
        embeddings: (n_items, dim) of the candidates.
        k: how many items to pick, 1 to n_items.
        labeled: (n_labeled, dim) of what is labeled or already asked; None: nothing is.
        weights: (n_items,) >= 0: the probability of each draw is multiplied by it; weight 0 is picked last.
        rng: draws.
        predict: embeddings (m, dim) -> probabilities (m, n_classes).

    Returns:
        (k,) distinct positions in the order drawn. Where all that is left equals a centre, chance decides.

    Raises:
        StrategyInputError: the arrays do not fit together, hold NaN, k is out of range, or the predictions are not
            probabilities.
    """
    check_embeddings(embeddings)
    n, dim = embeddings.shape
    check_k(k, n)
    labeled = check_labeled(labeled, dim)
    weights = check_weights(weights, n)

    # The number of BLAS threads changes the last bits of a product, and with them, once in a long while, a draw.
    with one_thread_each():
        lengths = _gradient_lengths(embeddings, predict)
        gradients = _Gradients(embeddings, predict, room=k + (0 if labeled is None else len(labeled)))
        picks: list[int] = []
        if labeled is None:
            worth = lengths if weights is None else lengths * np.sqrt(weights)
            picks.append(first_of_largest(worth))
            gradients.add(picks[0])
        else:
            gradients.add_rows(labeled)
        # No distance is larger than the sum of both lengths.
        bound = np.square(lengths + gradients.shortest())
        bound[picks] = 0.0
        picks += draw_centres(gradients, bound, k - len(picks), weights=weights, rng=rng)
    return fill_up(picks, k, n, weights, rng)


def _residuals(predict: Predict, rows: FloatArray) -> FloatArray:
    """(m, n_classes) probabilities minus the one-hot of the likeliest class."""
    probs = predict_checked(predict, rows)
    residuals = np.array(probs, dtype=np.result_type(probs, np.float32))
    residuals[np.arange(len(rows)), likeliest(probs)] -= 1.0
    return residuals


def _gradient_lengths(rows: FloatArray, predict: Predict) -> NDArray[np.float64]:
    """(n,) the length of each gradient embedding."""
    lengths = np.empty(len(rows))
    for start in range(0, len(rows), PREDICT_ROWS):
        block = rows[start : start + PREDICT_ROWS]
        residuals = _residuals(predict, block)
        squared = np.einsum("ij,ij->i", residuals, residuals).astype(np.float64)
        squared *= np.einsum("ij,ij->i", block, block, dtype=np.result_type(block, np.float32))
        lengths[start : start + PREDICT_ROWS] = np.sqrt(squared)
    return lengths


class _Gradients:
    """Centres in the space of gradient embeddings, each held as its two factors in float64."""

    def __init__(self, rows: FloatArray, predict: Predict, room: int) -> None:
        self.rows = rows
        self.predict = predict
        self.room = room
        self.count = 0
        self.embeddings: NDArray[np.float64] = np.empty((room, rows.shape[1]))
        self.lengths: NDArray[np.float64] = np.empty(room)  # squared
        self.residuals: NDArray[np.float64] | None = (
            None  # (room, n_classes): known with the first prediction
        )

    def __len__(self) -> int:
        return self.count

    def add(self, position: int) -> None:
        self.add_rows(self.rows[position : position + 1])

    def add_rows(self, rows: FloatArray) -> None:
        for start in range(0, len(rows), PREDICT_ROWS):
            embeddings, residuals, lengths = self._factors(rows[start : start + PREDICT_ROWS])
            if self.residuals is None:
                self.residuals = np.empty((self.room, residuals.shape[1]))
            new = slice(self.count, self.count + len(lengths))
            self.embeddings[new], self.residuals[new], self.lengths[new] = embeddings, residuals, lengths
            self.count = new.stop

    def shortest(self) -> float:
        """The length of the shortest centre."""
        return float(np.sqrt(self.lengths[: self.count].min()))

    def squared(self, positions: IntArray, first: int) -> NDArray[np.float64]:
        assert self.residuals is not None  # noqa: S101  there is a centre before anything is measured
        embeddings, residuals, lengths = self._factors(self.rows[positions])
        new = slice(first, self.count)
        sums = lengths[:, None] + self.lengths[new]
        squared = embeddings @ self.embeddings[new].T
        squared *= residuals @ self.residuals[new].T
        squared *= -2.0
        squared += sums
        squared[squared <= _ROUNDING * sums] = 0.0
        nearest: NDArray[np.float64] = squared.min(axis=1)
        return nearest

    def _factors(
        self, rows: FloatArray
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        embeddings = rows.astype(np.float64)
        residuals = _residuals(self.predict, rows).astype(np.float64)
        lengths = np.einsum("ij,ij->i", embeddings, embeddings) * np.einsum("ij,ij->i", residuals, residuals)
        return embeddings, residuals, lengths
