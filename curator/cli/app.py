"""Every command of `curator`: parse, call one function, print."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from curator import __version__
from curator.cli import classes as classes_commands
from curator.cli import cost as cost_commands
from curator.cli import labeler as labeler_commands
from curator.cli import studio as studio_commands
from curator.cli.backup import backup
from curator.cli.doctor import doctor
from curator.cli.errors import WAITING, user_errors
from curator.cli.options import (
    HERE,
    AsJson,
    Delimiter,
    Encoding,
    Force,
    Header,
    ProjectDir,
    Quoting,
    SkipBadRows,
    amount_of,
)
from curator.cli.plan import plan
from curator.cli.printing import echo, say
from curator.cli.report import report as report_command
from curator.cli.restore import restore
from curator.cli.serve import serve
from curator.cli.simulate import simulate

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


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="What the project is called; annotators see it.")],
    data: Annotated[
        Path, typer.Option(help="CSV, JSON, Excel, Parquet or Arrow file, or a folder of PNG/JPEG images.")
    ],
    project: ProjectDir = HERE,
    kind: Annotated[str | None, typer.Option(help="text or image.", show_default="inferred")] = None,
    id_: Annotated[
        str | None,
        typer.Option("--id", help="Column with item ids.", show_default="inferred; else the content's hash"),
    ] = None,
    text: Annotated[str | None, typer.Option(help="Column with the text.", show_default="inferred")] = None,
    image: Annotated[
        str | None, typer.Option(help="Column with image paths or URLs.", show_default="inferred")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            help="Column with known labels (the replay labeler answers from it).", show_default="inferred"
        ),
    ] = None,
    label_level: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="In a folder of images: which folder is the label, 1 = the outermost.",
            show_default="inferred",
        ),
    ] = None,
    merge_case: Annotated[
        bool,
        typer.Option(
            "--merge-case", help="Labels that differ only by case, spaces or unseen characters are one class."
        ),
    ] = False,
    embedding: Annotated[
        str | None, typer.Option(help="Column with embeddings: a list of numbers.", show_default="inferred")
    ] = None,
    show: Annotated[
        str | None,
        typer.Option(help="Further columns that annotators see, comma-separated, e.g. title,author."),
    ] = None,
    allow_outside: Annotated[
        bool,
        typer.Option(
            "--allow-outside", help="Take images from outside the folder of the data; follow links out of it."
        ),
    ] = False,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    quoting: Quoting = None,
    header: Header = None,
    skip_bad_rows: SkipBadRows = None,
    embeddings: Annotated[
        str | None, typer.Option(help="Embeddings in row order: FILE.npy, or FILE.npz:ARRAY.")
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated classes; one with a comma in double quotes.",
            show_default="those of the label column",
        ),
    ] = None,
    class_: Annotated[
        list[str] | None, typer.Option("--class", help="One class, as it is; can be repeated.")
    ] = None,
    cannot_tell: Annotated[
        str | None,
        typer.Option(
            help='The choice of an annotator who cannot decide; "" for none.', show_default="can't tell"
        ),
    ] = None,
    price: Annotated[str | None, typer.Option(help="Price of one label, e.g. 0.08.")] = None,
    hourly_rate: Annotated[
        str | None, typer.Option(help="Price of an hour of labeling, instead of --price.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="Three-letter code.", show_default="that of the price, or USD")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Nothing is asked beyond it, the hold-out's labels included, e.g. 800.", show_default="none"
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="tfidf, pixels, sentence-transformers:NAME_OR_PATH or transformers:NAME_OR_PATH.",
            show_default="by kind",
        ),
    ] = None,
    labeler: Annotated[
        str | None, typer.Option(help="label-studio, files or replay.", show_default="label-studio")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Label Studio's address, e.g. http://localhost:8080.")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="See `curator strategies`.", show_default="auto")
    ] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Questions per round.", show_default="100")] = None,
    holdout: Annotated[
        str | None,
        typer.Option(
            help="Hold-out: how many items to draw, or a labeled file.", show_default="enough to see 5 points"
        ),
    ] = None,
    holdout_embeddings: Annotated[
        str | None, typer.Option(help="Embeddings of the hold-out file, as --embeddings.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="What a gain is a gain of: accuracy or macro_f1.", show_default="accuracy"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed and answers, same picks and numbers.")] = 0,
    labeled: Annotated[
        list[Path] | None,
        typer.Option(
            help="File with labels you own: training labels at no price. An export will do; may be repeated."
        ),
    ] = None,
    use_labels: Annotated[
        bool,
        typer.Option("--use-labels", help="Take the data's own label column as such; ask about the rest."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be understood; write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start a project: read the data, write curator.toml, import the pool, compute embeddings.

    What is not given is inferred, and said: columns, classes, copies, languages. Nothing is sent to anybody yet.

    Example: curator init reviews --data reviews.csv --classes positive,negative --price 0.08 --url http://localhost:8080
    """
    with user_errors():
        from curator.cli import render
        from curator.cli.init_text import init_text
        from curator.pool.reading import parse_reading
        from curator.progress import RichProgress
        from curator.start.create import init_project, try_init
        from curator.start.options import InitOptions, parse_classes, parse_kind, split_columns

        options = InitOptions(
            name=name, data=data, kind=parse_kind(kind), id=id_, text=text, image=image, label=label, embedding=embedding,
            label_level=label_level, merge_case=merge_case,
            show=split_columns(show), allow_outside=allow_outside, embeddings_file=embeddings,
            reading=parse_reading(delimiter, encoding, quoting, header=header), skip_bad_rows=skip_bad_rows,
            classes=parse_classes(classes, class_ or ()), cannot_tell=cannot_tell,
            price=price, hourly_rate=hourly_rate, currency=currency, budget=budget, encoder=encoder, labeler=labeler, url=url,
            strategy=strategy, batch=batch, holdout=holdout,
            holdout_embeddings=holdout_embeddings, metric=metric, seed=seed, labeled=tuple(labeled or ()), use_labels=use_labels,
        )  # fmt: skip
        progress = RichProgress()
        report = try_init(options, progress) if dry_run else init_project(options, project, progress, say)
        echo(render.as_json(asdict(report)) if as_json else init_text(report))


