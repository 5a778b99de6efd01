"""`curator serve`: suggestions while people label, from the newest model, for nobody but Label Studio."""

import asyncio
import base64
import hashlib
import json
import os
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.local_studio import LocalStudio
from support.process import start_curator
from support.projects import CLASSES, edit_config, labels_of, make_project
from support.studio import Fault, choice, gateway, sdk
from typer.testing import CliRunner

from curator.cli.app import app
from curator.ledger.store import Ledger
from curator.project.project import Project
from curator.project.wake import WakeWatch, wake_file
from curator.rounds.questions import is_blind
from curator.rounds.run import run_round
from curator.rounds.wait import wait_for_round
from curator.serve import gate, wakeup
from curator.serve.run import Address, _client, _listen, _running, serve_project
from curator.serve.secret import FILE, VARIABLE, serve_secret, wake_secret
from integrations.labelers.label_studio.annotator import SimulatedAnnotator
from integrations.labelers.label_studio.launch import ServerOptions
from integrations.labelers.protocol import ProjectSpec
from integrations.labelers.studio_config import build_config

ROOT = Path(__file__).resolve().parents[3]
SECRET = "a secret of the tests, long enough"
TOKEN = "LABEL_STUDIO_API_KEY"
# As Label Studio does, it opens a connection for each request.
CLIENT = httpx.Client(timeout=60.0, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
IS_JSON = {"Content-Type": "application/json"}
CONFIG = build_config(ProjectSpec("colours", "text", CLASSES))


@dataclass
class Served:
    """A server that is up, and who asks it."""

    url: str
    folder: Path
    said: list[str] = field(default_factory=list)

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        more.setdefault("auth", ("curator", SECRET))
        return CLIENT.request(method, self.url + path, **more)

    def predict(self, tasks: list[Any], config: str = CONFIG) -> list[Any]:
        body = {"tasks": tasks, "label_config": config, "project": "1.2"}
        reply = self.call("POST", "/predict", content=json.dumps(body), headers=IS_JSON)
        assert reply.status_code == 200, reply.text
        return reply.json()["results"]

    def wake_watch(self) -> WakeWatch:
        return WakeWatch(wake_file(self.folder / ".curator"))


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """The server without a Label Studio."""
    listener = _listen(Address(port=0))
    served = Served(f"http://127.0.0.1:{listener.getsockname()[1]}", folder)
    with _running(folder, listener, SECRET, served.said.append, threading.Event()):
        yield served


def next_round(folder: Path) -> None:
    with Project(folder) as project:
        run_round(project)


def questions(folder: Path, where: str = "1") -> list[dict[str, Any]]:
    with Ledger(folder / ".curator" / "ledger.db") as ledger:
        return ledger.rows(f"select * from questions where {where} order by round, rank")


def task(row: dict[str, Any]) -> dict[str, Any]:
    """A question as Label Studio sends it."""
    return {"id": 7, "data": {"text": "x", "key": row["key"], "item_id": row["item_id"], "rank": row["rank"]}}


def models_own(folder: Path, round_id: int, rows: list[dict[str, Any]]) -> list[tuple[str, float]]:
    """What the model of a round thinks of the items, by the library."""
    with Project(folder) as project:
        embeddings = project.embeddings.take(project.pool.rows([row["item_id"] for row in rows]))
        probs = project.checkpoint(round_id).model.predict_proba(embeddings)
    return [(CLASSES[int(p.argmax())], float(p.max())) for p in probs]


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Path:
    """A campaign with one measured round and a second one out; half of the questions are blind. Read only."""
    folder = make_project(tmp_path_factory.mktemp("serve") / "p", n=120, batch=20, holdout="20")
    edit_config(folder, "[cost]", "")
    edit_config(folder, "seconds_per_word = 0.0", "seconds_per_word = 0.0\nblind_share = 0.5\n[cost]")
    for _ in range(2):
        next_round(folder)
    return folder


@pytest.fixture
def project(measured: Path, tmp_path: Path) -> Path:
    """A copy of it to change."""
    return Path(shutil.copytree(measured, tmp_path / "p"))


@pytest.fixture(scope="module")
def served(measured: Path) -> Iterator[Served]:
    with serving(measured) as served:
        yield served


def test_a_suggestion_is_what_the_newest_model_thinks(served):
    """Class, probability and version, in Label Studio's words, for every question that may show one."""
    shown = questions(served.folder, "suggestion_shown = 1")
    assert len(shown) >= 5
    expected = models_own(served.folder, 1, shown)
    for result, (label, probability) in zip(
        served.predict([task(row) for row in shown]), expected, strict=True
    ):
        assert result["result"] == choice(label)
        assert result["score"] == pytest.approx(probability, abs=1e-6)
        assert result["model_version"] == "round-001"


def test_hold_out_and_blind_questions_get_none(served):
    """Neither those of a round with a model, nor those that chance makes blind in a round before there was one."""
    rows = questions(served.folder)
    results = served.predict([task(row) for row in rows])
    early = 0
    for row, result in zip(rows, results, strict=True):
        if row["role"] == "holdout" or row["suggestion_shown"] == 0:
            assert result == []
        elif row["suggestion_shown"] is None:
            early += 1
            assert (result == []) == is_blind(row["item_id"], 0, 0.5)
        else:
            assert result["model_version"] == "round-001"
    assert early == 20
    assert {row["role"] for row in rows} == {"train", "holdout"}
    assert 0 < sum(row["suggestion_shown"] == 0 for row in rows) < 20


def test_what_is_not_ours_gets_none(served):
    """Tasks of other tools and campaigns, keys nobody asked, an item that does not belong to its key, other classes."""
    row = questions(served.folder, "suggestion_shown = 1")[0]
    good = task(row)
    other = {**good["data"], "item_id": questions(served.folder)[0]["item_id"]}
    strange = [
        {"id": 1, "data": {"text": "hello"}},
        {"id": 2, "data": {**good["data"], "key": f"otherone-{row['key']}"}},
        {"id": 3, "data": {**good["data"], "key": row["key"] + "0"}},
        {"id": 4, "data": {**good["data"], "key": row["key"][:-1] + "\udc80"}},
        {"id": 5, "data": other},
        {"id": 6, "data": {**good["data"], "item_id": 5}},
        {"id": 7, "data": None},
        {"id": 8},
    ]
    results = served.predict([*strange, good])
    assert results[:-1] == [[]] * len(strange)
    assert results[-1]["result"]
    less = CONFIG.replace(f'<Choice value="{results[-1]["result"][0]["value"]["choices"][0]}" />', "")
    assert less != CONFIG
    assert served.predict([good], less) == [[]]
    assert served.predict([]) == []


def test_the_protocol_around_it(served):
    """Health, set-up and versions answer as Label Studio wants it; "start training" trains nothing."""
    assert served.call("GET", "/health").json() == {"status": "UP"}
    body = {"project": "1.2", "schema": CONFIG, "hostname": "http://x", "access_token": "a-users-token"}
    assert served.call("POST", "/setup", json=body).json() == {"model_version": "round-001"}
    assert served.call("GET", "/versions").json() == {"versions": ["round-001"]}
    before = questions(served.folder)
    assert served.call("POST", "/webhook", json={"action": "START_TRAINING"}).json() == {}
    assert questions(served.folder) == before
    assert "a-users-token" not in "".join(served.said)


PATHS = [
    ("GET", "/health"),
    ("POST", "/setup"),
    ("POST", "/predict"),
    ("GET", "/versions"),
    ("POST", "/webhook"),
    ("POST", "/wake"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/nothing/here"),
]


@pytest.mark.parametrize(
    "credentials",
    [
        {"auth": None},
        {"auth": ("curator", "")},
        {"auth": ("curator", SECRET + "x")},
        {"auth": ("curator", SECRET[:-1])},
        {"auth": ("somebody", SECRET)},
        {"auth": None, "headers": {"Authorization": f"Bearer {SECRET}"}},
        {"auth": None, "headers": {"Authorization": "Basic %%%"}},
        {"auth": None, "headers": {"Authorization": "Basic"}},
        {"auth": None, "headers": {"X-Curator-Secret": SECRET}},
    ],
    ids=str,
)
def test_strangers_are_refused_and_learn_nothing(served, credentials):
    """The same 401 on every path, whether it exists or not, before the body is looked at."""
    answers = set()
    for method, path in PATHS:
        content = b"{" if method == "POST" else None
        reply = served.call(method, path, content=content, **credentials)
        answers.add((reply.status_code, reply.text, reply.headers["www-authenticate"]))
    assert answers == {(401, '{"detail": "unauthorized"}', 'Basic realm="curator"')}


def test_the_secret_of_webhooks_opens_the_wake_path_only(served):
    """Every user of a Label Studio can read its webhooks: what is in them must not be good for more."""
    header = {"X-Curator-Secret": wake_secret(SECRET)}
    watch = served.wake_watch()
    assert served.call("POST", "/predict", auth=None, headers=header, json={"tasks": []}).status_code == 401
    assert served.call("GET", "/health", auth=("curator", wake_secret(SECRET))).status_code == 401
    assert served.call("POST", "/wake").status_code == 401  # basic auth
    assert not watch.called
    reply = served.call("POST", "/wake", auth=None, headers=header, json={"action": "ANNOTATION_CREATED"})
    assert (reply.status_code, reply.content) == (204, b"")
    assert watch.called


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'"tasks"',
        b"{}",
        b'{"tasks": 5}',
        b'{"tasks": {"0": {}}}',
        b'{"tasks": [5]}',
        b'{"tasks": [[]]}',
        b'{"tasks": [], "label_config": 5}',
        b'{"tasks": [], "label_config": "no xml SENSITIVE"}',
        b'{"tasks": [], "label_config": "<View/>"}',
        b'{"tasks": ' + b"[" * 100_000,
        b'{"tasks": ' + b"1" * 10_000 + b"}",
    ],
    ids=lambda content: repr(content[:40]),
)
def test_nonsense_is_refused(served, content):
    """4xx without a traceback and without an echo, and the server goes on."""
    said = len(served.said)
    reply = served.call("POST", "/predict", content=content, headers=IS_JSON)
    assert 400 <= reply.status_code < 500
    assert "SENSITIVE" not in reply.text
    assert "Traceback" not in reply.text
    assert len(reply.text) < 200
    assert served.said[said:] == []
    assert served.call("GET", "/health").status_code == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("data"), inner, max_size=4)
    ),
    max_leaves=12,
)
DATA = st.dictionaries(st.sampled_from(["key", "item_id", "text"]), JSON)


