"""The model of one class of several that `curator.toml` names: the head, or any scikit-learn style classifier."""

import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from curator.errors import ConfigError, DataError
from curator.learner.head import EmbeddingHead
from strategies.kernels.ties import likeliest

FloatArray = NDArray[np.float32]

# Probs of this many training rows tell whether a refit is the same model.
N_PROBES = 32
_PREFIX = "sklearn:"
# Set from the project's classes and seeds; a second value in `params` would contradict them.
_RESERVED = ("classes", "n_seeds", "random_state")


class Model(Protocol):
    """What a round trains, whatever a label is.

    Attributes:
        classes_: the classes of the project, in order, that it was trained with.
        n_features_in_: columns of the embeddings.
        n_outputs_: columns of what it predicts; what they mean is said by the kind of label (`curator.tasks`).
    """

    classes_: NDArray[Any]
    n_features_in_: int

    @property
    def n_outputs_(self) -> int:  # noqa: D102 - above
        ...

    def fit(self, X: ArrayLike, y: ArrayLike) -> "Model":  # noqa: N803
        """Train on (n, dim) embeddings and what `Task.targets` makes of their labels."""
        ...

    def predict_proba(self, X: ArrayLike) -> FloatArray:  # noqa: N803
        """(n, n_outputs) what it says of (n, dim) embeddings, mean over seeds; of classes: probabilities."""
        ...

    def predict_proba_seeds(self, X: ArrayLike) -> FloatArray:  # noqa: N803
        """(n_seeds, n, n_outputs) the same by each training seed."""
        ...


class SeededEstimator(ClassifierMixin, BaseEstimator):
    """A scikit-learn style classifier, trained once per seed, with a column for every class of the project.

    Each seed trains a clone with its own `random_state`, where the estimator has one; without one the clones coincide
    and one is trained. A class without labels gets probability 0. Labels of a single class give probability 1 for
    it without training, as most estimators refuse to train on one class.

    Args:
        estimator: has `fit`, `predict_proba` and `get_params`.
        classes: all classes of the project, in the order of the columns; None = the sorted classes of `y`.
        n_seeds: models per fit.
        random_state: fixes the random state of every clone.

    Attributes:
        classes_: (n_classes,) the classes, in the order of the columns.
        estimators_: the trained clones; empty when there are labels of a single class.
        probes_: (n_probes, n_classes) probs of the first 32 training rows, by which a refit is recognised.
    """

    def __init__(
        self, estimator: Any, *, classes: Sequence[Any] | None = None, n_seeds: int = 3, random_state: int = 0
    ) -> None:
        self.estimator = estimator
        self.classes = classes
        self.n_seeds = n_seeds
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803
        """Train one clone per seed.

        Args:
            X: (n, dim) embeddings.
            y: (n,) their classes.

        Returns:
            The model itself.

        Raises:
            DataError: a label outside `classes`.
            ConfigError: the estimator refuses its parameters or these labels; says what it said.
        """
        rows, labels = np.asarray(X, dtype=np.float32), np.asarray(y)
        self.classes_ = np.unique(labels) if self.classes is None else np.asarray(list(self.classes))
        column_of = {name: column for column, name in enumerate(self.classes_.tolist())}
        unknown = sorted({str(label) for label in labels.tolist() if label not in column_of})
        if unknown:
            raise DataError(
                f"{len(unknown)} labels are not among the {len(column_of)} classes, first {unknown[0]!r}. "
                "Add them to `classes`, or fix the labels."
            )
        self.n_features_in_ = rows.shape[1]
        seen = np.unique(labels)
        self.estimators_: list[Any] = []
        self.only_column_ = column_of[seen.tolist()[0]] if len(seen) == 1 else None
        if self.only_column_ is None:
            self.estimators_ = [self._train(rows, labels, seed) for seed in self._seeds()]
            self.columns_ = np.array([column_of[name] for name in self.estimators_[0].classes_.tolist()])
        self.probes_ = self.predict_proba(rows[:N_PROBES])
        return self

    def _seeds(self) -> list[int | None]:
        if "random_state" not in self.estimator.get_params(deep=False):
            return [None]
        # Whole numbers below 2**31, which is what every estimator takes.
        return [int(n) for n in np.random.SeedSequence(self.random_state).generate_state(self.n_seeds) >> 1]

    def _train(self, rows: FloatArray, labels: NDArray[Any], seed: int | None) -> Any:
        estimator = clone(self.estimator)
        if seed is not None:
            estimator.set_params(random_state=seed)
        try:
            return estimator.fit(rows, labels)
        except (ValueError, TypeError) as exc:
            raise ConfigError(
                f"{type(estimator).__name__} cannot be trained on {len(labels)} labels: {exc} "
                'Change `params` of the model, or use model = "head".'
            ) from exc

    @property
    def n_outputs_(self) -> int:
        """A probability for each class."""
        return len(self.classes_)

    def predict_proba_seeds(self, X: ArrayLike) -> FloatArray:  # noqa: N803
        """Probs of every seed: (n_seeds, n, n_classes) float32, rows sum to 1.

        Raises:
            NotFittedError: before `fit`.
        """
        probs = self._distinct_probs(X)
        return np.broadcast_to(probs, (self.n_seeds, *probs.shape[1:])).copy() if len(probs) == 1 else probs

    def predict_proba(self, X: ArrayLike) -> FloatArray:  # noqa: N803
        """Mean of the probs over seeds: (n, n_classes) float32, columns in the order of `classes_`.

        Raises:
            NotFittedError: before `fit`.
        """
        probs = self._distinct_probs(X)
        mean: FloatArray = probs[0] if len(probs) == 1 else probs.mean(axis=0)
        return mean

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """(n,) the likeliest class of each row; see `predict_proba`."""
        return np.asarray(self.classes_[likeliest(self.predict_proba(X))])

    def _distinct_probs(self, X: ArrayLike) -> FloatArray:  # noqa: N803
        check_is_fitted(self, "estimators_")
        rows = np.asarray(X, dtype=np.float32)
        probs = np.zeros((max(1, len(self.estimators_)), len(rows), len(self.classes_)), dtype=np.float32)
        if self.only_column_ is not None:
            probs[:, :, self.only_column_] = 1.0
        if len(rows):
            for seed, estimator in enumerate(self.estimators_):
                probs[seed][:, self.columns_] = estimator.predict_proba(rows)
        return probs


