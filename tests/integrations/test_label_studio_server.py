"""The local Label Studio starts, proves that it is the one that was started, and goes away."""

import os
import shutil
import socket
import stat

import httpx
import pytest

from integrations.errors import LabelerError
from integrations.labelers.label_studio import server as module
from integrations.labelers.label_studio.server import LocalStudio


@pytest.fixture
def folder(studio, tmp_path):
    """A folder with the prepared data of the session's server, so that nothing is migrated again."""
    shutil.copytree(studio._folder / "prepared", tmp_path / "prepared")
    return tmp_path


def program(tmp_path, script):
    """A program that stands in for a Label Studio that does not come up."""
    path = tmp_path / "label-studio"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def whoami(server, token):
    return httpx.get(f"{server.url}/api/current-user/whoami", headers={"Authorization": f"Token {token}"})


def test_it_starts_and_stops(folder, studio_executable, studio):
    """A second server beside the first: own port, own data; nothing is left after it but the prepared folder."""
    with LocalStudio(studio_executable, folder) as server:
        pid = server.pid
        assert server.url != studio.url
        assert whoami(server, server.token).json()["email"] == server.email
        assert whoami(server, "wrong").status_code == 401
        assert server.token not in repr(server)
        assert is_alive(pid)
    assert not is_alive(pid)
    assert [path.name for path in folder.iterdir()] == ["prepared"]
    with pytest.raises(LabelerError, match="not running"):
        _ = server.pid


def test_secrets_are_for_the_owner_only(studio):
    """The file with password and token is readable by nobody else, and is made by chance."""
    kept = studio._folder / "prepared" / "credentials.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert len(studio.token) == 40
    assert studio.password


def test_data_can_be_kept_from_run_to_run(folder, studio_executable):
    """With a data folder of its own the server finds its projects again."""
    data = folder / "kept"
    with LocalStudio(studio_executable, folder, data=data) as server:
        headers = {"Authorization": f"Token {server.token}"}
        httpx.post(f"{server.url}/api/projects", json={"title": "kept"}, headers=headers).raise_for_status()
    with LocalStudio(studio_executable, folder, data=data) as server:
        headers = {"Authorization": f"Token {server.token}"}
        found = httpx.get(f"{server.url}/api/projects", headers=headers).json()["results"]
    assert [project["title"] for project in found] == ["kept"]


def test_an_error_inside_stops_the_server(folder, studio_executable):
    """Whatever happens in the context, no server stays behind."""
    server = LocalStudio(studio_executable, folder)
    pids = []

    def interrupted():
        with server:
            pids.append(server.pid)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not is_alive(pids[0])


def test_a_taken_port_is_refused(folder, studio_executable):
    """Label Studio would silently move to the next port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LabelerError, match=f"port {port} of 127.0.0.1 is taken"):
            LocalStudio(studio_executable, folder, port=port).start()


def test_a_port_taken_meanwhile_is_noticed(folder, studio_executable, monkeypatch):
    """When another program was quicker, the server that moved on is stopped, with its log in the message."""
    monkeypatch.setattr(module, "_is_free", lambda _: True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = LocalStudio(studio_executable, folder, port=taken.getsockname()[1])
        with pytest.raises(LabelerError, match="was taken while Label Studio started"):
            server.start()
    assert [path.name for path in folder.iterdir()] == ["prepared"]


def test_a_missing_program_is_named(tmp_path):
    """The path is in the message."""
    with pytest.raises(LabelerError, match=r"there is no program .*nowhere"):
        LocalStudio(tmp_path / "nowhere", tmp_path).start()


def test_a_server_that_ends_shows_its_log(tmp_path):
    """Also in the first, preparing start; nothing half-made is left to be copied later."""
    failing = program(tmp_path, "echo the disk is on fire; exit 3")
    with pytest.raises(LabelerError, match=r"ended with code 3[\s\S]*the disk is on fire"):
        LocalStudio(failing, tmp_path / "studio").start()
    assert list((tmp_path / "studio").iterdir()) == []


def test_a_server_that_never_answers_is_given_up(folder, monkeypatch):
    """The wait is bounded; a process that ignores SIGTERM is killed."""
    deaf = program(folder, "trap '' TERM; echo thinking; while true; do sleep 0.1; done")
    monkeypatch.setattr(module, "_STOP_SECONDS", 0.3)
    with pytest.raises(LabelerError, match=r"within 1 s[\s\S]*thinking"):
        LocalStudio(deaf, folder, start_seconds=1.0).start()
    assert sorted(path.name for path in folder.iterdir()) == ["label-studio", "prepared"]
