"""`curator labeler`: which project of the labeler a campaign asks in."""

from dataclasses import asdict
from typing import Annotated

import typer

from curator.cli import printing
from curator.cli.errors import user_errors
from curator.cli.options import HERE, AsJson, ProjectDir
from curator.cli.printing import echo, say

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Choose where a campaign asks after its project is gone.",
)


@app.callback()
def _root() -> None:
    pass  # keeps `connect` a command of its own while it is the only one


@app.command()
def connect(
    project: ProjectDir = HERE,
    number: Annotated[
        int | None, typer.Option("--to", min=1, help="Number of an existing Label Studio project.")
    ] = None,
    new: Annotated[
        bool,
        typer.Option("--new", help="Create a project, or use the one already created for this campaign."),
    ] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Run the campaign from here, whoever ran it before.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Continue in another Label Studio project, after the old one was deleted or imported again.

    Questions are found there by curator's own keys. Those of the open round that are missing and still owe an answer are
    asked again by the next `curator round`; labels that were paid for stay in the ledger and are never asked again.

    Example: curator labeler connect --to 12
    """
    with user_errors():
        from curator.errors import ConfigError
        from curator.project.project import Project
        from curator.rounds.connect import connect_project

        if new == (number is not None):
            raise ConfigError("Say where to continue: --to NUMBER for an existing project, or --new.")
        with Project(project, take_over=take_over, say=say) as opened:
            connection = connect_project(opened, number)
        echo(
            printing.as_json(asdict(connection))
            if as_json
            else f"The campaign continues at {connection.where}: {connection.there:,} of its questions are there, "
            f"{connection.again:,} are asked again, {connection.labeled:,} are not there and need not be, since their "
            "answers are in the ledger. Next: `curator round`"
        )
