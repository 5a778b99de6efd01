"""modAL, both directions, behind one module.

modAL has sharp edges: `query` swallows a strategy's exception and calls the strategy a second time; a strategy that
returns bare indices for a batch of two is read as (indices, scores); lists and data frames break. So here strategies are
called directly, once, with numpy arrays, and what comes back is checked.
"""
# ruff: noqa: N803  X is what scikit-learn and modAL call it

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self

import numpy as np
from modAL.models import ActiveLearner
from modAL.uncertainty import uncertainty_sampling
from modAL.utils.data import data_vstack
from numpy.typing import NDArray
from sklearn.utils import check_X_y

from integrations.errors import IntegrationError

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.int64]
# (learner, pool, n_instances=k) -> (indices, scores)
QueryStrategy = Callable[..., Any]

# Whole modules of modAL whose strategies ask for something that a single classifier is not.
_UNSUPPORTED = {
    "modAL.disagreement": "asks a committee of several learners, and there is one model here",
    "modAL.acquisition": "optimises a function with a regressor; labels here are classes",
    "modAL.multilabel": "expects several labels per item; items here have one class",
    "modAL.dropout": "needs a skorch network with dropout layers",
    "modAL.expected_error": "cannot be imported: modAL wrote it for numpy below 1.24",
}


class SelectFunction(Protocol):
    """A function that picks k rows of embeddings, given what is labeled."""

    def __call__(
        self,
        embeddings: FloatArray,
        k: int,
        *,
        labeled: FloatArray | None,
        weights: FloatArray | None,
        rng: np.random.Generator,
        **needed: Any,
    ) -> IntArray:
        """(k,) distinct positions into `embeddings` (n, dim), best first; `needed`: what it takes beside them."""
        ...


class Learner(ActiveLearner):
    """modAL's learner, as it works with scikit-learn 1.8 and newer too.

    modAL 0.4.2.1 checks training data with an argument that scikit-learn 1.8 removed. The three methods that do so are
    here again, with the same checks and without that argument; committees of modAL take such learners.
    """

    def fit(self, X: Any, y: Any, bootstrap: bool = False, **fit_kwargs: Any) -> Self:  # noqa: FBT001, FBT002 - modAL's
        """Forget what was known and learn X (n, dim) and y (n,).

        Raises:
            ValueError: X and y have different lengths, or hold values that are not finite.
        """
        _check_training_data(X, y)
        self.X_training, self.y_training = X, y
        self._fit_to_known(bootstrap=bootstrap, **fit_kwargs)
        return self

    def teach(
        self,
        X: Any,
        y: Any,
        bootstrap: bool = False,  # noqa: FBT001, FBT002 - modAL's
        only_new: bool = False,  # noqa: FBT001, FBT002 - modAL's
        **fit_kwargs: Any,
    ) -> None:
        """Learn X (n, dim) and y (n,), together with what is known or (`only_new`) by themselves.

        Raises:
            ValueError: X and y have different lengths, do not fit what is known, or hold values that are not finite.
        """
        if only_new:
            _check_training_data(X, y)
            self._fit_on_new(X, y, bootstrap=bootstrap, **fit_kwargs)
        else:
            self._add_training_data(X, y)
            self._fit_to_known(bootstrap=bootstrap, **fit_kwargs)

    def _add_training_data(self, X: Any, y: Any) -> None:
        _check_training_data(X, y)
        known = self.X_training is not None
        self.X_training = data_vstack((self.X_training, X)) if known else X
        self.y_training = data_vstack((self.y_training, y)) if known else y


def _check_training_data(X: Any, y: Any) -> None:
    check_X_y(X, y, accept_sparse=True, ensure_2d=False, allow_nd=True, multi_output=True, dtype=None)


def make_learner(
    estimator: Any,
    X: FloatArray,
    y: NDArray[Any],
    query_strategy: QueryStrategy | None = None,
) -> Learner:
    """Wrap a fitted estimator as a modAL learner, without fitting it again.

    Args:
        estimator: fitted, with scikit-learn's fit, predict and predict_proba.
        X: (m, dim) the embeddings it was fitted on.
        y: (m,) their labels.
        query_strategy: what `learner.query` uses; None: modAL's own default, uncertainty sampling.

    Returns:
        The learner; `learner.teach(X_new, y_new)` refits on X, y and the new ones together.

    Raises:
        IntegrationError: X and y have different lengths.
    """
    if len(X) != len(y):
        raise IntegrationError(
            f"{len(X)} training rows have {len(y)} labels; there must be one label per row."
        )
    learner = Learner(estimator=estimator, query_strategy=query_strategy or uncertainty_sampling)
    # Handed to the constructor, these would make modAL fit the estimator again.
    learner.X_training, learner.y_training = np.asarray(X), np.asarray(y)
    return learner


