"""A metric is one class: entered in `METRICS`, a campaign is run by it."""

import json

import numpy as np
import pytest
from support.projects import make_project
from typer.testing import CliRunner

from curator.cli.app import app
from curator.evidence.metrics import METRICS, Metric
from curator.ledger import queries
from curator.project.project import Project
from curator.rounds.run import run_round


class Sure(Metric):
    """Share of items whose true class has more than half of the probability."""

    name, title, meaning = "sure", "sure hits", "the share of items that the model is sure and right about"
    headline = True

    def measure(self, predictions, y):
        return float((predictions[np.arange(len(y)), y] > 0.5).mean())

    def per_item(self, outcomes):
        return (outcomes.of_truth > 0.5).astype(np.float64)


@pytest.fixture
def sure():
    METRICS["sure"] = Sure()
    yield
    del METRICS["sure"]


@pytest.mark.usefixtures("sure")
def test_a_round_is_run_by_a_new_metric(tmp_path):
    """Config takes it, every table has it, and every text calls it by its title; nothing else was touched."""
    folder = make_project(tmp_path, metric="sure", holdout="40", batch=15)
    for _ in range(3):
        with Project(folder) as project:
            run_round(project)
    with Project(folder) as project:
        assert [row["metric"] for row in queries.measures.gain_table(project.ledger)] == ["sure", "sure"]
        values = queries.measures.holdout_values(project.ledger, 2)
        assert 0 < values["sure"] <= values["accuracy"]
        assert queries.measures.comparisons_by(project.ledger, "sure")[0]["round"] == 2
    for command in (
        ["status"],
        ["simulate", "--metric", "sure", "--seeds", "2", "--rounds", "2", "--jobs", "1"],
    ):
        done = CliRunner().invoke(app, [*command, "--project", str(folder)])
        assert "sure hits" in done.output, done.output
    out = tmp_path / "page.html"
    assert CliRunner().invoke(app, ["report", "--project", str(folder), "--out", str(out)]).exit_code == 0
    assert "Sure hits on " in out.read_text(encoding="utf-8")
    assert json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))["project"]["metric"] == "sure"


def test_headlines_speak_of_points():
    """Forecasts, stop rules and the page take a headline for a share of 0 to 1; chance is below what is possible."""
    headlines = [metric for metric in METRICS.values() if metric.headline]
    assert [metric.name for metric in headlines] == ["accuracy", "macro_f1"]
    assert all(metric.bounded and metric.unit == "points" and metric.higher_is_better for metric in headlines)
    assert sum(metric.paired == "smooth" for metric in METRICS.values()) == 1
