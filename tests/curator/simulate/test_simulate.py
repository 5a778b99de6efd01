"""`curator simulate`: what users see, what is resumed, and what is refused."""

import csv
import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from support.command import run
from support.process import start_curator
from support.projects import make_project, write_pool

from curator.project.project import Project
from curator.rounds.run import run_round
from curator.simulate.crew import play_all
from curator.simulate.data import Labeled
from curator.simulate.from_project import read_project
from curator.simulate.journal import Journal
from curator.simulate.play import Plan, play
from curator.simulate.price import Price
from curator.simulate.runs import Run, play_run
from curator.simulate.split import Split, holdout_sizes

ROOT = Path(__file__).resolve().parents[3]
QUICK = ("--model", "sklearn:naive_bayes.GaussianNB", "--model-seeds", "1", "--jobs", "1", "--price", "0.10")


def labeled(n=160, seed=0, spread=0.6, share=(0.5, 0.3, 0.2)):
    """Three classes about centres of unit length."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(3, 8))
    y = rng.choice(3, size=n, p=share)
    rows = centres[y] + spread * rng.normal(size=(n, 8)) * np.sqrt(8)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    words = rng.integers(1, 60, size=n)
    return Labeled("blobs", rows.astype(np.float32), y, words, np.zeros(n, dtype=bool), ("a", "b", "c"))


def quick_run(strategy="margin", seed=0, holdouts=(20, 50), rounds=4):
    """A campaign that takes no time."""
    plan = Plan(10, 10, rounds, strategy, model="sklearn:naive_bayes.GaussianNB", model_seeds=1)
    return Run(strategy, plan, Split(50, 110), Price(100_000), holdouts, seed)


def data_file(folder, n=150):
    """A labeled JSONL file with an embedding column."""
    return write_pool(folder / "old.jsonl", n, spread=0.9)


# ---------------------------------------------------------------- what is measured on what


def test_pool_and_holdout_are_apart_and_change_with_the_seed():
    """No item in both, none of the pool near the hold-out, each seed another split; sizes as asked."""
    data = labeled()
    split, price = Split(50, 80, duplicate_cosine=0.9), Price(100_000)
    tasks = [split.task(data, price, seed) for seed in (0, 0, 1)]
    for task in tasks:
        assert (task.pool @ task.holdout.T).max() < 0.9
        assert len(task.holdout) == 50
        assert len(task.pool) <= 80
    np.testing.assert_array_equal(tasks[0].pool, tasks[1].pool)
    assert not np.array_equal(tasks[0].holdout, tasks[2].holdout)


def test_a_holdout_file_stays_out_of_the_pool():
    """Its items measure, all of them; the pool of each seed is 80% of the others."""
    data = labeled()
    marked = Labeled(**{**vars(data), "is_holdout": np.arange(160) < 40})
    split = Split.of(marked)
    assert (split.holdout, split.pool) == (40, 96)
    task = split.task(marked, Price(1), 0)
    assert {tuple(row) for row in task.holdout.tolist()} == {
        tuple(row) for row in data.embeddings[:40].tolist()
    }


def test_holdouts_are_nested_and_the_same_in_every_round():
    """The accuracy on 20 items is that of the first 20 of the 50, for every model of the campaign."""
    data, run_ = labeled(), quick_run()
    task = run_.split.task(data, run_.price, 0)
    points = play_run(data, run_)
    for point, played in zip(points, play(task, run_.plan, 0), strict=True):
        right = played.model.predict_proba(task.holdout).argmax(axis=1) == task.holdout_y
        assert point.accuracy == {20: pytest.approx(right[:20].mean()), 50: pytest.approx(right.mean())}


def test_sizes_of_holdouts():
    """Ascending, the whole one always there, larger ones than it are it."""
    assert holdout_sizes("300,1000,all", 500) == (300, 500)
    assert holdout_sizes(None, 500) == (500,)


def test_a_price_by_the_hour_grows_with_the_words():
    """At $36 an hour, a cent a second: 4 seconds and a quarter per word."""
    price = Price(None, 36_000_000)
    assert price.of(np.array([0, 4, 40])).tolist() == [40_000, 50_000, 140_000]
    assert price.unequal
    assert not Price(80_000).unequal


# ---------------------------------------------------------------- the journal and the crew


def test_a_torn_line_does_not_count_and_does_no_harm(tmp_path):
    """Killed while writing: that campaign is played again, those before and after are kept."""
    path = tmp_path / "runs.jsonl"
    points = play_run(labeled(), quick_run())
    journal = Journal(path)
    journal.append("one", "margin", 0, points)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    assert journal.read() == {"one": points}
    journal.append("two", "margin", 1, points)
    assert journal.read() == {"one": points, "two": points}


def test_two_processes_find_what_one_finds(tmp_path):
    """The same points, campaign by campaign."""
    path = tmp_path / "data.safetensors"
    labeled().save(path)
    runs = [quick_run(strategy, seed) for strategy in ("auto", "random") for seed in (0, 1)]
    found = [dict(play_all(path, runs, jobs)) for jobs in (1, 2)]
    assert found[0] == found[1]


def test_a_key_changes_with_what_could_change_results():
    """Seed, plan, data; not the moment."""
    keys = {
        quick_run().key("a"),
        quick_run(seed=1).key("a"),
        quick_run(rounds=5).key("a"),
        quick_run(strategy="auto").key("a"),
        quick_run(holdouts=(50,)).key("a"),
        quick_run().key("b"),
    }
    assert len(keys) == 6
    assert quick_run().key("a") in keys


# ---------------------------------------------------------------- the command


def test_a_simulation_from_a_file(tmp_path, monkeypatch):
    """Tables with money, a recommendation, and the files that it names; JSON says the same."""
    monkeypatch.chdir(tmp_path)
    data_file(tmp_path)
    call = (
        "simulate",
        "--data",
        "old.jsonl",
        "--strategies",
        "auto,random",
        "--seeds",
        "3",
        "--batch",
        "8",
        *QUICK,
    )
    shown = run(*call)
    assert "old: 3 campaigns of each strategy; 10 rounds of 8 (the first 8) out of" in shown.stdout
    assert "to reach" in shown.stdout
    assert (
        "Note: 3 seeds: p values and intervals rest on few campaigns and may change; use --seeds 20."
        in shown.stdout
    )
    folder = tmp_path / "curator-simulation"
    assert (folder / "curves.svg").read_text("utf-8").startswith("<svg")
    assert len((folder / "runs.jsonl").read_text("utf-8").splitlines()) == 6
    again = json.loads(run(*call, "--json").stdout)
    assert again == json.loads((folder / "result.json").read_text("utf-8"))
    assert {one["name"] for one in again["standings"]} == {"auto", "random"}
    assert again["budget"] == 80 * 100_000
    assert again["recommendation"] in shown.stdout
    assert len((folder / "runs.jsonl").read_text("utf-8").splitlines()) == 6  # nothing was played twice


def test_more_seeds_and_strategies_play_only_what_is_new(tmp_path):
    """And find what a single call finds."""
    data = data_file(tmp_path)
    common = ("simulate", "--data", data, "--batch", "8", "--rounds", "4", *QUICK)
    run(*common, "--out", tmp_path / "steps", "--strategies", "random,margin", "--seeds", "1")
    said = run(
        *common, "--out", tmp_path / "steps", "--strategies", "random,margin,coverage", "--seeds", "2"
    ).stderr
    assert "2 of 6 campaigns were played before" in said
    run(*common, "--out", tmp_path / "once", "--strategies", "random,margin,coverage", "--seeds", "2")
    assert (tmp_path / "steps/result.json").read_bytes() == (tmp_path / "once/result.json").read_bytes()


def test_ctrl_c_keeps_what_is_finished(tmp_path):
    """Interrupted with two processes at work: exit code 130 and no traceback; the next call ends with the same result."""
    args = many_campaigns(tmp_path, seeds=6)
    process = start_curator(*args, "--jobs", "2", "--out", str(tmp_path / "out"), start_new_session=True)
    journal = tmp_path / "out/runs.jsonl"
    wait_for(process, lambda: journal.exists() and "\n" in journal.read_text(encoding="utf-8"))
    os.killpg(process.pid, signal.SIGINT)
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Run the same command again to continue" in err
    assert "Traceback" not in err
    finished = len(Journal(journal).read())
    assert 0 < finished < 12
    again = run(*args, "--jobs", "1", "--out", tmp_path / "out")
    assert f"{finished} of 12 campaigns were played before" in again.stderr
    run(*args, "--jobs", "1", "--out", tmp_path / "whole")
    assert (tmp_path / "out/result.json").read_bytes() == (tmp_path / "whole/result.json").read_bytes()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
def test_ctrl_c_while_processes_start(tmp_path):
    """The ones that play are not yet told what to do with Ctrl-C: they end without a traceback too."""
    args = many_campaigns(tmp_path, seeds=20)
    process = start_curator(*args, "--jobs", "2", "--out", str(tmp_path / "out"), start_new_session=True)
    started = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_for(process, lambda: len(started.read_text().split()) >= 3)  # one of them counts resources
    os.killpg(process.pid, signal.SIGINT)
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Run the same command again to continue" in err
    assert "Traceback" not in err


def many_campaigns(tmp_path, seeds):
    """A simulation that takes a while: two campaigns for each seed."""
    return [
        "simulate", "--data", str(data_file(tmp_path)), "--strategies", "random,margin", "--seeds", str(seeds), "--batch", "8",
        "--price", "0.1", "--model", "sklearn:naive_bayes.GaussianNB", "--model-seeds", "1",
    ]  # fmt: skip


def wait_for(process, condition):
    """Look until it holds, for two minutes at most, or until the process has ended."""
    until = time.monotonic() + 120
    while process.poll() is None and not condition() and time.monotonic() < until:
        time.sleep(0.01)


def test_curves_for_forecasts(tmp_path):
    """A row per campaign, round and size of the hold-out, in the columns that `make bench-forecast` reads."""
    data = data_file(tmp_path)
    run("simulate", "--data", data, "--strategies", "random", "--rounds", "6", "--batch", "5", "--seed-batch", "10",
        "--seeds", "2", "--holdout", "60", "--holdouts", "20,60,all", "--curves", tmp_path / "c.csv",
        "--out", tmp_path / "out", *QUICK)  # fmt: skip
    with (tmp_path / "c.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["dataset", "strategy", "seed", "labels", "accuracy", "n_holdout", "cost"]
    assert len(rows) == 2 * 6 * 2
    assert [int(row["labels"]) for row in rows[:6]] == [10, 15, 20, 25, 30, 35]
    assert {row["n_holdout"] for row in rows} == {"20", "60"}
    assert all(int(row["cost"]) == 100_000 * int(row["labels"]) for row in rows)
    assert all(
        float(row["accuracy"]) * int(row["n_holdout"])
        == pytest.approx(round(float(row["accuracy"]) * int(row["n_holdout"])), abs=1e-3)
        for row in rows
    )


def test_a_project_simulates_on_its_labels_but_never_on_its_holdout(tmp_path):
    """With the replay labeler all labels but the sealed ones; price, batch and metric are the project's."""
    folder = make_project(tmp_path, n=150, batch=8, holdout="40")
    with Project(folder) as project:
        run_round(project)
        data = read_project(project)
        sealed = project.embeddings.take(project.holdout_rows())
    assert (len(data), data.notes) == (110, ())
    assert (data.embeddings @ sealed.T).max() < 1 - 1e-6
    found = json.loads(
        run(
            "simulate",
            "--project",
            folder,
            "--strategies",
            "margin",
            "--seeds",
            "2",
            "--rounds",
            "3",
            *QUICK[:6],
            "--json",
        ).stdout
    )
    assert found["budget"] == 3 * 8 * 80_000
    assert (folder / ".curator/simulations/result.json").exists()


