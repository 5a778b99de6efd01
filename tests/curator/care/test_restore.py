"""A lost or damaged .curator, rebuilt from Label Studio, files and backups: what comes back, and what is said to be gone."""

import json
import os
import secrets
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from label_studio_sdk import LabelStudio
from PIL import Image
from support.crash import run_round_in_child
from support.local_studio import LocalStudio
from support.projects import dump, edit_config, labels_of, make_project, train_at_once, write_pool
from support.studio import Fault, choice, gateway, sdk
from typer.testing import CliRunner

from curator.care.restore.run import _keep_secret, _locked
from curator.cli.app import app
from curator.errors import LockedError
from curator.files import project_lock
from curator.ledger.store import Ledger
from curator.project.instance import instance_name
from curator.project.project import Project
from integrations.labelers.label_studio.annotator import SimulatedAnnotator, sign_up

PRICE = 80_000  # micro-dollars: what make_project sets, $0.08 per label
TOKEN = "LABEL_STUDIO_API_KEY"


@dataclass
class Campaign:
    """A project of curator and its counterpart at the server."""

    folder: Path
    studio: LocalStudio | None
    truth: dict[str, str]

    @property
    def state(self) -> Path:
        return self.folder / ".curator"

    @property
    def api(self) -> LabelStudio:
        assert self.studio is not None
        return sdk(self.studio.url, self.studio.token)

    def curator(self, command: str, *args: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [command, "--project", str(self.folder), *args])
        assert result.exit_code == code, f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
        assert "Traceback" not in result.stderr
        return result

    def restore(self, *args: str) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.curator("restore", "--json", *args).stdout)
        return report

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with Ledger(self.state / "ledger.db") as ledger:
            return ledger.rows(sql)

    @property
    def number(self) -> int:
        (row,) = self.rows("select value from state where key = 'labeler_project'")
        return int(row["value"])

    def answer_all(self, *, most: int | None = None, token: str | None = None) -> int:
        assert self.studio is not None
        return SimulatedAnnotator(
            self.studio.url, token or self.studio.token, lambda data: self.truth[data["item_id"]], seconds=2.0
        ).run(self.number, most=most)

    def answer(self, task: str, label: str | None, api: LabelStudio | None = None) -> None:
        result: Any = [] if label is None else choice(label)
        (api or self.api).annotations.create(
            id=int(task), result=result, was_cancelled=label is None, lead_time=2.0
        )

    def rounds(self, count: int) -> None:
        """So many rounds answered by everybody, and the next one sent."""
        for _ in range(count):
            self.curator("round")
            self.answer_all()
        self.curator("round")


Start = Callable[..., Campaign]


