"""`curator export` and `curator predict`: what a campaign knows, written to files."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from curator.cli import printing
from curator.cli.errors import user_errors
from curator.cli.options import HERE, AsJson, Delimiter, Encoding, Force, Header, ProjectDir, Quoting
from curator.cli.printing import echo, say
from curator.pool.problems import counted


def export(
    path: Annotated[Path, typer.Argument(help="File to write: FILE.parquet, FILE.csv or FILE.jsonl.")],
    project: ProjectDir = HERE,
    answers: Annotated[
        bool, typer.Option("--answers", help="A row per answer instead of one per label.")
    ] = False,
    columns: Annotated[
        bool, typer.Option("--columns/--no-columns", help="Add the data's own columns, after curator's.")
    ] = True,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="CSV: leave text that a spreadsheet would run as a formula as it is."),
    ] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Ask the labeler for corrections first.")] = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write the labels with their provenance: who, when, round, price, agreement. Ids and classes are written as given.

    In CSV a free text that begins like a formula gets an apostrophe before it, so that no spreadsheet runs it, and the
    output counts them; --raw leaves them. Parquet and JSONL hold every text as it is.

    An earlier export is replaced; a file that curator did not write only with --force.
    """
    with user_errors():
        from curator.project.project import Project
        from curator.rounds.agreement import agreement_text, read_agreement
        from curator.views.export import export_answers, export_labels
        from curator.views.status import refresh

        with Project(project, say=say) as opened:
            for note in refresh(opened, "export") if pull else []:
                say(note)
            agreement = read_agreement(opened.ledger, opened.task)
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
            printing.as_json(
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


def predict(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="File with the same columns as the pool; labels are not needed.", show_default="the pool"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="File to write: FILE.parquet, FILE.csv or FILE.jsonl.",
            show_default="stdout, as CSV",
        ),
    ] = None,
    project: ProjectDir = HERE,
    embeddings: Annotated[
        str | None, typer.Option(help="Embeddings in row order: FILE.npy, or FILE.npz:ARRAY.")
    ] = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    quoting: Quoting = None,
    header: Header = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Show what the newest model predicts for items: the likeliest class, and the probability of every class.

    Nothing is asked, paid for or added to the pool.

    Example: curator predict new.csv --out predictions.csv
    """
    with user_errors():
        from curator.pool.reading import parse_reading
        from curator.progress import RichProgress
        from curator.project.project import Project
        from curator.views.export import csv_text, export_predictions
        from curator.views.predict import predict_file, predict_pool

        reading = parse_reading(delimiter, encoding, quoting, header=header)
        with Project(project, progress=RichProgress(), say=say) as opened:
            predictions = (
                predict_pool(opened)
                if path is None
                else predict_file(opened, path, embeddings, reading=reading)
            )
            written = None if out is None else export_predictions(opened, predictions, out, force=force)
        if predictions.repeats:
            say(
                f"{counted(predictions.repeats, 'row')} with the content of another: each content is listed only once."
            )
        if written is None:
            echo(printing.as_json(predictions.rows()) if as_json else csv_text(predictions), nl=as_json)
            return
        echo(
            printing.as_json(
                {"predictions": written.rows, "path": str(out), "model": predictions.model_version}
            )
            if as_json
            else f"{counted(written.rows, 'prediction')} of {predictions.model_version} written to {out}"
        )
