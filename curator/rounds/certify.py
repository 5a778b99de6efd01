"""Certify: what the random arm says when a round is measured, of the live pool and of what was saved."""

import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from curator.errors import CuratorError
from curator.evidence.certificate import LEVEL, Evidence, Saved, saved_labels
from curator.evidence.replayed import Labels, MeasuredLift, Replay, Sample
from curator.ledger import queries, updates
from curator.ledger.store import Ledger, Row, utc_now
from curator.money.pool_estimate import estimate_rows
from curator.money.savings import JUDGED_BY, MEASURED, NOT_MEASURED, why_not
from curator.project.holdout import near_holdout, unsealed_rows
from curator.project.project import Project

IntArray = NDArray[np.int64]

METHOD = f"replayed with logistic regression, {JUDGED_BY}"
_SAMPLE = 3000  # pool items that random campaigns are replayed on, more where more labels were bought
_STREAM = 23


@dataclass(frozen=True)
class ArmReport:
    """Rows for the ledger, written with the round's measurement."""

    estimates: list[Row]
    savings: Row

    def write(self, ledger: Ledger) -> None:
        """Inside the transaction that marks the round measured."""
        ledger.insert("pool_estimates", self.estimates)
        ledger.insert("savings", [self.savings])
        if self.savings["status"] == MEASURED:  # quick models were compared on the hold-out: one look more
            updates.count_look(ledger, self.savings["round"])


def arm_report(
    project: Project,
    round_id: int,
    *,
    train: tuple[IntArray, IntArray],
    holdout: tuple[IntArray, IntArray],
) -> ArmReport:
    """What the arm says of a trained round. Never fails the round: what cannot be computed is said.

    Args:
        project: opened.
        round_id: trained, about to be measured.
        train: (n,) pool rows and classes that the model learned from.
        holdout: (m,) pool rows and classes of the labeled hold-out.
    """
    estimates = estimate_rows(project.ledger, round_id, project.task)
    return ArmReport(estimates, _savings(project, round_id, train, holdout))


def _savings(
    project: Project, round_id: int, train: tuple[IntArray, IntArray], holdout: tuple[IntArray, IntArray]
) -> Row:
    ledger = project.ledger
    asked = _asked(project, train[0])
    labels = len(train[0])
    arm_labels = sum(arm for _round, _rank, arm in asked)
    measured = {*queries.rounds.measured_rounds(ledger), round_id}
    spent = queries.costs.labels_paid_up_to(ledger, round_id)
    row: Row = {
        "round": round_id,
        "status": NOT_MEASURED,
        "labels": labels,
        "arm_labels": arm_labels,
        "spent": spent,
        "computed_at": utc_now(),
    }
    imported = queries.labels.imported_ids(ledger)
    reason = (
        None
        if project.task.traits.replay
        else f"random labels cannot be replayed for {project.task.kind!r} labels"
    )
    reason = reason or why_not(
        imported=len(imported),
        rounds=len(measured),
        labels=labels,
        arm_labels=arm_labels,
        share=project.config.acquisition.random_share,
        holdout=len(holdout[0]),
    )
    if reason is None:
        try:
            replay = _replay(project, train, holdout, asked)
            return row | _measured(replay, spent)
        except (CuratorError, ValueError, ArithmeticError, MemoryError) as error:
            reason = f"it could not be computed: {error}"
    return row | {"reason": reason}


def _measured(replay: Replay, spent: int | None) -> Row:
    """A certificate in money: each label is valued at the campaign's average cost per label, if that is known."""
    evidence, lift = replay.evidence(), replay.measured()
    saved = saved_labels(evidence, seed=replay.seed)

    def money(labels: float | None) -> int | None:
        return None if labels is None or spent is None else round(labels * spent / evidence.labels)

    return {
        "status": MEASURED,
        "method": METHOD,
        "level": LEVEL,
        "lift": lift.lift,
        "lift_low": lift.low,
        "lift_high": lift.high,
        "same_labels": lift.same_labels,
        "saved_labels": saved.labels,
        "saved": money(saved.labels),
        "saved_low": money(saved.low),
        "saved_high": money(saved.high),
        "inputs": json.dumps(_inputs(evidence, saved, lift)),
    }


def _inputs(evidence: Evidence, saved: Saved, lift: MeasuredLift) -> Row:
    """What the numbers were made of; `chance` of any saving is what the fallback to random goes by."""
    return {
        **asdict(evidence),
        "equal_labels": lift.labels,
        "lift_now": saved.lift,
        "lift_now_low": saved.lift_low,
        "lift_now_high": saved.lift_high,
        "chance": saved.chance,
    }


def _asked(project: Project, rows: IntArray) -> list[tuple[int, int, int]]:
    """(round, rank, of the arm) of every training item, in the order of `rows`."""
    # A restored round has questions, but no picks.
    none = {"round": 0, "rank": 0, "arm": 0}
    picks = queries.picks.first_picks(project.ledger)
    found = [picks.get(item_id, none) for item_id in project.pool.ids(rows)]
    return [(pick["round"], pick["rank"], pick["arm"]) for pick in found]


def _replay(
    project: Project,
    train: tuple[IntArray, IntArray],
    holdout: tuple[IntArray, IntArray],
    asked: list[tuple[int, int, int]],
) -> Replay:
    seed = project.config.project.seed
    order = np.array(sorted(range(len(asked)), key=lambda i: (*asked[i][:2], i)), dtype=np.int64)
    of_arm = np.array([arm == 1 for _round, _rank, arm in asked])
    rows, classes = train[0][order], train[1][order]
    unsealed = unsealed_rows(project)
    size = min(len(unsealed), max(_SAMPLE, 2 * len(rows)))
    drawn = np.sort(np.random.default_rng([seed, _STREAM]).choice(unsealed, size, replace=False))
    embeddings, targets = project.embeddings.take(drawn), project.embeddings.take(holdout[0])
    near = near_holdout(project)(embeddings)
    class_of = np.full(project.pool.n_items, -1, dtype=np.int64)
    class_of[rows] = classes
    return Replay(
        labels=Labels(project.embeddings.take(rows), classes, of_arm[order]),
        sample=Sample(embeddings[~near], class_of[drawn[~near]]),
        items=len(unsealed),
        holdout=Sample(targets, holdout[1]),
        seed=seed,
    )
