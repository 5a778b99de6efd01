"""How verdicts on gains look on a terminal."""

from collections.abc import Sequence
from typing import Any

from curator.money.cumulative import together
from curator.money.verdict import explained, judge

Row = dict[str, Any]
CLASSES_CHANGED = "classes changed"  # in place of a verdict


def verdict_word(row: Row) -> str:
    """The word beside a gain; a round measured before there were verdicts gets the one its interval gives."""
    if row["gain"] is None:
        return CLASSES_CHANGED if row.get("note") else ""
    return str(row.get("verdict") or judge(row["gain_low"], row["gain_high"], None))


def verdict_lines(comparisons: Sequence[Row]) -> list[str]:
    """The verdict on a round with its inputs, and what several rounds gained together where one alone does not show.

    Args:
        comparisons: rows of the table `comparisons` of one round and the project's metric, the nearest earlier round first.
    """
    if not comparisons:
        return []
    last = comparisons[0]
    lines = [f"Verdict on round {last['round']}: {_reason(last)}.{_paid(last)}"]
    longer = together(comparisons)
    if longer:
        lines.append(
            f"{_rounds(longer)} together: {points(longer['gain'])} points "
            f"({points(longer['low'])} to {points(longer['high'])}), {_reason(longer)}"
        )
    return lines


def points(gain: float) -> str:
    """A gain in points, signed."""
    return f"{100 * gain:+z.1f}"


def _rounds(row: Row) -> str:
    return f"Rounds {row['previous'] + 1} to {row['round']}"


def _reason(row: Row) -> str:
    return explained(
        row["verdict"],
        detectable=None if row["detectable"] is None else 100 * row["detectable"],
        worth=None if row["worth"] is None else 100 * row["worth"],
    )


def _paid(row: Row) -> str:
    """What would have been worth its price, where somebody said what a better model is worth."""
    return (
        ""
        if row["worth"] is None
        else f" Worth paying for: {100 * row['worth']:.2g} points ({row['worth_why']})."
    )
