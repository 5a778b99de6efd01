"""One simulated campaign: start, train, measure, choose, look the labels up, and again."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.efficiency.contender import Choose, Library, Moment
from benchmarks.efficiency.data import DataSet, IntArray, Plan
from benchmarks.efficiency.ours import CURATOR, strategy
from benchmarks.efficiency.peers import PEERS

from curator.learner.model import Model, SeededEstimator, build_model, fit_model
from curator.tasks.single import SingleChoice

LIBRARIES = {library.name: library for library in (CURATOR, *PEERS)}
STARTS = ("random", "maxherding")
# The project's default, and the head that random labels are measured with everywhere.
HEADS: dict[str, tuple[str, dict[str, Any]]] = {
    "head": ("head", {}),
    "lr": ("sklearn:linear_model.LogisticRegression", {"C": 100.0, "max_iter": 300, "tol": 1e-3}),
}
OWN = "own"
# Random labels far beyond the budget: their curve says how many labels an accuracy is worth.
LONG, LONG_FACTOR = "random_long", 2.5
_SEEDS = {"head": 3, "lr": 1}  # models per fit: the project's default; logistic regression has nothing random


@dataclass(frozen=True, order=True)
class Run:
    """One campaign.

    Attributes:
        dataset: its name.
        strategy: STRATEGY/START: what chooses the batches, and what chose the labels of the first model.
        head: "head", "lr", or "own" for the one of the library.
        library: whose strategy it is.
        seed: of sub-pool, start and everything else that is random.
    """

    dataset: str
    strategy: str
    head: str
    library: str
    seed: int


@dataclass(frozen=True)
class Point:
    """One model of a campaign: shares 0-1; `query_ms` is the time that choosing its last batch took, 0 for the start."""

    labels: int
    accuracy: float
    macro_f1: float
    ece: float
    query_ms: float


def runs_of(dataset: str, seed: int) -> list[Run]:
    """All campaigns of a set and a seed, the yardstick first.

    Curator's strategies begin with random labels and with a MaxHerding batch, and are trained with both heads. Peers begin
    with random labels and their own head; with ours they get both starts, so that only the strategy differs.
    """
    found = [Run(dataset, f"{name}/random", "lr", CURATOR.name, seed) for name in ("random", LONG)]
    for library in LIBRARIES.values():
        if not library.installed:
            continue
        if library.own_head is None:
            pairs = [(head, start) for head in HEADS for start in STARTS]
        else:
            pairs = [(OWN, "random"), *(("head", start) for start in STARTS)]
        found += [
            Run(dataset, f"{name}/{start}", head, library.name, seed)
            for name in library.strategies
            for head, start in pairs
        ]
    return list(dict.fromkeys(found))


def plan_of(run: Run, sub_pool: DataSet, batches: int | None) -> Plan:
    """The budget of a run."""
    plan = Plan.of(sub_pool, batches)
    is_long = run.strategy.partition("/")[0] == LONG
    return plan.prolonged(LONG_FACTOR, len(sub_pool.pool)) if is_long else plan


def simulate(run: Run, sub_pool: DataSet, plan: Plan) -> list[Point]:
    """Play one campaign.

    Args:
        run: what takes part.
        sub_pool: of its set and seed.
        plan: its budget.

    Returns:
        A point for each budget of the plan.

    Raises:
        ValueError: the strategy did not give a batch of distinct unlabeled items.
    """
    library = LIBRARIES[run.library]
    name, _, start = run.strategy.partition("/")
    choose: Choose = library.strategies["random" if name == LONG else name]()
    rng = np.random.default_rng([run.seed, 99])
    labeled = _begin(sub_pool, start, plan.start, run.seed)
    points: list[Point] = []
    took = 0.0
    while True:
        model = _trained(run, library, sub_pool, labeled)
        names = SingleChoice([str(c) for c in range(sub_pool.n_classes)])
        found = names.evaluate(np.asarray(model.predict_proba(sub_pool.test)), sub_pool.truth).values
        points.append(Point(len(labeled), found["accuracy"], found["macro_f1"], found["ece"], 1000 * took))
        if len(points) > plan.batches:
            return points
        moment = Moment(sub_pool.pool, labeled, sub_pool.labels[labeled], model, sub_pool.n_classes, rng)
        begun = time.perf_counter()
        batch = choose(moment, plan.batch)
        took = time.perf_counter() - begun
        if batch.shape != (plan.batch,) or len(np.setdiff1d(batch, labeled)) < plan.batch:
            raise ValueError(
                f"{run.library} {name}: asked for {plan.batch} items, got {batch.shape} of which "
                f"{len(np.setdiff1d(batch, labeled))} are distinct and unlabeled."
            )
        labeled = np.concatenate((labeled, batch.astype(np.int64)))


def _begin(sub_pool: DataSet, start: str, k: int, seed: int) -> IntArray:
    """The first labels: the same for all runs of a set, a seed and a start."""
    nothing: IntArray = np.empty(0, dtype=np.int64)
    rng = np.random.default_rng([seed, 5])
    return strategy(start)(Moment(sub_pool.pool, nothing, nothing, None, sub_pool.n_classes, rng), k)


def _trained(run: Run, library: Library, sub_pool: DataSet, labeled: IntArray) -> Model:
    """The model of a round: in pool order, and with the rest of the sub-pool for a head that learns from it."""
    rows = np.sort(labeled)
    classes = range(sub_pool.n_classes)
    if run.head == OWN:
        assert library.own_head is not None
        model: Model = SeededEstimator(
            library.own_head(), classes=tuple(classes), n_seeds=1, random_state=run.seed
        )
    else:
        name, params = HEADS[run.head]
        model = build_model(name, params, classes, _SEEDS[run.head], run.seed)
    return fit_model(
        model, sub_pool.pool[rows], sub_pool.labels[rows], lambda: np.delete(sub_pool.pool, rows, axis=0)
    )
