"""W1: scores of given probabilities. W1e: scores from embeddings through a linear head. Both with the 1,000 highest."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from speed import data
from speed.row import Row, measure
from strategies.linear_head import LinearHead
from strategies.registry import SCORERS
from strategies.scoring import score_blocks

TOP = 1_000


def w1(n: int, scorer: str, library: str) -> Row:
    """A scorer on (n, 77) float32 probabilities, and the 1,000 highest.

    Args:
        n: items.
        scorer: "entropy", "margin" or "least_confidence".
        library: "curator", "modAL", "numpy" (one expression, nothing checked) or "scikit-activeml".
    """
    probs = data.probabilities(n)
    run = {
        "curator": _ours,
        "modAL": _modal,
        "numpy": _numpy,
        "scikit-activeml": _skactiveml,
    }[library](probs, scorer)
    return measure("W1", scorer, library, n, run)


def w1e(n: int, library: str) -> Row:
    """Entropy and margin of n x 384 embeddings through a 77-class linear head, and the 1,000 highest of each.

    Args:
        n: items.
        library: "curator", "modAL" with scikit-learn's LogisticRegression, or "scikit-learn" (probabilities alone).
    """
    rows = data.clustered(n)
    weight, bias = data.linear_head()
    if library == "curator":
        head = LinearHead(weight[None], bias[None], np.arange(len(weight)), len(weight))

        def run() -> Any:
            scores = score_blocks([(0, rows)], head, ["entropy", "margin"], n)
            return [_highest(scores[name]) for name in ("entropy", "margin")]
    else:
        model = _logistic_regression(weight, bias)
        if library == "scikit-learn":

            def run() -> Any:
                return model.predict_proba(rows).shape
        else:
            from modAL.uncertainty import entropy_sampling, margin_sampling

            def run() -> Any:
                return [
                    sample(model, rows, n_instances=TOP) for sample in (entropy_sampling, margin_sampling)
                ]

    note = "predict_proba alone, no scores" if library == "scikit-learn" else ""
    return measure("W1e", "entropy + margin from embeddings", library, n, run, note=note)


def libraries(workload: str) -> list[str]:
    """Those that are installed, ours first."""
    known = {
        "W1": ["curator", "modAL", "numpy", "scikit-activeml"],
        "W1e": ["curator", "modAL", "scikit-learn"],
    }
    module = {"modAL": "modAL", "scikit-activeml": "skactiveml", "scikit-learn": "sklearn"}
    return [name for name in known[workload] if name not in module or find_spec(module[name])]


def _highest(scores: np.ndarray) -> np.ndarray:
    return np.argpartition(-scores, TOP)[:TOP]


def _ours(probs: np.ndarray, scorer: str) -> Callable[[], Any]:
    return lambda: _highest(SCORERS[scorer].score(probs))


def _numpy(probs: np.ndarray, scorer: str) -> Callable[[], Any]:
    def run() -> Any:
        if scorer == "entropy":
            return _highest(-(probs * np.log(np.maximum(probs, 1e-12))).sum(axis=1))
        top_two = np.partition(probs, -2, axis=1)[:, -2:]
        return _highest(top_two[:, 0] - top_two[:, 1] if scorer == "margin" else -top_two[:, 1])

    return run


def _modal(probs: np.ndarray, scorer: str) -> Callable[[], Any]:
    from modAL import uncertainty

    sample = {
        "entropy": uncertainty.entropy_sampling,
        "margin": uncertainty.margin_sampling,
        "least_confidence": uncertainty.uncertainty_sampling,
    }[scorer]
    pool = np.zeros((len(probs), 1), dtype=np.float32)
    return lambda: sample(_Given(probs), pool, n_instances=TOP)


def _skactiveml(probs: np.ndarray, scorer: str) -> Callable[[], Any]:
    from skactiveml.base import SkactivemlClassifier
    from skactiveml.pool import UncertaintySampling

    class Given(SkactivemlClassifier):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:  # noqa: N803  scikit-learn's name
            return self

        def predict_proba(self, X: Any) -> Any:  # noqa: N803
            return probs

    method = {"entropy": "entropy", "margin": "margin_sampling", "least_confidence": "least_confident"}[
        scorer
    ]
    query = UncertaintySampling(method=method, random_state=0)
    pool, nothing = np.zeros((len(probs), 1), dtype=np.float32), np.full(len(probs), np.nan)
    model = Given(classes=list(range(probs.shape[1])))
    return lambda: query.query(pool, nothing, model, fit_clf=False, batch_size=TOP)


class _Given:
    """A fitted classifier whose probabilities are given."""

    def __init__(self, probs: np.ndarray) -> None:
        self.probs = probs

    def predict_proba(self, _pool: Any) -> np.ndarray:
        return self.probs


def _logistic_regression(weight: np.ndarray, bias: np.ndarray) -> Any:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression()
    model.classes_, model.coef_, model.intercept_ = np.arange(len(weight)), weight, bias
    model.n_features_in_ = weight.shape[1]
    return model
