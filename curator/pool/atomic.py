"""Files that are there whole or not at all, whatever kills the process; and those of them that are JSON, read back."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace `path` in one step: a reader sees the old content or the new one."""
    write_bytes(path, json.dumps(content, ensure_ascii=False, indent=1).encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` in one step, or leave it as it was: on a full disk nothing half-written takes room.

    Raises:
        OSError: the disk refuses.
    """
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write into, which takes the place of `path` when all is written; after an error `path` is as it was.

    Raises:
        OSError: the disk refuses.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


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


def is_count(value: object) -> bool:
    """Whether a value that was read back is a whole number, 0 or more; JSON's `true` is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make the content of `path` survive a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
