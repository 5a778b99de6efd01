"""A second kind of label for tests: a grade from 1 to 5, which the model predicts as a mean and a variance.

It has no probabilities, no majority, its own tag at Label Studio, head, metrics and scorer: whatever takes every label for one class
of several fails on it.
"""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import numpy as np

from curator.evidence.evaluation import Evaluation
from curator.evidence.metrics import Metric
from curator.learner.checkpoint import HEADS
from curator.ledger.class_history import Meaning
from curator.tasks.registry import KINDS
from curator.tasks.task import Consensus, Task, Traits
from integrations.label_cells import OneName
from integrations.labelers.form import Reading
from strategies.registry import SCORERS, Scorer

GRADES = ("1", "2", "3", "4", "5")


class GradeForm:
    """`<Rating>`; a label is the digit."""

    asked_by = "exactly one <Rating>"
    result_type = "rating"

    def build(self, spec, options):
        return ET.Element("Rating", name="grade", toName=spec.kind, maxRating=str(len(spec.classes)))

    def asks(self, node):
        return node.tag == "Rating"

    def options(self, node):
        return tuple(str(n + 1) for n in range(int(node.get("maxRating", "5"))))

    def result(self, control, label):
        names = {"from_name": control.from_name, "to_name": control.to_name}
        return [{**names, "type": self.result_type, "value": {"rating": int(label)}}]

    def given(self, regions, name=""):
        ratings = [region["value"].get("rating") for region in regions]
        return Reading(str(ratings[0])) if len(ratings) == 1 else Reading(problem=f"{len(ratings)} grades")

    def read(self, regions, control):
        said = self.given(regions, control.from_name)
        known = said.label is None or said.label in control.classes
        return said if known else Reading(problem=f"{said.label} is no grade")

    def find(self, label, classes):
        return classes.find(label)

    def classes_in(self, label):
        return (label,)

    def words(self, label):
        return f"grade {label}"


@dataclass(frozen=True)
class GradeOutcomes:
    """What a model said of grades."""

    predictions: np.ndarray  # (n_seeds, n, 2)
    y: np.ndarray

    @property
    def n_seeds(self):
        return len(self.predictions)

    @property
    def by_seed(self):
        return np.abs(self.predictions[..., 0] - self.y) < 0.5

    @property
    def right(self):
        return np.abs(self.predictions[..., 0].mean(axis=0) - self.y) < 0.5


class WithinHalf(Metric[GradeOutcomes]):
    """Share of grades that are less than a half off."""

    name, title, meaning = "within_half", "hits", "the share of grades that are less than a half off"
    headline = True
    paired = "mcnemar"

    def measure(self, predictions, y):
        return float((np.abs(predictions[:, 0] - y) < 0.5).mean())

    def per_item(self, outcomes):
        return outcomes.by_seed.astype(np.float64)


class SquaredError(Metric[GradeOutcomes]):
    """Mean squared error of the mean."""

    name, title, meaning = "squared_error", "squared error", "how far off grades are"
    unit = "squared grades"
    higher_is_better = bounded = False
    paired = "smooth"

    def measure(self, predictions, y):
        return float(np.square(predictions[:, 0] - y).mean())

    def per_item(self, outcomes):
        return -np.square(outcomes.predictions[..., 0] - outcomes.y)


