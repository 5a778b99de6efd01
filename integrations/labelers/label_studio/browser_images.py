"""Whether an annotator's browser could show the image of a question."""

from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

import httpx

from integrations.findings import Finding, fail, ok

NAME = "browser images"
_SHOWN = 200  # characters of an address
_LOCAL_FILES = "/data/local-files/"


def check_image(http: httpx.Client, server: str, login: Mapping[str, str], address: str) -> Finding:
    """Fetch an image as the editor's page would.

    Args:
        http: client.
        server: address of Label Studio.
        login: headers that stand for the annotator's login; sent to Label Studio alone.
        address: of the image, as the task gives it to the browser.
    """
    shown = address if len(address) <= _SHOWN else f"{address[:_SHOWN]}..."
    if address.startswith("data:"):
        return ok(NAME, "the first lies in its task")
    if address.startswith("s3://"):
        remedy = "Connect the bucket in the project's settings under Cloud Storage."
        return fail(NAME, f"the server cannot resolve {shown}: the project has no such storage", remedy)
    full = urljoin(f"{server}/", address)
    ours = _origin(full) == _origin(server)
    headers = dict(login) if ours else {"Origin": _origin(server)}
    try:
        with http.stream("GET", full, headers=headers, follow_redirects=True) as reply:
            problem = _problem(reply, address, None if ours else _origin(server))
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        why = " ".join(str(exc).split()) or type(exc).__name__
        problem = (f"cannot be fetched ({why})", "Start the server that holds the images.")
    if problem is not None:
        return fail(NAME, f"{shown} {problem[0]}", problem[1])
    return ok(NAME, f"{shown} can be shown")


def _problem(reply: httpx.Response, address: str, origin: str | None) -> tuple[str, str] | None:
    """What keeps a page of `origin` (None: the image's own) from showing this reply, and what to do about it."""
    if reply.status_code != httpx.codes.OK:
        return f"answers HTTP {reply.status_code}", _put_back(address, reply.status_code)
    if "html" in reply.headers.get("content-type", ""):
        return "answers with a web page, not an image", "Is a login in front of the images?"
    if origin is None:
        return None
    if reply.headers.get("access-control-allow-origin") not in ("*", origin):
        remedy = f"Let the server of the images send Access-Control-Allow-Origin: {origin}"
        return "is there, but its server does not allow Label Studio's page to show it", remedy
    if origin.startswith("https:") and reply.url.scheme == "http":
        return "is plain http for a page of https: browsers refuse it", "Serve the images over https."
    return None


def _put_back(address: str, status: int) -> str:
    if address.startswith(_LOCAL_FILES) and status == httpx.codes.FORBIDDEN:
        return "Start Label Studio with LOCAL_FILES_SERVING_ENABLED=true and the right LOCAL_FILES_DOCUMENT_ROOT."
    if address.startswith(_LOCAL_FILES):
        return (
            "Is the file below LOCAL_FILES_DOCUMENT_ROOT, and a local storage connected on a folder above it?"
        )
    if address.startswith("/data/"):
        return "The uploaded file is gone from the server: restore the server's media folder."
    return "Put the image back where its address says."


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