def load_query_strategy(spec: str, *, allow_code: bool = False) -> QueryStrategy:
    """Import a query strategy by its name.

    Args:
        spec: "module:function", for example "modAL.batch:uncertainty_batch_sampling".
        allow_code: take one from outside modAL too. Importing a module runs it, and a strategy is called: a curator.toml
            that came from elsewhere could name anything, `os:system` for one.

    Returns:
        The function.

    Raises:
        IntegrationError: not of this form, not allowed, not importable, not a function, or one of modAL's for something
            else than one classifier.
    """
    module_name, colon, attribute = spec.partition(":")
    if not (module_name and colon and attribute):
        raise IntegrationError(
            f"{spec!r} does not name a query strategy. Write MODULE:FUNCTION, "
            'for example "modAL.batch:uncertainty_batch_sampling".'
        )
    if module_name.partition(".")[0] != "modAL" and not allow_code:
        raise IntegrationError(
            f"Query strategy {spec!r} would run code from outside modAL. If you trust it, set allow_code = true under "
            "[acquisition] in curator.toml (`curator simulate`: --allow-code). Nothing of it was loaded."
        )
    if module_name in _UNSUPPORTED:
        raise IntegrationError(
            f"Query strategy {spec!r} {_UNSUPPORTED[module_name]}. Choose another strategy."
        )
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # someone else's module may fail in any way
        raise IntegrationError(
            f"Query strategy {spec!r}: module {module_name!r} cannot be imported ({type(error).__name__}: {error}). "
            "Check the name, or install what it needs into this environment."
        ) from error
    strategy = getattr(module, attribute, None)
    if strategy is None:
        raise IntegrationError(f"Query strategy {spec!r}: module {module_name!r} has no {attribute!r}.")
    if not callable(strategy):
        raise IntegrationError(f"Query strategy {spec!r} is a {type(strategy).__name__}, not a function.")
    loaded: QueryStrategy = strategy
    return loaded


def run_query_strategy(
    strategy: QueryStrategy,
    learner: ActiveLearner,
    X_pool: FloatArray,
    k: int,
) -> tuple[IntArray, FloatArray | None]:
    """Call a query strategy once and check what it returns.

    Args:
        strategy: modAL's convention: (learner, X_pool, n_instances=k) -> indices, or (indices, scores).
        learner: a fitted learner.
        X_pool: (n, dim) embeddings to choose from.
        k: how many to choose, 1 to n.

    Returns:
        (k,) distinct positions into X_pool in the order of the strategy, and (k,) the strategy's own values for them, in
        its own unit and direction; None when it gives none.

    Raises:
        IntegrationError: the strategy failed or did not return k distinct positions; the message names it.
    """
    name = f"{getattr(strategy, '__module__', '?')}:{getattr(strategy, '__name__', type(strategy).__name__)}"
    pool = np.asarray(X_pool)
    try:
        result = strategy(learner, pool, n_instances=k)
    except Exception as error:  # someone else's function may fail in any way
        raise IntegrationError(
            f"Query strategy {name} failed on {len(pool):,} items: {type(error).__name__}: {error}. "
            "It must work with one classifier that has predict_proba, and take n_instances."
        ) from error
    indices, values = result if isinstance(result, tuple) and len(result) == 2 else (result, None)
    # modAL's own strategies return (k,), a bare number for one item, or (k, 1) columns.
    positions = np.asarray(indices)
    if positions.size != k or not np.issubdtype(positions.dtype, np.integer):
        raise IntegrationError(
            f"Query strategy {name} was asked for {k} items and returned {positions.dtype} of shape {positions.shape}. "
            "It must return that many positions in the pool, or (positions, scores)."
        )
    positions = positions.reshape(k).astype(np.int64)
    outside = positions[(positions < 0) | (positions >= len(pool))]
    if len(outside):
        raise IntegrationError(
            f"Query strategy {name} returned position {outside[0]}, which is outside the pool of {len(pool):,} items."
        )
    if len(np.unique(positions)) < k:
        raise IntegrationError(
            f"Query strategy {name} returned an item twice; a batch needs {k} different ones."
        )
    return positions, _values(values, k)


def query_strategy_from_score(
    score: Callable[[FloatArray], FloatArray],
    predict: Callable[[Any, FloatArray], FloatArray] | None = None,
) -> QueryStrategy:
    """Make a scorer usable as `ActiveLearner(query_strategy=...)`.

    Args:
        score: probabilities (n, classes) -> (n,) scores, higher = ask first.
        predict: (learner, X) -> what `score` takes; None: the learner's `predict_proba` of X.

    Returns:
        A query strategy: (learner, X, n_instances=1) -> (positions, scores), the highest score first.
    """

    def query(learner: Any, X: FloatArray, n_instances: int = 1) -> tuple[IntArray, FloatArray]:
        scores = score(learner.predict_proba(X) if predict is None else predict(learner, X))
        best = np.argsort(-scores, kind="stable")[:n_instances].astype(np.int64)
        return best, scores[best]

    return query


def query_strategy_from_select(
    select: SelectFunction,
    seed: int = 0,
    needed: Mapping[str, Callable[[Any, FloatArray], Any]] | None = None,
) -> QueryStrategy:
    """Make a selector usable as `ActiveLearner(query_strategy=...)`.

    Args:
        select: picks a batch from embeddings, given what is labeled: here, what the learner was trained on.
        seed: with the number of labeled items it seeds the randomness of each call, so that a campaign repeats exactly
            and yet no two of its batches share their draws.
        needed: {keyword: (learner, X) -> value} for what `select` takes beside embeddings, computed at each call.

    Returns:
        A query strategy: (learner, X, n_instances=1) -> (positions, values). A selector has no score per item; the values
        are n_instances, ..., 2, 1, so that higher = ask first holds here as well.
    """

    def query(learner: Any, X: FloatArray, n_instances: int = 1) -> tuple[IntArray, FloatArray]:
        known = learner.X_training
        rng = np.random.default_rng([seed, 0 if known is None else len(known)])
        pool = np.asarray(X)
        more = {name: supply(learner, pool) for name, supply in (needed or {}).items()}
        picks = select(pool, n_instances, labeled=known, weights=None, rng=rng, **more)
        return picks, np.arange(len(picks), 0, -1, dtype=np.float64)

    return query


def _values(values: Any, k: int) -> FloatArray | None:
    """The strategy's values as (k,), or None: some strategies return the chosen rows in their place."""
    array = np.asarray(values)
    if array.size != k or array.dtype.kind not in "fiu":
        return None
    return array.reshape(k).astype(np.float64)
