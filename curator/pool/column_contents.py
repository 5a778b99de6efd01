"""What the first rows of a column hold: its type, examples, and what it can be used as, or why not."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any

from curator.pool.formats import IMAGE_ENDINGS, RawBatch
from curator.pool.labels import id_text, is_blank
from integrations.label_cells import ONE_NAME, LabelCells, described

EXAMPLES = 3
_LONGEST_EXAMPLE = 40  # characters
_BREAKS = re.compile(r"\s+")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)

# true and false are whole numbers to Python
_TYPES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true/false"),
    (int, "whole numbers"),
    ((float, Decimal), "decimals"),
    (list, "lists"),
    (dict, "objects"),
    (bytes, "bytes"),
    ((date, time), "times"),
)

# Labels by contents: few different values, each often, none long. Fewer rows may repeat by chance.
LEAST_ROWS = 10
MOST_CATEGORIES = 100
_LEAST_REPEATED = 4  # rows per different value, on average
_LONGEST_CATEGORY = 60  # characters


@dataclass(frozen=True)
class ColumnSeen:
    """A column as `curator init` shows it.

    Attributes:
        name: as the file has it.
        type: of its values: text, whole numbers, decimals, true/false, lists, ...
        rows: that were looked at, the first of the file.
        empty: cells of these without a value.
        distinct: different values among these.
        examples: the first few of them, cut.
        used_as: id, text, image, label, embedding or shown; None: not used.
        why: used as that, or why it is not, in words.
    """

    name: str
    type: str
    rows: int
    empty: int
    distinct: int
    examples: tuple[str, ...]
    used_as: str | None
    why: str

    def line(self) -> str:
        """In a message: name, type, examples."""
        examples = ", ".join(self.examples)
        return f"  {self.name!r}: {self.type}, {self.distinct:,} different" + (
            f", e.g. {examples}" if examples else ""
        )


class Contents:
    """The first rows of one column.

    Args:
        name: of the column.
        values: what the rows hold; None when they cannot be read.
        raw: says where each row is.
        unreadable: why they cannot be read.
        cells: how they would be read as labels.
    """

    def __init__(
        self,
        name: str,
        values: list[Any] | None,
        raw: RawBatch,
        unreadable: str = "",
        cells: LabelCells = ONE_NAME,
    ) -> None:
        self.name = name
        self._values = values or []
        self._raw = raw
        self._unreadable = unreadable
        self._cells_of_labels = cells
        self._present = [value for value in self._values if not is_blank(value)]
        self._keys = Counter(_key(value) for value in self._present)

    @property
    def rows(self) -> int:
        """Rows looked at."""
        return len(self._values)

    @property
    def distinct(self) -> int:
        """Different values; empty cells do not count."""
        return len(self._keys)

    @property
    def words(self) -> frozenset[str]:
        """The words of the name: `ticketId` and `ticket_id` are both ticket and id."""
        return frozenset(word.lower() for word in _WORDS.findall(self.name))

    @property
    def type(self) -> str:
        """Of the values, in words."""
        if self._unreadable:
            return "unreadable"
        kinds = {_type_of(value) for value in self._present}
        if kinds == {"whole numbers", "decimals"}:
            return "decimals"
        if len(kinds) > 1 and all(isinstance(value, str) for value in self._present):
            return "text"
        return "empty" if not kinds else kinds.pop() if len(kinds) == 1 else "mixed"

    @property
    def mean_length(self) -> float:
        """Characters of a text, on average; empty cells do not count."""
        lengths = [len(value) for value in self._present if isinstance(value, str)]
        return sum(lengths) / max(1, len(lengths))

    def seen(self, used_as: str | None, why: str) -> ColumnSeen:
        """For people."""
        return ColumnSeen(
            self.name,
            self.type,
            self.rows,
            self.rows - len(self._present),
            self.distinct,
            tuple(self._examples()),
            used_as,
            why,
        )

    def values(self) -> set[str]:
        """The different classes that its labels would name."""
        read, classes_in = self._cells_of_labels.read, self._cells_of_labels.classes_in
        labels = {label for value in self._present if (label := read(value)) is not None}
        return {name for label in labels for name in classes_in(label)}

    def why_no_id(self) -> str | None:
        """Why these are no ids; None when they can be."""
        for at, value in self._cells():
            if id_text(value) is None:
                return f"{self._raw.place(at)} holds {described(value)}; an id is text or a whole number"
        return self._unreadable or None

    def why_no_label(self) -> str | None:
        """Why these are no labels; None when they can be."""
        for at, value in enumerate(self._values):
            wrong = self._cells_of_labels.why_not(value)
            if wrong:
                return f"{self._raw.place(at)} holds {wrong}"
        return self._unreadable or self._why_empty()

    def why_no_text(self) -> str | None:
        """Why these are no texts; None when they can be."""
        for at, value in self._cells():
            if not isinstance(value, str):
                return f"{self._raw.place(at)} holds {described(value)}"
        if self._present and all(_is_number(value) for value in self._present):
            return "it holds numbers only"
        return self._unreadable or self._why_empty()

    def why_no_image(self) -> str | None:
        """Why these name no images; None when they can."""
        for at, value in self._cells():
            if not _is_image(value):
                return (
                    f"{self._raw.place(at)} holds {described(value)}, which does not end in"
                    f" {', '.join(IMAGE_ENDINGS)}"
                )
        return self._unreadable or self._why_empty()

    def why_no_embedding(self) -> str | None:
        """Why these are no embeddings; None when they can be."""
        for at, value in self._cells():
            if not isinstance(value, list) and not (
                isinstance(value, str) and value.lstrip().startswith("[")
            ):
                return f"{self._raw.place(at)} holds {described(value)}, not a list of numbers"
        return self._unreadable or self._why_empty()

    def repeats(self) -> bool:
        """Whether its values are few and come often, as classes do."""
        n = len(self._present)
        return (
            n >= LEAST_ROWS
            and 2 <= self.distinct <= min(MOST_CATEGORIES, n / _LEAST_REPEATED)
            and self.why_no_label() is None
            and all(len(str(value)) <= _LONGEST_CATEGORY for value in self._present)
        )

    def differs(self) -> bool:
        """Whether no row is empty and no value comes twice, as with ids."""
        return bool(self._values) and self.distinct == len(self._present) == len(self._values)

    def _cells(self) -> Iterator[tuple[int, Any]]:
        """Position and value of the cells that are not empty."""
        return ((at, value) for at, value in enumerate(self._values) if not is_blank(value))

    def _why_empty(self) -> str | None:
        return None if self._present else "every cell of it is empty"

    def _examples(self) -> Iterator[str]:
        shown: dict[str, None] = {}
        for value in self._present:
            shown.setdefault(_shown(value))
            if len(shown) == EXAMPLES:
                break
        return iter(shown)


def _key(value: object) -> object:
    try:
        hash(value)
    except TypeError:
        return repr(value)
    # 1, 1.0 and True are equal in Python
    return (type(value).__name__, value)


def _type_of(value: object) -> str:
    if isinstance(value, str):
        return _type_of_text(value)
    return next((word for kind, word in _TYPES if isinstance(value, kind)), type(value).__name__)


def _type_of_text(value: str) -> str:
    if _WHOLE.fullmatch(value.strip()):
        return "whole numbers"
    if _is_number(value):
        return "decimals"
    if _is_image(value):
        return "image paths"
    return "addresses" if _URL.match(value) else "text"


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _is_image(value: object) -> bool:
    return isinstance(value, str) and value.lower().split("?")[0].endswith(IMAGE_ENDINGS)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return f"[{len(value):,} entries]"
    text = _BREAKS.sub(" ", str(value)[: 4 * _LONGEST_EXAMPLE]).strip()
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= _LONGEST_EXAMPLE else f"{text[: _LONGEST_EXAMPLE - 1].rstrip()}…"
