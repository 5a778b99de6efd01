"""The stop benchmark: its costs on a campaign checked by hand, and a small one from end to end."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.efficiency.data import load
from benchmarks.stop.campaigns import Campaign, Run, deal, play, read, save
from benchmarks.stop.cases import PRICE, Case, stability
from benchmarks.stop.judge import judge
from benchmarks.stop.rules import first, labels, share, small_text

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "benchmarks" / "bench_stop.py"


def campaign(accuracy, stop_set=None):
    """Of models with so much accuracy, 10 labels apart."""
    rounds = len(accuracy)
    changing = np.arange(rounds)[:, None] + np.arange(6)
    return Campaign(
        Run("one", "random", 0),
        2,
        10 * np.arange(1, rounds + 1),
        np.full(rounds, 9),
        np.ones((rounds, 300), dtype=bool),
        np.array(accuracy),
        (changing % 2).astype(np.int16) if stop_set is None else stop_set,
    )


def case_of(of, value=1):
    """With 300 hold-out items, and no forecast."""
    return Case(of, 300, "early", value, np.full((len(of.labels), 2, 4), np.nan), stability(of))


def test_costs_by_hand():
    """At 8 cents, with 300 hold-out items and $100 a unit: 24 + 0.80 r + 100 (1 - accuracy); the second round is best."""
    case = case_of(campaign([0.5, 0.9, 0.905]), 100_000_000)
    assert case.cost / 1e6 == pytest.approx([24.8 + 50, 25.6 + 10, 26.4 + 9.5])
    assert case.batch_cost == 10 * PRICE
    assert [case.excess(n) for n in range(3)] == pytest.approx([74.8 / 35.6 - 1, 0.0, 35.9 / 35.6 - 1])
    (judged,) = judge([case], {"never": lambda c: len(c.cost) - 1})["never"]
    assert judged.excess == pytest.approx(100 * (35.9 / 35.6 - 1))


def test_first_time_and_fixed_rules():
    """The first of so many in a row, else the last round; a share and a number of labels as rounds."""
    assert first(np.array([False, True, False, True, True])) == 1
    assert first(np.array([False, True, False, True, True]), 2) == 4
    assert first(np.array([False, False])) == 1
    case = case_of(campaign(np.linspace(0.5, 0.9, 21)))
    assert share(0.5)(case) == 10
    assert [labels(n)(case) for n in (9, 10, 55, 10_000)] == [0, 0, 4, 20]


def test_small_texts_kappa_takes_three_agreements():
    """Models that change once and then agree stop when the last three kappas are 1: not before the fifth model."""
    once = np.array([[0, 1, 0, 1]] + [[0, 1, 1, 1]] * 6, dtype=np.int16)
    of = campaign(np.linspace(0.5, 0.9, 7), once)
    case = case_of(of)
    steady = case.steady
    assert np.isnan(steady.kappa[:3]).all()
    assert steady.changed[3:].tolist() == pytest.approx([0.25 / 3, 0.0, 0.0, 0.0])
    assert small_text(case) == 4


def test_hold_out_pool_and_truth_share_nothing(tmp_path):
    """Dealt by the seed: disjoint, complete, and the same again; what was played is kept as it was."""
    data = load(None, "digits")
    pool, holdout, of_holdout = deal(data, 3)
    assert len(pool.labels) + len(pool.truth) + len(of_holdout) == 1797
    rows = {row.tobytes() for part in (pool.pool, pool.test, holdout) for row in part}
    everything = {row.tobytes() for part in (data.pool, data.test) for row in part}
    assert rows == everything
    assert np.array_equal(deal(data, 3)[1], holdout)
    assert not np.array_equal(deal(data, 4)[1], holdout)
    run = Run("digits", "random", 0)
    played = play(data, run, 3)
    save(played, tmp_path)
    again = read(run, tmp_path)
    assert again.labels.tolist() == [20, 40, 60, 80]
    assert np.array_equal(again.accuracy, played.accuracy)
    assert np.array_equal(again.stop_set, play(data, run, 3).stop_set)
    assert read(Run("digits", "random", 1), tmp_path) is None


def test_from_end_to_end(tmp_path):
    """A small benchmark writes its tables; a second call reads what the first played and says the same."""
    command = [sys.executable, str(SCRIPT), "--out", str(tmp_path), "--seeds", "1", "--batches", "7", "--strategies", "random"]  # fmt: skip
    page = tmp_path / "page.md"
    page.write_text("<!-- bench-stop: begin -->\n<!-- bench-stop: end -->\n")
    one = subprocess.run(
        [*command, "--write", str(page)], capture_output=True, text=True, timeout=300, check=False
    )
    assert one.returncode in (0, 1), one.stderr  # one campaign proves no promise
    assert "1 campaigns (1 data sets, strategies random, 1 seeds), 3 cases." in one.stdout
    assert "| small-text's kappa |" in page.read_text()
    begun = (tmp_path / "campaigns" / "digits-random-0.npz").stat().st_mtime_ns
    two = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert two.stdout == one.stdout
    assert (tmp_path / "campaigns" / "digits-random-0.npz").stat().st_mtime_ns == begun
