"""The sealed hold-out: entered in the ledger once; what lies outside of it, and what lies too near."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from curator.ledger import queries
from curator.ledger.store import Ledger, utc_now
from curator.pool.catalogue import Pool
from curator.project.project import Project
from curator.tasks.task import Labels
from strategies.kernels.near_duplicates import near_any

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


def seal_file(ledger: Ledger, pool: Pool) -> None:
    """Enter the items of the user's own labeled file, which are in the pool. To be called inside a `write`."""
    rows = pool.role_rows("holdout")
    ledger.insert(
        "holdout",
        [
            {"item_id": item_id, "source": "file", "label": label, "probability": None, "drawn_at": utc_now()}
            for item_id, label in zip(pool.ids(rows), pool.labels(rows), strict=True)
        ],
    )


def seal_sample(ledger: Ledger, drawn: Iterable[tuple[str, float | None]]) -> None:
    """Enter a drawn sample: items, and the probability with which each was drawn. To be called inside a `write`."""
    ledger.insert(
        "holdout",
        [
            {
                "item_id": item_id,
                "source": "sample",
                "label": None,
                "probability": probability,
                "drawn_at": utc_now(),
            }
            for item_id, probability in drawn
        ],
    )


def unsealed_rows(project: Project) -> IntArray:
    """(n,) pool rows, ascending, of everything that is not of the hold-out, whether labeled or not.

    Near-duplicates of hold-out items are among them: where something is asked about, or learnt from without a label,
    `near_holdout` tells which to leave out.
    """
    return np.setdiff1d(project.pool.role_rows("pool"), project.holdout_rows())


def labeled_holdout(project: Project, rows: IntArray) -> tuple[IntArray, Labels]:
    """The hold-out items that can be measured with today.

    Args:
        project: opened.
        rows: (n,) pool rows of the hold-out.

    Returns:
        (m,) positions in `rows` whose label is known to the task, ascending; (m, ...) these labels, as `Task.encode` has them.
    """
    task, labels = project.task, queries.holdout.holdout_labels(project.ledger)
    known = [labels.get(item_id) for item_id in project.pool.ids(rows)]
    usable = [(i, label) for i, label in enumerate(known) if label is not None and task.knows(label)]
    return np.array([i for i, _ in usable], dtype=np.int64), task.encode([label for _, label in usable])


def near_holdout(project: Project) -> Callable[[FloatArray], NDArray[np.bool_]]:
    """A check of embeddings, (n, dim) -> (n,): whether each is a near-duplicate of an item of the hold-out."""
    targets = project.embeddings.take(project.holdout_rows())
    threshold = project.config.acquisition.duplicate_cosine
    return lambda embeddings: near_any(embeddings, targets, threshold)
