"""The protocol of a kind of label. What a round, a view or a labeler does with labels and predictions, it asks of a `Task`.

Four forms of a label pass through curator:

* a cell of a data file, which `cells` reads;
* text, in the ledger, in files and at labelers: `form` (of `integrations.labelers`) knows what labelers say for it;
* an array, (n, ...) with a row per item: `encode` and `decode`;
* what a model predicts, (n, width) with a row per item; with training seeds in front, (n_seeds, n, width).

For each function below is said what it returns in general, and in particular for the kinds that are thought of:

    single    one class of several    y (n,) int64 columns      predictions (n, n_classes) probabilities, rows sum to 1
    multi     a set of classes        y (n, n_classes) bool     predictions (n, n_classes) probabilities, each by itself
    rating    a number                y (n,) float64            predictions (n, 2): mean and variance
    pair      which of two            y (n,) int64, 0 or 1      predictions (n, 2) probabilities of the first and the second

Only `single` is there. A kind is a file beside `single.py`, its line in `registry.py`, and what it stands on: a form in
`integrations/labelers/`, metrics in `curator/evidence/`, a head in `curator/learner/`, scorers in `strategies/`.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from curator.evidence.metrics import Metric
from curator.ledger.class_history import History, Meaning, Role
from integrations.label_cells import LabelCells
from integrations.labelers.form import Form

if TYPE_CHECKING:
    from curator.evidence.evaluation import Evaluation
    from curator.evidence.outcomes import Outcomes
    from curator.learner.model import Model  # loads torch
    from curator.ledger.store import Ledger

FloatArray = NDArray[np.floating]
Labels = NDArray[Any]  # (n, ...) as `encode` makes them
Mistakes = Mapping[str, Mapping[str, float]]

ANSWERS = "answers"  # where a label comes from, unless from a file of the user's


@dataclass(frozen=True)
class Consensus:
    """What the answers to one item amount to."""

    label: str | None  # None: nobody gave a label, or a tie
    answers: int  # that gave a label
    agreement: float | None  # share of all votes that gave this one; None without a label
    tied: bool
    outdated: int | None = None  # the change of classes since which the answers say too little
    source: str = ANSWERS


@dataclass(frozen=True)
class Traits:
    """What can be done with a kind of label beside labeling, training and measuring: asked, instead of comparing kinds.

    Attributes:
        class_changes: `curator classes` can rename, merge, split and add its classes.
        class_table: precision, recall and F1 of each class.
        calibration: its largest probability is how sure the model is: the reliability of the page.
        confusion: one class is taken for another: the confusions of the page, and [holdout] mistakes.
        class_probabilities: predictions are probabilities of classes that sum to 1: items can be held against those of their class
            (cost_aware), and a file can give them (--probs).
        replay: random labels can be replayed with logistic regression: the savings.
        simulation: `curator simulate` can play it.
        modal: its model is a classifier as modAL and scikit-learn know them.
    """

    class_changes: bool = False
    class_table: bool = False
    calibration: bool = False
    confusion: bool = False
    class_probabilities: bool = False
    replay: bool = False
    simulation: bool = False
    modal: bool = False


class Task(ABC):
    """One kind of label, with the classes of a project.

    Attributes:
        kind: as [project] task names it.
        summary: what a label is, in a few words for help.
        cells: how a cell of a data file becomes the text of a label, and the classes that a column of them makes.
        form: how labelers ask for it and answer, and its text.
        traits: what else can be done with it.
        registered: {name: metric} that a model can be measured by, one of them smooth; the first headline is the default. Adding to it adds a metric.
        predicts: what its predictions are; a strategy fits that takes the same (`strategies.registry`).
        scorers: strategies whose scores are kept with each pick where there is a column for them, cheap ones.
        uncertainty: the scorer of these, (n,) scores in [0, 1], higher = less sure, that selectors look at
            (`strategies.inputs.Inputs.uncertainty`): the margin; of several classes that of the least sure; of a number the share
            of the variance.
        summary_columns: names of what `summaries` gives: `predicted` first, then numbers. single: probability and margin.
        classes: what an item can be, in the order that annotators see: the classes, or the steps of a scale.
    """

    kind: ClassVar[str]
    summary: ClassVar[str]
    summary_columns: ClassVar[tuple[str, ...]]
    cells: ClassVar[LabelCells]
    form: ClassVar[Form]
    traits: ClassVar[Traits]
    registered: ClassVar[Mapping[str, Metric[Any]]]
    predicts: ClassVar[str]
    scorers: ClassVar[tuple[str, ...]]
    uncertainty: ClassVar[str]

    def __init__(self, classes: Sequence[str], mistakes: Mistakes | None = None) -> None:
        """Bind the kind to a project.

        Args:
            classes: of the project.
            mistakes: true class -> predicted class -> what that mistake costs; others cost 1.
        """
        self.classes = tuple(classes)
        self._known = frozenset(classes)
        self.metrics: Mapping[str, Metric[Any]] = self._priced(mistakes or {})

    def _priced(self, _mistakes: Mistakes) -> Mapping[str, Metric[Any]]:
        """The metrics, where mistakes cost so much; for kinds without `confusion` mistakes cost nothing."""
        return dict(self.registered)

    @classmethod
    def headlines(cls) -> tuple[str, ...]:
        """Names of the metrics that a campaign may be run by, the default first."""
        return tuple(name for name, metric in cls.registered.items() if metric.headline)

    @property
    def by_item(self) -> Metric[Any] | None:
        """The metric that is the share of items which are right: it says how large a hold-out has to be. single: accuracy."""
        return next((metric for metric in self.metrics.values() if metric.paired == "mcnemar"), None)

    @property
    def smooth(self) -> Metric[Any]:
        """The metric that every change of a model shows in: models that agree in it are the same. single: log loss."""
        return next(metric for metric in self.metrics.values() if metric.paired == "smooth")

    @classmethod
    def check_classes(cls, classes: Sequence[str]) -> None:
        """Refuse what cannot be the classes of this kind.

        Raises:
            ValueError: says why, in words that follow "classes".
        """
        if len(classes) < 2:
            raise ValueError("needs at least two classes")

    # ------------------------------------------------------------------ labels as text

    def names(self, label: str) -> tuple[str, ...]:
        """The classes that a label names. single: the one; multi: each of the set, none for the empty one; rating: the step."""
        return self.form.classes_in(label)

    def count(self, labels: Iterable[str] | Mapping[str, int]) -> Counter[str]:
        """Class -> labels that name it; of labels one by one, or of {label: how often it was given}."""
        found: Counter[str] = Counter()
        for label, n in (labels if isinstance(labels, Mapping) else Counter(labels)).items():
            for name in self.names(label):
                found[name] += n
        return found

    def knows(self, label: str) -> bool:
        """Whether a label can be learned from and measured with today: all that it names are classes."""
        return all(name in self._known for name in self.names(label))

    def same(self, one: str, other: str) -> bool:
        """Whether two labels say the same. single, multi, pair: equal texts; rating: numbers that nobody would tell apart."""
        return one == other

    @abstractmethod
    def meaning(self, history: History, label: str | None, version: int, role: Role) -> Meaning:
        """What an answer that was given under an earlier version of the classes says today.

        single: the class as it is called now, or that it says too little; multi: so each of the set, and one that says too little
        is enough; rating and pair: the same as ever.
        """

    @abstractmethod
    def consensus(self, votes: Sequence[str | None], outdated: Sequence[str | None] = ()) -> Consensus:
        """What the answers of several annotators to one item amount to.

        single: the majority, none where the most frequent are even; multi: each class by the majority; rating: the median or mean, and
        `agreement` is how close they are; pair: the majority.

        Args:
            votes: labels; None of an annotator who cannot tell: a vote for no label.
            outdated: what further annotators said before the classes changed, of which today nobody knows what it would be: a vote
                for another label than any of `votes`.
        """

    # ------------------------------------------------------------------ labels as arrays

    @abstractmethod
    def encode(self, labels: Sequence[str]) -> Labels:
        """(n, ...) of labels that it `knows`. single: (n,) int64 positions in `classes`; see the table above for the others."""

    @abstractmethod
    def decode(self, y: Labels) -> list[str]:
        """The inverse of `encode`."""

    @abstractmethod
    def labels_now(
        self, history: History, classes: Sequence[str], y: Labels
    ) -> tuple[NDArray[np.bool_], Labels]:
        """Training labels of an earlier list of classes, by today's.

        Args:
            history: of the classes.
            classes: of then.
            y: (n, ...) as `encode` made them then.

        Returns:
            (n,) which of them still say enough, and (m, ...) these as `encode` makes them now.
        """

    def targets(self, y: Labels) -> NDArray[Any]:
        """(n, ...) what the model's `fit` takes for y. single: the names of the classes; others: y itself."""
        return y

    def equal(self, one: Labels, other: Labels) -> NDArray[np.bool_]:
        """(..., n) whether two arrays hold the same label; `same` for arrays. Leading axes are broadcast."""
        return np.asarray(one == other)

    # ------------------------------------------------------------------ models and what they say

    @abstractmethod
    def new_model(self, name: str, params: Mapping[str, Any], n_seeds: int, random_state: int) -> "Model":
        """The untrained model that [model] names. single: `curator.learner.model.build_model`.

        Raises:
            ConfigError: no such model of this kind, or parameters that it does not take.
        """

    @abstractmethod
    def cross_validated(
        self, model: "Model", embeddings: FloatArray, y: Labels, seed: int
    ) -> FloatArray | None:
        """(n, width) predictions of the training labels, each by a model that did not see it; None: too few of them."""

    @abstractmethod
    def answers(self, predictions: FloatArray) -> Labels:
        """(..., n) the labels that the model would give, as `encode` has them; predictions are (..., n, width).

        single and pair: the likeliest; multi: the classes above a half; rating: the nearest step. Two models answer an item
        differently where these are not `equal`.
        """

    @abstractmethod
    def outcomes(self, predictions: FloatArray, y: Labels) -> "Outcomes":
        """What (n_seeds, n, width) predictions say of items whose truth is y: what metrics and paired gains look at.

        single: `ClassOutcomes`; each kind has one of its own, with whatever its metrics need, computed once.

        Raises:
            DataError: shapes that do not fit each other, or no items.
        """

    @abstractmethod
    def evaluate(self, predictions: FloatArray, y: Labels) -> "Evaluation":
        """(n, width) predictions against the truth, by every metric that is evaluated; and by class where there are such."""

    @abstractmethod
    def guess(self, y: Labels) -> FloatArray:
        """(width,) the best prediction for all items alike: what a model has to be better than.

        single and multi: how frequent each class is; rating: mean and variance.
        """

    def chance(self, metric: str, y: Labels) -> float:
        """What a model without knowledge of the items would have by a metric."""
        return self.metrics[metric].measure(np.tile(self.guess(y), (len(y), 1)), y)

    @abstractmethod
    def predictions_now(self, ledger: "Ledger", round_id: int, predictions: FloatArray) -> FloatArray:
        """(..., width) what the model of an earlier round said, in the columns of today's classes."""

    # ------------------------------------------------------------------ predictions for people

    @abstractmethod
    def suggestions(self, predictions: FloatArray) -> list[tuple[str, float]]:
        """Label and how sure the model is of it, 0 to 1, for each row of (n, width).

        single and pair: the likeliest and its probability; multi: the set, and the probability of its least sure member; rating: the
        nearest step, and how likely the truth lies there.
        """

    @abstractmethod
    def doubt(self, prediction: FloatArray) -> str:
        """What the model is unsure about, in words that follow "the model", of one (width,) prediction.

        single: "is torn between a (51%) and b (47%)"; multi: of the class nearest to a half; rating: "says 3.2, give or take 1.1".
        """

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of a prediction, in a file. single: p(CLASS) of each class; rating: mean, variance."""

    @abstractmethod
    def summaries(self, predictions: FloatArray) -> list[tuple[str | float, ...]]:
        """The likeliest answer and how sure it is, a value for each of `summary_columns`, for each row of (n, width) predictions."""
