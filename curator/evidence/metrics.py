"""What a model is measured by on the hold-out: one class per metric, and everything else is derived from it.

`METRICS` is the one list: a campaign may be run by its headlines, `evaluations` holds those that are evaluated, `comparisons` those
that are compared. Inside the bootstrap more is always better: log loss and cost count negative, so that after - before is a gain for
every metric; `sign` turns a value back into what people know.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from curator.evidence.outcomes import ClassOutcomes, Outcomes
from strategies.kernels.ties import likeliest

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]
O = TypeVar("O", bound=Outcomes)  # noqa: E741 - what the metrics of one kind of label read
Paired = Literal["mcnemar", "jumps", "smooth"]

# A wrong answer given with certainty costs 13.8 nats, not infinitely many.
_SMALLEST_PROB = 1e-6
BINS = 15


class Metric(ABC, Generic[O]):
    """One metric of one kind of label.

    Attributes:
        name: as curator.toml, the ledger and every table write it.
        title: as people call it.
        meaning: what it counts, in half a sentence, for curator.toml and help.
        unit: of its values and gains: points (0 to 1, told in hundredths), nats, cost, or whatever else.
        higher_is_better: False: people know it as an error.
        bounded: its values lie between 0 and 1.
        headline: a campaign may be run by it. Needs `bounded`: forecasts, stop rules and the page speak of points.
        evaluated: every model's value is kept, on each split.
        compared: paired gains over earlier models are kept.
        counts_mistakes: a gain of g spares g mistakes per prediction, which [stop] value_per_error prices.
        paired: how an interval of the difference of two models is made. "mcnemar": an item is right or wrong, and the metric is the
            share of those that are right. "jumps": otherwise it changes only where an answer does. "smooth": it differs on
            every item that a new model judges otherwise, and `per_item` says by how much.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    meaning: ClassVar[str] = ""
    unit: ClassVar[str] = "points"
    higher_is_better: ClassVar[bool] = True
    bounded: ClassVar[bool] = True
    headline: ClassVar[bool] = False
    evaluated: ClassVar[bool] = True
    compared: ClassVar[bool] = True
    counts_mistakes: ClassVar[bool] = False
    paired: ClassVar[Paired] = "jumps"

    @property
    def sign(self) -> int:
        """-1: people know it as an error."""
        return 1 if self.higher_is_better else -1

    def with_costs(self, _costs: NDArray[np.float64]) -> Self:
        """The same where mistakes cost this much: (n_classes, n_classes) by true (row) and predicted class; most do not care."""
        return self

    @abstractmethod
    def measure(self, predictions: FloatArray, y: NDArray[Any]) -> float:
        """The metric of one model, as people know it.

        Args:
            predictions: (n, width) what the model says of each item.
            y: (n, ...) the truth, as the kind of label encodes it.
        """

    def per_item(self, _outcomes: O) -> FloatArray:
        """(n_seeds, n_items) what each item contributes, more is better; only of a metric that is a mean over items."""
        raise NotImplementedError(f"{self.name} is no mean over items.")

    def replicates(self, counts: FloatArray, outcomes: O) -> FloatArray:
        """(n_draws, n_seeds) the metric, more is better, where item i counts `counts[:, i]` times; counts are (n_draws, n_items)."""
        values = self.per_item(outcomes).astype(np.float32)
        return np.asarray((counts @ values.T).astype(np.float64) / counts.shape[1])

    def flip(self, _outcomes: O) -> float:
        """By how much the metric changes, times n, when an item chosen at random turns from wrong to right."""
        return 1.0


class Accuracy(Metric[ClassOutcomes]):
    """Share of items whose likeliest class is the true one."""

    name = title = "accuracy"
    meaning = "the share of items that the model has right"
    headline = True
    counts_mistakes = True
    paired = "mcnemar"

    def measure(self, predictions: FloatArray, y: IntArray) -> float:
        """0 to 1."""
        return float((likeliest(predictions) == y).mean())

    def per_item(self, outcomes: ClassOutcomes) -> FloatArray:
        """1 where right, 0 where wrong."""
        return np.asarray(outcomes.predicted == outcomes.y, dtype=np.float64)


