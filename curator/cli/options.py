"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ProjectDir = Annotated[Path, typer.Option("--project", help="Folder of the project.", show_default="here")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one line of JSON.")]
HERE = Path()
Force = Annotated[bool, typer.Option("--force", help="Replace the file also when curator did not write it.")]
