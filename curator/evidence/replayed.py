"""What a campaign's labels are worth beside random ones: quick models, trained and compared on the hold-out.

One model stands in for all: logistic regression on the embeddings, which is about as accurate as the head and takes
milliseconds. Both sides get it, so that only the labels differ.
"""

import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.evidence.certificate import LEVEL, Evidence

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# Random campaigns that are replayed to their full length, fewer where each takes long: the same number for the same
# sizes, never by the clock, or the same ledger would say different things. How much they differ is in the interval.
_MOST_DRAWS, _FEWEST_DRAWS = 6, 3
_WORK = 2e8  # labels x dimensions x classes of all full-length fits together: a second or two
_QUARTER_DRAWS = 4
_HALVES = 4  # of the arm, to see how much chance is in its labels
_PREFIXES = (0.125, 0.25, 0.5, 1.0, 2.0)  # of the arm's labels: where the campaign's curve is looked at


@dataclass(frozen=True)
class Labels:
    """What was bought, in the order in which it was asked.

    Attributes:
        embeddings: (n, dim).
        classes: (n,) their classes as numbers from 0.
        of_arm: (n,) drawn at random.
    """

    embeddings: FloatArray
    classes: IntArray
    of_arm: BoolArray

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True)
class Sample:
    """Random items, and the classes of those that are known (-1: not known)."""

    embeddings: FloatArray
    classes: IntArray


@dataclass(frozen=True)
class MeasuredLift:
    """What the strategy's labels reach beside as many of the arm's: measured, nothing is extrapolated.

    Attributes:
        lift: accuracy, strategy - arm, at `labels` labels each.
        low: lower end of its 95% interval, over items of the hold-out and the draw of the arm.
        high: upper end.
        labels: of each side.
        same_labels: labels of the strategy that reach what the arm reaches; None: more than twice as many.
    """

    lift: float
    low: float
    high: float
    labels: int
    same_labels: float | None


@dataclass(frozen=True)
class Replay:
    """The models of a campaign on its hold-out.

    Attributes:
        labels: bought.
        sample: of the pool, at least as many items as labels where the pool has them.
        items: of the pool that were or could be labeled.
        holdout: embeddings and classes of the hold-out.
        seed: of everything that is drawn.
    """

    labels: Labels
    sample: Sample
    items: int
    holdout: Sample
    seed: int

    @cached_property
    def _model(self) -> Any:
        """That of all labels."""
        return _fit(self.labels.embeddings, self.labels.classes)

    @cached_property
    def _guessed(self) -> IntArray:
        """The classes of the sample, those that are not known as the model of all labels sees them."""
        known = self.sample.classes
        return np.where(known >= 0, known, self._model.predict(self.sample.embeddings))

    def evidence(self) -> Evidence:
        """All that the certificate rests on."""
        with _one_thread():
            return self._evidence()

    def _evidence(self) -> Evidence:
        n = len(self.labels)
        draws = self._random(n, self._draws(n), 1)
        full = draws.mean(axis=0)
        # What a draw is worth more or less than another, of the mean of them all.
        luck = float(draws.mean(axis=1).var(ddof=1)) / len(draws)
        quarter = self._random(n // 4, _QUARTER_DRAWS, 2)
        right = np.asarray(self._model.predict(self.holdout.embeddings) == self.holdout.classes)
        apart = right - full
        arm = self.labels.of_arm
        return Evidence(
            labels=n,
            arm_labels=int(arm.sum()),
            items=self.items,
            holdout=len(full),
            accuracy=float(right.mean()),
            replayed=float(full.mean()),
            replayed_quarter=float(quarter.mean()),
            of_arm=float(self._right(self.labels.embeddings[arm], self.labels.classes[arm]).mean()),
            paired_sd=float(np.sqrt(apart.var() / len(apart) + luck)),
        )

    def measured(self, level: float = LEVEL) -> MeasuredLift:
        """The strategy beside the arm, at as many labels as the smaller of the two has."""
        with _one_thread():
            return self._measured(level)

    def _measured(self, level: float) -> MeasuredLift:
        arm, chosen = np.flatnonzero(self.labels.of_arm), np.flatnonzero(~self.labels.of_arm)
        n = min(len(arm), len(chosen))
        of_arm, of_strategy = self._of(arm[:n]), self._of(chosen[:n])
        apart = of_strategy - of_arm
        rng = np.random.default_rng([self.seed, 13])
        halves = [float(self._of(np.sort(rng.permutation(arm[:n])[: n // 2])).mean()) for _ in range(_HALVES)]
        # Two halves of the labels share half of theirs: what differs between them is about the chance of all of them.
        spread = np.sqrt(apart.var() / len(apart) + np.var(halves, ddof=1))
        reach = float(NormalDist().inv_cdf(0.5 + level / 2) * spread)
        lift = float(apart.mean())
        curve = [
            (s, float(self._of(chosen[:s]).mean()))
            for s in sorted({int(n * p) for p in _PREFIXES})
            if 2 <= s <= len(chosen)
        ]
        return MeasuredLift(lift, lift - reach, lift + reach, n, _reached(curve, float(of_arm.mean())))

    def _of(self, rows: IntArray) -> FloatArray:
        return self._right(self.labels.embeddings[rows], self.labels.classes[rows])

    def _random(self, size: int, draws: int, stream: int) -> FloatArray:
        """(draws, m) whether replayed random campaigns of a size are right about each item of the hold-out."""
        rng = np.random.default_rng([self.seed, stream])
        n, size = len(self._guessed), max(1, min(size, len(self._guessed)))
        drawn: Iterable[IntArray] = (rng.choice(n, size, replace=False) for _ in range(draws))
        return np.array([self._right(self.sample.embeddings[i], self._guessed[i]) for i in drawn])

    def _right(self, embeddings: FloatArray, classes: IntArray) -> FloatArray:
        guessed = _fit(embeddings, classes).predict(self.holdout.embeddings)
        return np.asarray(guessed == self.holdout.classes, dtype=np.float64)

    def _draws(self, n: int) -> int:
        work = n * self.labels.embeddings.shape[1] * (int(self.labels.classes.max()) + 1)
        return int(np.clip(_WORK / work, _FEWEST_DRAWS, _MOST_DRAWS))


def _one_thread() -> AbstractContextManager[object]:
    """Fits this small are done before several threads have found each other: on two busy cores one is ten times as quick."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


def _reached(curve: list[tuple[int, float]], accuracy: float) -> float | None:
    """Labels at which a curve first reaches an accuracy, straight lines between its points."""
    before: tuple[int, float] | None = None
    for labels, value in curve:
        if value >= accuracy:
            if before is None or value == before[1]:
                return float(labels)
            return before[0] + (labels - before[0]) * (accuracy - before[1]) / (value - before[1])
        before = (labels, value)
    return None


def _fit(embeddings: FloatArray, classes: IntArray) -> Any:
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(classes)) < 2:
        return DummyClassifier().fit(embeddings, classes)
    with warnings.catch_warnings():
        # 300 steps are near enough; and labels of many classes, each with few, are no regression.
        warnings.simplefilter("ignore")
        return LogisticRegression(C=100.0, max_iter=300, tol=1e-3).fit(embeddings, classes)
