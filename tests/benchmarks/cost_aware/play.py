"""One simulated campaign that is paid by the hour: nobody but the simulation knows how long an item takes."""

import json
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.efficiency.data import FloatArray, IntArray, Plan
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from curator.money.cost_aware import cost_weights
from curator.money.seconds_model import NoModel, Times, fit_seconds
from strategies import margin
from strategies.batch import choose_batch
from strategies.inputs import Inputs
from strategies.registry import SCORERS

BASE_SECONDS = 2.0
SECONDS_PER_WORD = 0.4
NOISE = 0.5  # standard deviation of log-seconds around what the length says
DOLLARS_PER_HOUR = 25.0
# A campaign that looks at costs goes on until it has spent so much of what the plain one has spent.
FURTHER = 1.2
_HOLDOUT = 1 / 3  # of the set, at random, as a campaign draws its own
_MOST = 3_000  # items that may be asked about


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
    rng = np.random.default_rng([run.seed, 99])
    begin = np.random.default_rng([run.seed, 5])
    labeled = choose_batch(
        "maxherding", k=plan.start, embeddings=work.pool, scores={}, labeled=None, rng=begin
    ).positions
    points: list[Point] = []
    while True:
        model = _trained(work, labeled)
        accuracy = float(np.mean(model.predict(work.holdout) == work.truth))
        dollars = float(work.seconds[labeled].sum()) * DOLLARS_PER_HOUR / 3600.0
        points.append(Point(len(labeled), dollars, accuracy))
        done = len(points) > plan.batches if until is None else dollars >= until
        if done or len(work.pool) - len(labeled) <= plan.batch:
            return points
        labeled = np.concatenate((labeled, _choose(work, run, model, labeled, plan.batch, rng)))


def _trained(work: Work, labeled: IntArray) -> Any:
    rows = np.sort(labeled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it stops after its 300 steps
        return LogisticRegression(C=100.0, max_iter=300, tol=1e-3).fit(work.pool[rows], work.labels[rows])


def _choose(
    work: Work, run: Run, model: Any, labeled: IntArray, k: int, rng: np.random.Generator
) -> IntArray:
    free = np.setdiff1d(np.arange(len(work.pool)), labeled)
    probs = model.predict_proba(work.pool[free])
    uncertainty = margin.score(probs)
    batch = choose_batch(
        run.strategy,
        k=k,
        embeddings=work.pool[free],
        scores={"margin": uncertainty} if run.strategy in SCORERS else {},
        labeled=work.pool[labeled],
        rng=rng,
        inputs=Inputs(
            uncertainty=uncertainty,
            predict=model.predict_proba,
            weights=_weights(work, run, labeled, free, probs) if run.aware else None,
        ),
    )
    return free[batch.positions]


def _weights(
    work: Work, run: Run, labeled: IntArray, free: IntArray, probs: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """By a model of seconds that is learnt from the answers so far, as a campaign would."""
    people = ["somebody"] * len(labeled)
    times = Times(work.seconds[labeled], work.lengths[labeled], np.zeros(len(labeled)), people)
    model = fit_seconds(times, seed=run.seed)
    if isinstance(model, NoModel):
        return None
    return cost_weights(model.expected(work.lengths[free]), lambda: [(0, probs)])
