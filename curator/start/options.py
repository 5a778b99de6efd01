"""What `curator init` is told, and how the texts of its options become values."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from curator.errors import ConfigError
from curator.pool.reading import UNKNOWN, Reading
from integrations.class_names import plain

Kind = Literal["text", "image"]


@dataclass(frozen=True)
class InitOptions:
    """What `curator init` was told; None means infer, or take the default."""

    name: str
    data: Path
    task: str = "single"  # what a label is
    kind: Kind | None = None
    id: str | None = None
    text: str | None = None
    image: str | None = None
    label: str | None = None
    label_level: int | None = None  # of a folder of images: which folder is the label, 1 = the outermost
    merge_case: bool = False  # labels that look alike are one class
    embedding: str | None = None
    show: tuple[str, ...] = ()  # further columns that annotators see beside the item
    allow_outside: bool = False  # images may lie outside the folder of the data file
    reading: Reading = UNKNOWN  # how files of text are written
    skip_bad_rows: Path | None = None  # rows that cannot be used are listed there and left out
    embeddings_file: str | None = None  # .npy, or .npz:ARRAY, aligned with the data
    classes: tuple[str, ...] | None = None
    cannot_tell: str | None = None  # the choice of an annotator who cannot decide; "" = none
    price: str | None = None
    hourly_rate: str | None = None
    currency: str | None = None  # None: that of the amounts, or USD
    budget: str | None = None
    encoder: str | None = None
    labeler: str | None = None
    url: str | None = None
    strategy: str | None = None
    batch: int | None = None
    holdout: str | None = None  # a size, or the path of a labeled file
    holdout_embeddings: str | None = None  # as embeddings_file, for the hold-out file
    metric: str | None = None
    seed: int = 0
    labeled: tuple[Path, ...] = ()  # files with labels that the user owns
    use_labels: bool = False  # the data's own label column is one


def parse_kind(text: str | None) -> Kind | None:
    """`--kind` as a value.

    Raises:
        ConfigError: neither text nor image.
    """
    if text is not None and text not in get_args(Kind):
        raise ConfigError(f"--kind is {text!r}; it must be one of {', '.join(get_args(Kind))}.")
    return cast("Kind | None", text)


def split_columns(text: str | None) -> tuple[str, ...]:
    """`--show` as the names of columns."""
    return tuple(name.strip() for name in _fields(text or "", "--show") if name.strip())


def parse_classes(text: str | None, single: Sequence[str] = ()) -> tuple[str, ...] | None:
    """`--classes` and any number of `--class`, as the names of classes; None when neither is given.

    Args:
        text: comma-separated; a name with a comma stands in double quotes, as in CSV: '"a, b",c'.
        single: each a name as it is.

    Raises:
        ConfigError: a quote is not closed.
    """
    if text is None and not single:
        return None
    return tuple(plain(name) for name in (*(_fields(text, "--classes") if text is not None else ()), *single))


def _fields(text: str, option: str) -> list[str]:
    """The fields of a line of CSV."""
    try:
        rows = list(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise ConfigError(
            f"{option} {text!r} cannot be read ({error}). Names are separated by commas; one with a comma in it stands in"
            " double quotes, with a quote inside doubled: '\"a, b\",c'."
        ) from error
    return [field for row in rows for field in row]
