"""The way to a Label Studio server: through which proxy, trusting which certificates, and how much of a reply is read.

Every request to a server goes through `open_http`, so that these rules hold for all of them:

- Nothing for a server on this machine goes through a proxy: the proxy would get the token, and reach another machine.
- A reply ends: it may have at most `LARGEST_REPLY` bytes, unpacked, and take at most twice the time of one call.
- No redirect is followed: it turns a POST into a GET, and would carry the token elsewhere.
- No connection is kept: one that the server closed meanwhile looks exactly like a POST whose reply was lost.
"""

import ssl
import time
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx

from integrations.errors import LabelerError
from integrations.labelers.label_studio.address import is_this_machine
from integrations.labelers.label_studio.masking import Secrets

LARGEST_REPLY = 256 * 1024 * 1024  # bytes, unpacked; a page of 1,000 tasks of 100 KB has 100 MB
NO_PROXY = "none"  # as a setting: no proxy, whatever the environment says
_WHOLE_REPLY = 2.0  # times the time of one call
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Route:
    """How a server is reached, as [labeler] in curator.toml says.

    Attributes:
        proxy: address of a proxy; `NO_PROXY` = none; None = the one that the environment names, if any.
        ca_file: certificates to trust, in PEM; None = those of the system's usual authorities.
    """

    proxy: str | None = None
    ca_file: Path | None = None

    def proxy_for(self, url: str) -> str | None:
        """The proxy that requests to a server go through; None = they go directly."""
        if is_this_machine(url) or self.proxy == NO_PROXY:
            return None
        if self.proxy is not None:
            return self.proxy
        parts = urlsplit(url)
        if urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
            return None
        named = urllib.request.getproxies()
        proxy = named.get(parts.scheme) or named.get("all")
        return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


AS_THE_ENVIRONMENT_SAYS = Route()


def open_http(
    url: str, *, timeout: float, route: Route = AS_THE_ENVIRONMENT_SAYS, secrets: Secrets | None = None
) -> httpx.Client:
    """A client for one server; no request is sent yet.

    Args:
        url: address of the server.
        timeout: seconds that may pass without a sign of life; a whole reply has twice as long.
        route: how the server is reached.
        secrets: learns the credentials of each request, so that no message shows them.

    Raises:
        LabelerError: the proxy or the certificates cannot be used; says which and why.
    """
    limits = httpx.Limits(max_keepalive_connections=0)
    proxy = route.proxy_for(url)
    shown = (secrets or Secrets()).mask(proxy or "")
    try:
        transport = _transport(route.ca_file, proxy=proxy, limits=limits)
    except ImportError as exc:
        raise LabelerError(
            f"the proxy {shown} uses SOCKS, which needs a package that is not installed: pip install 'httpx[socks]'. "
            'Or name another in [labeler] proxy of curator.toml ("none" for no proxy).'
        ) from exc
    except (ValueError, httpx.InvalidURL, UnicodeError) as exc:
        raise LabelerError(
            f"the proxy {shown!r} cannot be used ({exc}). Write http://HOST:PORT, https:// or socks5://; it comes from "
            '[labeler] proxy in curator.toml, or else from HTTPS_PROXY, HTTP_PROXY or ALL_PROXY ("none" there: no proxy).'
        ) from exc
    return httpx.Client(
        transport=BoundedTransport(transport, seconds=_WHOLE_REPLY * timeout, secrets=secrets),
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,  # a proxy is chosen above; and no password out of ~/.netrc in place of the token
    )


def warn_proxy(url: str, route: Route) -> str | None:
    """A sentence to say when a proxy can read the token; None when it cannot, or there is none."""
    proxy = route.proxy_for(url)
    if proxy is None or urlsplit(url).scheme != "http":
        return None
    return (
        f"Warning: {Secrets().mask(url)} is plain http and goes through the proxy {Secrets().mask(proxy)}, which can read "
        'the token and all questions and answers. Use https://, or set proxy = "none" under [labeler] in curator.toml.'
    )


def _transport(ca_file: Path | None, **more: Any) -> httpx.HTTPTransport:
    """Certificates are verified: by the usual authorities, or by those in a file."""
    if ca_file is None:
        return httpx.HTTPTransport(**more)
    try:
        trusted = ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ValueError) as exc:  # an SSLError is an OSError
        why = (
            "there is no such file"
            if isinstance(exc, FileNotFoundError)
            else "it holds no certificates in PEM format"
        )
        raise LabelerError(
            f"[labeler] ca_file in curator.toml, {ca_file}, cannot be used: {why}. Name the file with the certificate of the "
            "authority that signed the server's."
        ) from exc
    return httpx.HTTPTransport(verify=trusted, **more)


class ReplyError(httpx.ProtocolError):
    """A reply that is larger than any that Label Studio gives, or that cannot be unpacked."""


class BoundedTransport(httpx.BaseTransport):
    """Sends requests through another transport, and reads only so much of each reply.

    Args:
        inner: does the work.
        seconds: that the body of a reply may take in all.
        secrets: learns the credentials of each request.
        largest: bytes that a reply may have, unpacked.
    """

    def __init__(
        self,
        inner: httpx.BaseTransport,
        *,
        seconds: float,
        secrets: Secrets | None = None,
        largest: int = LARGEST_REPLY,
    ) -> None:
        self._inner = inner
        self._seconds = seconds
        self._secrets = secrets
        self._largest = largest

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. See `httpx.BaseTransport`."""
        if self._secrets is not None:
            self._secrets.add_header(request.headers.get("authorization", ""))
        request.headers["Accept-Encoding"] = "identity"
        reply = self._inner.handle_request(request)
        packed = _is_packed(reply.headers)
        stream = _Bounded(reply, packed=packed, largest=self._largest, seconds=self._seconds)
        about_packing = (b"content-encoding", b"content-length") if packed else ()
        headers = [pair for pair in reply.headers.raw if pair[0].lower() not in about_packing]
        return httpx.Response(reply.status_code, headers=headers, stream=stream, extensions=reply.extensions)

    def close(self) -> None:
        """Let go of all connections."""
        self._inner.close()


class _Bounded(httpx.SyncByteStream):
    """The body of a reply, unpacked, up to a size and a time."""

    def __init__(self, reply: httpx.Response, *, packed: bool, largest: int, seconds: float) -> None:
        self._body = cast("httpx.SyncByteStream", reply.stream)
        self._packed = packed
        self._largest = largest
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for part in self._unpacked() if self._packed else self._body:
            size += len(part)
            if size > self._largest:
                raise ReplyError(f"the reply has more than {self._largest // 1024**2} MiB")
            if time.monotonic() > self._end:
                raise httpx.ReadTimeout(f"the reply had not ended after {self._seconds:g} s")
            yield part

    def _unpacked(self) -> Iterator[bytes]:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or deflate, as its first bytes say
        try:
            for part in self._body:
                left = part
                while left:  # a few packed bytes may hold gigabytes: a chunk of them at a time
                    yield unpacker.decompress(left, _CHUNK)
                    left = unpacker.unconsumed_tail
        except zlib.error as exc:
            raise ReplyError(f"the reply cannot be unpacked ({exc})") from exc

    def close(self) -> None:
        self._body.close()


def _is_packed(headers: httpx.Headers) -> bool:
    named = headers.get("content-encoding", "").strip().lower()
    if named not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise ReplyError(f"the reply is packed as {named[:40]!r}, which was not asked for")
    return named not in ("", "identity")
