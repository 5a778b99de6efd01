"""`curator add`: more data for a pool that is there."""

from dataclasses import replace
from pathlib import Path

from curator.errors import DataError
from curator.pool.columns import Columns
from curator.pool.importing import ImportReport, import_records
from curator.pool.incoming import embedding_source
from curator.pool.problems import listing
from curator.pool.reading import UNKNOWN, Reading
from curator.project.data_files import note_data_file
from curator.project.project import Project
from curator.rounds.classes.edits import refuse_hand_edit
from integrations.errors import EncoderError

# What `round` says as well, when the classes in curator.toml are others than those the campaign began with.
NEW_CLASS = "if they are classes too, add them to the campaign first: `curator classes add NAME`"


def add_to_pool(
    project: Project,
    path: Path,
    embeddings_file: str | None = None,
    *,
    reading: Reading = UNKNOWN,
    skip_bad_rows: Path | None = None,
) -> ImportReport:
    """Append a file to the pool, read with the columns of curator.toml; known items are skipped.

    Args:
        project: it is added to.
        path: a data file or a folder of images.
        embeddings_file: where embeddings are precomputed and in a file of their own.
        reading: how this file is written, where that differs from what curator.toml says.
        skip_bad_rows: rows that cannot be used are listed there and left out; None: they are an error.

    Raises:
        ConfigError: curator.toml names other classes than the campaign has.
        DataError: rows cannot be used, or a known id comes with other content. The pool is as before.
        EncoderError: items cannot be encoded. The pool is as before.
    """
    config = project.config
    columns = Columns(**config.columns())
    columns = replace(columns, reading=columns.reading.overridden(reading))
    if not config.labeler.traits.uses_known_labels:
        columns = replace(columns, label=None)  # annotators answer: a file without known labels is as good
    with project.locked("add"), listing(skip_bad_rows) as bad_rows:
        refuse_hand_edit(project)
        before = project.pool.segments
        report = import_records(
            project.pool,
            path,
            columns,
            classes=config.project.classes,
            allow_outside=config.data.allow_outside,
            embeddings=embedding_source(config.encoder.name, project.state / "embeddings", embeddings_file),
            bad_rows=bad_rows,
            new_class=NEW_CLASS,
            progress=project.progress,
        )
        try:
            project.encode()
        except (EncoderError, DataError):
            # It would fail the next time as well, and so would every round over these items.
            project.pool.go_back(before)
            raise
        with project.ledger.write():
            note_data_file(project.ledger, path, columns.reading)
    return report
