"""What a model is measured by on the hold-out: on all items, and on any number of bootstrap replicates of them.

Inside, more is always better: log loss and cost count negative, so that after - before is a gain for every metric. `sign`
turns a value back into what people know.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from curator.evidence.outcomes import Outcomes

Metric = Literal["accuracy", "macro_f1", "log_loss", "cost_weighted_error"]
METRICS: tuple[Metric, ...] = ("accuracy", "macro_f1", "log_loss", "cost_weighted_error")
FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]

# As in learner.evaluation: a wrong answer given with certainty costs 13.8 nats, not infinitely many.
_SMALLEST_PROB = 1e-6


class HoldoutMetric(Protocol):
    """How one metric is computed; more is better."""

    sign: int  # -1: people know it as an error

    def replicates(self, counts: FloatArray, outcomes: Outcomes) -> FloatArray:
        """(n_draws, n_seeds) the metric where item i counts `counts[:, i]` times; counts are (n_draws, n_items)."""

    def flip(self, y: IntArray, n_classes: int) -> float:
        """By how much the metric changes, times n, when an item chosen at random turns from wrong to right."""


class _Mean(ABC):
    """A metric that is a mean over items."""

    sign = 1

    @abstractmethod
    def values(self, outcomes: Outcomes) -> FloatArray:
        """(n_seeds, n_items) the metric of each item by itself."""

    def replicates(self, counts: FloatArray, outcomes: Outcomes) -> FloatArray:
        values = self.values(outcomes).astype(np.float32)
        return np.asarray((counts @ values.T).astype(np.float64) / counts.shape[1])


class Accuracy(_Mean):
    """Share of items whose likeliest class is the true one."""

    def values(self, outcomes: Outcomes) -> FloatArray:
        """1 where right, 0 where wrong."""
        return np.asarray(outcomes.predicted == outcomes.y, dtype=np.float64)

    def flip(self, _y: IntArray, _n_classes: int) -> float:
        """An item is worth one item."""
        return 1.0


class LogLoss(_Mean):
    """Mean ln of the probability of the true class, in nats; at most 0."""

    sign = -1

    def values(self, outcomes: Outcomes) -> FloatArray:
        """The ln of the probability of the true class."""
        return np.asarray(np.log(np.clip(outcomes.of_truth.astype(np.float64), _SMALLEST_PROB, 1.0)))

    def flip(self, _y: IntArray, _n_classes: int) -> float:
        """Nothing: every item that a new model judges otherwise shows in the log loss."""
        return 0.0


@dataclass(frozen=True)
class CostWeightedError(_Mean):
    """Mean cost of the mistakes, counted negative: a mistake may cost more than another.

    Attributes:
        costs: (n_classes, n_classes) cost by true class (row) and predicted class (column); 0 on the diagonal.
    """

    costs: NDArray[np.float64]
    sign = -1

    def values(self, outcomes: Outcomes) -> FloatArray:
        """Minus the cost of each answer."""
        return np.asarray(-self.costs[outcomes.y, outcomes.predicted])

    def flip(self, y: IntArray, n_classes: int) -> float:
        """The cost of a mistake on an item of the hold-out, any wrong class as likely as another: root mean square."""
        squares = np.square(self.costs[y]).sum(axis=1) / max(1, n_classes - 1)
        return float(np.sqrt(squares.mean()))


class MacroF1:
    """Mean F1 over the classes that occur among the true ones."""

    sign = 1

    def replicates(self, counts: FloatArray, outcomes: Outcomes) -> FloatArray:
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

    def flip(self, y: IntArray, n_classes: int) -> float:
        """An item of class c moves its F1 by about 1 / (items of c); root mean square over classes drawn evenly.

        Evenly, not by their share: macro-F1 gives a rare class, where a single item weighs most, the same weight as any.
        """
        support = np.bincount(y, minlength=n_classes) + 1.0
        return float(np.sqrt(np.mean((len(y) / (n_classes * support)) ** 2)))


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


def metric_of(name: Metric, costs: NDArray[np.float64] | None, n_classes: int) -> HoldoutMetric:
    """The metric of that name; without `costs` every mistake costs 1."""
    if name == "accuracy":
        return Accuracy()
    if name == "macro_f1":
        return MacroF1()
    if name == "log_loss":
        return LogLoss()
    return CostWeightedError(1.0 - np.eye(n_classes) if costs is None else costs)
