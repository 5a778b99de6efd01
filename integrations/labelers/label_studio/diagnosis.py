"""Whether a Label Studio server can be worked with: reached, the right version, token, project, images. Reads only."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx

from integrations.errors import LabelerError
from integrations.findings import Finding, fail, ok, warn
from integrations.labelers.label_studio.address import warn_plain_http
from integrations.labelers.label_studio.browser_images import NAME as IMAGES
from integrations.labelers.label_studio.browser_images import check_image
from integrations.labelers.label_studio.client import page_base
from integrations.labelers.label_studio.connection import (
    AS_THE_ENVIRONMENT_SAYS,
    Route,
    open_http,
    warn_proxy,
)
from integrations.labelers.label_studio.failures import certificate_problem
from integrations.labelers.label_studio.masking import Secrets
from integrations.labelers.label_studio.project_notes import ProjectNotes, fingerprint
from integrations.labelers.protocol import ProjectSpec
from integrations.labelers.studio_config import check_classes, control_for, has_known_classes

TESTED = "1.23"  # the series that the tests run against
MOST_SKEW = timedelta(
    seconds=60
)  # a fifth of the life of the short token that a personal one is exchanged for
_SHOWN = 200  # characters of what a server says
_MOST_HOOKS = 5
_SECONDS = 5.0  # that one request may take; there are at most about twenty
_TOKEN_PAGE = "Label Studio shows it under Account & Settings."  # noqa: S105 - where to find one
_ADDRESS = "Fix [labeler] url in curator.toml, or start the server."


@dataclass(frozen=True, slots=True)
class Expected:
    """What a campaign wants of the server.

    Attributes:
        project: its number; None = there is none yet.
        spec: what the project must look like.
        images: how local images get to the annotators' browsers.
        image_root: folder that the server serves, for local ones.
        sample: path or address of one image of the pool; None for a pool of texts.
        overlap: different annotators wanted per item.
        reached: newest time of the server's clock that answers were pulled up to, UTC, ISO 8601; None = never.
    """

    project: str | None
    spec: ProjectSpec
    images: Literal["upload", "local"] = "upload"
    image_root: str | None = None
    sample: str | None = None
    overlap: int = 1
    reached: str | None = None


class _StopError(Exception):
    """A finding after which nothing further can be found out."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.detail)
        self.finding = finding


def diagnose(
    url: str, token: str, expected: Expected, *, route: Route = AS_THE_ENVIRONMENT_SAYS
) -> list[Finding]:
    """Look at a server, as far as it lets us.

    Args:
        url: where it is, with its scheme.
        token: a personal access token or a legacy token; appears in no finding.
        expected: what the campaign wants of it.
        route: how the server is reached.
    """
    url, token = url.strip().rstrip("/"), token.strip()
    secrets = Secrets(token)
    try:
        http = open_http(url, timeout=_SECONDS, route=route, secrets=secrets)
    except LabelerError as exc:
        return [fail("server", str(exc), "Then run `curator doctor` again.")]
    with http:
        return _Diagnosis(http, url, token, expected, secrets).run(warn_proxy(url, route))


