"""The whole loop with the replay labeler: what a campaign leaves in the ledger."""

import json
from itertools import pairwise

import numpy as np
import pytest
from support.projects import CLASSES, edit_config, labels_of, make_project, write_pool

import curator
from curator.errors import ConfigError, CuratorError, LockedError
from curator.ledger import queries
from curator.project.project import Project
from curator.rounds.run import run_round
from curator.views.export import labeled_rows
from curator.views.status import read_status
from integrations.errors import IntegrationError
from strategies.kernels.near_duplicates import near_any


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Three measured rounds and a fourth that is asked."""
    folder = make_project(tmp_path_factory.mktemp("campaign"))
    with Project(folder) as project:
        for _ in range(4):
            run_round(project)
    return folder


@pytest.fixture
def project(campaign):
    """The campaign, opened to be read."""
    with Project(campaign) as opened:
        yield opened


def test_the_first_call_sends_holdout_and_seed_batch(tmp_path):
    """Before any model: the sealed sample and a batch chosen by coverage, interleaved, without suggestions."""
    with Project(make_project(tmp_path)) as project:
        report = run_round(project)
        questions = project.ledger.rows("select * from questions order by rank")
    assert (report.opened, report.sent, report.holdout_sent) == (1, 70, 60)
    assert [q["rank"] for q in questions] == list(range(1, 71))
    assert {q["state"] for q in questions} == {"asked"}
    assert {q["suggestion"] for q in questions} == {None}
    # Settled early, a round must have something to learn from and something to measure with.
    assert {q["role"] for q in questions[:12]} == {"train", "holdout"}


def test_gain_view_holds_to_its_contract(project):
    """Exactly the promised columns; costs in micro-units; gain is the difference to the round before."""
    rows = project.ledger.rows("select * from gain")
    assert list(rows[0]) == [
        "round", "labels", "cost", "total_cost", "metric", "value", "gain", "gain_low", "gain_high", "gain_per_dollar",
    ]  # fmt: skip
    assert [row["round"] for row in rows] == [1, 2, 3]
    assert [row["labels"] for row in rows] == [10, 20, 30]
    assert [row["cost"] for row in rows] == [800_000] * 3  # 10 labels at $0.08
    # The 60 hold-out labels are paid for in the first round and are in the total only.
    assert [row["total_cost"] for row in rows] == [800_000 * n + 4_800_000 for n in (1, 2, 3)]
    assert (rows[0]["gain"], rows[0]["gain_per_dollar"]) == (None, None)
    for before, after in pairwise(rows):
        assert after["gain"] == pytest.approx(after["value"] - before["value"])
        assert after["gain_low"] <= after["gain"] <= after["gain_high"]
        assert after["gain_per_dollar"] == pytest.approx(after["gain"] / 0.8)


def test_value_is_what_the_kept_model_scores(project):
    """The number in the ledger can be computed again from the checkpoint and the hold-out's labels."""
    from curator.tasks.single import SingleChoice

    labels = queries.holdout.holdout_labels(project.ledger)
    rows = project.pool.rows(list(labels))
    y = np.array([CLASSES.index(label) for label in labels.values()])
    for row in project.ledger.rows("select * from gain"):
        probs = project.checkpoint(row["round"]).model.predict_proba_seeds(project.embeddings.take(rows))
        assert np.mean(
            [SingleChoice(CLASSES).evaluate(p, y).values["accuracy"] for p in probs]
        ) == pytest.approx(row["value"])


def test_the_holdout_is_never_picked_and_nothing_is_asked_twice(project):
    """No pick is a hold-out item; no item is picked or asked in two rounds."""
    picks = [row["item_id"] for row in project.ledger.rows("select item_id from picks")]
    asked = [row["item_id"] for row in project.ledger.rows("select item_id from questions")]
    assert len(picks) == len(set(picks)) == 40
    assert len(asked) == len(set(asked)) == 100
    assert not set(picks) & set(queries.holdout.holdout_ids(project.ledger))
    assert project.ledger.scalar("select count(*) from looks") == 3


