"""The way to a server: proxies, certificates, the size of replies and requests, secrets in messages."""

import gzip
import ssl
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integrations.errors import LabelerError
from integrations.labelers.label_studio.client import StudioClient, page_base
from integrations.labelers.label_studio.connection import BoundedTransport, ReplyError, Route, warn_proxy
from integrations.labelers.label_studio.lots import Lots, TooLargeError
from integrations.labelers.label_studio.masking import Secrets

TOKEN = "d00dfeed" * 5
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def answering(said: bytes = b"{}", tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[str]]]:
    """A server that answers everything alike; its address, and the lines of the requests that came."""
    came: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            came.append(self.requestline)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_CONNECT = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}", came
        finally:
            server.shutdown()
            thread.join()


# --- proxies ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080", "http://127.8.9.1"]
)
@pytest.mark.parametrize("route", [Route(), Route(proxy="http://proxy.test:3128")])
def test_no_proxy_for_this_machine(url, route, monkeypatch):
    """It would get the token, and reach another machine's 127.0.0.1."""
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://proxy.test:3128")
    assert route.proxy_for(url) is None
    assert warn_proxy(url, route) is None


def test_the_proxy_is_the_settings_or_else_the_environments(monkeypatch):
    """`none` means none; NO_PROXY counts; a proxy without a scheme speaks http."""
    monkeypatch.setenv("https_proxy", "env.test:3128")
    monkeypatch.setenv("no_proxy", "inside.test,.corp.test")
    assert Route().proxy_for("https://studio.test") == "http://env.test:3128"
    assert Route().proxy_for("http://studio.test") is None
    assert Route().proxy_for("https://inside.test:8080") is None
    assert Route().proxy_for("https://studio.corp.test") is None
    assert Route(proxy="http://own.test:1").proxy_for("https://inside.test") == "http://own.test:1"
    assert Route(proxy="none").proxy_for("https://studio.test") is None


def test_a_proxy_that_can_read_the_token_is_said_without_its_password(monkeypatch):
    """Over https it cannot."""
    monkeypatch.setenv("all_proxy", "http://me:hunter2@proxy.test:3128")
    said = warn_proxy("http://studio.test", Route())
    assert said is not None
    assert "***@proxy.test" in said
    assert "hunter2" not in said
    assert warn_proxy("https://studio.test", Route()) is None


