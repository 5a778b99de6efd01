"""A keyring of the tests' own: it keeps secrets in the JSON file that TEST_KEYRING names, also between processes.

Used by PYTHON_KEYRING_BACKEND=support.keyring_backend.JsonKeyring, as anybody's backend is.
"""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

NAME = f"{__name__}.JsonKeyring"


class JsonKeyring(KeyringBackend):
    """`locked`: whatever is asked, it does not open. `forgetful`: it takes secrets and drops them."""

    priority = 5
    locked = False
    forgetful = False

    def _read(self) -> dict[str, str]:
        if self.locked:
            raise KeyringLocked("the collection is locked")
        path = Path(os.environ["TEST_KEYRING"])
        return json.loads(path.read_text("utf-8")) if path.exists() else {}

    def _write(self, kept: dict[str, str]) -> None:
        Path(os.environ["TEST_KEYRING"]).write_text(json.dumps(kept), encoding="utf-8")

    def get_password(self, service: str, username: str) -> str | None:
        return self._read().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise KeyringLocked(f"no room for {password}")  # what a careless backend might say
        if not self.forgetful:
            self._write({**self._read(), f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        kept = self._read()
        if kept.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError("not found")
        self._write(kept)
