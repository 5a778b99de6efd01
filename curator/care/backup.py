"""A backup: the ledger as it stands, copied while in use, and curator.toml, in one folder.

    PATH/ledger.db      every answer, label, cost and measurement; a SQLite file of its own, without a WAL
    PATH/curator.toml   the configuration
    PATH/backup.json    when, of which campaign, how large

Not in it: the data files, and what is computed from them and from the ledger (pool, embeddings, models).
"""

import secrets
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curator import __version__
from curator.config import CONFIG_NAME
from curator.errors import ConfigError, LedgerError
from curator.files import read_json, replace_folder, sync_file, write_json
from curator.ledger import queries
from curator.ledger.faults import damaged, explained
from curator.ledger.health import reading, schema_versions, why_unusable
from curator.ledger.store import utc_now
from curator.progress import NoProgress, Progress

LEDGER_NAME = "ledger.db"
ABOUT_NAME = "backup.json"
NOT_IN_IT = "the data files, and what can be recomputed from them: pool, embeddings, models"
_FORMAT = 1
_PAGES = 2048  # copied between two steps of the bar: 8 MiB


@dataclass(frozen=True)
class Backup:
    """A backup that was checked.

    Attributes:
        folder: where it is.
        made_at: UTC, ISO 8601.
        version: of curator that made it.
        campaign: id of the campaign.
        rounds: in the ledger.
        answers: in the ledger, all versions.
        size: bytes of its ledger.
        has_config: curator.toml is in it.
    """

    folder: Path
    made_at: str
    version: str
    campaign: str
    rounds: int
    answers: int
    size: int
    has_config: bool

    @property
    def ledger(self) -> Path:
        """The copy of the ledger."""
        return self.folder / LEDGER_NAME

    @property
    def config(self) -> Path:
        """The copy of curator.toml."""
        return self.folder / CONFIG_NAME


def make_backup(
    project: Path, target: Path, *, force: bool = False, progress: Progress | None = None
) -> Backup:
    """Copy ledger and configuration of a project; other curators may be at work meanwhile.

    What is copied is the ledger of one moment. It is checked, and only then gets its name: whatever fails, there is no
    half backup, and an older one at `target` is as it was.

    Args:
        project: its folder; curator.toml may be broken or missing.
        target: folder to make.
        force: replace a backup that is there.
        progress: shows how far it is.

    Raises:
        ConfigError: there is no ledger, or `target` exists or cannot be.
        LedgerError: the ledger, or its copy, is damaged.
    """
    source = project.resolve() / ".curator" / LEDGER_NAME
    target = target.absolute()
    _check_places(source, target, force=force)
    part = _beside(target)
    try:
        part.mkdir()
        copy = part / LEDGER_NAME
        copy_ledger(source, copy, target / LEDGER_NAME, progress or NoProgress())
        if (problem := why_unusable(copy, full=True)) is not None:
            raise LedgerError(f"{damaged(source, problem)} No backup was made.")
        sync_file(copy)
        if (config := project / CONFIG_NAME).is_file():
            shutil.copyfile(config, part / CONFIG_NAME)
            sync_file(part / CONFIG_NAME)
        write_json(part / ABOUT_NAME, _about(part))
        made = _described(part)  # checked as it was copied
        old = _beside(target)
        if replace_folder(part, target, old):
            shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return replace(made, folder=target)


def check_backup(path: Path) -> Backup:
    """Make sure that a backup can be restored from: it is whole, and of a curator that is known here.

    Raises:
        ConfigError: there is no backup at `path`.
        LedgerError: it is damaged, or was made by a newer curator.
    """
    ledger = path / LEDGER_NAME
    if not ledger.is_file():
        raise ConfigError(
            f"{path} is not a backup: it has no {LEDGER_NAME}. `curator backup PATH` makes one."
        )
    problem = why_unusable(ledger, full=True)
    if problem is not None:
        raise LedgerError(f"The backup {path} is damaged ({problem}). Use another backup.")
    return _described(path)


def _described(path: Path) -> Backup:
    """What is in a backup that is whole."""
    ledger = path / LEDGER_NAME
    with reading(ledger) as opened:
        applied, known = schema_versions(opened)
        unknown = [name for name in applied if name not in known]
        if unknown:
            raise LedgerError(
                f"The backup {path} was made by a newer curator (it has {', '.join(unknown)}). Install that version."
            )
        found = _facts(opened)
    if found["campaign"] is None:
        raise LedgerError(f"The ledger in {path} belongs to no campaign: nothing can be restored from it.")
    about = _read_about(path / ABOUT_NAME)
    return Backup(
        folder=path,
        made_at=str(about.get("made_at", "")),
        version=str(about.get("version", "")),
        campaign=str(found["campaign"]),
        rounds=int(found["rounds"] or 0),
        answers=int(found["answers"] or 0),
        size=ledger.stat().st_size,
        has_config=(path / CONFIG_NAME).is_file(),
    )


def _check_places(source: Path, target: Path, *, force: bool) -> None:
    if not source.is_file():
        raise ConfigError(f"There is no ledger to back up at {source}. Name the project with --project DIR.")
    if not target.parent.is_dir():
        raise ConfigError(f"{target.parent} is not a folder: create it first, or back up elsewhere.")
    if target.resolve().is_relative_to(source.parent):
        raise ConfigError(f"{target} would be lost together with {source.parent}. Back up elsewhere.")
    if not target.exists() and not target.is_symlink():
        return
    if not force:
        raise ConfigError(f"{target} already exists. Choose another name, or replace it with --force.")
    if not (target / ABOUT_NAME).is_file() or not (target / LEDGER_NAME).is_file():
        raise ConfigError(f"{target} is not a backup, so --force will not replace it. Choose another name.")


def copy_ledger(source: Path, copy: Path, shown: Path, progress: Progress) -> None:
    """Copy a ledger with whatever its WAL still holds; messages call the copy `shown`.

    Raises:
        LedgerError: it cannot be read, or the copy not be written.
    """
    with reading(source) as opened:
        # One transaction around it all: a copy that other writers disturb would begin again with each of their writes.
        queries.unopened.begin_reading(opened)
        pages = int(opened.execute("pragma page_count").fetchone()[0])
        with progress.bar("copying the ledger", pages) as advance:
            done = 0

            def step(_status: int, remaining: int, total: int) -> None:
                nonlocal done
                advance(total - remaining - done)
                done = total - remaining

            with explained(shown), closing(sqlite3.connect(copy, isolation_level=None)) as written:
                opened.backup(written, pages=_PAGES, progress=step)
                # One file, which can be read where nothing can be written.
                written.execute("pragma journal_mode = delete")


def _about(folder: Path) -> dict[str, object]:
    with reading(folder / LEDGER_NAME) as opened:
        return {
            "format": _FORMAT,
            "made_at": utc_now(),
            "version": __version__,
            **_facts(opened),
            "not_in_it": NOT_IN_IT,
        }


def _facts(opened: sqlite3.Connection) -> dict[str, Any]:
    return {
        "campaign": queries.unopened.read_state(opened).get("campaign"),
        "rounds": queries.unopened.count_rounds(opened),
        "answers": queries.unopened.count_answer_versions(opened),
    }


def _read_about(path: Path) -> dict[str, object]:
    """What the backup says about itself; the ledger in it counts, so nothing depends on this."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _beside(target: Path) -> Path:
    """A name of its own in the same folder, hidden."""
    return target.with_name(f".{target.name}-{secrets.token_hex(4)}")