@given(
    body=st.one_of(
        JSON,
        st.fixed_dictionaries(
            {"tasks": st.lists(JSON | st.fixed_dictionaries({"data": JSON | DATA}), max_size=4)}
        ),
    )
)
@settings(max_examples=300, deadline=None)
def test_whatever_json_comes_is_answered(served, body):
    """200 or 4xx, never a failure."""
    if isinstance(body, dict) and "tasks" in body:
        body["label_config"] = CONFIG
    reply = served.call("POST", "/predict", content=json.dumps(body), headers=IS_JSON)
    assert reply.status_code in (200, 400, 422), (reply.status_code, body)
    if reply.status_code == 200:
        assert reply.json() == {"results": [[]] * len(body["tasks"])}
    assert not [line for line in served.said if "failed" in line]


def test_bodies_are_bounded(served):
    """Too large is refused by the size that is announced, and by what comes when none is."""
    size = gate.LARGEST_BODY + 1
    coded = base64.b64encode(f"curator:{SECRET}".encode()).decode()
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {coded}\r\nContent-Type: application/json\r\n"
    assert _raw(served, f"{head}Content-Length: {size}\r\n\r\n".encode()).startswith(b"HTTP/1.1 413 ")
    endless = b"%x\r\n%s\r\n" % (1 << 20, b" " * (1 << 20))
    reply = _raw(served, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode(), endless)
    assert reply.startswith(b"HTTP/1.1 413 "), reply
    big = {"tasks": [{"data": {"text": "x" * 1_000_000}}] * 5, "label_config": CONFIG}
    assert served.call("POST", "/predict", json=big).json() == {"results": [[]] * 5}


