"""Adds what the pool teaches to a head, as far as left-out labels say that it helps.

All parts are trained once more with a fifth of the labels left out, five times. The left-out labels decide how much each
part counts, which calibrates the sum as well, and whether the pool has a say at all: classes that do not follow the
neighbourhoods of the embedding (sentiment, where it sees topics) are better learned from the labels alone.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from curator.learner.folds import stratified_folds
from curator.learner.mixing import fit_mixing_weights, weighted_log_probs
from curator.learner.parts import Parts
from curator.learner.pool_teacher import PoolLayers, PoolTeacher
from curator.learner.threads import each_on_a_core
from curator.learner.training import FOLDS, Training

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# Labels per class at which labels and pool count the same at first.
_EVEN = 10.0
# Weights where only labels count (layers, prototypes) and where only the pool does (layers, student, means, vote).
_LAYERS_ALONE, _PROTOTYPES_ALONE = 0.6, 0.15
_LAYERS_BESIDE_POOL, _STUDENT, _MEANS, _VOTE = 0.1, 1.2, 0.3, 1.0
# Below, a handful of left-out labels would switch off at random what measured best exactly there.
_FEWEST_TO_JUDGE = 20
_FEW_TO_HOLD = 10_000
# By how many standard errors a left-out log loss must be worse for the pool to be dropped, and for the vote alone: what
# the vote adds is less, and scoring without it is twenty times as fast.
_STANDARD_ERRORS, _STANDARD_ERRORS_VOTE = 2.0, 1.0
_ROUNDING = 1e-6  # nats: where both sums are the same, their rounding says nothing


@dataclass(frozen=True)
class Spreading:
    """What came of learning from the pool.

    Attributes:
        used: whether the head has learned from the pool.
        why: why not, in a sentence; empty when it has.
        weights: of the parts of the head, in the order of `Parts`.
        harms: it would have been used, but left-out labels spoke against it.
    """

    used: bool
    why: str
    weights: tuple[float, ...]
    harms: bool = False

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"used": self.used, "why": self.why, "weights": list(self.weights), "harms": self.harms}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Spreading":
        """The inverse of `to_json`."""
        weights = tuple(float(weight) for weight in values["weights"])
        return cls(bool(values["used"]), str(values["why"]), weights, bool(values["harms"]))


@dataclass(frozen=True)
class Taught:
    """A head that was offered the pool.

    Attributes:
        parts: those of the pool among them if they are used.
        spreading: what came of it.
        left_out: (n, n_classes) log probs of each labeled item by parts that did not see its label; -inf for a class that
            they had no label of.
    """

    parts: Parts
    spreading: Spreading
    left_out: NDArray[np.float64]


def alone(parts: Parts, why: str) -> Spreading:
    """The labels alone: the plain mean of layers and class means."""
    return Spreading(used=False, why=why, weights=(1.0,) if parts.prototypes is None else (0.5, 0.5))


def learn_from_pool(
    training: Training, parts: Parts, rows: Tensor, labels: IntArray, pool: FloatArray, seed: int
) -> Taught:
    """Teach a head what the pool knows.

    Args:
        training: how the labels are learned from.
        parts: what was learned from all labels.
        rows: (n, dim) float32 embeddings of the labeled items.
        labels: (n,) their classes, 0 to n_classes - 1, each of them present, at least two.
        pool: (m, dim) unit-length embeddings of unlabeled items, m > 0.
        seed: of folds and samples.

    Returns:
        The parts, and what came of it.
    """
    n, n_classes = len(labels), int(labels.max()) + 1
    n_folds = min(FOLDS, n)
    fold = stratified_folds(labels, n_folds, [seed, 0, 3])
    teacher = PoolTeacher(rows.cpu().numpy(), pool, seed)

    def layers(counts: BoolArray) -> PoolLayers:
        return teacher.layers(labels, counts, n_classes, rows.device)

    n_parts = 4 if parts.prototypes is None else 5
    logits = np.empty((n, n_classes, n_parts))

    def left_out_logits(part: int) -> tuple[IntArray, NDArray[np.float64]]:
        out, learns = np.flatnonzero(fold == part), fold != part
        left_out = training.fit(rows, labels, learns[None], [[seed, 0, 4, part]])
        return out, replace(left_out, pool=layers(learns)).logits(rows[out])[0].cpu().numpy()

    # Fold by fold: solved as one batch, every fold would wait for the slowest. With many labels one after the other, for
    # each holds several copies of the rows.
    folds = range(n_folds)
    few = n <= _FEW_TO_HOLD
    for out, found in (
        each_on_a_core(left_out_logits, folds, rows.device) if few else map(left_out_logits, folds)
    ):
        logits[out] = found
    # A label whose class its fold had never seen says nothing about the parts.
    known = np.isfinite(logits[np.arange(n), labels]).all(axis=1)
    judged, truth = logits[known], labels[known]
    start = _start(parts, n / n_classes)
    weights, linear = (fit_mixing_weights(judged[:, :, :m], truth, start[:m]) for m in (n_parts, n_parts - 1))
    with_vote, without = _losses(judged, truth, weights), _losses(judged, truth, linear)
    votes = not _worse(with_vote, without, _STANDARD_ERRORS_VOTE)
    if not votes:
        weights = linear
    own = alone(parts, "")
    why = _harm(judged, truth, weights, np.array(own.weights))
    if why:
        spreading = replace(own, why=why, harms=True)
    else:
        pool_layers = layers(np.ones(n, dtype=np.bool_))
        parts = replace(parts, pool=pool_layers if votes else replace(pool_layers, vote=None))
        spreading = Spreading(used=True, why="", weights=tuple(weights.tolist()))
    return Taught(parts, spreading, weighted_log_probs(logits, np.array(spreading.weights)))


def _start(parts: Parts, labels_per_class: float) -> NDArray[np.float64]:
    """Weights before the left-out labels are heard: from the pool's to the labels' own as labels come in."""
    share = 1.0 / (1.0 + labels_per_class / _EVEN)
    own = [_LAYERS_ALONE * (1.0 - share) + _LAYERS_BESIDE_POOL * share]
    if parts.prototypes is not None:
        own.append(_PROTOTYPES_ALONE * (1.0 - share))
    return np.array([*own, _STUDENT * share, _MEANS * share, _VOTE * share])


def _harm(
    logits: NDArray[np.float64],
    truth: IntArray,
    weights: NDArray[np.float64],
    own: NDArray[np.float64],
) -> str:
    """Why the pool should have no say; empty when it should."""
    with_pool, without = _losses(logits, truth, weights), _losses(logits, truth, own)
    if not _worse(with_pool, without, _STANDARD_ERRORS):
        return ""
    return (
        f"on {len(truth)} left-out training labels the log loss was {with_pool.mean():.3f} with the pool and "
        f"{without.mean():.3f} without it"
    )


def _worse(losses: NDArray[np.float64], others: NDArray[np.float64], standard_errors: float) -> bool:
    """Whether left-out labels say that one sum of parts is worse than another, by so many standard errors."""
    if len(losses) < _FEWEST_TO_JUDGE:
        return False
    worse = losses - others
    return bool(worse.mean() > standard_errors * worse.std(ddof=1) / np.sqrt(len(worse)) + _ROUNDING)


def _losses(
    logits: NDArray[np.float64], truth: IntArray, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n,) log loss of each left-out label."""
    losses: NDArray[np.float64] = -weighted_log_probs(logits, weights)[np.arange(len(truth)), truth]
    return losses
