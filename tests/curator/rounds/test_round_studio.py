"""The whole loop through a real Label Studio: what annotators see, what comes back, and what may go wrong between."""

import io
import itertools
import json
import multiprocessing
import re
import secrets
import shutil
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from support.campaign import TOKEN, Campaign
from support.crash import run_round_in_child
from support.local_studio import LocalStudio
from support.projects import dump, edit_config, labels_of, make_project
from support.studio import Fault, choice, gateway, sdk

from curator.ledger.store import Ledger
from curator.project.project import Project
from curator.rounds.questions import AGAIN
from curator.rounds.run import run_round
from integrations.labelers.label_studio.annotator import SimulatedAnnotator, sign_up

SENDING, SENT = 5, 6  # writes of a first round: the questions that leave now, and what became of them
PRICE = 80_000  # micro-dollars: what make_project sets, $0.08 per label
OWNER = "owner@curator.local"


Start = Callable[..., Campaign]


@pytest.fixture
def start(tmp_path: Path, studio: LocalStudio, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Makes a campaign with the real server; the token comes from the environment, as for a user."""
    monkeypatch.setenv(TOKEN, studio.token)

    def make(**options: Any) -> Campaign:
        settings = {"n": 60, "batch": 6, "holdout": "10", "url": studio.url, **options}
        folder = make_project(tmp_path / "campaign", labeler="label-studio", **settings)
        with Project(folder) as project:
            truth = labels_of(project) if project.config.data.label else {}
        return Campaign(folder, studio, truth)

    return make


@pytest.fixture(scope="module")
def others(studio: LocalStudio) -> dict[str, str]:
    """Two more annotators: e-mail -> token."""
    emails = ("ada@round.example.org", "bob@round.example.org")
    return {email: sign_up(studio.url, email, "secret-12345") for email in emails}


def one_error(result: Result) -> str:
    """The one line of an error message."""
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert result.stderr.splitlines()[-1] == line
    assert "Traceback" not in result.stderr
    return line


def tables(folder: Path, *names: str) -> dict[str, Any]:
    whole = dump(folder)
    return {name: whole[name] for name in (names or set(whole) - {"state"})}


def test_a_text_campaign(start, others):
    """Send, wait, be answered, measure, send the next with suggestions: by the command line alone."""
    campaign = start()
    edit_config(campaign.folder, "blind_share = 0.2", "blind_share = 0.5")  # few questions: some of each kind
    sent = campaign.curator("round")
    where = f"{campaign.studio.url}/projects/{campaign.number}"
    assert f"Round 1: 16 questions asked, 10 of them for the hold-out. Answer them at {where}" in sent.stdout
    tasks = campaign.tasks()
    asked = campaign.rows("select * from questions order by rank")
    assert [task.data["key"] for task in tasks] == [row["key"] for row in asked]
    for rank, (task, row) in enumerate(zip(tasks, asked, strict=True), start=1):
        assert set(task.data) == {"text", "key", "item_id", "rank", "round", "why"}
        assert (task.data["item_id"], task.data["rank"]) == (row["item_id"], rank)
        assert campaign.truth[row["item_id"]] in task.data["text"]
        assert str(task.id) == row["external_id"]
        assert not task.predictions

    before = tables(campaign.folder)
    waiting = campaign.curator("round", code=3)
    assert f"0 of 16 questions answered at {where}" in waiting.stdout
    assert tables(campaign.folder) == before
    assert len(campaign.tasks()) == 16

    email, token = next(iter(others.items()))
    campaign.answer_all(most=5)
    campaign.answer_all(most=3, token=token)
    status = campaign.curator("status").stdout
    assert "Spent $0.64" in status
    assert "8 of 16 questions answered" in status
    assert re.search(rf"{OWNER}\s+5\n{email}\s+3", status)
    waiting = campaign.curator("round", code=3)
    assert f"8 of 16 questions answered ({OWNER} 5, {email} 3)" in waiting.stdout
    after = tables(campaign.folder)
    assert {name for name in after if after[name] != before[name]} == {
        "answers",
        "costs",
        "identities",
        "people",
    }

    campaign.answer_all()
    measured = campaign.curator("round").stdout
    assert "Round 1 measured: 6 labels, accuracy" in measured
    assert "Round 2: 6 questions asked" in measured
    (gain,) = campaign.rows("select * from gain")
    assert (gain["labels"], gain["cost"], gain["total_cost"]) == (6, 6 * PRICE, 16 * PRICE)
    labels = campaign.rows("select item_id, label from current_labels")
    assert {row["item_id"]: row["label"] for row in labels} == {
        row["item_id"]: campaign.truth[row["item_id"]] for row in asked
    }

    second = campaign.rows("select * from questions where round = 2 order by rank")
    new = campaign.tasks()[16:]
    assert [task.data["key"] for task in new] == [row["key"] for row in second]
    blind = [task for task, row in zip(new, second, strict=True) if not row["suggestion_shown"]]
    assert 0 < len(blind) < len(new)
    assert not any(task.predictions for task in blind)
    for task, row in zip(new, second, strict=True):
        if task in blind:
            continue
        (prediction,) = task.predictions
        assert prediction.model_version == row["model_version"] == "round-001"
        assert prediction.score == pytest.approx(row["suggestion_score"])
        assert prediction.result[0]["value"]["choices"] == [row["suggestion"]]
    assert campaign.api.projects.get(campaign.number).model_version == "round-001"

    campaign.answer_all(token=token)
    report = json.loads(campaign.curator("round", "--json").stdout)
    assert report["opened"] == 3
    assert report["measured"]["labels"] == 12
    assert (report["measured"]["cost"], report["measured"]["total_cost"]) == (6 * PRICE, 22 * PRICE)
    assert report["measured"]["gain_low"] <= report["measured"]["gain"] <= report["measured"]["gain_high"]
    assert campaign.api.projects.get(campaign.number).model_version == "round-002"


def test_an_image_campaign(start, tmp_path):
    """Images of a folder are uploaded, answered by what the server shows, learned from and measured."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for n in range(30):
        # Noise of its own in each picture: plain ones would all be near-duplicates of each other.
        grey = np.random.default_rng(n).integers(0, 120, (8, 8)) + (130 if n % 2 else 0)
        Image.fromarray(grey.astype(np.uint8)).save(pictures / f"{n:02d}.png")
    campaign = start(data=pictures, classes=("bright", "dark"), encoder="pixels", batch=4, holdout="8")
    campaign.curator("round")
    tasks = campaign.tasks()
    assert len(tasks) == 12
    assert all(task.data["image"].startswith(f"/data/upload/{campaign.number}/") for task in tasks)

    def look(data: Any) -> str:
        shown = httpx.get(
            campaign.studio.url + data["image"], headers={"Authorization": f"Token {campaign.studio.token}"}
        ).raise_for_status()
        with Image.open(io.BytesIO(shown.content)) as image:
            pixels = np.asarray(image)
        return "bright" if pixels.mean() > 125 else "dark"

    assert SimulatedAnnotator(campaign.studio.url, campaign.studio.token, look).run(campaign.number) == 12
    done = campaign.curator("round")
    assert "Round 1 measured: 4 labels, accuracy" in done.stdout, done.stderr
    (gain,) = campaign.rows("select * from gain")
    assert (gain["labels"], gain["cost"], gain["total_cost"]) == (4, 4 * PRICE, 12 * PRICE)
    for row in campaign.rows("select * from current_labels"):
        assert row["label"] == ("bright" if int(Path(row["item_id"]).stem) % 2 else "dark")
    new = campaign.tasks()[12:]
    assert len(new) == 4
    assert all(task.data["image"].startswith("/data/upload/") for task in new)
    assert any(task.predictions for task in new)


def test_every_change_of_an_answer_is_a_version(start, others):
    """Edits, deletions, skips, disagreement, nonsense: labels follow, money is paid once, nothing is overwritten."""
    campaign = start(batch=8, holdout="6")
    campaign.curator("round")
    ada, bob = (sdk(campaign.studio.url, token) for token in others.values())
    edited, deleted, skipped, tied, majority, invalid, late, plain = campaign.task_ids("train")
    first = campaign.answer(edited, "red")
    gone = campaign.answer(deleted, "red")
    campaign.answer(skipped, None)
    campaign.answer(tied, "red")
    campaign.answer(tied, "blue", ada)
    for api, label in ((campaign.api, "blue"), (ada, "green"), (bob, "blue")):
        campaign.answer(majority, label, api)
    nonsense: Any = choice("purple")
    campaign.api.annotations.create(id=invalid, result=nonsense, lead_time=2.0)
    status = campaign.curator("status")
    assert "'purple' is not one of the classes" in status.stdout
    assert "6 of 14 questions answered" in status.stdout
    history = [campaign.rows("select * from answers order by source_id, version")]

    # A deletion and a new answer between two pulls leave the number of answers as it was.
    changed: Any = choice("blue")
    campaign.api.annotations.update(id=first, result=changed)
    campaign.api.annotations.delete(id=gone)
    campaign.answer(plain, "green")
    campaign.curator("round", code=3)
    history.append(campaign.rows("select * from answers order by source_id, version"))

    def versions(task: int) -> list[tuple[Any, ...]]:
        sql = (
            "select a.* from answers a join questions q on q.key = a.key "
            f"where q.external_id = '{task}' order by a.created_at, a.source_id, a.version"
        )
        return [(row["change"], row["label"], row["annotator"]) for row in campaign.rows(sql)]

    assert versions(edited) == [("new", "red", OWNER), ("edited", "blue", OWNER)]
    assert versions(deleted) == [("new", "red", OWNER), ("deleted", "red", OWNER)]
    assert versions(skipped) == [("new", None, OWNER)]
    emails = list(others)
    assert versions(majority) == [
        ("new", "blue", OWNER),
        ("new", "green", emails[0]),
        ("new", "blue", emails[1]),
    ]
    assert versions(invalid) == [("new", None, OWNER)]

    for task in campaign.task_ids("holdout"):
        campaign.answer(task, "red" if task % 2 else "blue")
    settled = campaign.curator("round", "--partial")
    assert "1 item with tied answers and no label yet" in settled.stderr
    # the tied one, and the one whose answer cannot be read
    assert "cannot be read: 2 items." in settled.stderr
    assert "1 answer without a readable label" in settled.stderr
    history.append(campaign.rows("select * from answers order by source_id, version"))

    def label(task: int) -> dict[str, Any] | None:
        sql = (
            "select l.* from current_labels l join questions q on q.item_id = l.item_id "
            f"where q.external_id = '{task}'"
        )
        return next(iter(campaign.rows(sql)), None)

    assert label(edited)["label"] == "blue"
    assert label(plain)["label"] == "green"
    assert (label(majority)["label"], label(majority)["answers"]) == ("blue", 3)
    assert label(majority)["agreement"] == pytest.approx(2 / 3)
    assert label(tied)["label"] is None
    assert [label(task) for task in (deleted, skipped, invalid, late)] == [None] * 4
    (gain,) = campaign.rows("select * from gain")
    # edited, deleted, two for the tie, three for the majority, the invalid and the plain one; the skip is free
    assert (gain["labels"], gain["cost"]) == (3, 9 * PRICE)
    assert gain["total_cost"] == (9 + 6) * PRICE

    # Round 2 is open: what comes late is paid by it, and the label belongs to the round that asked.
    campaign.answer(late, "green")
    campaign.answer(deleted, "blue")
    campaign.api.annotations.update(id=first, result=choice("green"))
    campaign.curator("round", code=3)
    assert versions(edited)[-1] == ("edited", "green", OWNER)
    assert versions(deleted)[2:] == [("new", "blue", OWNER)]
    late_cost = campaign.rows(
        f"select c.* from costs c join questions q on q.key = c.key where q.external_id = '{late}'"
    )
    assert [(row["round"], row["amount"], row["kind"]) for row in late_cost] == [(2, PRICE, "label")]
    # A third annotator decides what two could not agree on.
    again, _ = sorted(
        campaign.rows(f"select * from questions where round = 2 and why = '{AGAIN}'"),
        key=lambda row: row["item_id"] != label(tied)["item_id"],
    )
    assert label(tied)["item_id"] == again["item_id"]
    campaign.answer(int(again["external_id"]), "red", bob)
    campaign.answer_all()
    campaign.curator("round")
    assert (label(tied)["label"], label(tied)["answers"]) == ("red", 3)
    assert (label(late)["label"], label(late)["round"], label(late)["settled_in"]) == ("green", 1, 2)
    assert (label(edited)["label"], label(edited)["version"]) == ("green", 2)
    assert label(deleted)["label"] == "blue"
    second = campaign.rows("select * from gain")[1]
    assert second["labels"] == 3 + 2 + 8 + 2
    # the batch, the late one, and the two that were asked again; the deleted one was given anew by who had been paid for it
    assert second["cost"] == (8 + 1 + 2) * PRICE
    charged = Counter(row["source_id"] for row in campaign.rows("select * from costs"))
    assert set(charged.values()) == {1}
    history.append(campaign.rows("select * from answers order by source_id, version"))
    for earlier, later in itertools.pairwise(history):
        assert all(row in later for row in earlier)


def test_a_deleted_task_holds_nothing_up(start):
    """Nobody is waited for whose question is gone; an answer given before counts; the round says what happened."""
    campaign = start()
    campaign.curator("round")
    answered, unanswered = campaign.task_ids("train")[:2]
    campaign.answer(answered, "red")
    campaign.curator("round", code=3)
    campaign.api.tasks.delete(id=str(unanswered))
    noticed = campaign.curator("round", code=3)
    assert "Deleted at the labeler: 1 question," in noticed.stderr
    campaign.api.tasks.delete(id=str(answered))
    assert "deleted at the labeler" in campaign.curator("status").stdout
    states = campaign.rows("select external_id, state from questions where state <> 'asked'")
    assert {int(row["external_id"]): row["state"] for row in states} == {
        answered: "withdrawn",
        unanswered: "withdrawn",
    }
    assert campaign.answer_all() == 14
    assert "Round 1 measured: 5 labels" in campaign.curator("round").stdout
    (gain,) = campaign.rows("select * from gain")
    assert (gain["cost"], gain["total_cost"]) == (5 * PRICE, 15 * PRICE)


def test_the_last_open_questions_deleted_end_the_round(start):
    """With all but the deleted ones answered, the very next call measures and goes on."""
    campaign = start()
    campaign.curator("round")
    campaign.answer_all(most=14)
    for task in [task.id for task in campaign.tasks() if not task.annotations]:
        campaign.api.tasks.delete(id=str(task))
    done = campaign.curator("round")
    assert "Deleted at the labeler: 2 questions" in done.stderr
    # The deleted one of the hold-out is asked again: without it the campaign would be measured by less.
    assert "Round 2: 7 questions asked, 1 of them for the hold-out" in done.stdout


@pytest.mark.parametrize("data", [{"text": "by hand"}, {"text": "by hand", "key": "another-campaign-r1-0"}])
def test_tasks_made_by_hand_are_not_ours(start, data):
    """A foreign task, answered or not, with a key of its own or none: no answer, no cost, no wait, no complaint."""
    campaign = start()
    campaign.curator("round")
    for _ in range(2):
        made = campaign.api.tasks.create(project=campaign.number, data=data)
    campaign.answer(int(made.id), "red")
    waiting = campaign.curator("round", code=3)
    assert waiting.stderr == ""
    assert "0 of 16 questions answered" in waiting.stdout
    for task in campaign.task_ids("train") + campaign.task_ids("holdout"):
        campaign.answer(task, "red" if task % 2 else "green")
    done = campaign.curator("round")
    assert "another" not in done.stderr
    assert "labeler reports" not in done.stderr
    assert len(campaign.rows("select * from answers")) == 16
    assert campaign.rows("select sum(amount) as total from costs") == [{"total": 16 * PRICE}]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_wrong_token_is_one_line_and_the_right_one_goes_on(start, monkeypatch):
    """Exit code 1 and what to do; nothing is sent; with the right token the same command continues."""
    campaign = start()
    wrong = "f" * 40
    monkeypatch.setenv(TOKEN, wrong)
    refused = campaign.curator("round", code=1)
    assert "does not accept the token" in one_error(refused)
    assert wrong not in refused.output
    monkeypatch.setenv(TOKEN, campaign.studio.token)
    assert "Round 1: 16 questions asked" in campaign.curator("round").stdout
    monkeypatch.setenv(TOKEN, wrong)
    assert "does not accept the token" in one_error(campaign.curator("round", code=1))
    # `status` shows what is known, and why it is not newer.
    shown = campaign.curator("status")
    assert "Shown as of the last pull" in shown.stderr
    assert "0 of 16 questions answered" in shown.stdout
    monkeypatch.setenv(TOKEN, campaign.studio.token)
    campaign.curator("round", code=3)
    assert len(campaign.tasks()) == 16


def test_a_missing_token_names_the_variable(start, monkeypatch):
    """Exit code 2: the environment is not set up."""
    campaign = start()
    monkeypatch.delenv(TOKEN)
    assert f"export {TOKEN}=" in one_error(campaign.curator("round", code=2))


def test_a_server_that_is_away_is_one_line_and_back_again_goes_on(start):
    """Both while sending and while waiting; what was selected stays selected."""
    campaign = start(url=f"http://127.0.0.1:{free_port()}")
    down = re.search(r'url = "(.*)"', (campaign.folder / "curator.toml").read_text("utf-8")).group(1)
    assert f"no server answers at {down}" in one_error(campaign.curator("round", code=1))
    picks = tables(campaign.folder, "picks")
    edit_config(campaign.folder, down, campaign.studio.url)
    campaign.curator("round")
    assert tables(campaign.folder, "picks") == picks
    edit_config(campaign.folder, campaign.studio.url, down)
    assert f"no server answers at {down}" in one_error(campaign.curator("round", code=1))
    edit_config(campaign.folder, down, campaign.studio.url)
    campaign.curator("round", code=3)


def test_a_deleted_project_is_one_line(start):
    """It says which project is gone and from where; the ledger stays as it was."""
    campaign = start()
    campaign.curator("round")
    number, before = campaign.number, tables(campaign.folder)
    campaign.api.projects.delete(id=number)
    message = one_error(campaign.curator("round", code=1))
    assert f"project {number} does not exist at {campaign.studio.url}: it was deleted" in message
    assert tables(campaign.folder) == before


def test_a_class_removed_at_the_server_is_named_and_put_back_goes_on(start):
    """The class that annotators cannot choose any more is in the message."""
    campaign = start()
    campaign.curator("round")
    config = campaign.api.projects.get(campaign.number).label_config
    without = config.replace('<Choice value="red" />', "").replace('<Choice value="red"/>', "")
    assert without != config
    campaign.api.projects.update(id=campaign.number, label_config=without)
    assert "missing there: 'red'" in one_error(campaign.curator("round", code=1))
    campaign.api.projects.update(id=campaign.number, label_config=config)
    campaign.answer_all()
    assert "Round 1 measured" in campaign.curator("round").stdout


def test_the_token_is_kept_nowhere(start):
    """Not in what is printed, not in any file of the project, whether things go well or not."""
    campaign = start()
    with gateway(campaign.studio.url, lambda *_: Fault(400, body=campaign.studio.token.encode())) as server:
        edit_config(campaign.folder, campaign.studio.url, server.url)
        printed = [campaign.curator("round", code=1).output]
        edit_config(campaign.folder, server.url, campaign.studio.url)
    printed.append(campaign.curator("round").output)
    campaign.answer_all()
    printed += [campaign.curator(*args).output for args in (("round",), ("status", "--json"))]
    token = campaign.studio.token
    assert not any(token in text for text in printed)
    files = [path for path in campaign.folder.rglob("*") if path.is_file()]
    assert campaign.folder / ".curator" / "ledger.db" in files
    assert not [path for path in files if token.encode() in path.read_bytes()]


def test_several_chunks_and_a_reply_that_was_lost(start):
    """More questions than one request holds; a 504 after one took effect is survived, and no task is doubled."""
    campaign = start(n=460, batch=330, holdout="20")
    lost: Iterator[Fault | None] = iter([None, Fault(504, forward=True)])

    def faults(method: str, path: str) -> Fault | None:
        return next(lost, None) if method == "POST" and "/import" in path else None

    with gateway(campaign.studio.url, faults) as server:
        edit_config(campaign.folder, campaign.studio.url, server.url)
        report = json.loads(campaign.curator("round", "--json").stdout)
        imports = [path for method, path in server.requests if method == "POST" and "/import" in path]
        edit_config(campaign.folder, server.url, campaign.studio.url)
    assert report["sent"] == 350
    assert len(imports) == 2
    asked_once(campaign)
    campaign.curator("round", code=3)


def test_a_request_that_never_arrived_is_sent_again(start):
    """A 504 for a request that took no effect: the labeler is asked for a while, then the chunk goes out again."""
    campaign = start()
    lost: Iterator[Fault] = iter([Fault(504), Fault(None)])
    with gateway(
        campaign.studio.url,
        lambda method, path: next(lost, None) if method == "POST" and "/import" in path else None,
    ) as server:
        edit_config(campaign.folder, campaign.studio.url, server.url)
        with Project(campaign.folder) as project:
            project.labeler.settle_seconds = 0.6
            assert run_round(project).sent == 16
    asked_once(campaign)


def asked_once(campaign: Campaign) -> None:
    """Every question is asked, and stands at the server exactly once, in the order of its rank."""
    asked = campaign.rows("select * from questions order by round, rank")
    assert {row["state"] for row in asked} == {"asked"}
    tasks = campaign.tasks()
    assert Counter(task.data["key"] for task in tasks) == Counter(row["key"] for row in asked)
    assert {task.data["key"]: str(task.id) for task in tasks} == {
        row["key"]: row["external_id"] for row in asked
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, studio: LocalStudio) -> tuple[Path, dict[str, Any]]:
    """A fresh project, and what its first round leaves when nothing disturbs it."""
    root = tmp_path_factory.mktemp("kill-studio")
    fresh = make_project(root / "fresh", n=60, batch=5, holdout="8", labeler="label-studio", url=studio.url)
    copy = a_copy(fresh, root / "undisturbed")
    assert run_round_in_child(copy, None, {TOKEN: studio.token}) == 0
    return fresh, decisions(copy)


def a_copy(fresh: Path, folder: Path) -> Path:
    """The same project as a campaign of its own, so that it does not share the other's project at the server."""
    shutil.copytree(fresh, folder)
    with Ledger(folder / ".curator" / "ledger.db") as ledger, ledger.write():
        ledger.put("campaign", secrets.token_hex(4))
    return folder


def decisions(folder: Path) -> dict[str, Any]:
    """What a round decided, without what names the campaign."""
    whole = dump(folder)
    own = ("key", "external_id")
    whole["questions"] = sorted(
        ({k: v for k, v in row.items() if k not in own} for row in whole["questions"]),
        key=lambda row: row["rank"],
    )
    return {name: whole[name] for name in ("rounds", "holdout", "picks", "questions")}


@pytest.mark.parametrize(
    ("moment", "where"),
    [
        ("after", SENDING),
        ("before", SENT),
        *(pytest.param(moment, None, marks=pytest.mark.long) for moment in ("before", "after")),
    ],
)
def test_a_killed_first_round_asks_every_question_once(undisturbed, tmp_path, studio, moment, where):
    """kill -9 around a ledger write, then run again: one project, each question once, the same decisions.

    With the request about to leave, and with its reply not yet in the ledger; `make test-long` kills around every write.
    """
    fresh, expected = undisturbed
    for write in [where] if where else range(1, 12):
        folder = a_copy(fresh, tmp_path / f"at-{write}")
        code = run_round_in_child(folder, (write, moment), {TOKEN: studio.token})
        if code == 0:
            break  # the round has fewer writes than this
        assert code == -9
        if where:
            left = Campaign(folder, studio, {})
            assert {row["state"] for row in left.rows("select state from questions")} == {"sending"}
            assert bool(left.tasks()) == (moment == "before")
        # Killed at a write, so no request is under way.
        assert run_round_in_child(folder, None, {TOKEN: studio.token}, settle_seconds=0.0) == 0
        campaign = Campaign(folder, studio, {})
        asked_once(campaign)
        assert decisions(folder) == expected, f"killed {moment} write {write}"
        (row,) = campaign.rows("select value from state where key = 'campaign'")
        named = [p.id for p in campaign.api.projects.list(title=row["value"])]
        assert named == [campaign.number]
    else:
        assert where, "the round wrote more often than this test kills it"
    assert where or write > 6


def test_killed_while_the_request_is_on_its_way(undisturbed, tmp_path, studio):
    """The process dies, the request takes effect a second later, the next call comes at once: still no task twice.

    Also when the clock has jumped in between, so that the request seems to be years old.
    """
    fresh, expected = undisturbed
    folder = a_copy(fresh, tmp_path / "p")
    killed = threading.Event()

    def faults(method: str, path: str) -> Fault | None:
        if method != "POST" or "/import" not in path or killed.is_set():
            return None
        (child,) = multiprocessing.active_children()
        child.kill()
        killed.set()
        time.sleep(1.0)
        return Fault(None, forward=True)

    with gateway(studio.url, faults) as server:
        edit_config(folder, studio.url, server.url)
        assert run_round_in_child(folder, None, {TOKEN: studio.token}) == -9
        with Ledger(folder / ".curator" / "ledger.db") as ledger, ledger.write():
            ledger.execute("update questions set sending_at = '2020-01-01T00:00:00+00:00'")
        assert run_round_in_child(folder, None, {TOKEN: studio.token}) == 0
        assert sum(method == "POST" and "/import" in path for method, path in server.requests) == 1
    asked_once(Campaign(folder, studio, {}))
    got = decisions(folder)
    assert (got["picks"], got["questions"]) == (expected["picks"], expected["questions"])
