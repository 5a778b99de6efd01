"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

ProjectDir = Annotated[Path, typer.Option("--project", help="Folder of the project.", show_default="here")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one line of JSON.")]
HERE = Path()

# {section.setting} is what that setting of curator.toml is for: see `SettingsCommand`.
Delimiter = Annotated[
    str | None, typer.Option(help="{data.delimiter} E.g. '|' or tab.", show_default="found in the header")
]
Encoding = Annotated[
    str | None,
    typer.Option(help="{data.encoding} E.g. cp1252 or gb18030.", show_default="UTF-8, UTF-16, or a guess"),
]
Quoting = Annotated[
    str | None, typer.Option(help="{data.quoting}", show_default="double, but stray quotes are refused")
]
Header = Annotated[
    bool | None, typer.Option("--header/--no-header", help="{data.header}", show_default="it does")
]
SkipBadRows = Annotated[
    Path | None,
    typer.Option(
        help="Leave out rows that cannot be used, and list them in this file.",
        show_default="nothing is imported",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file even if curator did not write it.")]
# What is in the columns of a data file, of `init` as of `simulate`.
KindOf = Annotated[str | None, typer.Option(help="{project.kind}", show_default="inferred")]
IdColumn = Annotated[str | None, typer.Option("--id", help="{data.id}", show_default="inferred")]
TextColumn = Annotated[str | None, typer.Option(help="{data.text}", show_default="inferred")]
ImageColumn = Annotated[str | None, typer.Option(help="{data.image}", show_default="inferred")]
LabelColumn = Annotated[str | None, typer.Option(help="{data.label}", show_default="inferred")]
EmbeddingColumn = Annotated[str | None, typer.Option(help="{data.embedding}", show_default="inferred")]
AllowOutside = Annotated[bool, typer.Option("--allow-outside", help="{data.allow_outside}")]
Embeddings = Annotated[str | None, typer.Option(help="Embeddings in row order: FILE.npy, or FILE.npz:ARRAY.")]
HoldoutEmbeddings = Annotated[
    str | None, typer.Option(help="Embeddings of the hold-out file, as for --embeddings.")
]
Classes = Annotated[
    str | None,
    typer.Option(
        help="{project.classes} Comma-separated; one with a comma in double quotes.",
        show_default="those of the label column",
    ),
]
EncoderName = Annotated[str | None, typer.Option(help="{encoder.name}", show_default="by kind")]


class SettingsCommand(TyperCommand):
    """A command with options that set what curator.toml says: their help is what is said there.

    It is filled in when the options are needed, since importing the settings takes longer than all other help.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """The options, their help complete."""
        from curator.config.describe import describe_settings

        params: list[Any] = super().get_params(ctx)
        for param in params:
            param.help = describe_settings(param.help or "")
        return params


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