def fit_model(model: Model, X: ArrayLike, y: ArrayLike, unlabeled: Callable[[], FloatArray]) -> Model:  # noqa: N803
    """Train a model on labels, and on unlabeled items if it learns from them.

    Args:
        model: untrained.
        X: (n, dim) embeddings.
        y: (n, ...) their labels, as `Task.targets` has them.
        unlabeled: gives (m, dim) embeddings of unlabeled items; called only for a model that learns from them.

    Returns:
        The model itself, trained.
    """
    if isinstance(model, EmbeddingHead) and model.spreading:
        return model.fit(X, y, pool=unlabeled())
    return model.fit(X, y)


def build_model(
    name: str, params: dict[str, Any], classes: Sequence[Any], n_seeds: int, random_state: int
) -> EmbeddingHead | SeededEstimator:
    """The untrained model of a project.

    Args:
        name: "head", or "sklearn:MODULE.CLASS" for any importable scikit-learn style classifier; MODULE may leave out
            the leading "sklearn.", as in "sklearn:linear_model.LogisticRegression".
        params: keyword arguments of the head or of the class.
        classes: all classes of the project, in the order of the columns of the probs.
        n_seeds: models per fit.
        random_state: fixes all of them.

    Returns:
        An estimator with `fit`, `predict`, `predict_proba` and `predict_proba_seeds`.

    Raises:
        ConfigError: an unknown model, parameters it does not take, or a class without `predict_proba`.
    """
    if n_seeds < 1:
        raise ConfigError(f"a model needs at least one seed, got seeds = {n_seeds}.")
    if name == "head":
        return _build_head(params, classes, n_seeds, random_state)
    if name.startswith(_PREFIX):
        estimator = build_estimator(name.removeprefix(_PREFIX), params)
        return SeededEstimator(estimator, classes=tuple(classes), n_seeds=n_seeds, random_state=random_state)
    raise ConfigError(
        f'unknown model {name!r}. Use "head", or "sklearn:MODULE.CLASS" such as '
        '"sklearn:linear_model.LogisticRegression".'
    )


def _build_head(
    params: dict[str, Any], classes: Sequence[Any], n_seeds: int, random_state: int
) -> EmbeddingHead:
    known = sorted(set(EmbeddingHead().get_params()) - set(_RESERVED))
    unknown = sorted(set(params) - set(known))
    if unknown:
        raise ConfigError(f"the head takes no parameter {', '.join(unknown)}; it takes {', '.join(known)}.")
    head = EmbeddingHead(classes=tuple(classes), n_seeds=n_seeds, random_state=random_state, **params)
    head.check_params()
    return head


def build_estimator(path: str, params: dict[str, Any]) -> Any:
    """The untrained scikit-learn style classifier MODULE.CLASS with these keyword arguments.

    Raises:
        ConfigError: no such class, parameters it does not take, or no `predict_proba`.
    """
    found = _find_class(path)
    # Looked at before it is made: making something else than an estimator may already do harm.
    lacking = [part for part in ("fit", "get_params", "set_params") if not hasattr(found, part)]
    if lacking:
        raise ConfigError(
            f"{path} is not a scikit-learn style classifier: it has no {', '.join(lacking)}. It was not run."
        )
    try:
        estimator = found(**params)
    except (TypeError, ValueError) as exc:
        raise ConfigError(
            f"{path} does not take params = {params!r}: {exc}. Change `params` of the model."
        ) from exc
    missing = [part for part in ("fit", "predict_proba", "get_params") if not hasattr(estimator, part)]
    if missing:
        raise ConfigError(
            f"{path} with params = {params!r} has no {', '.join(missing)}; curator needs probabilities. "
            "Choose a classifier that has it (for scikit-learn's SVC: probability = true)."
        )
    return estimator


def _find_class(path: str) -> Any:
    module, _, name = path.rpartition(".")
    if not all(part.isidentifier() for part in path.split(".")) or not module:
        raise ConfigError(f'{path!r} does not name a class; write "sklearn:MODULE.CLASS".')
    # A shortened path first: "linear_model" is scikit-learn's, whatever else is installed under that name.
    candidates = [module] if module.split(".")[0] == "sklearn" else [f"sklearn.{module}", module]
    for candidate in candidates:
        try:
            found = getattr(importlib.import_module(candidate), name, None)
        except ModuleNotFoundError as exc:
            if exc.name is None or not (candidate + ".").startswith(exc.name + "."):
                raise ConfigError(
                    f"{candidate} needs the module {exc.name!r}, which is not installed."
                ) from exc
            continue
        if inspect.isclass(found):
            return found
    raise ConfigError(f"there is no class {path}; check the spelling, or install the package it lives in.")