class MacroF1(Metric[ClassOutcomes]):
    """Mean F1 over the classes that occur among the true ones."""

    name, title = "macro_f1", "macro-F1"
    meaning = "counts every class alike, however rare"
    headline = True

    def measure(self, predictions: FloatArray, y: IntArray) -> float:
        """0 to 1."""
        counts = class_counts(likeliest(predictions), y, predictions.shape[1])
        return float(np.mean(counts.f1[counts.support > 0]))

    def replicates(self, counts: FloatArray, outcomes: ClassOutcomes) -> FloatArray:
        """F1 = 2 * hits / (support + predicted), over the classes that a replicate holds."""
        classes = np.arange(outcomes.n_classes)
        true = (outcomes.y[:, None] == classes).astype(np.float32)
        support = (counts @ true).astype(np.float64)
        held = support > 0
        out = np.empty((len(counts), outcomes.n_seeds))
        for seed, predicted in enumerate(outcomes.predicted):
            if seed and np.array_equal(predicted, outcomes.predicted[0]):
                out[:, seed] = out[:, 0]  # the seeds of a model without randomness coincide
                continue
            hits = counts @ (true * (predicted == outcomes.y)[:, None])
            n_predicted = counts @ (predicted[:, None] == classes).astype(np.float32)
            f1 = 2.0 * hits / np.maximum(support + n_predicted, 1.0)
            out[:, seed] = (f1 * held).sum(axis=1) / held.sum(axis=1)
        return out

    def flip(self, outcomes: ClassOutcomes) -> float:
        """An item of class c moves its F1 by about 1 / (items of c); root mean square over classes drawn evenly.

        Evenly, not by their share: macro-F1 gives a rare class, where a single item weighs most, the same weight as any.
        """
        support = np.bincount(outcomes.y, minlength=outcomes.n_classes) + 1.0
        return float(np.sqrt(np.mean((len(outcomes.y) / (outcomes.n_classes * support)) ** 2)))


class LogLoss(Metric[ClassOutcomes]):
    """Mean -ln of the probability of the true class, in nats."""

    name, title = "log_loss", "log loss"
    meaning = "minus the logarithm of the probability of the true class"
    unit = "nats"
    higher_is_better = False
    bounded = False
    paired = "smooth"

    def measure(self, predictions: FloatArray, y: IntArray) -> float:
        """0 or more nats."""
        return float(-np.log(np.clip(_of_truth(predictions, y), _SMALLEST_PROB, 1.0)).mean())

    def per_item(self, outcomes: ClassOutcomes) -> FloatArray:
        """The ln of the probability of the true class."""
        return np.asarray(np.log(np.clip(outcomes.of_truth.astype(np.float64), _SMALLEST_PROB, 1.0)))


@dataclass(frozen=True)
class CostWeightedError(Metric[ClassOutcomes]):
    """Mean cost of the mistakes: one may cost more than another.

    Attributes:
        costs: (n_classes, n_classes) cost by true class (row) and predicted class (column), 0 on the diagonal; None: 1 each.
    """

    name, title = "cost_weighted_error", "cost of mistakes"
    meaning = "the mean cost of a mistake, as [holdout] mistakes prices it"
    unit = "cost"
    higher_is_better = False
    bounded = False
    evaluated = False
    counts_mistakes = True

    costs: NDArray[np.float64] | None = None

    def with_costs(self, costs: NDArray[np.float64]) -> "CostWeightedError":
        """See `Metric.with_costs`."""
        return CostWeightedError(costs)

    def measure(self, predictions: FloatArray, y: IntArray) -> float:
        """0 or more, in the unit of the costs."""
        return float(self._of(predictions.shape[1])[y, likeliest(predictions)].mean())

    def per_item(self, outcomes: ClassOutcomes) -> FloatArray:
        """Minus the cost of each answer."""
        return np.asarray(-self._of(outcomes.n_classes)[outcomes.y, outcomes.predicted])

    def flip(self, outcomes: ClassOutcomes) -> float:
        """The cost of a mistake on an item of the hold-out, any wrong class as likely as another: root mean square."""
        n_classes = outcomes.n_classes
        squares = np.square(self._of(n_classes)[outcomes.y]).sum(axis=1) / max(1, n_classes - 1)
        return float(np.sqrt(squares.mean()))

    def _of(self, n_classes: int) -> NDArray[np.float64]:
        return 1.0 - np.eye(n_classes) if self.costs is None else self.costs


