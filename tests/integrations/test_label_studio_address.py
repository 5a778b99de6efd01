"""Which addresses send the token in the clear."""

import pytest

from integrations.labelers.label_studio.address import warn_plain_http


@pytest.mark.parametrize(
    "url",
    [
        "http://studio.example.org",
        "http://studio.example.org:8080/path",
        "HTTP://STUDIO.EXAMPLE.ORG",
        " http://10.0.0.7:8080 ",
        "http://192.168.1.2",
        "http://0.0.0.0:8080",
        "http://[2001:db8::1]:8080",
        "http://[::ffff:10.0.0.1]",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "http://localhost@example.org",
        "http://127.1",
        "http://2130706433",
    ],
)
def test_plain_http_to_another_machine_is_said(url):
    """Each name or address that is not this machine, however it is dressed up."""
    said = warn_plain_http(url)
    assert said is not None
    assert "not encrypted" in said
    assert "https://" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "url",
    [
        "https://studio.example.org",
        "https://10.0.0.7",
        "http://localhost",
        "http://localhost:8080/",
        "http://LOCALHOST.:8080",
        "http://127.0.0.1:8080",
        "http://127.9.8.7",
        "http://[::1]:8080",
        "http://[::ffff:127.0.0.1]",
    ],
)
def test_https_and_this_machine_are_quiet(url):
    """Nothing to say where nobody can listen in."""
    assert warn_plain_http(url) is None


@pytest.mark.parametrize(
    "url", ["", "studio.example.org", "http://", "http://[::1", "ftp://example.org", "http:///x"]
)
def test_what_is_no_address_is_left_to_others(url):
    """The client refuses it with a message of its own."""
    assert warn_plain_http(url) is None


def test_a_password_in_the_address_is_not_repeated():
    """The warning names the host only."""
    said = warn_plain_http("http://ann:secret@studio.example.org:8080")
    assert "studio.example.org:8080" in said
    assert "secret" not in said