@pytest.fixture
def start(tmp_path: Path, studio: LocalStudio, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Makes a campaign with the real server."""
    monkeypatch.setenv(TOKEN, studio.token)

    def make(folder: str = "campaign", name: str = "", **options: Any) -> Campaign:
        settings = {"n": 60, "batch": 6, "holdout": "10", "url": studio.url, **options}
        path = make_project(tmp_path / folder, labeler="label-studio", **settings)
        # All tests share one server, where a lost campaign is found by its name.
        edit_config(path, 'name = "colours"', f'name = "{name or secrets.token_hex(6)}"')
        with Project(path) as project:
            truth = labels_of(project) if project.config.data.label else {}
        return Campaign(path, studio, truth)

    return make


@pytest.fixture(scope="module")
def ada(studio: LocalStudio) -> str:
    """Token of another annotator."""
    return sign_up(studio.url, "ada@restore.example.org", "secret-12345")


def one_error(result: Result) -> str:
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    return line


# What no labeler keeps: strategies, scores, suggestions, neighbours, models, versions of labels.
UNKNOWN = {
    "questions": ("suggestion", "suggestion_score", "suggestion_shown", "model_version", "neighbours"),
    "rounds": (
        *("status", "strategy", "candidates", "model_version", "labels", "holdout_items", "holdout_hash"),
        *("holdout_duplicates", "partial", "note", "picked_with"),
    ),
    "picks": ("strategy", "score", "entropy", "margin", "coverage_distance", "probability"),
    "labels": ("version", "settled_in"),
    "answers": ("round",),
    "costs": ("round",),
}
KEPT = ("rounds", "picks", "questions", "holdout", "answers", "costs", "labels")


def known(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What a ledger says that can be rebuilt."""
    whole = dump(folder)
    return {
        table: sorted(
            (
                {name: value for name, value in row.items() if name not in UNKNOWN.get(table, ())}
                for row in whole[table]
            ),
            key=lambda row: json.dumps(row, sort_keys=True),
        )
        for table in KEPT
    }


def asked_once(campaign: Campaign) -> None:
    """Each question stands at the server once, no item was picked twice, and no answer was paid twice."""
    keys = [task.data["key"] for task in campaign.api.tasks.list(project=campaign.number)]
    assert sorted(keys) == sorted(row["key"] for row in campaign.rows("select key from questions"))
    picked = Counter(row["item_id"] for row in campaign.rows("select item_id from picks"))
    assert set(picked.values()) == {1}
    paid = Counter(row["source_id"] for row in campaign.rows("select source_id from costs"))
    assert set(paid.values()) == {1}


def lose(campaign: Campaign) -> None:
    shutil.rmtree(campaign.state)


def test_a_lost_text_campaign_comes_back(start, ada):
    """Items, rounds, questions, answers, labels, costs as before; the next round goes on and pays nothing twice."""
    campaign = start(n=90)
    edit_config(campaign.folder, "overlap = 1", "overlap = 2")
    edit_config(campaign.folder, "overlap_share = 1.0", "overlap_share = 0.4")
    edit_config(campaign.folder, "neighbours = 0", "neighbours = 2")
    campaign.curator("round")
    several, one, other = [
        row["external_id"]
        for row in campaign.rows(
            "select external_id from questions where role = 'train' order by answers_wanted desc, rank"
        )
    ][:3]
    adas = sdk(campaign.studio.url, ada)
    campaign.answer(one, None)  # a skip
    campaign.answer(other, "can't tell")
    campaign.answer(several, "red")
    campaign.answer(several, "blue", adas)  # a tie: asked again in round 2
    answer_everything(campaign, adas)
    campaign.curator("round")
    answer_everything(campaign, adas)
    campaign.curator("round")
    campaign.answer_all(most=3)
    campaign.curator("round", code=3)

    before, all_before = known(campaign.folder), dump(campaign.folder)
    spent = sum(row["amount"] for row in all_before["costs"])
    assert any(row["tied"] for row in all_before["labels"])
    lose(campaign)
    report = campaign.restore()
    after, all_after = known(campaign.folder), dump(campaign.folder)

    assert after["rounds"] == before["rounds"]
    assert after["holdout"] == before["holdout"]
    assert after["picks"] == before["picks"]
    assert after["answers"] == before["answers"]
    assert after["costs"] == before["costs"]
    newest = {row["item_id"]: row for row in sorted(all_before["labels"], key=lambda row: row["version"])}
    now = {row["item_id"]: row for row in all_after["labels"]}
    again = {row["item_id"] for row in all_before["questions"] if row["round"] == 3}
    for item_id in set(newest) - again:
        assert {**newest[item_id], "version": 1, "settled_in": now[item_id]["round"]} == now[item_id]
    assert after["questions"] == before["questions"]
    rounds = {row["key"]: row["round"] for row in all_after["questions"]}
    assert all(row["round"] == rounds[row["key"]] for row in all_after["costs"] + all_after["answers"])
    assert [row["status"] for row in all_after["rounds"]] == ["unmeasured", "unmeasured", "pushed"]
    assert all(row["note"] for row in all_after["rounds"][:2])
    assert report["counts"]["spent"] == spent
    assert any("Rounds 1 to 2 closed" in line for line in report["missing"])
    (gone,) = [line for line in report["missing"] if "No labeler keeps" in line]
    for what in ("suggestions", "neighbours", "scores of rounds 1 to 3", "forecasts", "gained", "model"):
        assert what in gone

    answer_everything(campaign, adas)
    done = campaign.curator("round")
    assert "Round 3 measured" in done.stdout
    (gain,) = campaign.rows("select * from gain")
    assert gain["total_cost"] == sum(row["amount"] for row in campaign.rows("select * from costs"))
    assert gain["total_cost"] > spent
    asked_once(campaign)


def answer_everything(campaign: Campaign, api: LabelStudio) -> None:
    """One annotator answers all that nobody has answered, another what wants two answers and has one."""
    campaign.answer_all()
    wanting = campaign.rows(
        "select q.external_id, q.item_id from questions q where q.answers_wanted > 1 and q.round = "
        "(select max(round) from questions)"
    )
    for row in wanting:
        given = {a.completed_by for a in api.annotations.list(int(row["external_id"]))}
        if len(given) < 2:
            campaign.answer(row["external_id"], campaign.truth[row["item_id"]], api)


def test_images_of_a_folder_come_back(start, tmp_path):
    """They are found again in the folder they came from; without it nothing is changed."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for n in range(30):
        grey = np.random.default_rng(n).integers(0, 120, (8, 8)) + (130 if n % 2 else 0)
        Image.fromarray(grey.astype(np.uint8)).save(pictures / f"{n:02d}.png")
    campaign = start(data=pictures, classes=("bright", "dark"), encoder="pixels", batch=4, holdout="8")
    campaign.truth = {f"{n:02d}.png": "bright" if n % 2 else "dark" for n in range(30)}
    edit_config(campaign.folder, "neighbours = 0", "neighbours = 1")
    campaign.rounds(2)
    campaign.answer_all()
    campaign.curator("status")
    before = known(campaign.folder)
    lose(campaign)
    pictures.rename(tmp_path / "elsewhere")
    refused = one_error(campaign.curator("restore", code=1))
    assert f"The data file of [data] source, {pictures}, is gone" in refused
    assert not campaign.state.exists()
    assert not list(campaign.folder.glob(".curator*"))

    (tmp_path / "elsewhere").rename(pictures)
    campaign.restore()
    after = known(campaign.folder)
    for table in ("rounds", "picks", "questions", "holdout", "answers", "costs"):
        assert after[table] == before[table], table
    assert "Round 3 measured: 12 labels" in campaign.curator("round").stdout
    asked_once(campaign)


def test_without_the_data_file_nothing_is_changed(start):
    """It is named; and where it holds fewer items than were asked about, some of them are."""
    campaign = start(encoder="tfidf")
    campaign.rounds(1)
    source = campaign.folder / "pool.jsonl"
    lose(campaign)
    rows = source.read_text("utf-8").splitlines(keepends=True)
    source.rename(campaign.folder / "moved.jsonl")
    error = one_error(campaign.curator("restore", code=1))
    assert f"The data file of [data] source, {source}, is gone" in error
    source.write_text("".join(rows[:20]), encoding="utf-8")
    error = one_error(campaign.curator("restore", code=1))
    assert "items in the ledger are in no data file" in error
    assert "--data FILE --data FILE" in error
    assert not list(campaign.folder.glob(".curator*"))
    campaign.restore("--data", str(campaign.folder / "moved.jsonl"))
    asked_once(campaign)


def test_a_data_file_that_has_changed_is_refused(start):
    """Labels of another content would be learned from: it says which items, and changes nothing."""
    campaign = start(encoder="tfidf")
    campaign.curator("round")
    (item,) = campaign.rows("select item_id from questions limit 1")
    lose(campaign)
    source = campaign.folder / "pool.jsonl"
    rows = [json.loads(line) for line in source.read_text("utf-8").splitlines()]
    changed = [row | {"text": "something else"} if row["id"] == item["item_id"] else row for row in rows]
    source.write_text("".join(json.dumps(row) + "\n" for row in changed), encoding="utf-8")
    error = one_error(campaign.curator("restore", code=1))
    assert (
        f"1 item had other content when asked about than the data file has now: '{item['item_id']}'" in error
    )
    assert not list(campaign.folder.glob(".curator*"))


def test_a_backup_older_than_two_rounds(start):
    """Its gains stay, what came after it is merged, and the next gain is against its last measured round."""
    campaign = start()
    campaign.rounds(1)
    backup = campaign.folder.parent / "backup"
    campaign.curator("backup", str(backup))
    for _ in range(2):
        campaign.answer_all()
        campaign.curator("round")
    campaign.answer_all(most=2)
    campaign.curator("round", code=3)
    before, all_before = known(campaign.folder), dump(campaign.folder)
    lose(campaign)
    report = campaign.restore("--from", str(backup))
    after, all_after = known(campaign.folder), dump(campaign.folder)
    for table in ("holdout", "answers", "costs", "picks"):
        assert after[table] == before[table], table
    assert all_after["gains"] == [row for row in all_before["gains"] if row["round"] == 1]
    rounds = {row["id"]: row for row in all_after["rounds"]}
    assert rounds[1] in all_before["rounds"]
    assert [rounds[n]["status"] for n in (1, 2, 3, 4)] == ["measured", *["unmeasured"] * 2, "pushed"]
    assert [rounds[n]["strategy"] for n in (2, 3, 4)] == ["auto", "restored", "restored"]
    (value,) = [row["value"] for row in all_before["gains"] if row["round"] == 1]
    assert (
        f"model of round 1 trained again from its labels: it measures {value:.3f}, as before"
        in report["restored"]
    )
    assert [row for row in all_after["picks"] if row["round"] <= 2] == [
        row for row in all_before["picks"] if row["round"] <= 2
    ]
    campaign.answer_all()
    assert "Round 4 measured" in campaign.curator("round").stdout
    gains = campaign.rows("select * from gain")
    assert [row["round"] for row in gains] == [1, 4]
    assert campaign.rows("select previous from gains where round = 4") == [{"previous": 1}]
    assert gains[1]["total_cost"] == (10 + 4 * 6) * PRICE
    asked_once(campaign)


def test_a_damaged_ledger_is_moved_aside_and_its_pool_taken_over(start):
    """Also what `curator add` brought is there again; a whole ledger is refused without --force."""
    campaign = start()
    campaign.curator("round")  # the hold-out is drawn before the pool grows
    campaign.curator("add", str(write_pool(campaign.folder / "more.jsonl", 20, seed=5)))
    with Project(campaign.folder) as project:
        campaign.truth = labels_of(project)
    campaign.answer_all()
    campaign.curator("round")
    campaign.answer_all()
    campaign.curator("status")
    before = known(campaign.folder)
    refused = one_error(campaign.curator("restore", code=2))
    assert "exists and is intact, so nothing needs to be restored" in refused
    ledger = campaign.state / "ledger.db"
    content = bytearray(ledger.read_bytes())
    content[4096 : 4096 + 8 * 4096] = b"\xff" * (8 * 4096)
    ledger.write_bytes(content)
    assert "curator restore" in one_error(campaign.curator("round", code=1))
    report = campaign.restore()
    aside = Path(report["moved_to"])
    assert (aside / "ledger.db").read_bytes() == content
    assert aside.name.startswith(".curator.lost-")
    after = known(campaign.folder)
    for table in ("holdout", "answers", "costs", "picks"):
        assert after[table] == before[table], table
    assert report["counts"]["items"] == 80
    assert "Round 2 measured" in campaign.curator("round").stdout
    asked_once(campaign)
    campaign.restore("--force")
    assert len(list(campaign.folder.glob(".curator.lost-*"))) == 2


def test_an_old_ledger_put_back_by_hand_is_noticed(start):
    """`curator round` names the way out instead of asking again; the way out keeps what the ledger knew."""
    campaign = start()
    campaign.rounds(1)
    old = campaign.folder.parent / "old"
    shutil.copytree(campaign.state, old)
    campaign.answer_all()
    campaign.curator("round")
    campaign.answer_all()
    campaign.curator("status")
    before = known(campaign.folder)
    gone = campaign.folder.parent / "gone"
    campaign.state.rename(gone)
    old.rename(campaign.state)
    # The copy of the folder is another instance: that is said first.
    (campaign.state / "instance.json").write_bytes((gone / "instance.json").read_bytes())
    take_over(campaign)
    error = one_error(campaign.curator("round", code=1))
    assert "6 questions at" in error
    assert "its ledger does not know them" in error
    assert "`curator backup DIR`, then `curator restore --from DIR --force`" in error
    backup = campaign.folder.parent / "backup"
    campaign.curator("backup", str(backup))
    report = campaign.restore("--from", str(backup), "--force")
    assert "models of round 1 taken over" in " ".join(report["restored"])
    after = known(campaign.folder)
    for table in ("holdout", "answers", "costs", "picks"):
        assert after[table] == before[table], table
    assert "Round 3 measured" in campaign.curator("round").stdout
    assert [row["round"] for row in campaign.rows("select * from gain")] == [1, 3]
    asked_once(campaign)


def take_over(campaign: Campaign) -> None:
    from curator.rounds.push import prepare

    with Project(campaign.folder, take_over=True) as project:
        prepare(project)


def test_a_hold_out_file_is_read_again(start, tmp_path):
    """Its labels come from the file, nobody was ever asked about them; without the file nothing is changed."""
    holdout = write_pool(tmp_path / "holdout.jsonl", 20, seed=1)
    campaign = start(holdout=str(holdout))
    campaign.rounds(1)
    campaign.answer_all()
    campaign.curator("status")
    before = known(campaign.folder)
    lose(campaign)
    holdout.rename(tmp_path / "elsewhere.jsonl")
    assert "The hold-out file" in one_error(campaign.curator("restore", code=1))
    assert not list(campaign.folder.glob(".curator*"))
    (tmp_path / "elsewhere.jsonl").rename(holdout)
    campaign.restore()
    after = known(campaign.folder)
    for table in ("holdout", "answers", "costs", "picks"):
        assert after[table] == before[table], table
    assert "Round 2 measured: 12 labels" in campaign.curator("round").stdout
    asked_once(campaign)


def test_other_campaigns_and_foreign_tasks_are_left_out(start):
    """Tasks by hand, and questions of another campaign in the same project, are counted and nothing else."""
    campaign = start()
    campaign.curator("round")
    other = start("other", n=61)
    edit_config(other.folder, "# project = 12", f"project = {campaign.number}")
    take_over(other)
    other.curator("round")
    take_over(campaign)
    campaign.api.tasks.create(project=campaign.number, data={"text": "by hand"})
    campaign.answer_all(most=4)
    for task in campaign.api.tasks.list(project=campaign.number):
        if "key" not in task.data:
            campaign.answer(str(task.id), "red")
    campaign.curator("round", code=3)
    before = known(campaign.folder)
    lose(campaign)
    result = campaign.curator("restore")
    assert "Left out: 16 tasks there from other campaigns." in result.stderr
    assert "Left out: 1 task there not made by curator." in result.stderr
    after = known(campaign.folder)
    for table in ("questions", "holdout", "answers", "costs", "picks"):
        assert after[table] == before[table], table


def test_several_projects_of_one_name_are_listed(start):
    """It asks for the number; with it, the right campaign comes back."""
    first, second = start("first", "twins"), start("second", "twins", n=61)
    for campaign in (first, second):
        campaign.curator("round")
        campaign.answer_all(most=3)
        campaign.curator("round", code=3)
    before = [known(campaign.folder) for campaign in (first, second)]
    numbers = [campaign.number for campaign in (first, second)]
    lose(second)
    error = one_error(second.curator("restore", code=2))
    assert "Several projects at" in error
    assert all(f"{number} ('twins (" in error for number in numbers)
    assert "--labeler-project N" in error
    assert not list(second.folder.glob(".curator*"))
    second.restore("--labeler-project", str(numbers[1]))
    assert known(second.folder)["answers"] == before[1]["answers"]
    assert known(first.folder) == before[0]


def test_the_campaign_is_run_from_the_restored_folder(start):
    """The former folder, turned up again, is refused."""
    campaign = start()
    campaign.curator("round")
    found = campaign.folder.parent / "found"
    shutil.copytree(campaign.folder, found)
    shutil.rmtree(found / ".curator")
    campaign.state.rename(found / ".curator")
    campaign.restore()
    campaign.curator("round", code=3)
    refused = CliRunner().invoke(app, ["round", "--project", str(found)])
    assert refused.exit_code == 1
    assert "is run from" in refused.stderr


def test_restored_elsewhere_the_campaign_is_not_taken_over_in_silence(start):
    """On another machine, or in another folder, somebody has to say that the former one is gone; until then it goes on."""
    campaign = start()
    campaign.curator("round")
    other = Campaign(campaign.folder.parent / "elsewhere", campaign.studio, campaign.truth)
    shutil.copytree(campaign.folder, other.folder, ignore=shutil.ignore_patterns(".curator"))
    told = other.curator("restore")
    assert f"the campaign is run from {instance_name(campaign.state)}" in told.stderr
    assert "curator round --take-over" in told.stderr
    assert "is run from" in one_error(other.curator("round", code=1))
    campaign.curator("round", code=3)
    other.curator("round", "--take-over", code=3)
    assert "is run from" in one_error(campaign.curator("round", code=1))


@pytest.mark.parametrize("away", ["overlap", "annotations"])
def test_a_server_that_goes_away_leaves_nothing_behind(start, away):
    """While questions or answers are read: nothing is changed, and the same command starts over."""
    campaign = start()
    campaign.curator("round")
    number = campaign.number
    campaign.answer_all()
    lose(campaign)

    def faults(_method: str, path: str) -> Fault | None:
        return Fault(400) if away in path.partition("include=")[2] else None

    assert campaign.studio is not None
    with gateway(campaign.studio.url, faults) as server:
        edit_config(campaign.folder, campaign.studio.url, server.url)
        one_error(campaign.curator("restore", "--labeler-project", str(number), code=1))
        edit_config(campaign.folder, server.url, campaign.studio.url)
    assert not list(campaign.folder.glob(".curator*"))
    assert campaign.restore("--labeler-project", str(number))["counts"]["answers"] == 16


def test_tasks_of_an_older_curator_do_not_say_their_role(start):
    """Version 0.1.0 wrote no role: a backup knows the hold-out; without one it is said, and nothing is changed."""
    campaign = start()
    campaign.curator("round")
    backup = campaign.folder.parent / "backup"
    campaign.curator("backup", str(backup))
    campaign.answer_all()
    campaign.curator("round")
    number = campaign.number
    campaign.answer_all()
    campaign.curator("status")
    before = known(campaign.folder)
    for task in campaign.api.tasks.list(project=number):
        campaign.api.tasks.update(str(task.id), meta={"round": task.data["round"]})
    lose(campaign)
    refused = one_error(campaign.curator("restore", "--labeler-project", str(number), code=1))
    assert "does not say whether it belongs to the hold-out" in refused
    assert not list(campaign.folder.glob(".curator*"))
    campaign.restore("--from", str(backup))
    after = known(campaign.folder)
    for table in ("questions", "holdout", "answers", "costs", "picks"):
        assert after[table] == before[table], table


def test_a_question_of_the_hold_out_that_was_deleted_is_said(start):
    """The hold-out is what was asked about as such: smaller now, and curator.toml has to say so."""
    campaign = start()
    campaign.curator("round")
    holdout = campaign.rows("select external_id from questions where role = 'holdout'")
    number = campaign.number
    campaign.api.tasks.delete(holdout[0]["external_id"])
    lose(campaign)
    report = campaign.restore("--labeler-project", str(number))
    assert report["counts"]["holdout"] == 9
    assert "[holdout] size in curator.toml is 10: set it to 9" in " ".join(report["missing"])


def test_a_task_changed_at_the_server_is_named(start):
    """What does not go with its key is not believed."""
    campaign = start()
    campaign.curator("round")
    number = campaign.number
    task = next(iter(campaign.api.tasks.list(project=number)))
    lose(campaign)
    campaign.api.tasks.update(str(task.id), data={**task.data, "item_id": "item-0-9999"})
    error = one_error(campaign.curator("restore", "--labeler-project", str(number), code=1))
    assert f"(task {task.id}) says that it asks about item 'item-0-9999'" in error
    campaign.api.tasks.update(str(task.id), data={**task.data, "rank": "first"})
    error = one_error(campaign.curator("restore", "--labeler-project", str(number), code=1))
    assert f"task {task.id} of project {number}" in error
    assert "its 'rank' is 'first'" in error


def test_paid_by_the_hour(start):
    """Measured seconds cost the same again."""
    campaign = start(hourly_rate="36")
    campaign.rounds(1)
    campaign.answer_all()
    campaign.curator("status")
    before = known(campaign.folder)["costs"]
    number = campaign.number
    lose(campaign)
    campaign.restore("--labeler-project", str(number))
    assert known(campaign.folder)["costs"] == before
    assert before[0]["amount"] == 20_000


def files_campaign(folder: Path) -> Campaign:
    path = make_project(folder, n=60, batch=6, holdout="10", labeler="files")
    with Project(path) as project:
        return Campaign(path, None, labels_of(project))


def export_answers(campaign: Campaign, clock: list[int]) -> None:
    """A person's Label Studio elsewhere: every question is answered, and everything exported."""
    rows = []
    for path in sorted(campaign.folder.glob("labeling/questions/*.json")):
        for task in json.loads(path.read_text("utf-8")):
            number = len(rows) + 1
            when = f"2026-01-02T03:{number // 60:02d}:{number % 60:02d}.000000Z"
            annotation = {
                "id": number,
                "created_at": when,
                "updated_at": when,
                "completed_by": {"id": 1, "email": "ada@example.org"},
                "lead_time": 2.0,
                "was_cancelled": False,
                "result": choice(campaign.truth[task["data"]["item_id"]]),
            }
            rows.append({"id": number, **task, "annotations": [annotation]})
    clock[0] += 1
    answers = campaign.folder / "labeling" / "answers"
    (answers / f"export-{clock[0]}.json").write_text(json.dumps(rows), encoding="utf-8")


@pytest.mark.parametrize("moved", [False, True])
def test_files_come_back(tmp_path, moved):
    """From files of questions, or from exports alone when those were moved away after the answers came."""
    campaign, clock = files_campaign(tmp_path / "p"), [0]
    for _ in range(2):
        campaign.curator("round")
        export_answers(campaign, clock)
    campaign.curator("round")
    if moved:
        (campaign.folder / "labeling" / "questions" / "old").mkdir()
        for path in (campaign.folder / "labeling" / "questions").glob("round-00[12]*.json"):
            path.rename(path.parent / "old" / path.name)
    campaign.curator("round", code=3)
    before = known(campaign.folder)
    lose(campaign)
    report = campaign.restore()
    assert report["counts"]["answers"] == 22
    after = known(campaign.folder)
    for table in ("rounds", "holdout", "answers", "costs", "picks"):
        assert after[table] == before[table], table
    names = {row["key"]: row["asked_at"] for row in campaign.rows("select key, asked_at from questions")}
    assert len(names) == 28
    campaign.curator("round", code=3)


def test_files_of_several_campaigns_are_refused(tmp_path):
    """Which one is meant cannot be guessed."""
    campaign, other = files_campaign(tmp_path / "p"), files_campaign(tmp_path / "q")
    campaign.curator("round")
    other.curator("round")
    for path in (other.folder / "labeling" / "questions").glob("*.json"):
        shutil.copy(path, campaign.folder / "labeling" / "questions" / f"other-{path.name}")
    lose(campaign)
    assert "belong to several campaigns" in one_error(campaign.curator("restore", code=2))
    assert not list(campaign.folder.glob(".curator*"))


def test_known_labels_leave_nothing_but_a_backup(tmp_path):
    """The replay labeler's questions are lost with the folder; a backup knows them, and goes on as if nothing was."""
    folder = make_project(tmp_path / "p", n=80, batch=6, holdout="10")
    campaign = Campaign(folder, None, {})
    for _ in range(3):
        campaign.curator("round")
    shutil.copytree(folder, tmp_path / "undisturbed")
    backup = tmp_path / "backup"
    campaign.curator("backup", str(backup))
    before = dump(folder)
    lose(campaign)
    assert "There is nothing to restore from" in one_error(campaign.curator("restore", code=1))
    assert not list(folder.glob(".curator*"))
    report = campaign.restore("--from", str(backup))
    # The model is measured once more, and that look is on record; nothing else has changed.
    assert [(row["round"], row.pop("times")) for row in dump(folder)["looks"]] == [(1, 1), (2, 2)]
    assert without_looks(folder) == {name: rows for name, rows in before.items() if name != "looks"}
    assert "model of round 2 trained again" in " ".join(report["restored"])
    assert any("models of round 1 are gone" in line for line in report["missing"])
    undisturbed = Campaign(tmp_path / "undisturbed", None, {})
    for _ in range(2):
        campaign.curator("round")
        undisturbed.curator("round")
    expected = without_looks(undisturbed.folder)
    # Without what round 1 said about the hold-out, later rounds are compared with those after it.
    of_round_1 = [row for row in expected["comparisons"] if row["previous"] == 1 and row["round"] > 2]
    assert of_round_1
    expected["comparisons"] = [row for row in expected["comparisons"] if row not in of_round_1]
    found = without_looks(folder)
    for row in expected["comparisons"]:
        row["looks"] += row["round"] > 2
    assert found == expected


def test_all_that_a_campaign_knows_of_money_comes_back(tmp_path):
    """Random arm, fixed sums, an invoice, verdicts and forecasts: as they were, the model trained again included."""
    folder = make_project(tmp_path / "p", n=90, batch=8, holdout="12", random_share=0.7)
    edit_config(folder, '# per_round = "15.00"', 'per_round = "15.00"')
    edit_config(folder, '# per_campaign = "200.00"', 'per_campaign = "200.00"')
    campaign = Campaign(folder, None, {})
    for _ in range(6):
        campaign.curator("round")
    invoice = tmp_path / "invoice.csv"
    invoice.write_text("round,amount,kind\n2,9.99,label\n1,7,holdout\n", encoding="utf-8")
    imported = CliRunner().invoke(app, ["cost", "import", str(invoice), "--project", str(folder)])
    assert imported.exit_code == 0, imported.output
    before = without_looks(folder)
    for table in ("pool_estimates", "savings", "verdicts", "comparisons", "forecasts"):
        assert before[table], table
    campaign.curator("backup", str(tmp_path / "backup"))
    lose(campaign)
    report = campaign.restore("--from", str(tmp_path / "backup"))
    assert "model of round 5 trained again" in " ".join(report["restored"])
    assert without_looks(folder) == before
    assert "Round 6 measured" in campaign.curator("round").stdout


def without_looks(folder):
    return {name: rows for name, rows in dump(folder).items() if name != "looks"}


def test_embeddings_from_a_file_have_to_be_named(tmp_path):
    """They cannot be computed here: it says how to give them, and takes them as `init` did."""
    rng = np.random.default_rng(0)
    data = tmp_path / "pool.csv"
    data.write_text("id,text,label\n" + "".join(f"i{n},text {n},{'ab'[n % 2]}\n" for n in range(40)), "utf-8")
    array = tmp_path / "pool.npy"
    np.save(array, rng.normal(size=(40, 6)).astype(np.float32))
    folder = make_project(
        tmp_path / "p", data=data, embeddings_file=str(array), batch=4, holdout="8", classes=("a", "b")
    )
    campaign = Campaign(folder, None, {})
    campaign.curator("round")
    campaign.curator("backup", str(tmp_path / "backup"))
    before = dump(folder)
    lose(campaign)
    refused = campaign.curator("restore", "--from", str(tmp_path / "backup"), code=2)
    assert "--embeddings FILE.npy" in one_error(refused)
    twice = ("--embeddings", str(array), "--embeddings", str(array))
    refused = campaign.curator("restore", "--from", str(tmp_path / "backup"), *twice, code=2)
    assert "--embeddings is given 2 times for 1 data files" in one_error(refused)
    campaign.restore("--from", str(tmp_path / "backup"), "--embeddings", str(array))
    assert dump(folder) == before
    assert "Round 1 measured" in campaign.curator("round").stdout


def test_a_backup_from_the_middle_of_a_round(tmp_path):
    """Killed between any two steps, backed up, lost: restored it ends as the campaign that nothing happened to."""
    fresh = train_at_once(make_project(tmp_path / "fresh", n=60, batch=5, holdout="8"))
    Campaign(fresh, None, {}).curator("round")
    whole = shutil.copytree(fresh, tmp_path / "whole")
    Campaign(whole, None, {}).curator("round")
    expected = without_looks(whole)
    statuses = set()
    for write in range(1, 40):
        folder = shutil.copytree(fresh, tmp_path / f"at-{write}")
        if run_round_in_child(folder, (write, "after")) == 0:
            break  # the round has fewer writes than this
        campaign = Campaign(folder, None, {})
        (newest,) = campaign.rows("select id, status from rounds order by id desc limit 1")
        statuses.add(newest["status"])
        backup = tmp_path / f"backup-{write}"
        campaign.curator("backup", str(backup))
        lose(campaign)
        campaign.restore("--from", str(backup))
        if newest != {"id": 2, "status": "pushed"}:  # else all was done before the kill
            campaign.curator("round")
        assert without_looks(folder) == expected, f"killed after write {write}"
    assert {"opened", "selected", "pushed", "settled", "trained", "measured"} <= statuses


def test_a_wrong_backup_changes_nothing(start, tmp_path):
    """No backup, a damaged one, one of another campaign: each is said."""
    campaign, other = start("campaign"), start("other", n=61)
    campaign.curator("round")
    other.curator("round")
    number = campaign.number
    other.curator("backup", str(tmp_path / "other-backup"))
    lose(campaign)
    assert "is not a backup" in one_error(campaign.curator("restore", "--from", str(tmp_path), code=2))
    args = ("--from", str(tmp_path / "other-backup"), "--labeler-project", str(number))
    assert "leave the number out, or restore without this backup" in one_error(
        campaign.curator("restore", *args, code=2)
    )
    edit_config(campaign.folder, "# project = 12", f"project = {number}")
    assert "The backup belongs to a campaign that asks in project" in one_error(
        campaign.curator("restore", "--from", str(tmp_path / "other-backup"), code=2)
    )
    with sqlite3.connect(tmp_path / "other-backup" / "ledger.db") as db:
        db.execute("update state set value = ? where key = 'labeler_project'", [str(number)])
    db.close()
    assert "but the backup to" in one_error(
        campaign.curator("restore", "--from", str(tmp_path / "other-backup"), code=2)
    )
    assert not list(campaign.folder.glob(".curator*"))


KILLED = """
import os, signal, sys
from contextlib import contextmanager
from curator.cli.app import app
from curator.project.instance import instance_name
from curator.ledger.store import Ledger

whole, count = Ledger.write, 0

@contextmanager
def write(self):
    global count
    count += 1
    with whole(self) as inside:
        yield inside
        if count == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)

Ledger.write = write
app(["restore", "--project", sys.argv[2]])
"""


@pytest.mark.parametrize("write", [1, 4, 8])
def test_a_killed_restore_starts_over(tmp_path, write):
    """kill -9 in the middle: no half state is taken for a whole one, and nothing is left lying about at the end."""
    campaign, clock = files_campaign(tmp_path / "p"), [0]
    campaign.curator("round")
    export_answers(campaign, clock)
    campaign.curator("round")
    campaign.curator("round", code=3)
    before = known(campaign.folder)
    lose(campaign)
    command = [sys.executable, "-c", KILLED, str(write), str(campaign.folder)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == -signal.SIGKILL
    assert not (campaign.state / "ledger.db").exists()
    assert "`curator restore` rebuilds it" in one_error(campaign.curator("round", code=2))
    campaign.restore()
    after = known(campaign.folder)
    for table in ("holdout", "answers", "costs", "picks"):
        assert after[table] == before[table], table
    assert {path.name for path in campaign.folder.glob(".curator*")} == {".curator"}


def test_what_lies_in_the_way_is_said(tmp_path):
    """No curator.toml, though the backup has it; a file where the folder should be."""
    folder = make_project(tmp_path / "p", n=60, batch=5, holdout="8")
    campaign = Campaign(folder, None, {})
    backup = tmp_path / "backup"
    campaign.curator("backup", str(backup))
    lose(campaign)
    (folder / "curator.toml").unlink()
    error = one_error(campaign.curator("restore", "--from", str(backup), code=2))
    assert f"copy {backup / 'curator.toml'} there, then restore" in error
    shutil.copy(backup / "curator.toml", folder)
    campaign.state.write_text("in the way")
    assert "is not a folder" in one_error(campaign.curator("restore", "--from", str(backup), code=2))
    campaign.state.unlink()
    assert "--labeler-project is for Label Studio" in one_error(
        campaign.curator("restore", "--labeler-project", "3", code=2)
    )
    before = campaign.restore("--from", str(backup))
    assert before["counts"]["questions"] == 0
    assert "Round 1: 14 questions asked" in campaign.curator("round").stdout


def test_a_secret_comes_back_for_its_owner_alone(tmp_path):
    """Whatever rights the copy had that was left, and whatever the umask."""
    (tmp_path / ".curator").mkdir()
    (tmp_path / ".curator" / "serve-secret").write_text("s" * 32 + "\n", encoding="utf-8")
    (tmp_path / ".curator" / "serve-secret").chmod(0o644)
    (tmp_path / "new").mkdir()
    before = os.umask(0)
    try:
        _keep_secret(tmp_path / ".curator", tmp_path / "new")
    finally:
        os.umask(before)
    (kept,) = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.read_text(encoding="utf-8") == "s" * 32 + "\n"


def test_a_restore_takes_nothing_from_whoever_holds_the_folder(tmp_path):
    """An `init` that has just begun, say; and what it made itself it takes away after a failure."""
    state = tmp_path / ".curator"
    state.mkdir()

    def fail():
        with _locked(state, lambda _text: None) as was_there:
            assert not was_there
            raise KeyboardInterrupt

    with project_lock(state / "lock", "init"):
        with pytest.raises(LockedError, match="curator init"):
            fail()
        (state / "pool").mkdir()
    (state / "pool").rmdir()
    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not state.exists()
