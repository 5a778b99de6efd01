"""One class of several: the label of most classification projects."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from curator.evidence.evaluation import Evaluation, evaluate_classes
from curator.evidence.metrics import METRICS, Metric, cost_matrix
from curator.evidence.outcomes import ClassOutcomes
from curator.ledger.class_columns import columns_now
from curator.ledger.class_history import History, Meaning, Role
from curator.ledger.store import Ledger
from curator.tasks.task import Consensus, FloatArray, Mistakes, Task, Traits
from integrations.label_cells import ONE_NAME
from integrations.labelers.single_choice import SINGLE_CHOICE
from strategies.kernels.ties import likeliest, ranking

if TYPE_CHECKING:
    from curator.learner.model import Model  # loads torch

IntArray = NDArray[np.int64]
_OUTDATED = "\0{}"  # stands for a class that no longer says enough; no class begins so


class SingleChoice(Task):
    """See `Task`: for each function, what is said there of `single`."""

    kind = "single"
    summary = "one class of several"
    summary_columns = ("predicted", "probability", "margin")
    cells = ONE_NAME
    form = SINGLE_CHOICE
    traits = Traits(
        class_changes=True,
        class_table=True,
        calibration=True,
        confusion=True,
        class_probabilities=True,
        replay=True,
        simulation=True,
        modal=True,
    )
    registered = METRICS
    predicts = "probs"
    scorers = ("entropy", "margin", "least_confidence")
    uncertainty = "margin"

    def _priced(self, mistakes: Mistakes) -> Mapping[str, Metric[Any]]:
        costs = cost_matrix(self.classes, mistakes)
        return {name: metric.with_costs(costs) for name, metric in self.registered.items()}

    def meaning(self, history: History, label: str | None, version: int, role: Role) -> Meaning:
        """See `History.meaning`."""
        return history.meaning(label, version, role)

    def consensus(self, votes: Sequence[str | None], outdated: Sequence[str | None] = ()) -> Consensus:
        """The majority of the votes on an item; an even split gives none.

        An outdated vote is one for a class of its own: where that wins, or ties, there is no label.
        """
        labels = [vote for vote in votes if vote is not None]
        told = len(labels) + len(outdated)
        if not told:
            return Consensus(None, 0, None, tied=False)
        everything = [*votes, *(_OUTDATED.format(vote) for vote in outdated)]
        (first, n), *rest = Counter(everything).most_common(2)
        if rest and rest[0][1] == n:
            return Consensus(None, told, None, tied=True)
        if first is None or first not in labels:
            return Consensus(None, told, None, tied=False)
        return Consensus(first, told, n / len(everything), tied=False)

    def encode(self, labels: Sequence[str]) -> IntArray:
        """(n,) positions in the classes."""
        position = {name: i for i, name in enumerate(self.classes)}
        return np.array([position[label] for label in labels], dtype=np.int64)

    def decode(self, y: IntArray) -> list[str]:
        """Names of the classes at these positions."""
        return [self.classes[position] for position in y.tolist()]

    def labels_now(
        self, history: History, classes: Sequence[str], y: IntArray
    ) -> tuple[NDArray[np.bool_], IntArray]:
        """By the name that each class has today."""
        position = {name: i for i, name in enumerate(self.classes)}
        meaning = history.meaning_of_classes(tuple(classes))
        now = np.array([position.get(name or "", -1) for name in meaning], dtype=np.int64)[y]
        return now >= 0, now[now >= 0]

    def targets(self, y: IntArray) -> NDArray[Any]:
        """(n,) the same as an array."""
        return np.array(self.classes)[y]

    def new_model(self, name: str, params: Mapping[str, Any], n_seeds: int, random_state: int) -> "Model":
        """The head, or any scikit-learn style classifier."""
        from curator.learner.model import build_model

        return build_model(
            name, dict(params), classes=self.classes, n_seeds=n_seeds, random_state=random_state
        )

    def cross_validated(
        self, model: "Model", embeddings: FloatArray, y: IntArray, seed: int
    ) -> FloatArray | None:
        """In folds that deal each class evenly."""
        from curator.learner.cross_validation import cross_validated_probs

        return cross_validated_probs(model, embeddings, self.targets(y), seed=seed)

    def answers(self, predictions: FloatArray) -> IntArray:
        """The likeliest class."""
        return likeliest(predictions).astype(np.int64)

    def outcomes(self, predictions: FloatArray, y: IntArray) -> ClassOutcomes:
        """What each seed has right, and the probability of the truth."""
        return ClassOutcomes.of(predictions, y)

    def evaluate(self, predictions: FloatArray, y: IntArray) -> Evaluation:
        """By all metrics, and precision, recall and F1 of each class."""
        return evaluate_classes(
            predictions, y, self.classes, [one for one in self.metrics.values() if one.evaluated]
        )

    def guess(self, y: IntArray) -> FloatArray:
        """How frequent each class is."""
        return np.bincount(y, minlength=len(self.classes)) / len(y)

    def predictions_now(self, ledger: Ledger, round_id: int, predictions: FloatArray) -> FloatArray:
        """See `columns_now`."""
        return columns_now(ledger, round_id, cast("NDArray[np.float32]", predictions))

    def suggestions(self, predictions: FloatArray) -> list[tuple[str, float]]:
        """The likeliest class and its probability."""
        best = likeliest(predictions).tolist()
        return [
            (self.classes[column], float(row[column])) for column, row in zip(best, predictions, strict=True)
        ]

    def doubt(self, prediction: FloatArray) -> str:
        """Its two likeliest classes."""
        first, second = ranking(prediction)[:2]
        return (
            f"is torn between {self.classes[first]} ({100 * prediction[first]:.0f}%) "
            f"and {self.classes[second]} ({100 * prediction[second]:.0f}%)"
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The probability of each class."""
        return tuple(f"p({name})" for name in self.classes)

    def summaries(self, predictions: FloatArray) -> list[tuple[str | float, ...]]:
        """The likeliest class, its probability and its margin over the next."""
        order = np.argsort(-predictions, axis=1, kind="stable")
        top = np.take_along_axis(predictions, order[:, :2], axis=1)
        return [
            (self.classes[best], float(first), float(first - second))
            for best, (first, second) in zip(order[:, 0].tolist(), top, strict=True)
        ]
