"""What the hold-out says of the newest model: calibration, each class, each slice, what is mistaken for what."""

from typing import Any

import numpy as np

from curator.evidence.holdout_size import TARGET_GAIN
from curator.evidence.metrics import BINS
from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.money.pool_estimate import wilson_ends
from curator.tasks.task import Task
from curator.views.report.holdout import Holdout, IntArray

FEWEST = 5  # items: a share of fewer is not told, its interval is nearly all there is
MOST_CLASSES = 100  # of a confusion matrix; more than that nobody can read
MOST_CONFUSIONS = 30


def with_interval(value: float, items: float) -> dict[str, Any]:
    """A share with its 95% interval, and whether that is too wide to see the target gain in; no share of fewer than `FEWEST`."""
    low, high = wilson_ends(value, items) if items > 0 else (0.0, 1.0)
    told = value if items >= FEWEST else None
    return {"value": told, "low": low, "high": high, "wide": high - low > TARGET_GAIN}


def calibration(holdout: Holdout) -> list[dict[str, Any]]:
    """Confidence against accuracy in equal bins, all training seeds together; empty bins are left out."""
    confidence = holdout.probs.max(axis=2).ravel().astype(np.float64)
    right = holdout.right_by_seed.ravel()
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    rows = []
    for i in np.unique(bins):
        inside = bins == i
        items = float(inside.sum() / len(holdout.probs))
        value = float(right[inside].mean())
        accuracy = with_interval(value, items)
        rows.append(
            {
                "from": float(i / BINS),
                "to": float((i + 1) / BINS),
                "confidence": float(confidence[inside].mean()),
                "accuracy": value,
                "low": accuracy["low"],
                "high": accuracy["high"],
                "items": items,
            }
        )
    return rows


def per_class(ledger: Ledger, round_id: int, task: Task) -> list[dict[str, Any]]:
    """Precision, recall and F1 of each class as the ledger has them, with the labels there are to learn it from.

    None of a class with fewer than `FEWEST` items in the hold-out. The interval is that of the recall: its items are those of the class, a fixed number.
    """
    measured: dict[str, dict[str, Any]] = {name: {} for name in task.classes}
    items = dict.fromkeys(task.classes, 0)
    for row in queries.measures.class_values(ledger, round_id):
        if row["class"] in measured:
            measured[row["class"]][row["metric"]] = row["value"]
            items[row["class"]] = row["items"]
    labels = task.count(queries.labels.training_labels(ledger).values())
    rows = []
    for name in task.classes:
        found, n = measured[name], items[name]
        known = bool(found) and n >= FEWEST
        recall = (
            with_interval(found["recall"], n)
            if known
            else {"value": None, "low": None, "high": None, "wide": True}
        )
        rows.append(
            {
                "class": name,
                "labels": labels[name],
                "items": n,
                "recall": recall["value"],
                "low": recall["low"],
                "high": recall["high"],
                "wide": recall["wide"],
                "precision": found.get("precision") if known else None,
                "f1": found.get("f1") if known else None,
            }
        )
    return rows


def confusion(holdout: Holdout, classes: tuple[str, ...]) -> dict[str, Any]:
    """How often each class was taken for each, by the mean over training seeds.

    Returns:
        `classes` shown (those with most mistakes where there are too many), `counts[true][predicted]`, and `top`: the
        most frequent mistakes.
    """
    counts = _counts(holdout.y, holdout.predicted, len(classes))
    wrong = counts - np.diag(np.diag(counts))
    shown: IntArray = np.arange(len(classes))
    if len(classes) > MOST_CLASSES:
        mistakes = wrong.sum(axis=0) + wrong.sum(axis=1)
        shown = np.sort(np.argsort(-mistakes, kind="stable")[:MOST_CLASSES])
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSIONS]
    pairs = [divmod(int(at), len(classes)) for at in order if wrong.ravel()[at]]
    return {
        "classes": [classes[i] for i in shown],
        "left_out": len(classes) - len(shown),
        "counts": counts[np.ix_(shown, shown)].tolist(),
        "top": [
            {
                "true": classes[true],
                "predicted": classes[guess],
                "items": int(wrong[true, guess]),
                "of": int(counts[true].sum()),
            }
            for true, guess in pairs
        ],
    }


def errors(holdout: Holdout) -> IntArray:
    """(m,) positions of the items that the mean over training seeds has wrong, the most confident mistakes first."""
    wrong = np.flatnonzero(~holdout.task.equal(holdout.predicted, holdout.y))
    confidence = np.array([sure for _label, sure in holdout.task.suggestions(holdout.mean_probs[wrong])])
    return wrong[np.argsort(-confidence, kind="stable")]


def _counts(y: IntArray, predicted: IntArray, n: int) -> IntArray:
    return np.bincount(y * n + predicted, minlength=n * n).reshape(n, n)
