"""Whatever a command meets ends in a sentence that says what to do, and a reader that has gone away in none."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from support.projects import make_project, write_pool
from typer.testing import CliRunner

from curator.cli.app import app
from curator.cli.errors import TRACEBACK, user_errors
from curator.errors import ConfigError
from curator.ledger.store import Ledger
from curator.pool.columns import Columns

ROOT = Path(__file__).resolve().parents[3]
RUN = "from curator.cli import main; main()"


def run(*args: object, code: int = 1) -> str:
    """What a command that fails says."""
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.stderr


def ending(error: BaseException, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said about an error inside a command."""
    with pytest.raises(typer.Exit) as left, user_errors():
        raise error
    assert left.value.exit_code == 1
    said = capsys.readouterr().err
    assert said.startswith("Error: ")
    assert said.endswith(".\n")
    return said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "not enough memory"),
        (np._core._exceptions._ArrayMemoryError((10**9, 10**3), np.dtype("f4")), "3.64 TiB"),
        (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
        (UnicodeEncodeError("utf-8", "caf\udce9", 3, 4, "surrogates not allowed"), r"caf\udce9"),
        (UnicodeDecodeError("utf-8", b"caf\xe9", 3, 4, "invalid continuation byte"), r"caf\xe9"),
        (OverflowError("int too large to convert to float"), "OverflowError in"),
        (ZeroDivisionError("division by zero"), "please report it"),
        (KeyError("x" * 10_000), "KeyError"),
        (OSError(36, "File name too long", "x" * 5000), "Choose a shorter one"),
    ],
)
def test_what_nobody_foresaw_is_a_sentence(error, said, capsys):
    """What it was, and what to do; short, whatever the error holds."""
    told = ending(error, capsys)
    assert said in told
    assert len(told) < 1200


def test_the_traceback_is_there_for_who_asks(monkeypatch):
    """For a report; and where it came up is said in any case."""
    monkeypatch.setenv(TRACEBACK, "1")
    with pytest.raises(ZeroDivisionError), user_errors():
        raise ZeroDivisionError
    monkeypatch.delenv(TRACEBACK)


def test_where_in_curator_it_came_up_is_said(capsys):
    """Not the line of a library, nor that of the test."""
    with pytest.raises(typer.Exit), user_errors():
        Columns(show=None).names()  # type: ignore[arg-type,attr-defined]
    assert "AttributeError in" in capsys.readouterr().err


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("p"), n=24, batch=4, holdout="4")


@pytest.mark.parametrize(
    "content",
    [
        "seed = " + "9" * 5000,
        "x = " + "[" * 900 + "]" * 900,
        "x = " + "{a = " * 900 + "1" + "}" * 900,
        ".".join("a" * 2000) + " = 1",
        "x = 0x" + "f" * 300_000,
        "x = 1e999999999999",
        "d = 99999-01-01",
        b"x = '\xff\xfe'",
        "",
    ],
)
@pytest.mark.parametrize("command", ["status", "doctor"])
def test_a_configuration_of_any_content_is_named(project, content, command):
    """Numbers without end, nesting without end, what is no text."""
    path = project / "curator.toml"
    before = path.read_bytes()
    try:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        result = CliRunner().invoke(app, [command, "--project", str(project)])
    finally:
        path.write_bytes(before)
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code in (1, 2)
    assert "curator.toml" in result.output
    assert len(result.output) < 12_000


@pytest.mark.parametrize(
    "time", ["yesterday", "2026-13-01T00:00:00+00:00", "2026-01-01", "0001-01-01T00:00:00+14:00", "", 5]
)
def test_a_time_that_is_none_is_a_finding(project, tmp_path, time):
    """Wherever it sorts; the other checks go on."""
    with Ledger(project / ".curator" / "ledger.db") as ledger, ledger.write():
        ledger.execute("delete from holdout where item_id = 'odd'")
        ledger.insert(
            "holdout",
            [{"item_id": "odd", "source": "sample", "label": None, "probability": 1.0, "drawn_at": time}],
        )
    result = CliRunner().invoke(app, ["doctor", "--project", str(project)])
    with Ledger(project / ".curator" / "ledger.db") as ledger, ledger.write():
        ledger.execute("delete from holdout where item_id = 'odd'")
    assert isinstance(result.exception, SystemExit)
    assert f"holdout.drawn_at: {str(time)!r}" in result.stdout
    assert "disk" in result.stdout


def test_names_that_are_no_utf_8(tmp_path):
    """Of the data, of a folder, of an address, of a column: refused in a sentence, or of no consequence."""
    odd = "caf\udce9"
    data = write_pool(tmp_path / "pool.jsonl", 24)
    named = tmp_path / f"{odd}.jsonl"
    named.write_bytes(data.read_bytes())
    options = ("--price", "1", "--labeler", "replay", "--batch", "4", "--holdout", "4")
    for args in (
        ("init", "p", "--data", named, *options),
        ("init", odd, "--data", data, *options),
        ("init", "p", "--data", data, *options, "--text", odd),
        ("init", "p", "--data", data, "--price", "1", "--url", f"http://{odd}:8080"),
        ("init", "p", "--data", data, *options, "--embeddings", f"{odd}.npy"),
    ):
        result = CliRunner().invoke(app, [*map(str, args), "--project", str(tmp_path / "p")])
        assert isinstance(result.exception, SystemExit), (args, repr(result.exception))
        assert result.exit_code in (1, 2), args
        assert r"caf\udce9" in result.stderr, (args, result.stderr)
        assert not (tmp_path / "p").exists(), args
    assert r"caf\udce9" in run("init", "p", "--data", data, *options, "--project", tmp_path / odd, code=2)
    moved = make_project(tmp_path / "p", data=data, batch=4, holdout="4").rename(tmp_path / odd)
    for command in ("round", "status", "report"):
        assert r"caf\udce9" in run(command, "--project", moved, code=2)


@pytest.mark.parametrize(
    "command", [["--help"], ["doctor"], ["status"], ["status", "--json"], ["strategies"]]
)
def test_a_reader_that_goes_away_ends_it_quietly(project, command):
    """As `| head` does."""
    read, write = os.pipe()
    os.close(read)
    more = [] if command[0] in ("--help", "strategies") else ["--project", str(project)]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *command, *more], stdout=write, stderr=subprocess.PIPE, text=True, check=False,
        cwd=ROOT,
    )  # fmt: skip
    os.close(write)
    assert done.stderr == ""
    assert done.returncode in (1, 141)


def test_a_terminal_that_lacks_a_character_still_shows_the_rest(project):
    """An old code page, say: the message is printed with the character's code."""
    env = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-c", RUN, "status", "--project", str(project / "a\u2192b\u00e9")]
    done = subprocess.run(command, capture_output=True, encoding="latin-1", check=False, cwd=ROOT, env=env)
    assert r"a\u2192bé" in done.stderr
    assert done.returncode == ConfigError.exit_code
