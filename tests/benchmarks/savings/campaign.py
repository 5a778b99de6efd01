"""One simulated campaign: a batch of maxherding, then batches of a strategy, each with its random arm."""

from dataclasses import dataclass

import numpy as np
from benchmarks.efficiency.contender import Moment
from benchmarks.efficiency.data import DataSet, IntArray
from benchmarks.efficiency.ours import strategy
from numpy.typing import NDArray

from curator.learner.model import Model, build_model
from curator.rounds.arm import arm_size

SEED_STRATEGY = "maxherding"  # the project's default
_MOST = 3000


@dataclass(frozen=True)
class Campaign:
    """What was asked, in order.

    Attributes:
        rows: (n,) rows of the data set's pool.
        of_arm: (n,) drawn at random.
        round_: (n,) 1 is the first batch.
        candidates: (n_rounds,) how many could have been picked in each round.
        holdout: (m,) rows of the data set's test set that measure the campaign.
    """

    rows: IntArray
    of_arm: NDArray[np.bool_]
    round_: IntArray
    candidates: IntArray
    holdout: IntArray


def logistic(n_classes: int) -> Model:
    """The stand-in for the product's model: about as accurate on frozen embeddings, and quick."""
    params = {"C": 100.0, "max_iter": 300, "tol": 1e-3}
    return build_model("sklearn:linear_model.LogisticRegression", params, range(n_classes), 1, 0)


def seen_pool(data: DataSet, batch: int, seed: int) -> IntArray:
    """Rows of the pool that a campaign sees, ascending: at most 3,000 random ones."""
    rng = np.random.default_rng([seed, batch, 17])
    return np.sort(rng.choice(len(data.pool), min(_MOST, len(data.pool)), replace=False))


def play(
    data: DataSet,
    name: str,
    *,
    batch: int,
    rounds: int,
    holdout: int,
    share: float,
    seed: int,
) -> Campaign:
    """Play a campaign.

    Args:
        data: pool and test set.
        name: of the strategy.
        batch: labels per round.
        rounds: how many, the first included.
        holdout: test items that the campaign measures with; the whole test set is the truth.
        share: of each batch that is random.
        seed: of everything that is random.
    """
    rng = np.random.default_rng([seed, batch, 18])
    here = seen_pool(data, batch, seed)
    pool, labels = data.pool[here], data.labels[here]
    asked: IntArray = np.empty(0, dtype=np.int64)
    of_arm, candidates = np.empty(0, dtype=bool), []
    model = None
    for round_id in range(rounds):
        free = np.setdiff1d(np.arange(len(here)), asked)
        candidates.append(len(free))
        n_arm = batch if name == "random" else arm_size(batch, share)
        drawn = rng.choice(free, n_arm, replace=False)
        known = np.concatenate((asked, drawn))
        chosen = drawn[:0]
        if n_arm < batch:
            moment = Moment(pool, known, labels[known], model, data.n_classes, rng)
            chosen = strategy(name if model else SEED_STRATEGY)(moment, batch - n_arm)
        asked = np.concatenate((known, chosen))
        of_arm = np.concatenate((of_arm, np.arange(batch) < n_arm))
        if round_id + 1 < rounds:
            model = logistic(data.n_classes).fit(pool[asked], labels[asked])
    measured = rng.choice(len(data.test), min(holdout, len(data.test)), replace=False)
    return Campaign(
        here[asked],
        of_arm,
        np.repeat(np.arange(1, rounds + 1), batch),
        np.array(candidates),
        np.sort(measured),
    )
