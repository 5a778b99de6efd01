"""A real Label Studio of our own, on this machine: for the demonstration and the tests.

Label Studio lives in an environment of its own, since its pins clash with ours; only its program is needed here.
A fresh data folder costs half a minute of migrations, so one is prepared once and copied for every start.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from integrations.errors import LabelerError

HOST = "127.0.0.1"
_PREPARED = "prepared"
_CREDENTIALS = "credentials.json"
_SERVER_PREFIXES = ("LABEL_STUDIO_", "HEARTEX_", "DJANGO_", "POSTGRE_")
_POLL_SECONDS = 0.2
_STOP_SECONDS = 10.0
_LOG_LINES = 15
# The defaults report to a service of the makers; nothing here may leave the machine.
_QUIET = {
    "COLLECT_ANALYTICS": "false",
    "FRONTEND_SENTRY_DSN": "",
    "LATEST_VERSION_CHECK": "false",
    "SENTRY_DSN": "",
}


class LocalStudio:
    """A running Label Studio, from entering the context to leaving it.

    Args:
        executable: the program `label-studio` of its own environment.
        folder: where the prepared data and the data of each run are kept.
        port: where to listen; None = any free one.
        email: the account that the server is prepared with, unless one is prepared already.
        data: a data folder to keep from run to run; None = a copy of the prepared one, removed at the end.
        start_seconds: how long a start may take; the first after an install compiles and migrates.

    Attributes:
        url: address of the server.
        token: legacy token of the account.
        email: name of the account.
        password: its password.
        pid: the process.
    """

    def __init__(
        self,
        executable: Path,
        folder: Path,
        *,
        port: int | None = None,
        email: str = "owner@curator.local",
        data: Path | None = None,
        start_seconds: float = 240.0,
    ) -> None:
        self._executable = executable.absolute()
        self._folder = folder.absolute()
        self._port = port
        self._data = None if data is None else data.absolute()
        self._start_seconds = start_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._run: Path | None = None
        self.email = email
        self.password = ""
        self.token = ""
        self.url = ""

    def __repr__(self) -> str:
        return f"LocalStudio({self.url or 'not started'!r})"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Number of the server's process.

        Raises:
            LabelerError: it is not running.
        """
        if self._process is None:
            raise LabelerError("the local Label Studio is not running.")
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            LabelerError: the program is missing, the port is taken, or the server does not come up; then its last
                lines are part of the message.
        """
        if not os.access(self._executable, os.X_OK):
            raise LabelerError(
                f"there is no program {self._executable}. Install Label Studio into its environment."
            )
        if self._port is not None and not _is_free(self._port):
            raise LabelerError(
                f"port {self._port} of {HOST} is taken. Choose another, or none for any free one."
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        prepared = self._prepare()
        self._read_credentials(prepared)
        if self._data is None:
            self._run = Path(tempfile.mkdtemp(prefix="run-", dir=self._folder))
            data = self._run / "data"
        else:
            data = self._data
        try:
            if not data.exists():
                shutil.copytree(prepared, data)
            self._read_credentials(data)
            self._launch(data)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server, by force if need be, and remove what was only for this run."""
        try:
            if self._process is not None:
                _end(self._process)
                self._process = None
        finally:
            if self._run is not None:
                shutil.rmtree(self._run, ignore_errors=True)
                self._run = None

    def _prepare(self) -> Path:
        """The prepared data folder; made by one start and stop when it is not there."""
        prepared = self._folder / _PREPARED
        if (prepared / _CREDENTIALS).exists():
            return prepared
        half = Path(tempfile.mkdtemp(prefix="half-", dir=self._folder))
        try:
            self.password, self.token = secrets.token_urlsafe(16), secrets.token_hex(20)
            credentials = half / _CREDENTIALS
            credentials.touch(mode=0o600)
            credentials.write_text(
                json.dumps({"email": self.email, "password": self.password, "token": self.token}),
                encoding="utf-8",
            )
            self._launch(half, new=True)
            self._end_process()
            try:
                half.rename(prepared)
            except OSError:  # another process was quicker: its folder is as good
                if not (prepared / _CREDENTIALS).exists():
                    raise
        finally:
            self._end_process()
            shutil.rmtree(half, ignore_errors=True)
        return prepared

    def _end_process(self) -> None:
        if self._process is not None:
            _end(self._process)
            self._process = None

    def _read_credentials(self, data: Path) -> None:
        kept = json.loads((data / _CREDENTIALS).read_text(encoding="utf-8"))
        self.email, self.password, self.token = kept["email"], kept["password"], kept["token"]

    def _launch(self, data: Path, *, new: bool = False) -> None:
        """Start the program on a data folder and wait for it; with `new` it makes the account first."""
        port = self._port if self._port is not None and not new else _free_port()
        self.url = f"http://{HOST}:{port}"
        command = [str(self._executable), "start", "-b", "--internal-host", HOST, "-p", str(port)]
        environment = {
            **os.environ,
            **_QUIET,
            "LABEL_STUDIO_BASE_DATA_DIR": str(data),
            "PYTHONUNBUFFERED": "1",
        }
        if new:
            # by the environment, not by flags: every user of the machine can read a command line
            environment |= {
                "LABEL_STUDIO_USERNAME": self.email,
                "LABEL_STUDIO_PASSWORD": self.password,
                "LABEL_STUDIO_USER_TOKEN": self.token,
                "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            }
        log = data / "server.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the caller names the program
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=data,
                start_new_session=True,  # a Ctrl-C here is ours to pass on, after the last request
            )
        self._wait(self._process, log)

    def _wait(self, process: subprocess.Popen[bytes], log: Path) -> None:
        end = time.monotonic() + self._start_seconds
        while time.monotonic() < end:
            if process.poll() is not None:
                raise LabelerError(f"Label Studio ended with code {process.returncode}.{_tail(log)}")
            if self._answers(log):
                return
            time.sleep(_POLL_SECONDS)
        raise LabelerError(f"Label Studio did not answer within {self._start_seconds:g} s.{_tail(log)}")

    def _answers(self, log: Path) -> bool:
        """Whether our server, and no other, answers on our port.

        When the port is taken meanwhile, Label Studio moves to the next one and says so only in its log.
        """
        if b"Trying to start at" in log.read_bytes():
            raise LabelerError(
                f"the port of {self.url} was taken while Label Studio started. Try again.{_tail(log)}"
            )
        try:
            reply = httpx.get(
                f"{self.url}/api/current-user/whoami",
                headers={"Authorization": f"Token {self.token}"},
                timeout=5.0,
                trust_env=False,
            )
        except httpx.TransportError:
            return False
        return reply.status_code == httpx.codes.OK and reply.json().get("email") == self.email


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started."""
    for number, patience in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            continue
        return


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
    return "\nThe last lines of its log:\n  " + "\n  ".join(lines)
