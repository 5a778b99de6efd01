"""The one way from the command line to the terminal: lines, tables, JSON."""

import json
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import typer
from rich.cells import cell_len

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
    # as it will be printed, or the columns would not stand below each other
    cells = [[printable(cell).splitlines() or [""] for cell in row] for row in (headers, *rows)]
    lines = [line for row in cells for line in zip_longest(*row, fillvalue="")]
    widths = [max(cell_len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(_aligned(line, widths, left) for line in lines)


def _aligned(cells: Sequence[str], widths: Sequence[int], left: int) -> str:
    """A line of a table; characters of East Asia take two columns."""
    pads = [" " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)]
    padded = (
        cell + pad if i < left else pad + cell for i, (cell, pad) in enumerate(zip(cells, pads, strict=True))
    )
    return "  ".join(padded).rstrip()
