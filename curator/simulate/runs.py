"""The campaigns of a simulation: what each is, what is measured, and how one is played."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from curator import __version__
from curator.evidence.metrics import METRICS, Accuracy
from curator.learner.threads import one_thread
from curator.simulate.data import Labeled
from curator.simulate.play import Plan, PlayedRound, play
from curator.simulate.price import Price
from curator.simulate.split import Split
from curator.simulate.task import Task
from curator.tasks.single import SingleChoice
from strategies.kernels.ties import likeliest

FORMAT = 1  # of what a finished campaign is kept as


@dataclass(frozen=True)
class Point:
    """One model of a campaign.

    Attributes:
        labels: it was trained on.
        cost: micro-units of them.
        accuracy: {hold-out items: share right of these}, 0-1; the smaller hold-outs are beginnings of the larger.
        others: {metric: value on all of the hold-out}, of the other metrics that a campaign may be run by.
    """

    labels: int
    cost: int
    accuracy: dict[int, float]
    others: Mapping[str, float]

    def value(self, metric: str) -> float:
        """The metric on all of the hold-out."""
        return self.accuracy[max(self.accuracy)] if metric == Accuracy.name else self.others[metric]

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        accuracy = {str(n): value for n, value in self.accuracy.items()}
        return {"labels": self.labels, "cost": self.cost, Accuracy.name: accuracy, **self.others}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Point":
        """What `as_json` gave.

        Raises:
            KeyError: it was measured before there was one of the metrics of today.
        """
        accuracy = {int(n): float(value) for n, value in values[Accuracy.name].items()}
        others = {name: float(values[name]) for name in _others()}
        return cls(int(values["labels"]), int(values["cost"]), accuracy, others)


@dataclass(frozen=True, eq=False)  # told apart by identity: parameters of a model need not be hashable
class Run:
    """One campaign.

    Attributes:
        contender: what results call its strategy.
        plan: how it is played.
        split: of the data.
        price: of the labels.
        holdouts: sizes that accuracy is measured on.
        seed: of the split and of everything in the campaign.
    """

    contender: str
    plan: Plan
    split: Split
    price: Price
    holdouts: tuple[int, ...]
    seed: int

    def key(self, data_digest: str) -> str:
        """Names the campaign in files: it changes with whatever could change its results."""
        facts = [FORMAT, __version__, data_digest, asdict(self)]
        return blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=12).hexdigest()


def _others() -> tuple[str, ...]:
    """Names of the metrics, beside accuracy, that a campaign may be run by."""
    return tuple(name for name in SingleChoice.headlines() if name != Accuracy.name)


def play_run(data: Labeled, run: Run) -> list[Point]:
    """Play one campaign, and measure each of its models on the same hold-out items."""
    task = run.split.task(data, run.price, run.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a model that stops before it has converged says so at every fit
        return [_measured(task, played, run.holdouts) for played in play(task, run.plan, run.seed)]


def _measured(task: Task, played: PlayedRound, holdouts: tuple[int, ...]) -> Point:
    with one_thread():
        probs = np.asarray(played.model.predict_proba(task.holdout))
    right = likeliest(probs) == task.holdout_y
    accuracy = {n: round(float(right[:n].mean()), 6) for n in holdouts}
    exact = probs.astype(np.float64)
    others = {name: round(METRICS[name].measure(exact, task.holdout_y), 6) for name in _others()}
    return Point(played.labels, played.cost, accuracy, others)
