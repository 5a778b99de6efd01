"""How a cell of a data file is read as a label: one value per kind of label."""

from dataclasses import dataclass
from decimal import Decimal
from math import isnan
from typing import Protocol

from integrations.class_names import ClassNames, plain

_LONGEST_SHOWN = 40  # characters of a value in a message
# true and false are whole numbers to Python
_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true/false"),
    ((float, Decimal), "a decimal number"),
    (int, "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "an object"),
    (bytes, "bytes"),
)


class LabelCells(Protocol):
    """The cells of a column of labels. Values are as Python has them: text, numbers, true/false, lists.

    Attributes:
        advice: what to write instead of a cell that can be no label, a sentence or two.
    """

    advice: str

    def why_not(self, value: object) -> str | None:
        """What is wrong with a value as a label, in words that follow "holds"; None when it is one, or none is there."""
        ...

    def read(self, value: object) -> str | None:
        """The text of a label, whatever its classes are called; None = unlabeled."""
        ...

    def find(self, value: object, classes: ClassNames) -> str | None:
        """The text of a label that names classes of a project, as that spells them; None: it names others."""
        ...

    def classes_in(self, label: str) -> tuple[str, ...]:
        """What the text of a label adds to the classes, where these are taken from the labels."""
        ...


@dataclass(frozen=True)
class OneName:
    """A cell names one class: text, a whole number, or true/false. See `LabelCells`."""

    advice = (
        "Labels are text, whole numbers or true/false: write the column anew (in pandas: .astype('Int64') for numbers),"
        " leave cells without a label empty, or name another column with --label."
    )

    def why_not(self, value: object) -> str | None:
        """See `LabelCells.why_not`."""
        return None if value is None or isinstance(value, (str, int)) else described(value)

    def read(self, value: object) -> str | None:
        """Whole numbers and true/false as written, text without space around it."""
        match value:
            case str():
                return plain(value) or None
            case bool():
                return "true" if value else "false"
            case int():
                return str(value)
            case _:
                return None

    def find(self, value: object, classes: ClassNames) -> str | None:
        """The class of that name."""
        name = value if isinstance(value, str) else self.read(value)
        return None if name is None else classes.find(name)

    def classes_in(self, label: str) -> tuple[str, ...]:
        """The one."""
        return (label,)


ONE_NAME = OneName()


def described(value: object) -> str:
    """A value and what it is, for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, float) and isnan(value):
        return "NaN (a missing number)"
    shown = str(value) if isinstance(value, Decimal) else repr(value)
    shown = shown if len(shown) <= _LONGEST_SHOWN else f"{shown[: _LONGEST_SHOWN - 1]}…"
    return f"{shown} ({_kind_of(value)})"


def _kind_of(value: object) -> str:
    return next((word for kind, word in _KINDS if isinstance(value, kind)), type(value).__name__)
