"""The folder of the local Label Studio: what lies where, what is known about the server, who runs it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from curator.errors import ConfigError, CuratorError
from curator.files import project_lock, write_json
from integrations.labelers.label_studio.launch import HOST
from integrations.labelers.label_studio.process import ProcessId

HOME_VARIABLE = "CURATOR_STUDIO_HOME"
CredentialsKind = Literal["keyring", "file"]
_DEFAULT_PORTS = {"http": 80, "https": 443}


def default_home() -> Path:
    """Where the server lives unless told otherwise: `CURATOR_STUDIO_HOME`, or the user's data folder."""
    named = os.environ.get(HOME_VARIABLE, "").strip()
    if named:
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME", "").strip()
    return (Path(data) if data else Path.home() / ".local" / "share") / "curator" / "studio"


class State(BaseModel):
    """What is known about the server, running or not; no secrets.

    Attributes:
        email: name of the account that the data folder was prepared with.
        credentials: where its password and token are kept.
        port: where it listens, or listened last.
        images: folder whose files it serves.
        executable: the program, when it is not the one installed in the home folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    email: str
    credentials: CredentialsKind
    port: int
    images: Path | None = None
    executable: Path | None = None

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http://{HOST}:{self.port}"

    def is_at(self, url: str) -> bool:
        """Whether an address, as written in a curator.toml, is this server's."""
        try:
            parts = urlsplit(url)
            port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
        except ValueError:
            return False
        return parts.scheme == "http" and parts.hostname in (HOST, "localhost") and port == self.port


class StudioHome:
    """The folder.

    Attributes:
        folder: its path.
        venv: Label Studio's own environment.
        data: Label Studio's data folder: its database, its uploads.
        log: output of the server.
        install_log: output of the installation.
        record: names the server's process.
    """

    def __init__(self, folder: Path) -> None:
        # Path's own expanduser raises for an unknown user
        self.folder = Path(os.path.expanduser(folder)).absolute()  # noqa: PTH111
        self.venv = self.folder / "venv"
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.install_log = self.folder / "install.log"
        self.record = self.folder / "server.pid"
        self._state = self.folder / "state.json"
        self._mark = self.folder / ".curator-studio"

    @contextmanager
    def held(self, command: str) -> Iterator[None]:
        """Make the folder if need be, and let nobody else change it meanwhile.

        Raises:
            ConfigError: the folder holds something else.
            LockedError: another `curator studio` is at work on it.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._mark.exists() and any(
            not path.name.startswith(self._mark.name) for path in self.folder.iterdir()
        ):
            raise ConfigError(
                f"{self.folder} holds something else: name a new or empty folder for Label Studio (--home)."
            )
        with project_lock(self._mark, f"studio {command}"):
            yield

    @property
    def is_ours(self) -> bool:
        """Whether a server was ever set up here."""
        return self._mark.exists()

    def state(self) -> State | None:
        """What is known about the server; None when there never was one.

        Raises:
            CuratorError: the file that says so is damaged.
        """
        try:
            return State.model_validate_json(self._state.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as exc:
            raise CuratorError(
                f"{self._state} is damaged ({exc.error_count()} problems; first: {exc.errors()[0]['msg']}). "
                f"Fix it, or remove {self.folder} and start over: its Label Studio projects are then lost."
            ) from exc

    def write(self, state: State) -> None:
        """Keep what is known."""
        write_json(self._state, state.model_dump(mode="json"))

    def process(self) -> ProcessId | None:
        """The server's process; None when it does not run, also when its number belongs to another one by now."""
        process = ProcessId.read(self.record)
        return process if process is not None and process.is_alive else None
