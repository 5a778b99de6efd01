"""Labels of the user's own into a campaign that runs."""

from pathlib import Path

from curator.errors import DataError
from curator.ledger.class_history import History, begin_history, may_begin_anew
from curator.own_labels.enter import OwnLabelsReport, enter_own_labels
from curator.own_labels.read import OwnLabels, read_own_labels
from curator.pool.incoming import embedding_source
from curator.pool.reading import UNKNOWN, Reading
from curator.project.project import Project
from curator.rounds.classes.edits import refuse_hand_edit
from integrations.errors import EncoderError


def add_labeled(
    project: Project,
    path: Path,
    embeddings_file: str | None = None,
    *,
    label: str | None = None,
    reading: Reading = UNKNOWN,
) -> OwnLabelsReport:
    """Take labels of the user's own into a running project: training labels at no price; new items come into the pool.

    Args:
        project: opened.
        path: as of `curator.own_labels.read.read_own_labels`.
        embeddings_file: precomputed embeddings of the file's rows.
        label: column of the labels; None = find out.
        reading: how this file is written, where that differs from what curator.toml says.

    Raises:
        ConfigError: curator.toml names other classes than the campaign has.
        DataError: rows cannot be used. Nothing was taken in.
        EncoderError: new items cannot be encoded. Nothing was taken in.
    """
    config, pool = project.config, project.pool
    with project.locked("add"):
        refuse_hand_edit(project)
        before, found = pool.segments, OwnLabels()
        read_own_labels(
            pool, path, config.data, found,
            task=project.task, classes=_readable_classes(project), label=label, reading=reading,
            embeddings=embedding_source(config.encoder.name, project.state / "embeddings", embeddings_file), progress=project.progress,
        )  # fmt: skip
        try:
            project.encode()
        except (EncoderError, DataError):
            pool.go_back(before)
            raise
        with project.ledger.write():
            if may_begin_anew(project.ledger):
                begin_history(project.ledger, config.project.classes)
            return enter_own_labels(project.ledger, project.task, found)


def _readable_classes(project: Project) -> list[str]:
    """Today's classes, and those of earlier that are one of today's."""
    former = History.read(project.ledger).former()
    return [*project.config.project.classes, *(name for name, now in former.items() if now is not None)]