def test_labels_collected_so_far_are_said_to_be_no_sample(tmp_path):
    """A campaign that people answer has only its own labels, and the result says what that means."""
    folder = make_project(tmp_path, n=150, batch=60, holdout="20", labeler="replay")
    for _ in range(2):
        with Project(folder) as project:
            run_round(project)
    path = folder / "curator.toml"
    path.write_text(
        path.read_text("utf-8").replace('name = "replay"', 'name = "files"\nfolder = "x"'), "utf-8"
    )
    with Project(folder) as project:
        data = read_project(project)
    assert len(data) == 60
    assert "not a random sample" in data.notes[0]


def test_cost_aware_play_is_compared_with_plain_play(tmp_path):
    """Twice as many contenders, each with its name; the cheap items make a round cheaper."""
    data = data_file(tmp_path)
    lines = [json.loads(line) for line in data.read_text("utf-8").splitlines()]
    for i, row in enumerate(lines):
        row["text"] += " more" * (100 if i % 2 else 0)
    data.write_text("\n".join(json.dumps(row) for row in lines), "utf-8")
    found = json.loads(
        run("simulate", "--data", data, "--hourly-rate", "25", "--cost-aware", "--strategies", "margin", "--seeds", "3",
            "--rounds", "5", "--batch", "6", "--out", tmp_path / "out", *QUICK[:6], "--json").stdout
    )  # fmt: skip
    assert {one["name"] for one in found["standings"]} == {"margin", "margin (cost-aware)", "random"}


