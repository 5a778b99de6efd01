"""Stratified folds that also work while a class has a single label."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


def stratified_folds(y: IntArray, n_folds: int, seed: Sequence[int]) -> IntArray:
    """Deal the labels of each class over the folds, one class after the other.

    The dealing goes on where the class before stopped, so that folds stay even when most classes have fewer labels
    than there are folds; scikit-learn's `StratifiedKFold` warns or refuses there.

    Args:
        y: (n,) class of each label, any integers.
        n_folds: folds, at least 2.
        seed: numbers that fix the dealing.

    Returns:
        (n,) fold of each label, 0 to n_folds - 1; sizes differ by at most one.
    """
    order = np.random.default_rng(seed).permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = np.arange(len(y)) % n_folds
    return fold
