"""A measured round against earlier ones, by every metric: most single late gains are too small for any usual hold-out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curator.classes.columns import columns_now
from curator.classes.history import History, comparable
from curator.errors import CuratorError
from curator.ledger import records
from curator.ledger.store import Row
from curator.money.gain import Gain, gains
from curator.money.holdout_metrics import METRICS, Metric, cost_matrix
from curator.money.looks import decision_interval
from curator.money.marginal_price import paid_between
from curator.money.outcomes import Outcomes
from curator.money.resampling import Resampling
from curator.money.verdict import detectable_gain, gain_worth_paying_for, judge
from curator.project import Project
from curator.rounds.holdout_probs import is_kept, kept

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
_BACK = (1, 2, 3, 5)  # measured rounds; the first one is compared with as well


@dataclass(frozen=True)
class Compared:
    """A round against one earlier round.

    Attributes:
        previous: the number of the earlier round.
        gains: {metric: gain}.
    """

    previous: int
    gains: Mapping[Metric, Gain]


def compare(
    project: Project, round_id: int, rows: IntArray, probs: FloatArray, used: IntArray, y: IntArray
) -> list[Compared]:
    """The round against the measured rounds 1, 2, 3 and 5 before it, and the first, on the items and labels of now.

    Args:
        project: opened.
        round_id: of the round.
        rows: (n,) pool rows of the hold-out.
        probs: (n_seeds, n, n_classes) what the round's model said about them.
        used: (m,) positions in `rows` that have a label.
        y: (m,) their classes as columns.

    Returns:
        The nearest round first; empty for the first measured round. Rounds whose answers are gone are left out, but not the
        nearest; so are rounds from before a change of what the classes mean.

    Raises:
        CuratorError: the answers of the nearest round cannot be read, or are about other items.
    """
    former = _former(project, round_id)
    befores = [
        Outcomes.of(_same_items(project, number, round_id, rows)[:, used], y.astype(np.int64))
        for number in former
    ]
    if not befores:
        return []
    costs = cost_matrix(project.config.project.classes, project.config.holdout.mistakes)
    found = gains(
        befores,
        Outcomes.of(probs[:, used], y),
        METRICS,
        draws=Resampling(len(y), seed=project.config.project.seed),
        costs=costs,
    )
    return [Compared(number, one) for number, one in zip(former, found, strict=True)]


def comparison_rows(project: Project, round_id: int, compared: Sequence[Compared]) -> list[Row]:
    """Rows of the table `comparisons`: every gain with its decision interval, what could have shown, and the verdict."""
    looks = int(project.ledger.scalar("select coalesce(sum(times), 0) from looks")) + 1
    return [
        _row(project, round_id, one.previous, gain, looks) for one in compared for gain in one.gains.values()
    ]


def _former(project: Project, round_id: int) -> list[int]:
    """Numbers of the measured rounds to compare with, the nearest first; none across a change of what classes mean."""
    history = History.read(project.ledger)
    measured = [
        number
        for number in records.measured_rounds(project.ledger, round_id)
        if comparable(history.between(number, round_id))
    ]
    if not measured:
        return []
    wanted = [measured[-back] for back in _BACK if back <= len(measured)] + [measured[0]]
    nearest, *others = dict.fromkeys(wanted)
    return [nearest, *(number for number in others if is_kept(project.model_folder(number)))]


def _same_items(project: Project, number: int, round_id: int, rows: IntArray) -> FloatArray:
    before_rows, probs = kept(project.model_folder(number))
    if not np.array_equal(before_rows, rows):
        raise CuratorError(
            f"Rounds {number} and {round_id} were not measured on the same hold-out items, "
            "so no gain can be stated. The hold-out of a campaign never changes: restore .curator from a backup."
        )
    return columns_now(project.ledger, number, probs)


def _row(project: Project, round_id: int, previous: int, gain: Gain, looks: int) -> Row:
    config = project.config
    cost = paid_between(project.ledger, previous, round_id)
    worth = gain_worth_paying_for(config.stop, gain.metric, config.holdout.metric, cost, config.cost.currency)
    decision_low, decision_high = decision_interval(
        gain.value, gain.low, gain.high, level=gain.level, looks=looks
    )
    return {
        "round": round_id,
        "previous": previous,
        "metric": gain.metric,
        "before": gain.before,
        "after": gain.after,
        "gain": gain.value,
        "low": gain.low,
        "high": gain.high,
        "level": gain.level,
        "decision_low": decision_low,
        "decision_high": decision_high,
        "looks": looks,
        "lost_share": gain.mcnemar_b / gain.items,
        "won_share": gain.mcnemar_c / gain.items,
        "mcnemar_p": gain.mcnemar_p,
        "detectable": detectable_gain(gain),
        "cost": cost,
        "worth": None if worth is None else worth.gain,
        "worth_why": None if worth is None else worth.why,
        "verdict": judge(gain.low, gain.high, None if worth is None else worth.gain),
    }
