"""The check of the gain's interval: its truth and its counting on numbers checked by hand, and one small run from end to end."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.gain.campaigns import Campaign, Played
from benchmarks.gain.coverage import COMPARED, PLAIN, Covered, coverage, read, true_values, write
from benchmarks.gain.tables import tables

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "benchmarks" / "bench_gain.py"
LR = Campaign("set", "random/random", 0, "lr")


def _played(right: np.ndarray, truth: np.ndarray) -> Played:
    """(n_models, n_seeds, n_test) whether right; a wrong answer is the next class, probabilities are 0.9 and 0.05."""
    predicted = np.where(right, truth, (truth + 1) % 3).astype(np.int16)
    return Played(np.arange(len(right)), predicted, np.where(right, 0.9, 0.05).astype(np.float32), truth, 3)


def test_the_truth_by_hand():
    """Two seeds on four items: 3 and 1 of 4 right are 50%; the wrong ones cost 5 where the class is the first."""
    truth = np.array([0, 0, 1, 1])
    right = np.array([[[1, 1, 1, 0], [0, 0, 0, 1]]], dtype=bool)
    costs = np.array([[0, 5, 5], [1, 0, 1], [1, 1, 0]], dtype=float)
    found = true_values(_played(right, truth), 0, costs)
    assert found["accuracy"] == 0.5
    assert found["cost_weighted_error"] == pytest.approx(-((1 / 4) + (11 / 4)) / 2)
    assert found["log_loss"] == pytest.approx((np.log(0.9) + np.log(0.05)) / 2)


def test_intervals_are_counted_against_the_truth():
    """Independent coins before and after: 95% intervals hold the truth, and the plain bootstrap fails where nothing changes."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 600)
    first = rng.random((1, 600)) < 0.7
    second = np.where(rng.random((1, 600)) < 0.3, rng.random((1, 600)) < 0.9, first)
    third = second.copy()
    third[0, :2] = ~third[0, :2]
    found = coverage(LR, _played(np.stack([first, second, third]), truth), 40, (100,))
    assert {(row.round, row.metric) for row in found} == {
        (n, name) for n in (1, 2) for name in (*COMPARED, PLAIN)
    }
    by = {(row.round, row.metric): row for row in found}
    for name in COMPARED:
        assert by[1, name].hits >= 34
        assert by[2, name].draws == 40
    assert by[1, "accuracy"].true == pytest.approx(second.mean() - first.mean())
    assert (by[1, "accuracy"].late, by[2, "accuracy"].late) == (0, 1)
    # two of 600 items changed, one each way or both one way: three hold-outs in four hold none of them
    if by[2, "accuracy"].true != 0:
        assert by[2, PLAIN].hits <= 20
    assert by[2, "accuracy"].hits >= 38


def _covered(kind, metric, hits, **changes):
    known = {
        "dataset": "one", "strategy": "random/random", "seed": 0, "kind": kind, "round": 1, "late": 0, "items": 100,
        "metric": metric, "true": 0.01, "draws": 4, "hits": hits, "above": 0, "width": 0.1,
    }  # fmt: skip
    return Covered(**{**known, **changes})


def test_tables_by_hand(tmp_path):
    """3 and 4 of 4 are 87.5%; kinds apart; a file holds what was written; another file is refused."""
    rows = [
        _covered(kind, metric, hits + (kind == "forest"), round=number)
        for kind in ("lr", "forest")
        for metric in (*COMPARED, PLAIN)
        for number, hits in ((1, 3), (2, 3))
    ]
    rows[0] = _covered("lr", "accuracy", 4, round=1)
    text = tables(rows, 20)
    assert "4 rounds, 2 of deterministic and 2 of random models" in text
    assert "| deterministic | all | 87.5 (10.0) | 75.0 (10.0)" in text
    assert "| random: forest | 100 | early | 100.0 (10.0)" in text
    assert "| 100 | accuracy | 0 of 2 | 87.5 (one, lr) | 100.0 (one, forest) |" in text
    write(tmp_path / "coverage.csv", rows)
    assert read(tmp_path / "coverage.csv") == rows
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="columns"):
        read(tmp_path / "other.csv")


def test_small_benchmark_end_to_end(tmp_path):
    """One batch on digits: table and rows; a second call plays and measures nothing again, and fills the page."""
    out, page = tmp_path / "out", tmp_path / "page.md"
    page.write_text("<!-- bench-gain: begin -->\n<!-- bench-gain: end -->\n", encoding="utf-8")
    command = [
        sys.executable, str(SCRIPT), "--seeds", "1", "--draws", "1", "--batches", "1", "--kinds", "lr", "--out", str(out),
        "--write", str(page),
    ]  # fmt: skip

    def call():
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
        assert done.returncode == 0, done.stderr
        return done.stdout

    text = call()
    assert "2 campaigns on digits: 2 rounds, 2 of deterministic and 0 of random models" in text
    made = {path: path.stat().st_mtime_ns for path in out.rglob("*.npz")}
    rows = (out / "coverage.csv").stat().st_mtime_ns
    assert len(made) == 2
    assert call() == text
    assert (out / "coverage.csv").stat().st_mtime_ns == rows
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.npz")} == made
    assert "2 campaigns on digits" in page.read_text(encoding="utf-8")
