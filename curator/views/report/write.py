"""Writes the report: a page, and the same numbers as JSON beside it."""

import json
from dataclasses import dataclass
from pathlib import Path

from curator.errors import ConfigError, CuratorError
from curator.files import write_bytes
from curator.output import check_output, is_page, is_report
from curator.project.project import Project
from curator.views.report.gather import Report, gather
from curator.views.report.page import render


@dataclass(frozen=True)
class Written:
    """Where the report is."""

    page: Path
    data: Path
    report: Report


def write_report(project: Project, page: Path | None = None, *, force: bool = False) -> Written:
    """Gather, draw and write; an earlier report is replaced, any other file only by `force`.

    Args:
        project: is only read.
        page: an .html file; None = .curator/reports/round-NNN.html, by the last measured round.
        force: replace what curator did not write.

    Raises:
        ConfigError: `page` is no .html file, or it or the JSON file beside it is not curator's.
        CuratorError: the disk refuses, or a part of the project cannot be read.
    """
    if page is not None and page.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{page}: a report is an .html file; name it like report.html.")
    if page is not None:
        check_output(page, is_page, force=force)
        check_output(page.with_suffix(".json"), is_report, force=force)
    report = gather(project)
    place = page or project.state / "reports" / f"round-{report.head.project['round']:03d}.html"
    data = place.with_suffix(".json")
    text = json.dumps(report.as_json(), ensure_ascii=False, indent=1, allow_nan=False)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(data, text.encode())
        write_bytes(place, render(report).encode())
    except OSError as exc:
        raise CuratorError(f"The report cannot be written to {place}: {exc.strerror or exc}.") from exc
    return Written(place.resolve(), data.resolve(), report)