def _raw(served: Served, head: bytes, again: bytes = b"") -> bytes:
    """Send bytes, then others again and again until there is an answer; returns the answer."""
    with socket.create_connection(
        ("127.0.0.1", int(served.url.rpartition(":")[2])), timeout=60
    ) as connection:
        connection.sendall(head)
        while again and not select.select([connection], [], [], 0)[0]:
            connection.sendall(again)
        return connection.recv(65536)


def test_nothing_of_the_project_is_changed(project):
    """It reads the ledger, the pool, the embeddings and the model, and writes none of them."""
    with serving(project) as served:
        before = _tree(project)
        rows = questions(project)
        before = _tree(project)
        assert any(served.predict([task(row) for row in rows]))
        assert served.call("POST", "/setup", json={}).status_code == 200
        assert _tree(project) == before


def _tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith("-shm")
    }


def test_it_takes_the_model_of_each_round_without_a_restart(project):
    """Asked all the time while a round is trained, it answers from one model or the next, and from the next at last."""
    rows = questions(project, "suggestion_shown = 1")
    tasks = [task(row) for row in rows]
    versions: list[str] = []
    with serving(project) as served:
        working = threading.Thread(target=lambda: next_round(project))
        working.start()
        while working.is_alive():
            versions += {result["model_version"] for result in served.predict(tasks) if result}
        results = served.predict(tasks)
        assert [line for line in served.said if "from the model" in line] == [
            "Suggestions now come from the model round-001.",
            "Suggestions now come from the model round-002.",
        ]
        assert not [line for line in served.said if "failed" in line or "No suggestions" in line]
    assert versions == sorted(versions)
    assert set(versions) <= {"round-001", "round-002"}
    assert {result["model_version"] for result in results} == {"round-002"}
    assert [result["result"] for result in results] == [
        choice(label) for label, _ in models_own(project, 2, rows)
    ]


