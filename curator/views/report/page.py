"""The page: one HTML file with everything in it, that asks nobody for anything."""

import base64
import hashlib
import importlib.resources
import json
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from curator.amounts import unit_name
from curator.money.measured_on import item_counts, restated
from curator.tasks.registry import metric_title
from curator.views.report import plots, words
from curator.views.report.cards import cards, verdict_sentence
from curator.views.report.gather import Report
from curator.views.report.thumbs import thumbnails

MOST_BYTES = 6_000_000
_MOST_HOVER = 600_000  # bytes of what hovering over the map shows
_MOST_THUMBS = 700_000  # bytes of images
_SPARE = 20_000  # bytes
_LONGEST = 100  # characters of a text
_NAME = 60  # characters of a class


def render(report: Report) -> str:
    """The report as a page of less than 6 MB: what does not fit is left out of the map's hover texts, then of its images."""
    figures = _figures(report)
    points = report.map["points"] if report.map else []
    room = MOST_BYTES - _SPARE - len(_page(report, figures, [], {}).encode())
    hover = _hover(points, min(_MOST_HOVER, room))
    if report.project["kind"] != "image":
        return _page(report, figures, hover, {})
    room -= len(_json(hover).encode())
    picks = report.batch.picks if report.batch else []
    wanted = [one["content"] for one in (*report.errors, *picks, *points)]
    thumbs = thumbnails(wanted, min(_MOST_THUMBS, room // 2))  # in a table and on the map
    for shown, point in zip(hover, points, strict=True):
        if shown and point["content"] in thumbs:
            shown["image"] = thumbs[point["content"]]
    return _page(report, figures, hover, thumbs)


def _hover(points: list[dict[str, Any]], room: int) -> list[dict[str, str]]:
    """What hovering over each point shows; nothing for those, the last ones, that there is no room for."""
    shown: list[dict[str, str]] = []
    for point in points:
        text = words.cut(point["content"], _LONGEST)
        one = {"id": point["id"], "note": words.cut(point["note"], _LONGEST), "text": text}
        room -= len(_json(one).encode()) + len(",{}")
        shown.append(one if room > 0 else {})
    return shown


def _page(
    report: Report, figures: dict[str, Any], hover: list[dict[str, str]], thumbs: dict[str, str]
) -> str:
    scripts = [_plotly(), _asset("page.js")]
    currency = report.project["currency"]
    unit = plots.unit_for(report.rounds)
    return (
        _environment()
        .get_template("page.html")
        .render(
            r=report,
            thumbs=thumbs,
            figures=_json(figures),
            item_counts=item_counts(report.rounds),
            restated=restated(report.rounds),
            points=_json(hover),
            style=Markup(_asset("page.css")),  # noqa: S704 - our own file
            scripts=[Markup(script) for script in scripts],  # noqa: S704 - our own, and plotly's
            policy=_policy(scripts),
            metric=metric_title(report.project["metric"]),
            paid=plots.paid(report.rounds),
            unit=unit,
            unit_name=unit_name(currency, unit),
            last_words=verdict_sentence(report),
            cards=cards(report),
            drawn=set(figures),
            amount=lambda micro: words.amount(micro, currency),
        )
    )


def _figures(report: Report) -> dict[str, Any]:
    """Every plot that there are numbers for, by the name of its place on the page."""
    currency, metric = report.project["currency"], metric_title(report.project["metric"])
    figures: dict[str, Any] = {}
    if report.rounds:
        ahead = report.forecast["ahead"] if report.forecast else []
        axes = {"curve-dollars": "total_cost", "curve-labels": "labels"}
        if any(row["total_cost"] is None for row in report.rounds):
            del axes["curve-dollars"]  # a curve over money that nobody knows
        for name, over in axes.items():
            figures[name] = plots.curve(report.rounds, ahead, over, metric, currency)
        figures["gap"] = plots.gap(report.rounds, metric)
    if any(row["gain_per_dollar"] is not None and row["total_cost"] is not None for row in report.rounds):
        figures["per-dollar"] = plots.per_dollar(
            report.rounds, report.slope, currency, plots.unit_for(report.rounds)
        )
    if report.calibration:
        figures["reliability"] = plots.reliability(report.calibration["bins"])
    if report.confusion:
        figures["confusion"] = plots.confusion(report.confusion)
    if report.map:
        figures["map"] = plots.pool_map(report.map["points"])
    return figures


def _policy(scripts: list[str]) -> str:
    """The content policy: scripts by their digests, nothing from anywhere else. Plotly sets styles as it draws."""
    digests = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return (
        f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; img-src data:; connect-src 'none'; "
        "base-uri 'none'; form-action 'none'"
    )


def _json(value: Any) -> Markup:
    """JSON that no HTML parser can find a tag in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - the five characters above are all that could end or open anything


def _name(text: str) -> Markup:
    """The name of a class, escaped, that may be broken after an underscore: most are one long word."""
    return escape(words.cut(text, _NAME)).replace("_", Markup("_<wbr>"))


@cache
def _plotly() -> str:
    """plotly.js as its package ships it: drawn on the page itself, without a network."""
    file = importlib.resources.files("plotly") / "package_data" / "plotly.min.js"
    return file.read_text(encoding="utf-8")


@cache
def _asset(name: str) -> str:
    return (importlib.resources.files("curator.views.report") / "assets" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("curator.views.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "share": words.share,
        "points": words.points,
        "number": words.number,
        "day": words.day,
        "cut": words.cut,
        "capital": words.capital,
        "name": _name,
    }
    return made
