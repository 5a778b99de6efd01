"""What a campaign knows, written to a file: labels with their provenance, or answers one by one."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from curator.amounts import MICRO, readable_amount
from curator.errors import ConfigError, CuratorError
from curator.ledger import queries
from curator.ledger.store import Row
from curator.money.bill import sum_known
from curator.output import check_not_data, check_output, has_columns
from curator.pool.columns import Columns
from curator.pool.formats import column_names, format_of
from curator.pool.problems import BadRows, Problems
from curator.pool.readers import read_records
from curator.project.data_files import data_files, from_project
from curator.project.project import Project
from curator.tasks.registry import KINDS
from integrations.disk import replacing

if TYPE_CHECKING:
    from curator.views.predict import Predictions  # loads torch

SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("text", pa.string()),
        ("image", pa.string()),
        ("label", pa.string()),
        ("role", pa.string()),  # train | holdout
        ("round", pa.int64()),  # that asked; null for a hold-out file
        ("annotators", pa.string()),  # of the answers that gave a label, comma-separated
        ("answers", pa.int64()),
        (
            "agreement",
            pa.float64(),
        ),  # share of the answers that gave this label; null: only one person answered
        ("answered_at", pa.string()),  # the newest of them
        ("cost", pa.float64()),  # in units of the currency, for all answers to this item
        ("currency", pa.string()),
        ("source", pa.string()),  # answers | imported (a labeled file) | file (of the hold-out)
    ]
)
ANSWERS_SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("text", pa.string()),
        ("image", pa.string()),
        ("role", pa.string()),  # train | holdout
        ("round", pa.int64()),  # that asked
        ("annotator", pa.string()),
        ("label", pa.string()),  # null: skipped, could not tell, or unreadable
        ("outcome", pa.string()),  # label | skipped | cannot tell | unreadable
        ("seconds", pa.float64()),  # as measured by the labeler; null: not measured
        ("suggestion", pa.string()),  # of the model; null: the annotator saw none
        ("created_at", pa.string()),
        ("updated_at", pa.string()),
        ("edits", pa.int64()),
        ("cost", pa.float64()),  # of this answer, in units of the currency
        ("currency", pa.string()),
    ]
)
# Columns that a file of somebody else's does not have by chance: of labels, answers; those of predictions are each kind's own.
_OURS = (
    ("item_id", "label", "role", "round", "annotators", "agreement", "cost", "currency"),
    ("item_id", "role", "round", "annotator", "outcome", "suggestion", "edits", "currency"),
)
# What other tables are joined by, and so is never changed.
_AS_GIVEN = frozenset({"item_id", "label", "role", "currency", "suggestion"})
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")  # a class may be called -1
_FORMULA = "=+-@\u2212"  # what begins a formula in a spreadsheet; the last is the typographic minus
_UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})  # Unicode's blanks, control and invisible characters
# A cell ends here too when the file is opened with another separator than the comma.
_CELL_ENDS = re.compile(r"([;|\t\r\n])")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: of the file.
        rows: in it.
        defused: cells of free text that got an apostrophe, for a spreadsheet would have run them.
        notes: what is not in the file, a sentence each.
    """

    path: Path
    rows: int
    defused: int = 0
    notes: tuple[str, ...] = ()


