"""Who reports a failing test sends the line on which the last bits of every number hang."""

import importlib.util
from pathlib import Path

import pytest

from curator.care.checks.installation import describe_arithmetic
from curator.care.doctor import examine


def load_conftest():
    spec = importlib.util.spec_from_file_location("a_conftest", Path(__file__).with_name("conftest.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Reporter:
    """Pytest's, as far as a summary needs it."""

    def __init__(self, **stats):
        self.stats, self.said = stats, []

    def section(self, title):
        self.said.append(title)

    write_line = section


def test_the_line_names_processor_kernels_threads_versions_and_what_overrules_them(monkeypatch):
    """One line, whatever the machine."""
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    line = describe_arithmetic()
    assert "\n" not in line
    for part in ("openblas", "cores", "numpy", "torch", "numba 0", "python 3", "OPENBLAS_CORETYPE=Prescott"):
        assert part in line


def test_doctor_prints_the_line(tmp_path):
    """Also outside of a project."""
    (found,) = (finding for finding in examine(tmp_path) if finding.name == "arithmetic")
    assert (found.state, found.detail) == ("ok", describe_arithmetic())


@pytest.mark.parametrize("stats", [{"failed": [1]}, {"error": [1]}, {"passed": [1]}, {}])
def test_a_run_with_failures_ends_with_the_line(stats):
    """And no other."""
    reporter = Reporter(**stats)
    load_conftest().pytest_terminal_summary(reporter)
    assert bool(reporter.said) == bool({"failed", "error"} & set(stats))
    assert not reporter.said or describe_arithmetic() in reporter.said[-1]
