"""The pool again: from a former state that is whole, or from the data files."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

from curator.care.restore.result import Restore
from curator.errors import ConfigError, DataError
from curator.pool.catalogue import Pool
from curator.pool.columns import Columns
from curator.pool.importing import import_records
from curator.pool.incoming import embedding_source
from curator.pool.inference import infer_columns
from curator.pool.problems import BadRows, counted
from curator.pool.segment_files import read_segment
from curator.pool.segments import Role
from integrations.encoders.precomputed import NAME as PRECOMPUTED

ALL_FILES = (
    "name every data file that was ever added, in order: `curator restore --data FILE --data FILE ...`"
)


def rebuild_pool(restore: Restore) -> Pool:
    """The pool in the new state: what a former state still has, else what the data files hold.

    Raises:
        ConfigError: files that are needed are not named.
        DataError: a data file is gone, or cannot be used.
    """
    config, options = restore.config, restore.options
    columns = Columns(**config.columns())
    _check_embeddings(restore, columns)
    if not options.data:
        for state in restore.former:
            if (pool := _take_over(restore, state)) is not None:
                return pool
    pool = Pool.create(restore.building / "pool", config.project.kind)
    sources = options.data or (_data_file(restore),)
    for number, source in enumerate(sources):
        embeddings = options.embeddings[number] if options.embeddings else None
        _import(restore, pool, source, columns, embeddings)
        restore.report.restored.append(f"{source}: items read again")
        if number == 0 and config.holdout.file:
            _import_holdout(restore, pool, columns, config.holdout.file)
    return pool


def _check_embeddings(restore: Restore, columns: Columns) -> None:
    given, files = restore.options.embeddings, max(1, len(restore.options.data))
    encoder = restore.config.encoder.name
    if given and encoder != PRECOMPUTED:
        raise ConfigError(
            f"--embeddings is for precomputed embeddings; [encoder] in curator.toml is {encoder!r}, which computes them again."
        )
    if given and len(given) != files:
        raise ConfigError(
            f"--embeddings is given {len(given)} times for {files} data files. Give one for each, in the same order."
        )
    if not given and encoder == PRECOMPUTED and columns.embedding is None:
        raise ConfigError(
            "The embeddings came from a file, not from a column of the data. Name it again, as for `curator init`: "
            "--embeddings FILE.npy (and --holdout-embeddings FILE.npy for a hold-out file)."
        )


def _take_over(restore: Restore, state: Path) -> Pool | None:
    """Pool and embeddings of a former state, when its pool is whole; nothing is moved out of it."""
    if not (state / "pool").is_dir():
        return None
    try:
        pool = Pool.open(state / "pool")
        for segment in pool.segments:
            read_segment(segment, ("item_id", pool.kind, "label", "id_hash_1", "content_hash_1"))
    except DataError as exc:
        restore.report.notes.append(f"The old pool is not used: {exc}")
        return None
    if pool.kind != restore.config.project.kind or not pool.n_items:
        return None
    for part in ("pool", "embeddings"):
        if (state / part).is_dir():
            unfinished = shutil.ignore_patterns("*.partial", "*.tmp")
            shutil.copytree(
                state / part, restore.building / part, copy_function=_link_or_copy, ignore=unfinished
            )
    restore.report.restored.append(
        f"{counted(pool.n_items, 'item')} and their embeddings taken over from {state}"
    )
    return Pool.open(restore.building / "pool")


def _data_file(restore: Restore) -> Path:
    named = restore.config.data.source
    source = _found(restore, named)
    if source is None:
        raise DataError(
            f"The data file of [data] source, {named}, is gone, and the items are in it. Put it back, or {ALL_FILES}."
        )
    return source


def _found(restore: Restore, named: str) -> Path | None:
    """A file of curator.toml: relative to where commands run, or to the project."""
    return next((path for path in (Path(named), restore.folder / named) if path.exists()), None)


def _import_holdout(restore: Restore, pool: Pool, columns: Columns, named: str) -> None:
    path, config = _found(restore, named), restore.config
    if path is None:
        raise DataError(
            f"The hold-out file {named} is missing, and nothing can be measured without it. Put it back, or set [holdout] "
            "file in curator.toml to where it is now."
        )
    columns = infer_columns(
        path, replace(columns, show=()), config.project.kind, allow_outside=config.data.allow_outside
    ).columns
    _import(restore, pool, path, columns, restore.options.holdout_embeddings, role="holdout")
    restore.report.restored.append(f"{path}: hold-out read again")


def _import(
    restore: Restore, pool: Pool, path: Path, columns: Columns, embeddings: str | None, role: Role = "pool"
) -> None:
    config = restore.config
    imported = import_records(
        pool,
        path,
        columns,
        classes=config.project.classes,
        role=role,
        allow_outside=config.data.allow_outside,
        embeddings=embedding_source(config.encoder.name, restore.building / "embeddings", embeddings),
        # what could not be used when it came in was left out then, or the file was never taken
        bad_rows=BadRows(None),
        progress=restore.progress,
    )
    if imported.account:
        restore.report.notes.append(f"{path}: {imported.account}")


def _link_or_copy(source: str, target: str) -> str:
    """A copy without the bytes where the file system can link: what is in a segment never changes."""
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)
    return target
