"""Collects what is wrong with a data file, so that one run names everything."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from curator.errors import DataError

SHOWN = 5  # examples of one kind of problem: enough to see the pattern, short enough to read
_LONGEST = 60  # characters of an example


@dataclass
class _Kind:
    what: str
    advice: str
    count: int = 0
    first: list[str] = field(default_factory=list)


class Problems:
    """What is wrong with one file, grouped by kind: a count, the first few places, what to do.

    Args:
        path: the file that the messages name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kinds: dict[str, _Kind] = {}

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def add(self, what: str, place: str, advice: str) -> None:
        """Note one problem.

        Args:
            what: the kind, as a noun phrase ("no text in column 'body'").
            place: where, with details if there are any ("row 3 (line 4)").
            advice: what to do about all of this kind, a whole sentence.
        """
        kind = self._kinds.setdefault(what, _Kind(what, advice))
        kind.count += 1
        if len(kind.first) < SHOWN:
            kind.first.append(place)

    def raise_if_any(self) -> None:
        """Raise what was collected.

        Raises:
            DataError: one line per kind of problem.
        """
        if self._kinds:
            raise DataError("\n".join(self._line(kind) for kind in self._kinds.values()))

    def _line(self, kind: _Kind) -> str:
        if kind.count == 1:
            return f"{self._path}: {kind.what}: {kind.first[0]}. {kind.advice}"
        places = "; ".join(kind.first)
        return f"{self._path}: {kind.what}: {kind.count:,} times; first: {places}. {kind.advice}"


def place(row: int, line: int | None) -> str:
    """Where a row is: its number among the data rows (from 1) and, in text files, its first line."""
    return f"row {row}" if line is None else f"row {row} (line {line})"


def missing_column(
    path: Path, name: str, option: str, existing: Iterable[str], advice: str = ""
) -> DataError:
    """The error for a column that is not there: lists those that are, and suggests the nearest."""
    names = list(existing)
    close = get_close_matches(name, names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    more = f" {advice}" if advice else ""
    return DataError(f"{path}: no column {name!r} ({option}). It has {listed(names)}.{hint}{more}")


def listed(names: Sequence[str], limit: int = 20) -> str:
    """Names for a message: quoted, joined, at most `limit` of them."""
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit:,} more"


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: "1 row", "1,200 rows"."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def example(kind: str, content: str) -> str:
    """A text on one line, or the last parts of a path, short enough for an example."""
    if kind == "image":
        return "/".join(content.rsplit("/", 2)[-2:])
    line = " ".join(content[: 8 * _LONGEST].split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1].rstrip()}…"
