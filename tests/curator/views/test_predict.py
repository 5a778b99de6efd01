"""Predictions, DataFrames, probabilities of one's own, fresh embeddings: what a notebook needs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.projects import CLASSES, edit_config, make_project, write_pool
from typer.testing import CliRunner

import curator
from curator.cli.app import app
from curator.errors import ConfigError, CuratorError, DataError
from curator.pool.fresh import replace_embeddings
from curator.rounds.own_probs import read_own_probs
from curator.rounds.run import run_round
from curator.views.api import Project
from curator.views.predict import predict_file, predict_pool


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A campaign with one measured round; read only."""
    folder = make_project(tmp_path_factory.mktemp("predict") / "p", n=90, batch=10, holdout="20")
    with Project(folder) as project:
        run_round(project)
        run_round(project)
    return folder


@pytest.fixture
def campaign(measured, tmp_path):
    """A copy to change, its second round answered."""
    return Path(shutil.copytree(measured, tmp_path / "p"))


def run(*args, code=0):
    result = CliRunner().invoke(app, list(map(str, args)))
    assert result.exit_code == code, f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
    return result


# --- DataFrames -------------------------------------------------------------------------------------------------


def test_labels_answers_and_the_curve_are_dataframes(measured):
    """Item ids, or rounds, as the index; money in units of the currency."""
    with curator.open_project(measured) as project:
        labels, answers, curve = project.labels(), project.answers(), project.curve()
    assert labels.index.name == answers.index.name == "item_id"
    assert len(labels) == len(answers) == 30
    assert set(labels["role"]) == {"train", "holdout"}
    assert (labels.loc[answers.index, "label"] == answers["label"]).all()
    assert answers["cost"].sum() == pytest.approx(30 * 0.08)
    assert list(curve.index) == [1]
    assert curve.loc[1, "total_cost"] == pytest.approx(30 * 0.08)


def test_before_the_first_round_they_are_empty_and_predictions_say_why(tmp_path):
    """With their columns."""
    folder = make_project(tmp_path / "p", n=40, batch=5, holdout="5")
    with Project(folder) as project:
        assert project.labels().empty
        assert "label" in project.labels()
        assert project.curve().empty
        with pytest.raises(CuratorError, match="No model yet"):
            project.predictions()


@pytest.mark.parametrize(
    "rows", [slice(None), slice(3, 9, 2), [5, 1, 1], np.arange(90) % 7 == 0, slice(-4, None)]
)
def test_embeddings_are_read_as_an_array_is(measured, rows):
    """By slices, lists and masks."""
    with Project(measured) as project:
        everything = np.asarray(project.embeddings)
        assert len(project.embeddings) == len(everything) == 90
        np.testing.assert_array_equal(project.embeddings[rows], everything[rows])
        np.testing.assert_array_equal(project.embeddings[-1], everything[-1])
        np.testing.assert_array_equal(project.embeddings[7], everything[7])


# --- predictions ------------------------------------------------------------------------------------------------


def test_predictions_are_those_of_the_newest_model(measured):
    """For every item of the pool, in its order, with the probability of every class."""
    with Project(measured) as project:
        frame = project.predictions()
        probs = project.checkpoint(1).model.predict_proba(project.embeddings[:])
        assert list(frame.index) == project.pool.ids(range(90))
    np.testing.assert_allclose(frame[[f"p({name})" for name in CLASSES]], probs, rtol=1e-6)
    assert list(frame["predicted"]) == [CLASSES[k] for k in probs.argmax(axis=1)]
    np.testing.assert_allclose(frame["probability"], probs.max(axis=1), rtol=1e-6)


