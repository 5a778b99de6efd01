"""The seam for kinds of labels: one that is nothing like a choice plays a campaign through the code that is shipped."""

import csv
import json

import numpy as np
import pytest
from support.grades import GRADES, Grades, grades_known
from typer.testing import CliRunner

from curator.cli.app import app
from curator.errors import ConfigError, CuratorError
from curator.ledger import queries
from curator.progress import NoProgress
from curator.project.project import Project
from curator.rounds.run import run_round
from curator.serve.model import LoadedModel, newest_model
from curator.simulate.from_project import read_project
from curator.start.create import init_project
from curator.start.options import InitOptions
from integrations.labelers.protocol import ProjectSpec, Question, Suggestion
from integrations.labelers.studio_config import build_config, read_control
from integrations.labelers.studio_json import read_answer, task_json

ROUNDS = 4


def _data(path, n=200):
    """Items whose embedding says how good they are, on a line from 1 to 5, with some noise."""
    rng = np.random.default_rng(0)
    direction = rng.normal(size=8)
    with path.open("w", encoding="utf-8") as file:
        for i in range(n):
            grade = int(rng.integers(1, 6))
            embedding = (grade - 3) * direction + 0.4 * rng.normal(size=8) + np.eye(8)[0]
            row = {"id": f"i{i:03d}", "text": f"item {i}", "label": grade, "embedding": embedding.tolist()}
            file.write(json.dumps(row) + "\n")
    return path


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A campaign of grades with some measured rounds, and one that is out."""
    folder = tmp_path_factory.mktemp("grades")
    with grades_known():
        options = InitOptions(
            name="grades", data=_data(folder / "pool.jsonl"), task="grade", labeler="replay", price="0.08", batch=20,
            holdout="40", classes=GRADES,
        )  # fmt: skip
        init_project(options, folder, NoProgress())
        for _ in range(ROUNDS + 1):
            with Project(folder) as project:
                run_round(project)
        yield folder


def _run(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_rounds_are_played(campaign):
    """The hold-out measures what a grade is measured by, gains are compared by it, and the model learns."""
    with Project(campaign) as project:
        assert 'task = "grade"' in (campaign / "curator.toml").read_text()
        gain = queries.measures.gain_table(project.ledger)
        assert [row["metric"] for row in gain] == ["within_half"] * ROUNDS
        assert gain[-1]["value"] > 0.6
        assert {row["metric"] for row in project.ledger.rows("select distinct metric from comparisons")} == {
            "within_half", "squared_error"
        }  # fmt: skip
        questions = project.ledger.rows("select suggestion, why from questions where suggestion is not null")
        assert {row["suggestion"] for row in questions} <= set(GRADES)
        assert not any("torn between" in row["why"] for row in questions)
        assert project.checkpoint(ROUNDS).model.n_outputs_ == 2


def test_views_tell_of_it(campaign):
    """status, plan, export, predict and report; what they cannot show is said."""
    status = json.loads(_run("status", "--project", campaign, "--json"))
    assert status["gain"][-1]["metric"] == "within_half"
    assert "grade" in status["savings"]["reason"]
    assert "hits" in _run("status", "--project", campaign)
    assert "hits now" in _run("plan", "--project", campaign)
    _run("export", campaign / "labels.csv", "--project", campaign)
    with (campaign / "labels.csv").open(encoding="utf-8") as file:
        assert {row["label"] for row in csv.DictReader(file)} == set(GRADES)
    rows = list(csv.DictReader(_run("predict", "--project", campaign).splitlines()))
    assert list(rows[0]) == ["item_id", "predicted", "spread", "mean", "variance"]
    report = json.loads(_run("report", "--project", campaign, "--out", campaign / "page.html", "--json"))
    told = json.loads((campaign / "page.json").read_text(encoding="utf-8"))
    assert report["missing"] == told["missing"]
    assert told["confusion"] is told["calibration"] is None
    assert told["classes"] == []
    assert any("no such thing for labels that are a grade from 1 to 5" in line for line in told["missing"])
    assert all(row["true"].startswith("grade ") for row in told["errors"])
    assert 0 < told["chance"] < 0.6


def test_live_suggestions_are_grades(campaign):
    """`curator serve` answers by the same rules."""
    with Project(campaign) as project:
        stamp = newest_model(project)
    (found,) = LoadedModel(campaign, stamp).suggest(["i000"])
    assert found.label in GRADES
    assert 0 < found.score <= 1


def test_what_does_not_fit_is_refused(campaign, tmp_path):
    """Strategies that read probabilities, class changes, simulations, modAL: each with a clear message."""
    with Project(campaign) as project:
        for refused, message in (
            (lambda: read_project(project), "one class of several"),
            (project.learner, "one class of several"),
        ):
            with pytest.raises(CuratorError, match=message):
                refused()
    changed = CliRunner().invoke(app, ["classes", "--project", str(campaign), "rename", "1", "bad"])
    assert changed.exit_code == 2
    assert "cannot be changed" in changed.output
    toml = (campaign / "curator.toml").read_text()
    for old, new, message in (
        ('strategy = "auto"', 'strategy = "entropy"', "made for labels that are one class"),
        ('metric = "within_half"', 'metric = "accuracy"', "is run by within_half"),
        ('task = "grade"', 'task = "essay"', "no kind of label is called 'essay'; there are: single"),
    ):
        (campaign / "curator.toml").write_text(toml.replace(old, new, 1))
        try:
            with pytest.raises(ConfigError, match=message), Project(campaign) as project:
                run_round(project)
        finally:
            (campaign / "curator.toml").write_text(toml)


def test_a_campaign_keeps_its_kind_of_label(campaign):
    """What a label is cannot change once questions were asked."""
    toml = (campaign / "curator.toml").read_text()
    other = toml.replace('task = "grade"', 'task = "single"', 1).replace('"within_half"', '"accuracy"', 1)
    (campaign / "curator.toml").write_text(other)
    try:
        with pytest.raises(ConfigError, match=r"\[project\] task"), Project(campaign) as project:
            run_round(project)
    finally:
        (campaign / "curator.toml").write_text(toml)


def test_the_labeling_configuration_is_its_own():
    """Written, recognised, suggested and read back; a configuration of choices is not taken for it."""
    spec = ProjectSpec(title="t", kind="text", classes=GRADES, form=Grades.form)
    control = read_control(build_config(spec), "text", form=Grades.form)
    assert control.classes == GRADES
    question = Question("k", "i", 1, 1, text="x", suggestion=Suggestion("4", 0.7, "m"))
    task = task_json(question, control, "x")
    result = task["predictions"][0]["result"]
    assert result[0]["value"] == {"rating": 4}
    annotation = {"id": 1, "created_at": "2026-01-01T00:00:00Z", "result": result}
    assert read_answer(annotation, control, lambda _n: "", "o").label == "4"
    annotation["result"][0]["value"]["rating"] = 9
    assert read_answer(annotation, control, lambda _n: "", "o").problem == "9 is no grade"
    with pytest.raises(Exception, match="exactly one <Rating>"):
        read_control(
            build_config(ProjectSpec(title="t", kind="text", classes=GRADES)), "text", form=Grades.form
        )
