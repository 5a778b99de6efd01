"""The one way from the command line to the terminal."""

import typer

from curator.progress import printable


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a line, on stderr with `err`; what could steer the terminal is shown as its code."""
    typer.echo(printable(str(text)), err=err, nl=nl)


def say(text: str) -> None:
    """Print a sentence about what is being done, beside the results."""
    echo(text, err=True)
