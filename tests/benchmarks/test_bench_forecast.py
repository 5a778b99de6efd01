"""The back-test of forecasts: right on curves that can be checked by hand, and clear about files that it cannot use."""

import csv

import numpy as np
import pytest
from benchmarks.bench_forecast import main
from benchmarks.forecast.curves import CurvesError, read_curves
from benchmarks.forecast.scores import _score
from benchmarks.forecast.tasks import tasks_of

from curator.evidence.forecast.core import LEVELS

pytestmark = pytest.mark.long


def write(path, *, sets=("north", "digits"), rounds=20, sizes=(300, 2_000), **columns):
    """Campaigns on power laws, measured with binomial noise on the same items each round."""
    rng = np.random.default_rng(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["dataset", "strategy", "seed", "labels", "accuracy", "n_holdout"])
        for place, name in enumerate(sets):
            hard = rng.random(max(sizes))  # how many labels an item takes: the same items each round
            for labels in 20 * np.arange(1, rounds + 1):
                right = hard < 0.9 - 0.5 * (place + 1) * labels**-0.5
                for size in sizes:
                    row = [name, "random", 0, labels, right[:size].mean(), size]
                    out.writerow(columns.get("change", list)(row))
    return path


def test_tasks_by_hand(tmp_path):
    """20 rounds of 20 labels: m = 4 sees 80 labels and asks for 120, 160 and 320; m = 8 reaches 1.5 and 2 times only."""
    campaigns = read_curves(write(tmp_path / "c.csv", sets=("north",)))
    four, six, eight = tasks_of(campaigns, 300)
    assert four.at == {1.5: 120.0, 2.0: 160.0, 4.0: 320.0}
    assert list(six.at) == [1.5, 2.0]
    assert eight.at == {1.5: 240.0, 2.0: 320.0}
    truth = campaigns[0].truth
    assert truth.n_holdout == 2_000
    assert four.truths[2.0] == truth.values[list(truth.labels).index(160)]
    assert four.n_holdout == 300


def test_scores_by_hand():
    """Two forecasts spread over 0 to 0.8: one truth in the middle, one above all: half of the intervals hold."""
    quantiles = np.array(LEVELS) * 0.8
    found = _score([(quantiles, 0.4), (quantiles, 1.0)])
    assert (found.hits50, found.hits80, found.hits95) == (50.0, 50.0, 50.0)
    assert found.error == pytest.approx(30.0)
    assert found.bias == pytest.approx(-30.0)
    assert found.width80 == pytest.approx(64.0)
    point = _score([(np.full(len(LEVELS), 0.3), 0.5)])
    assert point.crps == pytest.approx(20.0)


def test_the_whole_report(tmp_path, capsys):
    """Tables per hold-out and data set, labels to target, and each bar met or missed; put into a page between its marks."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench-forecast: begin -->\nstale\n<!-- bench-forecast: end -->\nafter\n")
    assert main([str(write(tmp_path / "c.csv")), "--write", str(page)]) == 0
    out = capsys.readouterr().out
    for text in (
        "2 campaigns on 2 data sets",
        "Fixed hold-out of 300 items",
        "Fixed hold-out of all items",
        "bounded power law",
        "**curator plan**",
        "| north |",
        "Labels to the accuracy",
        "By rounds seen",
        "4x: 80 % intervals hit",
        "**missed**: 2x: 6 forecasts",
    ):
        assert text in out
    text = page.read_text()
    assert "stale" not in text
    assert "before" in text
    assert "curator plan" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"change": lambda row: [*row[:4], 100 * row[4], row[5]]}, "Divide by 100"),
        ({"change": lambda row: [*row[:4], "high", row[5]]}, "must be numbers"),
        ({"change": lambda row: [*row[:3], 20, *row[4:]]}, "has two accuracies"),
        ({"change": lambda row: [*row[:5], 0]}, "from 1"),
        ({"rounds": 4}, "Simulate more rounds"),
    ],
)
def test_what_is_no_curve_is_said(tmp_path, capsys, options, message):
    """Percentages, words, mixed campaigns, no hold-out, too few rounds: an error that says where and what to do."""
    assert main([str(write(tmp_path / "c.csv", **options))]) == 1
    assert message in capsys.readouterr().err


def test_missing_columns_and_files_are_said(tmp_path, capsys):
    """A file with other columns, and none at all."""
    (tmp_path / "c.csv").write_text("dataset,labels\nx,1\n")
    with pytest.raises(CurvesError, match="no column strategy, seed, accuracy, n_holdout"):
        read_curves(tmp_path / "c.csv")
    assert main([str(tmp_path / "none.csv")]) == 1
    assert "none.csv is no file" in capsys.readouterr().err
