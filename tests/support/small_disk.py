"""A real small file system that really gets full, or read-only: a tmpfs in a mount namespace of its own.

It takes root or user namespaces; where neither is allowed, `can_mount` says so. Everything happens in a process that
is started inside the namespace, and is gone with it.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_ENTER = ["unshare", "--map-root-user", "--mount"]


@cache
def can_mount() -> bool:
    """Whether this machine lets us mount."""
    try:
        done = subprocess.run(
            [*_ENTER, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


def run_on_small_disk(module: str, disk: Path, size: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m module DISK ARGS` with a fresh file system of `size` (tmpfs's notation) mounted at `disk`."""
    disk.mkdir()
    mount = f'mount -t tmpfs -o size={size} tmpfs "$0" && exec "$@"'
    command = [*_ENTER, "sh", "-c", mount, str(disk), sys.executable, "-m", module, str(disk), *args]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


class Filler:
    """Fills the disk, and lets go of some of it."""

    def __init__(self, disk: Path) -> None:
        self._path = disk / "filler"

    def leave(self, free: int) -> None:
        """Fill the disk up until about `free` bytes are left."""
        self.empty()
        stat = os.statvfs(self._path.parent)
        size = max(0, stat.f_bavail * stat.f_frsize - free)
        with self._path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, size))

    def empty(self) -> None:
        """Give the room back."""
        self._path.unlink(missing_ok=True)


def remount(disk: Path, how: str) -> None:
    """`ro` or `rw`."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)