@app.command()
def add(
    path: Annotated[Path, typer.Argument(help="File or folder with the same columns as the pool.")],
    project: ProjectDir = HERE,
    embeddings: Annotated[
        str | None, typer.Option(help="Embeddings in row order: FILE.npy, or FILE.npz:ARRAY.")
    ] = None,
    labeled: Annotated[
        bool,
        typer.Option(
            "--labeled", help="Its labels are yours: training labels at no price, also of known items."
        ),
    ] = False,
    label: Annotated[
        str | None, typer.Option(help="With --labeled: column of the labels.", show_default="inferred")
    ] = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    quoting: Quoting = None,
    header: Header = None,
    skip_bad_rows: SkipBadRows = None,
    as_json: AsJson = False,
) -> None:
    """Append data to the pool. Known items are skipped; a known id with other content is refused.

    With --labeled the file may be an export, of curator or of Label Studio (JSON). A label that was paid for stays.
    """
    with user_errors():
        from curator.cli import render
        from curator.own_labels.add import add_labeled
        from curator.own_labels.enter import own_labels_notes
        from curator.pool.reading import parse_reading
        from curator.progress import RichProgress
        from curator.project import Project
        from curator.start.add import add_to_pool

        reading = parse_reading(delimiter, encoding, quoting, header=header)
        with Project(project, progress=RichProgress(), say=say) as opened:
            if labeled:
                own = add_labeled(opened, path, embeddings, label=label)
                lines = [
                    f"{own.added:,} items added, {own.new:,} labels taken in",
                    *own_labels_notes(own, opened.config.cost.currency),
                ]
                echo(render.as_json(vars(own)) if as_json else "\n  ".join(lines))
                return
            report = add_to_pool(opened, path, embeddings, reading=reading, skip_bad_rows=skip_bad_rows)
        echo(render.as_json(vars(report)) if as_json else render.add_text(report))


