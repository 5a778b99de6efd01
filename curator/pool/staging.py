"""Builds new segments aside and adds them to the pool in one step, or not at all."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from curator.files import sync_file, sync_folder
from curator.pool.segment_files import SegmentRows, write_segment
from curator.pool.segments import SEGMENT_ROWS, Kind, Role, Segment, save_manifest, segment_file
from curator.pool.vectors import FloatArray, StoredSegment, StoreManifest, VectorWriter, vector_file

INCOMING = "incoming"


class Staging:
    """New segments that are not part of the pool yet.

    Args:
        folder: the pool's.
        kind: of the pool.
        existing: segments that the pool has.
        role: of the new ones.
        store: folder of the embedding store that takes the embeddings; None when none come with the rows.
    """

    def __init__(
        self, folder: Path, kind: Kind, existing: Sequence[Segment], role: Role, store: Path | None
    ) -> None:
        self._folder = folder
        self._kind: Kind = kind
        self._existing = tuple(existing)
        self._role: Role = role
        self._store = store
        self._incoming = folder / INCOMING
        self._new: list[Segment] = []
        self._vectors: dict[int, StoredSegment] = {}
        self._dim = 0
        self._rows: list[SegmentRows] = []
        self._embeddings: list[FloatArray] = []
        self._pending = 0
        self._moved: list[Path] = []
        self._committed = False

    def __enter__(self) -> Self:
        """Clean up after an import that was killed, and start."""
        shutil.rmtree(self._incoming, ignore_errors=True)
        known = {segment.path for segment in self._existing}
        for path in self._folder.glob("segment-*.parquet"):
            if path not in known:
                path.unlink()
        self._incoming.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._committed:
            for path in self._moved:
                path.unlink(missing_ok=True)
        shutil.rmtree(self._incoming, ignore_errors=True)

    def add(self, rows: SegmentRows, embeddings: FloatArray | None) -> None:
        """Append rows; a segment is written whenever one is full."""
        self._rows.append(rows)
        if embeddings is not None:
            self._embeddings.append(embeddings)
        self._pending += len(rows)
        while self._pending >= SEGMENT_ROWS:
            self._write(SEGMENT_ROWS)

    def commit(self, encoder: tuple[str, str] | None) -> tuple[Segment, ...]:
        """Make the new segments part of the pool; the manifest, written last, is what counts.

        Args:
            encoder: name and fingerprint for the embedding store's manifest; None without embeddings.

        Returns:
            All segments that the pool has now.
        """
        if self._pending:
            self._write(self._pending)
        if self._store is not None and encoder is not None and self._vectors:
            self._commit_vectors(self._store, *encoder)
        for segment in self._new:
            self._moved.append(segment.path)
            (self._incoming / segment.path.name).replace(segment.path)
        sync_folder(self._folder)
        segments = self._existing + tuple(self._new)
        save_manifest(self._folder, self._kind, segments)
        self._committed = True
        return segments

    def _commit_vectors(self, store: Path, name: str, fingerprint: str) -> None:
        store.mkdir(parents=True, exist_ok=True)
        old = StoreManifest.load(store)
        manifest = StoreManifest(name, fingerprint, self._dim)
        if old is not None:
            # entries of segments that the pool does not have come from an import that was killed
            kept = [
                segment.index for segment in self._existing if old.holds(segment.index, segment.content_hash)
            ]
            manifest.segments = {index: old.segments[index] for index in kept}
        for entry in self._vectors.values():
            self._moved.append(store / entry.file)
            (self._incoming / entry.file).replace(store / entry.file)
        manifest.segments.update(self._vectors)
        manifest.save(store)

    def _write(self, n_rows: int) -> None:
        index = len(self._existing) + len(self._new)
        last = (self._existing + tuple(self._new))[-1:]
        first_row = last[0].first_row + last[0].n_rows if last else 0
        rows, self._rows = _split(self._rows, n_rows)
        path = self._incoming / segment_file(index)
        write_segment(path, self._kind, rows)
        sync_file(path)
        segment = Segment(index, first_row, n_rows, self._folder / path.name, rows.content_hash, self._role)
        self._new.append(segment)
        self._pending -= n_rows
        if self._embeddings:
            waiting = np.concatenate(self._embeddings)
            self._embeddings = [waiting[n_rows:].copy()] if len(waiting) > n_rows else []
            self._write_vectors(segment, waiting[:n_rows])

    def _write_vectors(self, segment: Segment, embeddings: FloatArray) -> None:
        self._dim = embeddings.shape[1]
        file = vector_file(segment.index)
        with VectorWriter(self._incoming / f"{file}.partial", len(embeddings), self._dim) as writer:
            writer.append(embeddings)
            writer.finish(self._incoming / file)
        zero_rows = int((~embeddings.any(axis=1)).sum())
        self._vectors[segment.index] = StoredSegment(segment.n_rows, segment.content_hash, file, zero_rows)


def _split(parts: list[SegmentRows], n_rows: int) -> tuple[SegmentRows, list[SegmentRows]]:
    """The first `n_rows` rows as one, and what is left."""
    whole = SegmentRows(
        [item_id for part in parts for item_id in part.ids],
        [content for part in parts for content in part.contents],
        [label for part in parts for label in part.labels],
        [shown for part in parts for shown in part.fields],
        np.concatenate([part.id_hashes for part in parts]),
        np.concatenate([part.content_hashes for part in parts]),
    )
    first, rest = _slice(whole, slice(None, n_rows)), _slice(whole, slice(n_rows, None))
    return first, [rest] if len(rest) else []


def _slice(rows: SegmentRows, part: slice) -> SegmentRows:
    return SegmentRows(
        rows.ids[part],
        rows.contents[part],
        rows.labels[part],
        rows.fields[part],
        rows.id_hashes[part],
        rows.content_hashes[part],
    )
