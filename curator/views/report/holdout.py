"""The hold-out item by item, as the newest measured model saw it."""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from curator.errors import DataError
from curator.evidence.holdout_size import TARGET_GAIN
from curator.money.pool_estimate import wilson_ends
from curator.project.holdout import labeled_holdout
from curator.project.project import Project
from curator.tasks.task import Labels, Task

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.int64]
FEWEST = 5  # items: a share of fewer is not told, its interval is nearly all there is


@dataclass(frozen=True)
class Holdout:
    """Labeled hold-out items and what a model said of them.

    Attributes:
        rows: (n,) rows of the pool, ascending.
        ids: (n,) item ids.
        task: what a label is.
        y: (n, ...) the truth, as it encodes it.
        probs: (n_seeds, n, width) what each training seed predicted.
    """

    rows: IntArray
    ids: list[str]
    task: Task
    y: Labels
    probs: FloatArray

    @property
    def mean_probs(self) -> FloatArray:
        """(n, width) mean over training seeds."""
        mean: FloatArray = self.probs.mean(axis=0)
        return mean

    @property
    def predicted(self) -> Labels:
        """(n, ...) the answer by the mean over training seeds."""
        return self.task.answers(self.mean_probs)

    @property
    def right(self) -> FloatArray:
        """(n,) share of the training seeds that have the item right: of one class of several its mean is the accuracy."""
        share: FloatArray = self.right_by_seed.mean(axis=0)
        return share

    @property
    def right_by_seed(self) -> NDArray[np.bool_]:
        """(n_seeds, n) whether a training seed has the item right."""
        return self.task.equal(self.task.answers(self.probs), self.y)


def load_holdout(project: Project, round_id: int) -> Holdout:
    """What the model of a measured round said of the hold-out items that are labeled by now, by today's classes.

    Raises:
        DataError: the file of its probabilities is not there or does not fit; says which.
    """
    path = project.model_folder(round_id) / "holdout.safetensors"
    try:
        arrays = load_file(path)
        rows, probs = arrays["rows"], arrays["probs"]
    except (OSError, ValueError, KeyError, SafetensorError) as exc:
        raise DataError(f"{path} cannot be read ({exc}). Restore it from a backup.") from exc
    task = project.task
    probs = task.predictions_now(project.ledger, round_id, probs)
    if probs.ndim != 3 or probs.shape[1:] != (len(rows), len(task.columns)):
        raise DataError(
            f"{path} does not fit the {len(task.classes)} classes of curator.toml: {probs.shape}."
        )
    used, y = labeled_holdout(project, rows)
    if not len(used):
        raise DataError(f"No item of {path} has a label.")
    rows = rows[used]
    return Holdout(rows=rows, ids=project.pool.ids(rows), task=task, y=y, probs=probs[:, used])


class Share(TypedDict):
    """A share with its 95% interval; `wide`: too wide to see the target gain in; no value of fewer than `FEWEST` items."""

    value: float | None
    low: float
    high: float
    wide: bool


def with_interval(value: float, items: float) -> Share:
    """A share with its 95% interval, and whether that is too wide to see the target gain in; no share of fewer than `FEWEST`."""
    low, high = wilson_ends(value, items) if items > 0 else (0.0, 1.0)
    told = value if items >= FEWEST else None
    return {"value": told, "low": low, "high": high, "wide": high - low > TARGET_GAIN}
