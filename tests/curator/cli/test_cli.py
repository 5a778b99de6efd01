"""The command line as a user types it: output, JSON, exit codes, and errors that say what to do."""

import csv
import json
import re
import sqlite3

import pyarrow.parquet as pq
import pytest
from support.command import run
from support.projects import CLASSES, make_project, write_pool

from curator.cli import demo
from curator.cli.printing import table
from curator.project.project import Project
from curator.rounds.run import run_round


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Two measured rounds, by the library; read only."""
    folder = make_project(tmp_path_factory.mktemp("cli"))
    with Project(folder) as project:
        for _ in range(3):
            run_round(project)
    return folder


def test_a_users_day(tmp_path, monkeypatch):
    """init, round, status, round, add, export: from a CSV in the current folder, with the labels standing in."""
    monkeypatch.chdir(tmp_path)
    rows = [
        json.loads(line) for line in write_pool(tmp_path / "pool.jsonl", 150).read_text("utf-8").splitlines()
    ]
    with (tmp_path / "reviews.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["id", "text", "label"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    done = run(
        "init",
        "reviews",
        "--data",
        "reviews.csv",
        "--price",
        "0.08",
        "--labeler",
        "replay",
        "--batch",
        "10",
        "--holdout",
        "30",
    )
    assert re.search(r"150 items imported at [\d,]+ rows/s, encoded at [\d,]+ rows/s", done.stdout)
    assert re.search(r"text +text +text +150 ", done.stdout)
    assert "Next: `curator round`" in done.stdout
    toml = (tmp_path / "curator.toml").read_text("utf-8")
    assert 'price_per_label = "0.08"' in toml
    assert "# " in toml
    first = run("round")
    assert "Round 1: 40 questions asked, 30 of them for the hold-out" in first.stdout
    status = run("status")
    assert "Round 1: ready for `curator round`, 40 of 40 questions answered" in status.stdout
    assert "$0.80 for training labels, $2.40 for the hold-out" in status.stdout
    second = run("round")
    assert "Round 1 measured: 10 labels, accuracy" in second.stdout
    assert "Stages: pull" in second.stdout
    write_pool(tmp_path / "more.jsonl", 20, seed=5)
    assert "20 items added, 0 known already" in run("add", "more.jsonl").stdout
    third = json.loads(run("round", "--json").stdout)
    assert third["measured"]["round"] == 2
    assert third["opened"] == 3
    for name in ("labels.csv", "labels.parquet", "labels.jsonl"):
        assert "50 labels written" in run("export", name).stdout
    assert pq.read_table(tmp_path / "labels.parquet").num_rows == 50
    assert len((tmp_path / "labels.jsonl").read_text("utf-8").splitlines()) == 50


def test_status_in_json_and_for_people(campaign):
    """The gain table has a row per measured round, each value with its interval."""
    shown = run("status", "--project", campaign).stdout
    assert "accuracy (95%)" in shown
    assert "points per dollar" in shown
    status = json.loads(run("status", "--project", campaign, "--json").stdout)
    assert [row["round"] for row in status["gain"]] == [1, 2]
    assert status["open_round"]["round"] == 3
    assert status["spent"] == {"label": 2_400_000, "holdout": 4_800_000}


def test_strategies_are_listed_with_one_line_each():
    """Ours by name, and how to mix them and use modAL's."""
    shown = run("strategies").stdout
    for name in ("entropy", "margin", "least_confidence", "random", "coverage", "maxherding"):
        assert name in shown
    assert "modAL.batch:uncertainty_batch_sampling" in shown
    listed = json.loads(run("strategies", "--json").stdout)
    assert {"name", "kind", "summary"} == set(listed[0])


def test_an_export_that_a_spreadsheet_cannot_run(tmp_path):
    """Text that begins like a formula is defused in CSV, and kept as it is in JSONL."""
    data = write_pool(tmp_path / "pool.jsonl", 60)
    rows = [json.loads(line) for line in data.read_text("utf-8").splitlines()]
    for row in rows:
        row["text"] = "=cmd()" + row["text"]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    folder = make_project(tmp_path, data=data, holdout="20")
    for _ in range(2):
        run("round", "--project", folder)
    run("export", tmp_path / "labels.csv", "--project", folder)
    run("export", tmp_path / "labels.jsonl", "--project", folder)
    with (tmp_path / "labels.csv").open(encoding="utf-8", newline="") as file:
        assert all(row["text"].startswith("'=cmd()") for row in csv.DictReader(file))
    first = json.loads((tmp_path / "labels.jsonl").read_text("utf-8").splitlines()[0])
    assert first["text"].startswith("=cmd()")