def test_a_planted_task_where_a_strategy_must_win(tmp_path):
    """Two of three classes are rare: who looks for them beats who waits for them by chance."""
    rng = np.random.default_rng(5)
    centres = np.eye(12)
    y = rng.choice(3, size=600, p=(0.94, 0.03, 0.03))
    with (tmp_path / "rare.jsonl").open("w", encoding="utf-8") as file:
        for i, c in enumerate(y.tolist()):
            row = {
                "text": f"item {i}",
                "label": "abc"[c],
                "embedding": (centres[c] + 0.15 * rng.normal(size=12)).round(5).tolist(),
            }
            file.write(json.dumps(row) + "\n")
    shown = run("simulate", "--data", tmp_path / "rare.jsonl", "--strategies", "auto", "--seeds", "8", "--rounds", "6",
                "--batch", "5", "--metric", "macro_f1", "--out", tmp_path / "out",
                "--model", "sklearn:linear_model.LogisticRegression", *QUICK[2:])  # fmt: skip
    assert "Use auto: " in shown.stdout


def test_labels_without_meaning_recommend_nothing(tmp_path):
    """Classes drawn by lot: no strategy can learn them, and none is recommended."""
    rng = np.random.default_rng(6)
    with (tmp_path / "noise.jsonl").open("w", encoding="utf-8") as file:
        for i in range(300):
            row = {
                "text": f"item {i}",
                "label": "ab"[int(rng.integers(2))],
                "embedding": rng.normal(size=5).round(4).tolist(),
            }
            file.write(json.dumps(row) + "\n")
    shown = run("simulate", "--data", tmp_path / "noise.jsonl", "--strategies", "auto,margin", "--seeds", "8", "--rounds", "6",
                "--batch", "8", "--out", tmp_path / "out", *QUICK)  # fmt: skip
    assert "No strategy beats random labels here beyond chance" in shown.stdout