def test_every_pick_says_why(project):
    """Rank, strategy, entropy, margin and distance of every pick, as the model that chose it saw them."""
    first = project.ledger.rows("select * from picks where round = 1 order by rank")
    assert {row["strategy"] for row in first} == {"maxherding"}
    assert {row["entropy"] for row in first} == {None}
    later = project.ledger.rows("select * from picks where round = 2 order by rank")
    assert [row["rank"] for row in later] == list(range(1, 11))
    assert {row["strategy"] for row in later} == {"auto"}
    probs = project.checkpoint(1).model.predict_proba(
        project.embeddings.take(project.pool.rows([row["item_id"] for row in later]))
    )
    top = np.sort(probs, axis=1)
    np.testing.assert_allclose([row["margin"] for row in later], 1 - (top[:, -1] - top[:, -2]), atol=1e-5)
    np.testing.assert_allclose([row["entropy"] for row in later], -(probs * np.log(probs)).sum(1), atol=1e-5)
    assert all(0 <= row["coverage_distance"] <= 2 for row in later)


def test_suggestions_are_the_models(project):
    """From the second round on each question carries the model's best class, its probability and version."""
    rows = project.ledger.rows("select * from questions where round = 3")
    probs = project.checkpoint(2).model.predict_proba(
        project.embeddings.take(project.pool.rows([row["item_id"] for row in rows]))
    )
    assert {row["model_version"] for row in rows} == {"round-002"}
    assert [row["suggestion"] for row in rows] == [CLASSES[i] for i in probs.argmax(1)]
    np.testing.assert_allclose([row["suggestion_score"] for row in rows], probs.max(1), atol=1e-6)


def test_metrics_of_three_splits_and_the_gap(project):
    """Five metrics on train, validation and hold-out; the gap between train and hold-out is a column."""
    rows = {row["metric"]: row for row in project.ledger.rows("select * from metrics where round = 3")}
    assert set(rows) == {"accuracy", "macro_f1", "log_loss", "brier", "ece"}
    for row in rows.values():
        assert None not in (row["train"], row["validation"])
        assert row["generalisation_gap"] == pytest.approx(row["train"] - row["holdout"])
    per_class = project.ledger.rows(
        "select * from evaluations where round = 3 and split = 'holdout' and class <> ''"
    )
    assert {row["class"] for row in per_class} == set(CLASSES)
    assert {row["metric"] for row in per_class} == {"precision", "recall", "f1"}


def test_the_same_seed_gives_the_same_campaign(campaign, tmp_path, project):
    """A second campaign with the same data and seed picks the same items and measures the same numbers."""
    with Project(make_project(tmp_path)) as again:
        for _ in range(3):
            run_round(again)
        for table in ("picks", "gains"):
            sql = f"select * from {table} where round <= 2 order by round, 2"
            assert again.ledger.rows(sql) == project.ledger.rows(sql)


def test_learner_is_the_trained_modal_learner(project):
    """`open_project(path).learner()` predicts as the newest checkpoint does, and can be taught on."""
    from modAL.models import ActiveLearner

    with curator.open_project(project.folder) as opened:
        learner = opened.learner()
        embeddings = opened.embeddings.take(np.arange(30))
        labels = [str(label) for label in opened.pool.labels(np.arange(30))]
    assert isinstance(learner, ActiveLearner)
    assert len(learner.X_training) == 30
    np.testing.assert_allclose(
        learner.predict_proba(embeddings), project.checkpoint(3).model.predict_proba(embeddings), atol=1e-6
    )
    positions, rows = learner.query(embeddings, n_instances=3)
    assert len(set(positions.tolist())) == 3
    assert rows.shape == (3, 16)
    learner.teach(embeddings, np.array(labels))
    assert len(learner.X_training) == 60


@pytest.mark.parametrize(
    "strategy",
    [
        '"entropy"',
        '"least_confidence"',
        '"coverage"',
        '"random"',
        "{entropy = 0.3, margin = 0.3, coverage = 0.4}",
        '"modAL.batch:uncertainty_batch_sampling"',
        '"modAL.uncertainty:entropy_sampling"',
        '{"modAL.uncertainty:margin_sampling" = 0.5, random = 0.5}',
    ],
)
def test_any_strategy_runs_in_the_loop(campaign, tmp_path, strategy):
    """Ours, mixtures and modAL's: exactly k distinct new items, each with the strategy that chose it."""
    folder = make_project(tmp_path)
    edit_config(folder, 'strategy = "auto"', f"strategy = {strategy}")
    with Project(folder) as project:
        run_round(project)
        run_round(project)
        picks = project.ledger.rows("select * from picks where round = 2 order by rank")
        spec = queries.rounds.strategy_of(project.ledger.one("select * from rounds where id = 2"))
    assert len({row["item_id"] for row in picks}) == 10
    names = {spec} if isinstance(spec, str) else set(spec)
    assert {row["strategy"] for row in picks} == names
    for row in picks:
        assert (row["probability"] is not None) == (row["strategy"] == "random")


