"""A learning curve on the terminal: the metric over what was spent, with the ends of each interval."""

from dataclasses import dataclass
from typing import Any

from curator.amounts import MICRO, readable_amount
from curator.money.measured_on import item_counts
from curator.tasks.registry import metric_title

WIDTH, HEIGHT = 60, 8  # of the plot itself, in characters
FEWEST = 2  # measured rounds that make a curve


@dataclass(frozen=True)
class _Marks:
    value: str
    bar: str
    high: str
    low: str
    side: str
    corner: str
    floor: str


_UNICODE = _Marks(value="●", bar="│", high="╷", low="╵", side="┤", corner="└", floor="─")
_ASCII = _Marks(value="o", bar="|", high="-", low="-", side="|", corner="+", floor="-")


def learning_curve(rows: list[dict[str, Any]], currency: str, encoding: str | None) -> str:
    """The measured rounds as a plot of text; empty with fewer than two.

    Where several rounds share a column, the newest is drawn.

    Args:
        rows: of the `gain` view, with `value_low` and `value_high`.
        currency: of the costs; where nothing was paid yet, or what was is not known, the metric stands over the labels.
        encoding: of where it is printed; what cannot show its lines gets plain ASCII.
    """
    if len(rows) < FEWEST:
        return ""
    marks = _UNICODE if _can_show(encoding) else _ASCII
    in_money = (
        all(row["total_cost"] is not None for row in rows) and rows[-1]["total_cost"] > rows[0]["total_cost"]
    )
    places = [row["total_cost"] / MICRO if in_money else float(row["labels"]) for row in rows]
    low, high = _range(rows)
    grid = [[" "] * WIDTH for _ in range(HEIGHT)]
    for row, place in zip(rows, places, strict=True):
        column = _step(place, places[0], places[-1], WIDTH)
        _draw(
            grid,
            column,
            [_step(row[end], low, high, HEIGHT) for end in ("value_low", "value", "value_high")],
            marks,
        )
    metric = metric_title(rows[0]["metric"])
    ends = [_place(row, in_money=in_money, currency=currency) for row in (rows[0], rows[-1])]
    body = [
        f"{_level(i, low, high):>6} {marks.side}{''.join(line).rstrip()}"
        for i, line in zip(range(HEIGHT - 1, -1, -1), grid, strict=True)
    ]
    middle = "spent" if in_money else "labels"
    gap = " " * 8
    sizes = item_counts(rows)
    return "\n".join(
        [
            f"{metric} on the hold-out{f' ({sizes})' if sizes else ''}, bars: 95%",
            *body,
            f"{'':>6} {marks.corner}{marks.floor * WIDTH}",
            f"{gap}{ends[0]}{middle.center(WIDTH - len(ends[0]) - len(ends[1]))}{ends[1]}",
        ]
    )


def _can_show(encoding: str | None) -> bool:
    try:
        "".join(vars(_UNICODE).values()).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _range(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """The lowest and the highest end of all intervals, never the same."""
    low, high = min(row["value_low"] for row in rows), max(row["value_high"] for row in rows)
    return (low, high) if high > low else (low - 0.005, high + 0.005)


def _step(value: float, low: float, high: float, steps: int) -> int:
    """Which of `steps` equal steps from `low` to `high` a value is on."""
    share = (value - low) / (high - low) if high > low else 0.0
    return min(steps - 1, max(0, round(share * (steps - 1))))


def _draw(grid: list[list[str]], column: int, levels: list[int], marks: _Marks) -> None:
    low, value, high = levels
    for line in grid:
        line[column] = " "
    for level in range(low, high + 1):
        mark = marks.low if level == low else marks.high if level == high else marks.bar
        grid[HEIGHT - 1 - level][column] = marks.value if level == value else mark


def _level(step: int, low: float, high: float) -> str:
    """What stands beside a line: its share in percent, on every other one and at the bottom."""
    return f"{100 * (low + (high - low) * step / (HEIGHT - 1)):.1f}%" if step in (0, 2, 4, HEIGHT - 1) else ""


def _place(row: dict[str, Any], *, in_money: bool, currency: str) -> str:
    return readable_amount(row["total_cost"], currency) if in_money else f"{row['labels']:,}"
