"""Read a labeled file against the pool: whose items are labeled, and which items are new."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from curator.config import DataSection
from curator.errors import DataError
from curator.output import has_columns
from curator.own_labels.exports import as_table
from curator.pool.catalogue import Pool
from curator.pool.columns import Columns
from curator.pool.formats import column_names, format_of, python_values, raw_batches
from curator.pool.hash_index import IntArray, as_hashes, digest
from curator.pool.importing import import_records
from curator.pool.incoming import EmbeddingSource
from curator.pool.inference import infer_columns
from curator.pool.labels import id_text, merged, read_labels, sorted_classes
from curator.pool.problems import Problems, listed
from curator.pool.readers import RecordBatch
from curator.pool.reading import UNKNOWN, Reading
from curator.pool.segments import Kind
from curator.progress import Progress
from curator.tasks.task import Task
from integrations.class_names import ClassNames
from integrations.label_cells import LabelCells

_EXPORTED_ID = "item_id"  # in what curator exports, and in the data of its tasks
_is_export = has_columns(_EXPORTED_ID, "label", "role", "round")
_LISTED = 10


@dataclass
class OwnLabels:
    """What labeled files say.

    Attributes:
        labels: item_id -> label, as it stands in the file.
        files: item_id -> name of the file.
        added: items that are new in the pool.
        unlabeled: rows without a label.
        unknown: ids that are neither in the pool nor come with content.
    """

    labels: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    added: int = 0
    unlabeled: int = 0
    unknown: list[str] = field(default_factory=list)

    def take(self, item_id: str, label: str | None, file: str) -> str | None:
        """Note a row; returns the other label that the item has already, where it has one."""
        if label is None:
            self.unlabeled += 1
            return None
        before = self.labels.setdefault(item_id, label)
        self.files.setdefault(item_id, file)
        return before if before != label else None


@dataclass
class MatchedRows:
    """Takes the rows of a labeled file while it is imported: matches them to the pool by id, else by content.

    Args:
        pool: before the import.
        path: of the file, as the user named it.
        found: gets the labels.
    """

    pool: Pool
    path: Path
    found: OwnLabels
    twice: list[str] = field(default_factory=list)

    def rows_of(self, batch: RecordBatch, rows: IntArray) -> IntArray:
        """The pool's rows of a batch: `rows` by id, where there is none those of the same content."""
        same = self.pool.find_content(batch.content_hashes)
        return np.where(rows >= 0, rows, same)

    def take(self, batch: RecordBatch, rows: IntArray) -> None:
        """Note the labels of a batch whose items are at `rows`, -1 for new ones."""
        known = np.flatnonzero(rows >= 0)
        ids = dict(zip(known.tolist(), self.pool.ids(rows[known]), strict=True))
        labels = batch.labels or [None] * len(batch)
        for at, label in enumerate(labels):
            item_id = ids.get(at, batch.ids[at])
            other = self.found.take(item_id, label, self.path.name)
            if other is not None:
                self.twice.append(f"{item_id!r} is {other!r} and {label!r}")

    def check(self) -> None:
        """Refuse a file that gives an item two labels."""
        if self.twice:
            raise DataError(
                f"{self.path}: {len(self.twice):,} items have two different labels: {'; '.join(self.twice[:_LISTED])}. Leave one "
                "of each in the file. Nothing was imported."
            )


def read_own_labels(
    pool: Pool,
    path: Path,
    data: DataSection,
    found: OwnLabels,
    *,
    task: Task,
    classes: Sequence[str],
    label: str | None = None,
    reading: Reading = UNKNOWN,
    embeddings: EmbeddingSource | None = None,
    progress: Progress | None = None,
) -> None:
    """Read a labeled file; items that the pool does not know come into it, where the file has their content.

    Args:
        pool: of the project.
        path: CSV, JSONL, Parquet, a folder of images, an export of curator's or of Label Studio's (JSON).
        data: how the pool's own files are read.
        found: gets what it says.
        task: what a label is.
        classes: labels have to name these.
        label: column of the labels; None = find out.
        reading: how this file is written, where that differs from what `data` says.
        embeddings: where precomputed embeddings of new items come from.
        progress: shows how far it is.

    Raises:
        DataError: all that is wrong with the file. The pool is as before.
    """
    with as_table(path, task) as table:
        reading = _reading_of(table, path, data, reading)
        columns = labeled_columns(table, data, pool.kind, label, reading, cells=task.cells)
        content = columns.text if pool.kind == "text" else columns.image
        has_ids = format_of(table) != "folder" and columns.id is not None
        if has_ids and _ids_say_all(pool, table, columns, has_content=content is not None):
            _read_by_id(pool, table, columns, found, classes, path)
            return
        matched = MatchedRows(pool, path, found)
        report = import_records(
            pool, table, columns, classes=classes, allow_outside=data.allow_outside, embeddings=embeddings, progress=progress,
            matched=matched,
        )  # fmt: skip
        found.added += report.added


def labeled_classes(path: Path, data: DataSection, kind: Kind, task: Task) -> tuple[str, ...]:
    """The classes that the labels of a labeled file name."""
    with as_table(path, task) as table:
        if format_of(table) == "folder":
            return infer_columns(table, _folder_columns(data, task.cells), "image").classes or ()
        reading = _reading_of(table, path, data)
        label = str(labeled_columns(table, data, kind, None, reading, cells=task.cells).label)
        labels = read_labels(table, label, reading, task.cells)
    if labels.why_not:
        raise DataError(
            f"{path}: column {label!r} cannot hold the labels: {labels.why_not}. {task.cells.advice}"
        )
    return sorted_classes(merged(labels.counts) if data.merge_case else labels.counts)