def test_a_scikit_learn_model_is_served_too(tmp_path):
    """It is trained again when loaded; the suggestions are those of the round."""
    folder = make_project(tmp_path / "p", n=80, batch=10, holdout="20")
    edit_config(folder, 'name = "head"', 'name = "sklearn:linear_model.LogisticRegression"')
    for _ in range(2):
        next_round(folder)
    rows = questions(folder, "suggestion_shown = 1")
    with serving(folder) as served:
        results = served.predict([task(row) for row in rows])
    assert [result["result"] for result in results] == [choice(row["suggestion"]) for row in rows]


def test_nothing_is_suggested_when_suggestions_are_off(project):
    """By curator.toml, read anew when it changes, or by themselves because they were shown to hurt."""
    tasks = [task(row) for row in questions(project, "suggestion_shown = 1")]
    none = [[]] * len(tasks)
    with serving(project) as served:
        assert all(served.predict(tasks))
        edit_config(project, "[labeler]", "[labeler]\n#")
        edit_config(project, "seconds = 5.0", 'seconds = 5.0\nsuggestions = "off"')
        assert served.predict(tasks) == none
        assert served.call("POST", "/setup", json={}).json() == {"model_version": ""}
        assert served.call("GET", "/versions").json() == {"versions": []}
        edit_config(project, 'suggestions = "off"', 'suggestions = "auto"')
        assert all(served.predict(tasks))
        with Ledger(project / ".curator" / "ledger.db") as ledger, ledger.write():
            ledger.put("suggestions_off", "they slow people down")
        assert served.predict(tasks) == none
        edit_config(project, 'suggestions = "auto"', 'suggestions = "on"')
        assert all(served.predict(tasks))


def _another_encoder(folder: Path) -> None:
    path = folder / ".curator/models/round-001/model.json"
    values = json.loads(path.read_text("utf-8"))
    values["meta"] |= {"encoder": "another", "encoder_fingerprint": "of another encoder"}
    path.write_text(json.dumps(values), encoding="utf-8")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (
            lambda p: (p / ".curator/models/round-001/model.safetensors").write_bytes(b"torn"),
            "not a usable model",
        ),
        (lambda p: shutil.rmtree(p / ".curator/embeddings"), "no embeddings yet"),
        (lambda p: (p / ".curator/pool/manifest.json").write_text("{"), "manifest.json"),
        (lambda p: (p / "curator.toml").write_text("name = "), "not valid TOML"),
        (lambda p: (p / "curator.toml").unlink(), "curator.toml"),
        (_another_encoder, "encoder has changed"),
    ],
    ids=["model", "embeddings", "pool", "config", "no config", "encoder"],
)
def test_what_cannot_be_read_is_said_once_and_suggests_nothing(project, harm, said):
    """The annotators go on without suggestions; nothing is computed, and all is well once it is mended."""
    tasks = [task(row) for row in questions(project, "suggestion_shown = 1")]
    whole = project.parent / "whole"
    with serving(project) as served:
        shutil.copytree(project, whole)
        harm(project)
        os.utime(project / ".curator/pool/manifest.json", ns=(5, 5))  # as a `curator add` would
        for _ in range(3):
            assert served.predict(tasks) == [[]] * len(tasks)
        assert served.call("GET", "/health").status_code == 200
        (line,) = [line for line in served.said if line.startswith("No suggestions for now: ")]
        assert said in line
        shutil.rmtree(project / ".curator/models")
        for part in (".curator/models", ".curator/embeddings", ".curator/pool", "curator.toml"):
            source, target = whole / part, project / part
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copy(source, target)
        assert all(served.predict(tasks))


