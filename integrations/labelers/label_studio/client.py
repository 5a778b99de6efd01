"""The few calls of Label Studio that we make, and its errors as one line each.

The SDK repeats a POST by itself when a gateway answers 5xx, which has made three copies of every task; so writes
go through a client that never repeats, reads through one that does. Its exception classes differ from call to
call, so only the status code is looked at. Its models are never validated, so neither is an answer trusted here.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
from label_studio_sdk import LabelStudio
from label_studio_sdk.core.api_error import ApiError
from label_studio_sdk.core.parse_error import ParsingError

from integrations.errors import LabelerError

TOKEN_VARIABLE = "LABEL_STUDIO_API_KEY"  # noqa: S105 - the name of the variable, not a token

# Asked of a list of tasks. The list applies to the annotations inside as well: what is not named is missing there.
ANSWER_FIELDS = (
    "id,data,annotations,updated_at,created_at,result,completed_by,updated_by,was_cancelled,lead_time,"
    "ground_truth,parent_prediction"
)
KEY_FIELDS = "id,data"
# Asked of a project. With all its counters, which it has by default, a project of 100,000 tasks takes 0.45 s, not 0.08.
_PROJECT_FIELDS = (
    "id,title,description,label_config,model_version,maximum_annotations,"
    "task_number,total_annotations_number,skipped_annotations_number"
)

_READ_RETRIES = 2
_NOT_TWICE = "what has arrived there is not sent twice."
_LONGEST_DETAIL = 300
# What reading a reply of something that is no Label Studio raises inside the SDK.
_NONSENSE = (ParsingError, ValueError, TypeError, AttributeError)
_MAYBE_DONE_STATUS = (408, 409, 429)  # a gateway's way of losing a request that it may have passed on
_AWAY_STATUS = (408, 429)  # beside every 5xx: the server cannot just now
_NOT_ARRIVED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_CUT_OFF = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError)


@dataclass(frozen=True, slots=True)
class Project:
    """What we read of a project."""

    number: int
    title: str
    description: str
    config: str
    model_version: str
    overlap: int  # answers that the stream collects for a new task
    tasks: int
    answers: int  # annotations and skips


@dataclass(frozen=True, slots=True)
class Page:
    """Some tasks of a project.

    Attributes:
        tasks: in the order asked for.
        total: how many tasks fit the filters in all, those after this page included.
    """

    tasks: tuple[Any, ...]
    total: int


class StudioClient:
    """The calls, with errors translated. Nothing is sent before the first call.

    Args:
        url: where Label Studio is, with its scheme.
        token: a legacy token or a personal access token; appears in no message.
        timeout: seconds that one call may take.

    Raises:
        LabelerError: the address or the token cannot be right.
    """

    def __init__(self, url: str, token: str, *, timeout: float) -> None:
        self.url = _checked_url(url)
        self._token = _checked_token(token)
        self._timeout = timeout
        # No connection is kept: one that the server closed meanwhile looks exactly like a POST whose reply was lost.
        # No redirect is followed: it turns a POST into a GET, and would carry the token elsewhere.
        self._http = httpx.Client(
            timeout=timeout, follow_redirects=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
        with self._calls("read the token"):
            self._reads = self._sdk(_READ_RETRIES)
            self._writes = self._sdk(0)

    def __repr__(self) -> str:
        return f"StudioClient({self.url!r})"

    def create_project(self, title: str, description: str, config: str, instructions: str) -> int:
        """Create a project; returns its number."""
        with self._calls("create a project", write=True):
            made = self._writes.projects.create(
                title=title,
                description=description,
                label_config=config,
                expert_instruction=instructions,
                show_instruction=bool(instructions),
                sampling="Sequential sampling",  # tasks are sent in the order in which they are to be asked
                show_collab_predictions=True,
                skip_queue="IGNORE_SKIPPED",  # a skip is an answer: the task does not come back
                maximum_annotations=1,
            )
            return _number(made.id)

    def project(self, number: int) -> Project:
        """Read a project.

        Raises:
            LabelerError: it is gone.
        """
        with self._calls(f"read project {number}", missing=self._gone(number)):
            return _project(
                self._reads.projects.get(
                    number,
                    # the SDK has no name for it
                    request_options={"additional_query_parameters": {"include": _PROJECT_FIELDS}},
                )
            )

    def projects(self, title: str | None = None) -> list[Project]:
        """Every project that the token's user sees, or those with exactly this title."""
        found: list[Project] = []
        narrowed: dict[str, Any] = {} if title is None else {"title": title}
        with self._calls("list the projects"):
            # The filter is "contains"; each page is asked for by number, since the pager swallows errors.
            number = 1
            while True:
                page: Any = self._reads.projects.list(
                    include="id,title,description,label_config,task_number",
                    page=number,
                    page_size=100,
                    **narrowed,
                )
                found += [_project(item) for item in page.items or ()]
                if not page.items or page.response.next is None:
                    return [project for project in found if title in (None, project.title)]
                number += 1

    def import_tasks(self, number: int, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
        """Import tasks, all or none; returns their ids in the same order."""
        doing = f"send {len(tasks)} questions to project {number}"
        with self._calls(doing, write=True, missing=self._gone(number)):
            made: Any = self._writes.projects.import_tasks(
                id=number, request=cast("Any", tasks), return_task_ids=True
            )
            return [int(task) for task in made.task_ids or ()]

    def page(
        self,
        number: int,
        filters: Sequence[Mapping[str, Any]],
        *,
        fields: str,
        size: int,
        order: str = "tasks:id",
    ) -> Page:
        """The first tasks of a project that pass all `filters`, in an order (a leading "-" turns it round)."""
        query = {"filters": {"conjunction": "and", "items": list(filters)}, "ordering": [order]}
        with self._calls(f"list the tasks of project {number}", missing=self._gone(number)):
            page: Any = self._reads.tasks.list(
                project=number,
                query=json.dumps(query, separators=(",", ":")),
                include=fields,
                page_size=size,
                resolve_uri=False,
            )
            return Page(tasks=tuple(page.items or ()), total=int(page.response.total))

    def change_project(self, number: int, **changes: Any) -> None:
        """Change settings of a project; a field that is not named stays as it is."""
        doing = f"change the {', '.join(sorted(changes))} of project {number}"
        with self._calls(doing, write=True, missing=self._gone(number)):
            self._writes.projects.update(id=number, **changes)

    def want_answers(self, task: int, count: int) -> None:
        """Let the stream hand a task to `count` different annotators; asked directly it takes any number."""
        with self._calls(f"ask for {count} answers to task {task}", write=True):
            self._writes.tasks.update(str(task), overlap=count)

    def views(self, number: int) -> list[tuple[int, str]]:
        """The tabs of a project in the data manager, from left to right: number and title."""
        with self._calls(f"list the tabs of project {number}", missing=self._gone(number)):
            found = self._reads.views.list(project=number)
            return [(_number(view.id), str((_plain(view.data) or {}).get("title"))) for view in found]

    def order_views(self, number: int, views: Sequence[int]) -> None:
        """Put the tabs of a project into an order; the first one is what opens with the project."""
        with self._calls(f"order the tabs of project {number}", write=True, missing=self._gone(number)):
            self._writes.views.update_order(project=number, ids=list(views))

    def create_view(
        self,
        number: int,
        title: str,
        filters: Sequence[Mapping[str, Any]],
        *,
        order: str,
        hidden: Sequence[str],
        widths: Mapping[str, int],
    ) -> int:
        """Add a tab that shows the tasks which pass all `filters`; returns its number.

        Args:
            number: of the project.
            title: of the tab.
            filters: which tasks it shows.
            order: of the tasks.
            hidden: columns that it does not show.
            widths: column -> pixels.
        """
        data: Any = {
            "title": title,
            "type": "list",
            "target": "tasks",
            "filters": {"conjunction": "and", "items": list(filters)},
            "ordering": [order],
            "hiddenColumns": {"explore": list(hidden), "labeling": list(hidden)},
            "columnsWidth": dict(widths),
        }
        doing = f"add the tab {title!r} to project {number}"
        with self._calls(doing, write=True, missing=self._gone(number)):
            return _number(self._writes.views.create(project=number, data=data).id)

    def local_storages(self, number: int) -> set[str]:
        """The folders from which the server shows files to a project."""
        with self._calls(f"list the storages of project {number}", missing=self._gone(number)):
            return {str(found.path) for found in self._reads.import_storage.local.list(project=number)}

    def connect_local_storage(self, number: int, path: str) -> None:
        """Let the server show the files below `path`; it makes no tasks of them."""
        doing = (
            f"let Label Studio read {path} (it must run with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and with a "
            "folder above as LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT; `curator studio up --images` does)"
        )
        with self._calls(doing, missing=self._gone(number)):
            self._writes.import_storage.local.create(
                project=number, path=path, title="Images, read by curator", use_blob_urls=True
            )

    def users(self) -> dict[int, str]:
        """E-mail of every user, by number; empty when this token may not see them."""
        with self._calls("list the users"):
            try:
                users = self._reads.users.list()
            except ApiError as exc:
                if exc.status_code == httpx.codes.FORBIDDEN:
                    return {}
                raise
            return {int(user.id): str(user.email) for user in users if user.email}

    def uploads(self, number: int, ids: Sequence[int] | None = None) -> dict[int, str]:
        """Path of each uploaded file by its id; all of the project, or those named."""
        with self._calls(f"list the uploads of project {number}", missing=self._gone(number)):
            if ids is None:
                files = self._reads.files.list(number, all_=True)
            else:
                files = self._reads.files.list(number, ids=json.dumps(list(ids)))
            return {int(file.id or 0): str(file.file) for file in files}

    def upload(self, number: int, files: Sequence[tuple[str, bytes]]) -> list[int]:
        """Upload (name, content) of files without making tasks of them; returns the ids, in the same order."""
        # Not a question asked: a lost reply leaves at most a file that nobody uses, so never `maybe_done`.
        with self._calls(f"upload {len(files)} images to project {number}", missing=self._gone(number)):
            wrapper = self._writes._client_wrapper  # noqa: SLF001 - the SDK has no upload; this is its own login
            reply = self._http.post(
                f"{self.url}/api/projects/{number}/import",
                params={"commit_to_project": "false"},
                headers=wrapper.get_headers(),
                # of several parts with one name the server keeps the last only
                files=[(f"file{place}", file) for place, file in enumerate(files)],
            )
            if not reply.is_success:
                raise ApiError(status_code=reply.status_code, body=_body(reply), headers=dict(reply.headers))
            return [int(file) for file in reply.json()["file_upload_ids"]]

    def _sdk(self, retries: int) -> LabelStudio:
        # the slash: the SDK joins the address of the token exchange to it, and would drop a path without one
        make: Any = LabelStudio  # its constructor has no types
        client: LabelStudio = make(
            base_url=f"{self.url}/",
            api_key=self._token,
            timeout=self._timeout,
            max_retries=retries,
            httpx_client=self._http,
        )
        return client

    def _gone(self, number: int) -> str:
        return (
            f"project {number} is not at {self.url}: it was deleted, or the token's user may not see it. "
            "Restore it there, or start a new one."
        )

    @contextmanager
    def _calls(self, doing: str, *, write: bool = False, missing: str | None = None) -> Iterator[None]:
        """Turn whatever a call raises into one `LabelerError`.

        Args:
            doing: what is tried, as it reads after "could not".
            write: the call changes something, so a lost reply leaves open whether it did.
            missing: what a 404 means.
        """
        try:
            yield
        except ApiError as exc:
            raise self._refused(exc, doing, write=write, missing=missing) from exc
        except _NOT_ARRIVED as exc:
            raise LabelerError(
                f"could not {doing}: no server answers at {self.url} ({self._line(exc)}). "
                "Is Label Studio running there, and is the address right?",
                away=True,
            ) from exc
        except httpx.TimeoutException as exc:
            raise LabelerError(
                f"could not {doing}: no answer from {self.url} within {self._timeout:g} s. "
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

    def _refused(self, exc: ApiError, doing: str, *, write: bool, missing: str | None) -> LabelerError:
        status = exc.status_code
        detail = self._mask(_detail(exc.body))
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
                f"{url} does not accept the token ({detail}). Put a valid one into {TOKEN_VARIABLE}, or where else it came from; "
                "Label Studio shows it under Account & Settings."
            )
        elif status == httpx.codes.FORBIDDEN:
            said = f"{url} does not allow it ({detail}). Use the token of a user who may."
        elif status == httpx.codes.NOT_FOUND:
            said = f"{url} does not know it ({detail}). Is this the address of Label Studio itself?"
        elif status < 300:
            said = (
                f"{url} answered with {detail} instead of JSON. Is this the address of Label Studio itself?"
            )
        elif status < 400:
            target = self._mask(headers.get("location", "elsewhere"))
            said = f"{url} redirects to {target}. Give the address it redirects to."
        else:
            said = f"{url} refused it with HTTP {status}: {detail}."
        return said

    def _line(self, exc: Exception) -> str:
        return self._mask(_one_line(str(exc)) or type(exc).__name__)

    def _mask(self, text: str) -> str:
        return text.replace(self._token, "***")


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
        parts.port  # noqa: B018 - reading it is the check
    except ValueError as exc:
        raise LabelerError(f"the address of Label Studio cannot be read: {url!r} ({exc}).") from exc
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise LabelerError(
            f"the address of Label Studio must start with http:// or https://, not {url!r}: "
            "for instance http://localhost:8080."
        )
    if parts.username is not None or parts.password is not None:
        raise LabelerError(
            f"the address of Label Studio holds a user name or password; put the token into {TOKEN_VARIABLE} instead."
        )
    if parts.query or parts.fragment:
        raise LabelerError(f"the address of Label Studio ends before any ? or #; this one does not: {url!r}.")
    return url.strip().rstrip("/")


def _checked_token(token: str) -> str:
    token = token.strip()
    if not token:
        raise LabelerError(
            f"there is no token for Label Studio. Set {TOKEN_VARIABLE}; the server shows it under Account & Settings."
        )
    # anything else would fail inside the HTTP library, whose message shows the whole header
    if not re.fullmatch(r"[!-~]+", token):
        raise LabelerError(
            f"the token in {TOKEN_VARIABLE} holds blanks or characters that no token has. Copy it again."
        )
    return token


def _plain(value: Any) -> Any:
    """A model of the SDK as a dictionary; anything else as it is."""
    return value.model_dump() if hasattr(value, "model_dump") else value


def _number(value: Any) -> int:
    """A number out of a model that nobody validated."""
    return int(value)


def _project(found: Any) -> Project:
    return Project(
        number=_number(found.id),
        title=str(found.title or ""),
        description=str(found.description or ""),
        config=str(found.label_config or ""),
        model_version=str(found.model_version or ""),
        overlap=int(found.maximum_annotations or 1),
        tasks=int(found.task_number or 0),
        answers=int(found.total_annotations_number or 0) + int(found.skipped_annotations_number or 0),
    )


def _body(reply: httpx.Response) -> Any:
    try:
        return reply.json()
    except ValueError:
        return reply.text


def _detail(body: Any) -> str:
    """What a reply says, on one short line."""
    if isinstance(body, Mapping):
        problems = body.get("validation_errors")
        parts = [str(body.get("detail") or "")]
        if isinstance(problems, Mapping):
            parts = [
                f"{name}: {'; '.join(map(str, said)) if isinstance(said, list) else said}"
                for name, said in problems.items()
            ]
        text = ", ".join(part for part in parts if part) or json.dumps(body, default=str)
    else:
        text = str(body or "no reason given")
        if "<html" in text.lower() or "<!doctype" in text.lower():
            title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
            named = _one_line(title.group(1)) if title else ""
            text = f"a web page titled {named!r}" if named else "a web page"
    return _one_line(text)


def _one_line(text: str) -> str:
    flat = " ".join(text.split()).rstrip(".")
    return flat if len(flat) <= _LONGEST_DETAIL else f"{flat[:_LONGEST_DETAIL]} ..."
