"""One simulated campaign, by the player of `curator simulate`; peers choose, and train their own heads, in curator's place."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.efficiency.contender import Library, Moment
from benchmarks.efficiency.data import DataSet, IntArray, Plan
from benchmarks.efficiency.ours import CURATOR
from benchmarks.efficiency.peers import PEERS
from benchmarks.player import task_of

from curator.learner.model import Model, SeededEstimator
from curator.simulate import play as player
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
    head, params = HEADS.get(run.head, HEADS["lr"])
    rules = player.Plan(
        seed_batch=plan.start, batch=plan.batch, rounds=plan.batches + 1, strategy="random" if name == LONG else name,
        seed_strategy=start, model=head, params=params, model_seeds=_SEEDS.get(run.head, 1),
    )  # fmt: skip
    task = task_of(sub_pool)
    names = SingleChoice([str(column) for column in task.classes])
    points = []
    for played in player.play(task, rules, run.seed, rival=_rival(run, library, sub_pool)):
        found = names.evaluate(np.asarray(played.model.predict_proba(task.holdout)), task.holdout_y).values
        took = 1000 * played.choosing if points else 0.0
        points.append(Point(played.labels, found["accuracy"], found["macro_f1"], found["ece"], took))
    return points


def _rival(run: Run, library: Library, sub_pool: DataSet) -> player.Rival:
    """What of a campaign is a peer's: its choices, unless the player knows the strategy by name, and its head."""
    name = run.strategy.partition("/")[0]
    make = library.strategies["random" if name == LONG else name]
    own_head = library.own_head if run.head == OWN else None
    rng = np.random.default_rng([run.seed, 99])

    def model() -> Model:
        assert own_head is not None
        classes = tuple(range(sub_pool.n_classes))
        return SeededEstimator(own_head(), classes=classes, n_seeds=1, random_state=run.seed)

    if make is None:
        return player.Rival()
    its_choice = make()

    def choose(labeled: IntArray, trained: Model, k: int) -> IntArray:
        labels = sub_pool.labels[labeled]
        return its_choice(Moment(sub_pool.pool, labeled, labels, trained, sub_pool.n_classes, rng), k)

    return player.Rival(choose, None if own_head is None else model)