@app.command("round")
def round_(
    project: ProjectDir = HERE,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Questions of the next round.", show_default="curator.toml's")
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Settle with the answers there are.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the open round is answered.")] = False,
    poll: Annotated[float, typer.Option(min=0.1, help="Most seconds between looks with --wait.")] = 30.0,
    timeout: Annotated[float, typer.Option(min=0, help="Hours that --wait waits at most.")] = 72.0,
    probs: Annotated[
        Path | None,
        typer.Option(
            help="Choose the next batch by these probabilities: item_id and a column for each class, as `curator predict "
            "--out` writes it."
        ),
    ] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Run the campaign from here, whoever ran it before.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run one labeling cycle: pull answers, retrain, measure, log the gain, choose and send the next batch.

    Safe to run twice, to kill and to run again. Exit code 3: the open round still needs answers, nothing changed.
    With --wait it looks again until they are there, also while the labeler is away; Ctrl-C stops, nothing is lost.
    """
    with user_errors():
        from curator.cli import render
        from curator.cli.waiting import WaitDisplay
        from curator.config import load_config
        from curator.project import Project
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
        echo(render.as_json(vars(report)) if as_json else render.round_text(report, currency))
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
            help="What about so much money gained last, e.g. 100.", show_default="every stretch of rounds"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the open round, answers per annotator, what was spent and what it gained."""
    with user_errors():
        from curator.cli import render
        from curator.project import Project
        from curator.status import read_status

        with Project(project, say=say) as opened:
            amount = amount_of("--last", last, opened.config.cost.currency)
            result = read_status(opened, offline=offline, last=amount)
        for note in result.notes:
            say(note)
        echo(render.as_json(result.as_json()) if as_json else render.status_text(result))


app.command("report")(report_command)


@app.command()
def export(
    path: Annotated[Path, typer.Argument(help="Where to: FILE.parquet, FILE.csv or FILE.jsonl.")],
    project: ProjectDir = HERE,
    answers: Annotated[
        bool, typer.Option("--answers", help="A row per answer instead of one per label.")
    ] = False,
    columns: Annotated[
        bool, typer.Option("--columns/--no-columns", help="With the data's own columns, after ours.")
    ] = True,
    raw: Annotated[
        bool, typer.Option("--raw", help="CSV: leave texts as they are that a spreadsheet would run.")
    ] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Ask the labeler for corrections first.")] = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write the labels with their provenance: who, when, round, price, agreement. Ids and classes are as given.

    In CSV a free text that begins like a formula gets an apostrophe before it, so that no spreadsheet runs it, and the
    output counts them; --raw leaves them. Parquet and JSONL hold every text as it is.

    An earlier export is replaced; a file that curator did not write only with --force.
    """
    with user_errors():
        from curator.agreement import agreement_text, read_agreement
        from curator.cli import render
        from curator.export import export_answers, export_labels
        from curator.project import Project
        from curator.status import refresh

        with Project(project, say=say) as opened:
            for note in refresh(opened, "export") if pull else []:
                say(note)
            agreement = read_agreement(opened.ledger)
            exported = (
                export_answers(opened, path, raw=raw, force=force)
                if answers
                else export_labels(opened, path, raw=raw, columns=columns, force=force)
            )
        what = "answers" if answers else "labels"
        for note in exported.notes:
            say(note)
        if exported.defused:
            say(
                f"{exported.defused:,} cells of text begin like a formula and got an apostrophe, so that no spreadsheet runs "
                "them; --raw leaves them as they are."
            )
        echo(
            render.as_json(
                {
                    what: exported.rows,
                    "path": str(path),
                    "defused": exported.defused,
                    "agreement": asdict(agreement),
                }
            )
            if as_json
            else f"{exported.rows:,} {what} written to {path}\n{agreement_text(agreement)}"
        )


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
    """Put fresh embeddings in the place of those that came with the data, say from an encoder tuned since.

    Every item needs one. Models are trained again on them when they are next needed; what was measured stays as it was.
    """
    with user_errors():
        from curator.cli import render
        from curator.errors import ConfigError
        from curator.pool.fresh import replace_embeddings
        from curator.project import Project

        with Project(project, say=say) as opened, opened.locked("embeddings"):
            if opened.config.encoder.name != "precomputed":
                raise ConfigError(
                    f"[encoder] name is {opened.config.encoder.name!r}, which computes embeddings by itself. Only "
                    "precomputed ones can be replaced."
                )
            replaced = replace_embeddings(opened.embeddings, opened.pool, path)
        echo(
            render.as_json(vars(replaced))
            if as_json
            else f"{replaced.items:,} embeddings of {replaced.dim} entries are in place, {replaced.zero_rows:,} of them zero"
        )


@app.command()
def predict(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="A file with the columns of the pool, labels not needed.", show_default="the pool"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Where to: FILE.parquet, FILE.csv or FILE.jsonl.", show_default="stdout, as CSV"
        ),
    ] = None,
    project: ProjectDir = HERE,
    embeddings: Annotated[
        str | None, typer.Option(help="Embeddings in row order: FILE.npy, or FILE.npz:ARRAY.")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Say what the newest model thinks of items: the likeliest class, and the probability of every class.

    Nothing is asked, paid or added to the pool.

    Example: curator predict new.csv --out predictions.csv
    """
    with user_errors():
        from curator.cli import render
        from curator.export import csv_text, export_predictions
        from curator.predict import predict_file, predict_pool
        from curator.progress import RichProgress
        from curator.project import Project

        with Project(project, progress=RichProgress(), say=say) as opened:
            predictions = predict_pool(opened) if path is None else predict_file(opened, path, embeddings)
        if predictions.repeats:
            say(f"{predictions.repeats:,} rows repeat the content of another: each content is listed once.")
        if out is None:
            echo(render.as_json(predictions.rows()) if as_json else csv_text(predictions), nl=as_json)
            return
        written = export_predictions(opened, predictions, out, force=force)
        echo(
            render.as_json(
                {"predictions": written.rows, "path": str(out), "model": predictions.model_version}
            )
            if as_json
            else f"{written.rows:,} predictions of {predictions.model_version} written to {out}"
        )


@app.command()
def strategies(as_json: AsJson = False) -> None:
    """List what can choose the next batch, one line each."""
    with user_errors():
        from curator.cli import render
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
            render.as_json(listed)
            if as_json
            else render.table(["name", "kind", "asks about"], [list(s.values()) for s in listed], left=3)
            + note
        )


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Argument(help="Where the demo project goes; must not exist, or be an older demo.")
    ] = Path("curator-demo"),
    rounds: Annotated[int, typer.Option(min=2, help="Rounds to measure.")] = 8,
    studio: Annotated[
        bool,
        typer.Option("--studio", help="Label through a real Label Studio, with a simulated annotator."),
    ] = False,
    executable: Annotated[
        Path | None,
        typer.Option(help="With --studio: a `label-studio` program to use.", show_default="install one"),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="With --studio: leave the server on.")] = False,
) -> None:
    """Run a whole campaign on scikit-learn's handwritten digits, with known labels standing in for people."""
    with user_errors():
        from curator.demo import run_demo
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
app.command()(simulate)
app.command()(backup)
app.command()(restore)
