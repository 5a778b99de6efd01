"""One campaign's certificates beside the truth."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from benchmarks.efficiency.data import DataSet
from benchmarks.player import logistic
from benchmarks.savings.campaign import Campaign
from benchmarks.savings.truth import RandomCurve

from curator.evidence.certificate import FURTHEST, saved_labels
from curator.evidence.replayed import Labels, Replay, Sample
from curator.money.savings import FEWEST_ARM

EARLIEST = 4  # round: the product says nothing before
LAST = 3  # rounds in a row that the fallback to random goes by


@dataclass(frozen=True)
class Verdict:
    """What was said and what is true after a round. Savings are in labels; infinite: random labels never get there."""

    dataset: str
    strategy: str
    batch: int
    holdout: int
    seed: int
    round: int
    last: int  # 1: the campaign's last round
    labels: int
    arm_labels: int
    most: float  # that could be said to be saved: the pool ends
    true_saved: float
    low: float
    middle: float
    high: float
    low80: float
    high80: float
    true_lift: float
    lift: float
    lift_low: float
    lift_high: float
    chance: float

    @property
    def covered(self) -> bool:
        """The 95% interval holds the true saving."""
        return _holds(self.low, self.true_saved, self.high, self.most)

    @property
    def covered80(self) -> bool:
        """The 80% interval holds it."""
        return _holds(self.low80, self.true_saved, self.high80, self.most)


def _holds(low: float, true: float, high: float, most: float) -> bool:
    # A pool that ends before random labels get there: "at least what is left of it" is all that can be said.
    return low <= min(true, most) and true <= high


def verdicts(
    data: DataSet, curve: RandomCurve, campaign: Campaign, name: str, pool: np.ndarray, **facts: int
) -> Iterator[Verdict]:
    """Judge the middle of a campaign and its last three rounds.

    Args:
        data: pool and test set.
        curve: of random labels.
        campaign: played.
        name: of the strategy.
        pool: rows of the data set's pool that the campaign saw.
        facts: batch, holdout and seed.
    """
    rounds = int(campaign.round_.max())
    for round_id in sorted({max(EARLIEST, rounds // 2), *range(rounds - LAST + 1, rounds + 1)}):
        seen = campaign.round_ <= round_id
        if round_id < EARLIEST or campaign.of_arm[seen].sum() < FEWEST_ARM:
            continue
        replay = _replay(data, campaign, pool, seen)
        model = logistic(data.n_classes).fit(replay.labels.embeddings, replay.labels.classes)
        accuracy = float((model.predict(data.test) == data.truth).mean())
        evidence, n = replay.evidence(), int(seen.sum())
        said, narrow = saved_labels(evidence), saved_labels(evidence, level=0.8)
        yield Verdict(
            dataset=data.name,
            strategy=name,
            round=round_id,
            last=int(round_id == rounds),
            labels=n,
            arm_labels=evidence.arm_labels,
            most=min(len(pool) - n, (FURTHEST - 1) * n),
            true_saved=curve.labels_for(accuracy) - n,
            low=said.low,
            middle=np.inf if said.labels is None else said.labels,
            high=np.inf if said.high is None else said.high,
            low80=narrow.low,
            high80=np.inf if narrow.high is None else narrow.high,
            true_lift=accuracy - curve.at(n),
            lift=said.lift,
            lift_low=said.lift_low,
            lift_high=said.lift_high,
            chance=said.chance,
            **facts,
        )


def _replay(data: DataSet, campaign: Campaign, pool: np.ndarray, seen: np.ndarray) -> Replay:
    rows = campaign.rows[seen]
    known = np.where(np.isin(pool, rows), data.labels[pool], -1)
    return Replay(
        labels=Labels(data.pool[rows], data.labels[rows], campaign.of_arm[seen]),
        sample=Sample(data.pool[pool], known),
        items=len(pool),
        holdout=Sample(data.test[campaign.holdout], data.truth[campaign.holdout]),
        seed=0,
    )
