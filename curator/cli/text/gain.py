"""How verdicts on gains, and what the random arm says, look on a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from curator.amounts import readable_amount, unit_name
from curator.evidence.looks import together
from curator.money.savings import JUDGED_BY, MEASURED, sentence
from curator.money.verdict import explained, gain_word
from curator.tasks.registry import metric_title, metric_unit

if TYPE_CHECKING:
    from curator.views.status import Status  # loads torch

Row = dict[str, Any]
CLASSES_CHANGED = "classes changed"  # in place of a verdict


def verdict_word(row: Row) -> str:
    """The word beside a gain; a round measured before there were verdicts gets the one its interval gives."""
    if row["gain"] is None:
        return CLASSES_CHANGED if row.get("note") else ""
    return gain_word(row) or ""


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


def window_lines(row: Row, currency: str) -> list[str]:
    """The window that was asked for: which rounds, for how much, what they gained, the verdict, and per unit of currency."""
    text = (
        f"{_rounds(row)} ({readable_amount(row['cost'], currency)}): {points(row['gain'])} points "
        f"({100 * row['level']:.0f}%: {points(row['low'])} to {points(row['high'])}), {_reason(row)}.{_paid(row)}"
    )
    if row["per_dollar"] is not None:
        text += f" {per_unit(row)} points per {unit_name(currency)}."
    return [row["note"], text]


def windows_rows(rows: Sequence[Row], currency: str) -> list[list[str]]:
    """Cells of the table of windows, each as the others: rounds, cost, gain, verdict, points per unit of currency."""
    return [
        [
            f"{row['previous'] + 1} to {row['round']}" if row["rounds"] > 1 else str(row["round"]),
            readable_amount(row["cost"], currency),
            f"{points(row['gain'])} ({points(row['low'])} to {points(row['high'])})",
            row["verdict"],
            "" if row["per_dollar"] is None else per_unit(row),
        ]
        for row in rows
    ]


def per_unit(row: Row) -> str:
    """Points per unit of currency, with the interval of the gain over the same, exact cost."""
    value, low, high = (100 * row[name] for name in ("per_dollar", "per_dollar_low", "per_dollar_high"))
    return f"{value:+z.2f} ({low:+z.2f} to {high:+z.2f})"


def points(gain: float) -> str:
    """A gain in points, signed."""
    return f"{100 * gain:+z.1f}"


def arm_lines(status: "Status") -> list[str]:
    """What the random arm says: one line for savings, one for the live pool, one where batches are not chosen as configured."""
    if not status.gain:
        return []
    told = sentence(status.savings, status.currency)
    if status.gain[-1]["metric"] != JUDGED_BY and status.savings and status.savings["status"] == MEASURED:
        told += f" (judged by {metric_title(JUDGED_BY)})"
    lines = [told[0].upper() + told[1:]]
    seen = status.pool_accuracy
    if seen is not None:
        lines.append(
            f"Accuracy on the live pool: {seen.value:.3f} (95%: {seen.low:.3f} to {seen.high:.3f}), "
            f"on {seen.items} random items that the models had not seen"
        )
    if status.fallback:
        lines.append(status.fallback)
    return lines


def _rounds(row: Row) -> str:
    return f"Rounds {row['previous'] + 1} to {row['round']}"


def _reason(row: Row) -> str:
    scale, unit = metric_unit(row["metric"])
    return explained(
        row["verdict"],
        detectable=None if row["detectable"] is None else scale * row["detectable"],
        worth=None if row["worth"] is None else scale * row["worth"],
        unit=unit,
    )


def _paid(row: Row) -> str:
    """What would have been worth its price, where somebody said what a better model is worth."""
    return (
        ""
        if row["worth"] is None
        else f" A gain of {100 * row['worth']:.2g} points would pay for it ({row['worth_why']})."
    )
