"""`curator doctor`: is everything there that a round needs."""

import sys
from typing import Annotated

import typer

from curator.cli import printing
from curator.cli.errors import user_errors
from curator.cli.options import HERE, AsJson, ProjectDir
from curator.cli.printing import echo
from integrations.findings import Finding

_SHOWN = {"ok": "ok", "warn": "warn", "fail": "FAIL"}
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
    project: ProjectDir = HERE,
    libraries: Annotated[
        bool,
        typer.Option(
            "--libraries",
            help="Also start torch, faiss and numba: do they work, and on what do they compute?",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check installation, project, ledger and labeler; each line passes or says what to do. Changes nothing.

    Exit code 1 when something fails. Outside a project only the installation is checked, including its libraries.
    """
    with user_errors():
        from curator.care.doctor import examine, failed

        findings = examine(project, libraries=libraries)
        if as_json:
            listed = [
                {"name": f.name, "state": f.state, "detail": f.detail, "remedy": f.remedy} for f in findings
            ]
            echo(printing.as_json({"ok": not failed(findings), "findings": listed}))
        else:
            for line in _lines(findings, colours=sys.stdout.isatty()):
                echo(line)
        if failed(findings):
            raise typer.Exit(1)


def _lines(findings: list[Finding], *, colours: bool) -> list[str]:
    """A line per finding, in columns; what to do stands below it."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        state = f"{_SHOWN[finding.state]:<4}"
        if colours:
            state = typer.style(state, fg=_COLOURS[finding.state])
        detail = finding.detail.replace("\n", "\n" + " " * (width + 8))
        lines.append(f"{state}  {finding.name:<{width}}  {detail}")
        if finding.remedy:
            lines.append(f"{'':<{width + 8}}> {finding.remedy}")
    return lines
