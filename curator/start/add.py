"""`curator add`: more data for a pool that is there."""

from pathlib import Path

from curator.errors import DataError
from curator.pool.catalogue import ImportReport, import_records
from curator.pool.columns import Columns
from curator.project import Project
from curator.start.load import embedding_source
from integrations.errors import EncoderError

# What `round` says as well, when the classes in curator.toml are others than those the campaign began with.
NEW_CLASS = "add the class to the campaign first: `curator classes add NAME`"


def add_to_pool(project: Project, path: Path, embeddings_file: str | None = None) -> ImportReport:
    """Append a file to the pool, read with the columns of curator.toml; known items are skipped.

    Raises:
        DataError: rows cannot be used, or a known id comes with other content. The pool is as before.
        EncoderError: items cannot be encoded. The pool is as before.
    """
    config = project.config
    unread = {"source", "allow_outside"}
    if config.labeler.name != "replay":
        unread.add("label")  # annotators answer: a file without known labels is as good
    with project.locked("add"):
        before = project.pool.segments
        report = import_records(
            project.pool,
            path,
            Columns(**config.data.model_dump(exclude=unread)),
            classes=config.project.classes,
            allow_outside=config.data.allow_outside,
            embeddings=embedding_source(config, project.state, embeddings_file),
            new_class=NEW_CLASS,
            progress=project.progress,
        )
        try:
            project.encode()
        except (EncoderError, DataError):
            # It would fail the next time as well, and so would every round over these items.
            project.pool.go_back(before)
            raise
    return report