def test_a_file_is_predicted_as_the_pool_is(measured, tmp_path):
    """Without labels too; neither pool nor ledger change."""
    path = write_pool(tmp_path / "new.jsonl", 12, seed=3)
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row in rows:
        del row["label"]
    vectors = np.array([row["embedding"] for row in rows], dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with Project(measured) as project:
        before = project.pool.n_items, project.ledger.scalar("select count(*) from answers")
        predictions = predict_file(project, path)
        after = project.pool.n_items, project.ledger.scalar("select count(*) from answers")
        expected = project.checkpoint(1).model.predict_proba(vectors)
        known = predict_pool(project, project.pool.ids([4, 2]))
        assert known.item_ids == project.pool.ids([4, 2])
    assert before == after
    assert predictions.item_ids == [row["id"] for row in rows]
    np.testing.assert_allclose(predictions.probs, expected, rtol=1e-4)


def test_texts_are_predicted_by_the_encoder_that_the_pool_taught(tmp_path):
    """The same text, the same probabilities: nothing is learned anew from the file."""
    data = write_pool(tmp_path / "pool.csv", 60)
    rows = [json.loads(line) for line in data.read_text("utf-8").splitlines()]
    pd.DataFrame(rows)[["id", "text", "label"]].to_csv(data, index=False)
    folder = make_project(tmp_path / "p", data=data, batch=8, holdout="10", encoder="tfidf")
    some = tmp_path / "some.csv"
    pd.DataFrame(rows[:3])[["id", "text"]].to_csv(some, index=False)
    with Project(folder) as project:
        run_round(project)
        run_round(project)
        np.testing.assert_allclose(
            predict_file(project, some).probs, predict_pool(project).probs[:3], rtol=1e-5
        )


def test_the_command_writes_what_round_reads(campaign, tmp_path):
    """CSV to stdout, or a file; and it says which model."""
    shown = run("predict", "--project", campaign).stdout.splitlines()
    assert shown[0].startswith("item_id,predicted,probability,margin,p(")
    assert len(shown) == 91
    assert "round-001" in run("predict", "--project", campaign, "--out", tmp_path / "p.parquet").stdout
    assert len(pd.read_parquet(tmp_path / "p.parquet")) == 90
    assert json.loads(run("predict", "--project", campaign, "--json").stdout)[0]["item_id"]
    assert "no column" in run("predict", tmp_path / "p.parquet", "--project", campaign, code=1).stderr


# --- probabilities of one's own ---------------------------------------------------------------------------------


def test_a_batch_is_chosen_by_ones_own_probabilities(campaign, tmp_path):
    """The items they are least sure of are asked, and the ledger names another model."""
    edit_config(campaign, 'strategy = "auto"', 'strategy = "margin"')
    with Project(campaign) as project:
        frame = project.predictions()
        names = [f"p({name})" for name in CLASSES]
        frame[names] = [0.9, 0.06, 0.04]
        asked = set(project.pool.ids(range(90))) - set(project.labels().index)
        unsure = sorted(asked)[:10]
        frame.loc[unsure, names] = [0.34, 0.33, 0.33]
        frame[names].to_csv(tmp_path / "own.csv")
        open_items = {
            row["item_id"] for row in project.ledger.rows("select item_id from questions where round = 2")
        }
        report = run_round(project, probs=tmp_path / "own.csv")
        picks = project.ledger.rows("select item_id, margin from picks where round = 3")
        (row,) = project.ledger.rows("select picked_with from rounds where id = 3")
    assert any("own.csv" in note for note in report.notes)
    free = [item for item in unsure if item not in open_items]
    assert set(free) <= {pick["item_id"] for pick in picks}
    assert row["picked_with"].startswith("own-")


@pytest.mark.parametrize(
    ("change", "say"),
    [
        (lambda frame: frame.drop(columns=["p(red)"]), "no column 'red'"),
        (
            lambda frame: frame.assign(**{"p(red)": "high"}),
            r"no probability in column 'p\(red\)': 90 times.*row 1 ",
        ),
        (lambda frame: frame.rename(index={frame.index[4]: "nobody"}), "nobody"),
        (lambda frame: frame.reset_index(drop=True).rename_axis("number"), "no column 'item_id'"),
        (lambda frame: frame.rename(index={frame.index[0]: ""}), r"no item_id: row 1 "),
        (lambda frame: frame[:0], "no rows"),
    ],
)
def test_probabilities_that_cannot_be_used_are_named(measured, tmp_path, change, say):
    """By row, column or item."""
    with Project(measured) as project:
        change(project.predictions()).to_csv(tmp_path / "own.csv")
        with pytest.raises(DataError, match=say):
            read_own_probs(project, tmp_path / "own.csv")


def test_probabilities_of_some_items_or_none_that_are_change_nothing(campaign, tmp_path):
    """All that may be asked about need them; each row adds up to 1."""
    edit_config(campaign, 'strategy = "auto"', 'strategy = "margin"')
    with Project(campaign) as project:
        frame = project.predictions()
        frame[:40].to_csv(tmp_path / "some.csv")
        (frame.select_dtypes("number") * 3).to_csv(tmp_path / "wrong.csv")
        for name, say in (("some.csv", "have no probabilities"), ("wrong.csv", "not probabilities")):
            with pytest.raises(DataError, match=say):
                run_round(project, probs=tmp_path / name)
            assert project.ledger.scalar("select count(*) from picks where round = 3") == 0


@pytest.mark.parametrize("strategy", ['"bald"', '"dropquery"', '"modAL.uncertainty:entropy_sampling"'])
def test_strategies_that_look_into_the_model_do_not_take_probabilities(campaign, tmp_path, strategy):
    """Said before anything is pulled."""
    edit_config(campaign, 'strategy = "auto"', f"strategy = {strategy}")
    with Project(campaign) as project, pytest.raises(ConfigError, match="probabilities"):
        run_round(project, probs=tmp_path / "own.csv")


# --- fresh embeddings -------------------------------------------------------------------------------------------


def test_fresh_embeddings_take_the_place_of_the_old_ones(campaign, tmp_path):
    """In any order by id; models are trained again on them, and the campaign goes on."""
    rng = np.random.default_rng(0)
    with Project(campaign) as project:
        ids, old = project.pool.ids(range(90)), project.embeddings[:]
        before = project.embeddings.fingerprint
        turned = np.hstack([old[:, ::-1], rng.normal(size=(90, 4)).astype(np.float32) * 0.01])
    order = rng.permutation(90)
    np.savez(tmp_path / "fresh.npz", ids=np.array(ids)[order], embeddings=turned[order])
    assert (
        "90 embeddings of 20 entries"
        in run("embeddings", tmp_path / "fresh.npz", "--project", campaign).stdout
    )
    with Project(campaign) as project:
        assert project.embeddings.fingerprint != before
        unit = turned / np.linalg.norm(turned, axis=1, keepdims=True)
        np.testing.assert_allclose(project.embeddings[:], unit, atol=1e-6)
        assert project.checkpoint(1).model.predict_proba(project.embeddings[:]).shape == (90, 3)
        assert run_round(project).measured["round"] == 2
        np.save(tmp_path / "fresh.npy", old)
        assert replace_embeddings(project.embeddings, project.pool, tmp_path / "fresh.npy").dim == 16


@pytest.mark.parametrize(
    ("arrays", "say"),
    [
        ({"ids": ["a"], "embeddings": np.ones((1, 4))}, "90 of 90 items have no embedding"),
        ({"embeddings": np.ones((90, 4))}, "no array 'ids"),
        ({"ids": ["a", "b"], "embeddings": np.ones((1, 4))}, "2 ids for 1 embeddings"),
        ({"ids": ["a"], "embeddings": np.ones(4)}, "shape"),
        ({"ids": ["a"], "embeddings": np.array([["x"]])}, "floats"),
    ],
)
def test_fresh_embeddings_that_cannot_be_used_change_nothing(measured, tmp_path, arrays, say):
    """Named, and the old ones stay."""
    np.savez(tmp_path / "fresh.npz", **arrays)
    with Project(measured) as project:
        before = project.embeddings[:]
        with pytest.raises(DataError, match=say):
            replace_embeddings(project.embeddings, project.pool, tmp_path / "fresh.npz")
        np.testing.assert_array_equal(project.embeddings[:], before)


def test_a_kill_between_the_two_renames_loses_nothing(campaign, tmp_path):
    """The next command finds the complete fresh store and puts it into place."""
    with Project(campaign) as project:
        folder = project.embeddings.folder
        before = project.embeddings[:]
    folder.rename(folder.with_name(f"{folder.name}.fresh"))
    with Project(campaign) as project:
        np.testing.assert_array_equal(project.embeddings[:], before)
