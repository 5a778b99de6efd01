"""The pool again: from a former state that is whole, from the data files, and from the questions themselves."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import IO, Self

import numpy as np

from curator.care.restore.result import RestoreOptions, RestoreReport
from curator.config import Config
from curator.errors import ConfigError, DataError
from curator.pool.catalogue import Pool
from curator.pool.columns import Columns
from curator.pool.hash_index import as_hashes, digest
from curator.pool.importing import import_records
from curator.pool.incoming import embedding_source
from curator.pool.inference import infer_columns
from curator.pool.problems import BadRows, counted, listed
from curator.pool.readers import URL
from curator.pool.segment_files import read_segment
from curator.pool.segments import Role
from curator.progress import Progress
from integrations.encoders.precomputed import NAME as PRECOMPUTED
from integrations.labelers.protocol import Question

# Columns of the file of items that are known by their questions only; no user's column has these names.
_ID, _CONTENT = "curator:item_id", "curator:content"
_LISTED = 5


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
        self._columns = Columns(**config.columns())
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
        if not sources:
            self._import_holdout(pool)
        return pool

    def import_lost(self, pool: Pool, lost: "LostItems") -> None:
        """Add the items that only their questions know.

        Raises:
            DataError: that cannot be, since embeddings or images come from a file.
        """
        if not lost.count:
            return
        said = f"{counted(lost.count, 'item')} that curator asked about cannot be found in any data file"
        way_out = "name every data file that was ever added, in order: `curator restore --data FILE --data FILE ...`"
        if lost.uploaded:
            raise DataError(
                f"{said}, and {len(lost.uploaded):,} of their images are known only by the labeler's own addresses "
                f"(first: {listed(lost.uploaded, _LISTED)}). Put the files back, or {way_out}."
            )
        if self._config.encoder.name == PRECOMPUTED:
            raise DataError(
                f"{said}, and their embeddings cannot be computed here (first: {listed(lost.first, _LISTED)}). "
                f"Put the file back, or {way_out} (with --embeddings for each if they are in separate files)."
            )
        columns = Columns(id=_ID, show=self._config.data.show)
        if self._config.project.kind == "text":
            columns = replace(columns, text=_CONTENT)
        else:
            columns = replace(columns, image=_CONTENT)
        self._import(pool, lost.written(), columns, None)
        self._report.restored.append(
            f"{counted(lost.count, 'item')} taken from their questions at the labeler"
        )
        self._report.missing.append(
            f"{counted(lost.count, 'item')} not found in any data file. Items that came in with `curator add` and were never asked about are "
            "lost: add those files again; known items are skipped."
        )

    def _taken_over(self, state: Path) -> Pool | None:
        """Pool and embeddings of a former state, when its pool is whole; nothing is moved out of it."""
        if not (state / "pool").is_dir():
            return None
        try:
            pool = Pool.open(state / "pool")
            for segment in pool.segments:
                read_segment(segment, ("item_id", pool.kind, "label", "id_hash_1", "content_hash_1"))
        except DataError as exc:
            self._report.notes.append(f"The old pool is not used: {exc}")
            return None
        if pool.kind != self._config.project.kind or not pool.n_items:
            return None
        for part in ("pool", "embeddings"):
            if (state / part).is_dir():
                _copy_tree(state / part, self._state / part)
        self._report.restored.append(
            f"{counted(pool.n_items, 'item')} and their embeddings taken over from {state}"
        )
        return Pool.open(self._state / "pool")

    def _sources(self) -> list[Path]:
        if self._options.data:
            return list(self._options.data)
        source = self._found(self._config.data.source)
        if source is not None:
            return [source]
        self._report.missing.append(
            f"[data] source {self._config.data.source} is gone: items that were never asked about are lost. If you find it, "
            "`curator add FILE` brings them back."
        )
        return []

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
                f"The hold-out file {named} is missing, and nothing can be measured without it. Put it back, or set [holdout] "
                "file in curator.toml to where it is now."
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
                f"--embeddings is for precomputed embeddings; [encoder] in curator.toml is {self._config.encoder.name!r}, "
                "which computes them again."
            )
        if given and len(given) != files:
            raise ConfigError(
                f"--embeddings is given {len(given)} times for {files} data files. Give one for each, in the same order."
            )
        if not given and self._config.encoder.name == PRECOMPUTED and self._columns.embedding is None:
            raise ConfigError(
                "The embeddings came from a file, not from a column of the data. Name it again, as for `curator init`: "
                "--embeddings FILE.npy (and --holdout-embeddings FILE.npy for a hold-out file)."
            )


class LostItems:
    """Collects the items that a pool lacks, from their questions, in a data file of their own; each item once.

    Args:
        path: of the file to write.
        config: of the project.
    """

    def __init__(self, path: Path, config: Config) -> None:
        self._path = path
        self._kind = config.project.kind
        self._show = config.data.show
        self._known: set[str] = set()
        self._file: IO[str] | None = None
        self.uploaded: list[
            str
        ] = []  # the first items whose image is no address that anybody else could open

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._close()
        self._path.unlink(missing_ok=True)

    @property
    def count(self) -> int:
        """How many items there are."""
        return len(self._known)

    @property
    def first(self) -> list[str]:
        """Ids of some."""
        return sorted(self._known)

    def add(self, question: Question) -> None:
        """Note the item of a question that the pool lacks."""
        if question.item_id in self._known:
            return
        self._known.add(question.item_id)
        content = question.text if self._kind == "text" else question.image
        if self._kind == "image" and not URL.match(str(content)):
            self.uploaded.append(question.item_id)
        row = {_ID: question.item_id, _CONTENT: content}
        row |= {name: question.fields.get(name) for name in self._show}
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8", newline="\n")
        self._file.write(json.dumps(row) + "\n")

    def written(self) -> Path:
        """The data file, complete."""
        self._close()
        return self._path

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()


def differing(pool: Pool, questions: list[Question]) -> list[str]:
    """Ids of the items that are in the pool with another content than was asked about.

    Images that were uploaded, or are served from a folder, are not compared: their address says nothing.
    """
    shown = [question.text or question.image or "" for question in questions]
    comparable = [i for i, text in enumerate(shown) if pool.kind == "text" or URL.match(text)]
    ids = [questions[i].item_id for i in comparable]
    now = pool.content_hashes(pool.rows(ids))
    asked = as_hashes(digest(shown[i].encode("utf-8", "surrogatepass")) for i in comparable)
    return [ids[at] for at in np.flatnonzero((now != asked).any(axis=1))]


def _copy_tree(source: Path, target: Path) -> None:
    """A copy without the bytes where the file system can link: what is in a segment never changes."""
    shutil.copytree(source, target, copy_function=_link, ignore=shutil.ignore_patterns("*.partial", "*.tmp"))


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)
    return target
