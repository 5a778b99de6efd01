"""What holds connections open to the live suggestions, and sends nothing, takes nobody's place."""

import base64
import socket
import threading
import time
from contextlib import ExitStack

import httpx
import pytest
from support.projects import make_project

from curator.serve.connections import BoundedConnection
from curator.serve.run import Address, _listen, _running

SECRET = "a secret of the tests, long enough"
LOGIN = base64.b64encode(f"curator:{SECRET}".encode()).decode()
BEGINNINGS = {
    "nothing": b"",
    "half a head": b"POST /predict HTTP/1.1\r\nHost: x\r\n",
    "half a body": f"POST /predict HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {LOGIN}\r\nContent-Length: 99\r\n\r\n{{".encode(),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Port of a server, and what it said."""
    folder = make_project(tmp_path_factory.mktemp("serve") / "p", n=40, batch=5, holdout="5")
    listener = _listen(Address(port=0))
    said: list[str] = []
    with _running(folder, listener, SECRET, said.append, threading.Event()):
        yield listener.getsockname()[1], said


def health(port: int) -> int:
    return httpx.get(
        f"http://127.0.0.1:{port}/health", auth=("curator", SECRET), trust_env=False, timeout=60.0
    ).status_code


def ended(connection: socket.socket) -> bool:
    """Whether the server lets go of a connection, within a generous time."""
    connection.settimeout(60.0)
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


@pytest.mark.parametrize("sent", BEGINNINGS)
def test_what_sends_only_the_beginning_is_let_go(server, sent, monkeypatch):
    """Each part of a request has its time: nothing, half a head, half a body."""
    monkeypatch.setattr(BoundedConnection, "head_seconds", 0.2)
    monkeypatch.setattr(BoundedConnection, "body_seconds", 0.2)
    with socket.create_connection(("127.0.0.1", server[0])) as connection:
        connection.sendall(BEGINNINGS[sent])
        assert ended(connection)
    assert health(server[0]) == 200


def test_more_of_the_same_part_buys_no_time(server, monkeypatch):
    """A byte now and then does not keep a place."""
    monkeypatch.setattr(BoundedConnection, "head_seconds", 0.5)
    with socket.create_connection(("127.0.0.1", server[0])) as connection:
        end = time.monotonic() + 60.0
        gone = False
        while not gone and time.monotonic() < end:
            try:
                connection.sendall(b"X")
                time.sleep(0.05)
            except OSError:
                gone = True
    assert gone


def test_idle_connections_make_room(server):
    """300 of them, and whoever asks is answered; nothing is printed for each."""
    port, said = server
    before = len(said)
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60.0))
        assert [health(port) for _ in range(3)] == [200, 200, 200]
    assert len(said) - before <= 1


def test_a_connection_that_asks_again_goes_on(server, monkeypatch):
    """A deadline is of a request, not of a connection; answers in between are given."""
    monkeypatch.setattr(BoundedConnection, "head_seconds", 30.0)
    with httpx.Client(
        base_url=f"http://127.0.0.1:{server[0]}", auth=("curator", SECRET), trust_env=False, timeout=60.0
    ) as client:
        assert [client.get("/health").status_code for _ in range(5)] == [200] * 5
