"""The plots, as plotly figures in plain values.

Colours are CSS variables of the page ("var(--accent)"): its script puts in what they are, in light and in dark. Plotly reads
a little markup in texts, so whatever other people wrote goes through `quoted`. No trace draws with WebGL, which would
need a laxer content policy.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from curator.amounts import MICRO, unit_name
from curator.views.report import words
from curator.views.report.words import cut

Figure = dict[str, Any]

ACCENT, INK, MUTED, FAINT, GRID, PAPER = (
    f"var(--{name})" for name in ("accent", "ink", "muted", "faint", "grid", "paper")
)
_NAME = 60  # characters of a class beside the pointer
_TICK = 22  # characters of a class beside an axis
_MOST_TICKS = 40  # classes that an axis can name
_MOST_COUNTS = 12  # classes whose cells have room for a number
_FEW = 5  # items of a bin: its interval says next to nothing, so it is drawn faintly
_AREA = 22.0  # pixels across the largest dot of the reliability diagram
STATES = {
    "pool": ("not asked", {"symbol": "circle", "size": 4, "color": FAINT}),
    "labeled": ("labeled", {"symbol": "circle", "size": 6, "color": MUTED}),
    "batch": ("last batch", {"symbol": "diamond", "size": 8, "color": ACCENT}),
    "error": ("hold-out errors", {"symbol": "x-thin-open", "size": 8, "color": INK, "line": {"width": 1.6}}),
}


def quoted(text: str) -> str:
    """Text that plotly shows as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def curve(
    rounds: Sequence[dict[str, Any]],
    ahead: Sequence[dict[str, Any]],
    over: str,
    metric: str,
    currency: str,
) -> Figure:
    """The metric on the hold-out over what was spent, or over the labels; a bar is a 95% interval.

    Args:
        rounds: measured rounds.
        ahead: the forecast, if any: median and 80% interval at places from now on.
        over: "total_cost" or "labels".
        metric: its name for people.
        currency: of the costs.
    """
    in_money = over == "total_cost"
    places = [row[over] / MICRO if in_money else row[over] for row in rounds]
    texts = [
        f"round {row['round']}: {words.share(row['value'])} ({words.share(row['value_low'])} to "
        f"{words.share(row['value_high'])})<br>{row['labels']:,} labels, {words.amount(row['total_cost'], currency)}"
        for row in rounds
    ]
    line = _line(places, [row["value"] for row in rounds], texts, metric, color=ACCENT) | {
        "error_y": _bars(rounds, "value", "value_low", "value_high")
    }
    title = f"spent so far, {currency}" if in_money else "training labels"
    x = _axis(title) | (_money_ticks(currency) if in_money else {"tickformat": ",d", "rangemode": "tozero"})
    further = [one for one in ahead if one[over] is not None]
    traces = [*_ahead(further, in_money=in_money, currency=currency), line] if len(further) > 1 else [line]
    return {"data": traces, "layout": _layout(x, _axis(metric) | {"tickformat": ".0%"})}


def per_dollar(
    rounds: Sequence[dict[str, Any]], slope: Sequence[dict[str, Any]] | None, currency: str, unit: int
) -> Figure:
    """The gain of each round per `unit` of the currency: dots with 95% bars, and the smoothed slope with its band.

    The axis shows all dots and the slope; a bar that reaches far beyond is cut off by the edge of the plot.
    """
    known = [row for row in rounds if row["gain_per_dollar"] is not None and row["total_cost"] is not None]
    scale = 100.0 * unit
    texts = [
        f"round {row['round']}: {words.points(row['gain'])} points for {words.amount(row['cost'], currency)}<br>"
        f"{row['gain_per_dollar'] * scale:+.2f} ({row['per_dollar_low'] * scale:+.2f} to "
        f"{row['per_dollar_high'] * scale:+.2f}) per {unit_name(currency, unit)}"
        for row in known
    ]
    values = [row["gain_per_dollar"] * scale for row in known]
    dots = _line([row["total_cost"] / MICRO for row in known], values, texts, "each round", color=MUTED) | {
        "mode": "markers",
        "error_y": _bars(known, "gain_per_dollar", "per_dollar_low", "per_dollar_high", scale),
    }
    traces = [*_slope(slope, scale, currency, unit), dots] if slope else [dots]
    y = _axis(f"points per {unit_name(currency, unit)}") | {"zeroline": True}
    if known:
        y["range"] = _window(values, known, slope or [], scale)
    x = _axis(f"spent so far, {currency}") | _money_ticks(currency)
    return {"data": traces, "layout": _layout(x, y, legend=bool(slope))}


