"""Which column holds what: inferred from names and contents, and said."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from curator.errors import DataError
from curator.pool.formats import (
    IMAGE_ENDINGS,
    column_names,
    first_rows,
    format_of,
    image_files,
    python_values,
    raw_batches,
)
from curator.pool.problems import Problems, listed, missing_column
from curator.pool.reading import UNKNOWN, Reading

Kind = Literal["text", "image"]

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
EMBEDDING_NAMES = ("embedding", "embeddings", "vector")

ROLES = ("id", "text", "image", "label", "embedding")
SHOW_OPTION = "--show"
SHOW_ADVICE = "Add it to the file, empty if need be, or take it out of `show` under [data] in curator.toml."
SUBFOLDER = "subfolder"  # stands for the label column in a folder of images
LOOKED_AT = 1000  # rows that inference looks at
MOST_CLASSES = 1000  # more distinct labels than this are no classes
CLEARLY_LONGER = 2.0  # times the mean length of the next column


@dataclass(frozen=True)
class Columns:
    """Names of the columns; None means not given, or not there.

    Attributes:
        show: further columns that annotators see beside the item, in this order.
        reading: how the file that has them is written.
    """

    id: str | None = None
    text: str | None = None
    image: str | None = None
    label: str | None = None
    embedding: str | None = None
    show: tuple[str, ...] = ()
    reading: Reading = UNKNOWN

    def options(self) -> dict[str, str]:
        """Name of every column that is given -> the option that names it."""
        single = {name: f"--{role}" for role in ROLES if (name := getattr(self, role)) is not None}
        # a shown id column is read once, as both
        return {**dict.fromkeys(self.show, SHOW_OPTION), **single}


@dataclass(frozen=True)
class Inferred:
    """What `infer_columns` found.

    Attributes:
        kind: what the content is.
        columns: where things are.
        notes: what was inferred rather than given, a sentence each.
        classes: the distinct labels, sorted; None without a label column.
    """

    kind: Kind
    columns: Columns
    notes: tuple[str, ...]
    classes: tuple[str, ...] | None


def infer_columns(path: Path, given: Columns, kind: Kind | None) -> Inferred:
    """Find out which column holds what.

    Args:
        path: a data file or a folder of images.
        given: what the user named; taken as it is.
        kind: text or image; None to find out.

    Raises:
        DataError: a named column is missing, or it is not clear which column is meant; the message names
            the option that decides.
    """
    if format_of(path) == "folder":
        return _infer_folder(path, given, kind)
    existing = existing_columns(path, given)
    return _FileInference(path, given, existing).run(kind)


def existing_columns(path: Path, columns: Columns) -> list[str]:
    """The columns of a file, those that are named among them.

    Raises:
        DataError: one that is named is missing, or cannot be shown.
    """
    _check_shown(path, columns)
    named = columns.options()
    existing = column_names(path, tuple(named), columns.reading)
    for name, option in named.items():
        if name not in existing:
            advice = SHOW_ADVICE if option == SHOW_OPTION else ""
            raise missing_column(path, name, option, existing, advice)
    return existing


def _check_shown(path: Path, columns: Columns) -> None:
    """Refuse to show what is shown already, what gives the answer away, and anything twice."""
    reasons = {
        columns.text: "is shown already, as the text",
        columns.image: "is shown already, as the image",
        columns.label: "holds the known labels: it would give the answer away",
        columns.embedding: "holds embeddings, which nobody can read",
    }
    for name in columns.show:
        why = "is named twice" if columns.show.count(name) > 1 else reasons.get(name)
        if why:
            raise DataError(f"{path}: column {name!r} ({SHOW_OPTION}) {why}. Leave it out of {SHOW_OPTION}.")


def check_classes(classes: Sequence[str], where: str) -> tuple[str, ...]:
    """The classes, if they can be classes.

    Args:
        classes: their names.
        where: where they come from, for the message.

    Raises:
        DataError: fewer than two, a blank one, or one twice.
    """
    if any(not name.strip() for name in classes):
        raise DataError(f"{where}: a class has a blank name. Name every class.")
    repeated = sorted({name for name in classes if list(classes).count(name) > 1})
    if repeated:
        raise DataError(f"{where}: class {repeated[0]!r} is named twice. Name each class once.")
    if len(classes) < 2:
        found = f"only {classes[0]!r}" if classes else "none"
        raise DataError(f"{where}: fewer than two classes ({found}). Give at least two with --classes A,B.")
    return tuple(classes)


def _infer_folder(path: Path, given: Columns, kind: Kind | None) -> Inferred:
    if kind == "text":
        raise DataError(f"{path}: a folder holds images. Give texts as a CSV, JSONL or Parquet file.")
    check_folder_columns(path, given)
    if given.id or given.text or given.image:
        raise DataError(f"{path}: a folder of images has no columns. Leave out --id, --text, --image.")
    files, others = image_files(path)
    if not files:
        raise DataError(
            f"{path}: no image in this folder. Put PNG or JPEG files in it, in subfolders or not."
        )
    notes = [f"id: path below {path.name} ({len(files):,} images)"]
    if others:
        notes.append(f"left out: {others:,} files that are neither PNG nor JPEG")
    folders = sorted({file.parent for file in files})
    if path not in folders and (len(folders) > 1 or given.label):
        notes.append("label: name of the subfolder")
        classes = sorted_classes({folder.name for folder in folders})
        return Inferred("image", Columns(label=SUBFOLDER), tuple(notes), classes)
    if given.label:
        raise DataError(
            f"{path}: not every image lies in a subfolder, so subfolders cannot be labels. Leave out --label."
        )
    return Inferred("image", Columns(), tuple(notes), None)


def check_folder_columns(path: Path, columns: Columns) -> None:
    """Refuse columns that a folder of images would have to have; id and image it has: the path of each.

    Raises:
        DataError: some are named.
    """
    if columns.show:
        raise DataError(
            f"{path}: a folder of images has no columns to show ({listed(columns.show)}). Leave out {SHOW_OPTION}, or"
            " list the images in a CSV, JSONL or Parquet file with these columns."
        )
    named = [name for name in (columns.label, columns.embedding) if name not in (None, SUBFOLDER)]
    if named:
        raise DataError(
            f"{path}: a folder of images has no columns, so there is no {named[0]!r} in it. List the images in a CSV, JSONL"
            " or Parquet file with this column."
        )


class _FileInference:
    """Inference over the first rows of one file."""

    def __init__(self, path: Path, given: Columns, existing: list[str]) -> None:
        self._path = path
        self._given = given
        self._existing = existing
        self._notes: list[str] = []
        first = first_rows(path, existing, LOOKED_AT, given.reading)
        self._values = {name: self._peek(name, first.values[name]) for name in existing}

    def _peek(self, name: str, values: Any) -> list[Any]:
        """The values of a column; none when they cannot be read, which is an error only if the column is wanted."""
        try:
            return python_values(values, self._path, name)
        except DataError:
            return []

    def run(self, kind: Kind | None) -> Inferred:
        given = self._given
        # A shown column may be the id as well, but is not guessed to be anything else: showing it says what it is for.
        item_id = given.id or self._by_name(ID_NAMES, "--id", self._is_id)
        shown = set(given.show)
        label = given.label or self._by_name(LABEL_NAMES, "--label", self._is_label, shown)
        embedding = given.embedding or self._by_name(EMBEDDING_NAMES, "--embedding", self._is_vector, shown)
        taken = {item_id, label, embedding, *shown}
        kind = kind or self._kind(taken)
        if kind == "text":
            content = Columns(text=given.text or self._text(taken))
        else:
            content = Columns(image=given.image or self._image(taken))
        if given.id is None:
            self._notes.append(
                f"id column: {item_id}" if item_id else "no id column: the hash of the content is the id"
            )
        if given.label is None:
            self._notes.append(
                f"label column: {label}" if label else "no label column: the labeler gives all labels"
            )
        if given.embedding is None and embedding:
            self._notes.append(f"embedding column: {embedding}")
        columns = replace(
            content, id=item_id, label=label, embedding=embedding, show=given.show, reading=given.reading
        )
        return Inferred(
            kind,
            columns,
            tuple(self._notes),
            distinct_labels(self._path, label, given.reading) if label else None,
        )

    def _kind(self, taken: set[str | None]) -> Kind:
        if self._given.text and self._given.image:
            raise DataError(f"{self._path}: an item is a text or an image. Give --text or --image, not both.")
        if self._given.text or self._given.image:
            return "text" if self._given.text else "image"
        free = [name for name in self._existing if name not in taken]
        images = [name for name in free if self._is_image(name)]
        texts = [name for name in free if name.lower() in TEXT_NAMES and self._is_text(name)]
        if images and texts:
            raise DataError(
                f"{self._path}: column {texts[0]!r} looks like text and {images[0]!r} like images."
                " Say which to label with --text or --image."
            )
        kind: Kind = "image" if images else "text"
        self._notes.append(f"kind: {kind}")
        return kind

    def _text(self, taken: set[str | None]) -> str:
        named = self._by_name(TEXT_NAMES, "--text", self._is_text, taken)
        if named:
            self._notes.append(f"text column: {named}")
            return named
        free = [name for name in self._existing if name not in taken and self._is_text(name)]
        if not free:
            raise DataError(
                f"{self._path}: no column of text. It has {listed(self._existing)}. Name the text column with --text."
            )
        lengths = {name: _mean_length(self._values[name]) for name in free}
        longest, *others = sorted(free, key=lambda name: -lengths[name])
        if others and lengths[longest] < CLEARLY_LONGER * lengths[others[0]]:
            raise DataError(
                f"{self._path}: not clear which column is the text: {listed([longest, *others])}. Say so with --text."
            )
        self._notes.append(f"text column: {longest} ({'longest strings' if others else 'the only text'})")
        return longest

    def _image(self, taken: set[str | None]) -> str:
        named = self._by_name(IMAGE_NAMES, "--image", self._is_image, taken)
        if named is None:
            free = [name for name in self._existing if name not in taken and self._is_image(name)]
            if len(free) != 1:
                found = f"several could be it: {listed(free)}" if free else f"it has {listed(self._existing)}"
                raise DataError(
                    f"{self._path}: not clear which column names the images ({found}). Say so with --image."
                )
            named = free[0]
        self._notes.append(f"image column: {named}")
        return named

    def _by_name(
        self, names: Sequence[str], option: str, fits: Any, taken: Iterable[str | None] = ()
    ) -> str | None:
        """The column of a known name: the first name of the list decides, the others while alone."""
        used = set(taken) | {getattr(self._given, role) for role in ROLES}
        found = [name for name in self._existing if name.lower() in names and name not in used and fits(name)]
        decisive = [name for name in found if name.lower() == names[0]]
        if len(decisive) == 1:
            return decisive[0]
        if len(found) > 1:
            raise DataError(
                f"{self._path}: columns {listed(found)} could each be meant. Name one with {option}."
            )
        return found[0] if found else None

    def _is_id(self, name: str) -> bool:
        return all(isinstance(value, (str, int)) for value in self._present(name))

    def _is_label(self, name: str) -> bool:
        return all(isinstance(value, (str, int)) for value in self._present(name)) and bool(
            self._present(name)
        )

    def _is_text(self, name: str) -> bool:
        present = self._present(name)
        return (
            bool(present)
            and all(isinstance(v, str) for v in present)
            and not all(_is_number(v) for v in present)
        )

    def _is_image(self, name: str) -> bool:
        present = self._present(name)
        return bool(present) and all(
            isinstance(value, str) and value.lower().split("?")[0].endswith(IMAGE_ENDINGS)
            for value in present
        )

    def _is_vector(self, name: str) -> bool:
        present = self._present(name)
        return bool(present) and all(
            isinstance(value, list) or (isinstance(value, str) and value.lstrip().startswith("["))
            for value in present
        )

    def _present(self, name: str) -> list[Any]:
        return [value for value in self._values[name] if value is not None and value != ""]


def distinct_labels(path: Path, column: str, reading: Reading = UNKNOWN) -> tuple[str, ...]:
    """The distinct labels in a column of a whole file, sorted; blank ones do not count.

    Raises:
        DataError: there are too many to be classes.
    """
    found: set[str] = set()
    for batch in raw_batches(path, (column,), Problems(path), batch_rows=65_536, reading=reading):
        found.update(
            label
            for value in python_values(batch.values[column], path, column)
            if (label := label_text(value)) is not None
        )
        if len(found) > MOST_CLASSES:
            raise DataError(
                f"{path}: column {column!r} has more than {MOST_CLASSES:,} different values, so they are no classes."
                " Name the label column with --label, or the classes with --classes."
            )
    return sorted_classes(found)


def sorted_classes(names: Iterable[str]) -> tuple[str, ...]:
    """Classes in order: as numbers when all are whole numbers, else as text."""
    listed_names = list(names)
    if all(name.isdecimal() for name in listed_names):
        return tuple(sorted(listed_names, key=lambda name: (int(name), name)))
    return tuple(sorted(listed_names))


def label_text(value: object) -> str | None:
    """A label as text: whole numbers and true/false are taken as written; blank means unlabeled."""
    match value:
        case str():
            return value if value.strip() else None
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case _:
            return None


def _mean_length(values: Iterable[Any]) -> float:
    lengths = [len(value) for value in values if value]
    return sum(lengths) / max(1, len(lengths))


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
