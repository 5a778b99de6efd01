"""Campaigns whose truth is known: every round's model, in many training seeds, on the whole test set.

The labels of a campaign are chosen with logistic regression once; each kind of model is then trained on the labels of each
round. The test set is the population and the training seeds are all seeds there are, so that the true gain of a round is a
plain mean, and hold-outs and seeds drawn from them *with replacement* are independent draws from a known truth.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from benchmarks.efficiency.data import DataSet, IntArray, Plan, load, set_names
from benchmarks.player import LOGISTIC, logistic, task_of
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from curator.learner.head import EmbeddingHead
from curator.learner.model import build_model, fit_model
from curator.simulate import play as player

STRATEGIES = ("random/random", "margin/maxherding")
SEEDS_OF_RANDOM = 20  # trained models per round of a random kind: all the seeds there are
_FOREST_TREES = 10
_MANY_CLASSES = 50

# (sub-pool, rows that are labeled) -> (n_seeds, n_test, n_classes) probs of the test items
Train = Callable[[DataSet, IntArray], NDArray[np.float32]]


@dataclass(frozen=True, order=True)
class Campaign:
    """One campaign: its set, what chose the labels, its seed, and the kind of model."""

    dataset: str
    strategy: str
    seed: int
    kind: str

    @property
    def file_name(self) -> str:
        """Of its models' answers."""
        return f"{self.dataset}--{self.strategy.replace('/', '-')}--{self.seed}--{self.kind}.npz"


@dataclass(frozen=True)
class Played:
    """What the models of a campaign said about the whole test set.

    Attributes:
        budgets: (n_models,) labels of each model, ascending.
        predicted: (n_models, n_seeds, n_test) likeliest class.
        of_truth: (n_models, n_seeds, n_test) probability of the true class.
        truth: (n_test,) true classes.
        n_classes: of the set.
    """

    budgets: IntArray
    predicted: NDArray[np.int16]
    of_truth: NDArray[np.float32]
    truth: IntArray
    n_classes: int


def _logistic(sub_pool: DataSet, rows: IntArray) -> NDArray[np.float32]:
    model = logistic(sub_pool.n_classes).fit(sub_pool.pool[rows], sub_pool.labels[rows])
    return np.asarray(model.predict_proba(sub_pool.test)[None])


def _head(sub_pool: DataSet, rows: IntArray) -> NDArray[np.float32]:
    model = build_model("head", {}, range(sub_pool.n_classes), 1, 0)
    fit_model(
        model, sub_pool.pool[rows], sub_pool.labels[rows], lambda: np.delete(sub_pool.pool, rows, axis=0)
    )
    return np.asarray(model.predict_proba(sub_pool.test)[None])


def _dropout(sub_pool: DataSet, rows: IntArray) -> NDArray[np.float32]:
    head = EmbeddingHead(
        classes=range(sub_pool.n_classes), hidden=32, dropout=0.3, spreading=False, prototype=False,
        n_seeds=SEEDS_OF_RANDOM,
    )  # fmt: skip
    return head.fit(sub_pool.pool[rows], sub_pool.labels[rows]).predict_proba_seeds(sub_pool.test)


def _forest(sub_pool: DataSet, rows: IntArray) -> NDArray[np.float32]:
    probs = np.zeros((SEEDS_OF_RANDOM, len(sub_pool.test), sub_pool.n_classes), dtype=np.float32)
    for seed in range(SEEDS_OF_RANDOM):
        forest = RandomForestClassifier(_FOREST_TREES, random_state=seed)
        forest.fit(sub_pool.pool[rows], sub_pool.labels[rows])
        probs[seed][:, forest.classes_] = forest.predict_proba(sub_pool.test)
    return probs


# Deterministic and random ones: logistic regression, the default head; a head with dropout, a small forest.
KINDS: dict[str, Train] = {"lr": _logistic, "forest": _forest, "head": _head, "dropout": _dropout}
DETERMINISTIC = ("lr", "head")


def campaigns(folder: Path | None, seeds: int, kinds: Sequence[str] = tuple(KINDS)) -> list[Campaign]:
    """All campaigns, kind by kind.

    Sets above 50 classes take minutes per campaign with all kinds but logistic regression: a forest plays them once, the heads
    do not.
    """
    return [
        Campaign(name, chosen_by, seed, kind)
        for kind in kinds
        for seed in range(seeds)
        for name in set_names(folder)
        for chosen_by in STRATEGIES
        if load(folder, name).n_classes <= _MANY_CLASSES or kind == "lr" or (kind == "forest" and seed == 0)
    ]


def play(folder: Path | None, campaign: Campaign, batches: int | None = None) -> Played:
    """Train and measure every model of a campaign."""
    warnings.simplefilter("ignore")  # logistic regression stops after its 300 steps
    sub_pool = load(folder, campaign.dataset).sub_pool(campaign.seed)
    plan = Plan.of(sub_pool, batches)
    labeled = _labels_of(sub_pool, campaign.strategy, campaign.seed, plan)
    predicted, of_truth = [], []
    for budget in plan.budgets:
        probs = KINDS[campaign.kind](sub_pool, np.sort(labeled[:budget]))
        predicted.append(probs.argmax(axis=2).astype(np.int16))
        of_truth.append(probs[:, np.arange(len(sub_pool.truth)), sub_pool.truth])
    return Played(
        np.array(plan.budgets), np.array(predicted), np.array(of_truth), sub_pool.truth, sub_pool.n_classes
    )


def _labels_of(sub_pool: DataSet, chosen_by: str, seed: int, plan: Plan) -> IntArray:
    """Positions in the order in which they were labeled."""
    name, _, start = chosen_by.partition("/")
    played = player.play(
        task_of(sub_pool),
        player.Plan(plan.start, plan.batch, plan.batches + 1, strategy=name, seed_strategy=start, **LOGISTIC),
        seed,
    )
    *_, last = played
    return last.labeled


def kept(out: Path, folder: Path | None, campaign: Campaign, batches: int | None = None) -> Played:
    """What `play` gives; from `out` when it was played before, else played and written there."""
    path = out / campaign.file_name
    if not path.exists():
        played = play(folder, campaign, batches)
        new = path.with_suffix(".tmp")
        with new.open("wb") as file:
            np.savez_compressed(file, **vars(played))
        new.replace(path)
    with np.load(path) as arrays:
        found = {field.name: arrays[field.name] for field in fields(Played)}
        return Played(**{**found, "n_classes": int(found["n_classes"])})
