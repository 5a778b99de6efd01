"""The hold-out item by item, as the newest measured model saw it."""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from curator.errors import DataError
from curator.evidence.holdout_size import TARGET_GAIN
from curator.ledger import queries
from curator.ledger.class_columns import columns_now
from curator.money.pool_estimate import wilson_ends
from curator.project.project import Project
from strategies.kernels.ties import likeliest

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.int64]
FEWEST = 5  # items: a share of fewer is not told, its interval is nearly all there is


@dataclass(frozen=True)
class Holdout:
    """Labeled hold-out items and what a model said of them.

    Attributes:
        rows: (n,) rows of the pool, ascending.
        ids: (n,) item ids.
        y: (n,) true classes, as positions in the project's classes.
        probs: (n_seeds, n, n_classes) of each training seed.
    """

    rows: IntArray
    ids: list[str]
    y: IntArray
    probs: FloatArray

    @property
    def mean_probs(self) -> FloatArray:
        """(n, n_classes) mean over training seeds."""
        mean: FloatArray = self.probs.mean(axis=0)
        return mean

    @property
    def predicted(self) -> IntArray:
        """(n,) the likeliest class by the mean over training seeds."""
        classes: IntArray = likeliest(self.mean_probs).astype(np.int64)
        return classes

    @property
    def right(self) -> FloatArray:
        """(n,) share of the training seeds that have the item right: its mean is the accuracy of the ledger."""
        share: FloatArray = (likeliest(self.probs) == self.y).mean(axis=0)
        return share


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
    classes = project.config.project.classes
    probs = columns_now(project.ledger, round_id, probs)
    if probs.ndim != 3 or probs.shape[1:] != (len(rows), len(classes)):
        raise DataError(f"{path} does not fit the {len(classes)} classes of curator.toml: {probs.shape}.")
    labels = queries.holdout.holdout_labels(project.ledger)
    position = {name: i for i, name in enumerate(classes)}
    ids = project.pool.ids(rows)
    used = [i for i, item_id in enumerate(ids) if labels.get(item_id) in position]
    if not used:
        raise DataError(f"No item of {path} has a label.")
    y = np.array([position[labels[ids[i]]] for i in used], dtype=np.int64)
    return Holdout(rows=rows[used], ids=[ids[i] for i in used], y=y, probs=probs[:, used])


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
