"""Measure: look at the sealed hold-out once, and log what the round's labels gained."""

import hashlib
import json

import numpy as np
from numpy.typing import NDArray

from curator.evidence.evaluation import Evaluation
from curator.evidence.gain import metric_interval
from curator.learner.checkpoint import Checkpoint
from curator.ledger.store import Row, utc_now
from curator.money.fixed import Stopwatch, charge_round
from curator.project.holdout import labeled_holdout
from curator.project.holdout_probs import keep
from curator.project.project import Project
from curator.rounds.certify import arm_report
from curator.rounds.comparisons import Compared, compare, comparison_rows
from curator.rounds.gain_note import gain_note
from curator.rounds.stability import keep_predictions
from curator.tasks.task import Labels

FloatArray = NDArray[np.float32]


def measure(project: Project, round_id: int) -> str | None:
    """Evaluate the round's model on train, validation and hold-out, and log its gain, in one transaction.

    The hold-out is looked at once per round; each look is counted. Training seeds are kept apart (mean over
    them is what is reported), since a gain within their spread is none.

    Returns:
        Why the round could not be measured, or None.
    """
    watch, cost = Stopwatch(), project.config.cost
    ledger = project.ledger
    rows, task = project.holdout_rows(), project.task
    used, y = labeled_holdout(project, rows)
    if not len(used):
        note = "No hold-out item has a label yet, so nothing can be measured."
        with ledger.write():
            ledger.update("rounds", round_id, status="unmeasured", note=note, measured_at=utc_now())
            charge_round(ledger, cost, round_id)
        return note
    checkpoint = project.checkpoint(round_id)
    probs = checkpoint.model.predict_proba_seeds(project.embeddings.take(rows))
    keep(project.model_folder(round_id), rows, probs)
    keep_predictions(project, round_id, checkpoint.model)

    metric = project.config.holdout.metric
    seed = project.config.project.seed

    compared = compare(project, round_id, rows, probs, used, y)
    gain_row = _gain_row(project, round_id, probs[:, used], y, compared[0] if compared else None)
    evaluations = _evaluation_rows(round_id, "holdout", [task.evaluate(one, y) for one in probs[:, used]])
    holdout_headline = next(row for row in evaluations if row["metric"] == metric and row["class"] == "")
    holdout_headline.update(low=gain_row["value_low"], high=gain_row["value_high"])
    evaluations += _training_rows(project, checkpoint, round_id, seed)
    training = (checkpoint.train_rows, checkpoint.train_labels)
    arm = arm_report(project, round_id, train=training, holdout=(rows[used], y))
    with ledger.write():
        ledger.insert("evaluations", evaluations)
        ledger.insert("gains", [gain_row])
        ledger.insert("comparisons", comparison_rows(project, round_id, compared))
        ledger.insert(
            "looks",
            [
                {
                    "round": round_id,
                    "model_version": f"round-{round_id:03d}",
                    "items": len(used),
                    "purpose": "measure the round",
                    "looked_at": utc_now(),
                }
            ],
        )
        arm.write(ledger)
        ledger.update(
            "rounds",
            round_id,
            status="measured",
            holdout_items=len(used),
            holdout_hash=holdout_hash(dict(zip(project.pool.ids(rows[used]), task.decode(y), strict=True))),
            measured_at=utc_now(),
        )
        watch.charge(ledger, cost, round_id, "measure")
        charge_round(ledger, cost, round_id)
    return None


def holdout_hash(labels: dict[str, str]) -> str:
    """A digest of the hold-out's ids and labels: gains compare only where it is the same."""
    text = json.dumps(sorted(labels.items()), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _training_rows(project: Project, checkpoint: Checkpoint, round_id: int, seed: int) -> list[Row]:
    """On the training labels themselves, and cross-validated on them."""
    embeddings, y = project.embeddings.take(checkpoint.train_rows), checkpoint.train_labels
    task, fitted = project.task, checkpoint.model.predict_proba_seeds(embeddings)
    rows = _evaluation_rows(round_id, "train", [task.evaluate(one, y) for one in fitted])
    # A head that has learned from the pool was cross-validated while it was trained.
    out_of_fold = getattr(checkpoint.model, "left_out_", None)
    if out_of_fold is None:
        out_of_fold = task.cross_validated(project.new_model(), embeddings, y, seed)
    if out_of_fold is not None:
        rows += _evaluation_rows(round_id, "validation", [task.evaluate(out_of_fold, y)])
    return rows


def _evaluation_rows(round_id: int, split: str, evaluations: list[Evaluation]) -> list[Row]:
    """Means over training seeds as ledger rows: every metric over all items, and what there is of each class."""
    first = evaluations[0]

    def row(metric: str, name: str, values: list[float], items: int) -> Row:
        return {
            "round": round_id,
            "split": split,
            "metric": metric,
            "class": name,
            "value": float(np.mean(values)),
            "low": None,
            "high": None,
            "items": items,
        }

    rows = [
        row(metric, "", [evaluation.values[metric] for evaluation in evaluations], first.n)
        for metric in first.values
    ]
    for i, part in enumerate(first.parts):
        for metric in part.values:
            values = [evaluation.parts[i].values[metric] for evaluation in evaluations]
            rows.append(row(metric, part.name, values, part.items))
    return rows


def _gain_row(project: Project, round_id: int, probs: FloatArray, y: Labels, gain: Compared | None) -> Row:
    """The value now, and the gain against the last measured round, on the items and labels of now for both models."""
    metric = project.config.holdout.metric
    task = project.task
    now = metric_interval(task.outcomes(probs, y), task.metrics[metric], seed=project.config.project.seed)
    found = None if gain is None else gain.gains[metric]
    return {
        "round": round_id,
        "previous": None if gain is None else gain.previous,
        "metric": metric,
        "value": now.value,
        "value_low": now.low,
        "value_high": now.high,
        "gain": None if found is None else found.value,
        "gain_low": None if found is None else found.low,
        "gain_high": None if found is None else found.high,
        "mcnemar_b": None if found is None else found.mcnemar_b,
        "mcnemar_c": None if found is None else found.mcnemar_c,
        "mcnemar_p": None if found is None else found.mcnemar_p,
        "note": gain_note(project.ledger, round_id),
    }
