"""The pool again: from a former state that is whole, or from the data files."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

from curator.care.restore.result import RestoreOptions, RestoreReport
from curator.config import Config
from curator.errors import ConfigError, DataError
from curator.pool.catalogue import Pool
from curator.pool.columns import Columns
from curator.pool.importing import import_records
from curator.pool.incoming import embedding_source
from curator.pool.inference import infer_columns
from curator.pool.problems import BadRows
from curator.pool.segment_files import read_segment
from curator.pool.segments import Role
from curator.progress import Progress
from integrations.encoders.precomputed import NAME as PRECOMPUTED


class PoolRebuild:
    """Rebuilds the pool of a project below `state`.

    Args:
        config: of the project.
        folder: of the project.
        state: where the new state is built.
        options: what the user said.
        progress: shows how far it is.
        report: gets what was done and what is missing.
    """

    def __init__(
        self,
        config: Config,
        folder: Path,
        state: Path,
        options: RestoreOptions,
        progress: Progress,
        report: RestoreReport,
    ) -> None:
        self._config = config
        self._folder = folder
        self._state = state
        self._options = options
        self._progress = progress
        self._report = report
        self._columns = Columns(**config.data.columns())
        self._check_embeddings()

    def run(self, former: list[Path]) -> Pool:
        """The pool: what a former state still has, else what the data files hold.

        Args:
            former: state folders that may have a pool and embeddings, the best first.

        Raises:
            ConfigError: files that are needed are not named.
            DataError: a data file cannot be used.
        """
        if not self._options.data:
            for state in former:
                if (pool := self._taken_over(state)) is not None:
                    return pool
        pool = Pool.create(self._state / "pool", self._config.project.kind)
        sources = self._sources()
        for number, source in enumerate(sources):
            self._import(pool, source, self._columns, self._given_embeddings(number))
            self._report.restored.append(f"{source}: items read again")
            if number == 0:
                self._import_holdout(pool)
        return pool

    def _taken_over(self, state: Path) -> Pool | None:
        """Pool and embeddings of a former state, when its pool is whole; nothing is moved out of it."""
        if not (state / "pool").is_dir():
            return None
        try:
            pool = Pool.open(state / "pool")
            for segment in pool.segments:
                read_segment(segment, ("item_id", pool.kind, "label", "id_hash_1", "content_hash_1"))
        except DataError as exc:
            self._report.notes.append(f"The former pool is not used: {exc}")
            return None
        if pool.kind != self._config.project.kind or not pool.n_items:
            return None
        for part in ("pool", "embeddings"):
            if (state / part).is_dir():
                _copy_tree(state / part, self._state / part)
        self._report.restored.append(f"{pool.n_items:,} items and their embeddings taken over from {state}")
        return Pool.open(self._state / "pool")

    def _sources(self) -> list[Path]:
        if self._options.data:
            return list(self._options.data)
        source = self._found(self._config.data.source)
        if source is not None:
            return [source]
        raise DataError(
            f"The data file of [data] source, {self._config.data.source}, is gone, and the items are in it. Put it back, or name "
            "all data files that ever came in, in order: `curator restore --data FILE --data FILE ...`."
        )

    def _found(self, named: str) -> Path | None:
        """A file of curator.toml: relative to where commands run, or to the project."""
        return next((path for path in (Path(named), self._folder / named) if path.exists()), None)

    def _import_holdout(self, pool: Pool) -> None:
        named = self._config.holdout.file
        if named is None:
            return
        path = self._found(named)
        if path is None:
            raise DataError(
                f"The hold-out file {named} is gone, and without it nothing can be measured any more. Put it back, or set "
                "[holdout] file in curator.toml to where it is."
            )
        columns = infer_columns(
            path,
            replace(self._columns, show=()),
            self._config.project.kind,
            allow_outside=self._config.data.allow_outside,
        ).columns
        self._import(pool, path, columns, self._options.holdout_embeddings, role="holdout")
        self._report.restored.append(f"{path}: hold-out read again")

    def _import(
        self, pool: Pool, path: Path, columns: Columns, embeddings: str | None, role: Role = "pool"
    ) -> None:
        imported = import_records(
            pool,
            path,
            columns,
            classes=self._config.project.classes,
            role=role,
            allow_outside=self._config.data.allow_outside,
            embeddings=embedding_source(self._config.encoder.name, self._state / "embeddings", embeddings),
            # what could not be used when it came in was left out then, or the file was never taken
            bad_rows=BadRows(None),
            progress=self._progress,
        )
        if imported.account:
            self._report.notes.append(f"{path}: {imported.account}")

    def _given_embeddings(self, number: int) -> str | None:
        return self._options.embeddings[number] if self._options.embeddings else None

    def _check_embeddings(self) -> None:
        given, files = self._options.embeddings, max(1, len(self._options.data))
        if given and self._config.encoder.name != PRECOMPUTED:
            raise ConfigError(
                f"--embeddings is for precomputed ones; [encoder] in curator.toml is {self._config.encoder.name!r}, "
                "which computes them again."
            )
        if given and len(given) != files:
            raise ConfigError(
                f"--embeddings is given {len(given)} times for {files} data files. Give one for each, in the same order."
            )
        if not given and self._config.encoder.name == PRECOMPUTED and self._columns.embedding is None:
            raise ConfigError(
                "The embeddings came from a file, not from a column of the data. Name it again, as for `curator init`: "
                "--embeddings FILE.npy (and --holdout-embeddings FILE.npy for those of a hold-out file)."
            )


def _copy_tree(source: Path, target: Path) -> None:
    """A copy without the bytes where the file system can link: what is in a segment never changes."""
    shutil.copytree(source, target, copy_function=_link, ignore=shutil.ignore_patterns("*.partial", "*.tmp"))


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)
    return target
