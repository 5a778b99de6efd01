"""curator needs nothing that only some systems have."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.projects import write_pool

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(os.name != "posix", reason="hides what only POSIX systems have")
def test_a_campaign_where_nothing_is_there_that_only_some_systems_have(tmp_path):
    """No fcntl, hardly a signal, no users, no /proc: from init to the labels, with files for the annotators."""
    data, folder = write_pool(tmp_path / "pool.jsonl", 60), tmp_path / "p"
    done = subprocess.run(
        [sys.executable, "-m", "support.other_system", str(data), str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Round 1 measured" in done.stdout
    assert len((folder / "labels.csv").read_text(encoding="utf-8").splitlines()) == 1 + 18
    assert not list(folder.rglob("*.tmp"))


def without_encoding(source: str) -> list[int]:
    """Lines that read or write text by whatever encoding the system happens to have."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or any(keyword.arg == "encoding" for keyword in node.keywords):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        plain = name == "fdopen" or isinstance(node.func, ast.Name)  # the file comes before the mode
        texts = [arg.value for arg in node.args[plain:] if isinstance(arg, ast.Constant)]
        modes = [text for text in texts if isinstance(text, str) and set(text) <= set("rwaxt+b")]
        as_text = any("b" not in mode for mode in modes) or (name == "open" and plain and not modes)
        method = isinstance(node.func, ast.Attribute)
        of_a_process = any(
            keyword.arg == "text" and isinstance(keyword.value, ast.Constant) and keyword.value.value is True
            for keyword in node.keywords
        )
        if (
            # by position the encoding comes first, or after the text; what metadata.Distribution reads is UTF-8
            (method and len(node.args) < {"read_text": 1, "write_text": 2}.get(name, 0))
            or (name in ("open", "fdopen") and as_text)
            or of_a_process
        ):
            found.append(node.lineno)
    return found


@pytest.mark.parametrize("package", ["curator", "integrations", "strategies"])
def test_every_text_has_its_encoding_written_down(package):
    """Windows would take that of its code page."""
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in (ROOT / package).rglob("*.py")
        for line in without_encoding(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_a_text_without_encoding_is_found():
    """In each way in which one can be read or written."""
    lines = [
        "open('a')", "open('a', 'w')", "Path('a').open('r+')", "Path('a').read_text()", "Path('a').write_text('x')",
        "os.fdopen(3, 'w')", "subprocess.run(['a'], text=True)",
    ]  # fmt: skip
    assert without_encoding("\n".join(lines)) == list(range(1, len(lines) + 1))
    assert without_encoding("open('a', 'rb')\npool.open(folder)\nPath('a').open('w', encoding='utf-8')") == []
