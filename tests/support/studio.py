"""Helpers around Label Studio: labelers behind one face for the contract test, and servers that fail on purpose."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import httpx
from label_studio_sdk import LabelStudio
from support.local_studio import LocalStudio

from integrations.labelers.files import FilesLabeler
from integrations.labelers.label_studio.annotator import sign_up
from integrations.labelers.label_studio.labeler import LabelStudioLabeler
from integrations.labelers.protocol import Labeler, ProjectSpec, Question
from integrations.labelers.replay import ReplayLabeler


def sdk(url: str, token: str) -> LabelStudio:
    """The plain SDK, for what a person does in the browser; keeps no connection open."""
    client = httpx.Client(timeout=60.0, limits=httpx.Limits(max_keepalive_connections=0))
    return LabelStudio(base_url=url, api_key=token, max_retries=0, httpx_client=client)


def choice(label: str, kind: str = "text") -> list[dict]:
    return [{"from_name": "label", "to_name": kind, "type": "choices", "value": {"choices": [label]}}]


def questions(count: int, *, prefix: str = "k", round_: int = 1) -> list[Question]:
    return [
        Question(key=f"{prefix}{n}", item_id=f"item-{n}", round=round_, rank=n + 1, text=f"text {n}")
        for n in range(count)
    ]


class ReplayDriver:
    """Known labels as the contract test sees them."""

    several_annotators = False

    def __init__(self, folder: Path) -> None:
        self._labels: dict[str, str | None] = {}
        self._state = folder / "asked.jsonl"

    def labeler(self) -> Labeler:
        return ReplayLabeler(self._labels, self._state)

    def _item(self, key: str) -> str:
        rows = [json.loads(line) for line in self._state.read_text(encoding="utf-8").splitlines()[1:]]
        return next(row["item_id"] for row in rows if row["key"] == key)

    def answer(self, key: str, label: str | None, who: int = 0) -> None:
        self._labels[self._item(key)] = label

    edit = answer

    def retract(self, key: str) -> None:
        del self._labels[self._item(key)]

    def delete(self, key: str) -> None:
        lines = self._state.read_text(encoding="utf-8").splitlines(keepends=True)
        self._state.write_text(
            "".join(line for line in lines if json.loads(line).get("key") != key), encoding="utf-8"
        )


class FilesDriver:
    """A person with a Label Studio elsewhere, who carries files."""

    several_annotators = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._given: dict[str, list[dict]] = {}
        self._clock = 0

    def labeler(self) -> Labeler:
        return FilesLabeler(self.folder)

    def _time(self) -> str:
        self._clock += 1
        return f"2026-01-02T03:04:{self._clock:02d}.000000Z"

    def _export(self) -> None:
        asked = [
            task
            for path in self.folder.glob("questions/*.json")
            for task in json.loads(path.read_text("utf-8"))
        ]
        rows = [
            {"id": n, "data": task["data"], "annotations": self._given.get(task["data"]["key"], [])}
            for n, task in enumerate(asked, 1)
        ]
        path = self.folder / "answers" / f"export-{self._clock}.json"
        part = path.with_suffix(".part")  # somebody may be reading: whole or not at all
        part.write_text(json.dumps(rows), encoding="utf-8")
        os.utime(part, (self._clock, self._clock))
        part.replace(path)
        for old in set(self.folder.glob("answers/*.json")) - {path}:
            old.unlink()

    def answer(self, key: str, label: str | None, who: int = 0) -> None:
        now = self._time()
        self._given.setdefault(key, []).append(
            {
                "id": self._clock,
                "created_at": now,
                "updated_at": now,
                "completed_by": {"id": who, "email": f"annotator-{who}@example.org"},
                "lead_time": 3.5,
                "was_cancelled": label is None,
                "result": [] if label is None else choice(label),
            }
        )
        self._export()

    def edit(self, key: str, label: str) -> None:
        self._given[key][0] |= {"result": choice(label), "updated_at": self._time()}
        self._export()

    def retract(self, key: str) -> None:
        del self._given[key]
        self._time()
        self._export()

    def delete(self, key: str) -> None:
        for path in self.folder.glob("questions/*.json"):
            kept = [task for task in json.loads(path.read_text("utf-8")) if task["data"]["key"] != key]
            path.write_text(json.dumps(kept), encoding="utf-8")
        self._time()
        self._export()


class StudioDriver:
    """Annotators at the real server, by its API."""

    several_annotators = True

    def __init__(self, server: LocalStudio, name: str) -> None:
        self.server = server
        self._name = name
        self._project = 0
        self.sdk = sdk(server.url, server.token)
        self._others: dict[int, LabelStudio] = {}

    def labeler(self) -> Labeler:
        return LabelStudioLabeler(self.server.url, self.server.token, timeout=60.0)

    def _task(self, key: str) -> int:
        project = next(p for p in self.sdk.projects.list(title=self._name))
        self._project = project.id
        page = self.sdk.tasks.list(project=project.id, include="id,data", page_size=1000)
        return next(task.id for task in page.items if task.data["key"] == key)

    def _annotation(self, key: str) -> int:
        return self.sdk.annotations.list(self._task(key))[0].id

    def _who(self, who: int) -> LabelStudio:
        if who == 0:
            return self.sdk
        if who not in self._others:
            email = f"annotator-{who}-{self._project}@example.org"
            self._others[who] = sdk(self.server.url, sign_up(self.server.url, email, "secret-12345"))
        return self._others[who]

    def answer(self, key: str, label: str | None, who: int = 0) -> None:
        task = self._task(key)
        self._who(who).annotations.create(
            id=task, result=[] if label is None else choice(label), was_cancelled=label is None, lead_time=3.5
        )

    def edit(self, key: str, label: str) -> None:
        self.sdk.annotations.update(id=self._annotation(key), result=choice(label))

    def retract(self, key: str) -> None:
        self.sdk.annotations.delete(id=self._annotation(key))

    def delete(self, key: str) -> None:
        self.sdk.tasks.delete(id=str(self._task(key)))


@dataclass
class Fault:
    """What a server on the way does to a request.

    Attributes:
        status: answer this instead; None = close the connection without an answer.
        forward: pass the request on first (so that it takes effect) or not.
        body: what to answer with.
        headers: headers of the answer.
        delay: seconds until anything is answered.
        real: answer what the server did after all: "whole", or "cut" off in the middle of the announced length, or
            "short" with half of it announced. Needs `forward`; `status`, `body` and `headers` are not looked at.
    """

    status: int | None
    forward: bool = False
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    delay: float = 0.0
    real: Literal["", "whole", "cut", "short"] = ""


@dataclass
class Gateway:
    """A real HTTP server between us and Label Studio; `faults` says what goes wrong.

    Attributes:
        faults: (method, path) -> the fault, or None to pass the request on unharmed.
        requests: every (method, path) that came.
    """

    url: str
    faults: Callable[[str, str], Fault | None]
    requests: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def gateway(
    target: str,
    faults: Callable[[str, str], Fault | None] = lambda _method, _path: None,
    *,
    largest: int | None = None,
    prefix: str = "",
) -> Iterator[Gateway]:
    """Run a `Gateway` in front of `target` on a free port.

    Args:
        target: address of the server behind it.
        faults: see `Gateway`.
        largest: bytes that a request may have; more is refused with 413, as nginx does.
        prefix: path that is taken off each request; without it a request is answered with 404.
    """

    class Handler(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            content = self.rfile.read(size)
            shown.requests.append((self.command, self.path))
            fault = shown.faults(self.command, self.path)
            if largest is not None and size > largest:
                fault = Fault(413, body=b"<html><title>413 Request Entity Too Large</title></html>")
            elif not self.path.startswith(prefix):
                fault = Fault(404)
            if fault is None or fault.forward:
                headers = {
                    n: v for n, v in self.headers.items() if n.lower() not in ("host", "content-length")
                }
                reply = httpx.request(
                    self.command,
                    target + self.path.removeprefix(prefix),
                    content=content,
                    headers=headers,
                    timeout=60.0,
                )
                status, body = reply.status_code, reply.content
                sent = {"Content-Type": reply.headers.get("Content-Type", "application/json")}
            if fault is not None:
                time.sleep(fault.delay)
            announced = None
            if fault is not None and fault.real:
                half = body[: len(body) // 2]
                announced = len(body) if fault.real == "cut" else None
                body = body if fault.real == "whole" else half
                self.close_connection = True
            elif fault is not None:
                if fault.status is None:
                    self.close_connection = True
                    return
                status, body, sent = fault.status, fault.body, fault.headers
            self.send_response(status)
            for name, value in {**sent, "Content-Length": str(announced or len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):  # whoever asked may be gone
                self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = do_OPTIONS = _pass  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        shown = Gateway(f"http://127.0.0.1:{server.server_address[1]}", faults)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield shown
        finally:
            server.shutdown()
            thread.join()


def spec(title: str, *classes: str, kind: str = "text") -> ProjectSpec:
    return ProjectSpec(title=title, kind=kind, classes=classes or ("pos", "neg"))
