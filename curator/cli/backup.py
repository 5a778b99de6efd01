"""`curator backup`: a safe copy of what cannot be computed again."""

from pathlib import Path
from typing import Annotated

import typer

from curator.cli import printing
from curator.cli.errors import user_errors
from curator.cli.options import HERE, AsJson, ProjectDir
from curator.cli.printing import echo
from curator.pool.problems import counted


def backup(
    path: Annotated[Path, typer.Argument(help="Folder to create; must not exist.")],
    project: ProjectDir = HERE,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing backup.")] = False,
    as_json: AsJson = False,
) -> None:
    """Copy the ledger and curator.toml into a folder; safe while rounds run and people answer.

    The copy is checked before it gets its name. The data files, and what can be recomputed from them (pool,
    embeddings, models), are not in it.
    """
    with user_errors():
        from curator.care.backup import NOT_IN_IT, make_backup
        from curator.progress import RichProgress

        made = make_backup(project, path, force=force, progress=RichProgress())
        if as_json:
            echo(printing.as_json({**vars(made), "not_in_it": NOT_IN_IT}))
            return
        config = "curator.toml" if made.has_config else "no curator.toml (there is none in the project)"
        echo(
            f"{made.folder}: ledger of campaign {made.campaign} ({counted(made.rounds, 'round')}, {counted(made.answers, 'answer')}, "
            f"{made.size:,} bytes), {config}\nNot included: {NOT_IN_IT}."
        )
