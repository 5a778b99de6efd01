"""JSON files that are there whole or not at all; and read back. What is below is `integrations.disk`."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from curator.errors import LockedError
from integrations.disk import replacing, sync_file, sync_folder, write_whole

__all__ = [
    "is_count",
    "read_json",
    "replace_folder",
    "replacing",
    "sync_file",
    "sync_folder",
    "write_bytes",
    "write_json",
]


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace `path` in one step: a reader sees the old content or the new one."""
    write_bytes(path, json.dumps(content, ensure_ascii=False, indent=1).encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` in one step, or leave it as it was: on a full disk nothing half-written takes room.

    Raises:
        OSError: the disk refuses.
    """
    write_whole(path, content)


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not JSON, or nothing that we could have written: nested too deeply, or with half a character.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        # an escaped surrogate alone is read, but cannot be written
        json.dumps(content, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return content


def replace_folder(new: Path, place: Path, aside: Path) -> bool:
    """Give a finished folder its name; one that has the name is moved `aside` first. All three are on one disk.

    Returns:
        Whether there was a former one.

    Raises:
        OSError: the disk refuses; what was at `place` is there again.
    """
    sync_folder(new)
    was_there = place.exists()
    if was_there:
        place.rename(aside)
    try:
        new.rename(place)
    except OSError:
        if was_there:
            aside.rename(place)
        raise
    sync_folder(place.parent)
    return was_there


def is_count(value: object) -> bool:
    """Whether a value that was read back is a whole number, 0 or more; JSON's `true` is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


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
            f"Another curator is working on this project: {_holder(path)}. Wait for it to finish, then run again."
        ) from None
    try:
        with path.open("ab+", buffering=0) as file:
            dead = _holder(path) if path.stat().st_size else None
            me = {
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "command": command,
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            file.truncate(0)
            with suppress(OSError):  # a full disk: what needs the room says so, and cleans up after itself
                file.write(json.dumps(me).encode())
            try:
                yield (
                    f"The last command ended without finishing ({dead}): continuing where it stopped."
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
        return "it did not say which"
