"""Fixtures for all tests."""

import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import httpx
import keyring.core
import pytest
from hypothesis import HealthCheck, settings
from support import keyring_backend
from support.local_studio import LocalStudio
from support.warm import warm_curator

ROOT = Path(__file__).resolve().parents[1]
settings.register_profile("on any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("on any machine")  # a busy one finds no faults that are none
_SLOW_TO_START = {"studio", "studio_executable", "browser"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files at a real server or in a browser go first: what is short then fills the end of a run on several workers."""
    slow = {item.path for item in items if _SLOW_TO_START & set(getattr(item, "fixturenames", ()))}
    items.sort(key=lambda item: item.path not in slow)
    for item in items:
        if item.path.parent == ROOT / "tests" / "fuzz":
            item.add_marker("fuzz")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What somebody whose tests fail should send along: the last bits of a number hang on all of it."""
    if not (terminalreporter.stats.get("failed") or terminalreporter.stats.get("error")):
        return
    from curator.care.checks.installation import describe_arithmetic

    terminalreporter.section("send this along")
    terminalreporter.write_line(f"{describe_arithmetic()}; curator {metadata.version('curator')}")


@pytest.fixture(scope="session", autouse=True)
def _nobodys_credentials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Neither the keyring, nor the local server, nor the record of forecasts of whoever runs the tests is ever touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
        patch.setenv("CURATOR_TRACK_RECORD", "off")
        patch.setenv("CURATOR_STUDIO_HOME", str(tmp_path_factory.mktemp("studio") / "none"))
        for name in ("LABEL_STUDIO_API_KEY", "LABEL_STUDIO_API_KEY_FILE"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture
def json_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A keyring that works, in this process and in those that it starts; returns the file that it keeps."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", keyring_backend.NAME)
    monkeypatch.setenv("TEST_KEYRING", str(tmp_path / "keyring.json"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)  # found out once per process otherwise
    return tmp_path / "keyring.json"


@pytest.fixture(scope="session")
def curator_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`curator` for a shell, which starts at once: a test that is about the start itself runs the real one."""
    with warm_curator(tmp_path_factory.mktemp("warm")) as program:
        yield program


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


@pytest.fixture(scope="session")
def personal_token(studio: LocalStudio) -> str:
    """A personal access token of the server's account, which may have one at a time: made as its page makes one."""
    with httpx.Client(base_url=studio.url, follow_redirects=True, timeout=30) as browser:
        browser.get("/user/login/")
        form = {
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            "email": studio.email,
            "password": studio.password,
        }
        browser.post("/user/login/", data=form, headers={"Referer": studio.url})
        headers = {"X-CSRFToken": browser.cookies["csrftoken"], "Referer": studio.url}
        reply = browser.post("/api/token/", headers=headers)
        assert reply.is_success, reply.text
        return str(reply.json()["token"])
