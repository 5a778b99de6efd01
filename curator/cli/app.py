"""Every command of `curator`: parse, call one function, print."""

from pathlib import Path
from typing import Annotated

import typer

from curator import __version__
from curator.cli import classes as classes_commands
from curator.cli import cost as cost_commands
from curator.cli import labeler as labeler_commands
from curator.cli import printing
from curator.cli import studio as studio_commands
from curator.cli.backup import backup, restore
from curator.cli.doctor import doctor
from curator.cli.errors import WAITING, user_errors
from curator.cli.options import (
    HERE,
    AsJson,
    ProjectDir,
    SettingsCommand,
    amount_of,
)
from curator.cli.plan import plan
from curator.cli.printing import echo, say
from curator.cli.report import report as report_command
from curator.cli.results import export, predict
from curator.cli.serve import serve
from curator.cli.simulate import simulate
from curator.cli.start import add, init
from curator.pool.problems import counted

app = typer.Typer(
    name="curator",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Active-learning data curation with a labeling loop that proves what each labeling dollar gained.\n\n"
    "A campaign in three commands: `curator init NAME --data PATH --price 0.08`, then `curator round` once per "
    "labeling cycle, and `curator status` in between.",
)


def _version(value: bool) -> None:  # noqa: FBT001 - typer calls it with the flag
    if value:
        echo(f"curator {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version_flag: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.command(cls=SettingsCommand)(init)
app.command(cls=SettingsCommand)(add)


@app.command("round")
def round_(
    project: ProjectDir = HERE,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Number of questions in the next round.", show_default="curator.toml's"),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Settle the round with the answers given so far.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the open round is answered.")] = False,
    poll: Annotated[
        float, typer.Option(min=0.1, help="With --wait: longest time between checks, in seconds.")
    ] = 30.0,
    timeout: Annotated[
        float, typer.Option(min=0, help="With --wait: longest time to wait, in hours.")
    ] = 72.0,
    probs: Annotated[
        Path | None,
        typer.Option(
            help="Choose the next batch by these probabilities instead of the model's: a file with item_id and a column for each class, as `curator "
            "predict --out` writes it."
        ),
    ] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Run the campaign from here, whoever ran it before.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run one labeling cycle: pull answers, retrain, measure, record the gain, choose and send the next batch.

    Safe to run twice, or to kill and run again. Exit code 3: the open round still needs answers, and nothing changed.
    With --wait it keeps checking until they are there, even while the labeler is unreachable; Ctrl-C stops it, and nothing is lost.
    """
    with user_errors():
        from curator.cli.text import results
        from curator.cli.text.waiting import WaitDisplay
        from curator.config import load_config
        from curator.project.project import Project
        from curator.rounds.run import run_round
        from curator.rounds.wait import wait_for_round

        currency = load_config(project).cost.currency
        # Said once: a later look must not take back what somebody else took over meanwhile.
        claims = iter([take_over])
        with WaitDisplay(say) as display:

            def opened() -> Project:
                return Project(project, progress=display, say=display.say, take_over=next(claims, False))

            if wait:
                report = wait_for_round(
                    opened,
                    batch=batch,
                    partial=partial,
                    probs=probs,
                    poll=poll,
                    timeout=timeout * 3600,
                    show=display.show,
                    say=display.say,
                )
            else:
                with opened() as once:
                    report = run_round(once, batch=batch, partial=partial, probs=probs)
        for note in report.notes:
            say(note)
        echo(printing.as_json(vars(report)) if as_json else results.round_text(report, currency))
        if report.waiting:
            raise typer.Exit(WAITING)


@app.command()
def status(
    project: ProjectDir = HERE,
    offline: Annotated[
        bool, typer.Option("--offline", help="Show the ledger without asking the labeler.")
    ] = False,
    last: Annotated[
        str | None,
        typer.Option(
            help="Show what roughly the last AMOUNT of spending gained, e.g. 100.",
            show_default="every stretch of rounds",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the open round, answers per annotator, what was spent and what it gained."""
    with user_errors():
        from curator.cli.text import results
        from curator.project.project import Project
        from curator.views.status import read_status

        with Project(project, say=say) as opened:
            amount = amount_of("--last", last, opened.config.cost.currency)
            result = read_status(opened, offline=offline, last=amount)
        for note in result.notes:
            say(note)
        echo(printing.as_json(result.as_json()) if as_json else results.status_text(result))


app.command("report")(report_command)
app.command()(export)


@app.command()
def embeddings(
    path: Annotated[
        Path,
        typer.Argument(
            help="FILE.npz with ids and embeddings, or FILE.npy in the order of `curator predict`."
        ),
    ],
    project: ProjectDir = HERE,
    as_json: AsJson = False,
) -> None:
    """Replace the embeddings that came with the data by fresh ones, say from an encoder tuned since then.

    Every item needs one. Models are retrained on them when they are next needed; what was measured stays as it was.
    """
    with user_errors():
        from curator.errors import ConfigError
        from curator.pool.fresh import replace_embeddings
        from curator.project.project import Project

        with Project(project, say=say) as opened, opened.locked("embeddings"):
            if opened.config.encoder.name != "precomputed":
                raise ConfigError(
                    f"[encoder] name is {opened.config.encoder.name!r}, which computes embeddings by itself. Only "
                    "precomputed embeddings can be replaced."
                )
            replaced = replace_embeddings(opened.embeddings, opened.pool, path)
        echo(
            printing.as_json(vars(replaced))
            if as_json
            else f"{counted(replaced.items, 'embedding')} of {replaced.dim} entries stored, {replaced.zero_rows:,} of them all zero"
        )


app.command(cls=SettingsCommand)(predict)


@app.command()
def strategies(as_json: AsJson = False) -> None:
    """List the strategies that can choose the next batch, one per line."""
    with user_errors():
        from strategies.registry import Scorer, get, names

        found = [get(name) for name in names()]
        listed = [
            {"name": s.name, "kind": "scorer" if isinstance(s, Scorer) else "selector", "summary": s.summary}
            for s in found
        ]
        note = (
            "\n\nMix them in curator.toml: strategy = {entropy = 0.3, margin = 0.3, coverage = 0.4}\n"
            'Query strategies of modAL for one classifier work too: strategy = "modAL.batch:uncertainty_batch_sampling"'
        )
        echo(
            printing.as_json(listed)
            if as_json
            else printing.table(["name", "kind", "asks about"], [list(s.values()) for s in listed], left=3)
            + note
        )


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Argument(help="Folder for the demo project; must not exist, or must be an older demo.")
    ] = Path("curator-demo"),
    rounds: Annotated[int, typer.Option(min=2, help="Number of rounds to measure.")] = 8,
    studio: Annotated[
        bool,
        typer.Option("--studio", help="Label through a real Label Studio, with a simulated annotator."),
    ] = False,
    executable: Annotated[
        Path | None,
        typer.Option(help="With --studio: `label-studio` program to use.", show_default="install one"),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="With --studio: leave the server running.")] = False,
) -> None:
    """Run a whole campaign on scikit-learn's handwritten digits, with known labels standing in for people."""
    with user_errors():
        from curator.cli.demo import run_demo
        from curator.progress import RichProgress

        run_demo(
            folder,
            rounds=rounds,
            studio=studio,
            executable=executable,
            keep=keep,
            progress=RichProgress(),
            say=say,
            show=echo,
        )


# In the order in which `curator --help` lists them: after the commands of the cycle.
app.command()(plan)
app.add_typer(classes_commands.app, name="classes")
app.add_typer(cost_commands.app, name="cost")
app.add_typer(labeler_commands.app, name="labeler")
app.command()(doctor)
app.add_typer(studio_commands.app, name="studio")
app.command()(serve)
app.command(cls=SettingsCommand)(simulate)
app.command()(backup)
app.command()(restore)
