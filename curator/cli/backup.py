"""`curator backup` and `curator restore`: a safe copy, and a lost or damaged `.curator` again."""

from pathlib import Path
from typing import Annotated

import typer

from curator.cli import printing
from curator.cli.errors import user_errors
from curator.cli.options import HERE, AsJson, ProjectDir
from curator.cli.printing import echo, say

_SHOWN = {"holdout": "hold-out items"}


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
        from curator.pool.problems import counted
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


def restore(
    project: ProjectDir = HERE,
    backup: Annotated[
        Path | None, typer.Option("--from", help="Folder that `curator backup` made.", show_default="none")
    ] = None,
    labeler_project: Annotated[
        int | None,
        typer.Option(min=1, help="Number of Label Studio's project.", show_default="found by its title"),
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="A data file; repeat for each that was added, in order.", show_default="[data] source"
        ),
    ] = None,
    embeddings: Annotated[
        list[str] | None, typer.Option(help="Precomputed embeddings, one file per data file, as for `init`.")
    ] = None,
    holdout_embeddings: Annotated[
        str | None, typer.Option(help="Embeddings of the hold-out file, as for `init`.")
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Restore even if the ledger is intact; the old one is moved aside."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild a lost or damaged .curator from a backup, the data files and what the labeler still has.

    curator.toml must be there. Items, rounds, questions and answers come back, with what they cost; what cannot be restored is listed.
    The old .curator is moved aside, never deleted. Nothing is asked or paid for again: `curator round` continues.
    """
    with user_errors():
        from curator.amounts import readable_amount
        from curator.care.restore.result import RestoreOptions
        from curator.care.restore.run import restore_project
        from curator.config import load_config
        from curator.progress import RichProgress

        options = RestoreOptions(
            backup=backup,
            labeler_project=labeler_project,
            data=tuple(data or ()),
            embeddings=tuple(embeddings or ()),
            holdout_embeddings=holdout_embeddings,
            force=force,
        )
        report = restore_project(project, options, RichProgress(), say)
        for note in report.notes:
            echo(note, err=True)
        if as_json:
            echo(printing.as_json(report.as_json()))
            return
        spent = readable_amount(report.counts["spent"], load_config(project).cost.currency)
        paid = "what was spent is not known" if report.counts["spent"] is None else f"{spent} spent"
        counts = ", ".join(
            f"{count:,} {_SHOWN.get(what, what)}" for what, count in report.counts.items() if what != "spent"
        )
        lines = [f"Campaign {report.campaign} in {report.folder}: {counts}; {paid}.", "Restored:"]
        lines += [f"  {line}" for line in report.restored]
        lines += ["Missing:", *(f"  {line}" for line in report.missing)] if report.missing else []
        if report.moved_to:
            lines.append(f"The old .curator is in {report.moved_to}; delete it when all is well.")
        echo("\n".join([*lines, "Continue with `curator round`."]))
