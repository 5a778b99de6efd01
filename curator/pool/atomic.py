"""JSON files that are there whole or not at all; and read back. What is below is `integrations.disk`."""

import json
from pathlib import Path
from typing import Any

from integrations.disk import replacing, sync_file, sync_folder, write_whole

__all__ = ["is_count", "read_json", "replacing", "sync_file", "sync_folder", "write_bytes", "write_json"]


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


def is_count(value: object) -> bool:
    """Whether a value that was read back is a whole number, 0 or more; JSON's `true` is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
