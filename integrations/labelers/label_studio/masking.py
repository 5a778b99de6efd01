"""Secrets kept out of messages: those that are known, and whatever looks like one."""

import base64
import re
from urllib.parse import quote

MASK = "***"
_SHORTEST = 6  # characters; what is shorter would hide words that are no secret
_PREFIX = 10  # characters of a long secret that give it away, where a message was cut
# What follows the name of a scheme in a quoted request: `Authorization: Token 0a1b...`, "Bearer ey...", Bearer%20ey...
_CREDENTIALS = re.compile(
    r"(?i)\b(bearer|token|basic)((?:\s|%20|%3A|[\"'`:=\\+])+)((?=[^\s\"'`]*\d)[\w.~+/=%-]{8,}|[\w.~+/=%-]{20,})"
)
_WEB_TOKEN = re.compile(r"\beyJ[\w-]{5,}(?:\.[\w-]*){0,2}")  # a JSON web token, or the first part of one
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@]+(?=@)")  # name and password


class Secrets:
    """The secrets in use. Tokens are exchanged for others on the way, so more become known as requests are sent.

    Args:
        known: secrets that no message may show.
    """

    def __init__(self, *known: str) -> None:
        self._forms: set[str] = set()
        for secret in known:
            self.add(secret)

    def __repr__(self) -> str:
        return f"Secrets({len(self._forms)} forms)"

    def add(self, secret: str) -> None:
        """Know one more; also as it stands in an address, or in basic authorization."""
        if len(secret) >= _SHORTEST:
            packed = base64.b64encode(secret.encode("utf-8", "replace")).decode()
            self._forms |= {secret, quote(secret, safe=""), packed.rstrip("=")}

    def add_login(self, user: str, password: str) -> None:
        """Know a password, and the header that it makes with a user's name."""
        self.add(password)
        self.add(f"{user}:{password}")

    def add_header(self, authorization: str) -> None:
        """Know what an Authorization header carries."""
        self.add(authorization.partition(" ")[2].strip())

    def mask(self, text: str) -> str:
        """The text without any of them. Mask first, cut afterwards: half a secret is not recognised by its name."""
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, MASK)
            if len(form) >= 2 * _PREFIX:
                text = re.sub(rf"{re.escape(form[:_PREFIX])}[\w.~%=-]*", MASK, text)
        text = _WEB_TOKEN.sub(MASK, text)
        text = _CREDENTIALS.sub(rf"\1\2{MASK}", text)
        return _IN_ADDRESS.sub(MASK, text)
