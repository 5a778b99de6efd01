"""Where tokens and passwords come from, and where they are kept.

The token for a server is looked for in this order: `LABEL_STUDIO_API_KEY`; the file that `LABEL_STUDIO_API_KEY_FILE`
names; the keyring of the operating system (service "curator", user = the server's address); the local server of
`curator studio`. No message holds a secret, also not those of a keyring: what it says while storing may repeat it.
"""

import os
import stat
from pathlib import Path
from typing import Any, Protocol

from curator.errors import ConfigError
from curator.studio.home import CredentialsKind, StudioHome, default_home
from integrations.disk import open_to_others, write_whole
from integrations.errors import LabelerError

TOKEN_VARIABLE = "LABEL_STUDIO_API_KEY"  # noqa: S105 - the name of a variable, not a secret
FILE_VARIABLE = "LABEL_STUDIO_API_KEY_FILE"
WAYS = (
    f"export {TOKEN_VARIABLE}=..., name a file that only you can read in {FILE_VARIABLE}, or put it into the keyring "
    "(`keyring set curator URL`). Label Studio shows it under Account & Settings, Access Token."
)
PASSWORD, TOKEN = "password", "token"  # names under which those of the local server are kept
_SERVICE = "curator"
_MOST_BYTES = 65_536  # of a secret; a file named by mistake may be large
_RECOMMENDED = 1  # keyring's own limit: backends below keep secrets in the clear, or nowhere


