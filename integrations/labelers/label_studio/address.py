"""What the address of a server says about who can listen in."""

from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit


def warn_plain_http(url: str) -> str | None:
    """A sentence to say when the token would cross a network in the clear; None when it does not.

    Args:
        url: address of the server.

    Returns:
        A warning when `url` is http:// and its host is not this machine (localhost, 127.0.0.0/8, ::1). A name other
        than localhost is never looked up: where it leads can change.
    """
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname or ""
    except ValueError:
        return None  # no address at all, which whoever connects to it says
    if parts.scheme != "http" or not host or _is_loopback(host):
        return None
    return (
        f"Warning: the connection to http://{parts.netloc.rpartition('@')[2]} is not encrypted: anybody on the way can "
        "read the token and all questions and answers. Put the server behind https://, or reach it through a tunnel"
        " that ends on this machine."
    )


def is_this_machine(url: str) -> bool:
    """Whether an address leads to this machine by its name alone: localhost, 127.0.0.0/8 or ::1."""
    try:
        return _is_loopback(urlsplit(url.strip()).hostname or "")
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    if host.removesuffix(".") == "localhost":
        return True
    try:
        found = ip_address(host)
    except ValueError:
        return False  # a name; and forms like 127.1, which not everybody reads alike
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback
