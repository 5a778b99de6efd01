"""Installs Label Studio into an environment of its own, with the versions it was tested with."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

from curator.errors import CuratorError
from curator.studio.home import StudioHome

_CONSTRAINTS = files("integrations.labelers.label_studio") / "constraints.txt"
_MARK = "curator-installed"
_LIMIT_SECONDS = 3600.0
_LOG_LINES = 15


def tested_version() -> str:
    """The version of Label Studio that this curator was tested with."""
    lines = _CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("label-studio==") for line in lines if line.startswith("label-studio=="))


def install(home: StudioHome, say: Callable[[str], None]) -> Path:
    """The program `label-studio` in the home folder, installed when it is not there or is another version.

    An installation that was killed is begun anew (a half-written package passes for a whole one with pip); what was
    downloaded is in pip's cache.

    Args:
        home: the folder.
        say: told before the work begins.

    Raises:
        CuratorError: it could not be installed; the message ends with pip's last lines.
    """
    executable = home.venv / "bin" / "label-studio"
    mark = home.venv / _MARK
    wanted = hashlib.sha256(_CONSTRAINTS.read_bytes()).hexdigest()
    if mark.exists() and mark.read_text(encoding="utf-8") == wanted and executable.exists():
        return executable
    say(
        f"Installing Label Studio {tested_version()} into {home.venv} (1 GB, some minutes; see {home.install_log})"
    )
    home.install_log.unlink(missing_ok=True)
    python = str(home.venv / "bin" / "python")
    _run(home, [sys.executable, "-m", "venv", "--clear", str(home.venv)])
    with as_file(_CONSTRAINTS) as constraints:
        options = ["--no-input", "--disable-pip-version-check", "--constraint", str(constraints)]
        _run(home, [python, "-m", "pip", "install", *options, "label-studio"])
    mark.write_text(wanted, encoding="utf-8")
    return executable


def _run(home: StudioHome, command: list[str]) -> None:
    # a token for a server is none of the installer's business
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LABEL_STUDIO_")}
    with home.install_log.open("ab") as log:
        try:
            done = subprocess.run(  # noqa: S603 - our own command line
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=_LIMIT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CuratorError(
                f"Installing Label Studio took longer than {_LIMIT_SECONDS / 60:.0f} minutes. Check the connection, "
                f"then run again. {home.install_log} says how far it came."
            ) from None
    if done.returncode:
        lines = home.install_log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
        raise CuratorError(
            "Label Studio could not be installed. Fix what the lines below report and run again, or install it yourself "
            "and name its program with --executable.\n  " + "\n  ".join(lines)
        )
