"""`curator studio` with the real server: started, found again, stopped, and its secrets kept where they belong."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from curator.cli import demo
from curator.cli.app import app
from curator.errors import CuratorError
from curator.project.project import Project
from curator.studio import install as installation
from curator.studio import service
from curator.studio.credentials import find_token
from curator.studio.home import State, StudioHome, default_home
from curator.studio.install import install
from integrations.errors import LabelerError
from integrations.labelers.label_studio.annotator import sign_up
from integrations.labelers.label_studio.launch import free_port, is_free
from integrations.labelers.label_studio.process import ProcessId, start_detached

ROOT = Path(__file__).resolve().parents[3]
CURATOR = Path(sys.executable).with_name("curator")
runner = CliRunner()


def run(*args, code=0):
    """Run `curator studio ARGS`; the exit code must be as expected."""
    result = runner.invoke(app, ["studio", *map(str, args)])
    assert result.exit_code == code, f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
    return result


def call(home, path, body=None):
    """Ask the server as its owner: GET, or POST with a body."""
    headers = {"Authorization": f"Token {find_token(home.state().url)}"}
    method = "GET" if body is None else "POST"
    return httpx.request(method, f"{home.state().url}{path}", json=body, headers=headers, timeout=60)


def killed_when(home, condition, studio_executable):
    """Start `curator studio up` and kill it with -9 as soon as `condition` holds."""
    command = [CURATOR, "studio", "up", "--home", home.folder, "--credentials", "file", "--executable", studio_executable]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not condition():
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()


@pytest.fixture(scope="module")
def made(tmp_path_factory, studio_executable):
    """A home that `up` made from nothing, killed once while at it; stopped again. Read only: tests copy it."""
    home = StudioHome(tmp_path_factory.mktemp("made") / "studio")
    killed_when(home, lambda: list(home.folder.glob("half-*/server.pid")), studio_executable)
    (half,) = home.folder.glob("half-*")
    orphan = ProcessId.read(half / "server.pid")
    assert orphan.is_alive
    done = run("up", "--home", home.folder, "--credentials", "file", "--executable", studio_executable)
    assert not orphan.is_alive
    assert not half.exists()
    assert "Preparing the database" in done.stderr
    run("down", "--home", home.folder)
    return home


@pytest.fixture
def home(made, tmp_path, monkeypatch):
    """A home of the test's own, the default one while it runs; whatever is left running is stopped."""
    folder = tmp_path / "studio"
    shutil.copytree(made.folder, folder)
    monkeypatch.setenv("CURATOR_STUDIO_HOME", str(folder))
    home = StudioHome(folder)
    yield home
    service.down(home)


@pytest.fixture(scope="module")
def running(made, tmp_path_factory):
    """A home whose server runs, for tests that leave it so."""
    home = StudioHome(tmp_path_factory.mktemp("running") / "studio")
    shutil.copytree(made.folder, home.folder)
    run("up", "--home", home.folder)
    yield home
    service.down(home)


@pytest.fixture
def up(running, monkeypatch):
    """That home, the default one while the test runs."""
    monkeypatch.setenv("CURATOR_STUDIO_HOME", str(running.folder))
    return running


def test_what_is_made_is_for_its_owner_only(made):
    """Folder and secrets; the secrets are in their files and, as documented, in Label Studio's own database."""
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made.folder.iterdir()}
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700
    for name, mode in {"data": 0o700, "token": 0o600, "password": 0o600, "server.log": 0o600}.items():
        assert modes[name] == mode
    for secret, places in (("token", {"token", "label_studio.sqlite3"}), ("password", {"password"})):
        wanted = (made.folder / secret).read_bytes().strip()
        found = {
            path.name for path in made.folder.rglob("*") if path.is_file() and wanted in path.read_bytes()
        }
        assert found == places


def test_up_status_down(home):
    """From start to stop: ours answers, no secret is shown unless asked for, and a second `up` changes nothing."""
    token, password = ((home.folder / name).read_text("utf-8").strip() for name in ("token", "password"))
    started = run("up")
    assert "Started." in started.stdout
    assert "Preparing" not in started.stderr
    shown = json.loads(run("status", "--json").stdout)
    assert shown["running"]
    assert shown["answers"]
    assert shown["version"] == installation.tested_version() == "1.23.2"
    assert shown["url"] in started.stdout
    assert shown["data"] == str(home.data)
    line = Path(f"/proc/{shown['pid']}/cmdline").read_bytes()
    assert b"127.0.0.1" in line
    again = run("up")
    assert "It is already running." in again.stdout
    assert str(shown["pid"]) in again.stdout
    assert json.loads(run("up", "--json").stdout) == {**shown, "started": False}
    told = [started.output, again.output, run("status").output, json.dumps(shown), line.decode()]
    told += [home.log.read_text("utf-8"), Path(f"/proc/{shown['pid']}/environ").read_bytes().decode()]
    for secret in (token, password):
        assert [text for text in told if secret in text] == []
    assert f"password     {password}" in run("status", "--show-password").stdout
    assert json.loads(run("status", "--show-password", "--json").stdout)["password"] == password
    assert run("down").stdout == "Stopped.\n"
    assert json.loads(run("down", "--json").stdout) == {"stopped": False}
    assert "does not run" in run("status").stdout
    with pytest.raises(httpx.ConnectError):
        httpx.get(shown["url"])
    with pytest.raises(LabelerError, match="does not run: `curator studio up`"):
        find_token(f"{shown['url']}/")