def test_a_budget_ends_campaigns(tmp_path):
    """$4 at $0.10 are 40 labels; rounds need not be given."""
    found = json.loads(
        run("simulate", "--data", data_file(tmp_path), "--strategies", "random", "--seeds", "2", "--batch", "9", "--budget", "4",
            "--out", tmp_path / "out", *QUICK, "--json").stdout
    )  # fmt: skip
    assert found["budget"] == 4_000_000
    assert found["standings"][0]["over_labels"][-1]["x"] == 40


@pytest.mark.parametrize(("extra", "code", "said"), [
    (("--strategies", "marginn"), 2, "Did you mean 'margin'?"),
    (("--strategies", "entropy=0.5+margin=x"), 2, "is not a mixture"),
    (("--strategies", "entropy=0.5+margin=0.1"), 2, "must add up to 1"),
    (("--strategies", ","), 2, "names none"),
    (("--price", "0"), 2, "labels cost nothing"),
    (("--price", "cheap"), 2, "--price: 'cheap' is not an amount"),
    (("--hourly-rate", "25"), 2, "not both"),
    (("--cost-aware",), 2, "needs items that cost unequally"),
    (("--metric", "f1"), 2, "--metric is 'f1'"),
    (("--model", "forest"), 2, "unknown model"),
    (("--model-params", "C=1"), 2, "is not JSON"),
    (("--batch", "500"), 2, "leaves nothing for a second"),
    (("--holdout", "0"), 2, "leaves nothing to measure with"),
    (("--holdout", "140"), 1, "leaves 10 of 150 to choose from"),
    (("--holdouts", "many"), 1, "neither a number of items nor all"),
    (("--label", "nowhere"), 1, "nowhere"),
    (("--strategies", "auto", "--seed-strategy", "margin"), 1, "scores"),
])  # fmt: skip
def test_what_cannot_be_is_refused_with_the_way_out(tmp_path, extra, code, said):
    """Wrong usage is exit code 2, data that cannot be used 1; one sentence, no traceback."""
    options = [
        part for part in QUICK if not (extra[0] == "--model" and part.startswith(("--model", "sklearn")))
    ]
    if extra[0] == "--model":
        options = ["--jobs", "1", "--price", "0.10"]
    result = run(
        "simulate",
        "--data",
        data_file(tmp_path),
        "--seeds",
        "2",
        "--out",
        tmp_path / "out",
        *options,
        *extra,
        code=code,
    )
    assert said in result.stderr


