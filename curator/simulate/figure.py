"""The curves of a simulation as an SVG picture, light or dark as its viewer is."""

from collections.abc import Sequence
from html import escape

import numpy as np

from curator.amounts import MICRO
from curator.simulate.analysis import YARDSTICK
from curator.simulate.result import Place, Simulation, Standing
from curator.tasks.registry import metric_title

# Okabe & Ito's colours, told apart by the colour-blind too.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7f3c8d")
_GREY = "#888888"
_WIDTH, _HEIGHT = 520, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 34, 48
_LEGEND_LINE = 18
_STYLE = (
    "svg{background:#fff}text{fill:#222}.grid{stroke:#e3e3e3}"
    "@media(prefers-color-scheme:dark){svg{background:#16181c}text{fill:#e6e6e6}.grid{stroke:#33363c}}"
)


def figure(found: Simulation) -> str:
    """Two panels, over money and over labels: mean over seeds, and the band that holds 80% of them."""
    order = sorted(found.standings, key=lambda one: one.name == YARDSTICK)
    colours = {
        one.name: _GREY if one.name == YARDSTICK else _COLOURS[i % len(_COLOURS)]
        for i, one in enumerate(order)
    }
    columns = 4
    legend = 8 + _LEGEND_LINE * -(-len(order) // columns)
    width, height = 2 * _WIDTH, legend + _HEIGHT
    font = 'font-family="system-ui,sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {font} role="img">',
        f"<style>{_STYLE}</style>",
        f"<title>{escape(found.data)}: {found.metric} over money and over labels</title>",
    ]
    for i, one in enumerate(order):
        x, y = 14 + (i % columns) * width // columns, 18 + (i // columns) * _LEGEND_LINE
        parts.append(_line([(x, y - 4), (x + 24, y - 4)], colours[one.name], one.name))
        parts.append(f'<text x="{x + 30}" y="{y}">{escape(one.name)}</text>')
    by_money = {one.name: [_scaled(place, 1 / MICRO) for place in one.over_money] for one in order}
    by_labels = {one.name: list(one.over_labels) for one in order}
    for i, (curves, unit) in enumerate(((by_money, found.currency), (by_labels, "labels"))):
        parts.append(f'<g transform="translate({i * _WIDTH} {legend})">')
        parts += _panel(order, curves, colours, unit, metric_title(found.metric))
        parts.append("</g>")
    return "\n".join((*parts, "</svg>", ""))


def _scaled(place: Place, factor: float) -> Place:
    return Place(place.x * factor, place.mean, place.low, place.high)


def _panel(
    order: Sequence[Standing],
    curves: dict[str, list[Place]],
    colours: dict[str, str],
    unit: str,
    metric: str,
) -> list[str]:
    places = [place for found in curves.values() for place in found]
    left, right = min(p.x for p in places), max(p.x for p in places)
    y_ticks = _ticks(100 * min(p.low for p in places), 100 * max(p.high for p in places))
    low, high = y_ticks[0], y_ticks[-1]

    def x(value: float) -> float:
        return _LEFT + (value - left) / max(right - left, 1e-9) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (100 * value - low) / max(high - low, 1e-9) * (_HEIGHT - _TOP - _BOTTOM)

    parts = []
    for tick in y_ticks:
        at = y(tick / 100)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{tick:g}</text>')
    parts += [
        f'<text x="{x(tick):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{tick:g}</text>'
        for tick in _ticks(left, right)
        if left <= tick <= right
    ]
    parts.append(f'<text x="{_LEFT}" y="20" font-weight="600">{escape(metric)}, %</text>')
    parts.append(
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(unit)}</text>'
    )
    for one in order:
        found = curves[one.name]
        edge = [(x(p.x), y(p.high)) for p in found] + [(x(p.x), y(p.low)) for p in reversed(found)]
        parts.append(f'<polygon points="{_listed(edge)}" fill="{colours[one.name]}" fill-opacity="0.13"/>')
    parts += [
        _line([(x(p.x), y(p.mean)) for p in curves[one.name]], colours[one.name], one.name) for one in order
    ]
    return parts


def _line(points: Sequence[tuple[float, float]], colour: str, name: str) -> str:
    dashes = ' stroke-dasharray="6 4"' if name == YARDSTICK else ""
    return f'<polyline points="{_listed(points)}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'


def _listed(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from at most `low` to at least `high`, about five of them."""
    rough = max(high - low, 1e-9) / 4
    unit = 10.0 ** np.floor(np.log10(rough))
    step = float(unit * next(factor for factor in (1, 2, 5, 10) if factor * unit >= rough))
    first, last = int(np.floor(low / step)), int(np.ceil(high / step))
    return [round(step * i, 9) for i in range(first, last + 1)]
