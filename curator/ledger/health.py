"""Whether a ledger file can be trusted: looked at without changing anything."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import MAXYEAR, MINYEAR, datetime
from pathlib import Path

from curator.ledger.faults import LOCK_SECONDS, explained
from curator.ledger.schema import migrations

# The full check reads every index entry as well: 0.7 s for the 150 MB of 100,000 answers, the quick one 0.15 s.
FULL_CHECK_BYTES = 64 * 1024 * 1024
_SHOWN = 3
_LONGEST_TIME = 40  # characters of a wrong one that are shown
# Times by our own clock; those of answers are the labeler's, but for when they were pulled.
_OWN_TIMES = (
    ("holdout", "drawn_at"),
    ("rounds", "opened_at"),
    ("rounds", "selected_at"),
    ("rounds", "pushed_at"),
    ("rounds", "settled_at"),
    ("rounds", "trained_at"),
    ("rounds", "measured_at"),
    ("questions", "sending_at"),
    ("questions", "asked_at"),
    ("answers", "pulled_at"),
    ("labels", "settled_at"),
    ("looks", "looked_at"),
)
_LABELER_TIMES = (("answers", "created_at"), ("answers", "updated_at"))


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write, not even a checkpoint when it closes.

    Raises:
        LedgerError: the file cannot be read; also from inside.
    """
    with explained(path), closing(connect_to_read(path)) as opened:
        yield opened


def connect_to_read(path: Path) -> sqlite3.Connection:
    """As `reading`; the caller closes it."""
    uri = f"{path.resolve().as_uri()}?mode=ro"
    wal = path.with_name(f"{path.name}-wal")
    if not os.access(path.parent, os.W_OK) and not (wal.exists() and wal.stat().st_size):
        # Nobody writes here, so SQLite need not watch out for anybody: to do so it would have to make a file.
        uri += "&immutable=1"
    return sqlite3.connect(uri, uri=True, timeout=LOCK_SECONDS)


def why_unusable(path: Path, *, full: bool | None = None) -> str | None:
    """What is wrong with the file of a ledger, in words; None when nothing is.

    SQLite keeps no checksums: what is found are pages that are torn, empty or foreign, a file that was cut off, and
    (by the full check) indexes that do not fit their tables. A changed digit within a value is not.

    Args:
        path: of the file.
        full: check indexes entry by entry as well; None = while that takes no longer than a blink.

    Raises:
        LedgerError: it cannot even be read, say for want of rights.
    """
    size = path.stat().st_size
    if size == 0:
        # SQLite would take it for a new database, and throw away whatever its WAL still holds.
        return "it is empty"
    if full is None:
        full = size <= FULL_CHECK_BYTES
    with reading(path) as opened:
        try:
            found = opened.execute(
                f"pragma {'integrity_check' if full else 'quick_check'}({_SHOWN})"
            ).fetchall()
        except sqlite3.DatabaseError as exc:
            if _is_damage(exc):
                return str(exc)
            raise
        problems = [str(row[0]) for row in found if row[0] != "ok"]
        if not problems and not schema_versions(opened)[0]:
            problems = ["it holds none of a ledger's tables"]
    return "; ".join(" ".join(problem.split()) for problem in problems) or None


def schema_versions(opened: sqlite3.Connection) -> tuple[list[str], list[str]]:
    """Names of the migrations that a file has had, and of all that are known here, each in order."""
    return migrations.applied(opened), migrations.names


def newest_time(opened: sqlite3.Connection) -> str | None:
    """The newest time that this machine's clock has put into the ledger; None before the first."""
    columns = [f"max({column}) as t from {table}" for table, column in _OWN_TIMES]
    found = opened.execute(f"select max(t) from (select {' union all select '.join(columns)})").fetchone()  # noqa: S608 - names of ours
    return None if found[0] is None else str(found[0])


def strange_times(opened: sqlite3.Connection) -> list[str]:
    """Values in the place of a time that are none, as "table.column: value", some of them."""
    found = []
    for table, column in (*_OWN_TIMES, *_LABELER_TIMES):
        rows = opened.execute(f"select distinct {column} from {table} where {column} is not null")  # noqa: S608 - names of ours
        found += [
            f"{table}.{column}: {str(value)[:_LONGEST_TIME]!r}" for (value,) in rows if not _is_time(value)
        ]
    return found[:_SHOWN]


def _is_time(value: object) -> bool:
    """Whether it is text as `curator.ledger.store.utc_now` writes it, of a year that can be computed with."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return moment.tzinfo is not None and MINYEAR < moment.year < MAXYEAR


def _is_damage(exc: sqlite3.DatabaseError) -> bool:
    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
