"""Labels of a data file: which classes they make; and ids."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite, isnan
from pathlib import Path
from uuid import UUID

from curator.errors import DataError
from curator.pool.formats import python_values, raw_batches
from curator.pool.problems import Problems, counted
from curator.pool.reading import UNKNOWN, Reading
from integrations.class_names import alike_groups, plain
from integrations.label_cells import ONE_NAME, LabelCells

MOST_CLASSES = 1000  # more distinct labels than this are no classes
_LARGEST_EXACT = 2**53  # a float beyond it stands for several whole numbers
_SHOWN = 3
# Of labels that differ from their class in spelling only; kept so that a file of nonsense takes no memory.
_MOST_RESPELLED = 1000


def id_text(value: object) -> str | None:
    """An id as text: text, a whole number however it is stored, a UUID; None when the value can be no id.

    A column of whole numbers becomes one of floats where a single cell was empty, in pandas and in spreadsheets.
    """
    match value:
        case bool():
            return None
        case str():
            return value
        case int() | UUID():
            return str(value)
        case float() if isfinite(value) and value == int(value) and abs(value) <= _LARGEST_EXACT:
            return str(int(value))
        case Decimal() if value.is_finite() and value == int(value):
            return str(int(value))
        case _:
            return None


def is_blank(value: object) -> bool:
    """Whether a cell holds nothing: null, empty text, or the NaN that stands for a missing number."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and isnan(value))


@dataclass
class Respelled:
    """Labels that were taken as a class which is spelled otherwise: `counts[label, class]`."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    total: int = 0

    def update(self, counts: Counter[tuple[str, str]]) -> None:
        """Note those of a batch."""
        self.total += counts.total()
        for pair, n in counts.items():
            if pair in self.counts or len(self.counts) < _MOST_RESPELLED:
                self.counts[pair] += n

    def sentence(self) -> str | None:
        """What was done, with examples; None when nothing was."""
        if not self.total:
            return None
        shown = ", ".join(
            f"{label!r} as {name!r} ({n:,})" for (label, name), n in self.counts.most_common(_SHOWN)
        )
        more = " and others" if len(self.counts) > _SHOWN else ""
        return (
            f"{counted(self.total, 'label')} taken without surrounding spaces, in one Unicode spelling: {shown}{more}"
            if all(plain(label) == name for label, name in self.counts)
            else f"{counted(self.total, 'label')} taken as the class they look like: {shown}{more}"
        )


@dataclass(frozen=True)
class FoundLabels:
    """The labels in a column of a whole file.

    Attributes:
        counts: how often each class occurs, by the name that the column gives it.
        unlabeled: rows without one.
        why_not: why the column cannot hold the classes; None when it can.
    """

    counts: Counter[str]
    unlabeled: int = 0
    why_not: str | None = None


def read_labels(
    path: Path, column: str, reading: Reading = UNKNOWN, cells: LabelCells = ONE_NAME
) -> FoundLabels:
    """Count the classes that the labels in a column name, in a file that is written as `reading` says.

    Raises:
        DataError: the file cannot be read.
    """
    counts: Counter[str] = Counter()
    unlabeled = 0
    for batch in raw_batches(path, (column,), Problems(path), batch_rows=65_536, reading=reading):
        for at, value in enumerate(python_values(batch.values[column], path, column)):
            wrong = cells.why_not(value)
            if wrong:
                return FoundLabels(counts, unlabeled, f"{batch.place(at)} holds {wrong}")
            label = cells.read(value)
            if label is None:
                unlabeled += 1
                continue
            counts.update(cells.classes_in(label))
            if len(counts) > MOST_CLASSES:
                return FoundLabels(
                    counts,
                    unlabeled,
                    f"it has more than {MOST_CLASSES:,} different values (the {MOST_CLASSES + 1:,}th, {label!r}, is in "
                    f"{batch.place(at)}), and there can be {MOST_CLASSES:,} classes at most",
                )
    if not counts:
        return FoundLabels(counts, unlabeled, "every cell of it is empty")
    return FoundLabels(counts, unlabeled)


def sorted_classes(names: Iterable[str]) -> tuple[str, ...]:
    """Classes in order: as numbers when all are whole numbers, else as text."""
    listed_names = list(names)
    if all(name.isdecimal() for name in listed_names):
        return tuple(sorted(listed_names, key=lambda name: (int(name), name)))
    return tuple(sorted(listed_names))


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


def merged(counts: Counter[str]) -> Counter[str]:
    """Counts of names that look alike, added up under the most frequent of them."""
    result = Counter(counts)
    for group in alike_groups(sorted_classes(counts)):
        kept = max(group, key=lambda name: counts[name])  # the first of those that are equally frequent
        total = sum(counts[name] for name in group)
        for name in group:
            del result[name]
        result[kept] = total
    return result


def alike_warning(names: Iterable[str], counts: Counter[str] | None = None) -> str | None:
    """A sentence about classes that a person would take for one; None when there are none."""
    groups = alike_groups(names)
    if not groups:
        return None

    def shown(name: str) -> str:
        # what cannot be seen is an escape in a repr
        return f"{name!r} ({counts[name]:,})" if counts else repr(name)

    listed_groups = "; ".join(" and ".join(map(shown, group)) for group in groups[:_SHOWN])
    more = f"; and {len(groups) - _SHOWN:,} more" if len(groups) > _SHOWN else ""
    return (
        f"classes that differ only in case, spaces or invisible characters: {listed_groups}{more}."
        " If they are one class, --merge-case treats them as one"
    )
