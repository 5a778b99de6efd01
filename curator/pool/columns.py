"""The columns of a data file that mean something, by name."""

from dataclasses import dataclass
from pathlib import Path

from curator.errors import DataError
from curator.pool.formats import column_names
from curator.pool.problems import listed, missing_column
from curator.pool.reading import UNKNOWN, Reading
from integrations.label_cells import ONE_NAME, LabelCells

ROLES = ("id", "text", "image", "label", "embedding")
SHOW_OPTION = "--show"
SHOW_ADVICE = "Add it to the file, empty if need be, or take it out of `show` under [data] in curator.toml."
SUBFOLDER = "subfolder"  # stands for the label column in a folder of images


@dataclass(frozen=True)
class Columns:
    """Names of the columns; None means not given, or not there.

    Attributes:
        show: further columns that annotators see beside the item, in this order.
        reading: how the file that has them is written.
        label_level: of a folder of images: which folder on the way down is the label, 1 = the outermost; None = the innermost.
        merge_case: labels that look alike (case, unseen characters) are one class.
        cells: how a cell of the label column is read.
    """

    id: str | None = None
    text: str | None = None
    image: str | None = None
    label: str | None = None
    embedding: str | None = None
    show: tuple[str, ...] = ()
    reading: Reading = UNKNOWN
    label_level: int | None = None
    merge_case: bool = False
    cells: LabelCells = ONE_NAME

    def options(self) -> dict[str, str]:
        """Name of every column that is given -> the option that names it."""
        single = {name: f"--{role}" for role in ROLES if (name := getattr(self, role)) is not None}
        # a shown id column is read once, as both
        return {**dict.fromkeys(self.show, SHOW_OPTION), **single}


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
