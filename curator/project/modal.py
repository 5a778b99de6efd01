"""Strategies by name: ours for modAL's learner, and modAL's own for the campaign."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from curator.errors import ConfigError
from curator.tasks.task import Task
from integrations.errors import IntegrationError
from strategies.errors import StrategyError

if TYPE_CHECKING:
    from strategies.kernels.neighbours import Neighbours


def check_strategy(
    spec: str | dict[str, float], task: Task | type[Task], *, allow_code: bool = False
) -> None:
    """Make sure that every strategy of a spec exists and fits, before anything is asked or paid.

    Args:
        spec: a name, or shares by name.
        task: what a label is.
        allow_code: a MODULE:FUNCTION may lie outside modAL.

    Raises:
        ConfigError: no strategy of ours or of a third party has the name, a MODULE:FUNCTION cannot be used, or it reads predictions
            that models of this kind of label do not make.
    """
    from strategies.registry import get

    for name in [spec] if isinstance(spec, str) else spec:
        try:
            if ":" in name:
                from integrations.modal import load_query_strategy  # loads scikit-learn

                load_query_strategy(name, allow_code=allow_code)
                fits = task.traits.modal
            else:
                strategy = get(name)
                fits = not strategy.reads_predictions or strategy.takes == task.predicts
        except (StrategyError, IntegrationError) as error:
            raise ConfigError(str(error)) from error
        if not fits:
            fitting = ", ".join(_fitting(task))
            raise ConfigError(
                f"Strategy {name!r} is made for labels that are one class of several; labels here are {task.summary}. "
                f"Take one of {fitting}."
            )


def _fitting(task: Task | type[Task]) -> list[str]:
    """Our strategies that fit a kind of label."""
    from strategies.registry import SCORERS, SELECTORS, Scorer, Selector

    known: dict[str, Scorer | Selector] = {**SCORERS, **SELECTORS}
    return [name for name, one in known.items() if not one.reads_predictions or one.takes == task.predicts]


def query_strategy(name: str, seed: int = 0) -> Callable[..., Any]:
    """Any of curator's strategies as a modAL query strategy: `ActiveLearner(query_strategy=...)`.

    With scikit-learn 1.8 or newer modAL's own `ActiveLearner` fails in `teach`; `integrations.modal.Learner` is the same
    learner and does not.

    Args:
        name: as `curator strategies` lists it.
        seed: for strategies that draw at random.

    Raises:
        strategies.StrategyError: no such strategy; the message lists the known ones.
    """
    from integrations.modal import query_strategy_from_score, query_strategy_from_select
    from strategies import margin
    from strategies.inputs import say_nothing
    from strategies.registry import Scorer, get

    found = get(name)
    if isinstance(found, Scorer):
        return query_strategy_from_score(found.score, _committee(seed) if found.members else None)
    supplies: dict[str, Callable[[Any, Any], Any]] = {
        "uncertainty": lambda learner, embeddings: margin.score(learner.predict_proba(embeddings)),
        "predict": lambda learner, _embeddings: learner.predict_proba,
        "neighbours": lambda _learner, embeddings: _neighbours(embeddings, seed),
        "tell": lambda _learner, _embeddings: say_nothing,
    }
    needed = {str(need): supplies[need] for need in found.needs}
    # A graph for each query would take longer than it saves.
    needed |= {
        str(use): _once_fitted(supplies[use]) for use in found.uses if use in {"uncertainty", "predict"}
    }
    return query_strategy_from_select(found.select, seed=seed, needed=needed)


def _once_fitted(supply: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """What a fitted learner says of items; None of one that is not."""
    from sklearn.exceptions import NotFittedError

    def supplied(learner: Any, embeddings: Any) -> Any:
        try:
            learner.predict_proba(embeddings[:1])
        except NotFittedError:
            return None
        return supply(learner, embeddings)

    return supplied


def _committee(seed: int) -> Callable[[Any, NDArray[np.float32]], NDArray[np.float32]]:
    from strategies.kernels.committee import dropout_committee

    def members(learner: Any, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        rng = np.random.default_rng(seed)
        probs: NDArray[np.float32] = dropout_committee(learner.predict_proba, embeddings.shape[1], rng=rng)(
            embeddings
        )
        return probs

    return members


def _neighbours(embeddings: NDArray[np.float32], seed: int) -> Neighbours:
    from strategies.kernels.neighbour_graph import build

    return build(embeddings, rng=np.random.default_rng(seed))[0]