def test_a_fixed_holdout_file_costs_nothing_and_is_not_asked(tmp_path):
    """A user's own labeled file measures the rounds; no hold-out question is sent."""
    holdout = write_pool(tmp_path / "holdout.jsonl", 50, seed=1)
    with Project(make_project(tmp_path, holdout=str(holdout))) as project:
        first = run_round(project)
        second = run_round(project)
        spent = queries.costs.spend(project.ledger)
        roles = {row["role"] for row in project.ledger.rows("select distinct role from questions")}
        exported = labeled_rows(project)
    assert (first.holdout_sent, first.sent) == (0, 10)
    assert spent == {"label": 800_000, "holdout": 0}
    assert roles == {"train"}
    assert second.measured["total_cost"] == 800_000
    assert sum(row["role"] == "holdout" for row in exported) == 50


def test_near_duplicates_of_the_holdout_stay_out_of_training(tmp_path):
    """An item that repeats a hold-out item is never picked, and the round says how many there are."""
    data = write_pool(tmp_path / "pool.jsonl", 120)
    lines = data.read_text(encoding="utf-8").splitlines()
    copies = []
    for line in lines:
        row = json.loads(line)
        row["id"], row["text"] = "copy-of-" + row["id"], row["text"] + " "
        copies.append(json.dumps(row))
    data.write_text("\n".join(lines + copies) + "\n", encoding="utf-8")
    with Project(make_project(tmp_path, data=data, holdout="40")) as project:
        report = run_round(project)
        holdout = set(queries.holdout.holdout_ids(project.ledger))
        twins = {i.removeprefix("copy-of-") if i.startswith("copy") else "copy-of-" + i for i in holdout}
        for _ in range(8):
            report = run_round(project)
        picks = {row["item_id"] for row in project.ledger.rows("select item_id from picks")}
        duplicates = project.ledger.scalar("select holdout_duplicates from rounds where id = 1")
    assert duplicates == len(twins - holdout) > 0
    assert not picks & twins
    assert report.opened is not None


def test_no_two_picks_of_a_batch_are_near_duplicates(tmp_path):
    """Among copies of one item, a batch holds one while the pool has others."""
    data = write_pool(tmp_path / "pool.jsonl", 60)
    lines = data.read_text(encoding="utf-8").splitlines()
    row = json.loads(lines[0])
    copies = [json.dumps({**row, "id": f"copy-{i}", "text": f"copy {i}"}) for i in range(40)]
    data.write_text("\n".join(lines + copies) + "\n", encoding="utf-8")
    with Project(make_project(tmp_path, data=data, holdout="5", batch=20)) as project:
        run_round(project)
        run_round(project)
        for round_id in (1, 2):
            ids = [
                r["item_id"]
                for r in project.ledger.rows("select item_id from picks where round = ?", [round_id])
            ]
            vectors = project.embeddings.take(project.pool.rows(ids))
            cosine = vectors @ vectors.T - 2 * np.eye(len(ids))
            assert cosine.max() < 0.97


def test_the_last_items_are_sent_and_then_the_pool_is_empty(tmp_path):
    """Fewer items than a batch: all are sent, and it says so; with none left, so does the next call."""
    with Project(make_project(tmp_path, n=45, holdout="20", batch=20)) as project:
        run_round(project)
        second = run_round(project)
        third = run_round(project)
        fourth = run_round(project)
        rounds = project.ledger.scalar("select count(*) from rounds")
    assert second.sent == 5
    assert any("5 are left" in note for note in second.notes)
    assert third.measured is not None
    assert third.opened is None
    assert any("Nothing is left" in note for note in fourth.notes)
    assert rounds == 2


def test_unlabeled_items_are_skipped_and_cost_nothing(tmp_path):
    """Replay skips what it has no label for: an answer, no label, no price per label."""
    data = write_pool(tmp_path / "pool.jsonl", 100)
    rows = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    for row in rows[::2]:
        row["label"] = None
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with Project(make_project(tmp_path, data=data, holdout="30", batch=20)) as project:
        run_round(project)
        report = run_round(project)
        skipped = project.ledger.scalar("select count(*) from live_answers where skipped = 1")
        paid = project.ledger.scalar("select count(*) from costs where amount > 0")
        answered = project.ledger.scalar("select count(*) from live_answers where label is not null")
    assert skipped > 0
    assert paid == answered == 50 - skipped
    assert report.measured["labels"] < 20


