"""The models that the next round needs: taken over from a former state, or trained again from the ledger's labels."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from curator.care.backup import copy_ledger
from curator.care.restore.result import RestoreReport, numbered
from curator.config import parse_config
from curator.errors import CuratorError
from curator.learner.checkpoint import load_checkpoint
from curator.ledger import queries, restoring, updates
from curator.ledger.class_history import History
from curator.ledger.store import Ledger, Row
from curator.progress import NoProgress
from curator.project.holdout_probs import SAME
from curator.project.project import Project
from curator.rounds.measure import measure
from curator.rounds.settle import derive_labels
from curator.rounds.train import train

_SAME = 1e-9  # two trainings of the same model on the same labels on one machine measure the same


def bring_back_models(project: Project, former: Sequence[Path], report: RestoreReport) -> None:
    """Make sure of the model that scores the pool next, and of the one that the next gain is measured against.

    Args:
        project: whose state is built; its ledger, pool and embeddings are complete.
        former: state folders and backups that may have models, the best first.
        report: gets what was done, and what is missing.
    """
    ledger = project.ledger
    trained = queries.rounds.rounds_with_model(ledger)
    if not trained:
        return
    kept = [number for number in trained if _taken_over(project, number, former)]
    if kept:
        report.restored.append(f"models of {numbered('round', kept)} taken over")
    beyond = queries.rounds.last_round_id(ledger) + 1
    needed = {
        row["id"]
        for row in (queries.rounds.last_trained(ledger), queries.rounds.last_measured(ledger, beyond))
        if row
    }
    for number in sorted(needed - set(kept)):
        report.restored.append(_train_again(project, number))
        kept.append(number)
    if gone := [number for number in trained if number not in kept]:
        report.missing.append(
            f"The models of {numbered('round', gone)} are gone; their measurements and gains are still in the ledger."
        )


def _taken_over(project: Project, number: int, former: Sequence[Path]) -> bool:
    """Whether a former state has the whole model of a round; it is then copied."""
    target = project.model_folder(number)
    for state in former:
        source = state / "models" / target.name
        if not (source / "holdout.safetensors").is_file():
            continue
        shutil.copytree(source, target)
        if _fits(project, target):
            return True
        shutil.rmtree(target)
    return False


def _fits(project: Project, folder: Path) -> bool:
    """Whether a model is whole, and its rows are those of this pool."""
    try:
        rows = load_checkpoint(folder, project.embeddings.take).train_rows
        trained_on = set(project.pool.ids(rows))
        measured_on = load_file(folder / "holdout.safetensors")["rows"]
    except (CuratorError, SafetensorError, OSError, KeyError):
        return False
    labeled = queries.labels.ever_labeled_for_training(project.ledger)
    return trained_on <= labeled and np.array_equal(measured_on, project.holdout_rows())


def _train_again(project: Project, number: int) -> str:
    """Train the model of a round as it was trained then; says how that turned out.

    It is done in a copy of the ledger, taken back to that moment, by the very steps of a round.
    """
    project.say(f"Round {number}: training its model again")
    scratch = project.state / "again"
    scratch.mkdir()
    for part in ("pool", "embeddings", "models"):
        (project.state / part).mkdir(exist_ok=True)
        (scratch / part).symlink_to(project.state / part)
    try:
        copy = scratch / "ledger.db"
        copy_ledger(project.ledger.path, copy, copy, NoProgress())
        with Project(project.folder, state=scratch, progress=project.progress, say=project.say) as again:
            then = queries.rounds.round_by_number(project.ledger, number)
            assert then is not None  # noqa: S101 - the caller read it from there
            section = parse_config(
                json.loads(then["config"]), f"the configuration of round {number}", stored=True
            ).model
            again.config = again.config.model_copy(update={"model": section})
            _take_back(again, number)
            train(again, number)
            measure(again, number)
            measured, loss = _measured(again, number)
            look = queries.measures.look_of(again.ledger, number)
        _count_look(project.ledger, look)
        before, loss_before = _measured(project, number)
    finally:
        shutil.rmtree(scratch)
    what = f"model of round {number} trained again from its labels"
    if before is None or measured is None:
        return what
    if abs(before - measured) < _SAME:
        return f"{what}: it measures {before:.3f}, as before"
    if loss is not None and loss_before is not None and abs(loss_before - loss) <= SAME:
        return (
            f"{what}: it measures {measured:.3f}, the same within rounding (before: {before:.3f}; "
            f"{project.task.smooth.title} {loss:.4f}, before: {loss_before:.4f})"
        )
    return (
        f"{what}: it measures {measured:.3f}, where it was {before:.3f} before (settings, data or libraries have changed); the "
        "next gain is measured against the new value"
    )


def _measured(project: Project, number: int) -> tuple[float | None, float | None]:
    """The metric of a round, and the one on the hold-out that knows no steps: one item is no leap in it."""
    row = queries.measures.gains_row(project.ledger, number)
    values = queries.measures.holdout_values(project.ledger, number)
    return (None if row is None else row["value"]), values.get(project.task.smooth.name)


def _count_look(ledger: Ledger, look: Row | None) -> None:
    """Training a model again measures it again: that is a look at the hold-out, too."""
    if look is None:
        return
    with ledger.write():
        if queries.measures.look_of(ledger, look["round"]):
            updates.count_look(ledger, look["round"])
        else:
            ledger.insert("looks", [{**look, "purpose": "restore"}])


def _take_back(project: Project, number: int) -> None:
    """The ledger as it was when a round was settled, with no round measured before it."""
    ledger = project.ledger
    with ledger.write():
        restoring.take_back_to_settled(ledger, number)
        if History.read(ledger).newest:  # labels of then may be named by classes of then
            derive_labels(ledger, project.task, settled_in=number, last_round=number)
