"""One `curator` at a time works on a project; readers are free."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from curator.errors import LockedError
from curator.ledger.store import utc_now

KERNEL = ".kernel"  # ends the name of the file that is locked


@contextmanager
def project_lock(path: Path, command: str) -> Iterator[str | None]:
    """Hold the project while inside.

    The lock is the operating system's: it ends with its holder, however that one dies, so a dead holder never blocks
    anybody. It is on a file of its own, since Windows lets nobody read what is locked; the file at `path` only says
    who holds it.

    Yields:
        A sentence about a holder that died without letting go, or None.

    Raises:
        LockedError: another process holds it; says which.
        OSError: the folder cannot be written, or is gone.
    """
    lock = FileLock(path.with_name(path.name + KERNEL), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise LockedError(
            f"Another curator works on this project: {_holder(path)}. Wait for it to end, then run again."
        ) from None
    try:
        with path.open("ab+", buffering=0) as file:
            dead = _holder(path) if path.stat().st_size else None
            me = {"pid": os.getpid(), "host": socket.gethostname(), "command": command, "since": utc_now()}
            file.truncate(0)
            with suppress(OSError):  # a full disk: what needs the room says so, and cleans up after itself
                file.write(json.dumps(me).encode())
            try:
                yield (
                    f"The last one ended without finishing ({dead}): going on where it stopped."
                    if dead
                    else None
                )
            finally:
                # By its handle: the folder may have another name by now.
                file.truncate(0)
    finally:
        lock.release()


def _holder(path: Path) -> str:
    try:
        who = json.loads(path.read_text(encoding="utf-8"))
        return f"`curator {who['command']}`, process {who['pid']} on {who['host']}, since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "it has not said who it is"
