"""Starts Label Studio on this machine: which environment it gets, its account, and when it is up.

Label Studio lives in an environment of its own, since its pins clash with ours; only its program is needed here.
A fresh data folder costs half a minute of migrations, so one is prepared once (`prepare`) and used for every start.
"""

import os
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx

from integrations.errors import LabelerError
from integrations.labelers.label_studio.process import RECORD, ProcessId, start_detached

HOST = "127.0.0.1"
EMAIL = "owner@curator.local"
_POLL_SECONDS = 0.2
_STOP_SECONDS = 10.0
_ANSWER_SECONDS = 15.0  # of one request; a busy machine is slow, not dead
_LOG_LINES = 15
# What the server gets of our environment. Label Studio reads settings from bare names too (HOST, DEBUG,
# PASSWORD, ...), and a token for another server is none of its business.
_PASSED = {
    "HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "TMPDIR", "TZ", "USER",
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
}  # fmt: skip
# The defaults report to services of the makers; nothing here may leave the machine.
_QUIET = {
    "COLLECT_ANALYTICS": "false",
    "FRONTEND_SENTRY_DSN": "",
    "LATEST_VERSION_CHECK": "false",
    "SENTRY_DSN": "",
}


class PortTakenError(LabelerError):
    """Another program took the port while the server started."""


@dataclass(frozen=True)
class Account:
    """The account that a data folder is prepared with: the owner of all projects."""

    email: str
    password: str = field(repr=False)
    token: str = field(repr=False)

    @classmethod
    def random(cls, email: str = EMAIL) -> Self:
        """With a password and a token that nobody can guess."""
        return cls(email, secrets.token_urlsafe(16), secrets.token_hex(20))


@dataclass(frozen=True)
class ServerOptions:
    """What the server may do.

    Attributes:
        images: folder whose files local storages may serve; a storage must name a folder below it. None = no files.
        local_calls: it may call webhooks and ML backends on this machine, which it refuses by default.
        open_sign_up: who reaches the server may make an account; otherwise only by an invitation link.
    """

    images: Path | None = None
    local_calls: bool = False
    open_sign_up: bool = True

    def environment(self) -> dict[str, str]:
        """The same in Label Studio's words."""
        settings = {"LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": _flag(not self.open_sign_up)}
        if self.images is not None:
            settings["LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED"] = "true"
            settings["LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"] = str(self.images.resolve())
        if self.local_calls:
            settings |= {"SSRF_PROTECTION_ENABLED": "false", "ML_BLOCK_LOCAL_IP": "false"}
        return settings


@dataclass(frozen=True)
class Server:
    """A server that was started.

    Attributes:
        url: its address.
        process: its process.
    """

    url: str
    process: ProcessId


def stop(process: ProcessId) -> None:
    """End a server, by force if need be.

    Raises:
        LabelerError: it cannot be ended.
    """
    if not process.end(_STOP_SECONDS):
        raise LabelerError(f"Label Studio (process {process.pid}) does not stop, not even by force.")


def check_executable(executable: Path) -> None:
    """Whether the program is there.

    Raises:
        LabelerError: it is not.
    """
    if not (executable.is_file() and os.access(executable, os.X_OK)):
        raise LabelerError(f"there is no program {executable}. Install Label Studio into its environment.")


def is_free(port: int) -> bool:
    """Whether a server can listen on a port of this machine.

    Label Studio itself tries to reach `localhost`, which may be another address than ours: both must be free.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    try:
        socket.create_connection(("localhost", port), timeout=1.0).close()
    except OSError:
        return True
    return False


def free_port() -> int:
    """Any free port."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def who_answers(url: str, token: str) -> str | None:
    """E-mail address of the account that a token belongs to; None when no Label Studio answers, or refuses it."""
    try:
        reply = httpx.get(
            f"{url}/api/current-user/whoami",
            headers={"Authorization": f"Token {token}"},
            timeout=_ANSWER_SECONDS,
            trust_env=False,
        )
        return str(reply.json()["email"]) if reply.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


def prepare(executable: Path, folder: Path, account: Account, *, start_seconds: float) -> None:
    """Turn a scratch folder into a data folder with an account, by one start and stop.

    Raises:
        LabelerError: as `launch`.
    """
    # By the environment, not by flags: every user of the machine can read a command line.
    owner = {
        "LABEL_STUDIO_USERNAME": account.email,
        "LABEL_STUDIO_PASSWORD": account.password,
        "LABEL_STUDIO_USER_TOKEN": account.token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
    }
    record, log = folder / RECORD, folder / "server.log"
    server = launch(
        executable, folder, account, free_port(), options=ServerOptions(), record=record, log=log,
        start_seconds=start_seconds, owner=owner,
    )  # fmt: skip
    stop(server.process)
    record.unlink()
    log.unlink()


def launch(
    executable: Path,
    data: Path,
    account: Account,
    port: int,
    *,
    options: ServerOptions,
    record: Path,
    log: Path,
    start_seconds: float,
    owner: Mapping[str, str] | None = None,
) -> Server:
    """Start a server on a prepared data folder, bound to 127.0.0.1, and wait until it answers.

    It goes on when this process ends. Whatever goes wrong here, it is stopped again.

    Args:
        executable: the program `label-studio`.
        data: the folder.
        account: who it was prepared for.
        port: where to listen.
        options: what the server may do.
        record: file in which the process writes down who it is; for `ProcessId.read`.
        log: gets its output.
        start_seconds: how long it may take.
        owner: the account to make, in Label Studio's words, while the folder is not prepared.

    Raises:
        LabelerError: it does not come up; its last lines are in the message.
        PortTakenError: another program took the port meanwhile.
    """
    check_executable(executable)
    pid = start_detached(
        [str(executable), "start", "-b", "--internal-host", HOST, "-p", str(port)],
        record=record,
        environment={
            **{name: value for name, value in os.environ.items() if name in _PASSED or name[:3] == "LC_"},
            **_QUIET,
            "LABEL_STUDIO_BASE_DATA_DIR": str(data),
            "PYTHONUNBUFFERED": "1",
            **options.environment(),
            **(owner or {}),
        },
        folder=data,
        log=log,
    )
    process = ProcessId.of(pid)
    if process is None:
        raise LabelerError(f"Label Studio stopped at once.{_tail(log)}")
    server = Server(f"http://{HOST}:{port}", process)
    try:
        wait_until_up(server, account, log, start_seconds)
    except BaseException:
        stop(server.process)
        raise
    return server


def wait_until_up(server: Server, account: Account, log: Path, start_seconds: float) -> None:
    """Wait until our server, and no other, answers at its address.

    Raises:
        LabelerError: it ends, or does not answer in time.
        PortTakenError: another program took the port.
    """
    end = time.monotonic() + start_seconds
    while time.monotonic() < end:
        alive = server.process.is_alive
        # When the port is taken meanwhile, Label Studio moves to the next one, or ends there; only its log says why.
        if b"Trying to start at" in log.read_bytes():
            raise PortTakenError(
                f"the port of {server.url} was taken while Label Studio started. Try again.{_tail(log)}"
            )
        if not alive:
            raise LabelerError(f"Label Studio stopped.{_tail(log)}")
        if who_answers(server.url, account.token) == account.email:
            return
        time.sleep(_POLL_SECONDS)
    raise LabelerError(f"Label Studio did not answer within {start_seconds:g} s.{_tail(log)}")


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
    return "\nThe last lines of its log:\n  " + "\n  ".join(lines)


def _flag(value: bool) -> str:  # noqa: FBT001 - a value to be written, not a choice
    return "true" if value else "false"
