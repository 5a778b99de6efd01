"""One `curator` at a time works on a project; readers are free."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curator.errors import LockedError
from curator.ledger.store import utc_now


@contextmanager
def project_lock(path: Path, command: str) -> Iterator[str | None]:
    """Hold the project while inside.

    The lock is the kernel's (flock): it ends with its holder, however that one dies, so a dead holder never
    blocks anybody. What is written in the file only says who holds it.

    Yields:
        A sentence about a holder that died without letting go, or None.

    Raises:
        LockedError: another process holds it; says which.
    """
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LockedError(
                f"Another curator works on this project: {_holder(path)}. Wait for it to end, then run again."
            ) from None
        dead = _holder(path) if path.stat().st_size else None
        me = {"pid": os.getpid(), "host": socket.gethostname(), "command": command, "since": utc_now()}
        file.seek(0)
        file.truncate()
        file.write(json.dumps(me))
        file.flush()
        try:
            yield (
                f"The last one ended without finishing ({dead}): going on where it stopped." if dead else None
            )
        finally:
            # Emptied, not removed: removing would let a third process lock a file that is no longer there.
            file.seek(0)
            file.truncate()


def _holder(path: Path) -> str:
    try:
        who = json.loads(path.read_text(encoding="utf-8"))
        return f"`curator {who['command']}`, process {who['pid']} on {who['host']}, since {who['since']}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it has not said who it is"