def test_hourly_rate_pays_for_time(tmp_path):
    """Seconds times rate, in whole micro-units, for every answer."""
    with Project(make_project(tmp_path, hourly_rate="36")) as project:
        run_round(project)
        run_round(project)
        rows = project.ledger.rows("select * from costs")
    assert {row["basis"] for row in rows} == {"per hour"}
    for row in rows:
        assert row["amount"] == pytest.approx(row["seconds"] * 10_000, abs=1)  # $36 an hour is $0.01 a second


def test_a_seed_batch_of_one_class_does_not_stop_the_loop(tmp_path):
    """With one class labeled the next batch is chosen as the first, and it says so."""
    data = write_pool(tmp_path / "pool.jsonl", 80)
    rows = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    for row in rows[:-1]:
        row["label"] = "red"
    rows[-1]["label"] = "blue"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    said: list[str] = []
    folder = make_project(tmp_path, data=data, holdout="20", classes=CLASSES)
    with Project(folder, say=said.append) as project:
        run_round(project)
        report = run_round(project)
        strategy = project.ledger.scalar("select strategy from rounds where id = 2")
    assert report.measured["value"] >= 0.9
    assert (
        any("No label yet for 2 of 3 classes: blue, green" in note for note in report.notes)
        or strategy == "margin"
    )
    if strategy == "maxherding":
        assert any("Fewer than two classes" in line for line in said)


def test_nothing_labeled_closes_the_round_unmeasured(tmp_path):
    """When every answer is a skip there is no model; the round is closed, said, and the next begins."""
    data = write_pool(tmp_path / "pool.jsonl", 80)
    rows = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    for row in rows[1:]:
        row["label"] = None
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with Project(make_project(tmp_path, data=data, label="label", holdout="20", classes=CLASSES)) as project:
        run_round(project)
        report = run_round(project)
        assert project.ledger.scalar("select status from rounds where id = 1") == "unmeasured"
        with pytest.raises(CuratorError, match="No model yet"):
            project.learner()
    assert (report.closed, report.opened) == (1, 2)
    assert "no usable training label" in report.closed_because


def test_a_second_round_at_the_same_time_is_refused(campaign):
    """The second says who holds the project, and how."""
    with Project(campaign) as one, Project(campaign) as two, one.locked("round"):
        with pytest.raises(LockedError, match=r"`curator round`, process \d+ on .+, since 20"):
            run_round(two)
        assert any("Shown as of the last pull" in note for note in read_status(two).notes)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('classes = ["blue", "green", "red"]', 'classes = ["blue", "red", "green"]', "classes"),
        ('metric = "accuracy"', 'metric = "macro_f1"', "metric"),
        ('currency = "USD"', 'currency = "EUR"', "currency"),
    ],
)
def test_a_change_that_breaks_comparison_is_refused(tmp_path, old, new, what):
    """Classes, metric and currency are fixed for a campaign."""
    folder = make_project(tmp_path)
    with Project(folder) as project:
        run_round(project)
    edit_config(folder, old, new)
    with Project(folder) as project, pytest.raises(ConfigError, match=what):
        run_round(project)


def test_macro_f1_as_the_metric(tmp_path):
    """The gain is one of macro-F1 when curator.toml says so."""
    with Project(make_project(tmp_path, metric="macro_f1")) as project:
        for _ in range(3):
            report = run_round(project)
    assert report.measured["metric"] == "macro_f1"
    assert report.measured["gain_low"] <= report.measured["gain"] <= report.measured["gain_high"]


def test_any_sklearn_model_can_be_the_model(tmp_path):
    """`model = "sklearn:..."` trains, checkpoints without a pickle, and is restored."""
    folder = make_project(tmp_path)
    edit_config(folder, 'name = "head"', 'name = "sklearn:sklearn.linear_model.LogisticRegression"')
    edit_config(folder, "# params = {hidden = 256, dropout = 0.5}", "params = {C = 100.0}")
    with Project(folder) as project:
        for _ in range(3):
            report = run_round(project)
        probs = project.learner().predict_proba(project.embeddings.take(np.arange(5)))
    assert report.measured["value"] > 0.7
    np.testing.assert_allclose(probs.sum(1), 1, atol=1e-6)
    kept = {path.suffix for path in (folder / ".curator" / "models").rglob("*") if path.is_file()}
    assert kept == {".safetensors", ".json"}


