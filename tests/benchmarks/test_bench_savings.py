"""The savings benchmark: its truth and its judgement on numbers checked by hand, and one small campaign from end to end."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.bench_savings import append, judge, read, runs
from benchmarks.efficiency.data import load
from benchmarks.savings.campaign import play, seen_pool
from benchmarks.savings.judge import Verdict, verdicts
from benchmarks.savings.tables import fallback, tables
from benchmarks.savings.truth import RandomCurve

pytestmark = pytest.mark.long

CURVE = RandomCurve(np.array([20, 40, 80, 160]), np.array([0.5, 0.7, 0.7, 0.9]))
SAID = Verdict(
    dataset="d",
    strategy="auto",
    batch=20,
    holdout=300,
    seed=0,
    round=8,
    last=1,
    labels=160,
    arm_labels=40,
    most=1000.0,
    true_saved=50.0,
    low=10.0,
    middle=60.0,
    high=90.0,
    low80=55.0,
    high80=70.0,
    true_lift=0.02,
    lift=0.03,
    lift_low=0.0,
    lift_high=0.06,
    chance=0.9,
)


def test_labels_that_an_accuracy_is_worth():
    """Straight lines over the logarithm of the labels; above the whole pool's accuracy no number of labels is enough."""
    assert CURVE.labels_for(0.7) == pytest.approx(40)
    assert CURVE.labels_for(0.6) == pytest.approx(np.sqrt(20 * 40))
    assert CURVE.labels_for(0.8) == pytest.approx(np.sqrt(40 * 160))
    assert CURVE.labels_for(0.91) == np.inf
    assert CURVE.at(80) == pytest.approx(0.7)


def test_what_counts_as_true():
    """Inside the interval; and where random labels never get there, an interval that is open and starts within the pool."""
    assert SAID.covered
    assert not SAID.covered80
    assert not replace(SAID, true_saved=91.0).covered
    assert not replace(SAID, true_saved=np.inf).covered
    assert replace(SAID, true_saved=np.inf, high=np.inf, low=1000.0).covered
    assert not replace(SAID, true_saved=5.0, high=np.inf).covered


def test_fallback_counts():
    """Three rounds in a row below the bar; one that is above saves the strategy."""
    falls = [replace(SAID, round=r, chance=0.1) for r in (6, 7, 8)]
    stays = [replace(SAID, seed=1, round=r, chance=0.1 if r < 8 else 0.5) for r in (6, 7, 8)]
    lost = [replace(v, seed=2, true_saved=-1.0) for v in falls]
    assert fallback(falls + stays + lost).startswith(
        "Fallback at the end of a campaign: 1 of 2 with lift in all of the last 3 rounds, 1 of 1 with"
    )


def test_table_counts_claims_that_are_not_true():
    """Two certificates claim a saving, one of them where nothing was saved."""
    row = tables([SAID, replace(SAID, seed=1, true_saved=-1.0)]).splitlines()[2]
    assert [cell.strip() for cell in row.split("|")[10:13]] == ["2", "1", "1"]


def test_one_campaign_from_end_to_end(tmp_path):
    """Digits, five batches: the certificates are finite below, and come back from the file as they were written."""
    data = load(None, "digits")
    campaign = play(data, "margin", batch=20, rounds=5, holdout=300, share=0.1, seed=0)
    assert campaign.of_arm.sum() == 25
    assert len(set(campaign.rows.tolist())) == 100
    pool = seen_pool(data, 20, 0)
    facts = {"batch": 20, "holdout": 300, "seed": 0}
    found = list(verdicts(data, CURVE, campaign, "margin", pool, **facts))
    assert [(v.round, v.last, v.labels) for v in found] == [(4, 0, 80), (5, 1, 100)]
    assert all(np.isfinite(v.low) and v.low <= v.middle <= v.high for v in found)
    append(tmp_path / "c.csv", found)
    assert read(tmp_path / "c.csv") == found


def test_what_does_not_fit_is_left_out(tmp_path):
    """A campaign that would label most of the pool is not played; seeds of all sets come one after the other."""
    every = list(runs(["digits"], [0, 1], "digits auto"))
    assert [(run.batch, run.holdout) for run in every] == [
        (20, 300), (50, 300), (100, 300), (20, 1000), (50, 1000), (100, 1000)
    ]  # fmt: skip
    assert judge(None, tmp_path, every[2]) == []
