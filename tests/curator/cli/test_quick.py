"""Commands that train nothing answer at once: none loads what only training, forecasts or data files need."""

import json
import subprocess
import sys

import pytest
from support.projects import make_project

from curator.project.project import Project
from curator.rounds.run import run_round

HEAVY = {
    "torch",
    "sklearn",
    "scipy.stats",
    "scipy.special",
    "pandas",
    "pyarrow",
    "faiss",
    "numba",
    "modAL",
    "sqlite_utils",
    "rich.console",
    "xml.etree.ElementTree",
}
_SCRIPT = """
import json, sys
from curator.cli import main
sys.argv = ["curator", *sys.argv[1:]]
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
finally:
    print("\\n" + json.dumps(list(sys.modules)))
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Four measured rounds, as many as a forecast needs; the fifth is open."""
    folder = make_project(tmp_path_factory.mktemp("quick"))
    with Project(folder) as project:
        for _ in range(5):
            run_round(project)
    return folder


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ("--version", set()),
        ("--help", set()),
        ("strategies", set()),
        ("classes", set()),
        ("cost show", set()),
        ("status --offline", set()),
        ("status", {"pyarrow"}),  # the label column answers, so the pool is read
        ("plan", {"scipy.special"}),
        ("doctor", {"pyarrow"}),
        ("export labels.csv", {"pyarrow", "xml.etree.ElementTree"}),
    ],
)
def test_a_command_loads_what_it_needs_and_no_more(measured, tmp_path, command, needed):
    """By the modules that are there in the end: seconds would depend on the machine."""
    words = command.split()
    if not words[0].startswith("--") and words != ["strategies"]:
        words += ["--project", str(measured)]
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert HEAVY & set(json.loads(done.stdout.splitlines()[-1])) == needed
