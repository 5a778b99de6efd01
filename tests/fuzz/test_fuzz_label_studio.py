"""Whatever answers where Label Studio should: a value, or one `LabelerError`; soon, and never with the token in it.

The real SDK runs over httpx.MockTransport, which answers each call with what a real server once said (`recorded.json`),
or with a damaged reply. A real server cannot be made to send these.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from fuzz.harness import explains
from fuzz.inputs import cases, damaged, json_files
from fuzz.record import RECORDED, TITLE, call_of
from fuzz.test_fuzz_answers import is_answer
from hypothesis import given
from hypothesis import strategies as st
from support.studio import questions, spec

from integrations.errors import LabelerError
from integrations.labelers.label_studio.inventory import StudioProjects
from integrations.labelers.label_studio.labeler import LabelStudioLabeler
from integrations.labelers.protocol import Announcement, Pulled, Suggestion

REPLIES: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))
REPLIES["change project"] = REPLIES["get project"]
MOST_REQUESTS = 1200  # a list of projects without an end is given up after 1,000 pages
MOST_SLEEP = 400.0  # seconds that the SDK may wait in one call of the labeler, were they real
URL = "http://studio.test"
TOKEN = "0123456789abcdef0123456789abcdef01234567"  # no message may hold it


@dataclass(frozen=True)
class Reply:
    """What comes back instead of the recorded reply."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


class Broken(httpx.MockTransport):
    """Answers as recorded, but for the calls in `wrong`; counts."""

    def __init__(self, wrong: dict[str, Reply | type[Exception]]) -> None:
        super().__init__(self._answer)
        self._wrong = wrong
        self.requests = 0

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        assert self.requests <= MOST_REQUESTS, (
            f"no end of requests; the last was {request.method} {request.url}"
        )
        call = call_of(request)
        reply = self._wrong.get(call, Reply(200, json.dumps(REPLIES[call]).encode()))
        if isinstance(reply, Reply):
            return httpx.Response(reply.status, content=reply.body, headers=reply.headers)
        raise reply("it broke")


@pytest.fixture(scope="module", autouse=True)
def _no_waiting() -> Iterator[None]:
    """The SDK's pauses between attempts pass at once; what they add up to is limited."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("label_studio_sdk.core.http_client.time.sleep", _Slept.add)
        yield


class _Slept:
    seconds = 0.0

    @classmethod
    def add(cls, seconds: float) -> None:
        cls.seconds += seconds
        assert cls.seconds <= MOST_SLEEP, "no end of waiting"


def labeler_over(transport: httpx.MockTransport) -> tuple[LabelStudioLabeler, StudioProjects]:
    """The labeler, and what `curator restore` reads with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx, "HTTPTransport", lambda **_options: transport)
        return LabelStudioLabeler(URL, TOKEN), StudioProjects(URL, TOKEN)


STATUS = st.one_of(
    st.just(200),
    st.sampled_from([200, 201, 202, 204, 301, 302, 304, 400, 401, 403, 404, 408, 409, 413, 418, 429, 451]),
    st.sampled_from([500, 501, 502, 503, 504, 511, 599, 600, 999]),
)
HEADERS = st.sampled_from(
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "text/html; charset=klingon"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Retry-After": "86400", "Location": f"http://elsewhere.test/?token={TOKEN}"},
        {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT", "retry-after-ms": "1e9"},
        {"X-RateLimit-Reset": "99999999999", "Location": "::::"},
        {},
    ]
)
# A server, or a proxy before it, that repeats the token in what it says; also where a long message is cut.
SAYING = st.builds(
    lambda before, say: say(f"{'x ' * (before // 2)}bad token {TOKEN}"),
    st.sampled_from([0, 1, 240, 270, 280, 290, 299, 300]),
    st.sampled_from(
        [
            lambda said: json.dumps({"detail": said, "validation_errors": None}).encode(),
            lambda said: json.dumps({"validation_errors": {"title": [said]}}).encode(),
            lambda said: json.dumps([said]).encode(),
            lambda said: f"<html><title>{said}</title></html>".encode(),
            lambda said: said.encode(),
        ]
    ),
)
TRANSPORT_ERRORS = st.sampled_from(
    [
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.ReadTimeout,
        httpx.RemoteProtocolError,
        httpx.DecodingError,
        httpx.TooManyRedirects,
        httpx.UnsupportedProtocol,
    ]
)


@st.composite
def wrong_replies(draw: Any) -> dict[str, Reply | type[Exception]]:
    """Damaged replies to one to three of the calls; the others are answered well."""
    wrong: dict[str, Reply | type[Exception]] = {}
    for call in draw(st.lists(st.sampled_from(sorted(REPLIES)), min_size=1, max_size=3, unique=True)):
        good = REPLIES[call]
        body = draw(
            st.one_of(
                damaged(good).map(lambda value: json.dumps(value).encode()),
                damaged(good).map(lambda value: json.dumps(value).encode()),
                json_files(good),
                SAYING,
            )
        )
        status = draw(STATUS)
        if draw(st.integers(0, 9)) == 0:
            wrong[call] = draw(TRANSPORT_ERRORS)
        else:
            wrong[call] = Reply(status, body, draw(HEADERS) if draw(st.booleans()) else {})
    return wrong


