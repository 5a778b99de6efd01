"""The few calls of Label Studio that we make.

The SDK repeats a POST by itself when a gateway answers 5xx, which has made three copies of every task; so writes
go through a client that never repeats, reads through one that does. Its models are never validated, so `replies`
checks what is read; `failures` says in one line what went wrong.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
from label_studio_sdk import LabelStudio
from label_studio_sdk.core.api_error import ApiError

from integrations.errors import LabelerError
from integrations.labelers.json_values import utc
from integrations.labelers.label_studio.connection import AS_THE_ENVIRONMENT_SAYS, Route, open_http
from integrations.labelers.label_studio.failures import TOKEN_VARIABLE, Failures
from integrations.labelers.label_studio.masking import Secrets
from integrations.labelers.label_studio.replies import Page, Project, count, plain, text
from integrations.labelers.studio_json import name_of

# Asked of a list of tasks. The list applies to the annotations inside as well: what is not named is missing there.
ANSWER_FIELDS = (
    "id,data,annotations,updated_at,created_at,result,completed_by,updated_by,was_cancelled,lead_time,"
    "ground_truth,parent_prediction,import_id"
)
KEY_FIELDS = "id,data"
# Asked of a project. With all its counters, which it has by default, a project of 100,000 tasks takes 0.45 s, not 0.08.
_PROJECT_FIELDS = (
    "id,title,description,label_config,model_version,maximum_annotations,"
    "task_number,total_annotations_number,skipped_annotations_number"
)

_READ_RETRIES = 2
_MOST_PROJECT_PAGES = 1000
_SPARE_PAGES = 10  # more than a list of tasks lets expect at first, before it is given up


class StudioClient:
    """The calls, with errors translated. Nothing is sent before the first call.

    Args:
        url: where Label Studio is, with its scheme.
        token: a legacy token or a personal access token; appears in no message.
        timeout: seconds that one call may take.
        route: how the server is reached.

    Raises:
        LabelerError: the address, the token or the way to the server cannot be right.
    """

    def __init__(
        self, url: str, token: str, *, timeout: float, route: Route = AS_THE_ENVIRONMENT_SAYS
    ) -> None:
        self.url = _checked_url(url)
        self._token = _checked_token(token)
        self._timeout = timeout
        self._secrets = Secrets(self._token)
        self._failures = Failures(self.url, self._secrets, timeout, route.proxy_for(self.url))
        self._prefix: str | None = None
        self._http = open_http(self.url, timeout=timeout, route=route, secrets=self._secrets)
        with self._calls("read the token"):
            self._reads = self._sdk(_READ_RETRIES)
            self._writes = self._sdk(0)

    def __repr__(self) -> str:
        return f"StudioClient({self.url!r})"

    def path_prefix(self) -> str:
        """What comes before /data/ in an address of this server as its annotators' browsers must have it; "" = nothing.

        A server behind a proxy may be told to live below a path (its HOST is http://NAME/ls), and writes that path
        before whatever it links to; which one it is, its own pages say. They are asked once.
        """
        if self._prefix is None:
            self._prefix = urlsplit(self.seen_at()).path.rstrip("/")
        return self._prefix

    def seen_at(self) -> str:
        """The address under which the server's own pages link to it; the one it was reached at when they name none."""
        with self._calls("read the login page"):
            page = self._http.get(f"{self.url}/user/login/")
        return page_base(page.text) or self.url

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
            return count(made.id)

    def project(self, number: int) -> Project:
        """Read a project.

        Raises:
            LabelerError: it is gone.
        """
        with self._calls(f"read project {number}", missing=self._gone(number)):
            # raw: the SDK's own way serializes the model once more, and warns at what it does not expect
            reply = self._reads.projects.with_raw_response.get(
                number,
                # the SDK has no name for it
                request_options={"additional_query_parameters": {"include": _PROJECT_FIELDS}},
            )
            return Project.of(reply.data)

    def projects(self, title: str | None = None) -> list[Project]:
        """Every project that the token's user sees, or those with exactly this title."""
        found: list[Project] = []
        narrowed: dict[str, Any] = {} if title is None else {"title": title}
        with self._calls("list the projects"):
            # The filter is "contains"; each page is asked for by number, since the pager swallows errors.
            for number in range(1, _MOST_PROJECT_PAGES + 1):
                page: Any = self._reads.projects.list(
                    include="id,title,description,label_config,task_number",
                    page=number,
                    page_size=100,
                    **narrowed,
                )
                found += map(Project.of, page.items or ())
                if not page.items or page.response.next is None:
                    return [project for project in found if title in (None, project.title)]
            raise ValueError(f"a list without an end: {_MOST_PROJECT_PAGES} pages")

    def import_tasks(self, number: int, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
        """Import tasks, all or none; returns their ids in the same order."""
        doing = f"send {len(tasks)} questions to project {number}"
        with self._calls(doing, write=True, missing=self._gone(number)):
            made: Any = self._writes.projects.import_tasks(
                id=number, request=cast("Any", tasks), return_task_ids=True
            )
            return [count(task) for task in made.task_ids or ()]

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
            return Page.of(page)

    def newest_change(self, number: int, filters: Sequence[Mapping[str, Any]]) -> tuple[str | None, int]:
        """When the tasks that pass all `filters` were last changed, by the server's clock, and how many they are.

        The time is as `utc` writes it; None when there are no such tasks.
        """
        page = self.page(number, filters, fields="id,updated_at", size=1, order="-tasks:updated_at")
        with self._calls(f"read when the tasks of project {number} were changed"):
            return (utc(page.tasks[0]["updated_at"]) if page.tasks else None), page.total

    def walk(
        self, number: int, filters: Sequence[Mapping[str, Any]], *, fields: str, size: int
    ) -> Iterator[tuple[Mapping[str, Any], ...]]:
        """Every task that passes the filters, by ascending id, in pages of `size` or fewer.

        Each page starts after the last id instead of at an offset, so that a task which drops out meanwhile moves
        no other one past us; and each says how many are left, so that nothing can be cut off unnoticed.

        Raises:
            LabelerError: as any call; also when the pages are not what was asked for, or do not end.
        """
        last, pages, most = 0, 0, 1
        while pages < most:
            page = self.page(
                number, [*filters, task_filter("id", "greater", "Number", last)], fields=fields, size=size
            )
            ids = [task["id"] for task in page.tasks]
            if ids != sorted(set(ids)) or (ids and ids[0] <= last) or (page.total and not ids):
                break
            yield page.tasks
            if len(ids) >= page.total:
                return
            if not pages:  # the list may grow while it is walked, up to twice its length
                most = 2 * -(-page.total // len(ids)) + _SPARE_PAGES
            pages += 1
            last = ids[-1]
        raise LabelerError(
            f"the list of tasks of project {number} at {self.url} is not what was asked for: {len(page.tasks)} of "
            f"{page.total} tasks after task {last}, on page {pages + 1}. Try again; if it stays that way, this version "
            "of the server is not supported."
        )

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
            return [(count(view.id), text((plain(view.data) or {}).get("title"))) for view in found]

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
            return count(self._writes.views.create(project=number, data=data).id)

    def local_storages(self, number: int) -> set[str]:
        """The folders from which the server shows files to a project."""
        with self._calls(f"list the storages of project {number}", missing=self._gone(number)):
            return {text(found.path) for found in self._reads.import_storage.local.list(project=number)}

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
        """E-mail of every user who is still there, by number; empty when this token may not see them."""
        with self._calls("list the users"):
            try:
                users = self._reads.users.list()
            except ApiError as exc:
                if exc.status_code == httpx.codes.FORBIDDEN:
                    return {}
                raise
            return {count(user.id): name for user in users if (name := name_of(user.email))}

    def uploads(self, number: int, ids: Sequence[int] | None = None) -> dict[int, str]:
        """Path of each uploaded file by its id; all of the project, or those named."""
        with self._calls(f"list the uploads of project {number}", missing=self._gone(number)):
            if ids is None:
                files = self._reads.files.list(number, all_=True)
            else:
                files = self._reads.files.list(number, ids=json.dumps(list(ids)))
            return {count(file.id): text(file.file) for file in files}

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
            return [count(file) for file in reply.json()["file_upload_ids"]]

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
            f"project {number} does not exist at {self.url}: it was deleted, or the token's user may not see it. "
            "Restore it there; or continue in another one: `curator labeler connect --to NUMBER`, or --new. Labels that were "
            "paid for are not lost."
        )

    def _calls(
        self, doing: str, *, write: bool = False, missing: str | None = None
    ) -> AbstractContextManager[None]:
        return self._failures.calls(doing, write=write, missing=missing)


def page_base(page: str) -> str | None:
    """What a page of Label Studio writes before the paths of its static files; None when it writes nothing there."""
    link = re.search(r'(?:href|src)="([^"]*)/static/', page)
    return (link.group(1) or None) if link else None


def task_filter(column: str, operator: str, kind: str, value: object) -> dict[str, object]:
    """A condition on the tasks of a list, as `page`, `walk` and `create_view` take it."""
    return {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}


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
            f"the token in {TOKEN_VARIABLE} holds spaces or characters that no token has. Copy it again."
        )
    return token


def _body(reply: httpx.Response) -> Any:
    try:
        return reply.json()
    except (ValueError, RecursionError):
        return reply.text
