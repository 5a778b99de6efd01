"""What SQLite's errors mean for a ledger, as one sentence each that says what to do."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curator.errors import LedgerError

LOCK_SECONDS = 30.0  # how long another program may hold the file before we give up
NOT_KEPT = "Nothing of this step was kept."
MEND = (
    "Put the newest backup in its place: `curator restore --from BACKUP`. Without a backup, `curator restore` "
    "rebuilds what Label Studio still has."
)
_NO_ROOM = 1024 * 1024  # bytes; with less than this free, an I/O error is a full disk


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite raises about the ledger at `path` into a `LedgerError`."""
    try:
        yield
    except sqlite3.Error as exc:
        raise LedgerError(explain(exc, path)) from exc


def explain(exc: sqlite3.Error, path: Path) -> str:
    """What went wrong with the ledger at `path`, and what to do about it."""
    extended = getattr(exc, "sqlite_errorcode", None)
    code = None if extended is None else extended & 0xFF  # the upper bits only say where it came up
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path)):
        said = f"No space is left on the disk of the ledger {path}. {NOT_KEPT} Free some space and run again."
    elif code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        said = (
            f"Another program has kept the ledger {path} locked for {LOCK_SECONDS:g} s. {NOT_KEPT} "
            "Close that program (a database browser, say) and run again."
        )
    elif code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        said = damaged(path, str(exc))
    elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        said = (
            f"The ledger {path} cannot be written ({exc}). {NOT_KEPT} "
            "Make the file and its folder writable for this user and run again."
        )
    elif code == sqlite3.SQLITE_IOERR:
        said = (
            f"The disk failed while the ledger {path} was used ({exc}). {NOT_KEPT} "
            "Check the disk, then run `curator doctor`."
        )
    else:
        said = f"The ledger {path} could not be used: {exc}. {NOT_KEPT} Run `curator doctor`."
    return said


def damaged(path: Path, why: str) -> str:
    """The message for a ledger that cannot be trusted any more."""
    return f"The ledger {path} is damaged ({why}). Nothing was changed. {MEND}"


def _is_full(path: Path) -> bool:
    """Whether an I/O error near `path` comes from a disk without room: SQLite does not say so of its smaller files."""
    try:
        return shutil.disk_usage(path.parent).free < _NO_ROOM
    except OSError:  # the folder is gone: then that is the news
        return False