SPEC = spec(TITLE, "pos", "neg")


def keeps_the_secret(said: str) -> None:
    """Neither the token nor the beginning of it is in a message."""
    assert TOKEN[:12] not in said, said


def story(transport: httpx.MockTransport, project: str | None) -> Iterator[Any]:
    """Every method of the labeler, in an order that the rounds use."""
    new = [
        replace(question, suggestion=Suggestion("pos", 0.5, "m1")) for question in questions(3, prefix="n")
    ]
    labeler, projects = labeler_over(transport)
    calls = (
        lambda: labeler.prepare(replace(SPEC, holder="somewhere"), project),
        lambda: labeler.find(["k0", "k1", "n9"]),
        lambda: labeler.send(new),
        lambda: labeler.announce(Announcement(1, "m1", {"k1": 2})),
        lambda: labeler.pull(None),
        lambda: labeler.pull("2026-01-01T00:00:00.000000Z"),
        labeler.question_count,
        labeler.answer_count,
        labeler.where,
        lambda: labeler._client.uploads(1),
        lambda: labeler._client.upload(1, [("a.png", b"png")]),
        projects.ours,
        lambda: list(projects.inventory(1, "text").keys()),
        lambda: list(projects.inventory(1, "text").questions(lambda key: key != "k1")),
    )
    for number, call in enumerate(calls):
        _Slept.seconds = 0.0
        try:
            yield call()
        except LabelerError as exc:
            explains(exc)
            keeps_the_secret(f"{exc} {exc!r} {labeler!r}")
            if number == 0:  # nothing else can be asked
                return


NO_PROJECT = Reply(200, json.dumps({"count": 0, "next": None, "previous": None, "results": []}).encode())


@cases
@given(wrong_replies(), st.sampled_from(["known", "to be found", "to be made"]))
def test_any_reply_is_a_value_or_one_clear_error(wrong, project):
    """No traceback, no token, no end of requests; what is returned keeps the protocol."""
    if project == "to be made":
        wrong = {"list projects": NO_PROJECT, **wrong}
    for value in story(Broken(wrong), "1" if project == "known" else None):
        if isinstance(value, Pulled):
            assert value.cursor is None or value.cursor.endswith("Z")
            assert min(value.foreign_questions, value.foreign_answers) >= 0
            keys = [question.key for question in value.questions]
            assert len(keys) == len(set(keys))
            for question in value.questions:
                question.key.encode()
                assert question.external_id
                for answer in question.answers:
                    is_answer(answer)
        elif isinstance(value, dict):
            assert all(
                isinstance(name, str | int) and isinstance(found, str) for name, found in value.items()
            )


def test_the_recorded_replies_are_good():
    """Undamaged, the whole story goes well: the property above starts from something that works."""
    values = list(story(Broken({}), None))
    assert len(values) == 14
    assert [len(value.questions) for value in values if isinstance(value, Pulled)] == [3, 3]


def changed(call: str, **values: Any) -> Reply:
    """The recorded reply to a call with other values in it; of a list of tasks, in the first of them."""
    reply = json.loads(json.dumps(REPLIES[call]))
    (reply["tasks"][0] if "tasks" in reply else reply).update(values)
    return Reply(200, json.dumps(reply).encode())


@pytest.mark.parametrize(
    "wrong",
    [
        {"list projects": changed("list projects", next="http://studio.test/api/projects/?page=2")},
        {"list projects": Reply(400, json.dumps({"detail": "x " * 135 + TOKEN}).encode())},
        {"list projects": Reply(200, b"[" * 50_000)},
        {"get project": changed("get project", id=float("inf"))},
        {"get project": changed("get project", task_number="many")},
        {"get project": changed("get project", title=[])},
        {"list answers": changed("list answers", annotations=7)},
        {"list answers": changed("list answers", data=[], id="x")},
        {"list answers": changed("list answers", annotations=[{"completed_by": {"id": [1]}}])},
        {"newest task": changed("newest task", updated_at="yesterday")},
        {"list tasks": Reply(200, b'{"tasks": ["a", "b"], "total": 2}')},
        {"list tasks": Reply(200, b'{"tasks": [], "total": 1e999}')},
        {"upload": Reply(200, b'{"files": [1]}')},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_was_found_stays_found(wrong):
    """Replies that once ended in a traceback, in a list without an end, or in a message with half of the token."""
    transport = Broken(wrong)
    for _ in story(transport, None):
        pass
    assert transport.requests < MOST_REQUESTS


def test_a_list_of_tasks_that_never_ends_is_given_up():
    """Ever new tasks, one on a page: no more pages than the first one let expect."""

    class Endless(Broken):
        def _answer(self, request: httpx.Request) -> httpx.Response:
            if call_of(request) != "list tasks":
                return super()._answer(request)
            self.requests += 1
            assert self.requests < MOST_REQUESTS
            task = {"id": self.requests, "data": {"key": f"other-{self.requests}"}}
            return httpx.Response(200, json={"tasks": [task], "total": 50})

    values = list(story(Endless({}), None))
    assert len(values) < 14
