"""Label spreading: what the shape of the pool says about the items that nobody has labeled.

Every item is tied to its nearest neighbours. The labels flow along these ties; a part of them stays where it was given.
After some steps each item holds shares of what started at the labels of each class: soft targets, which a model can
learn from. Items of one cluster come to agree even where the nearest label is far.

Source: Zhou, Bousquet, Lal, Weston & Schoelkopf, "Learning with Local and Global Consistency", NIPS 2003; class mass
normalisation: Zhu, Ghahramani & Lafferty, "Semi-Supervised Learning Using Gaussian Fields and Harmonic Functions", ICML
2003. The settings are those that were good on every development set (docs/measured/heads.md).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from strategies.kernels.neighbours import Neighbours

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

# Ties are cosines to this power: a neighbour at 0.5 pulls an eighth of what a copy does.
_POWER = 3
# Share of what an item holds that comes from its neighbours; at 0.95 and above the largest classes flood the rest.
_FLOW = 0.8
# 0.8 ** 15 = 0.04: what later steps would bring no longer changes which class leads.
_STEPS = 15


def affinity(neighbours: Neighbours) -> sparse.csr_array:
    """The ties between items, each scaled by how well tied both of its ends are.

    Args:
        neighbours: of n items among themselves.

    Returns:
        (n, n) symmetric float32, at most 2 k entries a row on average, eigenvalues in [-1, 1]. Items without neighbours,
        or with none at a cosine above 0, have an empty row.
    """
    n, k = neighbours.rows.shape
    there = (neighbours.rows >= 0) & (neighbours.cosines > 0)
    source = np.repeat(np.arange(n, dtype=np.int32), k)[there.ravel()]
    ties = sparse.csr_array(
        (neighbours.cosines[there] ** _POWER, (source, neighbours.rows[there])),
        shape=(n, n),
        dtype=np.float32,
    )
    ties = ties.maximum(
        ties.T
    ).tocsr()  # one of two items may be among the nearest of the other but not the reverse
    degree = np.asarray(ties.sum(axis=1)).ravel()
    scale = np.divide(1.0, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0).astype(np.float32)
    ties.data *= np.repeat(scale, np.diff(ties.indptr)) * scale[ties.indices]
    return ties


def spread(ties: sparse.csr_array, labeled: IntArray, labels: IntArray, n_classes: int) -> FloatArray:
    """Soft targets of every item.

    Each class starts with the same amount, shared by its labels, and ends with the same amount over all items: neither
    the class with most labels nor the one in the densest corner wins by that alone.

    Args:
        ties: (n, n) from `affinity`.
        labeled: (m,) positions of the labeled items.
        labels: (m,) their classes, 0 to n_classes - 1.
        n_classes: columns of the result; a class without labels gets nothing.

    Returns:
        (n, n_classes) float32: rows sum to 1; all zero for items that no label reaches.
    """
    size = np.bincount(labels, minlength=n_classes)
    start = np.zeros((ties.shape[0], n_classes), dtype=np.float32)
    np.add.at(start, (labeled, labels), (1.0 / np.maximum(size, 1)[labels]).astype(np.float32))
    shares = start.copy()
    for _ in range(_STEPS):
        shares = ties @ shares
        shares *= _FLOW
        shares += (1.0 - _FLOW) * start
    shares = _divided(shares, shares.sum(axis=0, keepdims=True))
    return _divided(shares, shares.sum(axis=1, keepdims=True))


def _divided(shares: FloatArray, total: FloatArray) -> FloatArray:
    """Shares of their totals; zero where the total is."""
    return np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
