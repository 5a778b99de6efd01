"""`curator serve`: suggestions while people label, and a webhook that wakes a waiting round."""

from typing import Annotated

import typer

from curator.cli.errors import user_errors
from curator.cli.options import HERE, ProjectDir
from curator.cli.printing import echo, say
from curator.pool.problems import counted


def serve(
    project: ProjectDir = HERE,
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond this machine CURATOR_SERVE_SECRET is required.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free port.")] = 9090,
    url: Annotated[
        str | None,
        typer.Option(
            help="Address at which Label Studio reaches this server.", show_default="http://HOST:PORT"
        ),
    ] = None,
    register: Annotated[
        bool,
        typer.Option("--register/--no-register", help="Register with Label Studio until the server stops."),
    ] = True,
    unregister: Annotated[
        bool,
        typer.Option(
            "--unregister", help="Remove from Label Studio what a killed server left there, and exit."
        ),
    ] = False,
) -> None:
    """Serve the newest model's suggestions to Label Studio, and wake `curator round --wait` when answers come.

    Label Studio asks for a suggestion when somebody opens a task that has none yet, say one asked before there was a
    model; its stream ("Label All Tasks") shows those that came with the questions. The loop works as well without it.
    It needs the extra: pip install -c constraints.txt '.[server]'
    """
    with user_errors():
        from curator.serve.run import Address, serve_project, stopped_by_signals
        from curator.serve.run import unregister as take_out

        if unregister:
            echo(f"{counted(take_out(project), 'entry', 'entries')} removed from Label Studio.")
            return
        with stopped_by_signals() as stop:
            serve_project(
                project,
                Address(host, port, url),
                register=register,
                say=say,
                stop=stop,
            )
