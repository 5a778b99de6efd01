"""The local Label Studio starts, proves that it is the one that was started, and goes away."""

import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import psutil
import pytest
from support import local_studio
from support.local_studio import LocalStudio

from integrations.errors import LabelerError
from integrations.labelers.label_studio import launch
from integrations.labelers.label_studio.annotator import account_token, sign_up
from integrations.labelers.label_studio.launch import ServerOptions
from integrations.labelers.label_studio.process import ProcessId, start_detached

CONFIG = '<View><Text name="text" value="$text"/><Choices name="label" toName="text"><Choice value="a"/><Choice value="b"/></Choices></View>'


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


def whoami(running, token):
    headers = {"Authorization": f"Token {token}"}
    return httpx.get(f"{running.url}/api/current-user/whoami", headers=headers, timeout=60)


def held_by_another_process(studio_executable, folder):
    """A server whose holder is a process of its own; returns the holder and its server's number and address."""
    script = (
        "import sys, time; from pathlib import Path\n"
        "from tests.support.local_studio import LocalStudio\n"
        "with LocalStudio(Path(sys.argv[1]), Path(sys.argv[2])) as s:\n"
        "    print(s.pid, s.url, flush=True); sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, studio_executable, folder],
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    pid, url = holder.stdout.readline().split()
    return holder, int(pid), url


def answers(url):
    try:
        return httpx.get(f"{url}/api/version", timeout=60).status_code == 200
    except httpx.TransportError:
        return False


def test_it_starts_and_stops(folder, studio_executable, studio):
    """A second server beside the first: own port, own data; nothing is left after it but the prepared folder."""
    with LocalStudio(studio_executable, folder) as second:
        pid = second.pid
        assert second.url != studio.url
        assert whoami(second, second.token).json()["email"] == second.email
        assert whoami(second, "wrong").status_code == 401
        assert second.token not in repr(second)
        assert is_alive(pid)
    assert not is_alive(pid)
    assert [path.name for path in folder.iterdir()] == ["prepared"]
    with pytest.raises(LabelerError, match="not running"):
        _ = second.pid


def test_secrets_are_for_the_owner_only(studio):
    """The file with password and token is readable by nobody else, and is made by chance."""
    kept = studio._folder / "prepared" / "credentials.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert len(studio.token) == 40
    assert studio.password


def test_data_can_be_kept_from_run_to_run(folder, studio_executable):
    """With a data folder of its own the server finds its projects again."""
    data = folder / "kept"
    with LocalStudio(studio_executable, folder, data=data) as first:
        headers = {"Authorization": f"Token {first.token}"}
        httpx.post(
            f"{first.url}/api/projects", json={"title": "kept"}, headers=headers, timeout=60
        ).raise_for_status()
    with LocalStudio(studio_executable, folder, data=data) as second:
        headers = {"Authorization": f"Token {second.token}"}
        found = httpx.get(f"{second.url}/api/projects", headers=headers, timeout=60).json()["results"]
    assert [project["title"] for project in found] == ["kept"]


def test_an_error_inside_stops_the_server(folder, studio_executable):
    """Whatever happens in the context, no server stays behind."""
    pids = []

    def interrupted():
        with LocalStudio(studio_executable, folder) as running:
            pids.append(running.pid)
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
    monkeypatch.setattr(local_studio, "is_free", lambda _: True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        moved = LocalStudio(studio_executable, folder, port=taken.getsockname()[1])
        with pytest.raises(LabelerError, match="was taken while Label Studio started"):
            moved.start()
    assert [path.name for path in folder.iterdir()] == ["prepared"]


def test_a_missing_program_is_named(tmp_path):
    """The path is in the message."""
    with pytest.raises(LabelerError, match=r"there is no program .*nowhere"):
        LocalStudio(tmp_path / "nowhere", tmp_path).start()


def test_a_server_that_ends_shows_its_log(tmp_path):
    """Also in the first, preparing start; nothing half-made is left to be copied later."""
    failing = program(tmp_path, "echo the disk is on fire; exit 3")
    with pytest.raises(LabelerError, match=r"Label Studio stopped\.[\s\S]*the disk is on fire"):
        LocalStudio(failing, tmp_path / "studio").start()
    assert list((tmp_path / "studio").iterdir()) == []


def test_a_server_that_never_answers_is_given_up(folder, monkeypatch):
    """The wait is bounded; a process that ignores SIGTERM is killed."""
    deaf = program(folder, "trap '' TERM; echo thinking; while true; do sleep 0.1; done")
    monkeypatch.setattr(launch, "_STOP_SECONDS", 0.3)
    with pytest.raises(LabelerError, match=r"within 1 s[\s\S]*thinking"):
        LocalStudio(deaf, folder, start_seconds=1.0).start()
    assert sorted(path.name for path in folder.iterdir()) == ["label-studio", "prepared"]


def test_what_a_killed_holder_left_is_cleared(folder, studio_executable):
    """kill -9 leaves a server and its folder behind; the next start ends the one and removes the other."""
    holder, pid, url = held_by_another_process(studio_executable, folder)
    with holder:
        holder.kill()
    assert answers(url)
    (left,) = folder.glob("run-*")
    with LocalStudio(studio_executable, folder):
        assert not answers(url)
        assert not is_alive(pid)
        assert not left.exists()
    assert [path.name for path in folder.iterdir()] == ["prepared"]


def test_what_a_living_holder_uses_is_left_alone(folder, studio_executable):
    """Two test runs in one checkout do not disturb each other."""
    holder, _, url = held_by_another_process(studio_executable, folder)
    with holder:
        with LocalStudio(studio_executable, folder):
            assert answers(url)
            assert len(list(folder.glob("run-*"))) == 2
        holder.communicate("")
    assert [path.name for path in folder.iterdir()] == ["prepared"]


def test_a_process_that_got_the_number_of_a_dead_server_is_left_alone(folder, studio_executable):
    """The record names a process by its start too: a number that is used again means nothing."""
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as bystander:
        left = folder / f"run-{os.getpid()}-{'0' * 16}-left"
        left.mkdir()
        ProcessId(bystander.pid, "0" * 16).write(left / "server.pid")
        (folder / f"run-{os.getpid()}-{'1' * 16}-empty").mkdir()
        mine = folder / "run-of-somebody-else"
        mine.mkdir()
        with LocalStudio(studio_executable, folder):
            pass
        assert bystander.poll() is None
        assert sorted(path.name for path in folder.iterdir()) == ["prepared", mine.name]
        bystander.kill()


def test_processes_are_told_apart():
    """By number and start; a zombie does not run."""
    with subprocess.Popen(["sleep", "600"]) as first, subprocess.Popen(["sleep", "600"]) as second:
        ids = [ProcessId.of(child.pid) for child in (first, second)]
        assert ids[0] != ids[1]
        assert ids == [ProcessId.of(child.pid) for child in (first, second)]
        for child in (first, second):
            child.kill()
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet taken note of
        assert not ids[0].is_alive
    assert ProcessId.of(first.pid) is None


def test_a_process_is_known_again_after_the_clock_was_set(monkeypatch):
    """On Linux every start seems to move with the clock; elsewhere it is written down when it happens."""
    me = ProcessId.of(os.getpid())
    true_boot = psutil.boot_time()
    for module in (psutil, psutil._pslinux):
        monkeypatch.setattr(module, "boot_time", lambda: true_boot + 3600)
    assert ProcessId.of(os.getpid()) == me
    assert me.is_alive


def test_without_process_groups_the_whole_family_ends(tmp_path, monkeypatch):
    """As on Windows: a server and what it started."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nsleep 600 &\necho $! > child\nwait\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.delattr(os, "killpg")
    pid = start_detached(
        [str(program)],
        record=tmp_path / "pid",
        environment={"PATH": os.environ["PATH"]},
        folder=tmp_path,
        log=tmp_path / "log",
    )
    while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text(encoding="utf-8"):
        time.sleep(0.01)
    child = ProcessId.of(int((tmp_path / "child").read_text(encoding="utf-8")))
    assert child.is_alive
    assert ProcessId.of(pid).end(10.0)
    while child.is_alive:
        time.sleep(0.01)


def test_a_program_that_cannot_be_run_is_on_record_in_the_log(tmp_path):
    """A file that no system can run: the reason is in its log, not in a traceback."""
    (tmp_path / "program").write_bytes(b"\x00nothing")
    (tmp_path / "program").chmod(0o755)
    log = tmp_path / "log"
    pid = start_detached(
        [str(tmp_path / "program")], record=tmp_path / "pid", environment={}, folder=tmp_path, log=log
    )
    while ProcessId.of(pid):
        time.sleep(0.01)
    assert ProcessId.read(tmp_path / "pid").pid == pid
    assert "program cannot be run: Exec format error" in log.read_text("utf-8")


def test_images_of_one_folder_are_served(folder, studio_executable, tmp_path):
    """With a local storage on a folder below the given one; nothing beside it, and nothing without the option."""
    from support.studio import sdk

    root = tmp_path / "shown"
    (root / "cats").mkdir(parents=True)
    (root / "cats" / "a.txt").write_text("a cat", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("no", encoding="utf-8")
    with LocalStudio(studio_executable, folder, options=ServerOptions(images=root)) as running:
        client = sdk(running.url, running.token)
        project = client.projects.create(title="images", label_config=CONFIG).id
        client.import_storage.local.create(path=str(root / "cats"), project=project, use_blob_urls=True)
        headers = {"Authorization": f"Token {running.token}"}
        shown = httpx.get(f"{running.url}/data/local-files/?d=cats/a.txt", headers=headers, timeout=60)
        assert shown.text == "a cat"
        assert httpx.get(f"{running.url}/data/local-files/?d=cats/a.txt").status_code != 200
        assert (
            httpx.get(f"{running.url}/data/local-files/?d=../secret.txt", headers=headers, timeout=60).text
            != "no"
        )


def test_without_images_no_file_is_served(studio, tmp_path):
    """The default shows nothing of the machine."""
    reply = httpx.get(
        f"{studio.url}/data/local-files/?d={tmp_path}", headers={"Authorization": f"Token {studio.token}"}
    )
    assert reply.status_code == 403


def test_calls_to_this_machine_and_invitations(folder, studio_executable, studio):
    """Webhooks on 127.0.0.1 where wanted, refused otherwise; closed sign-up lets in who was invited."""
    came = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            came.set()
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    def call(running, path, body):
        headers = {"Authorization": f"Token {running.token}"}
        return httpx.post(f"{running.url}{path}", json=body, headers=headers, timeout=60)

    def hook(running, url):
        project = call(running, "/api/projects", {"title": "hooked", "label_config": CONFIG}).json()["id"]
        return project, call(running, "/api/webhooks/", {"url": url, "project": project}).status_code

    options = ServerOptions(local_calls=True, open_sign_up=False)
    with HTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        threading.Thread(target=receiver.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{receiver.server_address[1]}/"
        assert hook(studio, url)[1] == 403
        with LocalStudio(studio_executable, folder, options=options) as running:
            project, status = hook(running, url)
            assert status == 201
            call(running, f"/api/projects/{project}/import", [{"text": "something"}]).raise_for_status()
            assert came.wait(60)
            with pytest.raises(LabelerError, match=r"no account for uninvited@example\.org"):
                sign_up(running.url, "uninvited@example.org", "secret-12345")
            args = (running.url, "invited@example.org", "secret-12345", running.token)
            token = account_token(*args)
            assert whoami(running, token).json()["email"] == "invited@example.org"
            assert account_token(*args) == token
            with pytest.raises(LabelerError, match="gave no invitation"):
                account_token(running.url, "third@example.org", "secret-12345", "wrong")


def test_the_server_gets_nothing_of_the_environment_that_it_could_misread(
    folder, studio_executable, monkeypatch
):
    """Label Studio reads bare names such as HOST and PASSWORD; and a token for another server is not for it."""
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "for-another-server")
    monkeypatch.setenv("HOST", "x86_64-conda-linux-gnu")
    monkeypatch.setenv("PASSWORD", "of-something-else")
    with LocalStudio(studio_executable, folder) as running:
        given = Path(f"/proc/{running.pid}/environ").read_bytes()
        shown = Path(f"/proc/{running.pid}/cmdline").read_bytes()
    for name in (b"for-another-server", b"x86_64-conda", b"of-something-else"):
        assert name not in given
    for secret in (running.token, running.password):
        assert secret.encode() not in given + shown
    assert b"COLLECT_ANALYTICS=false" in given
