"""`curator labeler`: which project of the labeler a campaign asks in."""

from dataclasses import asdict
from typing import Annotated

import typer

from curator.cli import printing
from curator.cli.errors import user_errors
from curator.cli.options import HERE, AsJson, ProjectDir
from curator.cli.printing import echo, say

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Where a campaign asks, when its project is gone."
)


@app.callback()
def _root() -> None:
    pass  # keeps `connect` a command of its own while it is the only one


@app.command()
def connect(
    project: ProjectDir = HERE,
    number: Annotated[
        int | None, typer.Option("--to", min=1, help="Number of a project at Label Studio that exists.")
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="Make a project, or take the one made for this campaign.")
    ] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Run the campaign from here, whoever ran it before.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Go on in another project of Label Studio, after the old one was deleted or imported again.

    Questions are found there by curator's own keys. Those of the open round that are missing and still owe an answer are
    asked again by the next `curator round`; labels that were paid for stay in the ledger and are never asked again.

    Example: curator labeler connect --to 12
    """
    with user_errors():
        from curator.errors import ConfigError
        from curator.project.project import Project
        from curator.rounds.connect import connect_project

        if new == (number is not None):
            raise ConfigError("Say where to go on: --to NUMBER for a project that exists, or --new.")
        with Project(project, take_over=take_over, say=say) as opened:
            connection = connect_project(opened, number)
        echo(
            printing.as_json(asdict(connection))
            if as_json
            else f"The campaign goes on at {connection.where}: {connection.there:,} of its questions are there, "
            f"{connection.again:,} are asked again, {connection.labeled:,} are not there and need not be, for what was "
            "answered is in the ledger. Next: `curator round`"
        )
