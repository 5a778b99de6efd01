"""How much a model differs from the one before: their predictions on the same random items of the pool."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from curator.files import write_bytes
from curator.ledger.class_history import History
from curator.project.holdout import unsealed_rows
from curator.project.project import Project
from curator.tasks.task import Labels

if TYPE_CHECKING:
    from curator.learner.model import Model  # loads torch

STOP_SET = 2_000  # items, as Bloodgood & Vijay-Shanker (2009) recommend
_FILE = "stop_set.safetensors"
IntArray = NDArray[np.int64]


def keep_predictions(project: Project, round_id: int, model: "Model") -> None:
    """Keep what a round's model answers for the stop set, beside the model."""
    rows = stop_set(project)
    answers = project.task.answers(model.predict_proba(project.embeddings.take(rows)))
    write_bytes(project.model_folder(round_id) / _FILE, save({"rows": rows, "classes": answers}))


def compare(project: Project, before: int, after: int) -> tuple[float, float | None] | None:
    """The share of the stop set that two rounds' models answer otherwise, and Cohen's kappa of their predictions.

    Over items that both have: `curator add` changes the stop set.

    Returns:
        None when either round kept no predictions: curator did not always do so, and `curator restore` may lack them; and
        when the classes changed in between. The kappa alone is None where both call every item the same: two constants agree
        whatever they know.
    """
    # A rename moves no class to another place; after any other change the places say something else.
    if any(change.kind != "rename" for change in History.read(project.ledger).between(before, after)):
        return None
    kept = [_read(project.model_folder(number) / _FILE) for number in (before, after)]
    if kept[0] is None or kept[1] is None:
        return None
    (rows, classes), (rows_after, classes_after) = kept[0], kept[1]
    _shared, here, there = np.intersect1d(rows, rows_after, assume_unique=True, return_indices=True)
    if not len(here):
        return None
    earlier, later = classes[here], classes_after[there]
    changed = float(np.mean(~project.task.equal(earlier, later)))
    # each answer as a number, whatever it is made of
    codes = np.unique(np.concatenate([earlier, later]), axis=0, return_inverse=True)[1]
    before_codes, after_codes = np.split(codes.ravel(), 2)
    if codes.max() == 0:
        return changed, None
    from sklearn.metrics import cohen_kappa_score

    return changed, float(cohen_kappa_score(before_codes, after_codes))


def stop_set(project: Project) -> IntArray:
    """(n,) rows of random items of the pool: the same every round while nothing is added; no label is looked at."""
    rows = unsealed_rows(project)
    rng = np.random.default_rng([project.config.project.seed, 10])
    return np.sort(rng.permutation(rows)[:STOP_SET]).astype(np.int64)


def _read(path: Path) -> tuple[IntArray, Labels] | None:
    try:
        arrays = load_file(path)
        return arrays["rows"], arrays["classes"]
    except (OSError, SafetensorError, KeyError):
        return None
