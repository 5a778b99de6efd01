"""`curator simulate`: what would each strategy have bought, on labels that are known already?"""

import os
from pathlib import Path
from typing import Annotated

import typer

from curator.cli import options, printing
from curator.cli.errors import user_errors
from curator.cli.printing import echo, say
from curator.simulate.price import SECONDS_PER_ITEM, SECONDS_PER_WORD


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def simulate(
    strategies: Annotated[
        str,
        typer.Option(help="Comma-separated; random is always played. A mixture: entropy=0.5+coverage=0.5."),
    ] = "auto,margin,coverage,random",
    seeds: Annotated[int, typer.Option(min=1, help="Campaigns per strategy.")] = 10,
    data: Annotated[
        Path | None,
        typer.Option(help="Labeled data, as for `curator init`.", show_default="the project's labels"),
    ] = None,
    project: options.ProjectDir = options.HERE,
    price: Annotated[
        str | None, typer.Option(help="Price of one label, e.g. 0.08.", show_default="the project's")
    ] = None,
    hourly_rate: Annotated[
        str | None, typer.Option(help="Instead of --price: items cost the time it takes to read them.")
    ] = None,
    seconds_per_item: Annotated[
        float, typer.Option(min=0, help="With --hourly-rate: seconds that every item takes ...")
    ] = SECONDS_PER_ITEM,
    seconds_per_word: Annotated[
        float, typer.Option(min=0, help="... and seconds that each word adds.")
    ] = SECONDS_PER_WORD,
    currency: Annotated[
        str | None, typer.Option(help="Three-letter code.", show_default="the project's, or USD")
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(min=2, help="Total number of batches.", show_default="10, or what --budget pays for"),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Labels per round.", show_default="the project's, or chosen by the data"),
    ] = None,
    seed_batch: Annotated[
        int | None,
        typer.Option(min=1, help="Labels of the first round.", show_default="two per class or more"),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Spending limit of each campaign; without --rounds it ends them.")
    ] = None,
    seed_strategy: Annotated[
        str | None,
        typer.Option(
            help="Strategy of the first round; random campaigns begin at random.", show_default="maxherding"
        ),
    ] = None,
    random_share: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Share of each batch that is drawn at random.",
            show_default="the project's, or 0.1",
        ),
    ] = None,
    cost_aware: Annotated[
        bool,
        typer.Option("--cost-aware", help="Play each strategy a second time, choosing by gain per cost."),
    ] = False,
    allow_code: Annotated[
        bool,
        typer.Option(
            "--allow-code", help="Allow a strategy MODULE:FUNCTION from outside modAL; its code is run."
        ),
    ] = False,
    metric: Annotated[
        str | None, typer.Option(help="{holdout.metric}", show_default="the project's, or accuracy")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="head, or sklearn:MODULE.CLASS.", show_default="the project's, or head")
    ] = None,
    model_params: Annotated[
        str | None, typer.Option(help="""Parameters of the model as JSON, e.g. '{"C": 10}'.""")
    ] = None,
    model_seeds: Annotated[
        int | None, typer.Option(min=1, help="Models per fit.", show_default="the project's, or 3")
    ] = None,
    holdout: Annotated[
        str | None,
        typer.Option(
            help="Number of items used only to measure, or a labeled file.",
            show_default="a third, at most 2,000",
        ),
    ] = None,
    pool: Annotated[
        int | None,
        typer.Option(
            min=1, help="Largest number of items to choose from.", show_default="4,000, or less by the data"
        ),
    ] = None,
    holdouts: Annotated[
        str | None, typer.Option(help="For --curves: nested sizes of the hold-out, e.g. 300,1000,all.")
    ] = None,
    curves: Annotated[
        Path | None, typer.Option(help="Write every point as CSV, for `make bench-forecast`.")
    ] = None,
    force: options.Force = False,
    kind: options.KindOf = None,
    text: options.TextColumn = None,
    image: options.ImageColumn = None,
    label: options.LabelColumn = None,
    id_: options.IdColumn = None,
    embedding: options.EmbeddingColumn = None,
    embeddings: options.Embeddings = None,
    holdout_embeddings: options.HoldoutEmbeddings = None,
    encoder: options.EncoderName = None,
    classes: options.Classes = None,
    allow_outside: options.AllowOutside = False,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = None,
    quoting: options.Quoting = None,
    header: options.Header = None,
    skip_bad_rows: options.SkipBadRows = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the data in the results.", show_default="the file's name")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Number of campaigns to run at a time.", show_default="one per core"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for results.", show_default=".curator/simulations, or ./curator-simulation"
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Play strategies on labels you already have, before you pay for new ones.

    Splits the data at random, once for each seed, plays every strategy on the same splits, and compares learning curves
    over money with those of random labels: area, labels and money to each target, paired tests, what would have been
    saved, and what to do.

    Safe to stop: finished campaigns are kept, the same command continues with the rest, and more --strategies or --seeds
    play only what is new.

    Example: curator simulate --data old-labels.csv --price 0.08 --strategies auto,margin,random --seeds 20
    """
    with user_errors():
        from curator.cli.text.simulate import simulation_text
        from curator.pool.columns import Columns
        from curator.pool.reading import parse_reading
        from curator.progress import RichProgress
        from curator.simulate.prepare import Asked, prepare
        from curator.simulate.simulation import simulate as run
        from curator.start.options import parse_classes, parse_kind

        asked = Asked(
            strategies=strategies, seeds=seeds, data=data, price=price, hourly_rate=hourly_rate,
            seconds_per_item=seconds_per_item, seconds_per_word=seconds_per_word, currency=currency, rounds=rounds,
            batch=batch, seed_batch=seed_batch, budget=budget, seed_strategy=seed_strategy, random_share=random_share,
            cost_aware=cost_aware, metric=metric, model=model, model_params=model_params, model_seeds=model_seeds,
            holdout=holdout, pool=pool, holdouts=holdouts, kind=parse_kind(kind),
            columns=Columns(
                id=id_, text=text, image=image, label=label, embedding=embedding,
                reading=parse_reading(delimiter, encoding, quoting, header=header),
            ),
            embeddings=embeddings, holdout_embeddings=holdout_embeddings, encoder=encoder,
            classes=parse_classes(classes),
            allow_outside=allow_outside, allow_code=allow_code, name=name, jobs=jobs or _cores(), out=out,
            skip_bad_rows=skip_bad_rows,
        )  # fmt: skip
        ready = prepare(asked, project, RichProgress(), say)
        found = run(ready.data, ready.settings, ready.folder, RichProgress(), say, curves, force=force)
        echo(printing.as_json(found.as_json()) if as_json else simulation_text(found, ready.folder))
