"""What every request passes before the application sees it: the secret, the size, and no traceback on the way out."""

import base64
import binascii
import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import HTTPException

from curator.serve.secret import USER, WAKE_HEADER, WAKE_PATH, wake_secret

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_BODY = 32 * 1024 * 1024  # bytes; Label Studio asks about all selected tasks in one request
_TOO_LARGE = "too large"


class Gate:
    """Lets in who shows the secret.

    Label Studio shows it by HTTP basic auth, but for its webhooks: those show another one, derived from it, in a
    header of their own, and only on the wake path. Whoever is refused learns nothing, not even which paths exist.

    Args:
        app: what is behind the gate.
        secret: to be shown.
        say: told, in a sentence, when the application fails.
        largest: bytes that a body may have.
    """

    def __init__(
        self, app: Application, secret: str, say: Callable[[str], None], *, largest: int = LARGEST_BODY
    ) -> None:
        self._app = app
        self._basic = f"{USER}:{secret}".encode()
        self._wake = wake_secret(secret).encode()
        self._say = say
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, as ASGI wants it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        if not self._may_enter(scope["path"], headers):
            await _refuse(send, 401, "unauthorized", [(b"www-authenticate", b'Basic realm="curator"')])
            return
        if _announced_size(headers) > self._largest:
            await _refuse(send, 413, _TOO_LARGE)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, self._bounded(receive), watched)
        except Exception as exc:  # noqa: BLE001 - the last stop: a caller gets no traceback, whatever it is
            self._say(
                f"A request to {scope['path']!r} failed: {type(exc).__name__}. The server keeps running."
            )
            if not started:
                await _refuse(send, 500, "failed")

    def _may_enter(self, path: str, headers: dict[bytes, bytes]) -> bool:
        if path == WAKE_PATH:
            return secrets.compare_digest(headers.get(WAKE_HEADER.lower().encode(), b""), self._wake)
        return secrets.compare_digest(_basic(headers.get(b"authorization", b"")), self._basic)

    def _bounded(self, receive: Receive) -> Receive:
        """The same body, but an error once it has become too large: its size need not be announced."""
        size = 0

        async def bounded() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._largest:
                raise HTTPException(413, _TOO_LARGE)  # the one error that FastAPI lets through to its answer
            return message

        return bounded


def _basic(header: bytes) -> bytes:
    """name:password of a basic authorization; empty when it is none."""
    scheme, _, coded = header.partition(b" ")
    if scheme.lower() != b"basic":
        return b""
    try:
        return base64.b64decode(coded.strip(), validate=True)
    except binascii.Error:
        return b""


def _announced_size(headers: dict[bytes, bytes]) -> int:
    announced = headers.get(b"content-length", b"0")
    return int(announced) if announced.isdigit() else 0


async def _refuse(
    send: Send, status: int, detail: str, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = json.dumps({"detail": detail}).encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                *(headers or []),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
