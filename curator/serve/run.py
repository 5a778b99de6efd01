"""Runs the server: listens, makes itself known to Label Studio, and takes itself out again at the end."""

import ipaddress
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from curator.errors import ConfigError, CuratorError
from curator.project.labeler import studio_route
from curator.project.project import Project
from curator.project.wake import wake_file
from curator.serve.secret import (
    USER,
    VARIABLE,
    WAKE_HEADER,
    WAKE_PATH,
    secret_from_environment,
    serve_secret,
    wake_secret,
)
from curator.studio.credentials import require_token
from integrations.errors import LabelerError

if TYPE_CHECKING:
    from integrations.labelers.label_studio.backend import BackendClient

Say = Callable[[str], None]

# Windows knows no SIGHUP.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_EXTRA = "pip install -c constraints.txt '.[server]'"
_START_SECONDS = 60.0
_STOP_SECONDS = 3.0  # for requests under way
_CALL_SECONDS = 30.0  # for one call of Label Studio
_FIRST_WAIT, _LONGEST_WAIT = 2.0, 60.0  # seconds between tries to reach a Label Studio that is away


@dataclass(frozen=True)
class Address:
    """Where to listen, and where that is for others.

    Attributes:
        host: to listen at.
        port: to listen at; 0 = any free one.
        url: under which Label Studio reaches us; None = http://HOST:PORT.
    """

    host: str = "127.0.0.1"
    port: int = 9090
    url: str | None = None


def serve_project(folder: Path, address: Address, *, register: bool, say: Say, stop: threading.Event) -> None:
    """Serve until `stop` is set.

    Args:
        folder: of the project.
        address: where.
        register: make the server known to Label Studio, and take it out again at the end.
        say: told, in a sentence, what a person should know.
        stop: ends the server.

    Raises:
        ConfigError: the extra `server` is missing, or address and secret do not go together.
        CuratorError: the port is taken, or the campaign has no project at Label Studio yet.
        LabelerError: Label Studio refuses the registration; what was registered is taken out.
    """
    _need_extra()
    client = None
    with Project(folder) as project:
        _check_labeler(project)
        secret = _secret(project.state, address, say)
        if register:
            _check_reachable(address)
            client = _client(project)
    listener = _listen(address)
    url = (address.url or _url(address.host, listener.getsockname()[1])).rstrip("/")
    with _running(folder, listener, secret, say, stop):
        say(f"Serving at {url}. Ctrl-C stops.")
        try:
            if client is not None:
                _register(client, url, secret, say, stop)
            stop.wait()
        finally:
            if client is not None:
                _unregister(client, say)


