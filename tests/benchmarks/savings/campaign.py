"""One simulated campaign: a batch of maxherding, then batches of a strategy, each with its random arm."""

from dataclasses import dataclass, replace

import numpy as np
from benchmarks.efficiency.data import DataSet, IntArray
from benchmarks.player import LOGISTIC, task_of
from numpy.typing import NDArray

from curator.simulate.play import Plan
from curator.simulate.play import play as play_rounds

_MOST = 3000


@dataclass(frozen=True)
class Campaign:
    """What was asked, in order.

    Attributes:
        rows: (n,) rows of the data set's pool.
        of_arm: (n,) drawn at random.
        round_: (n,) 1 is the first batch.
        holdout: (m,) rows of the data set's test set that measure the campaign.
    """

    rows: IntArray
    of_arm: NDArray[np.bool_]
    round_: IntArray
    holdout: IntArray


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
    here = seen_pool(data, batch, seed)
    task = task_of(replace(data, pool=data.pool[here], labels=data.labels[here]))
    plan = Plan(
        seed_batch=batch, batch=batch, rounds=rounds, strategy=name, random_share=share,
        seed_strategy="random" if name == "random" else "maxherding", **LOGISTIC,
    )  # fmt: skip
    played = list(play_rounds(task, plan, seed))
    rng = np.random.default_rng([seed, batch, 18])
    measured = rng.choice(len(data.test), min(holdout, len(data.test)), replace=False)
    return Campaign(
        here[played[-1].labeled],
        played[-1].arm,
        np.repeat(np.arange(1, len(played) + 1), [len(one.batch) for one in played]),
        np.sort(measured),
    )
