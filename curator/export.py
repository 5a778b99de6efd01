"""Labels with their provenance: who said it, when, in which round, at what price, how unanimously."""

import csv
import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curator.errors import ConfigError
from curator.ledger.store import Row
from curator.money.amounts import MICRO
from curator.project import Project

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
        ("agreement", pa.float64()),  # share of the answers that gave this label
        ("answered_at", pa.string()),  # the newest of them
        ("cost", pa.float64()),  # in units of the currency, for all answers to this item
        ("currency", pa.string()),
    ]
)
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")  # a class may be called -1
_FORMULA = "=+-@\u2212"  # what begins a formula in a spreadsheet; the last is the typographic minus
_UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})  # Unicode's blanks, control and invisible characters
# A cell ends here too when the file is opened with another separator than the comma.
_CELL_ENDS = re.compile(r"([;\t\r\n])")


def export_labels(project: Project, path: Path) -> int:
    """Write every labeled item to a .parquet, .csv or .jsonl file, whole or not at all.

    In CSV a text that a spreadsheet would run as a formula gets an apostrophe before it; Parquet and JSONL hold every
    text as it is.

    Returns:
        How many labels were written.

    Raises:
        ConfigError: the file's ending says no known format, or its folder does not exist.
    """
    writers = {".parquet": _parquet, ".csv": _csv, ".jsonl": _jsonl}
    write = writers.get(path.suffix.lower())
    if write is None:
        raise ConfigError(f"{path.name}: export writes {', '.join(writers)}; choose one of these endings.")
    if not path.parent.is_dir():
        raise ConfigError(f"{path.parent} is not a folder: create it first, or export elsewhere.")
    rows = labeled_rows(project)
    temporary = path.with_name(f".{path.name}.part")
    try:
        write(rows, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return len(rows)


def labeled_rows(project: Project) -> list[Row]:
    """One row per labeled item, as `SCHEMA` describes it, by role and item id."""
    found = project.ledger.rows(
        """
        with paid as (
            select item_id, case when max(source = 'not known') then null else sum(amount) end as cost from (
                select q.item_id, max(c.version), c.source, sum(c.amount) as amount
                from costs c join questions q on q.key = c.key group by c.source_id
            ) group by item_id
        ), said as (
            select q.item_id, group_concat(distinct a.annotator) as annotators, max(a.updated_at) as answered_at
            from live_answers a join questions q on q.key = a.key where a.label is not null group by q.item_id
        )
        select l.item_id, l.label, l.role, l.round, said.annotators, l.answers, l.agreement, said.answered_at,
               case when paid.item_id is null then 0 else paid.cost end as cost
        from current_labels l left join said on said.item_id = l.item_id left join paid on paid.item_id = l.item_id
        where l.label is not null
        union all
        select h.item_id, h.label, 'holdout', null, null, 0, null, null, 0
        from holdout h where h.source = 'file'
        order by role, item_id
        """
    )
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


def _parquet(rows: list[Row], path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)


def _csv(rows: list[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, SCHEMA.names)
        writer.writeheader()
        writer.writerows({name: _defused(row[name]) for name in SCHEMA.names} for row in rows)


def _jsonl(rows: list[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({name: row[name] for name in SCHEMA.names}, ensure_ascii=False) + "\n")


def _defused(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula (OWASP, "CSV Injection"): an apostrophe stands before one."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    text = "".join(f"'{cell}" if _is_formula(cell) else cell for cell in _CELL_ENDS.split(value))
    return f"'{text}" if value.startswith(("\t", "\r", "\n")) else text


def _is_formula(cell: str) -> bool:
    """Whether the first character that can be seen begins one, in any of its forms (full-width, small, raised)."""
    first = next((c for c in cell if unicodedata.category(c) not in _UNSEEN), "")
    return unicodedata.normalize("NFKC", first)[:1] in tuple(_FORMULA)
