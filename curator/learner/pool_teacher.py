"""What the pool teaches: parts of the head that learn from the soft targets which labels spread over unlabeled items.

Spreading itself knows only the items of its graph. So what it found is distilled: a softmax layer is trained on the soft
targets of unlabeled items, and the class means are taken over all items by their shares. Both are linear in the
embedding: a new item is scored as by any linear head, without its neighbours. Where clusters have shapes that no linear
layer follows, the items that the layer learned from also vote themselves (`neighbour_vote.py`).

The graph is that of the labeled items and a sample of the pool, so time and memory do not depend on the size of the pool.
More than that: a label that stands for twenty items of a sample would stand for a thousand of a million, farther away than
spreading carries; in a sample of fixed size the settings that were measured hold for every pool.

Source of the distillation: Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", 2015; learning
an inductive model from spread labels: Iscen, Tolias, Avrithis & Chum, "Label Propagation for Deep Semi-supervised
Learning", CVPR 2019.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from curator.learner.neighbour_vote import NeighbourVote
from curator.learner.softmax_regression import fit_softmax_regression
from curator.learner.spreading import affinity, spread
from strategies.kernels import neighbour_graph

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# Rows of the pool that are worth giving to a head; more are not used by the loop.
POOL_ROWS = 10_000

_NEIGHBOURS = 15
_STUDENT_ROWS = 1_000
_VOTERS_OF_A_CLASS = 10
# Three times that of the labels' own layer: as accurate, and solved in a third of the time.
_STUDENT_DECAY = 0.03
_STUDENT_TOL = 0.5  # logits are off by far less: the bound is that of the worst case
_STUDENT_STEPS = 200
# The sharpness that cosines to class means have at first (prototypes.py); the mixing scales it.
_SHARPNESS = 20.0


@dataclass(frozen=True)
class PoolLayers:
    """Two linear layers per model, as those of `Layers`, and a vote; classes without labels have a bias of -inf.

    Attributes:
        student: (n_models, n_classes, dim) float64, learned from soft targets.
        student_bias: (n_models, n_classes) float64.
        means: (n_models, n_classes, dim) float64, sharpness times the unit mean of each class over the whole sample.
        vote: of the unlabeled items that the student learned from; None = without.
    """

    student: Tensor
    student_bias: Tensor
    means: Tensor
    vote: NeighbourVote | None = None


class PoolTeacher:
    """The graph of labeled and unlabeled items; `layers` says what a set of labels teaches through it.

    Args:
        labeled: (n, dim) unit-length float32 embeddings of the labeled items.
        pool: (m, dim) of unlabeled items, m > 0.
        seed: of the rows that the student learns from.
    """

    def __init__(self, labeled: FloatArray, pool: FloatArray, seed: int) -> None:
        rng = np.random.default_rng([seed, 5])
        self._rows = np.concatenate([labeled, pool])
        self._n_labeled = len(labeled)
        neighbours, _report = neighbour_graph.build(self._rows, k=_NEIGHBOURS, rng=rng)
        self._ties: sparse.csr_array = affinity(neighbours)
        drawn = rng.choice(len(pool), min(_STUDENT_ROWS, len(pool)), replace=False)
        self._student_rows: IntArray = np.sort(drawn) + len(labeled)

    def layers(self, labels: IntArray, counts: BoolArray, n_classes: int, device: torch.device) -> PoolLayers:
        """What a set of labels leads to.

        Args:
            labels: (n,) classes of the labeled items, 0 to n_classes - 1.
            counts: (n,) which labels count; the other items are unlabeled like the pool.
            n_classes: classes of all labels.
            device: where the student is trained.

        Returns:
            The layers of one model.
        """
        shares = spread(self._ties, np.flatnonzero(counts), labels[counts], n_classes)
        # Squared, so that items which are torn between classes move no mean.
        sums = (np.square(shares).T @ self._rows).astype(np.float64)
        means = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        present = np.bincount(labels[counts], minlength=n_classes) > 0
        targets = shares[self._student_rows]
        reached = targets.any(axis=1)
        # A class that flowed to none of these rows would be ruled out wherever the student looks: it shows its labels.
        heard: BoolArray = np.asarray(targets.any(axis=0))
        unheard = np.flatnonzero(counts & ~heard[labels])
        rows = np.concatenate([self._student_rows, unheard])
        targets = shares[rows]
        # Together the soft targets weigh as much as the labels do in their own layer.
        soft = reached * (counts.sum() / max(reached.sum(), 1))
        weights = np.concatenate([soft, np.ones(len(unheard))])
        # Two classes feel the decay half as much (see `Training`).
        decay = _STUDENT_DECAY * (2.0 if present.sum() == 2 else 1.0)
        fit = fit_softmax_regression(
            torch.from_numpy(self._rows[rows]).to(device),
            torch.from_numpy(targets[None]).to(device),
            torch.from_numpy(weights[None]).to(device),
            torch.from_numpy(present[None]).to(device),
            torch.tensor([decay], dtype=torch.float64, device=device),
            tol=_STUDENT_TOL,
            max_iter=_STUDENT_STEPS,
        )
        # Of a class that only its labels show, some of them vote.
        voters = weights > 0.0
        voters[len(self._student_rows) :] = _first_of_each(labels[unheard], _VOTERS_OF_A_CLASS)
        vote = NeighbourVote.of(
            torch.from_numpy(self._rows[rows[voters]]).to(device),
            torch.from_numpy(targets[voters]).to(device),
        )
        return PoolLayers(fit.weight, fit.bias, torch.from_numpy(_SHARPNESS * means[None]).to(device), vote)


def _first_of_each(labels: IntArray, most: int) -> BoolArray:
    """(n,) whether a label is among the first so many of its class."""
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    place = np.arange(len(labels)) - np.searchsorted(ordered, ordered)
    first = np.empty(len(labels), dtype=np.bool_)
    first[order] = place < most
    return first