def test_waiting_is_exit_code_3_and_partial_settles(tmp_path):
    """Unanswered questions: 3 and nothing changed; --partial goes on with the answers there are."""
    folder = make_project(tmp_path, labeler="files", holdout="20", batch=10)
    run("round", "--project", folder)
    waiting = run("round", "--project", folder, code=3)
    assert "0 of 30 questions answered" in waiting.stdout
    assert "--partial settles with these" in waiting.stdout
    assert (
        "No question of round 1 has been answered yet"
        in run("round", "--partial", "--project", folder, code=1).stderr
    )
    tasks = json.loads(next((folder / "labeling" / "questions").glob("*.json")).read_text("utf-8"))
    with Project(folder) as project:
        truth = {
            i: project.pool.labels(project.pool.rows([i]))[0] for i in (t["data"]["item_id"] for t in tasks)
        }
    for number, task in enumerate(tasks[:24], start=1):
        result = [
            {
                "from_name": "label",
                "to_name": "text",
                "type": "choices",
                "value": {"choices": [truth[task["data"]["item_id"]]]},
            }
        ]
        task["annotations"] = [
            {"id": number, "result": result, "completed_by": {"email": "ann@example.org"}, "lead_time": 3.5,
             "was_cancelled": False, "created_at": "2026-01-01T10:00:00Z", "updated_at": "2026-01-01T10:00:00Z"}
        ]  # fmt: skip
    answers = folder / "labeling" / "answers"
    answers.mkdir(exist_ok=True)
    (answers / "export.json").write_text(json.dumps(tasks), encoding="utf-8")
    waiting = run("round", "--project", folder, "--wait", "--timeout", "0", code=3)
    assert "24 of 30 questions answered (ann@example.org 24)" in waiting.stdout
    assert "ann@example.org" in run("status", "--project", folder).stdout
    settled = run("round", "--partial", "--project", folder)
    assert "Round 1 measured" in settled.stdout
    assert "Round 2: 10 questions asked" in settled.stdout


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["round"], 2, "curator init NAME"),
        (["init", "x", "--data", "none.csv", "--price", "1"], 1, "none.csv"),
        (["init", "x", "--data", "pool.jsonl"], 2, "--price 0.08"),
        (["init", "x", "--data", "pool.jsonl", "--price", "1", "--kind", "video"], 2, "text, image"),
        (["init", "x", "--data", "pool.jsonl", "--price", "1", "--text", "body"], 1, "body"),
        (["init", "x", "--data", "pool.jsonl", "--price", "1", "--classes", "red"], 2, "two classes"),
        (["init", "x", "--data", "pool.jsonl", "--price", "1", "--classes", "red,blue"], 1, "green"),
        (
            ["init", "x", "--data", "pool.jsonl", "--price", "1", "--holdout", "60"],
            2,
            "leaves nothing to learn from",
        ),
        (["init", "x", "--data", "pool.jsonl", "--price", "1", "--holdout", "gone.csv"], 1, "gone.csv"),
        (["init", "x", "--data", "pool.jsonl", "--price", "1", "--encoder", "magic"], 2, "magic"),
        (["init", "x", "--data", "pool.jsonl", "--price", "1", "--labeler", "repaly"], 2, "known are"),
        (
            ["init", "x", "--data", "pool.jsonl", "--price", "1", "--label", "id"],
            1,
            "they name items, not classes",
        ),
        (
            ["init", "x", "--data", "pool.jsonl", "--price", "1", "--strategy", "margn"],
            2,
            "Did you mean 'margin'",
        ),
        (["init", "x", "--data", "pool.jsonl", "--price", "1", "--strategy", "modAL.batch:nope"], 2, "nope"),
        (["init", "x", "--data", "pool.jsonl", "--price", "free"], 2, "'free' is not an amount"),
        (["export", "labels.csv"], 2, "curator init NAME"),
    ],
)
def test_errors_say_what_to_do_and_leave_nothing_behind(tmp_path, monkeypatch, args, code, message):
    """One clear message on stderr, the right exit code, no traceback, and no half-made project."""
    monkeypatch.chdir(tmp_path)
    write_pool(tmp_path / "pool.jsonl", 60)
    result = run(*args, code=code)
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / ".curator").exists()
    assert not (tmp_path / "curator.toml").exists()


