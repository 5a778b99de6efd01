"""Connections of the server: each has a deadline, and there are only so many.

A caller that opens connections and sends nothing, or sends a byte now and then, holds no place for long: the head of a
request and its body each have a time to be there. When there are too many connections, those on which nobody asks
anything make room, the oldest first.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 100  # connections at a time; Label Studio holds a few
ACCEPTED_AT_ONCE = 64
HEAD_SECONDS = 10.0  # from the connection, or the first byte of another request on it, to the end of the head
BODY_SECONDS = 60.0  # from there to the end of the body
_REPORT_SECONDS = 60.0  # between two sentences about trouble with connections


class BoundedConnection(H11Protocol):
    """A connection with a deadline for whatever the other side owes next."""

    most = MOST
    head_seconds = HEAD_SECONDS
    body_seconds = BODY_SECONDS

    _owed: str | None = None  # head | body; None = nothing: we answer, or wait for another request
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; another connection that idles may have to go."""
        super().connection_made(transport)
        self.began = self.loop.time()
        self._expect("head")
        if len(self.connections) > self.most:
            idle = [
                other for other in self.connections if isinstance(other, BoundedConnection) and other.idles
            ]
            min(idle, key=lambda other: other.began).transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take in what came, and see what is owed next."""
        super().data_received(data)
        state = self.conn.their_state
        if state is h11.IDLE:
            self._expect("head")
        else:
            self._expect("body" if state is h11.SEND_BODY else None)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._expect(None)
        super().connection_lost(exc)

    @property
    def idles(self) -> bool:
        """Whether no request is being read or answered."""
        return self._owed == "head" or self.cycle is None or self.cycle.response_complete

    def _expect(self, owed: str | None) -> None:
        if owed == self._owed:
            return  # more of the same part does not buy more time
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._owed = owed
        if owed is not None:
            seconds = self.head_seconds if owed == "head" else self.body_seconds
            self._deadline = self.loop.call_later(seconds, self.transport.abort)


def report_quietly(loop: asyncio.AbstractEventLoop, say: Callable[[str], None]) -> None:
    """Let the loop say at most one sentence a minute about what fails in it, instead of a traceback each time."""
    next_report = loop.time()

    def report(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal next_report
        if loop.time() >= next_report:
            next_report = loop.time() + _REPORT_SECONDS
            say(
                f"A connection failed: {context.get('exception') or context.get('message')}. The server keeps running."
            )

    loop.set_exception_handler(report)
