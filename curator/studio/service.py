"""Starts and stops the local Label Studio, and says how it is."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from curator.errors import ConfigError, CuratorError
from curator.studio.account import forget_elsewhere, read_account, settle_account
from curator.studio.credentials import studio_secrets
from curator.studio.home import CredentialsKind, State, StudioHome
from curator.studio.install import install, tested_version
from integrations.labelers.label_studio.launch import (
    Account,
    PortTakenError,
    Server,
    ServerOptions,
    check_executable,
    is_free,
    launch,
    prepare,
    stop,
    wait_until_up,
    who_answers,
)
from integrations.labelers.label_studio.process import clear_scratch, make_scratch

PORT = 8080
_PORTS_TRIED = 100
_STARTS_TRIED = 3
_START_SECONDS = 600.0  # the first start on a slow disk compiles and migrates
_ANSWER_SECONDS = 120.0  # of a server that runs already; an `up` that was killed may have started it just now
_VERSION_SECONDS = 15.0


@dataclass(frozen=True)
class StudioStatus:
    """How the local server is.

    Attributes:
        home: its folder.
        running: its process is there.
        answers: it answers, and it is ours.
        url: its address, or the last one; None when there never was one.
        pid: its process.
        version: of Label Studio, as the server says.
        data: its data folder.
        log: its output.
        email: the account to log in with.
        credentials: "keyring" or "file".
        images: folder whose files it serves.
        problem: why it does not answer, or cannot be asked.
    """

    home: str
    running: bool = False
    answers: bool = False
    url: str | None = None
    pid: int | None = None
    version: str | None = None
    data: str | None = None
    log: str | None = None
    email: str | None = None
    credentials: CredentialsKind | None = None
    images: str | None = None
    problem: str | None = None

    def as_json(self) -> dict[str, Any]:
        """For scripts; holds no secrets."""
        return asdict(self)


@dataclass(frozen=True)
class Up:
    """What `up` did.

    Attributes:
        status: how the server is now.
        account: its owner.
        started: False when it ran already.
        notes: what the user should know.
    """

    status: StudioStatus
    account: Account = field(repr=False)
    started: bool
    notes: list[str]


def up(
    home: StudioHome,
    *,
    say: Callable[[str], None],
    port: int | None = None,
    images: Path | None = None,
    executable: Path | None = None,
    credentials: CredentialsKind | None = None,
) -> Up:
    """Install what is missing, start the server and wait until it answers. Harmless when it runs.

    The server listens on 127.0.0.1 only, reports to nobody, takes new accounts by invitation only, and may call
    webhooks and ML backends on this machine.

    Args:
        home: its folder.
        say: for what takes long.
        port: where to listen; None = where it listened last, at first 8080; if that is taken, the next free one.
        images: folder whose files local storages may serve; None = as before.
        executable: a `label-studio` to use instead of one in the home folder; None = as before.
        credentials: where to keep password and token; None = as before, at first the keyring.

    Raises:
        ConfigError: an argument cannot be, or contradicts the server that runs; no keyring can be used.
        CuratorError: it cannot be installed, or its credentials are lost.
        LabelerError: it does not come up.
    """
    wanted = _Wanted(
        port=port,
        images=None if images is None else _checked_images(images),
        executable=None if executable is None else executable.absolute(),
        credentials=credentials,
    )
    with home.held("up"):
        clear_scratch(home.folder)
        state, process = home.state(), home.process()
        if state is not None and process is not None:
            wanted.check_against(state)
            account = read_account(home, state)
            wait_until_up(Server(state.url, process), account, home.log, _ANSWER_SECONDS)
            return Up(status(home), account, started=False, notes=[])
        kind = credentials or (state.credentials if state else "keyring")
        studio_secrets(home, kind)  # before the long work: can they be kept there?
        program, notes = _program(home, wanted.executable, state, say)
        account = settle_account(home, state, kind)
        known = State(
            email=account.email,
            credentials=kind,
            port=state.port if state else PORT,
            images=wanted.images or (state.images if state else None),
            executable=None if program.is_relative_to(home.venv) else program,
        )
        home.write(known)
        forget_elsewhere(home, state, kind)
        if not home.data.exists():
            say("Preparing the database (once, half a minute)")
            _prepare_data(home, program, account)
        server = _launch(home, known, program, account, port)
        if state is not None and port is None and server.url != state.url:
            notes.append(
                f"Port {state.port} is taken, so the server moved: change `url` in your curator.toml files."
            )
        now = status(home)
        if now.version != tested_version():
            notes.append(f"Label Studio {now.version}: curator was tested with {tested_version()}.")
        return Up(now, account, started=True, notes=notes)


def down(home: StudioHome) -> bool:
    """Stop the server; its data stays.

    Returns:
        Whether it ran.

    Raises:
        LockedError: another `curator studio` is at work on the folder.
        LabelerError: it cannot be ended.
    """
    if not home.is_ours:
        return False
    with home.held("down"):
        process = home.process()
        if process is not None:
            stop(process)
        home.record.unlink(missing_ok=True)
        return process is not None


def status(home: StudioHome) -> StudioStatus:
    """How the server is.

    Raises:
        CuratorError: the home folder is damaged.
    """
    state, process = home.state(), home.process()
    if state is None:
        return StudioStatus(home=str(home.folder))
    known = StudioStatus(
        home=str(home.folder),
        running=process is not None,
        url=state.url,
        pid=process.pid if process else None,
        data=str(home.data),
        log=str(home.log),
        email=state.email,
        credentials=state.credentials,
        images=str(state.images) if state.images else None,
    )
    if process is None:
        return known
    try:
        account = read_account(home, state)
    except CuratorError as exc:
        return replace(known, problem=str(exc))
    if who_answers(state.url, account.token) != account.email:
        return replace(known, problem=f"It does not answer; see {home.log}")
    return replace(known, answers=True, version=_version(state.url))


def read_password(home: StudioHome) -> str:
    """The password of the server's account.

    Raises:
        ConfigError: there never was a server, or the secrets cannot be read.
        CuratorError: the secrets are gone.
    """
    state = home.state()
    if state is None:
        raise ConfigError(f"There is no Label Studio in {home.folder}: `curator studio up`")
    return read_account(home, state).password


@dataclass(frozen=True)
class _Wanted:
    """What the caller asked for; None = no opinion."""

    port: int | None
    images: Path | None
    executable: Path | None
    credentials: CredentialsKind | None

    def check_against(self, state: State) -> None:
        """A server that runs cannot be changed.

        Raises:
            ConfigError: it runs otherwise than asked for.
        """
        for name, value in vars(self).items():
            if value is not None and value != getattr(state, name):
                raise ConfigError(
                    f"Label Studio runs at {state.url} with another {name} ({getattr(state, name) or 'none'}). "
                    "Stop it first: `curator studio down`."
                )


def _program(
    home: StudioHome, wanted: Path | None, state: State | None, say: Callable[[str], None]
) -> tuple[Path, list[str]]:
    """The program to start, and what to say about it."""
    if wanted is not None:
        check_executable(wanted)
        return wanted, []
    if state is None or state.executable is None:
        return install(home, say), []
    if state.executable.exists():
        return state.executable, []
    return install(home, say), [f"{state.executable} is gone: started the one in {home.venv} instead."]


def _prepare_data(home: StudioHome, program: Path, account: Account) -> None:
    half = make_scratch(home.folder, "half")
    try:
        prepare(program, half, account, start_seconds=_START_SECONDS)
        half.rename(home.data)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _launch(home: StudioHome, known: State, program: Path, account: Account, port: int | None) -> Server:
    """Start the server at a port that is free, and put that on record."""
    for attempt in range(_STARTS_TRIED):
        here = known.model_copy(update={"port": _choose_port(port, known.port)})
        home.write(here)
        try:
            return launch(
                program,
                home.data,
                account,
                here.port,
                options=ServerOptions(images=here.images, local_calls=True, open_sign_up=False),
                record=home.record,
                log=home.log,
                start_seconds=_START_SECONDS,
            )
        except PortTakenError:  # since it was found free; then the next one will do
            if port is not None or attempt == _STARTS_TRIED - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


def _choose_port(wanted: int | None, last: int) -> int:
    if wanted is not None:
        if not is_free(wanted):
            raise ConfigError(f"Port {wanted} is taken: name another one, or none for the next free one.")
        return wanted
    candidates = [last, *range(PORT, PORT + _PORTS_TRIED)]
    free: int | None = next((port for port in candidates if is_free(port)), None)
    if free is None:
        raise CuratorError(f"Ports {PORT} to {PORT + _PORTS_TRIED - 1} are all taken: name one with --port.")
    return free


def _checked_images(images: Path) -> Path:
    folder = images.resolve()
    if not folder.is_dir():
        raise ConfigError(f"--images {images} is not a folder.")
    if folder == folder.parent:
        raise ConfigError(
            f"--images {images} would show every file of this machine: name the images' folder."
        )
    return folder


def _version(url: str) -> str | None:
    try:
        reply = httpx.get(f"{url}/api/version", timeout=_VERSION_SECONDS, trust_env=False)
        return str(reply.json()["release"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None
