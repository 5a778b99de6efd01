"""Play one campaign on known labels, with the same functions that `curator round` chooses and trains with.

Each round: score the pool with the newest model, choose the next batch by the strategy, look its labels up, pay for them,
train. Nothing is measured here: whoever plays gets every model and measures what it likes.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.learner.model import Model, build_model, fit_model
from curator.learner.pool_teacher import POOL_ROWS
from curator.learner.threads import one_thread
from curator.money.cost_aware import cost_weights
from curator.rounds.arm import NOTHING, draw_arm, join
from curator.rounds.needs import Needs, Spec
from curator.simulate.task import Task
from curator.tasks.single import SingleChoice
from strategies.batch import Batch, choose_batch
from strategies.inputs import Inputs
from strategies.kernels import neighbour_graph
from strategies.kernels.neighbours import Neighbours

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
# (m,) positions labeled so far -> (n,) micro-units that each item of the pool is then taken to cost; None: all alike
Believed = Callable[[IntArray], NDArray[np.float64] | None]


@dataclass(frozen=True)
class Plan:
    """How a campaign is played. The names are those of curator.toml.

    Attributes:
        seed_batch: items of the first batch, before there is a model.
        batch: items of every batch after it.
        rounds: batches in all, the first included; fewer where pool or budget end before.
        strategy: of every batch but the first.
        seed_strategy: of the first.
        model: "head", or "sklearn:MODULE.CLASS".
        params: its keyword arguments.
        model_seeds: models per fit.
        random_share: of each batch that is drawn at random: the random arm; 0 = none.
        cost_aware: choose by gain per cost.
        budget: micro-units that are never exceeded: a batch is cut to what is left; None = no limit.
        duplicate_cosine: no pick reaches it with another, or with an item asked before, while the pool has others.
        allow_code: a strategy MODULE:FUNCTION may lie outside modAL.
    """

    seed_batch: int
    batch: int
    rounds: int
    strategy: Spec = "auto"
    seed_strategy: Spec = "maxherding"
    model: str = "head"
    params: Mapping[str, Any] = field(default_factory=dict)
    model_seeds: int = 3
    random_share: float = 0.0
    cost_aware: bool = False
    budget: int | None = None
    duplicate_cosine: float = 0.97
    allow_code: bool = False


@dataclass(frozen=True)
class PlayedRound:
    """A round of a campaign, when its labels are in and its model is trained.

    Attributes:
        round: 1 is the first.
        labels: so far.
        cost: micro-units so far, of these labels.
        labeled: (labels,) positions in the pool, in the order of asking.
        arm: (labels,) whether each was drawn by the random arm.
        batch: (k,) positions of this round: the end of `labeled`.
        model: trained on all labels so far; its classes are positions in the task's `classes`.
        choosing: seconds that choosing this batch took.
    """

    round: int
    labels: int
    cost: int
    labeled: IntArray
    arm: BoolArray
    batch: IntArray
    model: Model
    choosing: float


@dataclass(frozen=True)
class Rival:
    """What another library does in place of curator, so that all the rest is the same.

    Attributes:
        choose: (positions labeled so far, the model, k) -> (k,) positions of the pool, from the second batch on; None: the
            plan's strategy.
        model: makes what is trained, for classes that are positions in the task's; None: the plan's.
    """

    choose: Callable[[IntArray, Model, int], IntArray] | None = None
    model: Callable[[], Model] | None = None


def play(
    task: Task, plan: Plan, seed: int, *, believed: Believed | None = None, rival: Rival = Rival()
) -> Iterator[PlayedRound]:
    """Play a campaign.

    Args:
        task: what there is to label.
        plan: how.
        seed: as [project] seed of a real campaign: of every choice and every model.
        believed: what the campaign takes items to cost when it is `cost_aware`; None: it knows.
        rival: who takes curator's place.

    Yields:
        Each round; none when the budget does not pay for one item. Ends with the plan, the pool or the budget.

    Raises:
        StrategyError: the strategy cannot choose.
        ConfigError: the model cannot be trained.
        ValueError: a rival did not give distinct unlabeled items.
    """
    campaign = _Campaign(task, plan, seed, believed, rival)
    for number in range(1, plan.rounds + 1):
        with one_thread():  # picks and models that do not depend on the number of cores
            played = campaign.round(number)
        if played is None:
            return
        yield played


class _Campaign:
    """What grows from round to round."""

    def __init__(self, task: Task, plan: Plan, seed: int, believed: Believed | None, rival: Rival) -> None:
        self._task, self._plan, self._seed = task, plan, seed
        self._believed, self._rival = believed, rival
        self._labeled: IntArray = np.empty(0, dtype=np.int64)
        self._arm: BoolArray = np.empty(0, dtype=np.bool_)
        self._cost = 0
        self._model: Model | None = None
        self._graph: Neighbours | None = None

    def round(self, number: int) -> PlayedRound | None:
        """Choose, look up, pay, train; None when there is nothing left to choose or to pay with."""
        begun = time.perf_counter()
        batch, arm = self._affordable(*self._choose(number))
        took = time.perf_counter() - begun
        if not len(batch):
            return None
        self._labeled = np.concatenate((self._labeled, batch))
        self._arm = np.concatenate((self._arm, arm))
        self._cost += int(self._task.cost[batch].sum())
        self._model = self._train()
        return PlayedRound(
            number, len(self._labeled), self._cost, self._labeled, self._arm, batch, self._model, took
        )

    def _choose(self, number: int) -> tuple[IntArray, BoolArray]:
        """(k,) positions of the pool, and which are the random arm's."""
        plan = self._plan
        # As in a real campaign: seed batches until a model knows two classes.
        seeding = len(np.unique(self._task.y[self._labeled])) < 2
        spec = plan.seed_strategy if seeding else plan.strategy
        free: IntArray = np.setdiff1d(np.arange(len(self._task.pool)), self._labeled)
        k = min(plan.seed_batch if seeding else plan.batch, len(free))
        if self._rival.choose is not None and self._model is not None and not seeding:
            return self._of_rival(self._rival.choose(self._labeled, self._model, k), free, k)
        arm = draw_arm(spec, k, len(free), plan.random_share, self._seed, number)
        left = np.setdiff1d(np.arange(len(free)), arm.positions)
        chosen = NOTHING
        if k > len(arm.positions):
            chosen = self._strategic(spec, free[left], k - len(arm.positions), free[arm.positions], number)
        batch, of_arm = join(arm, left, chosen)
        return free[batch.positions], of_arm

    @staticmethod
    def _of_rival(batch: IntArray, free: IntArray, k: int) -> tuple[IntArray, BoolArray]:
        found = np.asarray(batch, dtype=np.int64)
        if found.shape != (k,) or len(np.intersect1d(found, free)) < k:
            raise ValueError(
                f"asked for {k} items, got {found.shape} of which {len(np.intersect1d(found, free))} are distinct and unlabeled."
            )
        return found, np.zeros(k, dtype=np.bool_)

    def _strategic(self, spec: Spec, free: IntArray, k: int, drawn: IntArray, number: int) -> Batch:
        """What the strategy chooses, as positions into `free`; what the arm has drawn counts as asked."""
        asked = np.concatenate((self._labeled, drawn))
        needs = Needs.of(spec, SingleChoice, n_candidates=len(free), n_asked=len(asked), batch=k)
        scores = self._scores(needs, free, number)
        inputs = Inputs(
            uncertainty=scores.get(SingleChoice.uncertainty),
            predict=None if self._model is None else self._model.predict_proba,
            neighbours=self._neighbours(free) if needs.neighbours else None,
            weights=self._weights(free),
        )
        pool = self._task.pool
        return choose_batch(
            spec,
            k=k,
            embeddings=pool[free],
            scores=scores,
            labeled=pool[asked] if len(asked) else None,
            rng=np.random.default_rng([self._seed, number]),
            duplicate_cosine=self._plan.duplicate_cosine,
            external=self._external(spec, free),
            inputs=inputs,
        )

    def _scores(self, needs: Needs, free: IntArray, number: int) -> dict[str, FloatArray]:
        if self._model is None:
            return {}
        candidates = self._task.pool[free]
        rng = np.random.default_rng([self._seed, number, 1])
        n, dim = candidates.shape
        return needs.score(self._model, [(0, candidates)], n, dim, rng)

    def _neighbours(self, free: IntArray) -> Neighbours:
        if self._graph is None:
            rng = np.random.default_rng([self._seed, len(self._task.pool)])
            self._graph, _report = neighbour_graph.build(self._task.pool, rng=rng)
        return self._graph.take(free)

    def _weights(self, free: IntArray) -> NDArray[np.float64] | None:
        """(n,) what one unit of money buys of each item, as with [acquisition] cost_aware; None where costs do not count."""
        if not self._plan.cost_aware:
            return None
        known = self._task.cost if self._believed is None else self._believed(self._labeled)
        if known is None:
            return None
        costs = np.maximum(known[free], 1).astype(np.float64)
        model, pool = self._model, self._task.pool
        probs = None if model is None else partial(_one_block, model.predict_proba(pool[free]))
        return cost_weights(costs, probs)

    def _external(self, spec: Spec, free: IntArray) -> Mapping[str, Callable[[int], IntArray]]:
        """Strategies of modAL, bound to the current learner; named MODULE:FUNCTION."""
        names = [name for name in ([spec] if isinstance(spec, str) else spec) if ":" in name]
        if not names:
            return {}
        from integrations.modal import load_query_strategy, make_learner, run_query_strategy

        task = self._task
        learner = make_learner(self._model, task.pool[self._labeled], task.y[self._labeled])

        def ask(name: str, k: int) -> IntArray:
            strategy = load_query_strategy(name, allow_code=self._plan.allow_code)
            return run_query_strategy(strategy, learner, task.pool[free], k)[0]

        return {name: partial(ask, name) for name in names}

    def _affordable(self, batch: IntArray, arm: BoolArray) -> tuple[IntArray, BoolArray]:
        """The beginning of a batch that the budget pays for."""
        if self._plan.budget is None:
            return batch, arm
        fits = self._cost + np.cumsum(self._task.cost[batch]) <= self._plan.budget
        return batch[fits], arm[fits]

    def _train(self) -> Model:
        plan, task = self._plan, self._task
        rows = np.sort(self._labeled)
        classes = range(len(task.classes))
        model = (
            build_model(plan.model, dict(plan.params), classes, plan.model_seeds, self._seed)
            if self._rival.model is None
            else self._rival.model()
        )
        return fit_model(model, task.pool[rows], task.y[rows], partial(self._unlabeled, rows))

    def _unlabeled(self, rows: IntArray) -> FloatArray:
        """What a model may learn from beside the labels: at most as many items as a real round gives it."""
        place = np.random.default_rng([self._seed, 7]).random(len(self._task.pool))
        place[rows] = np.inf
        return self._task.pool[
            np.sort(np.argsort(place, kind="stable")[: min(POOL_ROWS, len(place) - len(rows))])
        ]


def _one_block(probs: FloatArray) -> list[tuple[int, FloatArray]]:
    """All rows at once, for who reads block by block."""
    return [(0, probs)]
