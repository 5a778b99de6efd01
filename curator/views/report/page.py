"""The page: one HTML file with everything in it, that asks nobody for anything."""

import base64
import hashlib
import importlib.resources
import json
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from curator.amounts import unit_name
from curator.views.report import words
from curator.views.report.figures import Figure, unit_for
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
    figures: dict[str, Figure] = {}
    points: list[dict[str, Any]] = []
    images: list[str] = []
    for section in report.sections:
        figures |= section.figures(report.head)
        points += section.points()
        images += section.images()
    room = MOST_BYTES - _SPARE - len(_page(report, figures, [], {}).encode())
    hover = _hover(points, min(_MOST_HOVER, room))
    if report.head.project["kind"] != "image":
        return _page(report, figures, hover, {})
    room -= len(_json(hover).encode())
    images += [point["content"] for point in points]
    thumbs = thumbnails(images, min(_MOST_THUMBS, room // 2))  # in a table and on the map
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
    report: Report, figures: dict[str, Figure], hover: list[dict[str, str]], thumbs: dict[str, str]
) -> str:
    scripts, head, environment = [_plotly(), _asset("page.js")], report.head, _environment()
    unit = unit_for(head.rounds)
    common = {
        "r": head,
        "thumbs": thumbs,
        "metric": head.metric,
        "unit": unit,
        "unit_name": unit_name(head.currency, unit),
        "drawn": set(figures),
        "amount": lambda micro: words.amount(micro, head.currency),
    }
    shown = [section for section in report.sections if section.is_shown(head)]
    return environment.get_template("page.html").render(
        common,
        sections=[
            Markup(environment.get_template(section.template()).render(common, s=section))  # noqa: S704 - escaped there
            for section in shown
        ],
        figures=_json(figures),
        points=_json(hover),
        style=Markup(_asset("page.css")),  # noqa: S704 - our own file
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - our own, and plotly's
        policy=_policy(scripts),
    )


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
        loader=ChoiceLoader(
            [PackageLoader("curator.views.report", folder) for folder in ("assets", "sections")]
        ),
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
