"""What the strategies of a batch look at beside embeddings, and the score pass that gives it; for arrays of any origin."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.tasks.task import Task
from strategies.kernels.committee import dropout_committee
from strategies.mixture import shares_of
from strategies.registry import Scorer, Selector, get
from strategies.scoring import score_blocks

FloatArray = NDArray[np.float32]
Spec = str | dict[str, float]

# Selectors that use the neighbour graph where it is there get it when there is a label for every so many items: with
# fewer, an item stands for more of the pool than its nearest neighbours, and the graph takes minutes at a million items.
_ITEMS_PER_LABEL = 32
_SMALL_POOL = 10_000  # in which selectors look at all pairs themselves


@dataclass(frozen=True)
class Needs:
    """What a batch's strategies need.

    Attributes:
        scorers: names of the scorers of single predictions; those of the kind of label are always there, since they cost next
            to nothing and are kept with the picks.
        committee: names of the scorers that compare the members of a committee.
        neighbours: whether the nearest neighbours of the candidates are looked at.
    """

    scorers: tuple[str, ...]
    committee: tuple[str, ...]
    neighbours: bool

    @classmethod
    def of(
        cls, spec: Spec, task: Task | type[Task], *, n_candidates: int, n_asked: int, batch: int
    ) -> "Needs":
        """Those of a strategy or a mixture.

        Args:
            spec: as in curator.toml; strategies of modAL, MODULE:FUNCTION, look for themselves.
            task: what a label is.
            n_candidates: how many items there are to choose from.
            n_asked: items asked about so far.
            batch: how many are to be picked.

        Raises:
            UnknownStrategyError: no strategy has one of the names.
        """
        strategies = [get(name) for name in shares_of(spec) if ":" not in name]
        selectors = [strategy for strategy in strategies if isinstance(strategy, Selector)]
        scorers = [strategy for strategy in strategies if isinstance(strategy, Scorer)]
        dense = _SMALL_POOL < n_candidates <= (n_asked + batch) * _ITEMS_PER_LABEL
        return cls(
            scorers=tuple(dict.fromkeys((*task.scorers, *(s.name for s in scorers if not s.members)))),
            committee=tuple(s.name for s in scorers if s.members),
            neighbours=any(
                "neighbours" in selector.needs or (dense and "neighbours" in selector.uses)
                for selector in selectors
            ),
        )

    def score(
        self,
        model: Any,
        blocks: Iterable[tuple[int, FloatArray]],
        n: int,
        dim: int,
        rng: np.random.Generator,
    ) -> dict[str, FloatArray]:
        """Score a pool in one streaming pass.

        Args:
            model: fitted, with `predict_proba`.
            blocks: (first row, embeddings (rows, dim)) pairs that together hold each row once.
            n: rows of the pool.
            dim: entries of each.
            rng: draws the members of a committee.

        Returns:
            {scorer: (n,) scores, higher = ask first}.
        """
        offered: Callable[[], Any] = getattr(model, "linear_head", lambda: None)
        predict = offered() or model.predict_proba
        members = dropout_committee(predict, dim, rng=rng) if self.committee else None
        return score_blocks(blocks, predict, [*self.scorers, *self.committee], n, predict_members=members)
