"""The files that a project's pool was made of, and how each is written: `curator export` reads their other columns."""

import json
from pathlib import Path

from curator.ledger.store import Ledger
from curator.pool.reading import Reading
from curator.project.project import Project

_ADDED = "added_data"  # in the ledger's state: [path, what is said of how it is written], JSON


def data_files(project: Project) -> list[tuple[Path, Reading]]:
    """The file that the project began with, then those that `curator add` brought, with how they are read."""
    data = project.config.data
    added = json.loads(project.ledger.get(_ADDED) or "[]")
    return [
        (from_project(project, data.source), data.reading),
        *((Path(path), Reading(**said)) for path, said in added),
    ]


def from_project(project: Project, named: str) -> Path:
    """A file as curator.toml names it: looked for from the project first, then from here."""
    there = project.folder / named
    return there if there.exists() else Path(named)


def note_data_file(ledger: Ledger, path: Path, reading: Reading) -> None:
    """Remember a file that was added; added again, it is read as the last time. To be called inside a `write`."""
    added = dict(json.loads(ledger.get(_ADDED) or "[]"))
    ledger.put(_ADDED, json.dumps(list((added | {str(path.resolve()): vars(reading)}).items())))
