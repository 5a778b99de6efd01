"""The unlabeled items that a model learns from beside the labels: a fixed random sample of the pool."""

import numpy as np
from numpy.typing import NDArray

from curator.learner.pool_teacher import POOL_ROWS
from curator.project.holdout import near_holdout, unsealed_rows
from curator.project.project import Project

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


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
