"""Runs a campaign in a Python that lacks what only some systems have: modules, signals, calls of `os`, `/proc`.

What the standard library and compiled packages need of them on this machine is loaded before: each of these has a
build of its own for every system. `/proc` is hidden from these, too.
"""

import builtins
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LOADED_BEFORE = (
    *("asyncio", "multiprocessing.connection", "multiprocessing.util", "subprocess", "tempfile"),
    *("numpy", "pyarrow", "sklearn.linear_model", "torch"),
)
MODULES = ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios")
SIGNALS = [
    "SIGALRM",
    "SIGCHLD",
    "SIGCONT",
    "SIGHUP",
    "SIGKILL",
    "SIGPIPE",
    "SIGQUIT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGUSR1",
    "SIGUSR2",
    "SIG_BLOCK",
    "SIG_SETMASK",
    "SIG_UNBLOCK",
    "alarm",
    "pthread_kill",
    "pthread_sigmask",
    "setitimer",
    "sigwait",
]
CALLS = [
    "O_CLOEXEC",
    "O_DIRECTORY",
    "O_NOFOLLOW",
    "O_NONBLOCK",
    "chown",
    "fchmod",
    "fchown",
    "fork",
    "forkpty",
    "getegid",
    "geteuid",
    "getgid",
    "getloadavg",
    "getpgid",
    "getpgrp",
    "getppid",
    "getuid",
    "killpg",
    "lchown",
    "mkfifo",
    "posix_fallocate",
    "sched_getaffinity",
    "setpgid",
    "setsid",
    "statvfs",
    "sysconf",
    "uname",
    "waitid",
]


def hide() -> None:
    """From now on this process has none of it."""
    for module, name in ((builtins, "open"), (os, "open"), (os, "stat"), (os, "listdir"), (os, "scandir")):
        setattr(module, name, _without_proc(getattr(module, name)))
    for name in _LOADED_BEFORE:
        importlib.import_module(name)
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]  # an ImportError for whoever asks
    for name in SIGNALS:
        if hasattr(signal, name):
            delattr(signal, name)
    for name in CALLS:
        if hasattr(os, name):
            delattr(os, name)
    folders = os.open

    def open_no_folder(path: Any, *args: Any, **more: Any) -> int:
        if Path(path).is_dir():
            raise PermissionError(13, "Permission denied", path)
        return folders(path, *args, **more)

    os.open = open_no_folder


def _without_proc(call: Callable[..., Any]) -> Callable[..., Any]:
    def checked(*args: Any, **more: Any) -> Any:
        if args and isinstance(args[0], str | os.PathLike) and os.fspath(args[0]).startswith("/proc"):
            raise FileNotFoundError(2, "No such file or directory", args[0])
        return call(*args, **more)

    return checked


def answer_all(folder: Path, truth: dict[str, str]) -> None:
    """Somebody answers every file of questions, and exports the project."""
    for asked in (folder / "labeling" / "questions").glob("*.json"):
        tasks = json.loads(asked.read_text(encoding="utf-8"))
        for number, task in enumerate(tasks):
            choice = {"choices": [truth[task["data"]["item_id"]]]}
            when = "2026-01-01T00:00:00Z"
            given = {"from_name": "label", "to_name": "text", "type": "choices", "value": choice}
            answer = {"id": number, "completed_by": 1, "lead_time": 2.0, "result": [given]}
            task |= {"id": number, "annotations": [answer | {"created_at": when, "updated_at": when}]}
        (folder / "labeling" / "answers" / asked.name).write_text(json.dumps(tasks), encoding="utf-8")


def campaign(data: Path, folder: Path) -> None:
    """From the data to the labels, with files for the annotators; prints what the commands do."""
    from typer.testing import CliRunner

    from curator.cli.app import app

    def curator(*args: object) -> None:
        result = CliRunner().invoke(app, [*map(str, args), "--project", str(folder)])
        sys.stdout.write(result.output)
        assert result.exit_code == 0, repr(result.exception)

    lines = data.read_text(encoding="utf-8").splitlines()
    options = ["--price", "0.08", "--labeler", "files", "--batch", "6", "--holdout", "12"]
    curator("init", "colours", "--data", data, "--classes", "blue,green,red", *options)
    curator("round")
    answer_all(folder, {row["id"]: row["label"] for row in map(json.loads, lines)})
    for command in (["round"], ["status"], ["export", folder / "labels.csv"]):
        curator(*command)


if __name__ == "__main__":
    hide()
    campaign(Path(sys.argv[1]), Path(sys.argv[2]))
