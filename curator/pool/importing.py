"""Import: a data file goes into the pool, all of it, or nothing when anything is wrong with it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from curator.errors import DataError
from curator.pool.catalogue import LISTED, Pool
from curator.pool.columns import Columns
from curator.pool.fields import Fields
from curator.pool.formats import count_rows
from curator.pool.hash_index import HashIndex, IntArray
from curator.pool.incoming import EmbeddingSource, IncomingEmbeddings
from curator.pool.labels import Respelled, check_classes
from curator.pool.problems import BadRows, Problems, counted, listed
from curator.pool.readers import NEW_CLASS, RecordBatch, read_records
from curator.pool.segment_files import SegmentRows
from curator.pool.segments import Role
from curator.pool.staging import Staging
from curator.progress import NoProgress, Progress


@dataclass(frozen=True)
class ImportReport:
    """What an import did: every row of the file is in one of `added`, `known`, `duplicates_collapsed` and `left_out`.

    Attributes:
        rows: data rows in the file.
        added: new items.
        known: rows whose item the pool had already.
        duplicates_collapsed: rows whose content came earlier in the same file (without an id column).
        labeled: new items with a label.
        zero_embeddings: new items whose given embedding is all zero.
        seconds: it took.
        left_out: reason -> rows that were left out for it: empty rows, and bad ones where these are to be skipped.
        notes: how the file was read, where that had to be found out, a sentence each.
        respelled: what was done with labels that are spelled otherwise than their class, a sentence; None when nothing was.
    """

    rows: int
    added: int
    known: int
    duplicates_collapsed: int
    labeled: int
    zero_embeddings: int
    seconds: float
    left_out: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    respelled: str | None = None

    @property
    def rows_per_second(self) -> float:
        """Rows read a second."""
        return self.rows / max(self.seconds, 1e-9)

    @property
    def account(self) -> str | None:
        """Where all the rows went, when some were left out."""
        if not self.left_out:
            return None
        reasons = "; ".join(f"{reason}: {count:,}" for reason, count in self.left_out.items())
        parts = [
            (self.added, "new items"),
            (self.known, "known already"),
            (self.duplicates_collapsed, "repeats"),
        ]
        return (
            f"{self.rows:,} rows: {', '.join(f'{count:,} {what}' for count, what in parts if count)},"
            f" {sum(self.left_out.values()):,} left out ({reasons})"
        )


def import_records(
    pool: Pool,
    path: Path,
    columns: Columns,
    *,
    classes: Sequence[str],
    role: Role = "pool",
    allow_outside: bool = False,
    embeddings: EmbeddingSource | None = None,
    bad_rows: BadRows | None = None,
    new_class: str = NEW_CLASS,
    progress: Progress | None = None,
    matched: "Matched | None" = None,
) -> ImportReport:
    """Add a data file to the pool: all of it, or nothing when anything is wrong with it.

    Args:
        pool: takes the items.
        path: a data file or a folder of images.
        columns: where things are.
        classes: labels have to be one of these.
        role: "pool" for items to ask about; "holdout" for a labeled file that only measures.
        allow_outside: images may lie outside the folder of the data file.
        embeddings: where precomputed embeddings come from; None when an encoder computes them later.
        bad_rows: takes the rows that cannot be used; None: nothing is imported when there are any.
        new_class: how a class is added, for the message about labels that are none of the classes.
        progress: shows how far it is.
        matched: takes the rows of a labeled file, whose items the pool may know under another id, or hold back.

    Raises:
        DataError: what is wrong, where, and what to do.
        EncoderError: the file of precomputed embeddings cannot be used.
    """
    check_classes(classes, str(path))
    started = time.perf_counter()
    known_columns = (
        columns if embeddings is not None and embeddings.file is None else replace(columns, embedding=None)
    )
    problems = Problems(path, bad_rows)
    batches = read_records(
        path,
        known_columns,
        pool.kind,
        classes=classes,
        labels_required=role == "holdout",
        allow_outside=allow_outside,
        problems=problems,
        new_class=new_class,
    )
    store = None if embeddings is None else embeddings.folder
    with (
        Staging(pool.folder, pool.kind, pool.segments, role, store) as staging,
        IncomingEmbeddings(embeddings, pool.segments, path) as incoming,
        (progress or NoProgress()).bar(f"import {path.name}", count_rows(path)) as advance,
    ):
        work = _Import(
            pool,
            path,
            role,
            staging,
            incoming,
            problems,
            content_ids=known_columns.id is None,
            matched=matched,
        )
        for batch in batches:
            if len(batch):
                work.add(batch)
            advance(len(batch))
        work.check()
        pool.replace_segments(staging.commit(incoming.encoder))
    return work.report(time.perf_counter() - started)


class Matched(Protocol):
    """Whoever matches the rows of a file to the pool by more than their ids, and wants to know them."""

    def rows_of(self, batch: RecordBatch, rows: IntArray) -> IntArray:
        """(n,) rows of the pool, -1 for new items; `rows` are those by id."""
        ...

    def take(self, batch: RecordBatch, rows: IntArray) -> None:
        """A batch, with what `rows_of` gave."""
        ...

    def check(self) -> None:
        """Raise DataError when the file cannot be taken."""
        ...


@dataclass
class _Import:
    """One import: sorts rows into new, known, repeated and refused."""

    pool: Pool
    path: Path
    role: Role
    staging: Staging
    incoming: IncomingEmbeddings
    problems: Problems
    content_ids: bool
    matched: Matched | None = None
    rows: int = 0
    known: int = 0
    repeated: int = 0
    labeled: int = 0
    changed: list[str] = field(default_factory=list)
    crossing: list[str] = field(default_factory=list)
    seen: HashIndex = field(default_factory=HashIndex)
    respelled: Respelled = field(default_factory=Respelled)

    def __post_init__(self) -> None:
        roles = [(s.n_rows, s.role == self.role) for s in self.pool.segments]
        self._same_role = np.repeat(
            np.asarray([same for _, same in roles], dtype=bool),
            np.asarray([n for n, _ in roles], dtype=np.int64),
        )

    def add(self, batch: RecordBatch) -> None:
        """Take over the new rows of a batch."""
        self.rows += len(batch)
        self.respelled.update(batch.respelled)
        embeddings = self.incoming.of(batch)
        found = self.pool.find(batch.id_hashes)
        if self.matched is not None:
            found = self.matched.rows_of(batch, found)
            self.matched.take(batch, found)
        known = found >= 0
        if known.any():
            self._check_known(batch, np.flatnonzero(known), found[known])
        self.known += int(known.sum())
        new = ~known
        if self.content_ids:
            # with an id column the reader has refused repeats already
            repeated = self.seen.insert(batch.id_hashes, batch.rows) >= 0
            self.repeated += int((repeated & new).sum())
            new &= ~repeated
        if not new.any():
            return
        at = np.flatnonzero(new)
        labels = batch.labels or [None] * len(batch)
        fields: Sequence[Fields] = batch.fields or [{}] * len(batch)
        rows = SegmentRows(
            [batch.ids[i] for i in at],
            [batch.contents[i] for i in at],
            [labels[i] for i in at],
            [fields[i] for i in at],
            batch.id_hashes[at],
            batch.content_hashes[at],
        )
        self.labeled += sum(label is not None for label in rows.labels)
        self.staging.add(rows, None if embeddings is None else self.incoming.unit(embeddings[at]))

    def _check_known(self, batch: RecordBatch, at: IntArray, rows: IntArray) -> None:
        crossing = ~self._same_role[rows] & (self.matched is None)
        self.crossing.extend(batch.ids[i] for i in at[crossing])
        changed = (self.pool.content_hashes(rows) != batch.content_hashes[at]).any(axis=1) & ~crossing
        self.changed.extend(batch.ids[i] for i in at[changed])

    def check(self) -> None:
        """Refuse the file when some of its rows contradict the pool.

        Raises:
            DataError: lists them.
        """
        if self.matched is not None:
            self.matched.check()
        n_rows = self.problems.n_rows
        self.incoming.check_end(n_rows)
        left_out = sum(self.problems.left_out.values())
        if n_rows != self.rows + left_out:
            raise DataError(
                f"{self.path}: of {n_rows:,} rows {self.rows:,} were read and {left_out:,} left out, and the others were lost. Nothing "
                "was imported. This is a bug in curator: please report it."
            )
        if self.crossing:
            here, there = (
                ("the pool", "the hold-out") if self.role == "pool" else ("the hold-out", "the pool")
            )
            raise DataError(
                f"{self.path}: {counted(len(self.crossing), 'item')} already in {there} cannot go into {here}:"
                f" {listed(self.crossing, LISTED)}. Leave them out of this file."
            )
        if self.changed:
            raise DataError(
                f"{self.path}: {len(self.changed):,} known ids come with changed content:"
                f" {listed(self.changed, LISTED)}. Nothing was imported. Give changed items new ids, or leave them out."
            )

    def report(self, seconds: float) -> ImportReport:
        """What was done."""
        return ImportReport(
            rows=self.problems.n_rows,
            added=self.rows - self.known - self.repeated,
            known=self.known,
            duplicates_collapsed=self.repeated,
            labeled=self.labeled,
            zero_embeddings=self.incoming.zero_rows,
            seconds=seconds,
            left_out=dict(self.problems.left_out),
            notes=tuple(dict.fromkeys(self.problems.notes)),
            respelled=self.respelled.sentence(),
        )
