"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ProjectDir = Annotated[Path, typer.Option("--project", help="Folder of the project.", show_default="here")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one line of JSON.")]
HERE = Path()

Delimiter = Annotated[
    str | None,
    typer.Option(help="Between the fields of CSV, e.g. '|' or tab.", show_default="found in the header"),
]
Encoding = Annotated[
    str | None,
    typer.Option(help="Of text files, e.g. cp1252 or gb18030.", show_default="UTF-8, UTF-16, or a guess"),
]
Quoting = Annotated[
    str | None,
    typer.Option(
        help="none: double quotes are part of the text; double: they enclose fields.",
        show_default="double, but stray quotes are refused",
    ),
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header", help="Whether line 1 of CSV names the columns.", show_default="it does"
    ),
]
SkipBadRows = Annotated[
    Path | None,
    typer.Option(
        help="Leave out rows that cannot be used, and list them in this file.",
        show_default="nothing is imported",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file also when curator did not write it.")]


def amount_of(option: str, text: str | None, currency: str) -> int | None:
    """Micro-units of an option; None where it was not given.

    Raises:
        ConfigError: it is no amount, or in another currency.
    """
    from curator.amounts import parse_amount
    from curator.errors import ConfigError

    try:
        return None if text is None else parse_amount(text, currency)
    except ValueError as exc:
        raise ConfigError(f"{option}: {exc}") from exc
