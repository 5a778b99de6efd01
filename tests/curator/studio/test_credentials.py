"""Where a token comes from, in which order, and that it shows up nowhere else."""

import json
import os
import traceback

import keyring
import keyring.core
import pytest
from support.keyring_backend import JsonKeyring

from curator.errors import ConfigError
from curator.studio import credentials
from curator.studio.credentials import FileSecrets, KeyringSecrets, find_token
from curator.studio.home import State, StudioHome
from integrations.errors import LabelerError
from integrations.labelers.label_studio.launch import Account
from integrations.labelers.label_studio.process import ProcessId

URL = "https://labels.example.org"
SECRET = "5ecre7" * 6


@pytest.fixture
def token_file(tmp_path, monkeypatch):
    path = tmp_path / "token.txt"
    path.write_text(f"{SECRET}\n", encoding="utf-8")
    path.chmod(0o600)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY_FILE", str(path))
    return path


@pytest.fixture
def local_studio(tmp_path, monkeypatch):
    """The home of a local server at port 8123; the process that it names is this one."""
    home = StudioHome(tmp_path / "home")
    monkeypatch.setenv("CURATOR_STUDIO_HOME", str(home.folder))
    with home.held("up"):
        home.write(State(email="owner@curator.local", credentials="file", port=8123))
        FileSecrets(home.folder).store("token", "of-the-local-server")
        ProcessId.of(os.getpid()).write(home.record)
    return home


def refused(url=URL):
    """The message of a refusal; neither it nor its traceback holds the secret."""
    with pytest.raises(ConfigError) as caught:
        find_token(url)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def test_without_any_there_is_none():
    """No variable, no keyring, no local server."""
    assert find_token(URL) is None


def test_the_order(token_file, json_keyring, local_studio, monkeypatch):
    """Variable, file, keyring, local server: each wins over those behind it."""
    url = "http://localhost:8123"
    keyring.set_password("curator", url, "of-the-keyring")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", " of-the-variable ")
    assert find_token(url) == "of-the-variable"
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", " ")
    assert find_token(url) == SECRET
    monkeypatch.delenv("LABEL_STUDIO_API_KEY_FILE")
    assert find_token(url) == "of-the-keyring"
    keyring.delete_password("curator", url)
    assert find_token(url) == "of-the-local-server"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644])
def test_a_file_that_others_can_touch_is_refused(token_file, mode):
    """The message says which file, its mode, and the command that mends it."""
    token_file.chmod(mode)
    assert refused() == (
        f"LABEL_STUDIO_API_KEY_FILE names {token_file}, which is open to others (mode {mode:04o}): "
        f"chmod 600 {token_file}"
    )


def test_a_file_that_cannot_be_used_is_refused(token_file, monkeypatch):
    """Empty, not text, a folder, not there."""
    token_file.write_bytes(b" \n")
    assert "is empty" in refused()
    token_file.write_bytes(SECRET.encode() + b"\xff")
    assert "is not text" in refused()
    monkeypatch.setenv("LABEL_STUDIO_API_KEY_FILE", str(token_file.parent))
    assert "Is a directory" in refused()
    monkeypatch.setenv("LABEL_STUDIO_API_KEY_FILE", str(token_file.parent / "gone"))
    assert "No such file" in refused()
    monkeypatch.setenv("LABEL_STUDIO_API_KEY_FILE", "~nobody-of-this-name/token")
    assert "No such file" in refused()


def test_a_pipe_is_as_good_as_a_file(monkeypatch):
    """`LABEL_STUDIO_API_KEY_FILE=<(a password manager)` leaves nothing on disk."""
    reading, writing = os.pipe()
    os.write(writing, SECRET.encode())
    os.close(writing)
    try:
        monkeypatch.setenv("LABEL_STUDIO_API_KEY_FILE", f"/dev/fd/{reading}")
        assert find_token(URL) == SECRET
    finally:
        os.close(reading)


def test_the_keyring_is_asked_for_this_server_only(json_keyring):
    """With and without the slash at the end; other servers' tokens stay where they are."""
    keyring.set_password("curator", URL, SECRET)
    assert find_token(URL) == SECRET
    assert find_token(f"{URL}/") == SECRET
    assert find_token("https://other.example.org") is None
    assert json.loads(json_keyring.read_text("utf-8")) == {f"curator {URL}": SECRET}


