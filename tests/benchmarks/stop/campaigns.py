"""Campaigns played to far beyond the point where they should end, with everything that a stop rule may look at.

Pool and test set of a data set are put together and dealt anew by the seed: a hold-out, a pool, and the rest, which plays the
truth. So the hold-out is a random sample of what the model will meet, as it is in the product, and shares no item with the
truth. Only predictions are kept: rules, prices and values are judged afterwards, without playing again.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.efficiency.data import DataSet, IntArray
from benchmarks.player import LOGISTIC, task_of
from numpy.typing import NDArray

from curator.learner.model import Model
from curator.simulate.play import Plan
from curator.simulate.play import play as play_rounds

_POOL_SHARE = 0.55
_LARGEST_POOL, _LARGEST_POOL_MANY = 4_000, 6_000
_MANY_CLASSES = 50
_HOLDOUT, _SMALL_HOLDOUT = 1_000, 300
_ENOUGH_FOR_LARGE = 4_000  # items; a smaller set gives the small hold-out only
_STOP_SET = 2_000  # as Bloodgood & Vijay-Shanker (2009) recommend, where the pool has so many


@dataclass(frozen=True, order=True)
class Run:
    """One campaign."""

    dataset: str
    strategy: str
    seed: int

    @property
    def file(self) -> str:
        """Its name on disk."""
        return f"{self.dataset}-{self.strategy}-{self.seed}.npz"


@dataclass(frozen=True)
class Campaign:
    """What a campaign left behind.

    Attributes:
        run: which one.
        classes: how many there are.
        labels: (rounds,) training labels of each model.
        least: (rounds,) labels of the rarest class then.
        holdout: (rounds, n) whether each hold-out item was right; items in random order, so that any first part of them
            is a hold-out too.
        accuracy: (rounds,) on the truth.
        stop_set: (rounds, m) predicted classes of fixed random pool items.
    """

    run: Run
    classes: int
    labels: IntArray
    least: IntArray
    holdout: NDArray[np.bool_]
    accuracy: NDArray[np.float64]
    stop_set: NDArray[np.int16]


def plan_of(strategy: str, n_classes: int, pool: int, batches: int) -> Plan:
    """Batches of 20 in a pool of about a thousand, else 50, and 100 above 50 classes; at most 85% of the pool."""
    batch = 20 if pool < 1_500 else 100 if n_classes > _MANY_CLASSES else 50
    start = max(batch, 2 * n_classes)
    return Plan(
        seed_batch=start, batch=batch, rounds=1 + min(batches, (int(0.85 * pool) - start) // batch),
        strategy=strategy, seed_strategy="random" if strategy == "random" else "maxherding", **LOGISTIC,
    )  # fmt: skip


def deal(data: DataSet, seed: int) -> tuple[DataSet, NDArray[np.float32], IntArray]:
    """A set dealt anew: (pool with the truth as its test set, hold-out embeddings, hold-out classes)."""
    embeddings = np.concatenate((data.pool, data.test))
    labels = np.concatenate((data.labels, data.truth))
    order = np.random.default_rng([seed, 11]).permutation(len(labels))
    n_holdout = _HOLDOUT if len(labels) >= _ENOUGH_FOR_LARGE else _SMALL_HOLDOUT
    most = _LARGEST_POOL_MANY if data.n_classes > _MANY_CLASSES else _LARGEST_POOL
    n_pool = min(int(_POOL_SHARE * len(labels)), most)
    holdout, pool, truth = np.split(order, [n_holdout, n_holdout + n_pool])
    dealt = DataSet(
        data.name, embeddings[pool], labels[pool], embeddings[truth], labels[truth], data.n_classes
    )
    return dealt, embeddings[holdout], labels[holdout]


def play(data: DataSet, run: Run, batches: int) -> Campaign:
    """Play one campaign to the end of its plan."""
    dealt, holdout, holdout_labels = deal(data, run.seed)
    plan = plan_of(run.strategy, dealt.n_classes, len(dealt.pool), batches)
    stop_rows = np.random.default_rng([run.seed, 12]).permutation(len(dealt.pool))[:_STOP_SET]
    labels, least, right, accuracy, stop_set = [], [], [], [], []
    for played in play_rounds(task_of(dealt), plan, run.seed):
        labels.append(played.labels)
        least.append(np.bincount(dealt.labels[played.labeled], minlength=dealt.n_classes).min())
        right.append(_predicted(played.model, holdout) == holdout_labels)
        accuracy.append(float(np.mean(_predicted(played.model, dealt.test) == dealt.truth)))
        stop_set.append(_predicted(played.model, dealt.pool[stop_rows]))
    return Campaign(
        run, dealt.n_classes, np.array(labels), np.array(least), np.array(right), np.array(accuracy),
        np.array(stop_set),
    )  # fmt: skip


def _predicted(model: Model, embeddings: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.asarray(model.predict_proba(embeddings).argmax(axis=1), dtype=np.int16)


def save(campaign: Campaign, folder: Path) -> None:
    """Keep a campaign; a killed call leaves no half of one."""
    path = folder / campaign.run.file
    unfinished = path.with_suffix(".part.npz")
    np.savez_compressed(
        unfinished,
        classes=campaign.classes,
        labels=campaign.labels,
        least=campaign.least,
        holdout=campaign.holdout,
        accuracy=campaign.accuracy,
        stop_set=campaign.stop_set,
    )
    unfinished.replace(path)


def read(run: Run, folder: Path) -> Campaign | None:
    """A campaign that was kept, or None."""
    try:
        with np.load(folder / run.file) as kept:
            return Campaign(run, int(kept["classes"]), *(kept[name] for name in _ARRAYS))
    except (FileNotFoundError, zipfile.BadZipFile):
        return None


_ARRAYS = ("labels", "least", "holdout", "accuracy", "stop_set")
