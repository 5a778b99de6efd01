"""The pool: all items, in an order that never changes, in Parquet segments that only ever get more."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from curator.errors import DataError
from curator.pool.fields import Fields
from curator.pool.hash_index import HashArray, HashIndex, IntArray, as_hashes, digest
from curator.pool.problems import listed
from curator.pool.segments import MANIFEST, Kind, Role, Segment, load_manifest, save_manifest

LISTED = 10  # changed ids that an error lists


@dataclass(frozen=True)
class Item:
    """One example of the pool.

    Attributes:
        item_id: stable over re-imports.
        text: the text; None in a pool of images.
        image: absolute path or URL; None in a pool of texts.
        label: what the data file said; None when it said nothing.
        fields: further columns that annotators see: name -> text, in the configured order, empty ones left out.
    """

    item_id: str
    text: str | None
    image: str | None
    label: str | None
    fields: Fields = field(default_factory=dict)


class Pool:
    """All items of a project, by row: the position over all segments, fixed for ever.

    Only the segments' sizes and, once ids are looked up, 24 bytes per item are held in memory.
    """

    def __init__(self, folder: Path, kind: Kind, segments: tuple[Segment, ...]) -> None:
        self.folder = folder
        self.kind: Kind = kind
        self._segments = segments
        self._index: HashIndex | None = None
        self._contents: HashIndex | None = None

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the pool in `folder`.

        Raises:
            DataError: there is none, or a part of it is damaged or missing.
        """
        return cls(folder, *load_manifest(folder))

    @classmethod
    def create(cls, folder: Path, kind: Kind) -> Self:
        """Start an empty pool in `folder`.

        Raises:
            DataError: there is one already.
        """
        if (folder / MANIFEST).exists():
            raise DataError(f"{folder}: there is already a pool here. Add to it with `curator add`.")
        folder.mkdir(parents=True, exist_ok=True)
        save_manifest(folder, kind, ())
        return cls(folder, kind, ())

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments, in row order."""
        return self._segments

    @property
    def n_items(self) -> int:
        """How many items there are, of both roles."""
        return sum(segment.n_rows for segment in self._segments)

    def items(self, rows: ArrayLike) -> list[Item]:
        """The items at these rows, in this order.

        Raises:
            DataError: there is no such row, or a segment cannot be read.
        """
        from curator.pool.segment_files import FIELDS, fields_column  # loads Arrow

        names = ("item_id", "text", "image", "label")
        table = self._gather(rows, (*names, FIELDS))
        values = [table.column(name).to_pylist() for name in names]
        return [Item(*parts) for parts in zip(*values, fields_column(table), strict=True)]

    def contents(self, rows: ArrayLike) -> list[str]:
        """Texts, or paths and URLs of images, at these rows: what an encoder takes."""
        return list(self._gather(rows, (self.kind,)).column(self.kind).to_pylist())

    def ids(self, rows: ArrayLike) -> list[str]:
        """The item ids at these rows."""
        return list(self._gather(rows, ("item_id",)).column("item_id").to_pylist())

    def labels(self, rows: ArrayLike) -> list[str | None]:
        """What the data file said about the items at these rows."""
        return list(self._gather(rows, ("label",)).column("label").to_pylist())

    def content_hashes(self, rows: ArrayLike) -> HashArray:
        """(n, 2) 128-bit hashes of the contents at these rows."""
        from curator.pool.segment_files import hash_columns  # loads Arrow

        return hash_columns(self._gather(rows, ("content_hash_1", "content_hash_2")), "content_hash")

    def rows(self, ids: Sequence[str]) -> IntArray:
        """The rows of these ids, in this order.

        Raises:
            DataError: some are unknown.
        """
        found = self.find(as_hashes(digest(item_id.encode("utf-8", "surrogatepass")) for item_id in ids))
        unknown = [ids[at] for at in np.flatnonzero(found < 0)]
        if unknown:
            raise DataError(f"{self.folder}: {len(unknown):,} unknown item ids: {listed(unknown, LISTED)}.")
        return found

    def find(self, id_hashes: HashArray) -> IntArray:
        """(n,) rows by the hashes of ids; -1 where unknown."""
        if self._index is None:
            self._index = self._index_of("id_hash")
        return self._index.find(id_hashes)

    def find_content(self, content_hashes: HashArray) -> IntArray:
        """(n,) rows by the hashes of contents, of several with the same the first; -1 where unknown."""
        if self._contents is None:
            self._contents = self._index_of("content_hash")
        return self._contents.find(content_hashes)

    def _index_of(self, column: str) -> HashIndex:
        from curator.pool.segment_files import hash_columns, read_segment  # loads Arrow

        index = HashIndex()
        for segment in self._segments:
            table = read_segment(segment, (f"{column}_1", f"{column}_2"))
            values = np.arange(segment.first_row, segment.first_row + segment.n_rows)
            index.insert(hash_columns(table, column), values)
        return index

    def role_rows(self, role: Role) -> IntArray:
        """The rows of one role, ascending."""
        ranges = [np.arange(s.first_row, s.first_row + s.n_rows) for s in self._segments if s.role == role]
        return np.concatenate(ranges) if ranges else np.empty(0, dtype=np.int64)

    def label_counts(self, role: Role | None = None) -> dict[str, int]:
        """How often the data file gave each label, of one role or of both; unlabeled items do not count."""
        from curator.pool.segment_files import read_segment  # loads Arrow

        counts: Counter[str] = Counter()
        for segment in self._segments:
            if role in (None, segment.role):
                for entry in (
                    read_segment(segment, ("label",)).column("label").drop_null().value_counts().to_pylist()
                ):
                    counts[entry["values"]] += entry["counts"]
        return dict(sorted(counts.items()))

    def replace_segments(self, segments: tuple[Segment, ...]) -> None:
        """Take over what an import committed."""
        self._segments = segments
        self._index = self._contents = None

    def go_back(self, segments: tuple[Segment, ...]) -> None:
        """Undo the imports since these were all the segments."""
        newer = self._segments[len(segments) :]
        save_manifest(self.folder, self.kind, segments)
        self.replace_segments(segments)
        for segment in newer:
            segment.path.unlink(missing_ok=True)

    def _gather(self, rows: ArrayLike, columns: Sequence[str]) -> Any:
        """An Arrow table of the rows in the given order; each segment is read once."""
        from curator.pool.segment_files import joined, no_rows, read_segment, take_rows  # loads Arrow

        wanted = np.asarray(rows, dtype=np.int64)
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= self.n_items):
            raise DataError(
                f"{self.folder}: rows go from 0 to {self.n_items - 1}, not {wanted.min()} to {wanted.max()}."
            )
        starts = np.asarray([segment.first_row for segment in self._segments], dtype=np.int64)
        owner = np.searchsorted(starts, wanted, side="right") - 1
        order = np.argsort(owner, kind="stable")
        parts = []
        for index in np.unique(owner):
            segment = self._segments[index]
            part = read_segment(segment, columns)
            local = wanted[order[owner[order] == index]] - segment.first_row
            whole = len(local) == segment.n_rows and bool((local == np.arange(segment.n_rows)).all())
            parts.append(part if whole else take_rows(part, local))
        if not parts:
            return no_rows(columns)
        table = joined(parts)
        in_order = bool((order == np.arange(len(order))).all())
        return table if in_order else take_rows(table, np.argsort(order, kind="stable"))