class Brier(Metric[ClassOutcomes]):
    """Mean squared distance to the one-hot truth, summed over classes, 0 to 2."""

    name, title = "brier", "Brier score"
    meaning = "the squared distance between the probabilities and the truth"
    higher_is_better = False
    bounded = False
    compared = False

    def measure(self, predictions: FloatArray, y: IntArray) -> float:
        """0 to 2."""
        # sum over classes of (p - 1[true])^2, without the (n, k) one-hot matrix
        squares = np.square(predictions).sum(axis=1) - 2.0 * _of_truth(predictions, y) + 1.0
        return float(squares.mean())


class CalibrationError(Metric[ClassOutcomes]):
    """Expected calibration error: |confidence - accuracy|, mean over items in 15 equal bins of the largest probability.

    Source: Naeini, Cooper & Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.
    """

    name, title = "ece", "calibration error"
    meaning = "how far the probabilities are from the shares that are right"
    higher_is_better = False
    compared = False

    def measure(self, predictions: FloatArray, y: IntArray) -> float:
        """0 to 1."""
        confidence = predictions.max(axis=1)
        right = likeliest(predictions) == y
        bins = confidence_bins(confidence)
        gap = np.bincount(bins, weights=confidence - right, minlength=BINS)
        return float(np.abs(gap).sum() / len(y))


def confidence_bins(confidence: FloatArray) -> IntArray:
    """(n,) which of `BINS` equal bins a largest probability (n,) falls into: those of the calibration error and of its picture."""
    return np.minimum((confidence * BINS).astype(np.int64), BINS - 1)


@dataclass(frozen=True)
class ClassCounts:
    """Hits and misses of each class, (n_classes,) each."""

    hits: IntArray
    support: IntArray
    guessed: IntArray

    @property
    def precision(self) -> FloatArray:
        """Share of the guesses that were right; 0 without a guess."""
        return np.asarray(self.hits / np.maximum(self.guessed, 1))

    @property
    def recall(self) -> FloatArray:
        """Share of its items that were found; 0 without an item."""
        return np.asarray(self.hits / np.maximum(self.support, 1))

    @property
    def f1(self) -> FloatArray:
        """2 * hits / (support + guessed); 0 without either."""
        return np.asarray(2.0 * self.hits / np.maximum(self.support + self.guessed, 1))


def class_counts(predicted: IntArray, y: IntArray, n_classes: int) -> ClassCounts:
    """Count what was predicted, (n,) columns, against the truth, (n,) columns."""
    return ClassCounts(
        hits=np.bincount(y[predicted == y], minlength=n_classes),
        support=np.bincount(y, minlength=n_classes),
        guessed=np.bincount(predicted, minlength=n_classes),
    )


def _of_truth(probs: FloatArray, y: IntArray) -> FloatArray:
    return np.asarray(probs[np.arange(len(y)), y])


# Of a label that is one class of several, in the order of every table.
METRICS: dict[str, Metric[ClassOutcomes]] = {
    metric.name: metric
    for metric in (Accuracy(), MacroF1(), LogLoss(), CostWeightedError(), Brier(), CalibrationError())
}


def cost_matrix(classes: Sequence[str], mistakes: Mapping[str, Mapping[str, float]]) -> NDArray[np.float64]:
    """(n_classes, n_classes) what each mistake costs: 1 where nothing is said, 0 for the right answer.

    Args:
        classes: in the order of the columns.
        mistakes: true class -> predicted class -> cost, as in `[holdout] mistakes`.
    """
    costs = np.ones((len(classes), len(classes)))
    position = {name: i for i, name in enumerate(classes)}
    for true, by_predicted in mistakes.items():
        for predicted, cost in by_predicted.items():
            costs[position[true], position[predicted]] = cost
    np.fill_diagonal(costs, 0.0)
    return costs