def unregister(folder: Path) -> int:
    """Take what an earlier server left at Label Studio out of the project there; returns how much it was.

    Raises:
        CuratorError: the campaign has no project at Label Studio.
        LabelerError: Label Studio is away or refuses.
    """
    with Project(folder) as project:
        _check_labeler(project)
        client = _client(project)
    return client.unregister()


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that is set by Ctrl-C, by SIGTERM and when the terminal is closed, instead of what these else do."""
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _need_extra() -> None:
    try:
        import fastapi
        import uvicorn
    except ImportError as exc:
        raise ConfigError(f"`curator serve` needs {exc.name}, which is not installed: {_EXTRA}") from exc
    del fastapi, uvicorn


def _check_labeler(project: Project) -> None:
    name = project.config.labeler.name
    if not project.config.labeler.traits.takes_live_suggestions:
        raise ConfigError(
            f"`curator serve` answers a Label Studio server; [labeler] name in curator.toml is {name!r}."
        )


def _secret(state: Path, address: Address, say: Say) -> str:
    """The secret to use; beyond this machine it must be one that somebody has chosen to use."""
    if _is_loopback(address.host):
        return serve_secret(state)
    given = secret_from_environment()
    if given is None:
        raise ConfigError(
            f"Listening at {address.host} lets other machines in: set a secret of your own in {VARIABLE} first "
            "(python -c 'import secrets; print(secrets.token_urlsafe(32))'), or keep --host 127.0.0.1."
        )
    say(
        f"Listening at {address.host} uses plain http: the secret and the requests can be read on the way. "
        "Use it in a network you trust, or behind a proxy that uses https (--url)."
    )
    return given


def _check_reachable(address: Address) -> None:
    if address.url is None and address.host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        raise ConfigError(
            f"{address.host} stands for every address of this machine: name the one at which Label Studio reaches "
            f"it with --url http://NAME:{address.port}, or use --no-register."
        )


def _client(project: Project) -> "BackendClient":
    from integrations.labelers.label_studio.backend import BackendClient

    reference = project.ledger.get("labeler_project")
    if reference is None:
        raise CuratorError(
            "The campaign has no project at Label Studio yet. Run `curator round` first, which creates one."
        )
    url = project.config.labeler.url
    if not url:
        raise ConfigError(
            '[labeler] in curator.toml needs the address of the server: url = "http://localhost:8080"'
        )
    return BackendClient(
        url,
        require_token(url),
        timeout=_CALL_SECONDS,
        project=int(reference),
        title=f"curator ({project.campaign})",
        header=WAKE_HEADER,
        route=studio_route(project.config, project.folder),
    )


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listener = socket.create_server((address.host, address.port), family=family, backlog=128)
    except (OSError, OverflowError) as exc:
        raise CuratorError(
            f"Cannot listen at {address.host} port {address.port}: {exc}. Choose another with --port or --host."
        ) from exc
    # Handed on to every connection. Without it each reply on a kept connection takes 40 ms more: its two packets wait
    # for each other.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@contextmanager
def _running(
    folder: Path, listener: socket.socket, secret: str, say: Say, stop: threading.Event
) -> Iterator[None]:
    """The server, in a thread of its own; sets `stop` when it ends by itself."""
    import uvicorn

    from curator.serve.app import make_app
    from curator.serve.connections import ACCEPTED_AT_ONCE, BoundedConnection
    from curator.serve.suggest import Suggester
    from curator.serve.wakeup import WakeUp

    with Project(folder) as project:
        kind, form, state = project.config.project.kind, project.task.form, project.state
    app = make_app(Suggester(folder, say), WakeUp(wake_file(state), say), kind, secret, say, form)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            # nothing of a request is logged: it holds tokens
            log_config=None,
            log_level="error",  # a line for each request that is none would fill the disk
            access_log=False,
            server_header=False,
            http=BoundedConnection,
            backlog=ACCEPTED_AT_ONCE,
            timeout_graceful_shutdown=int(_STOP_SECONDS),
        )
    )

    def run() -> None:
        try:
            server.run(sockets=[listener])
        finally:
            stop.set()

    thread = threading.Thread(target=run, name="server", daemon=True)
    thread.start()
    try:
        end = time.monotonic() + _START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > end:
                raise CuratorError("The server did not start.")
            time.sleep(0.02)
        yield
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)
        listener.close()


def _register(client: "BackendClient", url: str, secret: str, say: Say, stop: threading.Event) -> None:
    """Make the server known; a Label Studio that is away is waited for."""
    pause, told = _FIRST_WAIT, False
    while not stop.is_set():
        try:
            client.register(url, WAKE_PATH, USER, secret, wake_secret(secret))
        except LabelerError as exc:
            if not exc.away:
                raise
            if not told:
                say(f"Not registered yet, trying again: {exc}")
                told = True
            stop.wait(pause)
            pause = min(2 * pause, _LONGEST_WAIT)
        else:
            say("Registered: Label Studio asks here for suggestions, and wakes a `curator round --wait`.")
            return


def _unregister(client: "BackendClient", say: Say) -> None:
    try:
        client.unregister()
    except LabelerError as exc:
        say(
            f"The registration is still in Label Studio: {exc} `curator serve --unregister` removes it later."
        )
    else:
        say("Removed from Label Studio again.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
