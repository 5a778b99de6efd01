"""Accuracy by the columns that come with the items, and by the length of texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypedDict

import numpy as np

from curator.pool.catalogue import Item
from curator.views.report.holdout import FloatArray, with_interval
from curator.views.report.section import Campaign, Head, Section
from curator.views.report.words import cut

MOST_VALUES = 20  # of a column; one with more is no slice, unless its values are numbers
_PARTS = 4  # of a column of numbers, and of lengths
_LONGEST = 60  # characters of a value
EMPTY = "(empty)"


class Slice(TypedDict):
    """Accuracy on a part of the hold-out; `wide`: its interval is too wide to see the target gain in."""

    column: str
    slice: str
    items: int
    value: float | None
    low: float
    high: float
    wide: bool


@dataclass(frozen=True)
class Slices(Section):
    """A row for each slice, and which columns are none, and why."""

    slices: list[Slice]
    slices_left_out: list[str]

    @classmethod
    def gather(cls, campaign: Campaign) -> Self:
        """Of the hold-out as the newest model saw it."""
        if campaign.holdout is None:
            return cls([], [])
        items = campaign.project.pool.items(campaign.holdout.rows)
        return cls(*accuracy_by_slice(items, campaign.holdout.right))

    def is_shown(self, head: Head) -> bool:
        """Where there are columns."""
        return bool(head.rounds and (self.slices or self.slices_left_out))


def accuracy_by_slice(items: Sequence[Item], right: FloatArray) -> tuple[list[Slice], list[str]]:
    """Accuracy of each value of each column.

    Args:
        items: of the hold-out.
        right: (n,) share of the training seeds that have each right.

    Returns:
        Rows with `column`, `slice`, `items`, `value`, `low`, `high`, `wide`; and why columns were left out.
    """
    columns = {name: None for item in items for name in item.fields}
    rows: list[Slice] = []
    left_out = []
    for name in columns:
        values = [item.fields.get(name, "") for item in items]
        groups = _grouped(values)
        if groups is None:
            left_out.append(f"{name}: {len(set(values)):,} different values among {len(items):,} items")
        else:
            rows += _rows(name, groups, right)
    if items and items[0].text is not None:
        lengths = np.array([len(item.text or "") for item in items], dtype=np.float64)
        rows += _rows("length, characters", _quantiles(lengths), right)
    return rows, left_out


def _grouped(values: Sequence[str]) -> list[tuple[str, list[int]]] | None:
    """Positions by value, or by quarter of a column of numbers; None where there is nothing to group by."""
    distinct = sorted(set(values))
    if len(distinct) <= MOST_VALUES:
        return [
            (cut(value, _LONGEST) or EMPTY, [i for i, other in enumerate(values) if other == value])
            for value in distinct
        ]
    numbers = _numbers(values)
    return None if numbers is None else _quantiles(numbers)


def _numbers(values: Sequence[str]) -> FloatArray | None:
    try:
        found = np.array([float(value) if value else np.nan for value in values])
    except ValueError:
        return None
    return None if np.isnan(found).all() or np.isinf(found).any() else found


def _quantiles(numbers: FloatArray) -> list[tuple[str, list[int]]]:
    """Positions by quarter, from the smallest numbers to the largest; those without a number last."""
    known = np.flatnonzero(~np.isnan(numbers))
    edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, _PARTS + 1)))
    part = np.clip(np.searchsorted(edges[1:-1], numbers[known], side="left"), 0, max(len(edges) - 2, 0))
    groups = []
    for i in np.unique(part):
        inside = known[part == i]
        low, high = numbers[inside].min(), numbers[inside].max()
        groups.append((f"{low:,.6g}" if low == high else f"{low:,.6g} to {high:,.6g}", inside.tolist()))
    unknown = np.flatnonzero(np.isnan(numbers))
    return [*groups, (EMPTY, unknown.tolist())] if len(unknown) else groups


def _rows(column: str, groups: list[tuple[str, list[int]]], right: FloatArray) -> list[Slice]:
    return [
        {
            "column": cut(column, _LONGEST),
            "slice": name,
            "items": len(at),
            **with_interval(float(right[at].mean()), len(at)),
        }
        for name, at in groups
    ]
