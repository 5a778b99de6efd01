"""A measured round against earlier ones, by every metric: most single late gains are too small for any usual hold-out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curator.errors import CuratorError
from curator.evidence.gain import Gain, gains
from curator.evidence.looks import decision_interval
from curator.evidence.resampling import Resampling
from curator.ledger import queries
from curator.ledger.class_history import History, comparable
from curator.ledger.store import Row
from curator.money.marginal_price import paid_between
from curator.money.verdict import detectable_gain, gain_worth_paying_for, judge
from curator.project.holdout import labeled_holdout
from curator.project.holdout_probs import is_kept, kept
from curator.project.project import Project
from curator.tasks.task import FloatArray, Labels

IntArray = NDArray[np.int64]
# Measured rounds back that are compared by every metric, the first one as well; the others by the project's own.
_BACK = (1, 2, 3, 5)


@dataclass(frozen=True)
class Compared:
    """A round against one earlier round.

    Attributes:
        previous: the number of the earlier round.
        gains: {name of the metric: gain}.
    """

    previous: int
    gains: Mapping[str, Gain]


def compare(
    project: Project, round_id: int, rows: IntArray, probs: FloatArray, used: IntArray, y: Labels
) -> list[Compared]:
    """The round against every earlier measured round, on the items and labels of now.

    So there is a gain for every stretch of rounds that ends here: which of them tells most is not for curator to pick. By all
    metrics against the rounds 1, 2, 3 and 5 before it, and the first; by the project's metric against the others.

    Args:
        project: opened.
        round_id: of the round.
        rows: (n,) pool rows of the hold-out.
        probs: (n_seeds, n, width) what the round's model said about them.
        used: (m,) positions in `rows` that have a label.
        y: (m, ...) these, as `Task.encode` has them.

    Returns:
        The nearest round first; empty for the first measured round. Rounds whose answers are gone are left out, but not the
        nearest; so are rounds from before a change of what the classes mean.

    Raises:
        CuratorError: the answers of the nearest round cannot be read, or are about other items.
    """
    former, others = _former(project, round_id)
    task = project.task
    after = task.outcomes(probs[:, used], y)
    everything = [metric for metric in task.metrics.values() if metric.compared]
    draws = Resampling(len(y), seed=project.config.project.seed)
    compared = []
    for numbers, metrics in ((former, everything), (others, [task.metrics[project.config.holdout.metric]])):
        befores = [
            task.outcomes(_same_items(project, number, round_id, rows)[:, used], y) for number in numbers
        ]
        found = gains(befores, after, metrics, draws=draws) if befores else []
        compared += [Compared(number, one) for number, one in zip(numbers, found, strict=True)]
    return sorted(compared, key=lambda one: -one.previous)


def compare_one(project: Project, round_id: int, previous: int) -> Row:
    """One measured round against an earlier one by the project's metric, on the hold-out labels of now.

    Returns:
        A row as of the table `comparisons`.

    Raises:
        CuratorError: what a model said cannot be read, or is about other items.
    """
    rows, probs = kept(project.model_folder(round_id))
    used, y = labeled_holdout(project, rows)
    task = project.task
    metric = task.metrics[project.config.holdout.metric]
    found = gains(
        [task.outcomes(_same_items(project, previous, round_id, rows)[:, used], y)],
        task.outcomes(probs[:, used], y),
        [metric],
        draws=Resampling(len(used), seed=project.config.project.seed),
    )
    looks = queries.measures.count_looks(project.ledger)
    return _row(project, round_id, previous, found[0][metric.name], looks)


def comparison_rows(project: Project, round_id: int, compared: Sequence[Compared]) -> list[Row]:
    """Rows of the table `comparisons`: every gain with its decision interval, what could have shown, and the verdict."""
    looks = queries.measures.count_looks(project.ledger) + 1
    return [
        _row(project, round_id, one.previous, gain, looks) for one in compared for gain in one.gains.values()
    ]


def _former(project: Project, round_id: int) -> tuple[list[int], list[int]]:
    """Numbers of the measured rounds to compare with by all metrics, and of the others, the nearest first.

    None across a change of what classes mean.
    """
    history = History.read(project.ledger)
    measured = [
        number
        for number in queries.rounds.measured_rounds(project.ledger, round_id)
        if comparable(history.between(number, round_id))
    ]
    if not measured:
        return [], []
    nearest = measured[-1]
    known = [n for n in reversed(measured) if n == nearest or is_kept(project.model_folder(n))]
    wanted = {measured[-back] for back in _BACK if back <= len(measured)} | {measured[0]}
    return [n for n in known if n in wanted], [n for n in known if n not in wanted]


def _same_items(project: Project, number: int, round_id: int, rows: IntArray) -> FloatArray:
    before_rows, probs = kept(project.model_folder(number))
    if not np.array_equal(before_rows, rows):
        raise CuratorError(
            f"Rounds {number} and {round_id} were not measured on the same hold-out items, "
            "so no gain can be stated. The hold-out of a campaign never changes: restore .curator from a backup."
        )
    return project.task.predictions_now(project.ledger, number, probs)


def _row(project: Project, round_id: int, previous: int, gain: Gain, looks: int) -> Row:
    config, metric = project.config, project.task.metrics[gain.metric]
    cost = paid_between(project.ledger, previous, round_id)
    worth = (
        None
        if cost is None
        else gain_worth_paying_for(config.stop, metric, config.holdout.metric, cost, config.cost.currency)
    )
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
        "detectable": detectable_gain(gain, metric),
        "cost": cost,
        "worth": None if worth is None else worth.gain,
        "worth_why": None if worth is None else worth.why,
        "verdict": judge(gain.low, gain.high, None if worth is None else worth.gain),
    }
