"""The files that a project's pool was made of, and how each is written: `curator export` reads their other columns."""

import json
from pathlib import Path

from curator.ledger.store import Ledger
from curator.pool.reading import Reading
from curator.project import Project

_ADDED = "added_data"  # in the ledger's state: [path, what is said of how it is written], JSON


def data_files(project: Project) -> list[tuple[str, Reading]]:
    """The file that the project began with, then those that `curator add` brought, with how they are read."""
    data = project.config.data
    added = json.loads(project.ledger.get(_ADDED) or "[]")
    return [(data.source, data.reading), *((path, Reading(**said)) for path, said in added)]


def note_data_file(ledger: Ledger, path: Path, reading: Reading) -> None:
    """Remember a file that was added; added again, it is read as the last time. To be called inside a `write`."""
    added = dict(json.loads(ledger.get(_ADDED) or "[]"))
    ledger.put(_ADDED, json.dumps(list((added | {str(path.resolve()): vars(reading)}).items())))