def gap(rounds: Sequence[dict[str, Any]], metric: str) -> Figure:
    """The metric on the labels it learned from, cross-validated on them, and on the hold-out."""
    places = [row["labels"] for row in rounds]
    styles = {
        "train": ("training labels", MUTED, "dot"),
        "validation": ("cross-validated", INK, "dash"),
        "holdout": ("hold-out", ACCENT, "solid"),
    }
    traces = []
    for split, (name, color, dash) in styles.items():
        texts = [
            f"round {row['round']}, {name}: {words.share(row[split])}"
            for row in rounds
            if row[split] is not None
        ]
        at = [place for place, row in zip(places, rounds, strict=True) if row[split] is not None]
        values = [row[split] for row in rounds if row[split] is not None]
        trace = _line(at, values, texts, name, color=color)
        trace["line"]["dash"] = dash
        traces.append(trace)
    x = _axis("training labels") | {"tickformat": ",d", "rangemode": "tozero"}
    return {"data": traces, "layout": _layout(x, _axis(metric) | {"tickformat": ".0%"}, legend=True)}


def reliability(bins: Sequence[dict[str, Any]]) -> Figure:
    """How often the model is right against how sure it is; on the diagonal the two are the same."""
    most = max(one["items"] for one in bins)
    diagonal = {
        "type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "hoverinfo": "skip",
        "line": {"color": MUTED, "width": 1, "dash": "dot"},
    }  # fmt: skip
    few = [one for one in bins if one["items"] < _FEW]
    many = [one for one in bins if one["items"] >= _FEW]
    sides = {"range": [-0.02, 1.02], "tickformat": ".0%"}
    return {
        "data": [
            diagonal,
            *(_dots(part, most, color) for part, color in ((few, FAINT), (many, ACCENT)) if part),
        ],
        "layout": _layout(_axis("how sure the model is") | sides, _axis("how often it is right") | sides),
    }


def confusion(matrix: dict[str, Any]) -> Figure:
    """Rows are what items are, columns what they were taken for, shades the share of the row."""
    names = _distinct([cut(name, _NAME) for name in matrix["classes"]])
    counts = np.array(matrix["counts"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    heat = {
        "type": "heatmap",
        "x": names,
        "y": names,
        "z": np.round(shares, 4).tolist(),
        "customdata": counts.tolist(),
        "hovertemplate": "is %{y}<br>taken for %{x}: %{customdata:,}<extra></extra>",
        "colorscale": [[0, PAPER], [1, ACCENT]],
        "zmin": 0,
        "zmax": 1,
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
    }
    if len(names) <= _MOST_COUNTS:
        heat |= {
            "text": [[f"{n:,}" if n else "" for n in row] for row in counts.tolist()],
            "texttemplate": "%{text}",
        }
    shown = len(names) <= _MOST_TICKS
    ticks = {
        "type": "category",
        "tickvals": list(range(len(names))) if shown else [],
        "ticktext": [quoted(cut(name, _TICK)) for name in matrix["classes"]] if shown else [],
        "showgrid": False,
    }
    layout = _layout(
        _axis("taken for") | ticks | {"tickangle": -45 if max(map(len, names)) > 3 else 0},
        _axis("is") | ticks | {"autorange": "reversed"},
    )
    return {"data": [heat], "layout": layout}


def _distinct(names: Sequence[str]) -> list[str]:
    """Names to show as categories, of which there must be no two alike."""
    shown: dict[str, None] = {}
    for i, name in enumerate(names):
        shown[quoted(name if quoted(name) not in shown else f"{name} ({i + 1})")] = None
    return list(shown)


def pool_map(points: Sequence[dict[str, Any]]) -> Figure:
    """Items on a plane; `customdata` is each one's position in `points`. What hovering shows is the page's own."""
    traces = []
    for state, (name, marker) in STATES.items():
        at = [i for i, point in enumerate(points) if point["state"] == state]
        if at:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": name,
                    "x": [points[i]["x"] for i in at],
                    "y": [points[i]["y"] for i in at],
                    "customdata": at,
                    "hoverinfo": "none",
                    "marker": marker,
                }
            )
    bare = {"visible": False, "fixedrange": False, "range": [-1.05, 1.05]}
    layout = _layout(bare, bare, legend=True) | {
        "dragmode": "pan",
        "margin": {"l": 0, "r": 0, "t": 8, "b": 8},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": MUTED, "activecolor": ACCENT},
    }
    return {"data": traces, "layout": layout}


