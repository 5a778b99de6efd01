"""Train: fit the model on every label settled so far and keep it as the round's checkpoint."""

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curator.ledger import queries
from curator.ledger.store import utc_now
from curator.money.fixed import Stopwatch, charge_round
from curator.pool.problems import counted
from curator.project.holdout import near_holdout
from curator.project.project import Project
from curator.rounds.starved import find_starved, keep, notes_of
from curator.tasks.task import Labels


@dataclass(frozen=True)
class TrainingSet:
    """What the model may learn from, in pool order.

    Attributes:
        rows: (n,) pool rows.
        labels: (n, ...) as `Task.encode` has them.
        dropped: (m, ...) the labels left out because their item is a near-duplicate of a hold-out
            item.
    """

    rows: NDArray[np.int64]
    labels: Labels
    dropped: Labels


def collected_labels(project: Project) -> tuple[NDArray[np.int64], Labels]:
    """(n,) pool rows, ascending, of the settled training labels, and (n, ...) these as `Task.encode` has them."""
    labels = queries.labels.training_labels(project.ledger)
    ids = [item_id for item_id, label in labels.items() if project.task.knows(label)]
    rows = project.pool.rows(ids)
    y = project.task.encode([labels[item_id] for item_id in ids])
    order = np.argsort(rows)
    return rows[order], y[order]


def training_set(project: Project) -> TrainingSet:
    """The settled labels, without near-duplicates of the hold-out."""
    rows, y = collected_labels(project)
    near = near_holdout(project)(project.embeddings.take(rows))
    return TrainingSet(rows[~near], y[~near], y[near])


def _imported(project: Project, rows: NDArray[np.int64]) -> int:
    """How many of the items the user's own files labeled."""
    own = queries.labels.imported_ids(project.ledger)
    return sum(item_id in own for item_id in project.pool.ids(rows)) if own else 0


def train(project: Project, round_id: int) -> list[str]:
    """Fit and keep the model of a round; closes the round unmeasured when there is nothing to learn from.

    Returns:
        Notes for a person: classes that nobody has labeled yet, labels left out.
    """
    from curator.learner.checkpoint import save_checkpoint
    from curator.learner.head import EmbeddingHead
    from curator.learner.model import fit_model
    from curator.project.unlabeled import unlabeled_sample

    watch, cost = Stopwatch(), project.config.cost
    ledger = project.ledger
    training = training_set(project)
    starved = notes_of(find_starved(project, training.labels, training.dropped))
    if not len(training.rows):
        note = "There was no usable training label, so no model was trained."
        with ledger.write():
            ledger.update("rounds", round_id, status="unmeasured", note=note, trained_at=utc_now())
            keep(ledger, starved)
            charge_round(ledger, cost, round_id)
        return [note, *starved]
    notes = []
    classes, seen = project.task.classes, project.task.count(project.task.decode(training.labels))
    missing = [name for name in classes if not seen[name]]
    if missing:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        notes.append(f"No label yet for {len(missing)} of {len(classes)} classes: {shown}.")
    notes += starved
    if len(training.dropped):
        notes.append(
            f"{counted(len(training.dropped), 'label')} left out of training: near-duplicates of hold-out items."
        )
    version = f"round-{round_id:03d}"
    model = fit_model(
        project.new_model(),
        project.embeddings.take(training.rows),
        project.task.targets(training.labels),
        lambda: unlabeled_sample(project, training.rows),
    )
    if isinstance(model, EmbeddingHead) and model.spreading_ is not None and model.spreading_.harms:
        notes.append(f"The model learns from the labels alone: {model.spreading_.why}.")
    save_checkpoint(
        project.model_folder(round_id),
        model,
        train_rows=training.rows,
        train_labels=training.labels,
        meta={
            "version": version,
            "round": round_id,
            "model": project.config.model.model_dump(mode="json"),
            "encoder": project.config.encoder.name,
            "encoder_fingerprint": project.embeddings.fingerprint,
        },
    )
    with ledger.write():
        ledger.update(
            "rounds",
            round_id,
            status="trained",
            model_version=version,
            labels=len(training.rows),
            imported=_imported(project, training.rows),
            note=json.dumps(notes) if notes else None,
            trained_at=utc_now(),
        )
        keep(ledger, starved)
        watch.charge(ledger, cost, round_id, "train")
    return notes
