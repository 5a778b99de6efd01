"""curator needs nothing that only some systems have."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.projects import write_pool

ROOT = Path(__file__).resolve().parents[1]


def curator(*args: object, code: int = 0) -> str:
    """`curator ARGS` on a system without fcntl, most signals, users and /proc; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-m", "support.other_system", *map(str, args)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def answer_all(folder: Path, truth: dict[str, str]) -> None:
    """Somebody answers every file of questions, and exports the project."""
    for asked in (folder / "labeling" / "questions").glob("*.json"):
        tasks = json.loads(asked.read_text(encoding="utf-8"))
        for number, task in enumerate(tasks):
            label = truth[task["data"]["item_id"]]
            task |= {
                "id": number,
                "annotations": [
                    {
                        "id": number,
                        "completed_by": 1,
                        "created_at": "2026-01-01T00:00:00Z",
                        "updated_at": "2026-01-01T00:00:00Z",
                        "lead_time": 2.0,
                        "result": [
                            {
                                "from_name": "label",
                                "to_name": "text",
                                "type": "choices",
                                "value": {"choices": [label]},
                            }
                        ],
                    }
                ],
            }
        (folder / "labeling" / "answers" / asked.name).write_text(json.dumps(tasks), encoding="utf-8")


@pytest.mark.skipif(os.name != "posix", reason="hides what only POSIX systems have")
def test_a_campaign_where_nothing_is_there_that_only_some_systems_have(tmp_path):
    """From init to the labels, with files for the annotators."""
    data = write_pool(tmp_path / "pool.jsonl", 60)
    truth = {
        row["id"]: row["label"] for row in map(json.loads, data.read_text(encoding="utf-8").splitlines())
    }
    folder = tmp_path / "p"
    options = ["--price", "0.08", "--labeler", "files", "--batch", "6", "--holdout", "12"]
    curator("init", "colours", "--data", data, "--classes", "blue,green,red", *options, "--project", folder)
    curator("round", "--project", folder)
    answer_all(folder, truth)
    curator("round", "--project", folder)
    assert "labels to train on" in curator("status", "--project", folder)
    curator("export", tmp_path / "labels.csv", "--project", folder)
    rows = (tmp_path / "labels.csv").read_bytes().decode("utf-8").splitlines()
    assert len(rows) == 1 + 18
    assert not list(folder.rglob("*.tmp"))


def without_encoding(source: str) -> list[int]:
    """Lines that read or write text by whatever encoding the system happens to have."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or any(keyword.arg == "encoding" for keyword in node.keywords):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        texts = [
            arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
        ]
        modes = [text for text in texts if text and set(text) <= set("rwaxt+b")]
        plain = isinstance(node.func, ast.Name) and name == "open"
        as_text = any("b" not in mode for mode in modes) or (plain and not modes)
        method = isinstance(node.func, ast.Attribute)
        of_a_process = any(
            keyword.arg == "text" and isinstance(keyword.value, ast.Constant) and keyword.value.value is True
            for keyword in node.keywords
        )
        if (
            (method and name in ("read_text", "write_text"))
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
