"""Labeled data from a project: the labels its data came with, or those that were collected so far."""

from dataclasses import replace

import numpy as np

from curator.errors import ConfigError, DataError
from curator.ledger.class_history import History
from curator.project.holdout import unsealed_rows
from curator.project.project import Project
from curator.rounds.train import collected_labels
from curator.simulate.data import Labeled
from curator.simulate.from_file import labeled_rows, words_of

_NOT_SEALED = (
    "no round was opened yet, so the hold-out is not drawn: items that it will hold are played on too; to keep them apart "
    "run `curator round` first"
)


def read_project(project: Project) -> Labeled:
    """The labels that a simulation may use: never those of the sealed hold-out.

    With a labeler that answers from them all labels of the data are known. Else there are the labels collected so far: they were
    chosen, by the strategy that asked for them, and are no random sample of the pool; the notes say so.

    Raises:
        DataError: there is none.
    """
    if not project.task.traits.simulation:
        raise ConfigError(
            f"Campaigns are simulated on labels that are one class of several; here a label is {project.task.summary}."
        )
    found = _replayed(project) if project.config.labeler.traits.uses_known_labels else _collected(project)
    if not len(found):
        raise DataError(
            f"{project.folder} has no labels to simulate with yet. Run `curator round` first, or simulate on labeled data "
            "of another source: --data FILE."
        )
    return found.at_most()


def _replayed(project: Project) -> Labeled:
    pool = project.pool
    config = project.config.project
    former = History.read(project.ledger).former()
    found = labeled_rows(
        config.name, pool, project.embeddings, config.classes, unsealed_rows(project), former=former
    )
    return found if len(project.holdout_rows()) else replace(found, notes=(*found.notes, _NOT_SEALED))


def _collected(project: Project) -> Labeled:
    config = project.config.project
    rows, y = collected_labels(project)
    note = (
        f"played on the {len(rows):,} labels collected so far: a strategy chose them, so they are not a random sample of "
        "the pool, and a simulated campaign has only them to choose from; what it shows may not hold for the whole pool"
    )
    nothing = np.zeros(len(rows), dtype=np.bool_)
    return Labeled(
        config.name,
        project.embeddings.take(rows),
        y,
        words_of(project.pool, rows),
        nothing,
        config.classes,
        (note,),
    )
