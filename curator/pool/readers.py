"""Reads a user's data file into checked batches: ids, content, labels and embeddings, never the whole file.

Everything wrong with the rows is collected and raised at the end, so that one run names all of it. After
the first problem no more batches come out, but reading goes on to find the rest. Where bad rows are to be left
out, the batches come without them.
"""

import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.errors import DataError
from curator.pool.columns import SUBFOLDER, Columns, check_folder_columns, existing_columns
from curator.pool.confine import Confined
from curator.pool.fields import Fields, shown_text
from curator.pool.formats import RawBatch, format_of, python_values, raw_batches
from curator.pool.hash_index import HashArray, HashIndex, IntArray, as_hashes, as_hex, digest
from curator.pool.image_folder import folder_label, read_image_folder
from curator.pool.json_rows import is_unicode
from curator.pool.labels import id_text, is_blank
from curator.pool.matrices import matrix_of, plain_values, row_of, why_no_row
from curator.pool.problems import SHOWN, Problems, listed, place, quoted
from curator.pool.segments import Kind
from integrations.class_names import ClassNames
from integrations.label_cells import described

BATCH_ROWS = 4096
# How labels become classes; NAME stands for theirs.
NEW_CLASS = (
    "if they are classes too, name them: with --classes at `curator init`, or by `curator classes add NAME` in an existing "
    "project"
)
URL = re.compile(r"(https?|s3|gs)://", re.IGNORECASE)


@dataclass(frozen=True)
class RecordBatch:
    """Consecutive rows of a data file, checked.

    Attributes:
        rows: (n,) number of each row among the data rows, from 1.
        lines: line on which each row starts; None for Parquet and folders.
        ids: from the id column, the relative path (folder), or else the content's hash in hexadecimal.
        id_hashes: (n, 2) hashes of the ids.
        contents: texts; or images as absolute paths or URLs.
        content_hashes: (n, 2) hashes of the texts, of the images' bytes, or of the URLs.
        labels: one of the classes or None for each row; None without a label column.
        embeddings: (n, dim) as the file has them, finite, not normalised; None without an embedding column.
        fields: the shown columns of each row, name -> text, blank ones left out; None without shown columns.
        respelled: labels that were taken as a class which is spelled otherwise: [label, class] -> rows.
    """

    rows: IntArray
    lines: list[int] | None
    ids: list[str]
    id_hashes: HashArray
    contents: list[str]
    content_hashes: HashArray
    labels: list[str | None] | None
    embeddings: NDArray[np.floating[Any]] | None
    fields: list[Fields] | None
    respelled: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.ids)

    def without(self, rows: set[int]) -> "RecordBatch":
        """The batch less the rows of these numbers."""
        if not rows:
            return self
        kept = np.flatnonzero([row not in rows for row in self.rows.tolist()])
        parts: dict[str, Any] = {}
        for name in (part.name for part in fields(self)):
            part = getattr(self, name)
            if isinstance(part, np.ndarray):
                parts[name] = part[kept]
            else:  # `respelled` counts all that were seen
                parts[name] = part and [part[at] for at in kept] if name != "respelled" else part
        return RecordBatch(**parts)


