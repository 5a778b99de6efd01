"""Fixtures for all tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.labelers.label_studio.server import LocalStudio

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def studio_executable() -> Path:
    """The program of the Label Studio environment; its absence fails the test, for these tests are not optional."""
    path = Path(os.environ.get("CURATOR_LABEL_STUDIO", ROOT / ".venv-studio" / "bin" / "label-studio"))
    if not path.exists():
        pytest.fail(f"there is no Label Studio at {path}: run `make test`, which installs it", pytrace=False)
    return path


@pytest.fixture(scope="session")
def studio(studio_executable: Path) -> Iterator[LocalStudio]:
    """One real Label Studio for the whole run; each test makes a project of its own in it."""
    with LocalStudio(studio_executable, ROOT / ".studio") as server:
        yield server
