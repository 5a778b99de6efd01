"""`curator cost`: the bill, and what was really invoiced."""

from pathlib import Path
from typing import Annotated

import typer

from curator.cli import printing
from curator.cli.errors import user_errors
from curator.cli.options import HERE, AsJson, ProjectDir
from curator.cli.printing import echo

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Show the bill, and correct it to what was really invoiced.",
)


@app.command()
def show(project: ProjectDir = HERE, as_json: AsJson = False) -> None:
    """Show what each round cost by kind, how that is known, and the rate card as curator understands it."""
    with user_errors():
        from curator.cli.text.cost import bill_text
        from curator.money.overview import cost_overview
        from curator.project.project import Project

        with Project(project) as opened:
            found = cost_overview(opened.ledger, opened.pool, opened.config)
        echo(printing.as_json(found.as_json()) if as_json else bill_text(found))


@app.command()
def reprice(
    rounds: Annotated[
        list[int],
        typer.Option(
            "--round", help="Round that asked; may be repeated: --round 2 --round 3.", show_default=False
        ),
    ],
    project: ProjectDir = HERE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Charge the answers of a round at the rates that curator.toml has now, say because they were agreed on late.

    A price changed in curator.toml applies to rounds opened afterwards; what was asked before keeps its price
    until this command says otherwise. Each change is a row of the bill with its reason, nothing is overwritten.
    """
    with user_errors():
        from dataclasses import asdict

        from curator.cli.text.cost import reprice_text
        from curator.project.project import Project
        from curator.rounds.charges import reprice as reprice_rounds

        with Project(project) as opened:
            cost = opened.config.cost
            found = reprice_rounds(opened.ledger, cost, list(dict.fromkeys(rounds)), dry_run=dry_run)
        echo(
            printing.as_json({"dry_run": dry_run, "rounds": [asdict(one) for one in found]})
            if as_json
            else reprice_text(found, cost.currency, dry_run=dry_run)
        )


@app.command("import")
def import_(
    invoice: Annotated[
        Path,
        typer.Argument(
            help="CSV file with the columns round and amount, and optionally kind, currency and note."
        ),
    ],
    project: ProjectDir = HERE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Replace what rounds cost by what was really invoiced; gain per dollar follows.

    The difference is added to the ledger, and nothing in it is overwritten. Importing the same file again changes nothing.
    """
    with user_errors():
        from curator.cli.text.cost import import_text
        from curator.money.invoice import import_invoice
        from curator.project.project import Project

        with Project(project) as opened:
            currency = opened.config.cost.currency
            found = import_invoice(opened.ledger, invoice, currency, dry_run=dry_run)
        echo(
            printing.as_json({"dry_run": dry_run, "lines": [c.as_json() for c in found]})
            if as_json
            else import_text(found, currency, dry_run=dry_run)
        )
