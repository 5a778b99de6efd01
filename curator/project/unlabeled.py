"""What of the pool lies outside of the sealed hold-out, and the unlabeled sample that a model learns from beside the labels."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from curator.learner.pool_teacher import POOL_ROWS
from curator.project.project import Project
from strategies.kernels.near_duplicates import near_any

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


def unsealed_rows(project: Project) -> IntArray:
    """(n,) pool rows, ascending, of everything that is not of the hold-out, whether labeled or not.

    Near-duplicates of hold-out items are among them: where something is asked about, or learnt from without a label,
    `near_holdout` tells which to leave out.
    """
    return np.setdiff1d(project.pool.role_rows("pool"), project.holdout_rows())


def near_holdout(project: Project) -> Callable[[FloatArray], NDArray[np.bool_]]:
    """A check of embeddings, (n, dim) -> (n,): whether each is a near-duplicate of an item of the hold-out."""
    targets = project.embeddings.take(project.holdout_rows())
    threshold = project.config.acquisition.duplicate_cosine
    return lambda embeddings: near_any(embeddings, targets, threshold)


def unlabeled_sample(project: Project, labeled: IntArray) -> FloatArray:
    """Embeddings of unlabeled items: none of the hold-out, none next to it.

    Every row has a fixed place in a random order, whatever was labeled or added since: the same labels find the same
    sample, or nearly so in a pool that has grown.

    Args:
        project: opened.
        labeled: pool rows that the model has labels of.

    Returns:
        (m, dim), m at most `POOL_ROWS`.
    """
    rows = np.setdiff1d(unsealed_rows(project), labeled)
    place = np.random.default_rng([project.config.project.seed, 7]).random(project.pool.n_items)[rows]
    drawn = np.sort(rows[np.argsort(place, kind="stable")[:POOL_ROWS]])
    sample = project.embeddings.take(drawn)
    return sample[~near_holdout(project)(sample)]
