"""The sentences of the page that depend on what the numbers are: the verdict on the last round, and the cards beside the spend."""

from dataclasses import dataclass

from curator.ledger.store import Row
from curator.report import words
from curator.report.gather import Report


@dataclass(frozen=True)
class Card:
    """One figure with what it means; `absent` where there is none yet, and the lines say why."""

    title: str
    figure: str
    lines: tuple[str, ...]
    absent: bool = False


def cards(report: Report) -> list[Card]:
    """Forecast, stop, savings: in this order, each there even when it has nothing to say yet."""
    return [_forecast(report), _stop(), _savings()]


def verdict_sentence(last: Row | None) -> str:
    """What the interval of the last gain allows to say."""
    if last is None or last["gain"] is None:
        return ""
    low, high = words.points(last["gain_low"]), words.points(last["gain_high"])
    if last["verdict"] == "real":
        return f"Real: the whole 95% interval, {low} to {high} points, lies above zero."
    if last["verdict"] == "worse":
        return f"Worse: the whole 95% interval, {low} to {high} points, lies below zero."
    return (
        f"{last['verdict'].capitalize()}: the 95% interval, {low} to {high} points, includes zero. Single late rounds are "
        "often too small to see on a hold-out of this size; look at several together."
    )


def _forecast(report: Report) -> Card:
    n = len(report.rounds)
    return Card(
        "Forecast",
        "Not yet",
        (
            f"Needs four measured rounds; there {'is' if n == 1 else 'are'} {n}."
            if n < 4
            else "None was made.",
        ),
        absent=True,
    )


def _stop() -> Card:
    return Card("Stop or go on", "No verdict", ("None was given yet.",), absent=True)


def _savings() -> Card:
    return Card(
        "Saved against random",
        "Not measured",
        ("Only a random share of each batch (random_share in curator.toml) can measure it.",),
        absent=True,
    )