def test_data_without_labels_or_with_too_few(tmp_path):
    """What is missing, and how many are needed."""
    (tmp_path / "plain.csv").write_text("text\n" + "\n".join(f"some text {i}" for i in range(60)), "utf-8")
    out = ("--out", tmp_path / "out")
    assert (
        "Name it with --label COLUMN"
        in run("simulate", "--data", tmp_path / "plain.csv", *QUICK, *out, code=1).stderr
    )
    few = run("simulate", "--data", data_file(tmp_path, 30), *QUICK, *out, code=1).stderr
    assert "30 labeled items are too few: a simulation needs 20 to choose from and 30 to measure with" in few


def test_time_that_takes_no_time_costs_nothing(tmp_path):
    """An hourly rate with no seconds per item or word: said as what it is, not found out by a division."""
    result = run(
        "simulate", "--data", data_file(tmp_path), "--hourly-rate", "25", "--seconds-per-item", "0", "--seconds-per-word", "0",
        "--budget", "4", "--out", tmp_path / "out", *QUICK[:6], code=2,
    )  # fmt: skip
    assert "labels cost nothing here" in result.stderr


def test_a_single_seed_has_no_interval_and_small_money_is_shown(tmp_path):
    """Labels of $0.0001: no infinity in the sentence, and no $0.00 in the tables."""
    shown = run(
        "simulate", "--data", data_file(tmp_path), "--strategies", "margin", "--seeds", "1", "--rounds", "4", "--batch", "8",
        "--price", "0.0001", "--out", tmp_path / "out", *QUICK[:6],
    ).stdout  # fmt: skip
    assert "inf" not in shown.replace("infer", "")
    assert "at $0.0032" in shown
    assert "$0.00 " not in shown.replace("$0.00 (", "")


def test_of_very_many_labels_a_sample_is_read(tmp_path, monkeypatch):
    """Texts and embeddings of the sample alone are read, and the notes say so."""
    folder = make_project(tmp_path, n=150, batch=8, holdout="40")
    monkeypatch.setattr("curator.simulate.data.drawn.__defaults__", (30,))
    taken = []
    with Project(folder) as project:
        take = project.embeddings.take
        monkeypatch.setattr(project.embeddings, "take", lambda rows: taken.append(len(rows)) or take(rows))
        data = read_project(project)
    assert (len(data), taken) == (30, [30])
    assert data.notes[0] == "30 of 150 labeled items, drawn at random, are played on"
    assert "the hold-out is not drawn" in data.notes[1]


def test_no_price_and_no_project(tmp_path, monkeypatch):
    """Nothing to go by: says what to give."""
    monkeypatch.chdir(tmp_path)
    assert "--price 0.08" in run("simulate", "--data", data_file(tmp_path), code=2).stderr
    assert "curator init" in run("simulate", code=2).stderr


def test_help_teaches():
    """With an example that can be typed."""
    assert "Example: curator simulate --data old-labels.csv" in " ".join(
        run("simulate", "--help").stdout.split()
    )
