"""`curator init` and `curator add`: data into a project."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from curator.cli import options, printing
from curator.cli.errors import user_errors
from curator.cli.printing import echo, say


def init(
    name: Annotated[str, typer.Argument(help="{project.name}")],
    data: Annotated[
        Path, typer.Option(help="CSV, JSON, Excel, Parquet or Arrow file, or a folder of PNG/JPEG images.")
    ],
    project: options.ProjectDir = options.HERE,
    task: Annotated[str, typer.Option(help="{project.task}")] = "single",
    kind: options.KindOf = None,
    id_: options.IdColumn = None,
    text: options.TextColumn = None,
    image: options.ImageColumn = None,
    label: options.LabelColumn = None,
    label_level: Annotated[
        int | None, typer.Option(min=1, help="{data.label_level}", show_default="inferred")
    ] = None,
    merge_case: Annotated[bool, typer.Option("--merge-case", help="{data.merge_case}")] = False,
    embedding: options.EmbeddingColumn = None,
    show: Annotated[str | None, typer.Option(help="{data.show} Comma-separated, e.g. title,author.")] = None,
    allow_outside: options.AllowOutside = False,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = None,
    quoting: options.Quoting = None,
    header: options.Header = None,
    skip_bad_rows: options.SkipBadRows = None,
    embeddings: options.Embeddings = None,
    classes: options.Classes = None,
    class_: Annotated[
        list[str] | None, typer.Option("--class", help="One class, taken literally; may be repeated.")
    ] = None,
    cannot_tell: Annotated[
        str | None, typer.Option(help="{labeler.cannot_tell}", show_default="can't tell")
    ] = None,
    price: Annotated[str | None, typer.Option(help="{cost.price_per_label} E.g. 0.08.")] = None,
    hourly_rate: Annotated[str | None, typer.Option(help="{cost.hourly_rate} Instead of --price.")] = None,
    currency: Annotated[
        str | None, typer.Option(help="{cost.currency}", show_default="that of the price, or USD")
    ] = None,
    budget: Annotated[str | None, typer.Option(help="{cost.budget} E.g. 800.", show_default="none")] = None,
    encoder: options.EncoderName = None,
    labeler: Annotated[str | None, typer.Option(help="{labeler.name}", show_default="label-studio")] = None,
    url: Annotated[str | None, typer.Option(help="{labeler.url} E.g. http://localhost:8080.")] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="A strategy from `curator strategies`; mixtures only in curator.toml.", show_default="auto"
        ),
    ] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="{acquisition.batch}", show_default="100")] = None,
    holdout: Annotated[
        str | None,
        typer.Option(
            help="Hold-out: how many items to draw, or a labeled file.", show_default="enough to see 5 points"
        ),
    ] = None,
    holdout_embeddings: options.HoldoutEmbeddings = None,
    metric: Annotated[str | None, typer.Option(help="{holdout.metric}", show_default="accuracy")] = None,
    seed: Annotated[int, typer.Option(min=0, help="{project.seed}")] = 0,
    labeled: Annotated[
        list[Path] | None,
        typer.Option(
            help="File with labels you own: training labels at no price. An export will do; may be repeated."
        ),
    ] = None,
    use_labels: Annotated[
        bool,
        typer.Option(
            "--use-labels",
            help="Use the data's own label column as training labels at no price; ask about the rest.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show how the data would be read; write nothing.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Start a project: read the data, write curator.toml, import the pool, compute embeddings.

    What you do not give is inferred and shown: columns, classes, copies, languages. Nothing is sent to anybody yet.

    Example: curator init reviews --data reviews.csv --classes positive,negative --price 0.08 --url http://localhost:8080
    """
    with user_errors():
        from curator.cli.text.init import init_text
        from curator.pool.reading import parse_reading
        from curator.progress import RichProgress
        from curator.start.create import init_project, try_init
        from curator.start.options import InitOptions, parse_classes, parse_kind, split_columns

        wanted = InitOptions(
            name=name, data=data, task=task, kind=parse_kind(kind), id=id_, text=text, image=image, label=label, embedding=embedding,
            label_level=label_level, merge_case=merge_case,
            show=split_columns(show), allow_outside=allow_outside, embeddings_file=embeddings,
            reading=parse_reading(delimiter, encoding, quoting, header=header), skip_bad_rows=skip_bad_rows,
            classes=parse_classes(classes, class_ or ()), cannot_tell=cannot_tell,
            price=price, hourly_rate=hourly_rate, currency=currency, budget=budget, encoder=encoder, labeler=labeler, url=url,
            strategy=strategy, batch=batch, holdout=holdout,
            holdout_embeddings=holdout_embeddings, metric=metric, seed=seed, labeled=tuple(labeled or ()), use_labels=use_labels,
        )  # fmt: skip
        progress = RichProgress()
        report = try_init(wanted, progress) if dry_run else init_project(wanted, project, progress, say)
        echo(printing.as_json(asdict(report)) if as_json else init_text(report))


def add(
    path: Annotated[Path, typer.Argument(help="File or folder with the same columns as the pool.")],
    project: options.ProjectDir = options.HERE,
    embeddings: options.Embeddings = None,
    labeled: Annotated[
        bool,
        typer.Option(
            "--labeled", help="Its labels are yours: training labels at no price, for known items too."
        ),
    ] = False,
    label: Annotated[
        str | None, typer.Option(help="With --labeled: column of the labels.", show_default="inferred")
    ] = None,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = None,
    quoting: options.Quoting = None,
    header: options.Header = None,
    skip_bad_rows: options.SkipBadRows = None,
    as_json: options.AsJson = False,
) -> None:
    """Append data to the pool. Known items are skipped; a known id with other content is refused.

    With --labeled the file may be an export from curator or from Label Studio (JSON). Labels that were paid for stay.
    """
    with user_errors():
        from curator.cli.text import results
        from curator.errors import ConfigError
        from curator.own_labels.add import add_labeled
        from curator.own_labels.enter import own_labels_notes
        from curator.pool.problems import counted
        from curator.pool.reading import parse_reading
        from curator.progress import RichProgress
        from curator.project.project import Project
        from curator.start.add import add_to_pool

        reading = parse_reading(delimiter, encoding, quoting, header=header)
        if labeled and skip_bad_rows:
            raise ConfigError(
                "--skip-bad-rows cannot be used with --labeled: correct the rows, or leave it out."
            )
        if label is not None and not labeled:
            raise ConfigError(
                "--label names the column of labels in a file that is added with --labeled. Give both, or leave it out."
            )
        with Project(project, progress=RichProgress(), say=say) as opened:
            if labeled:
                own = add_labeled(opened, path, embeddings, label=label, reading=reading)
                lines = [
                    f"{counted(own.added, 'item')} added, {counted(own.new, 'label')} imported",
                    *own_labels_notes(own, opened.config.cost.currency),
                ]
                echo(printing.as_json(vars(own)) if as_json else "\n  ".join(lines))
                return
            report = add_to_pool(opened, path, embeddings, reading=reading, skip_bad_rows=skip_bad_rows)
        echo(printing.as_json(vars(report)) if as_json else results.add_text(report))