class GradeHead:
    """Ridge regression, once per seed on labels drawn with replacement; the variance is that of its training errors."""

    def __init__(self, classes=GRADES, n_seeds=3, random_state=0):
        self.classes_, self.n_seeds, self.random_state = np.array(classes), n_seeds, random_state

    n_outputs_ = 2

    def fit(self, X, y):  # noqa: N803
        rows, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
        rng = np.random.default_rng(self.random_state)
        self.n_features_in_, weights = rows.shape[1], []
        for _ in range(self.n_seeds):
            drawn = rng.integers(len(y), size=len(y))
            here, off = rows[drawn], y[drawn] - y.mean()
            weights.append(np.linalg.solve(here.T @ here + 0.1 * np.eye(rows.shape[1]), here.T @ off))
        self.weights_, self.mean_ = np.array(weights), float(y.mean())
        self.variance_ = float(np.square(rows @ self.weights_.mean(axis=0) + self.mean_ - y).mean()) + 0.01
        return self

    def predict_proba_seeds(self, X):  # noqa: N803
        means = self.mean_ + np.asarray(X, dtype=np.float64) @ self.weights_.T
        spread = self.variance_ + means.var(axis=1)
        return np.stack([means.T, np.broadcast_to(spread, means.T.shape)], axis=2).astype(np.float32)

    def predict_proba(self, X):  # noqa: N803
        return self.predict_proba_seeds(X).mean(axis=0)

    def state(self):
        return {"weights": self.weights_}, {
            "mean": self.mean_, "variance": self.variance_, "classes": self.classes_.tolist()
        }  # fmt: skip

    @classmethod
    def from_state(cls, arrays, values):
        head = cls(values["classes"], len(arrays["weights"]))
        head.weights_, head.mean_, head.variance_ = arrays["weights"], values["mean"], values["variance"]
        head.n_features_in_ = arrays["weights"].shape[1]
        return head


class Grades(Task):
    """A grade from 1 to 5."""

    kind, summary = "grade", "a grade from 1 to 5"
    summary_columns = ("predicted", "spread")
    cells, form, traits = OneName(), GradeForm(), Traits()
    registered = {metric.name: metric for metric in (WithinHalf(), SquaredError())}  # noqa: RUF012
    predicts, scorers, uncertainty = "mean and variance", ("grade_spread",), "grade_spread"

    def meaning(self, history, label, version, role):
        return Meaning(label)

    def consensus(self, votes, outdated=()):
        given = [int(vote) for vote in votes if vote is not None]
        if not given:
            return Consensus(None, 0, None, tied=False)
        middle = statistics.median_low(given)
        return Consensus(str(middle), len(given), given.count(middle) / len(votes), tied=False)

    def encode(self, labels):
        return np.array([float(label) for label in labels])

    def decode(self, y):
        return [str(round(value)) for value in y.tolist()]

    def labels_now(self, history, classes, y):
        return np.ones(len(y), dtype=bool), y

    def new_model(self, name, params, n_seeds, random_state):
        return GradeHead(self.classes, n_seeds, random_state)

    def cross_validated(self, model, embeddings, y, seed):
        half = np.arange(len(y)) % 2 == 0
        out = np.empty((len(y), 2), dtype=np.float32)
        for part in (half, ~half):
            out[part] = (
                self.new_model("", {}, 1, seed)
                .fit(embeddings[~part], y[~part])
                .predict_proba(embeddings[part])
            )
        return out

    def answers(self, predictions):
        return np.clip(np.round(predictions[..., 0]), 1, 5).astype(np.float64)

    def outcomes(self, predictions, y):
        return GradeOutcomes(predictions, y)

    def evaluate(self, predictions, y):
        return Evaluation(len(y), {name: one.measure(predictions, y) for name, one in self.metrics.items()})

    def guess(self, y):
        return np.array([y.mean(), y.var()])

    def predictions_now(self, ledger, round_id, predictions):
        return predictions

    def suggestions(self, predictions):
        sure = 1.0 / (1.0 + predictions[:, 1])
        return list(zip(self.decode(self.answers(predictions)), sure.tolist(), strict=True))

    def doubt(self, prediction):
        return f"says {prediction[0]:.1f}, give or take {prediction[1] ** 0.5:.1f}"

    @property
    def columns(self):
        return "mean", "variance"

    def summaries(self, predictions):
        return list(zip(self.decode(self.answers(predictions)), predictions[:, 1].tolist(), strict=True))


def spread(predictions):
    """(n,) in [0, 1]: the more variance, the sooner to ask."""
    return predictions[:, 1] / (1.0 + predictions[:, 1])


@contextmanager
def grades_known() -> Iterator[None]:
    """Register the kind, its head and its scorer, for as long as inside."""
    KINDS["grade"], HEADS["grade"] = Grades, GradeHead
    SCORERS["grade_spread"] = Scorer(
        "grade_spread", spread, "unsure grades", takes=Grades.predicts, reason="Unsure"
    )
    try:
        yield
    finally:
        del KINDS["grade"], HEADS["grade"], SCORERS["grade_spread"]