def test_before_the_first_model_there_is_nothing_to_suggest(tmp_path):
    """The server can be up from the first round on."""
    folder = make_project(tmp_path / "p", n=60, batch=6, holdout="10")
    next_round(folder)
    with serving(folder) as served:
        rows = questions(folder)
        assert served.predict([task(row) for row in rows]) == [[]] * len(rows)
        assert served.call("POST", "/setup", json={}).json() == {"model_version": ""}
        next_round(folder)
        assert any(served.predict([task(row) for row in rows]))


def test_many_calls_are_one_wake_up(tmp_path, monkeypatch):
    """The first wakes at once, those within the gap together once more: the last answer is never left out."""
    touched = []

    async def story() -> None:
        twice = asyncio.Event()

        def touch(path: Path) -> None:
            touched.append(path)
            if len(touched) == 2:
                twice.set()

        monkeypatch.setattr(wakeup, "wake", touch)
        monkeypatch.setattr(wakeup, "GAP", 0.3)
        wake_up = wakeup.WakeUp(tmp_path / "wake", lambda _text: None)
        for _ in range(100):
            wake_up.call()
        assert len(touched) == 1
        await twice.wait()
        await asyncio.sleep(0.5)
        assert len(touched) == 2
        wake_up.call()
        assert touched == [tmp_path / "wake"] * 3

    asyncio.run(story())


def test_a_wake_file_that_cannot_be_touched_is_said(tmp_path):
    """The caller is not bothered with it; a waiting round looks by itself anyway."""
    said = []

    async def story() -> None:
        wakeup.WakeUp(tmp_path / "gone" / "wake", said.append).call()

    asyncio.run(story())
    assert said == [
        f"{tmp_path}/gone/wake cannot be touched (No such file or directory): a waiting round looks for answers by itself."
    ]


def test_the_secret_is_made_once_and_kept_for_this_user_only(tmp_path, monkeypatch):
    """0600, the same next time; refused when others could read it; the environment comes first."""
    monkeypatch.delenv(VARIABLE, raising=False)
    secret = serve_secret(tmp_path)
    assert len(secret) >= 40
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert serve_secret(tmp_path) == secret
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(Exception, match="open to others") as caught:
        serve_secret(tmp_path)
    assert secret not in str(caught.value)
    monkeypatch.setenv(VARIABLE, SECRET)
    assert serve_secret(tmp_path) == SECRET
    for bad in ("short", "ä" * 30, "x" * 20 + "\ny"):
        monkeypatch.setenv(VARIABLE, bad)
        with pytest.raises(Exception, match="at least 16 characters") as caught:
            serve_secret(tmp_path)
        assert bad not in str(caught.value)
    assert wake_secret(SECRET) != wake_secret(SECRET + "x")
    assert SECRET not in wake_secret(SECRET)


# From here on with a real Label Studio.


@pytest.fixture(scope="module")
def open_studio(studio_executable: Path) -> Iterator[LocalStudio]:
    """A server that may call ML backends and webhooks on this machine."""
    options = ServerOptions(local_calls=True)
    with LocalStudio(studio_executable, ROOT / ".studio", options=options) as server:
        yield server


@dataclass
class Campaign:
    """A campaign at the real server."""

    folder: Path
    studio: LocalStudio

    def __post_init__(self) -> None:
        self.api = sdk(self.studio.url, self.studio.token)
        with Project(self.folder) as project:
            self.truth = labels_of(project)
            self.number = int(project.ledger.get("labeler_project") or 0)

    def answer(self, most: int | None = None) -> int:
        annotator = SimulatedAnnotator(
            self.studio.url, self.studio.token, lambda data: self.truth[data["item_id"]]
        )
        return annotator.run(self.number, most=most)

    def open(self, row: dict[str, Any]) -> list[Any]:
        """Open a task as an annotator's browser does; returns the suggestions that are shown."""
        reply = httpx.get(
            f"{self.studio.url}/api/tasks/{row['external_id']}",
            headers={"Authorization": f"Token {self.studio.token}"},
            timeout=60.0,
        )
        return list(reply.json()["predictions"])

    def backends(self) -> list[Any]:
        return list(self.api.ml.list(project=self.number))

    def webhooks(self) -> list[Any]:
        return list(self.api.webhooks.list(project=str(self.number)))

    def shown_version(self) -> str:
        return str(self.api.projects.get(self.number).model_version or "")