def _reading_of(table: Path, path: Path, data: DataSection, said: Reading = UNKNOWN) -> Reading:
    """How a labeled file is written: as the pool's files, but for exports: they are UTF-8, with commas."""
    if table != path:
        return UNKNOWN
    return said if _is_export(path) else data.reading.overridden(said)


def _folder_columns(data: DataSection, cells: LabelCells) -> Columns:
    return Columns(label_level=data.label_level, merge_case=data.merge_case, cells=cells)


def labeled_columns(
    path: Path,
    data: DataSection,
    kind: Kind,
    label: str | None,
    reading: Reading = UNKNOWN,
    *,
    cells: LabelCells,
) -> Columns:
    """Which column of a labeled file holds what: named as in the pool's own files where it can be.

    Raises:
        DataError: there is no column of labels.
    """
    if format_of(path) == "folder":
        found = infer_columns(path, _folder_columns(data, cells), "image").columns
        if found.label is None:
            raise DataError(
                f"{path}: no labels: in a labeled folder each class has a subfolder with its images."
            )
        return found
    existing = column_names(path, (), reading)

    def there(name: str | None) -> str | None:
        return name if name in existing else None

    given = Columns(
        id=there(_EXPORTED_ID) or there(data.id),
        text=there(data.text) if kind == "text" else None,
        image=there(data.image) if kind == "image" else None,
        label=label or there(data.label),
        embedding=there(data.embedding),
        show=tuple(name for name in data.show if name in existing),
        reading=reading,
        merge_case=data.merge_case,
        cells=cells,
    )
    try:
        inferred = infer_columns(path, given, kind).columns
    except DataError:
        names = [name for name in existing if name.lower() in ("label", "class", "category")]
        if given.id is None or not (given.label or len(names) == 1):
            raise
        # labels of items that the pool knows
        return replace(given, text=None, image=None, embedding=None, show=(), label=given.label or names[0])
    if inferred.label is None:
        raise DataError(f"{path}: no column of labels; it has {listed(existing)}. Name it with --label.")
    # A column that looks like ids is one only where the pool's own files have it: else content tells items apart.
    return replace(inferred, id=given.id)


def _ids_say_all(pool: Pool, path: Path, columns: Columns, *, has_content: bool) -> bool:
    """Whether no row needs its content to be read: there is none, or the pool knows every id."""
    if not has_content:
        return True
    problems, reading = Problems(path), columns.reading
    for batch in raw_batches(path, (str(columns.id),), problems, batch_rows=65_536, reading=reading):
        ids = [_id_text(value) for value in python_values(batch.values[str(columns.id)], path, columns.id)]
        if (pool.find(as_hashes(digest(i.encode("utf-8", "surrogatepass")) for i in ids)) < 0).any():
            return False
    return True


def _read_by_id(
    pool: Pool, path: Path, columns: Columns, found: OwnLabels, classes: Sequence[str], shown: Path
) -> None:
    """Labels of items that the pool knows, or cannot know; a text that comes along has to be the item's."""
    problems, names = Problems(shown), ClassNames(classes, merge_case=columns.merge_case)
    text = columns.text if pool.kind == "text" else None
    wanted = (str(columns.id), str(columns.label), *([text] if text else []))
    for batch in raw_batches(path, wanted, problems, batch_rows=65_536, reading=columns.reading):
        values = {name: python_values(batch.values[name], path, name) for name in wanted}
        ids = [_id_text(value) for value in values[str(columns.id)]]
        rows = pool.find(as_hashes(digest(i.encode("utf-8", "surrogatepass")) for i in ids))
        known = np.flatnonzero(rows >= 0)
        texts = dict(zip(known.tolist(), pool.contents(rows[known]), strict=True)) if text else {}
        for at, item_id in enumerate(ids):
            value = values[str(columns.label)][at]
            said = columns.cells.read(value)
            label = None if said is None else columns.cells.find(value, names)
            if rows[at] < 0:
                found.unknown.append(item_id)
            elif text and not _same_text(values[text][at], texts[at]):
                problems.add(
                    "an id that is in the pool comes with another text",
                    f"{batch.place(at)}: {item_id!r}",
                    "The label would go to the wrong item. Give these items ids of their own, or leave them out.",
                )
            elif said is not None and label is None:
                problems.add(
                    f"labels outside the classes in column {columns.label!r}",
                    f"{batch.place(at)}: {said!r}",
                    f"The classes are {listed(list(classes))}. Correct the labels, or `curator classes add` them first.",
                )
            elif (other := found.take(item_id, label, shown.name)) is not None:
                problems.add(
                    "an item with two different labels",
                    f"{batch.place(at)}: {item_id!r} is {other!r} and {label!r}",
                    "Leave one of them in the file.",
                )
    problems.raise_if_any()


def _id_text(value: object) -> str:
    """An id as the pool has it; of what can be none, whatever it says, for the list of those that the pool does not know."""
    return "" if value is None else id_text(value) or str(value)


def _same_text(given: object, known: str) -> bool:
    """Whether a text is the pool's; `curator export` puts apostrophes before what a spreadsheet would run."""
    return not given or str(given) == known or str(given).replace("'", "") == known.replace("'", "")
