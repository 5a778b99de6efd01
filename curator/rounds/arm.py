"""The random arm: a share of each batch that is drawn uniformly from all candidates.

Labels that a strategy chose are no sample of anything. The arm is: it says how good the model is on the live pool, how
frequent the classes are, and what random labels would have reached for the same money (docs/savings.md). It is drawn
first, before anything is chosen and without looking at near-duplicates, so that its probability is exact.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategies.batch import Batch

IntArray = NDArray[np.int64]

STRATEGY = "random"
FEWEST = 5  # items of an arm, in a batch that is twice as large or larger
# Of the random numbers of a round, beside those that choose the batch (no third number) and drop columns (1).
_STREAM = 5
NOTHING = Batch(
    positions=np.empty(0, dtype=np.int64),
    strategy=(),
    score=np.empty(0, dtype=np.float32),
    probability=np.empty(0, dtype=np.float32),
)


@dataclass(frozen=True)
class Arm:
    """What was drawn.

    Attributes:
        positions: (n,) distinct positions of the candidates, in the order drawn; empty = no arm.
        probability: with which each candidate was drawn.
    """

    positions: IntArray
    probability: float


def arm_size(batch: int, share: float) -> int:
    """How many items of a batch are drawn at random.

    Args:
        batch: items of the batch.
        share: [acquisition] random_share, 0 to 1.

    Returns:
        The share of the batch, at least 5, never more than half of the batch; 0 for a share of 0.
    """
    if share <= 0.0:
        return 0
    return min(max(round(share * batch), FEWEST), batch // 2)


def draw_arm(spec: object, batch: int, n_candidates: int, share: float, seed: int, round_id: int) -> Arm:
    """Draw the arm of a round.

    Args:
        spec: what chooses the rest of the batch; where that is "random", all of the batch is the arm.
        batch: items of the batch, at most `n_candidates`.
        n_candidates: that may be asked about.
        share: [acquisition] random_share.
        seed: of the project.
        round_id: the same seed and round give the same draw.
    """
    size = batch if spec == STRATEGY and share > 0.0 else arm_size(batch, share)
    if not size:
        return Arm(np.empty(0, dtype=np.int64), 0.0)
    rng = np.random.default_rng([seed, round_id, _STREAM])
    drawn = rng.choice(n_candidates, size, replace=False).astype(np.int64)
    return Arm(drawn, size / n_candidates)


def join(arm: Arm, rest: IntArray, chosen: Batch) -> tuple[Batch, NDArray[np.bool_]]:
    """One batch of the arm and what the strategy chose, spread evenly, so that any beginning has its share of both.

    Args:
        arm: of the batch.
        rest: (m,) positions of the candidates that the strategy chose from.
        chosen: by the strategy, positions into `rest`.

    Returns:
        The batch, with positions of the candidates; (k,) which of its items are of the arm.
    """
    n_arm, n_chosen = len(arm.positions), len(chosen.positions)
    place = np.concatenate([(np.arange(n) + 0.5) / max(n, 1) for n in (n_chosen, n_arm)])
    order = np.argsort(place, kind="stable")
    of_arm = (np.arange(n_arm + n_chosen) >= n_chosen)[order]
    strategy = (*chosen.strategy, *[STRATEGY] * n_arm)
    nothing = np.full(n_arm, np.nan)
    batch = Batch(
        positions=np.concatenate((rest[chosen.positions], arm.positions))[order],
        strategy=tuple(strategy[i] for i in order),
        score=np.concatenate((chosen.score, nothing))[order],
        probability=np.concatenate((chosen.probability, np.full(n_arm, arm.probability)))[order],
    )
    return batch, of_arm
