"""`curator report`: what the money bought, as one page."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from curator.cli import printing
from curator.cli.errors import user_errors
from curator.cli.options import HERE, AsJson, Force, ProjectDir
from curator.cli.printing import echo, say


def report(
    project: ProjectDir = HERE,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write: FILE.html.", show_default=".curator/reports/round-NNN.html"),
    ] = None,
    force: Force = False,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write one HTML page that needs no network, and the same numbers as JSON beside it.

    What the last dollars bought first; then the learning curve, classes, a map of the pool, annotators, picks.
    """
    with user_errors():
        from curator.progress import RichProgress
        from curator.project.project import Project
        from curator.views.report.write import write_report

        with Project(project, progress=RichProgress(), say=say) as opened:
            written = write_report(opened, out, force=force)
        if as_json:
            files = {"page": str(written.page), "data": str(written.data)}
            echo(printing.as_json(files | written.report.as_json()))
        else:
            echo(f"Report: {written.page}\nThe same as JSON: {written.data}")
        if open_:
            webbrowser.open(written.page.as_uri())
