"""The model that chooses the next batch: the newest round's; or, before any, one of the labels that the user owned."""

from curator.learner.checkpoint import Checkpoint, save_checkpoint
from curator.learner.model import fit_model
from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.project.project import Project
from curator.project.unlabeled import unlabeled_sample
from curator.rounds.train import training_set
from curator.tasks.task import Task

ENOUGH_IMPORTED = 20  # labels; with fewer the first batch is chosen without a model
OWN_LABELS = "own-labels"  # stands where the version of a round's model would


def starts_with_model(ledger: Ledger, task: Task) -> bool:
    """Whether labels of the user's own are enough for a model before the first round: 20, two of each of two classes."""
    labels = queries.labels.training_labels(ledger)
    counts = task.count(labels.values())
    return len(labels) >= ENOUGH_IMPORTED and sum(n > 1 for n in counts.values()) > 1


def scoring_model(project: Project) -> Checkpoint | None:
    """The model that scores the pool now; None before there are labels enough for one."""
    newest = queries.rounds.last_trained(project.ledger)
    if newest is not None:
        found = project.checkpoint(newest["id"])
        return found if len(found.train_rows) else None
    return _of_own_labels(project) if starts_with_model(project.ledger, project.task) else None


def _of_own_labels(project: Project) -> Checkpoint | None:
    """Trained by the very steps of a round, and kept as that of round 0: what it chose can be looked into later."""
    training = training_set(project)
    if not len(training.rows):
        return None
    model = fit_model(
        project.new_model(),
        project.embeddings.take(training.rows),
        project.task.targets(training.labels),
        lambda: unlabeled_sample(project, training.rows),
    )
    save_checkpoint(
        project.model_folder(0),
        model,
        train_rows=training.rows,
        train_labels=training.labels,
        meta={
            "version": OWN_LABELS,
            "round": 0,
            "model": project.config.model.model_dump(mode="json"),
            "encoder": project.config.encoder.name,
            "encoder_fingerprint": project.embeddings.fingerprint,
        },
    )
    return project.checkpoint(0)
