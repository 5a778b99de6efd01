"""The learning curves of a few contenders as one SVG: a panel per set, nothing but text and lines."""

from collections.abc import Sequence
from html import escape

import numpy as np
from benchmarks.efficiency.simulate import OWN
from benchmarks.efficiency.standings import YARDSTICK, Contender, Standing, Standings

_WIDTH, _HEIGHT = 330, 250  # of a panel
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 14, 30, 38
_LEGEND_LINE = 20
_COLUMNS = 3
# Told apart without colour vision too (Okabe & Ito's palette); the yardstick is grey and dashed.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_GREY = "#777777"


def figure(found: Standings) -> str:
    """Random labels, the best of curator with each head, and the best of each peer with its own head."""
    lines = _chosen(found.standings)
    columns = min(_COLUMNS, len(found.sets))
    rows = -(-len(found.sets) // columns)
    legend_rows = -(-len(lines) // columns)
    legend = legend_rows * _LEGEND_LINE + 12
    width, height = columns * _WIDTH, legend + rows * _HEIGHT
    colours = {
        one.contender: _GREY if one.contender == YARDSTICK else _COLOURS[i % len(_COLOURS)]
        for i, one in enumerate(lines)
    }
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    font = 'font-family="system-ui, sans-serif" font-size="11" fill="#222"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>',
        "<title>Test accuracy over labels</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for i, one in enumerate(lines):
        x, y = 14 + (i % columns) * _WIDTH, 18 + (i // columns) * _LEGEND_LINE
        parts.append(_stroke([(x, y - 4), (x + 24, y - 4)], colours[one.contender], one.contender))
        parts.append(f'<text x="{x + 30}" y="{y}">{escape(_name(one.contender))}</text>')
    for i, name in enumerate(found.sets):
        at = f"{(i % columns) * _WIDTH} {legend + (i // columns) * _HEIGHT}"
        parts.append(f'<g transform="translate({at})">')
        parts += _panel(name, lines, colours)
        parts.append("</g>")
    return "\n".join((*parts, "</svg>", ""))


def _chosen(standings: Sequence[Standing]) -> list[Standing]:
    """The yardstick last, so that it is drawn over nothing that matters less."""
    groups: dict[tuple[str, str], int] = {("curator", "head"): 2, ("curator", "lr"): 1}
    found: list[Standing] = []
    for one in standings:
        _strategy, head, library = one.contender
        if one.contender == YARDSTICK or (library != "curator" and head != OWN):
            continue
        left = groups.setdefault((library, head), 1)
        if left:
            groups[library, head] -= 1
            found.append(one)
    return [*found, *(one for one in standings if one.contender == YARDSTICK)]


def _panel(name: str, lines: Sequence[Standing], colours: dict[Contender, str]) -> list[str]:
    curves = [(one.contender, one.on[name].labels, 100 * np.array(one.on[name].accuracy)) for one in lines]
    low = min(float(values.min()) for _, _, values in curves)
    high = max(float(values.max()) for _, _, values in curves)
    right = max(labels[-1] for _, labels, _ in curves)
    left = min(labels[0] for _, labels, _ in curves)
    y_ticks, x_ticks = _ticks(low, high), _ticks(left, right)
    low, high = min(low, y_ticks[0]), max(high, y_ticks[-1])

    def x(value: float) -> float:
        return _LEFT + (value - left) / max(right - left, 1e-9) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - low) / max(high - low, 1e-9) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [f'<text x="{_LEFT}" y="20" font-size="13" font-weight="600">{escape(name)}</text>']
    for tick in y_ticks:
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#e3e3e3"/>'
        )
        parts.append(f'<text x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    parts += [
        f'<text x="{x(tick):.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{tick:g}</text>'
        for tick in x_ticks
        if left <= tick <= right
    ]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle" fill="#555">labels</text>')
    parts.append(
        f'<text transform="translate(11 {(_TOP + _HEIGHT - _BOTTOM) / 2}) rotate(-90)" text-anchor="middle" '
        'fill="#555">accuracy, %</text>'
    )
    for contender, labels, values in curves:
        points = [(x(label), y(value)) for label, value in zip(labels, values, strict=True)]
        parts.append(_stroke(points, colours[contender], contender))
    return parts


def _stroke(points: Sequence[tuple[float, float]], colour: str, contender: Contender) -> str:
    dashes = ' stroke-dasharray="5 4"' if contender == YARDSTICK else ""
    listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{listed}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers that reach from at most `low` to at least `high`, about five of them."""
    rough = max(high - low, 1e-9) / 4
    unit = 10.0 ** np.floor(np.log10(rough))
    step = unit * next(factor for factor in (1, 2, 5, 10) if factor * unit >= rough)
    first, last = np.floor(low / step), np.ceil(high / step)
    return [float(step * i) for i in np.arange(first, last + 1)]


def _name(contender: Contender) -> str:
    """Short enough for the width of a panel."""
    strategy, head, library = contender
    heads = {"lr": "LR C = 100", "head": "curator's head", OWN: "own head"}
    return f"{strategy if library == 'curator' else f'{library} {strategy}'}, {heads[head]}"
