"""What a ledger says that is only read: nothing is brought up to date, so what is asked is in every released schema.

Each takes a connection of `curator.ledger.health.reading`.
"""

from contextlib import closing
from sqlite3 import Connection
from typing import Any

from curator.ledger.queries.questions import NAMED_ITEMS
from curator.ledger.queries.rounds import CANNOT_TELL_NAMES


def read_state(opened: Connection) -> dict[str, str]:
    """Facts about the campaign by name: its id, the labeler's project, up to when answers were pulled, ..."""
    return {str(key): str(value) for key, value in _all(opened, "select key, value from state")}


def count_rounds(opened: Connection) -> int:
    """Rounds that were begun."""
    return int(_all(opened, "select count(*) from rounds")[0][0])


def count_answer_versions(opened: Connection) -> int:
    """Answers in all their versions."""
    return int(_all(opened, "select count(*) from answers")[0][0])


def count_holdout(opened: Connection) -> tuple[int, int]:
    """Items of the hold-out, and how many of them have a label."""
    drawn, labeled = _all(
        opened,
        "select count(*), coalesce(sum(coalesce(l.label, h.label) is not null), 0) "
        "from holdout h left join current_labels l on l.item_id = h.item_id",
    )[0]
    return int(drawn), int(labeled)


def cannot_tell_names(opened: Connection) -> list[str | None]:
    """Every choice of who cannot tell that a round was opened with; None: of a round that said nothing of it."""
    return [row[0] for row in _all(opened, CANNOT_TELL_NAMES)]


def named_items(opened: Connection) -> list[str]:
    """Every item that was asked about or is of the hold-out, by id."""
    return [str(row[0]) for row in _all(opened, NAMED_ITEMS)]


def filled_tables(opened: Connection) -> list[str]:
    """Tables that hold a row; those of SQLite and of sqlite-utils are left out."""
    names = [
        str(row[0])
        for row in _all(
            opened,
            "select name from sqlite_master where type = 'table' and name not like 'sqlite\\_%' escape '\\' "
            "and name not like '\\_%' escape '\\'",
        )
    ]
    return [name for name in names if _all(opened, f'select exists (select 1 from "{name}")')[0][0]]  # noqa: S608 - names of tables


def begin_reading(opened: Connection) -> None:
    """Hold on to the ledger as it is now, whatever others write, until the connection is closed."""
    opened.execute("begin")
    _all(opened, "select count(*) from sqlite_master")  # only what is read is held


def _all(opened: Connection, sql: str) -> list[Any]:
    with closing(opened.execute(sql)) as cursor:
        return cursor.fetchall()
