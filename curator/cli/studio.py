"""`curator studio`: a Label Studio of one's own on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from curator.cli import printing
from curator.cli.errors import user_errors
from curator.cli.printing import echo, say

if TYPE_CHECKING:
    from curator.studio.home import StudioHome
    from curator.studio.service import StudioStatus

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Install, start and stop a Label Studio of your own on this machine, for this machine only.",
)

HomeDir = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Folder with everything it needs.",
        show_default="$CURATOR_STUDIO_HOME, else ~/.local/share/curator/studio",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one line of JSON.")]


@app.command()
def up(
    home: HomeDir = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65_535, help="Port to listen on.", show_default="as before, else 8080 or the next free"
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Let it show the images in the folders below this one, so that they need no upload.",
            show_default="as before",
        ),
    ] = None,
    executable: Annotated[
        Path | None,
        typer.Option(
            help="`label-studio` program to use.", show_default="as before, else installed by curator"
        ),
    ] = None,
    credentials: Annotated[
        Literal["keyring", "file"] | None,
        typer.Option(
            help="Keep password and token in the keyring, or in plain text in files that only you can read.",
            show_default="as before, else keyring",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start it; the first time, install it (1 GB). Ready when this returns; harmless if it is already running.

    It listens on 127.0.0.1 only and sends no usage data. `curator round` finds its token by itself.

    Example: curator studio up --images ~/photos
    """
    with user_errors():
        from curator.studio import service

        done = service.up(
            _home(home), say=say, port=port, images=images, executable=executable, credentials=credentials
        )
        for note in done.notes:
            say(note)
        if as_json:
            echo(printing.as_json({**done.status.as_json(), "started": done.started}))
        else:
            echo("Started." if done.started else "It is already running.")
            echo(_text(done.status))


@app.command()
def down(home: HomeDir = None, as_json: AsJson = False) -> None:
    """Stop it. Its projects and its account are kept for the next `curator studio up`."""
    with user_errors():
        from curator.studio import service

        stopped = service.down(_home(home))
        said = "Stopped." if stopped else "It is not running."
        echo(printing.as_json({"stopped": stopped}) if as_json else said)


@app.command()
def status(
    home: HomeDir = None,
    show_password: Annotated[
        bool, typer.Option("--show-password", help="Print the password of its account too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show its address, process, version and folders, and whether it answers."""
    with user_errors():
        from curator.studio import service

        folder = _home(home)
        found = service.status(folder)
        shown: dict[str, Any] = found.as_json()
        if show_password:
            shown["password"] = service.read_password(folder)
        if as_json:
            echo(printing.as_json(shown))
        else:
            echo(_text(found))
            if show_password:
                echo(f"password     {shown['password']}")


def _home(named: Path | None) -> "StudioHome":
    from curator.studio.home import StudioHome, default_home

    return StudioHome(named or default_home())


def _text(found: "StudioStatus") -> str:
    from curator.studio.home import HOME_VARIABLE, StudioHome, default_home

    if found.url is None:
        return f"There is no Label Studio in {found.home}. Start one: `curator studio up`"
    option = "" if StudioHome(default_home()).folder == Path(found.home) else f" --home {found.home}"
    state = "answers" if found.answers else "runs" if found.running else "does not run"
    lines = [
        ("address", f"{found.url} ({state})"),
        ("process", str(found.pid) if found.pid else None),
        ("version", found.version),
        ("account", f"{found.email}; `curator studio status --show-password{option}` shows the password"),
        (
            "credentials",
            "in the keyring" if found.credentials == "keyring" else f"in plain text, in {found.home}",
        ),
        ("data", found.data),
        ("images", found.images and f"from folders below {found.images}"),
        ("log", found.log),
        ("problem", found.problem),
        ("stop", f"curator studio down{option}" if found.running else None),
        ("token", f"for `curator round` to find it: export {HOME_VARIABLE}={found.home}" if option else None),
    ]
    return "\n".join(f"{name:<12} {value}" for name, value in lines if value)
