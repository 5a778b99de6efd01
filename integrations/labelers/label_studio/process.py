"""Processes that outlive the program that starts them: how they are started, known again and ended, and the folders they leave.

Run as a script, this file is the first step of such a process: it writes down who it is and becomes the program.
So whatever kills the starter, no process runs that nobody wrote down.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

RECORD = "server.pid"  # in a folder for one run: the server that runs on it
_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.05
_KILL_SECONDS = 10.0
_CAN_BECOME = os.name == "posix"  # elsewhere a program that is to take this one's place gets another number
# Processes that this one started: it must take note of their end, or they stay as zombies.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class ProcessId:
    """A process, told apart from a later one that was given the same number.

    Attributes:
        pid: its number.
        started: a digest of when it started; only good for comparing.
    """

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Whatever runs under a number now; None when nothing does."""
        started = _started(pid)
        if started is None and pid in _children:
            _children.pop(pid).wait()
        return None if started is None else cls(pid, hashlib.sha256(started.encode()).hexdigest()[:16])

    @classmethod
    def read(cls, record: Path) -> Self | None:
        """The process that a record names; None without a readable record."""
        try:
            kept = json.loads(record.read_text(encoding="utf-8"))
            return cls(int(kept["pid"]), str(kept["started"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def write(self, record: Path) -> None:
        """Put the process on record."""
        record.write_text(json.dumps({"pid": self.pid, "started": self.started}), encoding="utf-8")

    @property
    def is_alive(self) -> bool:
        """Whether this very process runs; no process that came later under its number counts."""
        return ProcessId.of(self.pid) == self

    def end(self, patience: float) -> bool:
        """End the process and its group: politely, then by force.

        Args:
            patience: seconds between the two.

        Returns:
            Whether it is gone.
        """
        for force, seconds in ((False, patience), (True, _KILL_SECONDS)):
            if not self.is_alive:
                return True
            _signal_group(self.pid, force=force)
            limit = time.monotonic() + seconds
            while self.is_alive and time.monotonic() < limit:
                time.sleep(_POLL_SECONDS)
        return not self.is_alive


def start_detached(
    command: Sequence[str], *, record: Path, environment: Mapping[str, str], folder: Path, log: Path
) -> int:
    """Start a program in a session of its own, so that it goes on when this process ends.

    Args:
        command: program and arguments; no secrets, for every user of the machine can read them.
        record: where the process writes down who it is, before it becomes the program.
        environment: all of its environment.
        folder: its working folder.
        log: gets its output; an older log is replaced.

    Returns:
        Its number.
    """
    log.unlink(missing_ok=True)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603 - the caller names the program
            [sys.executable, "-I", __file__, str(record), *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same, on Windows
        )
    finally:
        os.close(output)
    _children[process.pid] = process
    return process.pid


def make_scratch(parent: Path, kind: str) -> Path:
    """A new folder for one run, named after this process, so that those of dead ones can be cleared; `kind` begins its name. Only its owner may look inside."""
    me = ProcessId.of(os.getpid())
    assert me is not None  # noqa: S101 - who asks is there
    return Path(tempfile.mkdtemp(prefix=f"{kind}-{me.pid}-{me.started}-", dir=parent))


def clear_scratch(parent: Path) -> None:
    """Remove the folders whose users died (kill -9), and end the servers that they left running."""
    for path in parent.iterdir():
        name = re.fullmatch(r"[a-z]+-(\d+)-([0-9a-f]{16})-.*", path.name)
        if name is None or ProcessId(int(name[1]), name[2]).is_alive:
            continue
        server = ProcessId.read(path / RECORD)
        if server is None or server.end(_STOP_SECONDS):
            shutil.rmtree(path, ignore_errors=True)


def _started(pid: int) -> str | None:
    """When a process started; None when none of ours runs under the number, and for one that is dead and still listed."""
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        if not psutil.LINUX:
            return f"{process.create_time():.2f}"
        # Linux counts from boot, and psutil adds when that was: taken off again, so that no change of the clock counts.
        while True:
            boot = psutil.boot_time()
            started = psutil.Process(pid).create_time() - boot
            if psutil.boot_time() == boot:
                return f"{started:.2f}"
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def _signal_group(pid: int, *, force: bool) -> None:
    """Ask a process that leads a group, and all of the group, to end; or end them."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL if force else signal.SIGTERM)
        return
    with suppress(psutil.NoSuchProcess):
        leader = psutil.Process(pid)
        for process in (*leader.children(recursive=True), leader):
            with suppress(psutil.NoSuchProcess):
                process.kill() if force else process.terminate()


def _become(record: str, *command: str) -> None:
    me = ProcessId.of(os.getpid())
    if me is None:
        sys.exit("this process does not find itself in the list of processes")
    me.write(Path(record))
    try:
        if not _CAN_BECOME:
            sys.exit(subprocess.call(command))  # noqa: S603 - the caller names the program
        os.execv(command[0], command)  # noqa: S606 - the same
    except OSError as exc:
        sys.exit(f"{command[0]} cannot be run: {exc.strerror}")


if __name__ == "__main__":
    _become(*sys.argv[1:])
