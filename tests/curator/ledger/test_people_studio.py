"""People at a real Label Studio: they leave, answer more than was asked, import their exports again, and correct themselves late."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from label_studio_sdk import LabelStudio
from support.campaign import TOKEN, Campaign
from support.local_studio import LocalStudio
from support.projects import edit_config, labels_of, make_project
from support.studio import choice, sdk

from curator.project.project import Project
from integrations.labelers.label_studio.annotator import sign_up

PRICE = 80_000  # micro-dollars


@pytest.fixture
def start(tmp_path: Path, studio: LocalStudio, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Campaign]:
    """Makes a campaign at the real server."""
    monkeypatch.setenv(TOKEN, studio.token)

    def make(**options: Any) -> Campaign:
        settings = {"n": 40, "batch": 4, "holdout": "6", "url": studio.url, **options}
        folder = make_project(tmp_path / "campaign", labeler="label-studio", **settings)
        with Project(folder) as project:
            truth = labels_of(project)
        return Campaign(folder, studio, truth)

    return make


def new_user(studio: LocalStudio) -> tuple[int, str, LabelStudio]:
    """Number, e-mail and API of somebody who has just signed up."""
    email = f"{secrets.token_hex(4)}@people.example.org"
    api = sdk(studio.url, sign_up(studio.url, email, "secret-12345"))
    return int(api.users.whoami().id), email, api


def call(studio: LocalStudio, method: str, path: str, **more: Any) -> Any:
    """What the pages do that the SDK cannot."""
    headers = {"Authorization": f"Token {studio.token}"}
    reply = httpx.request(method, f"{studio.url}{path}", headers=headers, timeout=60, **more)
    assert reply.is_success, reply.text
    return reply.json() if reply.content else None


def remove(studio: LocalStudio, user: int) -> None:
    """From the organisation: the list of users has them as `Deleted` from then on."""
    call(studio, "DELETE", f"/api/organizations/1/memberships/{user}/")


def test_people_who_leave_take_nothing_with_them(start, studio):
    """Two answer everything and are removed before it is pulled, then deleted: measured, paid once, edited by nobody."""
    campaign = start()
    edit_config(campaign.folder, "overlap = 1 ", "overlap = 2 ")
    campaign.curator("round")
    users = [new_user(studio), new_user(studio)]
    for task in campaign.tasks():
        for _, _, api in users:
            campaign.answer(task.id, campaign.truth[task.data["item_id"]], api)
    for number, *_ in users:
        remove(studio, number)
    assert "Round 1 measured: 6 labels" in campaign.curator("round").stdout
    names = [f"user-{number}" for number, *_ in users]
    assert [
        row["annotator"] for row in campaign.rows("select distinct annotator from answers order by person")
    ] == names
    before = campaign.rows("select * from answers"), campaign.rows("select * from current_labels")
    for number, *_ in users:
        call(studio, "DELETE", f"/api/users/{number}/")
    # A change of the tasks brings them into the next pull, now without any author.
    for task in campaign.tasks()[:10]:
        campaign.api.tasks.update(id=str(task.id), meta={"looked": "at"})
    status = json.loads(campaign.curator("status", "--json").stdout)
    assert status["agreement"]["shared"] == 12
    assert campaign.rows("select * from answers") == before[0]
    assert campaign.rows("select * from current_labels") == before[1]
    assert campaign.rows("select sum(amount) as total from costs") == [{"total": 24 * PRICE}]


def test_copies_are_no_work_and_what_nobody_asked_for_is_said(start, studio):
    """One answers twice, another unasked, and the export is imported again, twice: paid are the answers, and all is listed."""
    campaign = start(budget="1.20")
    campaign.curator("round")
    number, email, api = new_user(studio)
    campaign.answer_all()
    tasks = campaign.tasks()
    twice, unasked = tasks[0].id, tasks[1].id
    campaign.answer(twice, campaign.truth[tasks[0].data["item_id"]])
    campaign.answer(unasked, campaign.truth[tasks[1].data["item_id"]], api)
    campaign.curator("status")
    for again in (False, True):
        path = f"/api/projects/{campaign.number}"
        exported = call(studio, "GET", f"{path}/export", params={"exportType": "JSON"})
        call(studio, "POST", f"{path}/import", json=exported)
        if not again:
            remove(studio, number)  # what was hers is imported as the owner's the second time
    status = campaign.curator("status")
    owner = "owner@curator.local"
    progress = json.loads(campaign.curator("status", "--json").stdout)
    assert progress["open_round"]["annotators"] == {owner: 12, email: 1}
    assert progress["unasked"] == {
        "answers": 1, "items": [tasks[1].data["item_id"]], "annotators": {email: 1}, "amount": PRICE,
    }  # fmt: skip
    assert "1 answer was given beyond those asked for: $0.08 of the spending" in status.stdout
    assert "only repeating another, not paid" in status.stdout
    assert campaign.rows("select sum(amount) as total from costs") == [{"total": 13 * PRICE}]
    assert campaign.rows("select count(*) as n from live_answers where copy_of is null") == [{"n": 13}]
    done = campaign.curator("round")
    assert "Round 1 measured: 6 labels" in done.stdout
    assert "$1.04 is spent (1 answer was given beyond those asked for: $0.08 of the spending)" in done.stderr


def test_after_the_end_corrections_still_arrive(start):
    """The budget is used up; then an answer is corrected and one deleted: labels and export follow, the model stays."""
    campaign = start(budget="0.80")
    campaign.curator("round")
    campaign.answer_all()
    assert "The budget of $0.80 is used up" in campaign.curator("round").stdout
    first, second, third = campaign.task_ids("train")[:3]
    items = {int(row["external_id"]): row["item_id"] for row in campaign.rows("select * from questions")}
    other = next(
        c for c in ("red", "green", "blue") if c not in {campaign.truth[items[t]] for t in (first, third)}
    )
    annotation = {task.id: task.annotations[0]["id"] for task in campaign.tasks()}
    gains = campaign.rows("select * from gains")

    def exported(*more: str) -> dict[str, str]:
        path = campaign.folder / "out.jsonl"
        campaign.curator("export", str(path), *more)
        rows = map(json.loads, path.read_text("utf-8").splitlines())
        return {row["item_id"]: row["label"] for row in rows}

    before = exported()
    campaign.api.annotations.update(id=annotation[first], result=choice(other))
    assert exported() == before
    assert exported("--pull") == before | {items[first]: other}
    campaign.api.annotations.update(id=annotation[third], result=choice(other))
    ended = campaign.curator("round")
    assert "Answers were corrected since their rounds ended: 1 label changed" in ended.stderr
    assert "only in the next measured round" in ended.stderr
    assert "The budget of $0.80 is used up" in ended.stdout
    assert exported()[items[third]] == other
    campaign.api.annotations.delete(id=annotation[second])
    assert "0 labels changed or added, 1 withdrawn" in campaign.curator("status").stderr
    assert items[second] not in exported()
    assert campaign.rows("select * from gains") == gains
    assert campaign.rows("select status from rounds") == [{"status": "measured"}]
    assert campaign.rows("select sum(amount) as total from costs") == [{"total": 10 * PRICE}]


def test_what_got_no_label_is_asked_again_or_back_in_the_pool(start):
    """A class was renamed while somebody answered; a question is gone as after a restored server; neither is lost."""
    campaign = start(n=11)  # the pool is the hold-out, the batch, and one item more
    campaign.curator("round")
    renamed, gone = campaign.task_ids("train")[:2]
    items = {int(row["external_id"]): row["item_id"] for row in campaign.rows("select * from questions")}
    campaign.api.annotations.create(id=renamed, result=choice("Red"), lead_time=2.0)
    campaign.api.tasks.delete(id=str(gone))
    campaign.answer_all()
    done = campaign.curator("round")
    assert "Asked about again because their answers disagree or cannot be read: 1 item" in done.stderr
    asked = [row["item_id"] for row in campaign.rows("select item_id from questions where round = 2")]
    assert items[renamed] in asked
    assert items[gone] in asked
    status = campaign.curator("status").stdout
    assert f"no answer can be read: {items[renamed]}" in status
    campaign.answer_all()
    campaign.curator("round")
    labeled = campaign.rows("select item_id, label from current_labels where label is not null")
    assert {row["item_id"] for row in labeled} >= {items[renamed], items[gone]}
    answers = campaign.rows("select count(*) as n from live_answers")
    assert campaign.rows("select sum(amount) as total from costs") == [{"total": answers[0]["n"] * PRICE}]
