"""The one way from the command line to the terminal: lines, tables, JSON."""

import io
import json
from typing import Any

import typer

from curator.progress import printable


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a line, on stderr with `err`; what could steer the terminal is shown as its code."""
    typer.echo(printable(str(text)), err=err, nl=nl)


def say(text: str) -> None:
    """Print a sentence about what is being done, beside the results."""
    echo(text, err=True)


def as_json(value: Any) -> str:
    """For `--json`: one line, keys in a fixed order."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def table(headers: list[str], rows: list[list[str]], left: int = 1) -> str:
    """Rows under headers; the first `left` columns are text, the others numbers. Square brackets are no markup.

    Never cut to a terminal's width: it may go to a file or a log.
    """
    # rich takes 50 ms to import, and most commands print no table
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for i, header in enumerate(headers):
        grid.add_column(Text(header), justify="left" if i < left else "right", no_wrap=True)
    for row in rows:
        # as it will be printed, or the columns would not stand below each other
        grid.add_row(*(Text(printable(cell)) for cell in row))
    written = io.StringIO()
    Console(file=written, width=160, color_system=None).print(grid)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines()).strip("\n")
