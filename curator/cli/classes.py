"""`curator classes`: see the classes, and change them while the campaign runs."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli import printing
from curator.cli.errors import user_errors
from curator.cli.options import HERE, AsJson, ProjectDir
from curator.cli.printing import echo, say

if TYPE_CHECKING:
    from curator.ledger.class_history import Change, History
    from curator.rounds.classes.change import ClassesReport

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    help="Show the classes with their labels; add, rename, merge or split them while the campaign runs.\n\n"
    "Answers keep the meaning they had. What has to be asked again, and at what price, is shown before anything is changed.",
)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Go ahead even if some answers no longer count.")]


@app.callback()
def classes(context: typer.Context, project: ProjectDir = HERE, as_json: AsJson = False) -> None:
    """Show the classes when nothing else is asked for."""
    context.obj = project
    if context.invoked_subcommand is None:
        _show(project, as_json=as_json)


@app.command("list")
def list_(context: typer.Context, project: ProjectDir = HERE, as_json: AsJson = False) -> None:
    """Show each class with its labels, and how the classes changed."""
    _show(_folder(context, project), as_json=as_json)


@app.command()
def add(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(help="The new classes.")],
    project: ProjectDir = HERE,
    from_: Annotated[
        list[str] | None,
        typer.Option("--from", help="Class that such items have been given so far; may be repeated."),
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep-answers", help="Nothing labeled so far belongs to the new class: ask nothing again."
        ),
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Add classes. The labeled hold-out is asked about again, since some of it may belong to the new class.

    With --from only items labeled with these classes are; their training items go back into the pool.
    """
    from curator.rounds.classes import wanted

    _change(
        _folder(context, project), partial(wanted.add, names=names, carved_from=from_ or (), keep=keep),
        dry_run=dry_run, yes=yes, as_json=as_json,
    )  # fmt: skip


@app.command()
def rename(
    context: typer.Context,
    old: Annotated[str, typer.Argument(help="The class.")],
    new: Annotated[str, typer.Argument(help="Its new name.")],
    project: ProjectDir = HERE,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Rename a class. Its labels change with it; nothing is asked again."""
    from curator.rounds.classes import wanted

    _change(
        _folder(context, project),
        partial(wanted.rename, old=old, new=new),
        dry_run=dry_run,
        yes=yes,
        as_json=as_json,
    )


@app.command()
def merge(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(help="The classes.")],
    into: Annotated[str, typer.Option("--into", help="The class they become: one of them, or a new name.")],
    project: ProjectDir = HERE,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Merge several classes into one. Their labels change with them; nothing is asked again."""
    from curator.rounds.classes import wanted

    _change(
        _folder(context, project),
        partial(wanted.merge, names=names, into=into),
        dry_run=dry_run,
        yes=yes,
        as_json=as_json,
    )


@app.command()
def split(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The class.")],
    parts: Annotated[
        list[str], typer.Argument(help="The classes it becomes; its own name may be among them.")
    ],
    project: ProjectDir = HERE,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Split a class into several. Its hold-out items are asked about again, its training items go back into the pool."""
    from curator.rounds.classes import wanted

    _change(
        _folder(context, project),
        partial(wanted.split, name=name, parts=parts),
        dry_run=dry_run,
        yes=yes,
        as_json=as_json,
    )


def _folder(context: typer.Context, project: Path) -> Path:
    """The project's folder, named after the command or before it."""
    before: Path = context.obj
    return before if project == HERE else project


def _show(project: Path, *, as_json: bool) -> None:
    with user_errors():
        from curator.cli.text.classes import list_text
        from curator.project.project import Project
        from curator.rounds.classes.listing import list_classes

        with Project(project) as opened:
            found = list_classes(opened)
        echo(printing.as_json(asdict(found)) if as_json else list_text(found))


def _change(
    project: Path, wanted: "Callable[[History], Change]", *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    with user_errors():
        from curator.cli.text.classes import change_text
        from curator.project.project import Project
        from curator.rounds.classes.change import change_classes

        with Project(project, say=say) as opened:
            currency = opened.config.cost.currency
            report = change_classes(
                opened, wanted, agree=partial(_agree, currency=currency, yes=yes), dry_run=dry_run
            )
        for note in report.notes:
            echo(note, err=True)
        echo(printing.as_json(asdict(report)) if as_json else change_text(report, currency))


def _agree(report: "ClassesReport", *, currency: str, yes: bool) -> bool:
    """Refuse what makes answers count no more until that was agreed to, and say what it takes. Nothing is asked: see `--yes`."""
    from curator.cli.text.classes import meaning_lines
    from curator.errors import ConfigError

    if yes:
        return True
    lines = "\n".join([f"{report.sentence}:", *meaning_lines(report, currency)])
    raise ConfigError(
        f"{lines}\nNothing was changed. Add --yes to go ahead, or --dry-run to only see what would change."
    )