Start = Callable[..., Campaign]


@pytest.fixture
def start(tmp_path, monkeypatch) -> Start:
    """Makes a campaign whose first round is out."""
    monkeypatch.delenv(VARIABLE, raising=False)

    def make(server: LocalStudio, url: str | None = None) -> Campaign:
        monkeypatch.setenv(TOKEN, server.token)
        folder = make_project(
            tmp_path / "p", labeler="label-studio", url=url or server.url, n=90, batch=16, holdout="10"
        )
        edit_config(folder, "blind_share = 0.2", "blind_share = 0.5")
        next_round(folder)
        return Campaign(folder, server)

    return make


@contextmanager
def registered(folder: Path) -> Iterator[list[str]]:
    """`curator serve` until the block ends; what it says."""
    said: list[str] = []
    stop = threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            serve_project(folder, Address(port=0), register=True, say=said.append, stop=stop)
        except BaseException as exc:  # noqa: BLE001 - carried over to the test
            failed.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        while thread.is_alive() and not any(line.startswith("Registered") for line in said):
            time.sleep(0.05)
        if failed:
            raise failed[0]
        yield said
    finally:
        stop.set()
        thread.join()


def test_annotators_get_live_suggestions(start, open_studio):
    """What was asked before there was a model gets a suggestion when it is opened; hold-out and blind tasks stay bare."""
    campaign = start(open_studio)
    campaign.answer(14)
    with registered(campaign.folder):
        left = [row for row in questions(campaign.folder) if not _answers(campaign, row)]
        assert [campaign.open(row) for row in left] == [[]] * len(left)  # no model yet
        with Project(campaign.folder) as project:
            assert run_round(project, partial=True).opened == 2
        train = [row for row in left if row["role"] == "train"]
        own = dict(zip([row["key"] for row in train], models_own(campaign.folder, 1, train), strict=True))
        blind = {row["key"]: is_blind(row["item_id"], 0, 0.5) for row in train}
        assert set(blind.values()) == {True, False}
        for row in left:
            found = campaign.open(row)
            if row["role"] == "holdout" or blind[row["key"]]:
                assert found == []
            else:
                label, probability = own[row["key"]]
                (prediction,) = found
                assert prediction["result"] == choice(label)
                assert prediction["score"] == pytest.approx(probability, abs=1e-6)
                assert prediction["model_version"] == "round-001"
        for row in questions(campaign.folder, "round = 2"):
            assert len(campaign.open(row)) == (row["suggestion_shown"] or 0)
        assert campaign.shown_version() == "round-001"
    campaign.answer()
    with Project(campaign.folder) as project:
        assert run_round(project).measured["round"] == 2


def _answers(campaign: Campaign, row: dict[str, Any]) -> list[Any]:
    return list(campaign.api.annotations.list(int(row["external_id"])))


def test_registration_is_one_however_often_and_gone_at_the_end(start, open_studio):
    """Others' backends and webhooks stay; the shown model is put back; the project's own events are not sent to us."""
    campaign = start(open_studio)
    foreign = campaign.api.webhooks.create(url="http://127.0.0.1:9/else", project=campaign.number)
    campaign.answer()
    next_round(campaign.folder)
    assert campaign.shown_version() == "round-001"
    with Project(campaign.folder) as project:
        client = _client(project)
    with registered(campaign.folder) as said:
        (backend,) = campaign.backends()
        assert backend.url == re.search(r"Serving at (\S+)\. ", said[-2]).group(1)
        assert backend.state == "CO"
        (hook,) = [hook for hook in campaign.webhooks() if hook.id != foreign.id]
        assert hook.url == f"{backend.url}/wake"
        secret = (campaign.folder / ".curator" / FILE).read_text().strip()
        assert hook.headers == {"X-Curator-Secret": wake_secret(secret)}
        assert (hook.send_payload, hook.send_for_all_actions) == (False, False)
        assert campaign.shown_version() == "round-001"
        client.register(backend.url, "/wake", "curator", secret, wake_secret(secret))
        assert len(campaign.backends()) == 1
        assert len(campaign.webhooks()) == 2
        assert campaign.shown_version() == "round-001"
    assert said[-1] == "Removed from Label Studio again."
    assert campaign.backends() == []
    assert [hook.id for hook in campaign.webhooks()] == [foreign.id]
    assert campaign.shown_version() == "round-001"
    assert campaign.studio.token not in "".join(said)
    assert secret not in "".join(said)


