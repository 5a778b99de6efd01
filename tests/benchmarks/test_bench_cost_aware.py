"""The cost-aware benchmark: its statistics on numbers checked by hand, and one small benchmark from end to end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.bench_cost_aware import read
from benchmarks.cost_aware.play import Point, Run, load, work_of
from benchmarks.cost_aware.savings import over_sets, saving

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "benchmarks" / "bench_cost_aware.py"


def line(slope: float, end: float) -> list[Point]:
    """From a score of 0.5 at $1, `slope` a dollar, to $`end`."""
    return [Point(0, d, 0.5 + slope * (d - 1.0)) for d in np.linspace(1.0, end, 9)]


def test_twice_as_steep_is_half_the_dollars():
    """Plain: $1 to $5, 0.05 a dollar; at $3 it has 0.6, at the end 0.7. Twice as steep reaches these at $2 and $3."""
    plain, aware = [line(0.05, 5.0)] * 3, [line(0.10, 6.0)] * 3
    found = saving(plain, aware)
    assert found.half.value == pytest.approx(2 / 3)
    assert found.end.value == pytest.approx(3 / 5)
    assert found.plain == pytest.approx(0.7)
    # 0.05 a dollar more, over $0 to $4 beyond the start: 0.1 on average, at equal dollars
    assert found.points == pytest.approx(10.0)
    assert (found.end.low, found.end.high) == (pytest.approx(0.6), pytest.approx(0.6))
    half, end = over_sets([found, saving(plain, plain)])
    assert half.value == pytest.approx((2 / 3) ** 0.5)
    assert end.value == pytest.approx(0.6**0.5)


def test_what_is_never_reached_counts_as_more_than_was_spent():
    """A campaign that learns nothing has spent a fifth more, and still has not got there."""
    found = saving([line(0.05, 5.0)] * 2, [line(0.0, 6.0)] * 2)
    assert found.end.value == pytest.approx((1.0 + 1.2 * 4.0) / 5.0)


@pytest.fixture
def folder(tmp_path):
    """A set of 600 short and long texts of two classes, half a second a word apart."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 600)
    embeddings = rng.normal(size=(600, 8)) + 1.5 * labels[:, None]
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    (tmp_path / "toy").mkdir()
    rows = [
        json.dumps({"text": "word " * int(n), "label": str(y)})
        for n, y in zip(rng.integers(1, 60, 600), labels, strict=True)
    ]
    for part, some in (("pool", slice(0, 400)), ("test", slice(400, 600))):
        (tmp_path / "toy" / f"{part}.jsonl").write_text("\n".join(rows[some]) + "\n", encoding="utf-8")
    np.savez(tmp_path / "toy" / "embeddings.npz", pool=embeddings[:400], test=embeddings[400:])
    return tmp_path


def test_hold_out_and_pool_are_apart(folder):
    """A random third measures; the same seed draws the same."""
    whole = load(folder, "toy")
    one, again, other = (work_of(whole, seed) for seed in (0, 0, 1))
    assert (len(one.holdout), len(one.pool)) == (200, 400)
    both = np.concatenate((one.holdout, one.pool))
    assert len(np.unique(both, axis=0)) == 600
    np.testing.assert_array_equal(one.seconds, again.seconds)
    assert not np.array_equal(one.holdout, other.holdout)


def test_one_benchmark_from_end_to_end(folder, tmp_path):
    """Two seeds of one strategy: a table, curves on disk, and nothing to do the second time."""
    out = tmp_path / "out"
    command = [
        sys.executable, str(SCRIPT), "--data", str(folder), "--out", str(out), "--sets", "toy", "--strategies", "margin",
        "--seeds", "2", "--batches", "4",
    ]  # fmt: skip
    first = subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ))
    assert "| toy | 2 |" in first.stdout
    curves = read(out / "curves.csv")
    assert set(curves) == {Run("toy", "margin", aware, seed) for aware in (False, True) for seed in (0, 1)}
    plain, aware = curves[Run("toy", "margin", False, 0)], curves[Run("toy", "margin", True, 0)]
    assert [p.labels for p in plain] == [20, 40, 60, 80, 100]
    assert plain[0] == aware[0]
    assert plain[2] == aware[2]  # 40 answers are too few to learn seconds from
    assert aware[-1].dollars >= 1.2 * plain[-1].dollars
    assert aware[4].dollars < plain[4].dollars
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == first.stdout
