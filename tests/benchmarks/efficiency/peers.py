"""Peers through their own packages: each chooses by itself; labels, training and measuring are the same for all.

A library that is not importable in the running interpreter is left out. Each is imported where it is first used.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from benchmarks.efficiency.contender import Choose, Library, Moment
from benchmarks.efficiency.data import FloatArray, IntArray

from integrations.modal import load_query_strategy, make_learner, run_query_strategy

# ---------------------------------------------------------------- modAL


def _modal(function: str) -> Choose:
    query = load_query_strategy(function)

    def choose(moment: Moment, k: int) -> IntArray:
        learner = make_learner(moment.model, moment.pool[moment.labeled], moment.labels)
        positions, _values = run_query_strategy(query, learner, moment.pool[moment.unlabeled], k)
        return moment.unlabeled[positions]

    return choose


def _random_forest() -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier()


MODAL = Library(
    "modAL",
    "modAL",
    {
        "entropy": partial(_modal, "modAL.uncertainty:entropy_sampling"),
        "margin": partial(_modal, "modAL.uncertainty:margin_sampling"),
        "ranked_batch": partial(_modal, "modAL.batch:uncertainty_batch_sampling"),
    },
    _random_forest,
)

# ---------------------------------------------------------------- scikit-activeml


def _skactiveml(name: str, *, clusters: bool = False, classes: bool = False, model: bool = False) -> Choose:
    """A query strategy of scikit-activeml.

    Args:
        name: of the class in `skactiveml.pool`.
        clusters: it runs k-means, which takes a seed of its own.
        classes: it is told the number of classes.
        model: it asks the trained classifier.
    """
    kept: list[Any] = []  # ProbCover finds its radius once

    def choose(moment: Moment, k: int) -> IntArray:
        from skactiveml import pool as query_strategies

        if not kept:
            options: dict[str, Any] = {"random_state": moment.seed}
            if clusters:
                options["cluster_algo_dict"] = {"random_state": moment.seed}
            if classes:
                options["n_classes"] = moment.n_classes
            kept.append(getattr(query_strategies, name)(**options))
        y = np.full(len(moment.pool), np.nan)
        y[moment.labeled] = moment.labels
        asked = {"clf": _skactiveml_classifier(moment), "fit_clf": False} if model else {}
        return np.asarray(kept[0].query(moment.pool, y, batch_size=k, **asked))

    return choose


def _skactiveml_classifier(moment: Moment) -> Any:
    from skactiveml.base import SkactivemlClassifier

    class Trained(SkactivemlClassifier):
        """The model of the loop, which is trained already."""

        def fit(self, X: FloatArray, y: FloatArray, sample_weight: Any = None) -> Any:  # noqa: N803
            return self

        def predict_proba(self, X: FloatArray) -> FloatArray:  # noqa: N803
            return np.asarray(moment.model.predict_proba(X))

        def predict(self, X: FloatArray) -> IntArray:  # noqa: N803
            return self.predict_proba(X).argmax(axis=1)

    return Trained(classes=list(range(moment.n_classes)))


def _skactiveml_logistic() -> Any:
    from skactiveml.classifier import SklearnClassifier
    from sklearn.linear_model import LogisticRegression

    return SklearnClassifier(LogisticRegression())


SKACTIVEML = Library(
    "scikit-activeml",
    "skactiveml",
    {
        "badge": partial(_skactiveml, "Badge", model=True),
        "typiclust": partial(_skactiveml, "TypiClust", clusters=True),
        "probcover": partial(_skactiveml, "ProbCover", clusters=True, classes=True),
        "coreset": partial(_skactiveml, "CoreSet"),
        "dropquery": partial(_skactiveml, "DropQuery", clusters=True, model=True),
        "maxherding": partial(_skactiveml, "MaxHerding"),
    },
    _skactiveml_logistic,
)

# ---------------------------------------------------------------- small-text


def _small_text(make: Callable[[int], Any], *, embeddings: bool = False) -> Choose:
    """A query strategy of small-text.

    Args:
        make: batch size -> the strategy.
        embeddings: it is given them, and does not ask the classifier to embed.
    """

    def choose(moment: Moment, k: int) -> IntArray:
        from small_text import SklearnClassifier, SklearnDataset

        np.random.seed(moment.seed)  # noqa: NPY002  small-text draws from numpy's global generator
        y = np.zeros(len(moment.pool), dtype=np.int64)
        y[moment.labeled] = moment.labels
        dataset = SklearnDataset(moment.pool, y, target_labels=np.arange(moment.n_classes))
        order = np.concatenate((moment.unlabeled, moment.labeled))
        given = {"embeddings": moment.pool[order]} if embeddings else {}
        return np.asarray(
            make(k).query(
                SklearnClassifier(moment.model, moment.n_classes),
                dataset,
                moment.unlabeled,
                moment.labeled,
                moment.labels,
                n=k,
                **given,
            )
        )

    return choose


def _breaking_ties(_k: int) -> Any:
    from small_text import BreakingTies

    return BreakingTies()


def _greedy_coreset(_k: int) -> Any:
    from small_text import GreedyCoreset

    return GreedyCoreset()


def _discriminative(k: int) -> Any:
    """In ten sub-batches; the head of its own library tells labeled from unlabeled, whatever head is trained."""
    from small_text import DiscriminativeActiveLearning, SklearnClassifierFactory

    return DiscriminativeActiveLearning(SklearnClassifierFactory(_linear_svc(), 2), min(10, k), pbar=None)


def _linear_svc() -> Any:
    from small_text import ConfidenceEnhancedLinearSVC

    return ConfidenceEnhancedLinearSVC()


SMALL_TEXT = Library(
    "small-text",
    "small_text",
    {
        "breaking_ties": partial(_small_text, _breaking_ties),
        "greedy_coreset": partial(_small_text, _greedy_coreset, embeddings=True),
        "discriminative": partial(_small_text, _discriminative),
    },
    _linear_svc,
)

PEERS = (MODAL, SKACTIVEML, SMALL_TEXT)
