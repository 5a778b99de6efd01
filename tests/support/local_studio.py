"""A Label Studio that lives as long as a `with` block: for tests."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from integrations.disk import new_file
from integrations.errors import LabelerError
from integrations.labelers.label_studio.launch import (
    EMAIL,
    HOST,
    Account,
    Server,
    ServerOptions,
    check_executable,
    free_port,
    is_free,
    launch,
    prepare,
    stop,
)
from integrations.labelers.label_studio.process import RECORD, clear_scratch, make_scratch

_PREPARED = "prepared"
_CREDENTIALS = "credentials.json"


class LocalStudio:
    """A running Label Studio, from entering the context to leaving it.

    What an earlier one left behind in `folder` when its process was killed, a running server included, is cleared
    at the start.

    Args:
        executable: the program `label-studio` of its own environment.
        folder: where the prepared data and the data of each run are kept.
        port: where to listen; None = any free one.
        email: the account that the server is prepared with, unless one is prepared already.
        data: a data folder to keep from run to run; None = a copy of the prepared one, removed at the end.
        options: what the server may do.
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
        email: str = EMAIL,
        data: Path | None = None,
        options: ServerOptions | None = None,
        start_seconds: float = 240.0,
    ) -> None:
        self._executable = executable.absolute()
        self._folder = folder.absolute()
        self._port = port
        self._data = None if data is None else data.absolute()
        self._options = options or ServerOptions()
        self._start_seconds = start_seconds
        self._server: Server | None = None
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
        if self._server is None:
            raise LabelerError("the local Label Studio is not running.")
        return self._server.process.pid

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            LabelerError: the program is missing, the port is taken, or the server does not come up; then its last
                lines are part of the message.
        """
        check_executable(self._executable)
        if self._port is not None and not is_free(self._port):
            raise LabelerError(
                f"port {self._port} of {HOST} is taken. Choose another, or none for any free one."
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        clear_scratch(self._folder)
        prepared = self._prepare()
        try:
            self._run = make_scratch(self._folder, "run")
            data = self._run / "data" if self._data is None else self._data
            if not data.exists():
                shutil.copytree(prepared, data)
            account = _read_account(data)
            self.email, self.password, self.token = account.email, account.password, account.token
            self._server = launch(
                self._executable,
                data,
                account,
                self._port or free_port(),
                options=self._options,
                record=self._run / RECORD,
                log=self._run / "server.log",
                start_seconds=self._start_seconds,
            )
            self.url = self._server.url
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server, by force if need be, and remove what was only for this run."""
        try:
            if self._server is not None:
                stop(self._server.process)
                self._server = None
        finally:
            if self._run is not None:
                shutil.rmtree(self._run, ignore_errors=True)
                self._run = None

    def _prepare(self) -> Path:
        """The prepared data folder; made by one start and stop when it is not there."""
        prepared = self._folder / _PREPARED
        if (prepared / _CREDENTIALS).exists():
            return prepared
        half = make_scratch(self._folder, "half")
        try:
            account = Account.random(self.email)
            prepare(self._executable, half, account, start_seconds=self._start_seconds)
            with new_file(half / _CREDENTIALS, private=True) as file:
                file.write(json.dumps(asdict(account)).encode())
            try:
                half.rename(prepared)
            except OSError:  # another process was quicker: its folder is as good
                if not (prepared / _CREDENTIALS).exists():
                    raise
        finally:
            shutil.rmtree(half, ignore_errors=True)
        return prepared


def _read_account(data: Path) -> Account:
    return Account(**json.loads((data / _CREDENTIALS).read_text(encoding="utf-8")))
