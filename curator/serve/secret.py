"""The secret that Label Studio must show: from the environment, or made once and kept where only this user reads it."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from curator.errors import ConfigError
from curator.studio.credentials import FileSecrets

VARIABLE = "CURATOR_SERVE_SECRET"
FILE = "serve-secret"
USER = "curator"  # the name that goes with it in HTTP basic auth
WAKE_PATH = "/wake"  # where webhooks knock ...
WAKE_HEADER = "X-Curator-Secret"  # ... and show theirs
SHORTEST = 16  # characters


def serve_secret(state: Path) -> str:
    """The secret of the project whose state is kept in `state`; made and kept there when there is none.

    Raises:
        ConfigError: the one in the environment cannot be used, or the file can be read by others.
    """
    given = secret_from_environment()
    if given is not None:
        return given
    files = FileSecrets(state)
    kept = files.read(FILE)
    if kept is None:
        kept = secrets.token_urlsafe(32)
        files.store(FILE, kept)
    return kept


def secret_from_environment() -> str | None:
    """The secret that the environment gives, or None.

    Raises:
        ConfigError: it is too short, or holds what cannot be sent.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if not given:
        return None
    if len(given) < SHORTEST or not (given.isascii() and given.isprintable()):
        raise ConfigError(
            f"The secret in {VARIABLE} must have at least {SHORTEST} characters, all of them plain ASCII. "
            "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return given


def wake_secret(secret: str) -> str:
    """What a webhook shows. Every user of a Label Studio can read its webhooks, so it must not be the secret itself."""
    return hmac.new(secret.encode(), b"curator wake", hashlib.sha256).hexdigest()
