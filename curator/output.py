"""Files that commands write where the user says: what curator did not write is never replaced, unless the user says so."""

import csv
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curator.errors import ConfigError

_HEAD_BYTES = 65_536
# The second is how pages began before they named their generator.
_PAGE = re.compile(
    rb'<meta name="generator" content="curator">|<title>[^<]*: report(?: after round [0-9]+)?</title>'
)
_REPORT = frozenset({"curator", "written_at", "project", "rounds"})


def check_output(path: Path, is_ours: Callable[[Path], bool], *, force: bool) -> None:
    """Make sure that a file may be written.

    Args:
        path: of the file.
        is_ours: whether a file that is there, and not empty, was written by curator.
        force: replace whatever file is there.

    Raises:
        ConfigError: something else is at `path`.
    """
    if path.is_symlink() and not path.exists():
        raise ConfigError(f"{path} is a broken link. Remove it, or choose another name.")
    if not path.exists():
        return
    if not path.is_file():
        raise ConfigError(f"{path} is not a file: choose another name.")
    if not force and path.stat().st_size and not is_ours(path):
        raise ConfigError(
            f"{path} exists and was not written by curator. Choose another name, or replace it with --force."
        )


def check_not_data(path: Path, data: Iterable[Path], *, force: bool) -> None:
    """Make sure that a file is none of those that a project was made from: an export may have become one of them.

    Raises:
        ConfigError: it is.
    """
    if force or not path.exists():
        return
    if any(source.exists() and path.samefile(source) for source in data):
        raise ConfigError(
            f"{path} holds the data of this project. Choose another name, or replace it with --force."
        )


def has_columns(*names: str) -> Callable[[Path], bool]:
    """Whether a .parquet, .csv or .jsonl file has these columns among its own."""

    def check(path: Path) -> bool:
        try:
            return set(names) <= set(_columns(path))
        except (OSError, ValueError, RecursionError, csv.Error, pa.ArrowException):
            return False

    return check


def is_page(path: Path) -> bool:
    """Whether a file is a page of `curator report`."""
    with path.open("rb") as file:
        return _PAGE.search(file.read(_HEAD_BYTES)) is not None


def is_report(path: Path) -> bool:
    """Whether a file holds the numbers of a page, as JSON."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.keys() >= _REPORT


def _columns(path: Path) -> list[str]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return list(pq.read_schema(path).names)
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline(_HEAD_BYTES)
    return list(json.loads(first)) if suffix == ".jsonl" else next(csv.reader([first]), [])
