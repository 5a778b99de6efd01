"""What holds for all benchmarks."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def test_importing_a_benchmark_leaves_the_threads_as_they_are():
    """The tests import them: what they set for themselves is not to reach the tests that run after."""
    names = sorted(path.stem for path in (TESTS / "benchmarks").glob("bench_*.py"))
    assert names
    program = (
        "import importlib, os; before = dict(os.environ); "
        f"[importlib.import_module('benchmarks.' + name) for name in {names}]; "
        "print({k: os.environ.get(k) for k in before.keys() | os.environ.keys() if os.environ.get(k) != before.get(k)})"
    )
    path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "{}\n"), done.stderr