@pytest.mark.parametrize(
    ("proxy", "say"),
    [
        ("socks5://proxy.test:1080", r"uses SOCKS.*pip install 'httpx\[socks\]'"),
        ("ftp://proxy.test", "cannot be used"),
        ("http://proxy.test:port", "cannot be used"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_in_one_line(proxy, say, monkeypatch):
    """Before anything is sent, and whether the setting or the environment names it."""
    monkeypatch.setitem(__import__("sys").modules, "socksio", None)
    monkeypatch.setenv("all_proxy", proxy)
    for route in (Route(), Route(proxy=proxy)):
        with pytest.raises(LabelerError, match=say) as caught:
            StudioClient("http://studio.test", TOKEN, timeout=5.0, route=route)
        assert "\n" not in str(caught.value)


def test_the_token_goes_past_the_proxy_to_a_server_on_this_machine(monkeypatch):
    """By real sockets: the proxy of the environment hears nothing."""
    with answering() as (proxy, heard), answering(b'{"results": []}') as (server, came):
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("all_proxy", proxy)
        with pytest.raises(LabelerError):
            StudioClient(server, TOKEN, timeout=5.0).project(1)
        assert came
        assert heard == []
        with pytest.raises(LabelerError):
            StudioClient("http://studio.test", TOKEN, timeout=5.0).project(1)
        assert heard


def test_a_password_in_netrc_does_not_take_the_place_of_the_token(tmp_path, monkeypatch):
    """Nothing of the environment changes what is sent."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[str] = []
    monkeypatch.setattr(
        httpx, "HTTPTransport",
        lambda **_: httpx.MockTransport(lambda request: seen.append(request.headers["authorization"]) or httpx.Response(404)),
    )  # fmt: skip
    with pytest.raises(LabelerError):
        StudioClient("http://127.0.0.1:1", TOKEN, timeout=5.0).project(1)
    assert seen == [f"Token {TOKEN}"]


# --- certificates -----------------------------------------------------------------------------------------------


def certificate(folder: Path, *, name: str = "127.0.0.1", ended: bool = False) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate that signs itself, and the file to trust it by."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "curator test")])
    now = datetime.now(UTC)
    alternative = x509.DNSName(name) if name[0].isalpha() else x509.IPAddress(ip_address(name))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=-1 if ended else 9))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "ca.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return context, pem


def said_of(url: str, route: Route) -> str:
    with pytest.raises(LabelerError) as caught:
        StudioClient(url, TOKEN, timeout=5.0, route=route).project(1)
    return str(caught.value)


def test_a_certificate_of_ones_own_authority_is_trusted_when_it_is_named(tmp_path):
    """Else the message says which setting names it."""
    context, pem = certificate(tmp_path)
    with answering(b"[]", context) as (server, came):
        assert "ca_file" in said_of(server, Route())
        assert came == []
        assert "does not speak like Label Studio" in said_of(server, Route(ca_file=pem))
        assert came


@pytest.mark.parametrize(
    ("wrong", "say"), [({"name": "other.test"}, "for another name"), ({"ended": True}, "has expired")]
)
def test_a_certificate_that_cannot_hold_is_explained(tmp_path, wrong, say):
    """Waiting does not help, so it is no server that is away."""
    context, pem = certificate(tmp_path, **wrong)
    with answering(b"[]", context) as (server, _came), pytest.raises(LabelerError, match=say) as caught:
        StudioClient(server, TOKEN, timeout=5.0, route=Route(ca_file=pem)).project(1)
    assert not caught.value.away


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\xff\xfe"])
def test_a_ca_file_that_is_none_is_named(tmp_path, content):
    """Missing, empty, or something else."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LabelerError, match=r"ca_file.*ca\.pem"):
        StudioClient("https://studio.test", TOKEN, timeout=5.0, route=Route(ca_file=path))


# --- replies ----------------------------------------------------------------------------------------------------


def fetch(reply: httpx.Response, *, largest: int = 1_000_000, seconds: float = 60.0) -> httpx.Response:
    inner = httpx.MockTransport(lambda _request: reply)
    with httpx.Client(transport=BoundedTransport(inner, seconds=seconds, largest=largest)) as client:
        return client.get("http://studio.test")


class Endless(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b"x" * 10_000


def test_a_reply_without_an_end_is_given_up():
    """By its size."""
    with pytest.raises(ReplyError, match="more than 0 MiB"):
        fetch(httpx.Response(200, stream=Endless()))


def test_a_reply_that_drips_is_given_up():
    """By the time of the whole, not of a part."""
    with pytest.raises(httpx.ReadTimeout):
        fetch(httpx.Response(200, stream=Endless()), seconds=-1.0)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_packed_reply_is_unpacked_up_to_its_size(pack):
    """A few kilobytes may hold gigabytes; what is small is read as ever."""
    name = "gzip" if pack is gzip.compress else "deflate"

    def packed(content: bytes) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": name}, stream=httpx.ByteStream(pack(content)))

    assert fetch(packed(b'{"id": 1}')).json() == {"id": 1}
    with pytest.raises(ReplyError, match="more than"):
        fetch(packed(b"0" * 50_000_000))


@pytest.mark.parametrize("headers", [{"Content-Encoding": "br"}, {"Content-Encoding": "gzip"}])
def test_a_reply_that_cannot_be_unpacked_is_said(headers):
    """Packed as nobody asked, or not packed at all."""
    with pytest.raises(ReplyError, match="packed"):
        fetch(httpx.Response(200, headers=headers, stream=httpx.ByteStream(b"plain")))


# --- requests ---------------------------------------------------------------------------------------------------


def test_lots_are_halved_until_they_get_through():
    """In order, each thing once; what was learnt is kept for the next lots."""
    sent: list[slice] = []

    def take(lot: slice) -> None:
        if lot.stop - lot.start > 3:
            raise TooLargeError("too large")
        sent.append(lot)

    lots = Lots(1_000, 100)
    lots.send([10] * 20, take)
    assert [n for lot in sent for n in range(lot.start, lot.stop)] == list(range(20))
    sent.clear()
    lots.send([10] * 4, take)
    assert sent[0].stop <= 3


def test_a_single_thing_that_is_too_large_ends_it():
    """What stands before it is sent, and the size of the rest is not tried for ever."""
    sent: list[slice] = []

    def take(lot: slice) -> None:
        if lot.start <= 2 < lot.stop:
            raise TooLargeError("too large")
        sent.append(lot)

    with pytest.raises(TooLargeError):
        Lots(1_000, 100).send([10] * 5, take)
    assert [n for lot in sent for n in range(lot.start, lot.stop)] == [0, 1]


@pytest.mark.parametrize("sizes", [[], [5_000], [999, 1], [999, 2], [1, 5_000, 1]])
def test_a_lot_has_at_least_one_thing_and_at_most_its_bytes(sizes):
    """Something larger than a lot goes alone."""
    sent: list[list[int]] = []
    Lots(1_000, 2).send(sizes, lambda lot: sent.append(sizes[lot]))
    assert [size for lot in sent for size in lot] == sizes
    assert all(len(lot) == 1 or (sum(lot) <= 1_000 and len(lot) <= 2) for lot in sent)


# --- addresses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "base"),
    [
        ('<link href="http://h.test/ls/static/x.css">', "http://h.test/ls"),
        ('<link rel="icon" href="/ls/static/icon.png"><a href=\'/static/\'>', "/ls"),
        ('<script src="/static/app.js">', None),
        ("<html>nothing</html>", None),
    ],
)
def test_the_servers_pages_say_where_it_is_seen(page, base):
    """What stands before the paths of its static files."""
    assert page_base(page) == base


# --- secrets ----------------------------------------------------------------------------------------------------

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "text",
    [
        f"refused: Authorization: Token {TOKEN}",
        f"{{'HTTP_AUTHORIZATION': 'Bearer {JWT}'}}",
        f"Bearer%20{JWT}",
        f"access {JWT[:30]}",
        f"token={TOKEN[:17]}...",
        '{"Authorization": "Token 0123456789abcdef0123456789abcdef01234567"}',
        "proxy-authorization: Basic bWU6aHVudGVyMg==",
        "http://me:hunter2@proxy.test:3128 refused",
        f"location: /login?next=%2Fapi&token={TOKEN}",
    ],
)
def test_no_message_shows_a_secret(text):
    """Known ones in every form, exchanged ones by their look, also where the text was cut."""
    masked = Secrets(TOKEN).mask(text)
    assert "***" in masked
    for part in (TOKEN[:12], JWT[:12], "0123456789ab", "bWU6aHVudGVyMg", "hunter2"):
        assert part not in masked


@pytest.mark.parametrize(
    "text",
    [
        "Token is invalid.",
        "Authentication token no longer valid",
        "Token refresh failed",
        "see https://a.test/x",
        "40 tokens",
    ],
)
def test_plain_words_stay(text):
    """A message says what it says."""
    assert Secrets(TOKEN).mask(text) == text


def test_what_a_token_was_exchanged_for_is_masked_once_it_was_sent():
    """Also when it does not look like a token."""
    secrets = Secrets(TOKEN)
    inner = httpx.MockTransport(lambda _request: httpx.Response(200))
    with httpx.Client(transport=BoundedTransport(inner, seconds=9.0, secrets=secrets)) as client:
        client.get("http://studio.test", headers={"Authorization": "Bearer shortlived-and-odd"})
    assert secrets.mask("you sent shortlived-and-odd") == "you sent ***"


def test_the_secret_of_the_server_is_masked_as_label_studio_quotes_it():
    """Plain, and as basic authorization."""
    secrets = Secrets(TOKEN)
    secrets.add_login("curator", "a long secret of ours")
    quoted = (
        "url refused: {'auth': 'Y3VyYXRvcjphIGxvbmcgc2VjcmV0IG9mIG91cnM=', 'pass': 'a long secret of ours'}"
    )
    assert secrets.mask(quoted) == "url refused: {'auth': '***=', 'pass': '***'}"