class _Diagnosis:
    def __init__(
        self, http: httpx.Client, url: str, token: str, expected: Expected, secrets: Secrets
    ) -> None:
        self._http = http
        self._url = url
        self._token = token
        self._expected = expected
        self._secrets = secrets
        self._headers: dict[str, str] = {}
        self._found: list[Finding] = []

    def _ok(self, name: str, detail: str) -> None:
        self._found.append(ok(name, detail))

    def _warn(self, name: str, detail: str, remedy: str) -> None:
        self._found.append(warn(name, detail, remedy))

    def _fail(self, name: str, detail: str, remedy: str) -> None:
        self._found.append(fail(name, detail, remedy))

    def run(self, proxy_warning: str | None) -> list[Finding]:
        if proxy_warning is not None:
            self._warn("proxy", proxy_warning, 'Set [labeler] proxy, "none" for no proxy.')
        checks: tuple[Callable[[], None], ...] = (
            self._server,
            self._login,
            self._project,
            self._annotators,
            self._images,
            self._webhooks,
            self._backends,
        )
        try:
            for check in checks:
                check()
        except _StopError as stop:
            self._found.append(stop.finding)
        return [replace(finding, detail=self._secrets.mask(finding.detail)) for finding in self._found]

    # the server itself

    def _server(self) -> None:
        """Is a Label Studio there, of which version, and what time is it there."""
        name = "server"
        before = datetime.now(UTC)
        try:
            reply = self._http.get(f"{self._url}/api/version")
            about = reply.json() if reply.is_success else {}
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
            distrust = certificate_problem(exc)
            detail = f"no Label Studio answers at {self._url} ({self._line(exc)})"
            raise _StopError(
                fail(name, detail, _ADDRESS)
                if distrust is None
                else fail(name, f"{self._url} {distrust[0]}", distrust[1])
            ) from exc
        after = datetime.now(UTC)
        release = about.get("release") if isinstance(about, Mapping) else None
        if not isinstance(release, str):
            detail = f"what answers at {self._url} is not Label Studio (HTTP {reply.status_code})"
            raise _StopError(
                fail(name, detail, "Give the address of Label Studio itself, not of a page in front of it.")
            )
        insecure = warn_plain_http(self._url)
        if insecure is None:
            self._ok(name, f"{self._url} answers")
        else:
            self._warn(
                name, f"{self._url} answers, over plain http: the token can be read on the way", "Use https."
            )
        self._version(release, str(about.get("edition") or "unknown"))
        self._clock(reply, before + (after - before) / 2)

    def _version(self, release: str, edition: str) -> None:
        tested = release == TESTED or release.startswith(f"{TESTED}.")
        detail = f"Label Studio {release}, edition {edition}"
        if tested and edition == "Community":
            self._ok("version", detail)
        else:
            self._warn(
                "version",
                f"{detail}; curator is tested with {TESTED}, Community",
                "Try a small round first, or use that version.",
            )

    def _clock(self, reply: httpx.Response, now: datetime) -> None:
        name = "server clock"
        said = reply.headers.get_list("date")
        if len(said) > 1:
            detail = f"one reply gives it {len(said)} times, first {said[0][:_SHOWN]}"
            self._warn(
                name,
                detail,
                "Have the proxy in front of the server pass its Date header on instead of adding one.",
            )
        try:
            there = parsedate_to_datetime(said[0] if said else "")
        except (ValueError, TypeError, IndexError, OverflowError):
            self._ok(name, "the server does not report its time")
            return
        if there.tzinfo is None:  # "-0000": the time is UTC, where it was made is not said
            there = there.replace(tzinfo=UTC)
        skew = there - now
        reached = self._expected.reached
        if reached is not None and datetime.fromisoformat(reached) > there + MOST_SKEW:
            detail = f"it says {there:%Y-%m-%d %H:%M:%S} UTC, but answers up to {reached} were pulled: it has gone back"
            self._warn(
                name,
                detail,
                "Set the server's clock (NTP): until it has caught up, edited answers may be missed.",
            )
        elif abs(skew) > MOST_SKEW:
            side = "ahead of" if skew > timedelta(0) else "behind"
            detail = f"{abs(skew).total_seconds():,.0f} s {side} this machine's"
            self._warn(
                name, detail, "Set both clocks (NTP): tokens end too early or too late, and times mislead."
            )
        else:
            self._ok(name, "within a minute of this machine's")

    # who we are there

    def _login(self) -> None:
        name = "token"
        if not re.fullmatch(r"[!-~]+", self._token):
            raise _StopError(
                fail(name, "it holds spaces or characters that no token has", f"Copy it again. {_TOKEN_PAGE}")
            )
        kind, claims = token_kind(self._token)
        if kind == "access":
            raise _StopError(
                fail(
                    name,
                    "this is an access token, which lasts five minutes",
                    f"Use a personal one. {_TOKEN_PAGE}",
                )
            )
        if kind == "legacy":
            self._headers = {"Authorization": f"Token {self._token}"}
            shown = "legacy token"
        else:
            shown = "personal access token"
            ends = _expiry(claims)
            if ends is not None and ends < datetime.now(UTC):
                raise _StopError(
                    fail(name, f"it expired on {ends:%Y-%m-%d}", f"Make a new one. {_TOKEN_PAGE}")
                )
            self._headers = {"Authorization": f"Bearer {self._exchanged()}"}
            shown += f", valid until {ends:%Y-%m-%d}" if ends is not None else ""
        reply = self._get("/api/current-user/whoami")
        if not reply.is_success:
            raise _StopError(self._refused_token(reply))
        self._ok(name, f"{shown} of {_json(reply).get('email', 'an unnamed user')}")

    def _exchanged(self) -> str:
        """The short token that a personal one is exchanged for."""
        reply = self._ask("POST", "/api/token/refresh/", json={"refresh": self._token})
        access = _json(reply).get("access") if reply.is_success else None
        if not isinstance(access, str):
            raise _StopError(self._refused_token(reply))
        return access

    def _refused_token(self, reply: httpx.Response) -> Finding:
        detail = f"the server does not accept it (HTTP {reply.status_code}: {self._said(reply)})"
        return fail("token", detail, f"Use a valid token. {_TOKEN_PAGE}")

    # the project

    def _project(self) -> None:
        name, number = "project", self._expected.project
        if number is None:
            if "POST" in self._actions("/api/projects/"):
                self._ok(name, "none yet: the first round creates one, and this token is allowed to")
                return
            detail = "none yet, and the token's user may not create one"
            raise _StopError(
                fail(name, detail, "Name one in [labeler] project, or use the token of a user who may.")
            )
        reply = self._get(f"/api/projects/{number}/")
        if reply.status_code == httpx.codes.NOT_FOUND:
            detail = f"project {number} does not exist: it was deleted, or this token's user may not see it"
            raise _StopError(
                fail(name, detail, "Restore it from the server's backup, or use another user's token.")
            )
        if not reply.is_success:
            detail = f"project {number} cannot be read (HTTP {reply.status_code}: {self._said(reply)})"
            raise _StopError(fail(name, detail, "Use the token of a user who may."))
        found = _json(reply)
        title = found.get("title")
        if {"PUT", "PATCH"} & self._actions(f"/api/projects/{number}/"):
            self._ok(name, f"{number}, {title!r}; may be read and changed")
        else:
            detail = f"{number}, {title!r} can be read but not changed by this token's user"
            self._fail(name, detail, "Use the token of a user who may change it.")
        self._holder(str(found.get("description") or ""))
        config, description = (str(found.get(name) or "") for name in ("label_config", "description"))
        self._classes(config, description, f"project {number}")

    def _holder(self, description: str) -> None:
        spec = self._expected.spec
        holder = ProjectNotes.read(description, spec.title).holder
        if holder not in ("", spec.holder):
            remedy = "Run it there; or, if that machine is gone for good: `curator round --take-over`."
            self._fail("run from", f"{holder}, not from here ({spec.holder})", remedy)

    def _classes(self, config: str, description: str, where: str) -> None:
        spec = self._expected.spec
        try:
            control = control_for(config, spec)
            ours = ProjectNotes.read(description, spec.title).layout == fingerprint(config)
            if not (ours and has_known_classes(control, spec)):  # else the next round rewrites it
                check_classes(control, spec.classes, where)
        except LabelerError as exc:
            self._fail("classes", str(exc), "Fix the labeling configuration there, or [project] classes.")
        else:
            self._ok("classes", f"{len(spec.classes)} as in curator.toml")

    def _annotators(self) -> None:
        name, wanted = "annotators", self._expected.overlap
        reply = self._get("/api/users/")
        users = _json_list(reply)
        if not reply.is_success or not users:
            self._ok(name, f"this token may not list them; {wanted} per item are needed")
        elif len(users) < wanted:
            detail = f"{len(users)} accounts, but [labeler] overlap wants {wanted} different people per item"
            self._warn(name, detail, "Invite more people, or lower overlap: such items are never complete.")
        else:
            self._ok(name, f"{len(users)} accounts, {wanted} needed per item")

    # images, as an annotator's browser gets them

    def _images(self) -> None:
        if self._expected.spec.kind != "image":
            return
        address = self._first_image()
        if address is not None:
            self._found.append(self._shown(address))
        elif self._expected.images == "local" and "://" not in (self._expected.sample or ""):
            self._found.append(self._local_files())
        elif "://" in (self._expected.sample or ""):
            self._found.append(self._shown(str(self._expected.sample)))
        else:
            self._ok(IMAGES, "will be uploaded with the first questions")

    def _first_image(self) -> str | None:
        """Address of the image of the project's first task, as the browser is given it; None without a task."""
        number, kind = self._expected.project, self._expected.spec.kind
        if number is None:
            return None
        tasks = _json(
            self._get(f"/api/tasks/?project={number}&page_size=1&include=id,data&resolve_uri=true")
        ).get("tasks")
        data = (
            tasks[0].get("data")
            if isinstance(tasks, list) and tasks and isinstance(tasks[0], Mapping)
            else None
        )
        address = data.get(kind) if isinstance(data, Mapping) else None
        return address if isinstance(address, str) else None

    def _shown(self, address: str) -> Finding:
        # under the address that the annotators use, which a proxy may make another one than ours
        seen_at = page_base(self._get("/user/login/").text) or ""
        return check_image(self._http, seen_at if "://" in seen_at else self._url, self._headers, address)

    def _local_files(self) -> Finding:
        """Before the first question: are files below the configured folder, and does the server serve any."""
        name, root = IMAGES, Path(self._expected.image_root or "")
        if not root.is_dir():
            return fail(
                name,
                f"[labeler] image_root {str(root)!r} is not a folder on this machine",
                "Name the server's document root.",
            )
        sample = self._expected.sample
        if sample is not None and not Path(sample).absolute().is_relative_to(root.absolute()):
            return fail(
                name,
                f"{sample} is not below {root}",
                "Set [labeler] image_root to a folder above the images.",
            )
        # no storage is connected yet, so 404 is what a server says that would serve
        reply = self._get("/data/local-files/?d=curator/doctor.png")
        if reply.status_code == httpx.codes.FORBIDDEN:
            remedy = f"Start it with LOCAL_FILES_SERVING_ENABLED=true and LOCAL_FILES_DOCUMENT_ROOT={root}."
            return fail(name, "the server does not serve local files", remedy)
        return ok(name, "the server serves local files; the first round connects the folder")

    # who else is called

    def _webhooks(self) -> None:
        number = self._expected.project
        if number is None:
            return
        for hook in _json_list(self._get(f"/api/webhooks/?project={number}"))[:_MOST_HOOKS]:
            address = hook.get("url")
            if not hook.get("is_active", True) or not isinstance(address, str):
                continue
            try:
                with self._http.stream("GET", address):
                    self._ok("webhook", f"{_place(address)} answers")
            except (httpx.HTTPError, httpx.InvalidURL) as exc:
                detail = f"{_place(address)} does not answer from here ({self._line(exc)})"
                self._warn(
                    "webhook", detail, "Start `curator serve`; until then rounds ask the server for answers."
                )

    def _backends(self) -> None:
        number = self._expected.project
        if number is None:
            return
        for backend in _json_list(self._get(f"/api/ml?project={number}"))[:_MOST_HOOKS]:
            # asked for one by one the server looks anew
            state = _json(self._get(f"/api/ml/{backend.get('id')}"))
            place = _place(str(backend.get("url")))
            if state.get("state") == "CO":
                self._ok("ml backend", f"the server reaches {place}")
            else:
                self._warn(
                    "ml backend",
                    f"the server does not reach {place}",
                    "Start `curator serve`, or disconnect it.",
                )

    # requests

    def _actions(self, path: str) -> set[str]:
        """What this user may do at an address: the server lists the changes that it would accept."""
        actions = _json(self._ask("OPTIONS", path)).get("actions")
        return set(actions) if isinstance(actions, Mapping) else set()

    def _get(self, path: str) -> httpx.Response:
        return self._ask("GET", path)

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return self._http.request(method, self._url + path, headers=self._headers, **more)
        except httpx.HTTPError as exc:
            detail = f"{self._url} stopped answering ({self._line(exc)})"
            raise _StopError(fail("server", detail, "Try again; check the server's log.")) from exc

    def _said(self, reply: httpx.Response) -> str:
        detail = _json(reply).get("detail") or reply.reason_phrase
        return self._line(detail)

    def _line(self, said: object) -> str:
        text = " ".join(str(said).split()) or type(said).__name__
        return self._secrets.mask(text)[:_SHOWN].rstrip(".")


def token_kind(token: str) -> tuple[Literal["legacy", "personal", "access"], Mapping[str, Any]]:
    """What kind of token it is, and what is written in it; nothing is verified."""
    parts = token.split(".")
    if len(parts) != 3:
        return "legacy", {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return "legacy", {}
    if not isinstance(claims, Mapping):
        return "legacy", {}
    return ("access" if claims.get("token_type") == "access" else "personal"), claims


def _expiry(claims: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def _place(address: str) -> str:
    """Scheme, host and port of an address; what follows may hold a secret."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _json(reply: httpx.Response) -> Mapping[str, Any]:
    try:
        found = reply.json()
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _json_list(reply: httpx.Response) -> list[Mapping[str, Any]]:
    try:
        found = reply.json()
    except ValueError:
        return []
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []
