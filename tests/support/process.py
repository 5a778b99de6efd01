"""`curator ARGS` in a process of its own."""

import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# A run in the background ignores Ctrl-C, and passes that on to what it starts; a test that sends one wants it to count.
_PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from curator.cli import main; main()"
)


def start_curator(*args: str, **more: Any) -> "subprocess.Popen[str]":
    """Start it without a terminal, stdout and stderr to be read; `more` goes to `Popen`."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen([sys.executable, "-c", _PROGRAM, *args], cwd=ROOT, text=True, **streams)