def read_records(
    path: Path,
    columns: Columns,
    kind: Kind,
    *,
    classes: Sequence[str] | None = None,
    labels_required: bool = False,
    allow_outside: bool = False,
    problems: Problems | None = None,
    new_class: str = NEW_CLASS,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[RecordBatch]:
    """Read a data file or a folder of images, batch by batch.

    Args:
        path: a file that `curator.pool.formats` reads, or a folder of PNG and JPEG images.
        columns: where things are; see `curator.pool.columns.infer_columns`.
        kind: what the content is.
        classes: labels have to be one of these; None lets any label pass.
        labels_required: a row without a label is a problem (a hold-out file).
        allow_outside: images may lie outside the folder of the data file, or behind links that lead out of it.
        problems: collects what is wrong, and knows whether bad rows are an error or left out; None: an error.
        new_class: how a class is added, for the message about labels that are none of the classes.
        batch_rows: rows per batch.

    Raises:
        DataError: all that is wrong with the file: what, where, what to do.
    """
    reader = _Reader(
        path,
        columns,
        kind,
        classes,
        Problems(path) if problems is None else problems,
        labels_required=labels_required,
        allow_outside=allow_outside,
        new_class=new_class,
    )
    batches = (
        _folder_batches(reader, batch_rows)
        if format_of(path) == "folder"
        else _file_batches(reader, batch_rows)
    )
    some = False
    for batch in batches:
        if not reader.problems:
            some = some or len(batch) > 0
            yield batch
    reader.raise_problems()
    if not some:
        left_out = sum(reader.problems.left_out.values())
        why = f"no rows left: all {left_out:,} are left out" if left_out else "no rows"
        raise DataError(f"{path}: {why}. Give a file with a row per item.")


class _Reader:
    """The checks, and what they have to remember from row to row."""

    def __init__(
        self,
        path: Path,
        columns: Columns,
        kind: Kind,
        classes: Sequence[str] | None,
        problems: Problems,
        *,
        labels_required: bool,
        allow_outside: bool,
        new_class: str,
    ) -> None:
        self.path = path
        self.columns = columns
        self.kind = kind
        self.problems = problems
        self.confined = Confined(path, self.problems, allow_outside=allow_outside)
        self.allow_outside = allow_outside
        self.classes = None if classes is None else ClassNames(classes, merge_case=columns.merge_case)
        self._new_class = new_class
        self._labels_required = labels_required
        self._seen = HashIndex()
        self._dim: int | None = None
        self._outside: Counter[str] = Counter()
        self._outside_first: dict[str, str] = {}
        self._outside_what = f"labels outside the classes in column {columns.label!r}"

    def _outside_advice(self, names: list[str], classes: ClassNames) -> str:
        adding = self._new_class.replace("NAME", " ".join(map(shlex.quote, names)))
        return f"The classes are {listed(classes.names)}. Correct the labels; or {adding}.{self._alike_hint(classes)}"

    def at(self, raw: RawBatch, position: int) -> str:
        """Where a row is, in words; what is added to the problems next belongs to it."""
        self.problems.on_row(raw.rows[position], raw.lines[position] if raw.lines else None)
        return raw.place(position)

    def raise_problems(self) -> None:
        """Raise all that was found.

        Raises:
            DataError: something was.
        """
        if self._outside and self.classes:
            shown = [
                f"{quoted(label)} ({count:,} {'row' if count == 1 else 'rows'}, first {self._outside_first[label]})"
                for label, count in self._outside.most_common(SHOWN)
            ]
            others = len(self._outside) - len(shown)
            more = f" and {others:,} other labels" if others else ""
            self.problems.on_row(None)
            names = [label for label, _ in self._outside.most_common(SHOWN)]
            advice = self._outside_advice(names, self.classes)
            self.problems.add(self._outside_what, ", ".join(shown) + more, advice, longest=1000)
        self.problems.raise_if_any()

    def _alike_hint(self, classes: ClassNames) -> str:
        """How labels that look like a class are taken as it."""
        pairs = [(label, name) for label in self._outside if (name := classes.alike(label)) is not None]
        if not pairs:
            return ""
        shown = ", ".join(f"{label!r} and {name!r}" for label, name in pairs[:SHOWN])
        return (
            f" {shown} differ only in case, spaces or invisible characters: to treat them as one, give `curator init` "
            "--merge-case, or set merge_case = true under [data] in curator.toml."
        )

    def record_batch(
        self, raw: RawBatch, contents: list[str], hashes: list[bytes], given_ids: Any
    ) -> RecordBatch:
        """Check ids, labels and embeddings of rows whose content was looked at already; bad rows may be left out."""
        content_hashes = as_hashes(hashes)
        respelled: Counter[tuple[str, str]] = Counter()
        labels = self._labels(raw, respelled) if self.columns.label else None
        embeddings = self._embeddings(raw) if self.columns.embedding else None
        shown = self._fields(raw) if self.columns.show else None
        # last: a row that is left out for another reason leaves its id to those that come after it
        if given_ids is None:
            ids = as_hex(content_hashes)
            id_hashes = as_hashes(digest(item_id.encode()) for item_id in ids)
        else:
            ids = self._ids(raw, given_ids)
            id_hashes = self._unique(raw, ids)
        rows = np.asarray(raw.rows, dtype=np.int64)
        batch = RecordBatch(
            rows, raw.lines, ids, id_hashes, contents, content_hashes, labels, embeddings, shown, respelled
        )
        return batch.without(self.problems.bad_among(raw.rows))

    def _ids(self, raw: RawBatch, values: Any) -> list[str]:
        column = self.columns.id
        ids = []
        for at, value in enumerate(python_values(values, self.path, column)):
            text = id_text(value)
            if is_blank(value):
                self.problems.add(
                    f"no id in column {column!r}", self.at(raw, at), "Give every row an id of its own."
                )
            elif text is None:
                self.problems.add(
                    f"id in column {column!r} is neither text nor a whole number",
                    f"{self.at(raw, at)}: {described(value)}",
                    "Write ids as text.",
                )
            ids.append(text or "")
        return ids

    def _unique(self, raw: RawBatch, ids: list[str]) -> HashArray:
        hashes = as_hashes(digest(item_id.encode("utf-8", "surrogatepass")) for item_id in ids)
        # the value kept is where the row is: its number, and its line above the 32nd bit
        lines = np.asarray(raw.lines or [0] * len(ids), dtype=np.int64)
        where = np.asarray(raw.rows, dtype=np.int64) | (lines << 32)
        good = [at for at, item_id in enumerate(ids) if item_id and not self.problems.is_bad(raw.rows[at])]
        earlier = self._seen.insert(hashes[good], where[good])
        for nth in np.flatnonzero(earlier >= 0):
            at = good[nth]
            row, line = int(earlier[nth] & 0xFFFFFFFF), int(earlier[nth] >> 32)
            self.problems.add(
                f"duplicate id in column {self.columns.id!r}",
                f"{self.at(raw, at)} repeats the id {quoted(ids[at])} of {place(row, line or None)}",
                "Give each row an id of its own, or leave the repeats out.",
            )
        return hashes

    def _labels(self, raw: RawBatch, respelled: Counter[tuple[str, str]]) -> list[str | None]:
        column, cells = str(self.columns.label), self.columns.cells
        labels: list[str | None] = []
        for at, value in enumerate(python_values(raw.values[column], self.path, column)):
            label, wrong = cells.read(value), cells.why_not(value)
            if wrong:
                self.problems.add(
                    f"label in column {column!r} is neither text nor a whole number",
                    f"{self.at(raw, at)}: {wrong}",
                    cells.advice,
                )
            elif label is None and self._labels_required:
                self.problems.add(
                    f"no label in column {column!r}",
                    self.at(raw, at),
                    "A hold-out needs a label in every row.",
                )
            elif label is not None and self.classes is not None:
                name = cells.find(value, self.classes)
                if name is None:
                    self._label_outside(raw, at, label, self.classes)
                elif isinstance(value, str) and value != name:
                    respelled[value, name] += 1
                label = name or label
            labels.append(label)
        return labels

    def _label_outside(self, raw: RawBatch, at: int, label: str, classes: ClassNames) -> None:
        """Labels that are no classes are counted and said once each, or else are rows to leave out."""
        if self.problems.skipping:
            where = f"{self.at(raw, at)}: {quoted(label)}"
            self.problems.add(self._outside_what, where, self._outside_advice([label], classes))
            return
        self._outside[label] += 1
        self._outside_first.setdefault(label, raw.place(at))

    def _fields(self, raw: RawBatch) -> list[Fields]:
        columns = [
            [shown_text(value) for value in python_values(raw.values[name], self.path, name)]
            for name in self.columns.show
        ]
        return [
            {name: text for name, text in zip(self.columns.show, texts, strict=True) if text is not None}
            for texts in zip(*columns, strict=True)
        ]

    def _embeddings(self, raw: RawBatch) -> NDArray[np.floating[Any]] | None:
        column = str(self.columns.embedding)
        matrix = matrix_of(raw.values[column])
        if matrix is None or (self._dim is not None and matrix.shape[1] != self._dim):
            matrix = self._rows_of_embeddings(raw, column)
        if matrix is None:
            return None
        self._dim = matrix.shape[1]
        for at in np.flatnonzero(~np.isfinite(matrix).all(axis=1)):
            self._not_finite(raw, int(at), matrix[at], column)
        return matrix

    def _not_finite(self, raw: RawBatch, at: int, row: NDArray[np.floating[Any]], column: str) -> None:
        entry = int(np.flatnonzero(~np.isfinite(row))[0])
        self.problems.add(
            f"embedding in column {column!r} is not finite",
            f"{self.at(raw, at)}: entry {entry + 1} is {row[entry]}",
            "Compute the embeddings of these rows again.",
        )

    def _rows_of_embeddings(self, raw: RawBatch, column: str) -> NDArray[np.floating[Any]] | None:
        """(n, dim) row by row: those that are no embedding, or of another length, are noted and stay zero."""
        found: list[list[float] | None] = []
        for at, value in enumerate(plain_values(raw.values[column])):
            row = row_of(value)
            if row is None:
                what, advice = why_no_row(value)
                self.problems.add(
                    f"not a list of numbers in column {column!r}", f"{self.at(raw, at)}: {what}", advice
                )
            else:
                self._dim = self._dim or len(row)
                if len(row) != self._dim:
                    self.problems.add(
                        f"embedding in column {column!r} differs in length from the first one's {self._dim}",
                        f"{self.at(raw, at)} has {len(row)}",
                        "Every row needs the same number of entries, from one encoder.",
                    )
                    row = None
            found.append(row)
        if self._dim is None:
            return None
        nothing = [0.0] * self._dim
        return np.asarray([nothing if row is None else row for row in found], dtype=np.float64)


def _file_batches(reader: _Reader, batch_rows: int) -> Iterator[RecordBatch]:
    columns = reader.columns
    content = columns.text if reader.kind == "text" else columns.image
    option = "--text" if reader.kind == "text" else "--image"
    if content is None:
        raise DataError(f"{reader.path}: no {reader.kind} column is named. Name it with {option}.")
    existing_columns(reader.path, columns)
    check: Callable[[_Reader, RawBatch, str], tuple[list[str], list[bytes]]]
    check = _texts if reader.kind == "text" else _images
    wanted = tuple(columns.options())
    for raw in raw_batches(
        reader.path,
        wanted,
        reader.problems,
        batch_rows=batch_rows,
        reading=columns.reading,
        unchecked=(*columns.show, columns.image or ""),
    ):
        contents, hashes = check(reader, raw, content)
        yield reader.record_batch(
            raw, contents, hashes, None if columns.id is None else raw.values[columns.id]
        )


def _folder_batches(reader: _Reader, batch_rows: int) -> Iterator[RecordBatch]:
    check_folder_columns(reader.path, reader.columns)
    found = read_image_folder(reader.path, allow_outside=reader.allow_outside)
    found.report(reader.problems)
    files = found.images
    reader.problems.n_rows = len(files)
    # A folder that is itself a class, added alone, says so by its own name.
    own = reader.path.resolve().name
    inherited = own if reader.classes is not None and reader.classes.find(own) else None
    for start in range(0, len(files), batch_rows):
        part = files[start : start + batch_rows]
        rows = list(range(start + 1, start + len(part) + 1))
        values: dict[str, Any] = {"image": [str(file.absolute()) for file in part]}
        if reader.columns.label:
            values[SUBFOLDER] = [
                folder_label(found.parts(file), reader.columns.label_level) or inherited for file in part
            ]
        raw = RawBatch(rows, None, values)
        contents, hashes = _images(reader, raw, "image")
        ids = [file.relative_to(reader.path).as_posix() for file in part]
        yield reader.record_batch(raw, contents, hashes, ids)


def _texts(reader: _Reader, raw: RawBatch, column: str) -> tuple[list[str], list[bytes]]:
    """Texts and their hashes."""
    texts: list[str] = []
    hashes: list[bytes] = []
    for at, value in enumerate(python_values(raw.values[column], reader.path, column)):
        text, encoded = "", b""
        if value is None or (isinstance(value, str) and not value.strip()):
            reader.problems.add(
                f"no text in column {column!r}",
                reader.at(raw, at),
                "Fill the text in, or leave these rows out with --skip-bad-rows FILE.",
            )
        elif not isinstance(value, str):
            reader.problems.add(
                f"column {column!r} holds something other than text",
                f"{reader.at(raw, at)}: {str(value)[:40]!r}",
                "Give text, or name another column with --text.",
            )
        else:
            text, encoded = value, value.encode()
        texts.append(text)
        hashes.append(digest(encoded))
    return texts, hashes


def _images(reader: _Reader, raw: RawBatch, column: str) -> tuple[list[str], list[bytes]]:
    """Paths or URLs of images, and hashes of the images; each file is opened and decoded once."""
    paths: list[str] = []
    hashes: list[bytes] = []
    for at, value in enumerate(python_values(raw.values[column], reader.path, column)):
        path, content = "", b""
        where = reader.at(raw, at)
        if value is None or (isinstance(value, str) and not value.strip()):
            reader.problems.add(
                f"no image in column {column!r}",
                where,
                "Fill the path in, or leave these rows out with --skip-bad-rows FILE.",
            )
        elif not isinstance(value, str):
            reader.problems.add(
                f"column {column!r} holds something other than paths",
                f"{where}: {str(value)[:40]!r}",
                "Give paths relative to the data file, or URLs.",
            )
        elif URL.match(value) and is_unicode(value):
            path, content = value, value.encode()
        else:
            image = reader.confined.file(value, where)
            if image is not None:
                path, content = str(image), _image_bytes(reader, where, image)
        paths.append(path)
        hashes.append(digest(content))
    return paths, hashes


def _image_bytes(reader: _Reader, where: str, path: Path) -> bytes:
    """The bytes of an image that can be decoded; else a problem is noted."""
    # pillow takes a while to import, and pools of text do without
    from integrations.encoders.images import why_broken

    try:
        content = path.read_bytes()
    except OSError as error:
        reader.problems.add(
            "image file cannot be read",
            f"{where}: {path} ({error.strerror})",
            "Paths are relative to the folder of the data file.",
        )
        return b""
    reason = why_broken(content)
    if reason is not None:
        reader.problems.add(
            "broken image", f"{where}: {path} ({reason})", "Replace these images, or leave them out."
        )
    return content
