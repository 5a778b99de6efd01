"""What plots are made of: plotly figures in plain values.

Colours are CSS variables of the page ("var(--accent)"): its script puts in what they are, in light and in dark. Plotly reads
a little markup in texts, so whatever other people wrote goes through `quoted`. No trace draws with WebGL, which would
need a laxer content policy.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from curator.amounts import MICRO, unit_name
from curator.ledger.store import Row

Figure = dict[str, Any]

ACCENT, INK, MUTED, FAINT, GRID, PAPER = (
    f"var(--{name})" for name in ("accent", "ink", "muted", "faint", "grid", "paper")
)


def quoted(text: str) -> str:
    """Text that plotly shows as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def line(x: list[Any], y: list[Any], texts: list[str], name: str, *, color: str) -> Figure:
    """A line through points, each with what hovering over it shows."""
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": x,
        "y": y,
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": color, "width": 2},
        "marker": {"color": color, "size": 7},
    }


def bars(rows: Sequence[Mapping[str, Any]], value: str, low: str, high: str, scale: float = 1.0) -> Figure:
    """Error bars from `low` to `high` around `value`, columns of the rows."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [(row[high] - row[value]) * scale for row in rows],
        "arrayminus": [(row[value] - row[low]) * scale for row in rows],
        "thickness": 1,
        "width": 3,
        "color": MUTED,
    }


def band(x: list[float], low: list[float], high: list[float]) -> Figure:
    """The area between two lines."""
    return {
        "type": "scatter",
        "mode": "lines",
        "hoverinfo": "skip",
        "showlegend": False,
        "x": [*x, *reversed(x)],
        "y": [*low, *reversed(high)],
        "fill": "toself",
        "fillcolor": "var(--band)",
        "line": {"width": 0, "color": "var(--band)"},
    }


def axis(title: str) -> Figure:
    """An axis with a title."""
    return {
        "title": {"text": quoted(title), "standoff": 12},
        "gridcolor": GRID,
        "linecolor": GRID,
        "zerolinecolor": MUTED,
        "zeroline": False,
        "automargin": True,
        "fixedrange": True,
        "nticks": 6,
    }


def money_ticks(currency: str) -> Figure:
    """Ticks with the sign of the currency."""
    sign = unit_name(currency, 10).replace("10", "").strip()
    return {"tickprefix": sign} if len(sign) == 1 else {"ticksuffix": f" {sign}"}


def layout(x: Figure, y: Figure, *, legend: bool = False) -> Figure:
    """What all plots have in common."""
    return {
        "xaxis": x,
        "yaxis": y,
        "margin": {"l": 48, "r": 12, "t": 12, "b": 44},
        "font": {"color": MUTED, "size": 12},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "dragmode": False,
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": PAPER, "bordercolor": GRID, "font": {"color": INK}},
    }


def unit_for(rounds: Sequence[Row]) -> int:
    """One, ten, a hundred ... units of currency: the largest that is no more than what a round costs in the middle."""
    costs = [row["cost"] / MICRO for row in rounds if row["cost"]]
    if not costs:
        return 1
    return int(10 ** max(0, int(np.floor(np.log10(np.median(costs))))))
