"""One simulated campaign that is paid by the hour: nobody but the simulation knows how long an item takes."""

import json
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from benchmarks.efficiency.data import DataSet, FloatArray, IntArray, Plan
from benchmarks.player import LOGISTIC, task_of
from numpy.typing import NDArray

from curator.money.seconds_model import NoModel, Times, fit_seconds
from curator.simulate import play as player

BASE_SECONDS = 2.0
SECONDS_PER_WORD = 0.4
NOISE = 0.5  # standard deviation of log-seconds around what the length says
DOLLARS_PER_HOUR = 25.0
_MICRO_PER_SECOND = 1e6 * DOLLARS_PER_HOUR / 3600.0
# A campaign that looks at costs goes on until it has spent so much of what the plain one has spent.
FURTHER = 1.2
_HOLDOUT = 1 / 3  # of the set, at random, as a campaign draws its own
_MOST = 3_000  # items that may be asked about
_ENDLESS = 10_000  # rounds: the dollars end the campaign


@dataclass(frozen=True, order=True)
class Run:
    """One campaign; a plain one when it is not `aware` of costs."""

    dataset: str
    strategy: str
    aware: bool
    seed: int


@dataclass(frozen=True)
class Point:
    """One model of a campaign; `accuracy` on the hold-out."""

    labels: int
    dollars: float
    accuracy: float


@dataclass(frozen=True)
class LabeledSet:
    """All items of a set.

    Attributes:
        embeddings: (n, dim) of unit length.
        labels: (n,) classes, 0 to n_classes - 1.
        words: (n,) of each text.
        characters: (n,) of each text.
    """

    embeddings: FloatArray
    labels: IntArray
    words: IntArray
    characters: IntArray


@dataclass(frozen=True)
class Work:
    """What a seed makes of a set.

    Attributes:
        pool: (n, dim) embeddings of the items that may be asked about.
        labels: (n,) their classes.
        holdout: (m, dim) embeddings of the items that measure, drawn at random from the same set.
        truth: (m,) their classes.
        lengths: (n,) characters of each text: all that the model of seconds sees.
        seconds: (n,) that an annotator will take: by words, with noise.
    """

    pool: FloatArray
    labels: IntArray
    holdout: FloatArray
    truth: IntArray
    lengths: NDArray[np.float64]
    seconds: NDArray[np.float64]

    @property
    def plan(self) -> Plan:
        """That of the label-efficiency benchmark: max(20, 2 x classes) labels, then 12 batches of max(20, classes)."""
        classes = int(self.labels.max()) + 1
        return Plan(max(20, 2 * classes), max(20, classes), 12)


@cache
def load(folder: Path, name: str) -> LabeledSet:
    """The whole of a set: NAME/{pool,test}.jsonl with a "text" and a "label" per line, NAME/embeddings.npz."""
    lines = [
        json.loads(line)
        for part in ("pool", "test")
        for line in (folder / name / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    with np.load(folder / name / "embeddings.npz") as arrays:
        embeddings = np.concatenate((arrays["pool"], arrays["test"])).astype(np.float32)
    _names, labels = np.unique([str(line["label"]) for line in lines], return_inverse=True)
    texts = [str(line["text"]) for line in lines]
    return LabeledSet(
        embeddings,
        labels.astype(np.int64),
        np.array([len(text.split()) for text in texts]),
        np.array([len(text) for text in texts]),
    )


def work_of(whole: LabeledSet, seed: int) -> Work:
    """Split a set at random, and let each item take its seconds."""
    order = np.random.default_rng([seed, 3]).permutation(len(whole.labels))
    cut = int(_HOLDOUT * len(order))
    held, rows = order[:cut], order[cut : cut + _MOST]
    noise = np.random.default_rng([seed, 77]).normal(-(NOISE**2) / 2.0, NOISE, len(rows))
    return Work(
        whole.embeddings[rows],
        whole.labels[rows],
        whole.embeddings[held],
        whole.labels[held],
        whole.characters[rows].astype(np.float64),
        (BASE_SECONDS + SECONDS_PER_WORD * whole.words[rows]) * np.exp(noise),
    )


def play(work: Work, run: Run, plan: Plan, until: float | None = None) -> list[Point]:
    """Play one campaign.

    Args:
        work: what there is to label.
        run: who chooses.
        plan: start and batches.
        until: dollars after which it ends; None: after the plan's batches.

    Returns:
        A point for each model, the start's first.
    """
    data = DataSet("", work.pool, work.labels, work.holdout, work.truth, int(work.labels.max()) + 1)
    task = task_of(data, np.round(_MICRO_PER_SECOND * work.seconds).astype(np.int64))
    rules = player.Plan(
        seed_batch=plan.start, batch=plan.batch, rounds=plan.batches + 1 if until is None else _ENDLESS,
        strategy=run.strategy, cost_aware=run.aware, **LOGISTIC,
    )  # fmt: skip
    points: list[Point] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # logistic regression stops after its 300 steps
        for played in player.play(
            task, rules, run.seed, believed=lambda labeled: _expected(work, run, labeled)
        ):
            probs = np.asarray(played.model.predict_proba(work.holdout))
            accuracy = float(np.mean(probs.argmax(axis=1) == work.truth))
            points.append(Point(played.labels, played.cost / 1e6, accuracy))
            if until is not None and points[-1].dollars >= until:
                break
    return points


def _expected(work: Work, run: Run, labeled: IntArray) -> NDArray[np.float64] | None:
    """By a model of seconds that is learnt from the answers so far, as a campaign would; None: too few."""
    if not len(labeled):
        return None
    people = ["somebody"] * len(labeled)
    times = Times(work.seconds[labeled], work.lengths[labeled], np.zeros(len(labeled)), people)
    model = fit_seconds(times, seed=run.seed)
    if isinstance(model, NoModel):
        return None
    return np.asarray(_MICRO_PER_SECOND * model.expected(work.lengths))
