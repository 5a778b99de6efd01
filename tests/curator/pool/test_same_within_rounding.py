"""What was made on another processor is recognised: the same within rounding is not called a change."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from support.projects import make_project
from typer.testing import CliRunner

from curator.cli.app import app
from curator.project.project import Project
from curator.rounds.run import run_round
from integrations.encoders.tfidf import TfidfEncoder


def learn_again(folder, change):
    """Put what another machine would have learned from the same texts in place of what was learned here."""
    (learned,) = (path.parent for path in (folder / ".curator/embeddings").rglob("tfidf.npz"))
    encoder = TfidfEncoder()
    encoder.load(learned)
    before = encoder.fingerprint
    terms = [view.get_feature_names_out().tolist() for view in encoder._views]
    encoder._set(terms, [view.idf_ for view in encoder._views], change(encoder._projection))
    encoder.save(learned)
    assert encoder.fingerprint != before


def by_rounding(projection):
    return projection + np.random.default_rng(0).uniform(-1e-6, 1e-6, projection.shape).astype(np.float32)


def for_good(projection):
    return np.ascontiguousarray(projection[:, ::-1])


@pytest.mark.parametrize(("change", "changed"), [(by_rounding, False), (for_good, True)])
def test_an_encoder_that_was_learned_on_another_processor_is_no_change(tmp_path, change, changed):
    """Its model is kept, and the gain is that of the labels alone; an encoder that reads otherwise is said."""
    folder = make_project(tmp_path, n=90, holdout="20", encoder="tfidf")
    for _ in range(2):
        with Project(folder) as project:
            run_round(project)
    learn_again(folder, change)
    said: list[str] = []
    with Project(folder, say=said.append) as project:
        project.learner()
        report = run_round(project)
    assert report.measured["round"] == 2
    assert any("the same within rounding: the model of round 1 is kept" in line for line in said) != changed
    assert any("encoder has changed since round 1" in line for line in said) == changed
    assert any("[encoder] changed since round 1" in note for note in report.notes) == changed


@pytest.mark.parametrize(
    ("loss", "expected"), [(1e-4, "the same within rounding (before:"), (0.05, "have changed")]
)
def test_a_model_that_is_trained_again_elsewhere_is_compared_by_more_than_its_steps(tmp_path, loss, expected):
    """One hold-out item that tips over is a step of the metric; the log loss says whether the model is another one."""
    folder = make_project(tmp_path / "p", n=80, batch=6, holdout="10")
    for _ in range(2):
        with Project(folder) as project:
            run_round(project)
    command = CliRunner().invoke
    assert command(app, ["backup", str(tmp_path / "backup"), "--project", str(folder)]).exit_code == 0
    with closing(sqlite3.connect(tmp_path / "backup" / "ledger.db")) as ledger, ledger:
        ledger.execute("update gains set value = value - 0.1")
        ledger.execute("update evaluations set value = value + ? where metric = 'log_loss'", [loss])
    (folder / ".curator").rename(tmp_path / "lost")
    done = command(app, ["restore", "--from", str(tmp_path / "backup"), "--project", str(folder)])
    assert done.exit_code == 0, done.output
    assert "model of round 1 trained again from its labels" in " ".join(done.output.split())
    assert expected in " ".join(done.output.split())
