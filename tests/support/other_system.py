"""Runs `curator` in a Python that lacks what only some systems have: modules, signals, calls of `os`, `/proc`.

What the standard library and compiled packages need of them on this machine is loaded before: each of these has a
build of its own for every system. `/proc` is hidden from these, too.
"""

import builtins
import importlib
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


if __name__ == "__main__":
    hide()
    from curator.cli import main

    main()