def export_labels(
    project: Project, path: Path, *, raw: bool = False, columns: bool = True, force: bool = False
) -> Exported:
    """Write every labeled item to a .parquet, .csv or .jsonl file, whole or not at all.

    An earlier export at `path` is replaced; any other file, the data of the project above all, only by `force`.

    Args:
        project: opened.
        path: its ending says the format.
        raw: leave free text as it is in CSV, too. Otherwise a text that a spreadsheet would run as a formula gets an
            apostrophe before it there; ids and classes never do, and Parquet and JSONL hold every text as it is.
        columns: the data's own columns as well, after ours.
        force: replace a file that curator did not write.

    Raises:
        ConfigError: the file's ending says no known format, its folder does not exist, or it is not curator's.
    """
    _check_path(project, path, force=force)
    rows = labeled_rows(project)
    if not columns:
        return _write(path, SCHEMA, rows, raw=raw)
    own, notes = own_columns(project, [row["item_id"] for row in rows])
    names = list(dict.fromkeys(name for values in own.values() for name in values))
    schema = SCHEMA
    for name in names:
        schema = schema.append(pa.field(name, pa.string()))
    return replace(
        _write(
            path,
            schema,
            [{**dict.fromkeys(names), **row, **own.get(row["item_id"], {})} for row in rows],
            raw=raw,
        ),
        notes=notes,
    )


def export_answers(project: Project, path: Path, *, raw: bool = False, force: bool = False) -> Exported:
    """Write every answer that counts, one by one; arguments and errors as of `export_labels`."""
    _check_path(project, path, force=force)
    written = _write(path, ANSWERS_SCHEMA, answer_rows(project), raw=raw)
    return replace(written, notes=_deleted_note(project))


def _deleted_note(project: Project) -> tuple[str, ...]:
    """What stays on the bill for answers that are not in the file; nothing where there are none."""
    gone = queries.answers.deleted_answers(project.ledger)
    if not gone:
        return ()
    paid = readable_amount(sum_known(row["amount"] for row in gone), project.config.cost.currency)
    answers, them = "1 answer deleted at the labeler is", "it"
    if len(gone) > 1:
        answers, them = f"{len(gone):,} answers deleted at the labeler are", "them"
    return (f"{answers} not in the file; what was paid for {them} stays on the bill: {paid}.",)


def export_predictions(
    project: Project, predictions: Predictions, path: Path, *, force: bool = False
) -> Exported:
    """Write predictions; path, `force` and errors as of `export_labels`. Item ids and classes are as given."""
    _check_path(project, path, force=force)
    return _write(path, _predictions_schema(predictions), predictions.rows(), raw=True)


