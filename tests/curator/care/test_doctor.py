"""`curator doctor`: what is good passes, each thing that is broken is named with what to do, and nothing is changed."""

import base64
import json
import re
import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image
from support.local_studio import LocalStudio
from support.projects import edit_config, make_project, write_pool
from support.studio import Fault, gateway, sdk
from typer.testing import CliRunner

from curator.care.checks.installation import check_gpu, check_packages
from curator.care.checks.project import check_disk
from curator.care.doctor import examine
from curator.cli.app import app
from curator.ledger.store import Ledger
from curator.project.project import Project
from curator.rounds.run import run_round
from integrations.labelers.label_studio.diagnosis import Expected, diagnose, token_kind
from integrations.labelers.label_studio.labeler import LabelStudioLabeler
from integrations.labelers.label_studio.launch import ServerOptions
from integrations.labelers.protocol import ProjectSpec, Question

ROOT = Path(__file__).resolve().parents[3]
CONFIG = (
    '<View><{tag} name="x" value="${kind}"/><Choices name="label" toName="x">'
    '<Choice value="pos"/><Choice value="neg"/></Choices></View>'
)
SPEC = ProjectSpec(title="doctor", kind="text", classes=("pos", "neg"))
IMAGES = ProjectSpec(title="doctor", kind="image", classes=("pos", "neg"))


def doctor(folder, code):
    """The findings by name, the worst of each; checks the exit code and that text and JSON agree."""
    done = CliRunner().invoke(app, ["doctor", "--project", str(folder), "--json"])
    assert done.exit_code == code, done.output
    told = json.loads(done.stdout)
    assert told["ok"] is (code == 0)
    shown = CliRunner().invoke(app, ["doctor", "--project", str(folder)])
    assert shown.exit_code == code
    states = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}
    for finding in told["findings"]:
        assert f"{states[finding['state']]}  {finding['name']}" in shown.stdout
        assert bool(finding["remedy"]) is (finding["state"] != "ok")
    return by_name(told["findings"])


def by_name(findings):
    worst = {"ok": 0, "warn": 1, "fail": 2}
    found = {}
    for finding in findings:
        one = finding if isinstance(finding, dict) else {name: getattr(finding, name) for name in FIELDS}
        if one["name"] not in found or worst[one["state"]] > worst[found[one["name"]]["state"]]:
            found[one["name"]] = one
    return found


FIELDS = ("name", "state", "detail", "remedy")


def states(found, *names):
    return [found[name]["state"] for name in names]


@pytest.fixture
def project(tmp_path):
    """A good project with the replay labeler, one round out."""
    folder = make_project(tmp_path / "p", n=160, batch=8, holdout="30")
    with Project(folder) as opened:
        run_round(opened)
    return folder


