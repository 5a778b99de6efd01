"""Processes that outlive the program that starts them: how they are started, known again and ended.

Run as a script, this file is the first step of such a process: it writes down who it is and becomes the program.
So whatever kills the starter, no process runs that nobody wrote down. Only the standard library is imported here.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_POLL_SECONDS = 0.05
_KILL_SECONDS = 10.0
_STATE, _STARTED = 0, 19  # fields of /proc/PID/stat behind the name
# Processes that this one started: it must take note of their end, or they stay as zombies.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class ProcessId:
    """A process, told apart from a later one that was given the same number.

    Attributes:
        pid: its number.
        started: a digest of when it started, and since which boot; only good for comparing.
    """

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Whatever runs under a number now; None when nothing does."""
        started = _started_by_proc(pid) if Path("/proc/self/stat").exists() else _started_by_ps(pid)
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
        for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, _KILL_SECONDS)):
            if not self.is_alive:
                return True
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)
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
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603 - the caller names the program
            [sys.executable, "-I", "-S", __file__, str(record), *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
    finally:
        os.close(output)
    _children[process.pid] = process
    return process.pid


def _started_by_proc(pid: int) -> str | None:
    """Linux: the tick of the start, counted from boot, so that no change of the clock moves it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before may hold blanks and brackets
    if fields[_STATE] in "ZX":
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return f"{boot} {fields[_STARTED]}"


def _started_by_ps(pid: int) -> str | None:
    """Elsewhere: the second of the start, as `ps` tells it."""
    done = subprocess.run(  # noqa: S603
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],  # noqa: S607 - where it lies differs between systems
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    state, _, started = done.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


def _become(record: str, *command: str) -> None:
    me = ProcessId.of(os.getpid())
    if me is None:
        sys.exit("this process does not find itself in the list of processes")
    me.write(Path(record))
    try:
        os.execv(command[0], command)  # noqa: S606 - the caller names the program
    except OSError as exc:
        sys.exit(f"{command[0]} cannot be run: {exc.strerror}")


if __name__ == "__main__":
    _become(*sys.argv[1:])
