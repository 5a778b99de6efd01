"""What goes wrong in a call of Label Studio, as one `LabelerError` that says what to do.

The SDK's exception classes differ from call to call, so only the status code is looked at. What a server, or a proxy
in front of it, says may hold a secret: it is masked in the whole text, before anything is cut.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from label_studio_sdk.core.api_error import ApiError
from label_studio_sdk.core.parse_error import ParsingError

from integrations.errors import LabelerError
from integrations.labelers.label_studio.lots import TooLargeError
from integrations.labelers.label_studio.masking import Secrets

TOKEN_VARIABLE = "LABEL_STUDIO_API_KEY"  # noqa: S105 - the name of the variable, not a token

_NOT_TWICE = "what has arrived there is not sent twice."
_LONGEST_DETAIL = 300
# What a reply of something that is no Label Studio raises, inside the SDK or when it is read.
_NONSENSE = (
    ParsingError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RecursionError,
)
_MAYBE_DONE_STATUS = (408, 409, 429)  # a gateway's way of losing a request that it may have passed on
_AWAY_STATUS = (408, 429)  # beside every 5xx: the server cannot just now
_NOT_ARRIVED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_CUT_OFF = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError)


@dataclass(frozen=True, slots=True)
class Failures:
    """Translates the failures of the calls to one server.

    Attributes:
        url: where it is.
        secrets: appear in no message.
        timeout: seconds that one call may take.
        proxy: that requests go through; None = none.
    """

    url: str
    secrets: Secrets = field(repr=False)
    timeout: float
    proxy: str | None = None

    @contextmanager
    def calls(self, doing: str, *, write: bool = False, missing: str | None = None) -> Iterator[None]:
        """Turn whatever a call raises, and the reading of its reply, into one `LabelerError`.

        Args:
            doing: what is tried, as it reads after "could not".
            write: the call changes something, so a lost reply leaves open whether it did.
            missing: what a 404 means.
        """
        try:
            yield
        except ApiError as exc:
            raise self.refused(exc, doing, write=write, missing=missing) from exc
        except _NOT_ARRIVED as exc:
            distrust = certificate_problem(exc)
            if distrust is not None:
                raise LabelerError(f"could not {doing}: {self.url} {' '.join(distrust)}") from exc
            raise LabelerError(
                f"could not {doing}: no server answers at {self.url}{self._by_proxy()} ({self._line(exc)}). "
                "Is Label Studio running there, and is the address right?",
                away=True,
            ) from exc
        except httpx.TimeoutException as exc:
            raise LabelerError(
                f"could not {doing}: no answer from {self.url} within {self.timeout:g} s. "
                f"Try again; {_NOT_TWICE}",
                maybe_done=write,
                away=True,
            ) from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise LabelerError(
                f"could not {doing}: the connection to {self.url} failed ({self._line(exc)}). "
                f"Try again; {_NOT_TWICE}",
                maybe_done=write,
                away=isinstance(exc, _CUT_OFF),
            ) from exc
        except _NONSENSE as exc:
            raise LabelerError(
                f"could not {doing}: what answers at {self.url} does not speak like Label Studio "
                f"({self._line(exc)}). Is the address right?",
                maybe_done=write,
            ) from exc

    def refused(self, exc: ApiError, doing: str, *, write: bool, missing: str | None) -> LabelerError:
        """What a refusal of the server means; arguments as of `calls`."""
        status = exc.status_code
        detail = self._one_line(_said(exc.body))
        if status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            return TooLargeError(f"could not {doing}: {self._explain(status, detail, exc.headers or {})}")
        lost = write and (status is None or status in _MAYBE_DONE_STATUS or not 300 <= status < 500)
        if status == httpx.codes.NOT_FOUND and missing is not None:
            return LabelerError(missing)
        return LabelerError(
            f"could not {doing}: {self._explain(status, detail, exc.headers or {})}",
            maybe_done=lost,
            away=status is not None and (status >= 500 or status in _AWAY_STATUS),
        )

    def _explain(self, status: int | None, detail: str, headers: Mapping[str, str]) -> str:
        """What a refusal means, and what to do about it."""
        url = self.url
        if status is None or status >= 500 or status in _MAYBE_DONE_STATUS:
            said = f"{url} failed with HTTP {status} ({detail}). Try again later; {_NOT_TWICE}"
        elif status == httpx.codes.UNAUTHORIZED:
            said = (
                f"{url} does not accept the token ({detail}). Put a valid one into {TOKEN_VARIABLE}, or where else "
                "it came from; Label Studio shows it under Account & Settings."
            )
        elif status == httpx.codes.FORBIDDEN:
            said = f"{url} does not allow it ({detail}). Use the token of a user who may."
        elif status == httpx.codes.NOT_FOUND:
            said = f"{url} does not know it ({detail}). Is this the address of Label Studio itself?"
        elif status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            said = (
                f"{url}, or a proxy in front of it, refused it as too large ({detail}). Let it take larger requests: in "
                "nginx by client_max_body_size."
            )
        elif status == httpx.codes.PROXY_AUTHENTICATION_REQUIRED:
            said = f"the proxy{self._by_proxy()} wants a name and a password ({detail}). Put them into its address."
        elif status < 300:
            said = (
                f"{url} answered with {detail} instead of JSON. Is this the address of Label Studio itself?"
            )
        elif status < 400:
            target = self._one_line(headers.get("location", "elsewhere"))
            said = f"{url} redirects to {target}. Give the address it redirects to."
        else:
            said = f"{url} refused it with HTTP {status}: {detail}."
        return said

    def _by_proxy(self) -> str:
        return f" through the proxy {self.secrets.mask(self.proxy)}" if self.proxy else ""

    def _line(self, exc: Exception) -> str:
        return self._one_line(str(exc)) or type(exc).__name__

    def _one_line(self, text: str) -> str:
        flat = " ".join(self.secrets.mask(text).split()).rstrip(".")
        return flat if len(flat) <= _LONGEST_DETAIL else f"{flat[:_LONGEST_DETAIL]} ..."


def certificate_problem(exc: BaseException) -> tuple[str, str] | None:
    """What is wrong with the certificate of the server, and what to do; None when it is something else."""
    text = str(exc)
    if "certificate_verify_failed" not in text.lower().replace(" ", "_"):
        return None
    if "expired" in text:
        return "shows a certificate that has expired.", "The person who runs the server must renew it."
    if "mismatch" in text or "not valid for" in text:
        return (
            "shows a certificate for another name.",
            "Use the address that the certificate is made for, in [labeler] url.",
        )
    return (
        "shows a certificate that is not trusted here: it is signed by itself, or by an authority of your organisation.",
        "Put the certificate of that authority (PEM) into a file, and name it as [labeler] ca_file or in SSL_CERT_FILE.",
    )


def _said(body: Any) -> str:
    """What the body of a refusal says."""
    if isinstance(body, Mapping):
        problems = body.get("validation_errors")
        parts = [str(body.get("detail") or "")]
        if isinstance(problems, Mapping):
            parts = [
                f"{name}: {'; '.join(map(str, said)) if isinstance(said, list) else said}"
                for name, said in problems.items()
            ]
        return ", ".join(part for part in parts if part) or json.dumps(body, default=str)
    text = str(body or "no reason given")
    if "<html" in text.lower() or "<!doctype" in text.lower():
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        named = " ".join(title.group(1).split()) if title else ""
        return f"a web page titled {named!r}" if named else "a web page"
    return text
