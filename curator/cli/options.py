"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ProjectDir = Annotated[Path, typer.Option("--project", help="Folder of the project.", show_default="here")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one line of JSON.")]
HERE = Path()


def amount_of(option: str, text: str | None, currency: str) -> int | None:
    """Micro-units of an option; None where it was not given.

    Raises:
        ConfigError: it is no amount, or in another currency.
    """
    from curator.errors import ConfigError
    from curator.money.amounts import parse_amount

    try:
        return None if text is None else parse_amount(text, currency)
    except ValueError as exc:
        raise ConfigError(f"{option}: {exc}") from exc