def paid(rounds: Sequence[dict[str, Any]]) -> bool:
    """Whether the rounds cost anything, as far as known: a curve over money that nobody spent is a vertical line."""
    return any(row["cost"] for row in rounds) and all(row["total_cost"] is not None for row in rounds)


def unit_for(rounds: Sequence[dict[str, Any]]) -> int:
    """One, ten, a hundred ... units of currency: the largest that is no more than what a round costs in the middle."""
    costs = [row["cost"] / MICRO for row in rounds if row["cost"]]
    if not costs:
        return 1
    return int(10 ** max(0, int(np.floor(np.log10(np.median(costs))))))


def _ahead(ahead: Sequence[dict[str, Any]], *, in_money: bool, currency: str) -> list[Figure]:
    places = [one["total_cost"] / MICRO if in_money else one["labels"] for one in ahead]
    texts = [
        f"forecast: {words.share(one['median'])} (80%: {words.share(one['low'])} to {words.share(one['high'])})"
        f"<br>{one['labels']:,} labels"
        + ("" if one["total_cost"] is None else f", {words.amount(one['total_cost'], currency)}")
        for one in ahead
    ]
    line = _line(places, [one["median"] for one in ahead], texts, "forecast", color=ACCENT)
    line["line"] |= {"dash": "dot"}
    band = _band(places, [one["low"] for one in ahead], [one["high"] for one in ahead])
    return [band, line | {"mode": "lines"}]


def _band(x: list[float], low: list[float], high: list[float]) -> Figure:
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


def _dots(bins: Sequence[dict[str, Any]], most: float, color: str) -> Figure:
    texts = [
        f"{words.share(one['confidence'], 0)} sure, {words.share(one['accuracy'], 0)} right "
        f"({words.share(one['low'], 0)} to {words.share(one['high'], 0)})<br>{one['items']:,.0f} items"
        for one in bins
    ]
    dots = _line(
        [one["confidence"] for one in bins], [one["accuracy"] for one in bins], texts, "", color=color
    )
    dots |= {"mode": "markers", "error_y": _bars(bins, "accuracy", "low", "high") | {"color": color}}
    dots["marker"]["size"] = [max(5.0, _AREA * float(np.sqrt(one["items"] / most))) for one in bins]
    return dots


def _slope(slope: Sequence[dict[str, Any]], scale: float, currency: str, unit: int) -> list[Figure]:
    places = [one["total_cost"] / MICRO for one in slope]
    texts = [
        f"smoothed after round {one['round']}: {one['value'] * scale:+.2f} ({one['low'] * scale:+.2f} to "
        f"{one['high'] * scale:+.2f}) per {unit_name(currency, unit)}"
        for one in slope
    ]
    band = _band(places, [one["low"] * scale for one in slope], [one["high"] * scale for one in slope])
    line = _line(places, [one["value"] * scale for one in slope], texts, "smoothed", color=ACCENT)
    return [band, line | {"mode": "lines"}]


def _window(
    values: list[float], known: Sequence[dict[str, Any]], slope: Sequence[dict[str, Any]], scale: float
) -> list[float]:
    """The range of the axis: all dots, the slope, and as much of the bars as leaves those readable."""
    centre = [*values, *(one["value"] * scale for one in slope), 0.0]
    low, high = min(centre), max(centre)
    reach = max(high - low, 1e-9)
    low = max(min(row["per_dollar_low"] * scale for row in known), low - reach / 2)
    high = min(max(row["per_dollar_high"] * scale for row in known), high + reach / 2)
    low, high = min(low, *centre), max(high, *centre)
    margin = 0.06 * max(high - low, 1e-9)
    return [low - margin, high + margin]


def _line(x: list[Any], y: list[Any], texts: list[str], name: str, *, color: str) -> Figure:
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


def _bars(rows: Sequence[dict[str, Any]], value: str, low: str, high: str, scale: float = 1.0) -> Figure:
    return {
        "type": "data",
        "symmetric": False,
        "array": [(row[high] - row[value]) * scale for row in rows],
        "arrayminus": [(row[value] - row[low]) * scale for row in rows],
        "thickness": 1,
        "width": 3,
        "color": MUTED,
    }


def _axis(title: str) -> Figure:
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


def _money_ticks(currency: str) -> Figure:
    sign = unit_name(currency, 10).replace("10", "").strip()
    return {"tickprefix": sign} if len(sign) == 1 else {"ticksuffix": f" {sign}"}


def _layout(x: Figure, y: Figure, *, legend: bool = False) -> Figure:
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
