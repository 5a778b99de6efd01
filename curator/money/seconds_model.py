"""How many seconds an answer takes: by the length of the item, by who answers, and by whether a suggestion is shown.

The logarithm of the seconds is regressed on the logarithm of the length (a text twice as long takes a certain factor
longer), on the suggestion, and on the annotator. Lunch breaks must not decide, so the fit is Huber's; an annotator with
few answers is drawn towards the others. What is predicted is the mean, which is what a bill adds up: on the logarithmic
scale the fit runs through the median, and the mean of log-normal times is exp(s^2 / 2) times that.

Sources: Huber, "Robust estimation of a location parameter" (1964), for the fit; Robinson, "That BLUP is a good thing" (1991),
for the annotators' effects.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.pool.problems import counted

FloatArray = NDArray[np.float64]

FEWEST = 50  # times; with fewer the median of all is as good as any model
LEAST_SPREAD = 0.05  # standard deviation of log-seconds; below, all items take the same time
_FOLDS = 5
_HUBER = 1.345  # standard deviations; 95% as efficient as least squares where errors are normal
_ROUNDS = 30
_SMALLEST = 0.1  # seconds; the logarithm of a time of 0 has no meaning
_MAD = 1.4826  # standard deviations per median absolute deviation, of a normal distribution


@dataclass(frozen=True)
class Times:
    """Answers whose time was measured.

    Attributes:
        seconds: (n,) capped.
        lengths: (n,) characters of each text, or None of a pool of images.
        shown: (n,) 1.0 where a suggestion was shown.
        annotators: (n,) who answered.
    """

    seconds: FloatArray
    lengths: FloatArray | None
    shown: FloatArray
    annotators: Sequence[str]

    def __len__(self) -> int:
        return len(self.seconds)

    def take(self, at: NDArray[Any]) -> "Times":
        """Some of them."""
        return Times(
            self.seconds[at],
            None if self.lengths is None else self.lengths[at],
            self.shown[at],
            [self.annotators[i] for i in np.arange(len(self))[at]],
        )


@dataclass(frozen=True)
class SecondsModel:
    """Expected seconds of an answer.

    Attributes:
        intercept: log-seconds at length 0, without a suggestion, of an annotator like the others.
        per_log_length: a text e times as long takes exp(this) times as long; 0 for images.
        of_suggestion: exp(this) is the factor of a shown suggestion.
        of_annotator: annotator -> exp(this) is the factor; who is not named has 1.
        spread: standard deviation of log-seconds around the fit.
        answers: that it was fitted to.
        error: mean absolute error of log-seconds, cross-validated.
        median_error: the same of the plain median.
    """

    intercept: float
    per_log_length: float
    of_suggestion: float
    of_annotator: dict[str, float]
    spread: float
    answers: int
    error: float = math.nan
    median_error: float = math.nan

    def log_median(
        self, lengths: FloatArray | None, shown: FloatArray, annotators: Sequence[str]
    ) -> FloatArray:
        """(n,) the logarithm of the median seconds."""
        who: FloatArray = np.array([self.of_annotator.get(name, 0.0) for name in annotators])
        return self.intercept + self._of_length(lengths) + self.of_suggestion * shown + who

    def expected(
        self, lengths: FloatArray | None, *, shown: float = 0.0, annotator: str | None = None
    ) -> FloatArray:
        """Mean seconds of an answer.

        Args:
            lengths: (n,) characters; None of images.
            shown: 1 where a suggestion will be shown, or the share of questions with one.
            annotator: who will answer; None or unknown: somebody like the others.

        Returns:
            (n,) seconds; (1,) for images, which all take the same.
        """
        who = 0.0 if annotator is None else self.of_annotator.get(annotator, 0.0)
        # log-normal: the mean lies above the median by exp(spread^2 / 2)
        level = self.intercept + self.of_suggestion * shown + who + self.spread**2 / 2.0
        found: FloatArray = np.exp(np.atleast_1d(level + self._of_length(lengths)))
        return found

    def _of_length(self, lengths: FloatArray | None) -> FloatArray:
        if lengths is None:
            return np.zeros(1)
        return self.per_log_length * _log_length(lengths)


@dataclass(frozen=True)
class NoModel:
    """Why there is no model of seconds; the times so far are all that is known."""

    why: str


def fit_seconds(times: Times, *, seed: int = 0) -> SecondsModel | NoModel:
    """The model of seconds, where it predicts better than the plain median does.

    Args:
        times: of all answers so far.
        seed: shares the answers out to the folds of the cross-validation.

    Returns:
        The model, or why none is used: too few times, all alike, or no better than the median by more than a standard
        error on answers that it was not fitted to.
    """
    if len(times) < FEWEST:
        return NoModel(f"{counted(len(times), 'answer')} with a time; a model of answer times needs {FEWEST}")
    if float(np.std(_log_seconds(times))) < LEAST_SPREAD:
        return NoModel("all answers took the same time")
    ours, plain = _cross_validated(times, seed)
    better = plain - ours
    if better.mean() <= better.std(ddof=1) / math.sqrt(len(better)):
        return NoModel(
            "length, annotator and suggestion predict the seconds no better than the plain median "
            f"(mean error {math.expm1(float(ours.mean())):.0%}, against {math.expm1(float(plain.mean())):.0%})"
        )
    model = _fit(times)
    return SecondsModel(
        model.intercept,
        model.per_log_length,
        model.of_suggestion,
        model.of_annotator,
        model.spread,
        len(times),
        error=float(ours.mean()),
        median_error=float(plain.mean()),
    )


def _cross_validated(times: Times, seed: int) -> tuple[FloatArray, FloatArray]:
    """(n,) absolute errors of log-seconds by a model, and by a median, that did not see the answer."""
    fold = np.random.default_rng([seed, len(times)]).permutation(len(times)) % _FOLDS
    logs = _log_seconds(times)
    ours, plain = np.empty(len(times)), np.empty(len(times))
    for number in range(_FOLDS):
        held = fold == number
        there = times.take(held)
        model = _fit(times.take(~held))
        ours[held] = np.abs(logs[held] - model.log_median(there.lengths, there.shown, there.annotators))
        plain[held] = np.abs(logs[held] - np.median(logs[~held]))
    return ours, plain


def _fit(times: Times) -> SecondsModel:
    """Huber's regression and the annotators' effects, in turns until both stand still."""
    logs = _log_seconds(times)
    columns: list[FloatArray] = [np.ones(len(times))]
    # A column that does not vary says nothing, and could not be told from the intercept.
    length = None if times.lengths is None else _log_length(times.lengths)
    has_length = length is not None and float(np.ptp(length)) > 0.0
    has_shown = float(np.ptp(times.shown)) > 0.0
    if length is not None and has_length:
        columns.append(length)
    if has_shown:
        columns.append(times.shown)
    design = np.column_stack(columns)
    names, who = np.unique(np.asarray(times.annotators, dtype=object).astype(str), return_inverse=True)
    effects: FloatArray = np.zeros(len(names))
    weights: FloatArray = np.ones(len(times))
    fixed, spread = np.zeros(design.shape[1]), 1.0
    for _ in range(_ROUNDS):
        root = np.sqrt(weights)
        fixed = np.linalg.lstsq(design * root[:, None], (logs - effects[who]) * root, rcond=None)[0]
        effects = _shrunk(logs - design @ fixed, weights, who, len(names))
        residual = logs - design @ fixed - effects[who]
        spread = max(_MAD * float(np.median(np.abs(residual - np.median(residual)))), 1e-6)
        far = np.abs(residual) / spread
        weights = np.minimum(1.0, _HUBER / np.maximum(far, 1e-12))
    return SecondsModel(
        intercept=float(fixed[0]),
        per_log_length=float(fixed[1]) if has_length else 0.0,
        of_suggestion=float(fixed[-1]) if has_shown else 0.0,
        of_annotator=dict(zip(names.tolist(), effects.tolist(), strict=True)),
        spread=spread,
        answers=len(times),
    )


def _shrunk(residual: FloatArray, weights: FloatArray, who: NDArray[Any], n: int) -> FloatArray:
    """(n,) each annotator's mean residual, drawn to 0 the more, the fewer answers there are and the less people differ."""
    if n == 1:
        return np.zeros(1)
    mass = np.bincount(who, weights=weights, minlength=n)
    mean = np.bincount(who, weights=weights * residual, minlength=n) / mass
    whole = float(mass.sum())
    within = float((weights * (residual - mean[who]) ** 2).sum()) / max(whole - n, 1.0)
    # The usual moments of a one-way layout: who has few answers says little about how much people differ, too.
    apart = float((mass * (mean - (mass * mean).sum() / whole) ** 2).sum())
    between = max((apart - (n - 1) * within) / (whole - float((mass**2).sum()) / whole), 0.0)
    found: FloatArray = mean * between / (between + within / mass) if between > 0.0 else np.zeros(n)
    return found - float((mass * found).sum()) / whole


def _log_seconds(times: Times) -> FloatArray:
    logs: FloatArray = np.log(np.maximum(times.seconds, _SMALLEST))
    return logs


def _log_length(lengths: FloatArray) -> FloatArray:
    return np.log1p(np.asarray(lengths, dtype=np.float64))