def test_before_any_model_the_shown_version_stays_empty(start, open_studio):
    """A backend would make its title the shown version; nothing of the loop has that name."""
    campaign = start(open_studio)
    with registered(campaign.folder):
        assert len(campaign.backends()) == 1
        assert campaign.shown_version() == ""
    assert campaign.shown_version() == ""


def test_an_answer_wakes_a_waiting_round(start, open_studio):
    """The real webhook touches the wake file, and a round that would look once an hour goes on at once."""
    campaign = start(open_studio)
    found = []
    with registered(campaign.folder):
        waiting = threading.Thread(
            target=lambda: found.append(wait_for_round(lambda: Project(campaign.folder), poll=3600.0))
        )
        watch = WakeWatch(wake_file(campaign.folder / ".curator"))
        waiting.start()
        campaign.answer()
        waiting.join()  # the test's own time limit ends this when nobody wakes up
        assert watch.called
    assert found[0].measured["round"] == 1


def test_the_loop_goes_on_when_the_server_is_killed(start, open_studio, tmp_path):
    """kill -9 leaves a backend that nobody answers for: people label on, rounds run on, and it can be taken out."""
    campaign = start(open_studio)
    process = start_curator("serve", "--project", str(campaign.folder), "--port", "0")
    _read_until(process, "Registered")
    process.kill()
    process.communicate()
    assert len(campaign.backends()) == 1
    row = questions(campaign.folder)[0]
    assert campaign.open(row) == []
    assert campaign.answer() == 26
    next_round(campaign.folder)
    assert [row["round"] for row in questions(campaign.folder, "round = 2")]
    with registered(campaign.folder):  # a new one takes the place of the dead one
        assert len(campaign.backends()) == 1
        assert len(campaign.webhooks()) == 1
    done = CliRunner().invoke(app, ["serve", "--unregister", "--project", str(campaign.folder)])
    assert (done.exit_code, done.stdout) == (0, "0 entries removed from Label Studio.\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_clean_stop(start, open_studio, number):
    """Exit code 0, nothing left at Label Studio, neither token nor secret in the output."""
    campaign = start(open_studio)
    process = start_curator("serve", "--project", str(campaign.folder), "--port", "0")
    said = _read_until(process, "Registered")
    assert len(campaign.backends()) == 1
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "")
    assert err.splitlines()[-1] == "Removed from Label Studio again."
    assert campaign.backends() == campaign.webhooks() == []
    secret = (campaign.folder / ".curator" / FILE).read_text().strip()
    for hidden in (secret, campaign.studio.token):
        assert hidden not in said + err


def _read_until(process: subprocess.Popen, start: str) -> str:
    said = ""
    while not (line := process.stderr.readline()).startswith(start):
        said += line
        assert line, f"it ended: {said}"
    return said + line


def test_a_label_studio_that_refuses_this_machine(start, studio):
    """The default of Label Studio: said with what to do, exit code 1, nothing left there; the loop does not mind."""
    campaign = start(studio)
    done = CliRunner().invoke(app, ["serve", "--project", str(campaign.folder), "--port", "0"])
    assert done.exit_code == 1
    error = done.stderr.splitlines()[-1]
    assert "SSRF_PROTECTION_ENABLED=false and ML_BLOCK_LOCAL_IP=false" in error
    assert campaign.backends() == campaign.webhooks() == []
    assert campaign.answer() == 26
    next_round(campaign.folder)