def test_only_this_machine_is_listened_to(up):
    """The socket is bound to the loopback address."""
    port = up.state().port
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("utf-8").splitlines()[1:]]
    bound = {row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")}
    assert bound == {f"0100007F:{port:04X}"}


def test_what_was_chosen_stays(home, tmp_path):
    """Stopped and started again: the same port, projects and images; images that cannot be served are refused before a start."""
    assert "is not a folder" in run("up", "--images", tmp_path / "none", code=2).stderr
    assert "every file of this machine" in run("up", "--images", "/", code=2).stderr
    (tmp_path / "images" / "cats").mkdir(parents=True)
    (tmp_path / "images" / "cats" / "a.png").write_bytes(b"a cat")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    run("up", "--port", port, "--images", tmp_path / "images")
    assert home.state().port == port
    project = call(home, "/api/projects", {"title": "kept"}).json()["id"]
    run("down")
    assert f"from folders below {tmp_path / 'images'}" in run("up").stdout
    assert home.state().port == port
    assert [found["title"] for found in call(home, "/api/projects").json()["results"]] == ["kept"]
    storage = {"project": project, "path": str(tmp_path / "images" / "cats"), "use_blob_urls": True}
    call(home, "/api/storages/localfiles", storage).raise_for_status()
    assert call(home, "/data/local-files/?d=cats/a.png").content == b"a cat"


def test_a_taken_port_is_left_for_the_next_free_one(home, monkeypatch):
    """And the user is told, for curator.toml names the old one; a port asked for by name is never replaced."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        home.write(home.state().model_copy(update={"port": port}))
        monkeypatch.setattr(service, "PORT", port)
        assert f"Port {port} is taken" in run("up", "--port", port, code=2).stderr
        moved = run("up")
        assert f"Port {port} is taken, so the server moved: change `url`" in moved.stderr
        assert home.state().port > port
        assert call(home, "/api/version").status_code == 200
        run("down")
        monkeypatch.setattr(service, "_PORTS_TRIED", 1)
        home.write(home.state().model_copy(update={"port": port}))
        assert "are all taken" in run("up", code=1).stderr


def test_a_port_taken_while_it_starts(home, monkeypatch):
    """Label Studio moves on by itself then: it is stopped and started at the next free port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        home.write(home.state().model_copy(update={"port": port}))
        found = []

        def is_free_at_first(asked):
            found.append(asked)
            return len(found) == 1 or is_free(asked)

        monkeypatch.setattr(service, "is_free", is_free_at_first)
        assert f"Port {port} is taken" in run("up").stderr
        assert found[0] == port
        assert home.state().port != port
        assert call(home, "/api/current-user/whoami").status_code == 200


def test_a_server_that_runs_is_not_changed(up, tmp_path):
    """Other options than it was started with are refused, with the way out; the same ones are fine."""
    assert "runs at http://127.0.0.1" in run("up", "--images", tmp_path, code=2).stderr
    assert "with another port" in run("up", "--port", 1, code=2).stderr
    assert "with another credentials (file)" in run("up", "--credentials", "keyring", code=2).stderr
    assert "curator studio down" in run("up", "--executable", CURATOR, code=2).stderr
    run("up", "--port", up.state().port, "--credentials", "file")


def test_nobody_signs_up_without_an_invitation(up):
    """Other users of the machine reach the port too."""
    with pytest.raises(LabelerError, match=r"no account for mallory@example\.org"):
        sign_up(up.state().url, "mallory@example.org", "secret-12345")


def test_curator_finds_the_token_while_it_runs(up):
    """By the address in curator.toml, whichever name of this machine it uses."""
    assert find_token(f"http://localhost:{up.state().port}") == find_token(up.state().url)
    assert call(up, "/api/current-user/whoami").json()["email"] == "owner@curator.local"


def test_a_killed_server_is_not_running(home):
    """kill -9 from outside: said by `status`, harmless to `down`, started again by `up`."""
    run("up")
    pid = home.process().pid
    os.kill(pid, signal.SIGKILL)
    while home.process():
        time.sleep(0.01)
    assert json.loads(run("status", "--json").stdout)["running"] is False
    assert run("down").stdout == "It is not running.\n"
    assert home.process() is None
    run("up")
    assert home.process().pid != pid


def test_a_number_that_was_used_again_is_not_the_server(home):
    """The record of a dead server names another process by now: it is neither shown nor killed."""
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as bystander:
        ProcessId(bystander.pid, "0" * 16).write(home.record)
        assert "does not run" in run("status").stdout
        assert run("down").stdout == "It is not running.\n"
        assert bystander.poll() is None
        bystander.kill()


def test_an_up_that_was_killed_while_the_server_started(home, studio_executable):
    """The server goes on starting; the next `up` waits for it, and starts no second one on the same data."""
    home.record.unlink(missing_ok=True)
    killed_when(home, home.process, studio_executable)
    pid = home.process().pid
    assert "It is already running." in run("up").stdout
    assert home.process().pid == pid


def test_two_at_once_are_refused(home):
    """The second is told who is at work."""
    with home.held("up"):
        assert "`curator studio up`" in run("up", code=1).stderr
        assert "`curator studio up`" in run("down", code=1).stderr
        assert "does not run" in run("status").stdout


def test_a_server_that_is_deaf_is_said(home, tmp_path):
    """It runs and does not answer: `status` says so with the log, `down` stops it."""
    deaf = tmp_path / "deaf"
    deaf.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
    deaf.chmod(0o755)
    home.write(home.state().model_copy(update={"executable": deaf, "port": free_port()}))
    pid = start_detached(
        [str(deaf)],
        record=home.record,
        environment={"PATH": os.environ["PATH"]},
        folder=home.folder,
        log=home.log,
    )
    while home.process() is None:
        time.sleep(0.01)
    shown = run("status").stdout
    assert f"{home.state().url} (runs)" in shown
    assert f"It does not answer; see {home.log}" in shown
    assert run("down").stdout == "Stopped.\n"
    assert ProcessId.of(pid) is None


def test_the_keyring_holds_the_secrets_and_no_file_does(home, json_keyring, monkeypatch):
    """Moved there and back: each time they are in one place only, and the same account goes on.

    While the keyring is locked, `status` still shows that the server runs.
    """
    from support.keyring_backend import JsonKeyring

    token = (home.folder / "token").read_text("utf-8").strip()
    assert "in the keyring" in run("up", "--credentials", "keyring").stdout
    assert not (home.folder / "token").exists()
    assert not (home.folder / "password").exists()
    assert sorted(json.loads(json_keyring.read_text("utf-8"))) == [
        f"curator studio:{home.folder}:password",
        f"curator studio:{home.folder}:token",
    ]
    assert find_token(home.state().url) == token
    assert call(home, "/api/current-user/whoami").status_code == 200
    with monkeypatch.context() as patch:
        patch.setattr(JsonKeyring, "locked", True)
        shown = run("status").stdout
    assert f"{home.state().url} (runs)" in shown
    assert "The keyring did not open" in shown
    run("down")
    run("up")
    assert home.state().credentials == "keyring"
    run("down")
    run("up", "--credentials", "file")
    assert json.loads(json_keyring.read_text("utf-8")) == {}
    assert find_token(home.state().url) == token


def test_without_a_keyring_the_user_must_choose(tmp_path):
    """Secrets are never put into a file unasked; nothing is installed or started before."""
    refused = run("up", "--home", tmp_path / "new", code=2)
    assert "no keyring on this machine" in refused.stderr
    assert "--credentials file" in refused.stderr
    left = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert left == [".curator-studio", ".curator-studio.kernel"]  # the lock, and who holds it


def test_lost_secrets_are_said(home):
    """Without them the data folder is of no use to us: the message says what can be done."""
    (home.folder / "token").unlink()
    assert f"no longer in files in {home.folder}" in run("up", code=1).stderr
    assert "no longer in" in run("status", "--show-password", code=1).stderr
    (home.folder / "state.json").unlink()
    assert (
        "nothing says which account it belongs to"
        in run("up", "--credentials", "file", "--executable", CURATOR, code=1).stderr
    )


def test_a_damaged_state_is_one_line(home):
    """Every command says which file and what to do."""
    (home.folder / "state.json").write_text('{"port": "x"}', encoding="utf-8")
    for command in ("up", "status"):
        assert "state.json is damaged" in run(command, code=1).stderr


def test_a_folder_with_something_else_is_refused(tmp_path):
    """Nothing is put among a user's files, or removed from there."""
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    assert "holds something else" in run("up", "--home", tmp_path, "--credentials", "file", code=2).stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert run("down", "--home", tmp_path).stdout == "It is not running.\n"
    assert "There is no Label Studio in" in run("status", "--home", tmp_path).stdout
    assert (
        "There is no Label Studio in" in run("status", "--home", tmp_path, "--show-password", code=2).stderr
    )


def test_a_program_that_is_not_there(home, tmp_path):
    """One that is named must be there; a remembered one that is gone is replaced by our own, which is said."""
    assert "there is no program" in run("up", "--executable", tmp_path / "none", code=1).stderr
    assert "there is no program" in run("up", "--executable", tmp_path, code=1).stderr


def test_the_default_home(monkeypatch, tmp_path):
    """The variable, else the data folder of the user."""
    monkeypatch.setenv("CURATOR_STUDIO_HOME", "~/here")
    assert StudioHome(default_home()).folder == Path.home() / "here"
    monkeypatch.delenv("CURATOR_STUDIO_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_home() == tmp_path / "curator" / "studio"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert default_home() == Path.home() / ".local" / "share" / "curator" / "studio"


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """pip finds nothing but a small package that calls itself label-studio, in a folder; returns the folder."""
    packages = tmp_path / "packages"
    packages.mkdir()
    version = installation.tested_version()
    info = f"label_studio-{version}.dist-info"
    with zipfile.ZipFile(packages / f"label_studio-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("label_studio.py", "def main():\n    print('hello')\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: label-studio\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\nlabel-studio = label_studio:main\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(packages))
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "for-a-server")
    return packages


def test_it_is_installed_once_and_again_when_the_versions_change(offline, tmp_path, monkeypatch):
    """Into an environment of its own; a killed one is begun anew; a current one costs nothing."""
    home = StudioHome(tmp_path / "home")
    home.folder.mkdir()
    said = []
    executable = install(home, said.append)
    assert subprocess.run([executable], capture_output=True, text=True, check=True).stdout == "hello\n"
    assert executable.is_relative_to(home.venv)
    assert f"Installing Label Studio {installation.tested_version()}" in said[0]
    assert install(home, said.append) == executable
    assert len(said) == 1
    (home.venv / "curator-installed").unlink()  # as a kill would leave it
    executable.unlink()
    install(home, said.append)
    assert executable.exists()
    assert len(said) == 2


def test_an_installation_that_fails_shows_why(offline, tmp_path):
    """pip's last lines and the way out."""
    next(offline.iterdir()).unlink()
    failed = run("up", "--home", tmp_path / "home", "--credentials", "file", code=1).stderr
    assert "could not be installed" in failed
    assert "ERROR: Cannot install label-studio" in failed
    assert "--executable" in failed


def test_an_installation_has_a_limit(offline, tmp_path, monkeypatch):
    """A connection that hangs does not hang us."""
    monkeypatch.setattr(installation, "_LIMIT_SECONDS", 0.01)
    home = StudioHome(tmp_path / "home")
    home.folder.mkdir()
    with pytest.raises(CuratorError, match="took longer than"):
        install(home, lambda _: None)


def test_the_demo_labels_through_it_and_stops_it(home, tmp_path, monkeypatch):
    """A measured campaign through the real server; the user's own token is neither used nor lost."""
    monkeypatch.setattr(demo, "DIGITS", 200)
    monkeypatch.setattr(demo, "HOLDOUT", 20)
    monkeypatch.setattr(demo, "BATCH", 10)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "for-another-server")
    home.folder.rename(tmp_path / "label-studio")
    beside = StudioHome(tmp_path / "label-studio")
    folder = tmp_path / "digits"
    for keep in (["--keep"], []):
        done = runner.invoke(app, ["demo", str(folder), "--rounds", "2", "--studio", *keep])
        assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
        assert "points per dollar" in done.stdout
        assert "answered by the simulated annotator" in done.stderr
        assert os.environ["LABEL_STUDIO_API_KEY"] == "for-another-server"
        for secret in ("token", "password"):
            assert (beside.folder / secret).read_text("utf-8").strip() not in done.output
        assert (beside.process() is not None) == bool(keep)
        service.down(beside)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY_FILE", str(beside.folder / "token"))
    with Project(folder) as project:
        assert project.ledger.scalar("select count(*) from gain") == 2
    assert "add --studio" in runner.invoke(app, ["demo", str(folder), "--keep"]).stderr


def test_state_is_strict():
    """A field that nobody knows is an error, not something to lose."""
    with pytest.raises(ValueError, match="extra"):
        State.model_validate({"email": "a", "credentials": "file", "port": 1, "colour": "red"})
