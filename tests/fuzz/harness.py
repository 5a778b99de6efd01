"""Runs commands in this process and holds each to what every command promises when its input is bad."""

import os
import re
import shutil
import stat
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from curator.cli.app import app
from curator.cli.errors import TRACEBACK

EXIT_CODES = (0, 1, 2, 3)
_ERROR = re.compile(r"^Error: (.*)\Z", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Outcome:
    """How a command ended; `message` is what it said was wrong, "" when nothing was."""

    code: int
    stdout: str
    message: str


def curator(*args: object) -> Outcome:
    """Run `curator ARGS`: a known exit code, no traceback, and on failure a message as the last thing said."""
    # An error that nobody foresaw ends in a sentence too; here it is to be seen as what it is.
    result = CliRunner().invoke(app, [str(arg) for arg in args], env={TRACEBACK: "1"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        shown = "".join(traceback.format_exception(result.exception))
        raise AssertionError(f"`curator {' '.join(map(str, args))}` ended in a traceback:\n{shown}")
    said = f"exit code {result.exit_code}:\n{result.stdout}\n{result.stderr}"
    assert result.exit_code in EXIT_CODES, said
    assert "Traceback" not in result.output, said
    if result.exit_code in (0, 3):
        return Outcome(result.exit_code, result.stdout, "")
    found = _ERROR.search(result.stderr)
    assert found is not None, said
    message = found.group(1).strip()
    # What happened, and what to do: a sentence that ends, never the bare name of an exception.
    assert len(message.split()) >= 4, said
    return Outcome(result.exit_code, result.stdout, message)


def says(outcome: Outcome, *names: object) -> None:
    """A failure names where it is: one of these."""
    if outcome.message:
        shown = " ".join(outcome.message.split())
        assert any(str(name) in shown for name in names), f"none of {names} is in: {outcome.message}"


def explains(error: Exception, *parts: object) -> None:
    """An error of the library speaks to a person: a sentence, and these parts in it."""
    assert len(str(error).split()) >= 4, repr(error)
    for part in parts:
        assert str(part) in str(error), f"{part!r} is not in: {error}"


@contextmanager
def scratch(template: Path | None = None) -> Iterator[Path]:
    """A folder for one example, a copy of `template` if there is one."""
    folder = Path(tempfile.mkdtemp(prefix="curator-fuzz-"))
    try:
        if template is not None:
            shutil.copytree(template, folder, dirs_exist_ok=True, symlinks=True)
        yield folder
    finally:
        shutil.rmtree(folder)


def contents(folder: Path) -> dict[str, bytes]:
    """Everything in a folder: path -> content, target of a link, or what else it is."""
    found: dict[str, bytes] = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            kept = b"-> " + os.fsencode(path.readlink())
        else:
            kept = path.read_bytes() if stat.S_ISREG(mode) else str(stat.S_IFMT(mode)).encode()
        found[str(path.relative_to(folder))] = kept
    return found