def test_a_folder_with_a_project_is_refused(campaign, tmp_path):
    """Neither a second init nor one over a ledger without its curator.toml may touch what is there."""
    before = (campaign / ".curator" / "ledger.db").read_bytes()
    data = write_pool(tmp_path / "pool.jsonl", 60)
    again = run("init", "x", "--data", data, "--price", "1", "--project", campaign, code=2)
    assert "already holds a project" in again.stderr
    assert (campaign / ".curator" / "ledger.db").read_bytes() == before
    other = tmp_path / "other"
    (other / ".curator").mkdir(parents=True)
    (other / ".curator" / "ledger.db").write_bytes(b"precious")
    assert (
        "holds a ledger"
        in run("init", "x", "--data", data, "--price", "1", "--project", other, code=2).stderr
    )
    assert (other / ".curator" / "ledger.db").read_bytes() == b"precious"


def test_what_a_killed_init_left_is_cleared(tmp_path):
    """A state folder without a ledger holds nothing of value."""
    (tmp_path / ".curator" / "pool").mkdir(parents=True)
    data = write_pool(tmp_path / "pool.jsonl", 60)
    run("init", "x", "--data", data, "--price", "1", "--project", tmp_path, "--labeler", "replay")
    assert (tmp_path / "curator.toml").is_file()


def test_init_infers_and_says_so(tmp_path):
    """Classes from the label column, a hold-out of a third of a small pool, a first batch of two per class."""
    data = write_pool(tmp_path / "pool.jsonl", 60)
    shown = run("init", "x", "--data", data, "--price", "1", "--project", tmp_path, "--batch", "4", "--json")
    report = json.loads(shown.stdout)
    assert report["holdout_size"] == 20
    notes = " ".join(report["notes"])
    assert "hold-out: 20 items, a third of the pool" in notes
    assert "the first batch has 6 questions: two per class" in notes
    assert "labeler: Label Studio at http://localhost:8080" in notes
    assert "--labeler replay" in notes
    assert f"classes = {json.dumps(list(CLASSES))}" in (tmp_path / "curator.toml").read_text("utf-8")


def test_known_ids_are_skipped_and_changed_ones_refused(tmp_path):
    """`add` twice adds nothing; the same id with other content is an error that lists it, and adds nothing."""
    folder = make_project(tmp_path)
    data = tmp_path / "pool.jsonl"
    assert "0 items added, 240 known already" in run("add", data, "--project", folder).stdout
    rows = [json.loads(line) for line in data.read_text("utf-8").splitlines()]
    rows[3]["text"] = "something else"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    refused = run("add", data, "--project", folder, code=1)
    assert rows[3]["id"] in refused.stderr
    with Project(folder) as project:
        assert project.pool.n_items == 240


def test_export_wants_a_known_ending_and_a_folder(campaign, tmp_path):
    """Both are said before anything is written."""
    assert (
        ".parquet, .csv, .jsonl"
        in run("export", tmp_path / "labels.xlsx", "--project", campaign, code=2).stderr
    )
    assert (
        "is not a folder"
        in run("export", tmp_path / "no" / "labels.csv", "--project", campaign, code=2).stderr
    )


def test_a_broken_ledger_is_one_line(tmp_path):
    """A ledger that cannot be read says so, with the way out."""
    folder = make_project(tmp_path)
    for extra in ("-wal", "-shm"):
        (folder / ".curator" / f"ledger.db{extra}").unlink(missing_ok=True)
    (folder / ".curator" / "ledger.db").write_bytes(b"garbage, and a lot of it. " * 400)
    assert "ledger.db is damaged" in run("status", "--project", folder, code=1).stderr
    (folder / ".curator" / "ledger.db").unlink()
    assert "no ledger" in run("status", "--project", folder, code=2).stderr