def find_token(url: str) -> str | None:
    """The token for a Label Studio; None when there is none anywhere.

    Args:
        url: address of the server, as in curator.toml.

    Raises:
        ConfigError: the file cannot be read or others can read it, or the keyring does not open.
        LabelerError: the address is that of the local server, and it does not run.
        CuratorError: the local server's folder is damaged, and nothing else had a token.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if token:
        return token
    file = os.environ.get(FILE_VARIABLE, "").strip()
    if file:
        # Path's own expanduser raises for an unknown user
        return read_secret_file(Path(os.path.expanduser(file)), f"{FILE_VARIABLE} names {file}, which")  # noqa: PTH111
    locked = None
    try:
        kept = _from_keyring(url)
    except ConfigError as exc:
        kept, locked = None, exc
    found = kept or _from_studio(url)
    if found is None and locked is not None:
        raise locked
    return found


def require_token(url: str) -> str:
    """The token for a Label Studio.

    Raises:
        ConfigError: there is none; the message says how to give one. Else as `find_token`.
    """
    token = find_token(url)
    if token is None:
        raise ConfigError(f"No token for {url}: {WAYS}")
    return token


def read_secret_file(path: Path, what: str) -> str:
    """A secret from a file that only its owner can read.

    Args:
        path: the file.
        what: begins the message when something is wrong.

    Raises:
        ConfigError: it cannot be read, is empty, or group or others can read it.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if open_to_others(mode):
                raise ConfigError(f"{what} is open to others (mode {mode:04o}): chmod 600 {path}")
            secret = file.read(_MOST_BYTES).decode("utf-8").strip()
    except OSError as exc:
        raise ConfigError(f"{what} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError:
        raise ConfigError(f"{what} is not text.") from None
    if not secret:
        raise ConfigError(f"{what} is empty.")
    return secret


class Secrets(Protocol):
    """Keeps named secrets.

    Attributes:
        where: the place, for messages.
    """

    where: str

    def read(self, name: str) -> str | None:
        """A secret; None when it is not kept."""
        ...

    def store(self, name: str, secret: str) -> None:
        """Keep a secret, in place of an older one."""
        ...

    def forget(self, name: str) -> None:
        """Remove a secret; fine when it is not kept."""
        ...


class FileSecrets:
    """Secrets in the clear, each in a file of its own that only its owner can read (0600)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.where = f"files in {folder}"

    def path(self, name: str) -> Path:
        """The file of a secret; good for `LABEL_STUDIO_API_KEY_FILE`."""
        return self._folder / name

    def read(self, name: str) -> str | None:
        """A secret; None when there is no file.

        Raises:
            ConfigError: others can read the file.
        """
        path = self.path(name)
        return read_secret_file(path, str(path)) if path.exists() else None

    def store(self, name: str, secret: str) -> None:
        """Write the file; it never exists with more rights or with half of the content."""
        write_whole(self.path(name), f"{secret}\n".encode(), private=True)

    def forget(self, name: str) -> None:
        """Remove the file."""
        self.path(name).unlink(missing_ok=True)


class KeyringSecrets:
    """Secrets in the keyring of the operating system.

    Args:
        owner: whose they are; begins the user names in the keyring.

    Raises:
        ConfigError: there is no keyring that can be used.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._backend = _keyring_backend()
        self.where = f"the keyring ({_kind(self._backend)})"

    def read(self, name: str) -> str | None:
        """A secret; None when it is not kept.

        Raises:
            ConfigError: the keyring does not open.
        """
        return _ask_keyring(self._backend, self._user(name))

    def store(self, name: str, secret: str) -> None:
        """Keep a secret, and see that it is really there.

        Raises:
            ConfigError: the keyring does not take it.
        """
        try:
            self._backend.set_password(_SERVICE, self._user(name), secret)
            kept = self._backend.get_password(_SERVICE, self._user(name)) == secret
        except Exception as exc:  # noqa: BLE001 - backends are plug-ins and raise whatever they like
            raise ConfigError(f"{self.where} did not take a secret ({_kind(exc)}): unlock it.") from None
        if not kept:
            raise ConfigError(f"{self.where} took a secret and did not keep it: choose another backend.")

    def forget(self, name: str) -> None:
        """Remove a secret.

        Raises:
            ConfigError: the keyring does not let go.
        """
        if self.read(name) is None:
            return
        try:
            self._backend.delete_password(_SERVICE, self._user(name))
        except Exception as exc:  # noqa: BLE001 - as above
            raise ConfigError(f"{self.where} did not remove a secret ({_kind(exc)}): unlock it.") from None

    def _user(self, name: str) -> str:
        return f"{self._owner}:{name}"


def studio_secrets(home: StudioHome, kind: CredentialsKind) -> Secrets:
    """Where `TOKEN` and `PASSWORD` of the local server are kept.

    Raises:
        ConfigError: no keyring can be used, and it was asked for.
    """
    if kind == "file":
        return FileSecrets(home.folder)
    try:
        return KeyringSecrets(f"studio:{home.folder}")
    except ConfigError as exc:
        raise ConfigError(
            f"{exc} To keep password and token in plain text, in files that only you can read: --credentials file"
        ) from exc


def _from_keyring(url: str) -> str | None:
    try:
        backend = _keyring_backend()
    except ConfigError:  # one way of several
        return None
    for user in dict.fromkeys((url, url.rstrip("/"))):
        token = _ask_keyring(backend, user)
        if token:
            return token.strip()
    return None


def _from_studio(url: str) -> str | None:
    """The local server's token, only while that very server listens at the address: nobody else may get it."""
    home = StudioHome(default_home())
    state = home.state()
    if state is None or not state.is_at(url):
        return None
    if home.process() is None:
        raise LabelerError(
            f"{url} is the local server of `curator studio`, which does not run: `curator studio up`.",
            away=True,
        )
    return studio_secrets(home, state.credentials).read(TOKEN)


def _keyring_backend() -> Any:
    """The keyring of the operating system.

    Raises:
        ConfigError: the package is missing, or there is no backend that keeps secrets safe.
    """
    try:
        import keyring
        from keyring.backends.chainer import ChainerBackend
    except ImportError as exc:
        raise ConfigError("The package keyring is not installed (extra `keyring`).") from exc
    try:
        backend: Any = keyring.get_keyring()
        first = backend.backends[0] if isinstance(backend, ChainerBackend) else backend
        safe = first.priority >= _RECOMMENDED
    except Exception as exc:  # noqa: BLE001 - backends are plug-ins and raise whatever they like
        raise ConfigError(f"The keyring cannot be used ({_kind(exc)}).") from None
    if not safe:
        raise ConfigError(
            f"There is no keyring on this machine that keeps secrets safe (found: {_kind(first)})."
        )
    return backend


def _ask_keyring(backend: Any, user: str) -> str | None:
    try:
        found = backend.get_password(_SERVICE, user)
    except Exception as exc:  # noqa: BLE001 - backends are plug-ins and raise whatever they like
        raise ConfigError(f"The keyring did not open ({_kind(exc)}): unlock it, then run again.") from None
    return None if found is None else str(found)


def _kind(thing: object) -> str:
    return f"{type(thing).__module__}.{type(thing).__name__}"
