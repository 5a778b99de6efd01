"""`curator plan`: what the next labels will bring, and what the target will cost."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from curator.cli import printing
from curator.cli.errors import user_errors
from curator.cli.options import HERE, AsJson, ProjectDir, amount_of
from curator.cli.printing import echo


def plan(
    project: ProjectDir = HERE,
    target: Annotated[
        float | None,
        typer.Option(help="Target value of the metric, e.g. 0.92.", show_default="[stop] target, if any"),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Amount that may still be spent, e.g. 800.", show_default="what is left of [cost] budget"
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="Number of rounds to look ahead.")] = 5,
    price_per_label: Annotated[
        str | None,
        typer.Option(help="Total cost of a label.", show_default="what the last rounds cost"),
    ] = None,
    holdout: Annotated[
        bool,
        typer.Option(
            "--holdout", help="Show instead what other hold-out sizes cost, and which gains they can show."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Forecast the metric over labels and money, with intervals that were back-tested, from the measured rounds.

    With a target: what it will cost, the chance of reaching it within the budget, and how many labels to order next. No forecast
    is made from fewer than four rounds, beyond four times the labels seen, or over a change of strategy or model.
    """
    if holdout:
        _plan_holdout(project, as_json=as_json)
        return
    with user_errors():
        from curator.cli.text.plan import plan_text
        from curator.project.project import Project
        from curator.views.plan import PlanOptions, make_plan

        with Project(project) as opened:
            currency = opened.config.cost.currency
            options = PlanOptions(
                target=target,
                budget=amount_of("--budget", budget, currency),
                rounds=rounds,
                price_per_label=amount_of("--price-per-label", price_per_label, currency),
            )
            found = make_plan(opened, options)
        for note in found.notes:
            echo(note, err=True)
        echo(printing.as_json(found.as_json()) if as_json else plan_text(found))


def _plan_holdout(folder: Path, *, as_json: bool) -> None:
    with user_errors():
        from curator.money.holdout_price import measured_holdouts, next_dollars_of
        from curator.money.holdout_table import holdout_text
        from curator.project.project import Project

        with Project(folder) as opened:
            rows = measured_holdouts(opened.ledger, opened.task, opened.pool, opened.config)
            better = next_dollars_of(opened.ledger, opened.task)
            size, currency = opened.holdout_size, opened.config.cost.currency
        if as_json:
            found = {
                "holdouts": [asdict(row) for row in rows],
                "chosen": size,
                "next_dollars": better and asdict(better),
            }
            echo(printing.as_json(found))
            return
        echo(holdout_text(rows, size, currency))
        if better:
            echo(better.sentence(currency))
