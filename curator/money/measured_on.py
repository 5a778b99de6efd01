"""On which hold-out items a round was measured, in words: with --partial, and after corrections, they differ by round.

A gain is always measured on one set of items: those of its round, with the labels of then, for the model before as well, whose
probabilities are kept. So where more of the hold-out was labeled since, the value before is another than the one that was
stated then, and the difference of two points of a curve is not the gain between them.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

Row = dict[str, Any]
_SAME = 5e-4  # of a metric: what three decimals do not show
_MOST_CHANGES = 2  # that are listed; of more, the range is told


def item_counts(rows: Sequence[Row]) -> str:
    """How many hold-out items the points of a curve are on: "32 items, from round 2 on 80".

    Args:
        rows: of `queries.measures.gain_table`, oldest first.

    Returns:
        Empty where all are on as many, or where the rows do not tell.
    """
    counts = [(row["round"], row["holdout_items"]) for row in rows if row.get("holdout_items")]
    changes = [after for before, after in pairwise(counts) if after[1] != before[1]]
    if not changes:
        return ""
    if len(changes) > _MOST_CHANGES:
        sizes = [items for _, items in counts]
        return f"{min(sizes):,} to {max(sizes):,} items"
    return ", ".join(
        [f"{counts[0][1]:,} items", *(f"from round {number} on {items:,}" for number, items in changes)]
    )


def restated(rows: Sequence[Row]) -> list[str]:
    """A sentence for each gain whose model before has another value on the items of its round than was stated then.

    Args:
        rows: of `queries.measures.gain_table`.
    """
    return [
        _sentence(row)
        for row in rows
        if row.get("before") is not None and abs(row["before"] - row["stated_before"]) > _SAME
    ]


def _sentence(row: Row) -> str:
    then = f"{row['stated_before']:.3f} " + (
        "by the labels at the time"
        if row["stated_items"] == row["holdout_items"]
        else f"on the {row['stated_items']:,} labeled at the time"
    )
    return (
        f"The gain of round {row['round']} is on the same {row['holdout_items']:,} hold-out items before and after: the earlier model "
        f"scores {row['before']:.3f} on them ({then})."
    )