def test_a_locked_keyring_is_said_when_nothing_else_has_the_token(json_keyring, token_file, monkeypatch):
    """It may hold the token: `no token` would be wrong."""
    monkeypatch.setattr(JsonKeyring, "locked", True)
    assert find_token(URL) == SECRET
    monkeypatch.delenv("LABEL_STUDIO_API_KEY_FILE")
    assert refused() == "The keyring did not open (keyring.errors.KeyringLocked): unlock it, then run again."


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("keyring.backends.fail.Keyring", "no keyring on this machine"),
        ("keyring.backends.null.Keyring", "no keyring on this machine"),
        ("no_such_package.Keyring", "cannot be used"),
    ],
)
def test_a_keyring_that_is_none_keeps_nothing(json_keyring, monkeypatch, backend, message):
    """Reading goes on without it; keeping something in it is refused."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    assert find_token(URL) is None
    with pytest.raises(ConfigError, match=message):
        KeyringSecrets("studio:x")


def test_a_keyring_in_the_clear_is_none(json_keyring, monkeypatch):
    """Backends that write plain text rank themselves below what keyring recommends."""
    monkeypatch.setattr(JsonKeyring, "priority", 0.5)
    with pytest.raises(ConfigError, match=r"no keyring on this machine.*JsonKeyring"):
        KeyringSecrets("studio:x")


def test_the_keyring_keeps_and_forgets(json_keyring):
    """What is kept is there, is replaced, and is gone afterwards; forgetting twice is fine."""
    secrets = KeyringSecrets("studio:/home/me")
    assert secrets.read("token") is None
    secrets.store("token", "old")
    secrets.store("token", SECRET)
    assert secrets.read("token") == SECRET
    assert SECRET not in repr(secrets)
    assert json.loads(json_keyring.read_text("utf-8")) == {"curator studio:/home/me:token": SECRET}
    secrets.forget("token")
    secrets.forget("token")
    assert secrets.read("token") is None


@pytest.mark.parametrize(("fault", "message"), [("locked", "did not take"), ("forgetful", "did not keep it")])
def test_a_secret_that_was_not_kept_is_said_without_it(json_keyring, monkeypatch, fault, message):
    """A backend may refuse, or lose what it took; its own words may hold the secret and are not repeated."""
    monkeypatch.setattr(JsonKeyring, fault, True)
    with pytest.raises(ConfigError, match=message) as caught:
        KeyringSecrets("studio:x").store("token", SECRET)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_files_are_for_the_owner_only_from_the_first_byte(tmp_path, monkeypatch):
    """Whatever the umask; no other file is left; a file made readable later is not trusted."""
    before = os.umask(0)
    try:
        secrets = FileSecrets(tmp_path)
        secrets.store("token", "old")
        secrets.store("token", SECRET)
    finally:
        os.umask(before)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {"token": 0o600}
    assert secrets.read("token") == SECRET
    secrets.path("token").chmod(0o644)
    with pytest.raises(ConfigError, match="is open to others"):
        secrets.read("token")
    secrets.forget("token")
    assert secrets.read("token") is None


def test_the_local_servers_token_is_for_its_address_only(local_studio):
    """Its names on this machine, its port, plain http; nothing else."""
    for url in ("http://localhost:8123", "http://127.0.0.1:8123/", "HTTP://LOCALHOST:8123"):
        assert find_token(url) == "of-the-local-server"
    for url in (
        "http://localhost:8124", "https://localhost:8123", "http://example.org:8123", "http://localhost",
        "http://localhost:x", "http://[", "",
    ):  # fmt: skip
        assert find_token(url) is None


def test_the_local_servers_token_is_not_given_to_who_took_its_port(local_studio):
    """While it does not run, whoever listens at its address is somebody else."""
    ProcessId(os.getpid(), "0" * 16).write(local_studio.record)
    with pytest.raises(LabelerError, match=r"which does not run: `curator studio up`") as caught:
        find_token("http://localhost:8123")
    assert caught.value.away  # `curator round --wait` waits for it
    assert find_token("http://localhost:9999") is None


def test_an_account_does_not_show_its_secrets():
    """Neither password nor token in what a debugger, a log or a traceback would print."""
    account = Account.random()
    assert account.token not in repr(account)
    assert account.password not in repr(account)
    assert len(account.token) == 40
    assert Account.random().token != account.token


def test_the_ways_are_named():
    """What a user without a token reads."""
    for word in ("LABEL_STUDIO_API_KEY=", "LABEL_STUDIO_API_KEY_FILE", "keyring set curator"):
        assert word in credentials.WAYS
