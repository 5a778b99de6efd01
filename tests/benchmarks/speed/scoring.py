"""W1: scores of given probabilities. W1e: scores from embeddings through a linear head. Both with the 1,000 highest."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from benchmarks.speed import data
from benchmarks.speed.case import NAIVE, OURS, Case, Prepared
from benchmarks.speed.peers import Given, Rows, skactiveml_classifier, unlabeled_y

TOP = 1_000
_SIZES = (100_000, 1_000_000)
_BOTH = ("entropy", "margin")


def _ours(scorers: tuple[str, ...], n: int) -> Prepared:
    from strategies.registry import SCORERS

    probs = data.probabilities(n)
    return Prepared(lambda: [_highest(SCORERS[name].score(probs)) for name in scorers])


def _numpy(scorers: tuple[str, ...], n: int) -> Prepared:
    probs = data.probabilities(n)
    return Prepared(lambda: [_highest(_PLAIN[name](probs)) for name in scorers])


def _modal(scorers: tuple[str, ...], n: int) -> Prepared:
    from modAL import uncertainty

    known = {
        "entropy": uncertainty.entropy_sampling,
        "margin": uncertainty.margin_sampling,
        "least_confidence": uncertainty.uncertainty_sampling,
    }
    model, pool = Given(data.probabilities(n)), np.zeros((n, 1), dtype=np.float32)
    return Prepared(lambda: [known[name](model, pool, n_instances=TOP) for name in scorers])


def _skactiveml(scorers: tuple[str, ...], n: int) -> Prepared:
    from skactiveml.pool import UncertaintySampling

    probs = data.probabilities(n)
    method = {"entropy": "entropy", "margin": "margin_sampling", "least_confidence": "least_confident"}
    queries = [UncertaintySampling(method=method[name], random_state=0) for name in scorers]
    model = skactiveml_classifier(lambda _pool: probs, data.CLASSES)
    pool, y = np.zeros((n, 1), dtype=np.float32), unlabeled_y(n)
    return Prepared(lambda: [query.query(pool, y, model, fit_clf=False, batch_size=TOP) for query in queries])


def _small_text(scorers: tuple[str, ...], n: int) -> Prepared:
    from small_text import BreakingTies, LeastConfidence, PredictionEntropy

    known = {"entropy": PredictionEntropy, "margin": BreakingTies, "least_confidence": LeastConfidence}
    strategies = [known[name]() for name in scorers]
    model, none = Given(data.probabilities(n)), np.empty(0, dtype=np.int64)
    everyone = np.arange(n)
    return Prepared(
        lambda: [
            strategy.query(model, Rows(n), everyone, none, none, n=min(TOP, n - 1)) for strategy in strategies
        ]
    )


def _ours_e(n: int) -> Prepared:
    from strategies.kernels.linear_head import LinearHead
    from strategies.scoring import score_blocks

    rows = data.clustered(n)
    weight, bias = data.linear_head()
    head = LinearHead(weight[None], bias[None], np.arange(len(weight)), len(weight))

    def run() -> Any:
        scores = score_blocks([(0, rows)], head, list(_BOTH), n)
        return [_highest(scores[name]) for name in _BOTH]

    return Prepared(run)


def _numpy_e(n: int) -> Prepared:
    rows = data.clustered(n)
    weight, bias = data.linear_head()

    def run() -> Any:
        powers = np.exp(rows @ weight.T + bias)
        probs = powers / powers.sum(axis=1, keepdims=True)
        return [_highest(_PLAIN[name](probs)) for name in _BOTH]

    return Prepared(run)


def _modal_e(n: int) -> Prepared:
    """modAL asks the model anew for each strategy."""
    from modAL.uncertainty import entropy_sampling, margin_sampling
    from sklearn.linear_model import LogisticRegression

    rows = data.clustered(n)
    model = LogisticRegression()
    model.coef_, model.intercept_ = data.linear_head()
    model.classes_, model.n_features_in_ = np.arange(data.CLASSES), data.DIM
    return Prepared(
        lambda: [sample(model, rows, n_instances=TOP) for sample in (entropy_sampling, margin_sampling)]
    )


def _highest(scores: np.ndarray) -> np.ndarray:
    return np.argpartition(-scores, TOP)[:TOP]


def _plain_entropy(probs: np.ndarray) -> np.ndarray:
    return -(probs * np.log(np.maximum(probs, 1e-12))).sum(axis=1)


def _plain_margin(probs: np.ndarray) -> np.ndarray:
    top_two = np.partition(probs, -2, axis=1)[:, -2:]
    return top_two[:, 0] - top_two[:, 1]


_PLAIN: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "entropy": _plain_entropy,
    "margin": _plain_margin,
    "least_confidence": lambda probs: -probs.max(axis=1),
}


def _cases_of(task: str, scorers: tuple[str, ...], small_text: tuple[int, ...]) -> tuple[Case, ...]:
    return (
        Case("W1", task, OURS, _SIZES, partial(_ours, scorers)),
        Case("W1", task, NAIVE, _SIZES, partial(_numpy, scorers)),
        Case("W1", task, "modAL", _SIZES, partial(_modal, scorers), "modAL"),
        Case("W1", task, "scikit-activeml", _SIZES, partial(_skactiveml, scorers), "skactiveml"),
        Case("W1", task, "small-text", small_text, partial(_small_text, scorers), "small_text"),
    )


CASES = (
    *_cases_of("entropy", ("entropy",), (25_000, 100_000)),  # it takes 12 s for 100,000
    *_cases_of("margin", ("margin",), _SIZES),
    *_cases_of("least confidence", ("least_confidence",), _SIZES),
    *_cases_of("entropy + margin", _BOTH, (25_000, 100_000)),
    Case("W1e", "entropy + margin from embeddings", OURS, _SIZES, _ours_e),
    Case("W1e", "entropy + margin from embeddings", NAIVE, _SIZES, _numpy_e),
    Case("W1e", "entropy + margin from embeddings", "modAL + scikit-learn", _SIZES, _modal_e, "modAL"),
)