def csv_text(predictions: Predictions) -> str:
    """Predictions as the text of a CSV file."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, predictions.columns(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(predictions.rows())
    return file.getvalue()


def _predictions_schema(predictions: Predictions) -> pa.Schema:
    texts = ("item_id", "predicted")
    return pa.schema(
        [(name, pa.string() if name in texts else pa.float64()) for name in predictions.columns()]
    )


def _check_path(project: Project, path: Path, *, force: bool) -> None:
    if path.suffix.lower() not in _WRITERS:
        raise ConfigError(f"{path.name}: export writes {', '.join(_WRITERS)}; choose one of these endings.")
    if not path.parent.is_dir():
        raise ConfigError(f"{path.parent} is not a folder: create it first, or export elsewhere.")
    held_out = project.config.holdout.file
    data = [path for path, _ in data_files(project)]
    check_not_data(path, data if held_out is None else [*data, from_project(project, held_out)], force=force)
    # any export takes the place of any other
    ours = (*_OURS, *(("item_id", *kind.summary_columns) for kind in KINDS.values()))
    check_output(path, lambda there: any(has_columns(*names)(there) for names in ours), force=force)


def _write(path: Path, schema: pa.Schema, rows: Sequence[Row], *, raw: bool) -> Exported:
    with replacing(path) as file:
        defused = _WRITERS[path.suffix.lower()](rows, schema, Path(file.name), raw)
    return Exported(path, len(rows), defused)


def own_columns(
    project: Project, item_ids: Iterable[str]
) -> tuple[dict[str, dict[str, str]], tuple[str, ...]]:
    """The columns of the data files that curator has no use for, for some items.

    They are read from the files that the pool was made of: the pool itself keeps only what it needs.

    Args:
        project: opened.
        item_ids: of the items.

    Returns:
        Item id -> name of the column -> text, blank ones left out; a column with the name of one of ours begins with
        `data_`. And a sentence for each file that cannot be read any more.
    """
    wanted, own, notes = set(item_ids), dict[str, dict[str, str]](), list[str]()
    data = project.config.data
    for path, reading in data_files(project):
        used = replace(Columns(**project.config.columns()), show=(), reading=reading)
        try:
            if format_of(path) == "folder":
                continue
            others = tuple(name for name in column_names(path, (), reading) if name not in used.options())
            columns = replace(used, label=None, embedding=None, show=others)
            for batch in read_records(
                path,
                columns,
                project.config.project.kind,
                allow_outside=data.allow_outside,
                problems=Problems(path, BadRows(None)),  # were left out when it came in
            ):
                for item_id, fields in zip(batch.ids, batch.fields or (), strict=False):
                    if item_id in wanted:
                        own[item_id] = {_beside_ours(name): text for name, text in fields.items()}
        except (CuratorError, OSError) as exc:
            notes.append(f"The data's own columns are not in the export for items of {path}: {exc}")
    return own, tuple(notes)


def _beside_ours(name: str) -> str:
    return f"data_{name}" if name in SCHEMA.names else name


def labeled_rows(project: Project) -> list[Row]:
    """One row per labeled item, as `SCHEMA` describes it, by role and item id."""
    return _with_content(project, queries.labels.labels_with_cost(project.ledger))


def answer_rows(project: Project) -> list[Row]:
    """One row per answer that counts, as `ANSWERS_SCHEMA` describes it, by item and time."""
    return _with_content(project, queries.answers.answers_with_cost(project.ledger))


def _with_content(project: Project, found: Sequence[Row]) -> list[Row]:
    """Rows with what their items show, and their cost in units of the currency."""
    items = project.pool.items(project.pool.rows([row["item_id"] for row in found]))
    currency = project.config.cost.currency
    return [
        {
            **row,
            "cost": None if row["cost"] is None else row["cost"] / MICRO,
            "text": item.text,
            "image": item.image,
            "currency": currency,
        }
        for row, item in zip(found, items, strict=True)
    ]


def _parquet(rows: Sequence[Row], schema: pa.Schema, path: Path, _raw: bool) -> int:  # noqa: FBT001 - as `_csv`
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
    return 0


def _csv(rows: Sequence[Row], schema: pa.Schema, path: Path, raw: bool) -> int:  # noqa: FBT001 - one of `_WRITERS`
    defused = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [name if raw else _defused(name) for name in schema.names])
        writer.writeheader()
        for row in rows:
            cells = {}
            for name, shown in zip(schema.names, writer.fieldnames, strict=True):
                value = row[name]
                cells[shown] = value if raw or name in _AS_GIVEN else _defused(value)
                defused += cells[shown] != value
            writer.writerow(cells)
    return defused


def _jsonl(rows: Sequence[Row], schema: pa.Schema, path: Path, _raw: bool) -> int:  # noqa: FBT001 - as `_csv`
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps({name: row[name] for name in schema.names}, ensure_ascii=False) + "\n")
    return 0


_WRITERS: dict[str, Callable[[Sequence[Row], pa.Schema, Path, bool], int]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".jsonl": _jsonl,
}


def _defused(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula (OWASP, "CSV Injection"): an apostrophe stands before one."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    text = "".join(f"'{cell}" if _is_formula(cell) else cell for cell in _CELL_ENDS.split(value))
    return f"'{text}" if value.startswith(("\t", "\r", "\n")) else text


def _is_formula(cell: str) -> bool:
    """Whether the first character that can be seen begins one, in any of its forms (full-width, small, raised).

    Quotation marks are looked through: opened with another separator, a quote in the middle of a text begins a quoted
    cell, and what follows it is what the spreadsheet runs.
    """
    first = next((c for c in cell if c != '"' and unicodedata.category(c) not in _UNSEEN), "")
    return unicodedata.normalize("NFKC", first)[:1] in tuple(_FORMULA)
