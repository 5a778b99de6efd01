"""Files that are there whole or not at all, whatever kills the process. What systems do differently with files is in here."""

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_OURS = ".curator-*.tmp"
_ABANDONED_SECONDS = 3600.0  # since anything was written to it: whoever began it is dead
_KEEPS_MODES = os.name == "posix"  # elsewhere a file has the rights that its folder hands down


@contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """A file to write into, which takes the place of `path` when all is written; after an error `path` is as it was.

    Until then it has a random name that nobody can have prepared, in the same folder.

    Args:
        path: of the file.
        private: nobody else can read it (0600), from its first moment.

    Raises:
        OSError: the disk refuses.
    """
    clear_abandoned(path.parent)
    temporary = path.with_name(_OURS.replace("*", secrets.token_hex(8)))
    try:
        with new_file(temporary, private=private) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_whole(path: Path, content: bytes, *, private: bool = False) -> None:
    """Replace `path` in one step, or leave it as it was. See `replacing`."""
    with replacing(path, private=private) as file:
        file.write(content)


def new_file(path: Path, *, private: bool = False) -> BinaryIO:
    """Make a file and open it for writing.

    Args:
        path: of the file.
        private: nobody else can read it (0600), from its first moment.

    Raises:
        FileExistsError: there is something at `path`, be it a link that leads nowhere.
    """

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, 0o600 if private else 0o666)

    return open(path, "xb", opener=opener)


def write_through(path: Path, content: bytes) -> None:
    """Make a new file that survives a power cut; for files in a folder that gets its name later."""
    with new_file(path) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def clear_abandoned(folder: Path) -> None:
    """Remove what writers that were killed left behind in a folder."""
    oldest = time.time() - _ABANDONED_SECONDS
    for path in folder.glob(_OURS):
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a power cut, where the system knows how."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders; elsewhere one can be written and not read
        return
    try:
        os.fsync(descriptor)
    except OSError as exc:
        if exc.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems
            raise
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make the content of `path` survive a power cut."""
    with path.open("r+b") as file:  # Windows syncs only what is open for writing
        os.fsync(file.fileno())


def open_to_others(mode: int) -> bool:
    """Whether the mode of a file lets anybody but its owner in; never where modes say nothing."""
    return _KEEPS_MODES and bool(mode & 0o077)