def files_in(folder):
    """Name -> when it was changed; SQLite makes two side files as soon as anybody reads."""
    return {
        path: path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


# installation and project


def test_outside_of_a_project_only_the_installation_is_looked_at(tmp_path):
    """Exit 0; the five packages that matter are named with their versions."""
    found = doctor(tmp_path, 0)
    assert set(found) == {"python", "packages", "gpu", "compiled code", "arithmetic", "project"}
    for name in ("torch", "faiss-cpu", "label-studio-sdk", "modAL-python", "scikit-learn"):
        assert re.search(rf"{name} \d", found["packages"]["detail"])


def test_a_good_project_passes_and_nothing_is_changed(project):
    """Every line is ok, and no file was touched."""
    before = files_in(project)
    found = doctor(project, 0)
    assert {finding["state"] for finding in found.values()} == {"ok"}
    assert {"configuration", "folder", "disk", "ledger", "clock", "hold-out", "pool", "embeddings"} <= set(
        found
    )
    assert "30 items, 0 labeled" in found["hold-out"]["detail"]
    assert files_in(project) == before


def test_the_libraries_are_started_when_asked_for(project):
    """Within a project they take more time than all the rest."""
    quick = {finding.name for finding in examine(project)}
    whole = {finding.name for finding in examine(project, libraries=True)}
    assert whole - quick == {"gpu", "compiled code", "arithmetic"}
    assert quick < whole


def test_packages_that_do_not_fit_are_named_with_the_command_that_mends_them():
    """Missing and too old fail; an extra's package only warns, and only where it is installed."""
    wanted = [
        "torch>=99",
        "surely-no-such-package>=1",
        "numpy>=2",
        'rich>=99; extra == "x"',
        'nope; extra == "x"',
    ]
    found = check_packages([*wanted, 'torch>=99; python_version < "3"'])
    assert [(f.state, f.detail.split(":")[0]) for f in found] == [
        ("fail", "torch"),
        ("fail", "surely-no-such-package"),
        ("warn", "rich"),
    ]
    assert found[0].remedy == "pip install 'torch>=99'"
    assert "not installed" in found[1].detail
    assert [f.state for f in check_packages(["numpy>=2", "torch>=2"])] == ["ok"]


def test_the_gpu_line_says_what_computes():
    """What torch says, in words."""
    import torch

    found = check_gpu()
    assert torch.cuda.is_available() == ("CUDA" in found.detail and found.state == "ok")


def test_a_broken_configuration_hides_nothing_else(project):
    """The ledger and the folder are still looked at; what needs the configuration is not guessed."""
    (project / "curator.toml").write_text("classes = [", encoding="utf-8")
    found = doctor(project, 1)
    assert states(found, "configuration", "folder", "disk", "ledger", "clock") == [
        "fail",
        "ok",
        "ok",
        "ok",
        "ok",
    ]
    assert "not valid TOML" in found["configuration"]["detail"]
    (project / "curator.toml").unlink()
    assert "No curator.toml" in doctor(project, 1)["configuration"]["detail"]


def test_a_lost_state_folder_and_a_lost_ledger(project):
    """Each says how to get it back."""
    (project / ".curator" / "ledger.db").unlink()
    found = doctor(project, 1)
    assert found["ledger"]["state"] == "fail"
    assert "curator restore" in found["ledger"]["remedy"]
    shutil.rmtree(project / ".curator")
    assert "curator restore" in doctor(project, 1)["folder"]["remedy"]


def test_a_damaged_ledger_is_found_and_left(project):
    """Named as damaged; the rest is still looked at."""
    path = project / ".curator" / "ledger.db"
    path.write_bytes(path.read_bytes()[:-9000])
    before = path.read_bytes()
    found = doctor(project, 1)
    assert states(found, "ledger", "pool", "embeddings") == ["fail", "ok", "ok"]
    assert "damaged" in found["ledger"]["detail"]
    assert path.read_bytes() == before


def test_a_clock_that_went_back_is_noticed(project):
    """The newest entry of the ledger lies in the future."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
    with Ledger(project / ".curator" / "ledger.db") as ledger, ledger.write():
        ledger.execute("update questions set asked_at = ? where rank = 1", [tomorrow])
    found = doctor(project, 0)
    assert found["clock"]["state"] == "warn"
    assert tomorrow in found["clock"]["detail"]


def test_a_pool_of_another_ledger_and_missing_embeddings(project, tmp_path):
    """Items that the pool does not know; embeddings that would have to be computed, or cannot be."""
    other = make_project(
        tmp_path / "other", data=write_pool(tmp_path / "other.jsonl", 90, seed=5), holdout="20"
    )
    pool = project / ".curator" / "pool"
    pool.rename(tmp_path / "kept")
    shutil.copytree(other / ".curator" / "pool", pool)
    found = doctor(project, 1)
    assert "unknown item ids" in found["pool"]["detail"]
    shutil.rmtree(pool)
    (tmp_path / "kept").rename(pool)
    vectors = next((project / ".curator" / "embeddings" / "precomputed").glob("*.npy"))
    vectors.write_bytes(vectors.read_bytes()[:-100])
    found = doctor(project, 1)
    assert "160 of 160 items have none" in found["embeddings"]["detail"]
    assert "came with the data" in found["embeddings"]["remedy"]
    edit_config(project, 'name = "precomputed"', 'name = "tfidf"')
    found = doctor(project, 0)
    assert (found["embeddings"]["state"], found["embeddings"]["remedy"]) == (
        "warn",
        "`curator round` computes them.",
    )
    edit_config(project, 'name = "tfidf"', 'name = "pixels"')
    assert "for images" in doctor(project, 1)["embeddings"]["detail"]


def test_a_lost_holdout_is_found(project):
    """Rounds were begun, so there must be one."""
    with Ledger(project / ".curator" / "ledger.db") as ledger, ledger.write():
        ledger.execute("delete from holdout")
    assert doctor(project, 1)["hold-out"]["state"] == "fail"


def test_free_space_is_compared_with_what_the_project_needs(project):
    """A disk that cannot hold the missing embeddings fails; one that can barely, warns."""
    free = shutil.disk_usage(project).free
    assert check_disk(project, 0).state in ("ok", "warn")
    assert check_disk(project, free).state == "fail"
    assert "Free at least" in check_disk(project, free + 10**9).remedy
    assert check_disk(project, free - 500 * 1024 * 1024).state == "warn"


def test_images_that_cannot_be_read_are_named(tmp_path):
    """Gone, empty, or no image at all."""
    folder = tmp_path / "images"
    folder.mkdir()
    for n in range(8):
        Image.new("L", (8, 8), n * 30).save(folder / f"{n}.png")
    options = {"data": folder, "classes": ("a", "b"), "holdout": "2", "batch": 2, "labeler": "files"}
    project = make_project(tmp_path / "p", **options)
    assert "8 sampled images can be read" in doctor(project, 0)["images"]["detail"]
    (folder / "1.png").unlink()
    (folder / "2.png").write_bytes(b"")
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:50])
    found = doctor(project, 1)["images"]
    assert "3 of 8 sampled images cannot be read" in found["detail"]
    assert "1.png (No such file or directory)" in found["detail"]


# labelers without a server


def test_the_files_labeler_and_third_parties(tmp_path):
    """Its folder is there and its answers can be read, or which one cannot."""
    project = make_project(tmp_path / "p", n=60, labeler="files", batch=5, holdout="10")
    assert "the first round creates" in doctor(project, 0)["labeler"]["detail"]
    with Project(project) as opened:
        run_round(opened)
    assert "16 questions, 0 answers" in doctor(project, 0)["labeler"]["detail"]
    answers = project / "labeling" / "answers" / "export.json"
    answers.write_text("{", encoding="utf-8")
    assert "export.json is not JSON" in doctor(project, 1)["labeler"]["detail"]
    shutil.rmtree(project / "labeling")
    assert "are gone" in doctor(project, 1)["labeler"]["detail"]
    edit_config(project, 'name = "files"', 'name = "oracle"')
    assert "There is no labeler 'oracle'" in doctor(project, 1)["labeler"]["detail"]


# Label Studio, the real one


@pytest.fixture
def campaign(tmp_path, studio, monkeypatch):
    """A project whose first questions are at the real server."""
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", studio.token)
    folder = make_project(tmp_path / "p", n=60, labeler="label-studio", url=studio.url, batch=5, holdout="10")
    with Project(folder) as opened:
        run_round(opened)
    return folder


def make(studio, spec, *tasks):
    """A project at the server that fits `spec`, with tasks; returns its number."""
    client = sdk(studio.url, studio.token)
    tag = {"text": "Text", "image": "Image"}[spec.kind]
    made = client.projects.create(title="doctor", label_config=CONFIG.format(tag=tag, kind=spec.kind))
    if tasks:
        client.projects.import_tasks(id=made.id, request=[{"data": data} for data in tasks])
    return str(made.id)


def look(url, token, project, spec=SPEC, **more):
    return by_name(diagnose(url, token, Expected(project=project, spec=spec, **more)))


def test_a_good_server_passes(campaign, studio):
    """Reached, right version, right token, project, classes, people."""
    found = doctor(campaign, 0)
    names = ("server", "version", "server clock", "token", "project", "classes", "annotators")
    assert states(found, *names) == ["ok"] * 7
    assert "1.23" in found["version"]["detail"]
    assert f"legacy token of {studio.email}" in found["token"]["detail"]
    assert "may be read and changed" in found["project"]["detail"]
    assert studio.token not in json.dumps(found)


def test_before_the_first_round_there_is_no_project_yet(tmp_path, studio, monkeypatch):
    """The right to make one is what counts; a missing token says where it is looked for."""
    folder = make_project(tmp_path / "p", n=60, labeler="label-studio", url=studio.url, batch=5, holdout="10")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", studio.token)
    assert "the first round creates one" in doctor(folder, 0)["project"]["detail"]
    monkeypatch.delenv("LABEL_STUDIO_API_KEY")
    assert "LABEL_STUDIO_API_KEY" in doctor(folder, 1)["token"]["remedy"]


def test_wrong_tokens_of_every_kind(studio):
    """Unknown, garbled, expired, short-lived, forged: each says what it is; none is repeated."""
    number = make(studio, SPEC)
    claims = {"token_type": "refresh", "exp": time.time() - 9e5, "jti": "x"}

    def forged(**changes):
        parts = [{"alg": "HS256", "typ": "JWT"}, {**claims, **changes}]
        coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return ".".join([*coded, "c2lnbmF0dXJl"])

    cases = {
        "0" * 40: "Invalid token",
        "two words": "no token has",
        forged(): "it expired on",
        forged(exp=time.time() + 9e6): r"does not accept it \(HTTP 401: Token is invalid",
        forged(token_type="access"): "lasts five minutes",
    }
    for token, expected in cases.items():
        found = look(studio.url, token, number)
        assert found["token"]["state"] == "fail"
        assert re.search(expected, found["token"]["detail"]), (token, found["token"])
        assert "project" not in found  # nothing more can be seen with it
        assert token not in json.dumps(found)


@pytest.mark.parametrize("token", ["0" * 40, "", "a.b.c", "a.!!.c", "a.W10.c", "a.b.c.d"])
def test_what_is_no_jwt_counts_as_a_legacy_token(token):
    """Also what only looks like one: the server has the last word."""
    assert token_kind(token) == ("legacy", {})


def test_a_personal_access_token_is_told_from_a_legacy_one(studio, personal_token):
    """It is exchanged as the SDK would, and its end is shown."""
    found = look(studio.url, personal_token, make(studio, SPEC))
    assert states(found, "token", "project", "classes") == ["ok"] * 3
    assert re.search(r"personal access token, valid until 2\d{3}-", found["token"]["detail"])


def test_a_server_that_is_away_or_is_something_else(studio):
    """One line, and no further one that would only repeat it."""
    for url, expected in (
        ("http://127.0.0.1:9", "no Label Studio answers at http://127.0.0.1:9"),
        ("localhost:8080", "no Label Studio answers"),
    ):
        (only,) = diagnose(url, studio.token, Expected(project="1", spec=SPEC))
        assert (only.name, only.state) == ("server", "fail")
        assert expected in only.detail
    page = Fault(200, body=b"<html>Log in</html>", headers={"Content-Type": "text/html"})
    with gateway(studio.url, lambda _method, _path: page) as between:
        (only,) = diagnose(between.url, studio.token, Expected(project="1", spec=SPEC))
    assert only.state == "fail"
    with gateway(studio.url, lambda _m, path: None if path == "/api/version" else Fault(None)) as between:
        found = look(between.url, studio.token, "1")
    assert "stopped answering" in found["server"]["detail"]


def test_a_deleted_project_and_classes_that_differ(campaign, studio):
    """Deleted at the server; a class taken out of its configuration."""
    with Ledger(campaign / ".curator" / "ledger.db") as ledger:
        number = int(ledger.get("labeler_project"))
    client = sdk(studio.url, studio.token)
    config = client.projects.get(number).label_config
    client.projects.update(id=number, label_config=re.sub(r'<Choice value="green"[^>]*/>', "", config))
    found = doctor(campaign, 1)
    assert states(found, "project", "classes") == ["ok", "fail"]
    assert "'green'" in found["classes"]["detail"]
    client.projects.delete(id=number)
    found = doctor(campaign, 1)
    assert "was deleted" in found["project"]["detail"]


def test_another_version_warns(studio):
    """Tested is one series; others, and other editions, may behave differently."""
    for about in (
        {"release": "2.0.1", "edition": "Community"},
        {"release": "1.23.9", "edition": "Enterprise"},
    ):
        answer = Fault(200, body=json.dumps(about).encode())
        with gateway(studio.url, lambda _m, path, a=answer: a if path == "/api/version" else None) as between:
            found = look(between.url, studio.token, make(studio, SPEC))
        assert (found["version"]["state"], found["project"]["state"]) == ("warn", "ok")


@pytest.mark.parametrize(("seconds", "side"), [(86_400, "ahead of"), (-86_400, "behind")])
def test_a_clock_that_differs_warns(studio, monkeypatch, seconds, side):
    """The Date of its replies against ours; and a server whose clock went back behind what was pulled already."""
    now = datetime.now(UTC)
    there = format_datetime(now + timedelta(seconds=seconds), usegmt=True)
    monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda _self, _timestamp=None: there)
    with gateway(studio.url, lambda _method, _path: None) as between:
        found = look(between.url, studio.token, make(studio, SPEC))
        assert found["server clock"]["state"] == "warn"
        assert f"s {side} this machine's" in found["server clock"]["detail"]
        reached = look(between.url, studio.token, make(studio, SPEC), reached=now.isoformat())
    assert ("it has gone back" in reached["server clock"]["detail"]) is (seconds < 0)


def test_fewer_people_than_the_overlap_wants_warns(studio):
    """Nobody answers an item twice."""
    accounts = len(list(sdk(studio.url, studio.token).users.list()))
    number = make(studio, SPEC)
    assert look(studio.url, studio.token, number, overlap=accounts)["annotators"]["state"] == "ok"
    assert look(studio.url, studio.token, number, overlap=accounts + 1)["annotators"]["state"] == "warn"


@contextmanager
def served(handler):
    """A web server on this machine; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def image_server(headers):
    """An ordinary web server with one image, /there.png."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path == "/there.png"
            self.send_response(200 if found else 404)
            for name, value in {"Content-Type": "image/png", "Content-Length": "4", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"\x89PNG")

        def log_message(self, *_):
            pass

    with served(Handler) as url:
        yield url


def test_images_elsewhere_need_to_allow_the_page(studio):
    """Without the header the editor shows an error although the image is there; a 404 is named."""
    with image_server({}) as plain, image_server({"Access-Control-Allow-Origin": "*"}) as open_:
        cases = {
            f"{open_}/there.png": ("ok", "can be shown", ""),
            f"{plain}/there.png": ("fail", "does not allow", f"Access-Control-Allow-Origin: {studio.url}"),
            f"{open_}/gone.png": ("fail", "HTTP 404", "Put the image back"),
            "http://127.0.0.1:9/x.png": ("fail", "cannot be fetched", "Start the server"),
            "s3://bucket/x.png": ("fail", "cannot resolve", "Cloud Storage"),
            "data:image/png;base64,iVBORw0KGgo=": ("ok", "in its task", ""),
        }
        for address, expected in cases.items():
            number = make(studio, IMAGES, {"image": address})
            found = look(studio.url, studio.token, number, IMAGES)["browser images"]
            assert found["state"] == expected[0], (address, found)
            assert expected[1] in found["detail"]
            assert expected[2] in found["remedy"]
        # before there is any task, the first image of the pool stands for it
        early = look(studio.url, studio.token, make(studio, IMAGES), IMAGES, sample=f"{plain}/there.png")
        assert early["browser images"]["state"] == "fail"


def test_uploaded_images_are_fetched_with_the_login(tmp_path, studio, monkeypatch):
    """The whole way: curator uploads, doctor fetches; a file that is gone from the server is found."""
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", studio.token)
    folder = tmp_path / "images"
    folder.mkdir()
    for n in range(8):
        Image.new("L", (8, 8), n * 30).save(folder / f"{n}.png")
    project = make_project(
        tmp_path / "p", data=folder, classes=("a", "b"), holdout="2", batch=2, labeler="label-studio", url=studio.url
    )  # fmt: skip
    assert "will be uploaded" in doctor(project, 0)["browser images"]["detail"]
    with Project(project) as opened:
        run_round(opened)
    found = doctor(project, 0)["browser images"]
    assert found["detail"].startswith("/data/upload/")
    with gateway(
        studio.url, lambda _m, path: Fault(404) if path.startswith("/data/upload") else None
    ) as between:
        edit_config(project, studio.url, between.url)
        found = doctor(project, 1)["browser images"]
    assert "HTTP 404" in found["detail"]
    assert "media folder" in found["remedy"]


def test_local_images_need_a_server_that_serves_them(tmp_path, studio):
    """This one does not; the root must be a folder, and hold the images."""
    number = make(studio, IMAGES)
    (tmp_path / "root" / "set").mkdir(parents=True)
    local = {"images": "local", "sample": str(tmp_path / "root" / "set" / "x.png")}

    def seen(root, **more):
        return look(studio.url, studio.token, number, IMAGES, **{**local, "image_root": str(root), **more})[
            "browser images"
        ]

    assert "LOCAL_FILES_SERVING_ENABLED=true" in seen(tmp_path / "root")["remedy"]
    assert "is not a folder on this machine" in seen(tmp_path / "nothing")["detail"]
    assert "is not below" in seen(tmp_path / "root", sample="/elsewhere/x.png")["detail"]
    asked = make(studio, IMAGES, {"image": "/data/local-files/?d=set/x.png"})
    found = look(studio.url, studio.token, asked, IMAGES, **local, image_root=str(tmp_path / "root"))
    assert "LOCAL_FILES_SERVING_ENABLED=true" in found["browser images"]["remedy"]


@pytest.fixture(scope="module")
def trusting(studio_executable, tmp_path_factory):
    """A server of its own that serves the files of a folder and may call this machine; yields it and the folder."""
    root = tmp_path_factory.mktemp("served")
    options = ServerOptions(images=root, local_calls=True)
    with LocalStudio(studio_executable, ROOT / ".studio", options=options) as server:
        yield server, root


def test_local_images_that_are_served_pass(trusting):
    """Before the first question it is seen that the server serves; then the first image is fetched, or missed."""
    server, root = trusting
    image = root / "set" / "0.png"
    image.parent.mkdir()
    Image.new("L", (8, 8)).save(image)
    local = {"images": "local", "image_root": str(root), "sample": str(image)}

    def seen(number):
        return look(server.url, server.token, number, IMAGES, **local)["browser images"]

    labeler = LabelStudioLabeler(server.url, server.token, image_root=root)
    number = labeler.prepare(replace(IMAGES, title="doctor, local images"), None)
    assert "the server serves local files" in seen(number)["detail"]
    labeler.send([Question(key="k", item_id="i", round=1, rank=1, image=str(image))])
    assert seen(number)["detail"] == "/data/local-files/?d=set/0.png can be shown"
    image.unlink()
    found = seen(number)
    assert (found["state"], "HTTP 404" in found["detail"]) == ("fail", True)
    assert "LOCAL_FILES_DOCUMENT_ROOT" in found["remedy"]


@contextmanager
def backend_server():
    """As little of an ML backend as Label Studio takes for one."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.dumps({"status": "UP", "model_version": "m1", "versions": ["m1"]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815 - names that the base class calls

        def log_message(self, *_):
            pass

    with served(Handler) as url:
        yield url


def test_webhooks_and_backends_are_looked_after(trusting):
    """Registered at the server and alive; then gone. A path, which may hold a secret, is not shown."""
    server, _ = trusting
    number = make(server, SPEC)
    assert not {"webhook", "ml backend"} & set(look(server.url, server.token, number))
    client = sdk(server.url, server.token)
    with backend_server() as url:
        client.webhooks.create(url=f"{url}/hook/secret", project=int(number), send_for_all_actions=True)
        client.ml.create(url=url, project=int(number), title="doctor")
        found = look(server.url, server.token, number)
        assert states(found, "webhook", "ml backend") == ["ok", "ok"]
    gone = look(server.url, server.token, number)
    assert states(gone, "webhook", "ml backend") == ["warn", "warn"]
    assert "curator serve" in gone["webhook"]["remedy"]
    assert "secret" not in json.dumps([found, gone])


def test_rights_are_those_that_the_server_grants(studio):
    """A user who may read a project but not change it, or not make one: what the server's OPTIONS say."""
    granted = Fault(200, body=b'{"actions": {}}')
    number = make(studio, SPEC)
    with gateway(studio.url, lambda method, _path: granted if method == "OPTIONS" else None) as between:
        assert "not changed" in look(between.url, studio.token, number)["project"]["detail"]
        assert "may not create one" in look(between.url, studio.token, None)["project"]["detail"]
    forbidden = Fault(403, body=b'{"detail": "No."}')
    with gateway(studio.url, lambda _m, path: forbidden if "/api/projects/" in path else None) as between:
        assert "cannot be read (HTTP 403: No)" in look(between.url, studio.token, number)["project"]["detail"]