def test_export_has_the_provenance(project):
    """Who, when, round, price and agreement of every label."""
    rows = labeled_rows(project)
    assert len(rows) == 90
    truth = labels_of(project)
    for row in rows:
        assert row["label"] == truth[row["item_id"]]
        assert (row["annotators"], row["answers"], row["agreement"], row["cost"]) == (
            "replay",
            1,
            None,  # one answer agrees with nobody
            0.08,
        )
        assert row["text"].startswith("number")
        assert row["round"] in (1, 2, 3)


def test_a_strategy_that_failed_can_be_mended(tmp_path):
    """A strategy that breaks in the middle of a round leaves it open; with another one the round goes on."""
    folder = make_project(tmp_path)
    with Project(folder) as project:
        run_round(project)
    # Committee strategies of modAL need a committee: refused before anything is paid.
    edit_config(folder, 'strategy = "auto"', 'strategy = "modAL.disagreement:vote_entropy_sampling"')
    with Project(folder) as project, pytest.raises(ConfigError, match="vote_entropy_sampling"):
        run_round(project)
    # This one exists and can be called, but fails on every pool.
    edit_config(folder, '"modAL.disagreement:vote_entropy_sampling"', '"json:dumps"')
    with Project(folder) as project, pytest.raises(ConfigError, match="allow_code"):
        run_round(project)
    edit_config(folder, "[acquisition]", "[acquisition]\nallow_code = true")
    with Project(folder) as project, pytest.raises(IntegrationError, match="dumps"):
        run_round(project)
    with Project(folder) as project:
        assert queries.rounds.current_round(project.ledger)["status"] == "opened"
    edit_config(folder, '"json:dumps"', '"entropy"')
    with Project(folder) as project:
        report = run_round(project)
        strategies = {
            row["strategy"] for row in project.ledger.rows("select strategy from picks where round = 2")
        }
        assert project.ledger.scalar("select strategy from rounds where id = 2") == "entropy"
    assert report.opened == 2
    assert report.measured["round"] == 1  # by the call that failed, which could not tell
    assert strategies == {"entropy"}


def test_the_encoder_can_change_in_a_campaign(tmp_path):
    """The model is trained again on the new embeddings, it says so, and the campaign goes on."""
    folder = make_project(tmp_path)
    with Project(folder) as project:
        run_round(project)
        run_round(project)
    edit_config(folder, 'name = "precomputed"', 'name = "tfidf"')
    said: list[str] = []
    with Project(folder, say=said.append) as project:
        assert project.learner().predict_proba(project.embeddings.take(np.arange(3))).shape == (3, 3)
        report = run_round(project)
    assert any("encoder has changed since round 1" in line for line in said)
    assert report.measured["round"] == 2
    assert report.measured["gain"] is not None


def test_a_changed_model_is_said_with_its_gain(tmp_path):
    """A gain over a change of model is not the labels' alone, and the round says so."""
    folder = make_project(tmp_path)
    with Project(folder) as project:
        run_round(project)
        assert not any("changed since" in note for note in run_round(project).notes)
    edit_config(folder, "# params = {hidden = 256, dropout = 0.5}", "params = {weight_decay = 1.0}")
    with Project(folder) as project:
        report = run_round(project)
    assert any("[model] changed since round 1 was trained" in note for note in report.notes)


def test_a_holdout_that_was_changed_is_refused(tmp_path):
    """The sample is sealed: another size, or a file in its place, is an error before anything is sent."""
    folder = make_project(tmp_path, holdout="30")
    edit_config(folder, "size = 30", 'file = "gold.csv"')
    with Project(folder) as project, pytest.raises(ConfigError, match="read by `curator init` only"):
        run_round(project)
    edit_config(folder, 'file = "gold.csv"', "size = 25")
    with Project(folder) as project:
        assert run_round(project).holdout_sent == 25
    edit_config(folder, "size = 25", "size = 40")
    with Project(folder) as project, pytest.raises(ConfigError, match="is sealed: 25 items from a sample"):
        run_round(project)