def test_a_backend_that_cannot_be_reached(start, open_studio):
    """An address that leads nowhere is refused by Label Studio, with its reason."""
    campaign = start(open_studio)
    arguments = ["serve", "--project", str(campaign.folder), "--port", "0", "--url", "http://127.0.0.1:9"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert "Can't connect to ML backend http://127.0.0.1:9" in done.stderr
    assert campaign.backends() == []


def test_a_label_studio_that_is_away_is_waited_for(start, open_studio, monkeypatch):
    """Said once; registered when it is back."""
    monkeypatch.setattr("curator.serve.run._FIRST_WAIT", 0.1)
    away = [False]
    with gateway(open_studio.url, lambda _method, _path: Fault(503) if away[0] else None) as way:
        campaign = start(open_studio, url=way.url)
        away[0] = True
        back = threading.Timer(6.0, lambda: away.__setitem__(0, False))
        back.start()
        with registered(campaign.folder) as said:
            assert len(campaign.backends()) == 1
        back.join()
    assert len([line for line in said if line.startswith("Not registered yet, trying again: ")]) == 1


def test_a_label_studio_that_is_away_at_the_end_is_said(start, open_studio):
    """What is left there, and how to take it out."""
    away = [False]
    with gateway(open_studio.url, lambda _method, _path: Fault(503) if away[0] else None) as way:
        campaign = start(open_studio, url=way.url)
        with registered(campaign.folder) as said:
            away[0] = True
        assert "`curator serve --unregister` removes it later." in said[-1]
        assert len(campaign.backends()) == 1
        away[0] = False
        done = CliRunner().invoke(app, ["serve", "--unregister", "--project", str(campaign.folder)])
        assert done.stdout == "2 entries removed from Label Studio.\n"
        assert campaign.backends() == campaign.webhooks() == []


@pytest.fixture
def unasked(tmp_path, monkeypatch) -> Path:
    """A campaign for a Label Studio that was never asked anything."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv(TOKEN, "t" * 40)
    return make_project(
        tmp_path / "p", labeler="label-studio", url="http://127.0.0.1:9", n=60, batch=6, holdout="10"
    )


def refused(folder: Path, *args: str, code: int) -> str:
    """`curator serve` that ends with an error; its message."""
    done = CliRunner().invoke(app, ["serve", "--project", str(folder), *args])
    assert done.exit_code == code, f"{done.stderr} {done.exception!r}"
    assert "Traceback" not in done.stderr
    return done.stderr


def test_what_it_needs_is_said_before_anything_runs(unasked, monkeypatch):
    """No project yet, another labeler, a port in use, an address for others without a secret, a missing extra."""
    assert "Run `curator round` first" in refused(unasked, code=1)
    assert "Run `curator round` first" in refused(unasked, "--unregister", code=1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port}" in refused(unasked, "--port", port, "--no-register", code=1)
    assert f"set a secret of your own in {VARIABLE}" in refused(unasked, "--host", "0.0.0.0", code=2)
    monkeypatch.setenv(VARIABLE, SECRET)
    said = refused(unasked, "--host", "0.0.0.0", code=2)
    assert "reaches it with --url" in said
    assert "uses plain http" in said
    monkeypatch.setenv(VARIABLE, "short")
    assert "at least 16 characters" in refused(unasked, code=2)
    monkeypatch.delenv(VARIABLE)
    monkeypatch.delenv(TOKEN)
    with Ledger(unasked / ".curator" / "ledger.db") as ledger, ledger.write():
        ledger.put("labeler_project", "1")
    assert "No token for http://127.0.0.1:9" in refused(unasked, code=2)
    edit_config(unasked, 'name = "label-studio"', 'name = "replay"')
    assert "answers a Label Studio server" in refused(unasked, code=2)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "pip install -c constraints.txt '.[server]'" in refused(unasked, code=2)


def test_listening_for_others_with_a_secret(unasked, monkeypatch):
    """It warns that plain http can be read, and serves."""
    monkeypatch.setenv(VARIABLE, SECRET)
    said: list[str] = []
    stop = threading.Event()
    address = Address(host="0.0.0.0", port=0)
    thread = threading.Thread(
        target=lambda: serve_project(unasked, address, register=False, say=said.append, stop=stop)
    )
    thread.start()
    while thread.is_alive() and not any("Serving at" in line for line in said):
        time.sleep(0.05)
    port = re.search(r"http://0\.0\.0\.0:(\d+)", said[-1]).group(1)
    reply = httpx.get(f"http://127.0.0.1:{port}/health", auth=("curator", SECRET), trust_env=False)
    stop.set()
    thread.join()
    assert reply.json() == {"status": "UP"}
    assert "uses plain http" in said[0]