def test_a_locked_database_is_one_line(tmp_path, monkeypatch):
    """Somebody else's transaction on the file: no traceback, nothing half-done."""
    folder = make_project(tmp_path)
    from curator.ledger import store

    monkeypatch.setattr(store, "LOCK_SECONDS", 0.1)
    other = sqlite3.connect(folder / ".curator" / "ledger.db")
    try:
        other.execute("begin immediate")
        assert "Another program has kept the ledger" in run("round", "--project", folder, code=1).stderr
    finally:
        other.rollback()
        other.close()
    assert "Round 1" in run("round", "--project", folder).stdout


def test_version_and_help():
    """`--version`, and help for every command."""
    from curator import __version__

    assert run("--version").stdout.strip() == f"curator {__version__}"
    for command in ("init", "add", "round", "status", "report", "export", "strategies", "demo"):
        assert "Usage" in run(command, "--help").stdout


@pytest.mark.parametrize(
    ("digits", "holdout"), [(400, 100), pytest.param(demo.DIGITS, demo.HOLDOUT, marks=pytest.mark.long)]
)
def test_demo_ends_with_the_gain_table(tmp_path, monkeypatch, digits, holdout):
    """The demo runs the real loop and shows what its ledger holds; somebody's folder is never overwritten."""
    monkeypatch.setattr(demo, "DIGITS", digits)
    monkeypatch.setattr(demo, "HOLDOUT", holdout)
    folder = tmp_path / "demo"
    shown = run("demo", folder, "--rounds", "2").stdout
    assert "points per dollar" in shown
    assert re.search(r"^ +60 +\$4\.80 +0\.\d{3} +0\.\d{3} \(0\.\d{3} to 0\.\d{3}\)$", shown, re.MULTILINE)
    assert re.search(
        r"To reach accuracy 0\.\d{3}, curator took \d+ labels \(\$\d\.\d\d\); random labels took \d+ ", shown
    )
    assert str(folder / ".curator" / "ledger.db") in shown
    page = folder / ".curator" / "reports" / "round-002.html"
    assert f"Report: {page}" in shown
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    with Project(folder) as project:
        assert project.ledger.scalar("select count(*) from gain") == 2
    (tmp_path / "mine").mkdir()
    assert "is not a demo that curator made" in run("demo", tmp_path / "mine", code=2).stderr


def test_init_takes_itself_back_when_the_encoder_fails(tmp_path):
    """Texts that the encoder finds no words in: nothing is left behind, and another encoder can be tried at once."""
    data = tmp_path / "pool.csv"
    data.write_text("id,text\n" + "".join(f"{i},{'!?' * (i + 1)}\n" for i in range(30)), encoding="utf-8")
    args = ["init", "x", "--data", data, "--price", "1", "--classes", "a,b", "--project", tmp_path / "p"]
    for _ in range(2):
        assert "tfidf" in run(*args, code=1).stderr
        assert not (tmp_path / "p" / "curator.toml").exists()
        assert not (tmp_path / "p" / ".curator").exists()


def test_numbers_survive_a_csv_export(tmp_path):
    """Classes such as -1 and +1 are no formulas."""
    data = write_pool(tmp_path / "pool.jsonl", 60)
    rows = [json.loads(line) for line in data.read_text("utf-8").splitlines()]
    for row in rows:
        row["label"] = "-1" if row["label"] == "red" else "+1"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    folder = make_project(tmp_path, data=data, holdout="20")
    for _ in range(2):
        run("round", "--project", folder)
    run("export", tmp_path / "labels.csv", "--project", folder)
    with (tmp_path / "labels.csv").open(encoding="utf-8", newline="") as file:
        assert {row["label"] for row in csv.DictReader(file)} == {"-1", "+1"}


def test_names_in_a_table_are_no_markup():
    """Brackets are part of a name, and what steers a terminal stands there as its code, columns below each other."""
    shown = table(["class [b]", "labels"], [["[/b]", "1"], ["[red]card", "12"], ["a\x1b[2Jb", "3"]])
    first = ["class [b]", "[/b]", "[red]card", r"a\u001b[2Jb"]
    last = ["labels", "1", "12", "3"]
    assert shown.splitlines() == [f"{name:<13}{n:>6}" for name, n in zip(first, last, strict=True)]