def test_near_copies_of_the_holdout_are_seen_at_a_threshold_of_one():
    """A float32 row's cosine with its own copy is often a little below 1."""
    rows = np.random.default_rng(0).normal(size=(500, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert near_any(rows, rows.copy(), 1.0).all()
    assert not near_any(rows[:250], rows[250:], 1.0).any()
    assert not near_any(rows, rows[:0], 0.5).any()


def answer_files(folder, project, ids, name, who="ann"):
    """Answers to some of the questions, as an export of Label Studio; returns how many."""
    tasks = [
        t
        for path in sorted((folder / "labeling" / "questions").glob("*.json"))
        for t in json.loads(path.read_text())
    ]
    chosen = [task for task in tasks if ids is None or task["data"]["item_id"] in ids]
    for number, task in enumerate(chosen, start=1):
        label = project.pool.labels(project.pool.rows([task["data"]["item_id"]]))[0]
        task["id"], task["project"] = number, 7
        task["annotations"] = [
            {
                "id": number,
                "result": [
                    {
                        "from_name": "label",
                        "to_name": "text",
                        "type": "choices",
                        "value": {"choices": [label]},
                    }
                ],
                "completed_by": {"email": f"{who}@example.org"},
                "lead_time": 2.0,
                "was_cancelled": False,
                "created_at": f"2026-01-01T10:00:00.{number:06d}Z",
                "updated_at": "2026-01-01T10:00:00Z",
            }
        ]
    (folder / "labeling" / "answers" / name).write_text(json.dumps(chosen), encoding="utf-8")
    return len(chosen)


def test_late_answers_count_even_when_nothing_is_left_to_ask(tmp_path):
    """After the last batch was settled early, answers still come in, are paid, trained on and measured."""
    folder = make_project(tmp_path, n=50, labeler="files", holdout="20", batch=30)
    with Project(folder) as project:
        first = run_round(project)
        ids = [row["item_id"] for row in project.ledger.rows("select item_id from questions order by rank")]
        answer_files(folder, project, set(ids[: len(ids) - 8]), "export.json")
        early = run_round(project, partial=True)
        assert early.opened is None
        assert any("Nothing is left" in note for note in early.notes)
        answer_files(folder, project, None, "export.json")
        late = run_round(project)
        assert any("came late" in note for note in late.notes)
        assert late.measured["round"] == 2
        assert project.ledger.scalar("select count(*) from live_answers") == first.sent
        assert project.ledger.scalar("select sum(amount) from costs") == first.sent * 80_000
        assert run_round(project).measured is None


def test_holdout_questions_deleted_unanswered_are_asked_again(tmp_path):
    """Without its hold-out a campaign could never be measured: the next round asks for it anew."""
    folder = make_project(tmp_path, n=120, labeler="files", holdout="20", batch=10)
    with Project(folder) as project:
        run_round(project)
        train = {row["item_id"] for row in project.ledger.rows("select item_id from picks")}
        answer_files(folder, project, train, "export.json")
        for path in (folder / "labeling" / "questions").glob("*.json"):
            path.unlink()
        report = run_round(project)
        assert any("Deleted at the labeler: 20 questions" in note for note in report.notes)
        assert report.closed == 1
        assert report.holdout_sent == 20


def test_a_labeler_without_any_of_our_questions_is_not_believed(tmp_path):
    """Everything gone at once is rather a wrong address: nothing is withdrawn unless --partial insists."""
    folder = make_project(tmp_path, n=120, labeler="files", holdout="20", batch=10)
    with Project(folder) as project:
        run_round(project)
        for path in (folder / "labeling" / "questions").glob("*.json"):
            path.unlink()
        with pytest.raises(CuratorError, match="None of the 30 questions"):
            run_round(project)
        assert project.ledger.scalar("select count(*) from questions where state = 'asked'") == 30
        assert any("None of the 30 questions" in note for note in read_status(project).notes)
        report = run_round(project, partial=True)
    assert report.closed == 1
    assert report.holdout_sent == 20


def test_two_servers_exports_come_together(tmp_path):
    """Two people with a server each: both answers count; deleting a file takes its answers back, and says so."""
    folder = make_project(tmp_path, n=120, labeler="files", holdout="20", batch=10)
    with Project(folder) as project:
        run_round(project)
        ids = {row["item_id"] for row in project.ledger.rows("select item_id from questions")}
        answer_files(folder, project, set(sorted(ids)[:20]), "a.json")
        other = folder / "labeling" / "answers" / "b.json"
        answer_files(folder, project, set(sorted(ids)[:20]), "b.json", who="bob")
        other.write_text(other.read_text().replace('"project": 7', '"project": 8').replace(":00.0", ":01.0"))
        assert read_status(project).open_round["annotators"] == {"ann@example.org": 20, "bob@example.org": 20}
        other.unlink()
        status = read_status(project)
    assert status.open_round["annotators"] == {"ann@example.org": 20}
    assert any("Deleted at the labeler: 20 answers" in note for note in status.notes)
