"""Which column holds what: inferred from names and contents, and said."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from curator.errors import DataError
from curator.pool.column_contents import ColumnSeen, Contents
from curator.pool.columns import ROLES, SUBFOLDER, Columns, check_folder_columns, existing_columns
from curator.pool.formats import (
    RawBatch,
    column_names,
    first_rows,
    format_of,
    python_values,
    raw_batches,
)
from curator.pool.hash_index import HashIndex, as_hashes, digest
from curator.pool.image_folder import folder_label, folder_labels, read_image_folder
from curator.pool.labels import (
    FoundLabels,
    id_text,
    is_blank,
    merged,
    read_labels,
    sorted_classes,
)
from curator.pool.problems import Problems, counted, listed
from curator.pool.reading import UNKNOWN, Reading
from curator.pool.segments import Kind
from integrations.class_names import ClassNames, plain
from integrations.label_cells import described

# a name decides at once when it comes first in its list; later ones only while they are alone
ID_NAMES = ("id", "item_id", "uid", "uuid", "guid")
TEXT_NAMES = ("text", "body", "content", "sentence", "question", "message", "review", "comment", "utterance")
IMAGE_NAMES = (
    "image",
    "image_path",
    "img",
    "picture",
    "photo",
    "path",
    "file",
    "filename",
    "file_name",
    "url",
)
LABEL_NAMES = ("label", "class", "category", "target", "intent")
# words in the name of a column that may be the id, or the label, by what it holds
ID_WORDS = frozenset(("id", "uid", "uuid", "guid", "key", "nr", "no", "number"))
LABEL_WORDS = frozenset(
    (*LABEL_NAMES, "labels", "topic", "tag", "type", "sentiment", "rating", "polarity", "genre", "y", "gold")
)
EMBEDDING_NAMES = ("embedding", "embeddings", "vector")

LOOKED_AT = 1000  # rows that inference looks at
LISTED = 12  # columns that an error lists
CLEARLY_LONGER = 2.0  # times the mean length of the next column


@dataclass(frozen=True)
class Inferred:
    """What `infer_columns` found.

    Attributes:
        kind: what the content is.
        columns: where things are.
        notes: what was inferred rather than given, a sentence each.
        classes: the distinct labels, sorted; None without a label column.
        label_counts: how often each label occurs, look-alikes apart; None without a label column.
        unlabeled: rows without a label, of a label column.
        seen: every column, with what it is used as and why; none for a folder of images.
        missing: of the notes, those about what no column gives.
        left_out: files that become no item, with the reason, a sentence each.
    """

    kind: Kind
    columns: Columns
    notes: tuple[str, ...]
    classes: tuple[str, ...] | None
    label_counts: Counter[str] | None = None
    unlabeled: int = 0
    seen: tuple[ColumnSeen, ...] = ()
    missing: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def infer_columns(
    path: Path,
    given: Columns,
    kind: Kind | None,
    *,
    classes: tuple[str, ...] | None = None,
    allow_outside: bool = False,
) -> Inferred:
    """Find out which column holds what.

    Args:
        path: a data file or a folder of images.
        given: what the user named; taken as it is, but for spaces around a column's name.
        kind: text or image; None to find out.
        classes: as the user names them; None = those of the labels.
        allow_outside: a folder of images may link to others.

    Raises:
        DataError: a named column is missing, or it is not clear which column is meant; the message names
            the option that decides.
    """
    if format_of(path) == "folder":
        return _infer_folder(path, given, kind, allow_outside=allow_outside)
    if given.label_level is not None:
        raise DataError(f"{path}: --label-level is for a folder of images. Leave it out.")
    given = _as_spelled(given, column_names(path, tuple(given.options()), given.reading))
    existing = existing_columns(path, given)
    return _FileInference(path, given, existing, classes).run(kind)


def _as_spelled(given: Columns, existing: Sequence[str]) -> Columns:
    """The columns that the user named, as the file spells them: "id, text" has a column " text"."""
    spelled = {name.strip(): name for name in reversed(existing)} | {name: name for name in existing}

    def found(value: object) -> object:
        if isinstance(value, tuple):
            return tuple(spelled.get(name, name) for name in value)
        return spelled.get(value, value) if isinstance(value, str) else value

    return replace(given, **{field.name: found(getattr(given, field.name)) for field in fields(given)})  # type: ignore[arg-type]


def _infer_folder(path: Path, given: Columns, kind: Kind | None, *, allow_outside: bool) -> Inferred:
    if kind == "text":
        raise DataError(f"{path}: a folder holds images. Give texts as a CSV, JSONL or Parquet file.")
    check_folder_columns(path, given)
    if given.id or given.text or given.image:
        raise DataError(f"{path}: a folder of images has no columns. Leave out --id, --text, --image.")
    found = read_image_folder(path, allow_outside=allow_outside)
    problems = Problems(path)
    found.report(problems)
    problems.raise_if_any()
    if not found.images:
        raise DataError(
            f"{path}: no image in this folder. Put PNG or JPEG files in it, in subfolders or not."
        )
    left_out = []
    if found.others:
        files = "file that is" if found.others == 1 else "files that are"
        left_out.append(f"{found.others:,} {files} neither PNG nor JPEG")
    if found.dangling:
        left_out.append(f"links that lead nowhere: {listed(found.dangling, 3)}")
    notes = [f"id: path below {path.name} ({counted(len(found.images), 'image')})"]
    notes += [f"left out: {what}" for what in left_out]
    labels = folder_labels(found, given.label_level, wanted=given.label is not None)
    if labels is None:
        if given.label:
            raise DataError(
                f"{path}: its images lie in no subfolders, so subfolders cannot be labels. Leave out --label."
            )
        notes.append("no label: no folder level could be the classes; --label-level N takes one")
        return Inferred("image", Columns(), tuple(notes), None, left_out=tuple(left_out))
    notes.append(labels.note)
    names = [folder_label(found.parts(image), labels.level) for image in found.images]
    counts = Counter(plain(name) for name in names if name is not None)
    columns = Columns(
        label=SUBFOLDER, label_level=labels.level, merge_case=given.merge_case, cells=given.cells
    )
    classes = sorted_classes(merged(counts) if given.merge_case else counts)
    return Inferred(
        "image", columns, tuple(notes), classes, counts, labels.unlabeled, left_out=tuple(left_out)
    )


class _FileInference:
    """Inference over the first rows of one file.

    Args:
        path: the file.
        given: what the user named.
        existing: its columns.
        classes: as the user names them; None = those of the labels.
    """

    def __init__(
        self, path: Path, given: Columns, existing: list[str], classes: tuple[str, ...] | None
    ) -> None:
        self._path = path
        self._given = given
        self._classes = None if classes is None else ClassNames(classes, merge_case=given.merge_case)
        self._notes: list[str] = []
        self._why: dict[str, str] = {}  # column -> why it is used as it is, or why not
        first = first_rows(path, existing, LOOKED_AT, given.reading)
        self._contents = {name: self._peek(name, first) for name in existing}

    def _peek(self, name: str, first: RawBatch) -> Contents:
        """A column whose values cannot be read is an error only if the column is wanted."""
        try:
            values = python_values(first.values[name], self._path, name)
            return Contents(name, values, first, cells=self._given.cells)
        except DataError as error:
            return Contents(name, None, first, str(error))

    def run(self, kind: Kind | None) -> Inferred:
        given = self._given
        # A shown column may be the id as well, but is not guessed to be anything else: showing it says what it is for.
        item_id = given.id or self._by_name(ID_NAMES, "--id", Contents.why_no_id)
        shown = set(given.show)
        label, labels = self._label(shown)
        embedding = given.embedding or self._by_name(
            EMBEDDING_NAMES, "--embedding", Contents.why_no_embedding, shown
        )
        taken = {item_id, label, embedding, *shown}
        kind = kind or self._kind(taken)
        if kind == "text":
            content = Columns(text=given.text or self._text(taken))
        else:
            content = Columns(image=given.image or self._image(taken))
        # What is left may be the label or the id by what it holds.
        taken |= {content.text, content.image}
        if label is None:
            label, labels = self._label_by_contents(taken)
        if item_id is None:
            item_id = self._id_by_contents({*taken, label} - shown)
        missing = []
        if item_id is None:
            missing.append(f"no id column: the hash of the content is the id{self._not_taken('id')}")
        elif given.id is None:
            self._notes.append(f"id column: {item_id}{self._reason(item_id)}")
        if label is None:
            missing.append(f"no label column: the labeler gives all labels{self._not_taken('label')}")
        elif given.label is None:
            self._notes.append(f"label column: {label}{self._reason(label)}")
        if given.embedding is None and embedding:
            self._notes.append(f"embedding column: {embedding}")
        columns = replace(content, id=item_id, label=label, embedding=embedding, show=given.show)
        columns = replace(columns, merge_case=given.merge_case, reading=given.reading, cells=given.cells)
        counts = None if labels is None else labels.counts
        return Inferred(
            kind,
            columns,
            (*self._notes, *missing),
            None if counts is None else sorted_classes(merged(counts) if given.merge_case else counts),
            counts,
            0 if labels is None else labels.unlabeled,
            self._seen(columns),
            tuple(missing),
        )

    def _label(self, shown: set[str]) -> tuple[str | None, FoundLabels | None]:
        """The label column by option or by name, with its labels."""
        named = self._given.label
        if named:
            found = read_labels(self._path, named, self._given.reading, self._given.cells)
            if found.why_not:
                raise DataError(
                    f"{self._path}: column {named!r} (--label) cannot hold the labels: {found.why_not}. {self._given.cells.advice}"
                )
            return named, found
        name = self._by_name(LABEL_NAMES, "--label", Contents.why_no_label, shown)
        return self._whole_label(name) if name else (None, None)

    def _whole_label(self, name: str) -> tuple[str | None, FoundLabels | None]:
        """The column, if the whole of it can be the labels."""
        found = read_labels(self._path, name, self._given.reading, self._given.cells)
        if found.why_not:
            self._why[name] = f"not the label: {found.why_not}"
            return None, None
        return name, found

    def _label_by_contents(self, taken: set[str | None]) -> tuple[str | None, FoundLabels | None]:
        """The one column whose values are few and come often; with given classes they have to be these."""
        free = [self._contents[name] for name in self._free(taken)]
        fitting = [
            column
            for column in free
            if column.repeats()
            and (column.type in ("text", "true/false") or column.words & LABEL_WORDS)
            and not column.words & ID_WORDS
        ]
        if self._classes is not None:
            fitting = [c for c in fitting if all(self._classes.find(value) for value in c.values())]
        named = [column for column in fitting if column.words & LABEL_WORDS]
        chosen = named if len(named) == 1 else fitting
        if len(chosen) > 1:
            for column in chosen:
                self._why[column.name] = (
                    f"not the label: {counted(len(chosen), 'column')} could be it; say --label {column.name}"
                )
        if len(chosen) != 1:
            return None, None
        column = chosen[0]
        self._why[column.name] = f"{column.distinct} values, {column.rows:,} rows"
        return self._whole_label(column.name)

    def _id_by_contents(self, taken: set[str | None]) -> str | None:
        """The one column that is named like an id and never repeats."""
        fitting = []
        for name in self._free(taken):
            column = self._contents[name]
            if not column.words & ID_WORDS:
                if column.differs() and column.type in ("whole numbers", "text") and name not in self._why:
                    self._why[name] = f"all values differ; --id {name} would make it the id"
                continue
            why_not = column.why_no_id() or why_not_unique(self._path, name, self._given.reading)
            if why_not:
                self._why[name] = f"not the id: {why_not}"
            else:
                fitting.append(name)
        if len(fitting) > 1:
            for name in fitting:
                self._why[name] = f"not the id: {len(fitting)} columns could be it; say --id {name}"
        if len(fitting) != 1:
            return None
        self._why[fitting[0]] = "named like an id, never repeats"
        return fitting[0]

    def _kind(self, taken: set[str | None]) -> Kind:
        if self._given.text and self._given.image:
            raise DataError(f"{self._path}: an item is a text or an image. Give --text or --image, not both.")
        if self._given.text or self._given.image:
            return "text" if self._given.text else "image"
        free = self._free(taken)
        images = [name for name in free if self._contents[name].why_no_image() is None]
        texts = [name for name in free if _common(name) in TEXT_NAMES and self._is_text(name)]
        if images and texts:
            raise DataError(
                f"{self._path}: column {texts[0]!r} looks like text and {images[0]!r} like images."
                " Say which to label with --text or --image."
            )
        kind: Kind = "image" if images else "text"
        self._notes.append(f"kind: {kind}")
        return kind

    def _text(self, taken: set[str | None]) -> str:
        named = self._by_name(TEXT_NAMES, "--text", Contents.why_no_text, taken)
        if named:
            self._notes.append(f"text column: {named}")
            return named
        free = [name for name in self._free(taken) if self._is_text(name)]
        if not free:
            raise DataError(
                f"{self._path}: no column of text. Name the text column with --text. {self._listing()}"
            )
        # Ids and categories are text as well; what people write is what is left.
        prose = [
            name
            for name in free
            if not self._contents[name].repeats() and not self._contents[name].words & ID_WORDS
        ]
        free = prose or free
        longest, *others = sorted(free, key=lambda name: -self._contents[name].mean_length)
        if others and self._contents[longest].mean_length < (
            CLEARLY_LONGER * self._contents[others[0]].mean_length
        ):
            raise DataError(
                f"{self._path}: not clear which column is the text: {listed([longest, *others])}. Name it with --text."
                f" {self._listing()}"
            )
        self._why[longest] = "longest strings" if others else "the only text"
        self._notes.append(f"text column: {longest} ({self._why[longest]})")
        return longest

    def _image(self, taken: set[str | None]) -> str:
        named = self._by_name(IMAGE_NAMES, "--image", Contents.why_no_image, taken)
        if named is None:
            free = [name for name in self._free(taken) if self._contents[name].why_no_image() is None]
            if len(free) != 1:
                found = f"several could be it: {listed(free)}" if free else "none holds paths of images"
                raise DataError(
                    f"{self._path}: not clear which column names the images ({found}). Name it with --image."
                    f" {self._listing()}"
                )
            named = free[0]
            self._why[named] = "image paths"
        self._notes.append(f"image column: {named}")
        return named

    def _by_name(
        self,
        names: Sequence[str],
        option: str,
        why_not: Callable[[Contents], str | None],
        taken: Iterable[str | None] = (),
    ) -> str | None:
        """The column of a known name: the first name of the list decides, the others while alone."""
        used = set(taken) | set(self._given.options())
        found = []
        for name in self._contents:
            if _common(name) in names and name not in used:
                reason = why_not(self._contents[name])
                if reason is None:
                    found.append(name)
                else:
                    self._why[name] = f"not the {option.removeprefix('--')}: {reason}"
        decisive = [name for name in found if _common(name) == names[0]]
        if len(decisive) != 1 and len(found) > 1:
            raise DataError(
                f"{self._path}: columns {listed(found)} could each be meant. Name one with {option}."
            )
        chosen = decisive[0] if len(decisive) == 1 else next(iter(found), None)
        if chosen is not None:
            self._why[chosen] = "by its name"
        return chosen

    def _free(self, taken: set[str | None]) -> list[str]:
        return [name for name in self._contents if name not in taken]

    def _is_text(self, name: str) -> bool:
        return self._contents[name].why_no_text() is None

    def _reason(self, name: str) -> str:
        why = self._why.get(name, "")
        return f" ({why})" if why and why != "by its name" else ""

    def _not_taken(self, role: str) -> str:
        """Why a column that looks like it was not taken."""
        reasons = [
            f"column {name!r} is {why}"
            for name, why in self._why.items()
            if why.startswith(f"not the {role}:")
        ]
        return f" ({'; '.join(reasons)})" if reasons else ""

    def _listing(self) -> str:
        return columns_listing(self._seen(Columns()))

    def _seen(self, columns: Columns) -> tuple[ColumnSeen, ...]:
        """Every column: what it holds, what it is used as and why."""
        roles = {name: role for role in ROLES if (name := getattr(columns, role)) is not None}
        seen = []
        for name, contents in self._contents.items():
            role = roles.get(name) or ("shown" if name in columns.show else None)
            why = "named by option" if role and name in self._given.options() else self._why.get(name, "")
            seen.append(contents.seen(role, why))
        return tuple(seen)


def columns_listing(columns: Sequence[ColumnSeen]) -> str:
    """Columns with examples, a line each, for an error in which the user has to name one."""
    lines = [column.line() for column in columns[:LISTED]]
    more = [f"  and {len(columns) - LISTED:,} more"] if len(columns) > LISTED else []
    return "\n".join(["The columns are:", *lines, *more])


def why_not_unique(path: Path, column: str, reading: Reading = UNKNOWN) -> str | None:
    """Why the values in a column of a whole file are no ids: one is missing, is none, or comes twice."""
    seen = HashIndex()
    for batch in raw_batches(path, (column,), Problems(path), batch_rows=65_536, reading=reading):
        ids = []
        for at, value in enumerate(python_values(batch.values[column], path, column)):
            text = None if is_blank(value) else id_text(value)
            if text is None:
                return f"{batch.place(at)} holds {described(value) if not is_blank(value) else 'nothing'}"
            ids.append(text)
        hashes = as_hashes(digest(text.encode("utf-8", "surrogatepass")) for text in ids)
        earlier = seen.insert(hashes, np.asarray(batch.rows, dtype=np.int64))
        repeated = np.flatnonzero(earlier >= 0)
        if len(repeated):
            at = int(repeated[0])
            return f"{batch.place(at)} repeats {ids[at]!r} of row {int(earlier[at])}"
    return None


def _common(name: str) -> str:
    """A column's name as known names are written."""
    return name.strip().lower()
