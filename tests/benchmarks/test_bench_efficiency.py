"""The label-efficiency benchmark: its statistics on numbers checked by hand, and one small benchmark from end to end."""

import csv
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from benchmarks.efficiency import curves
from benchmarks.efficiency.data import Plan, load
from benchmarks.efficiency.ours import CURATOR
from benchmarks.efficiency.simulate import Point, Run, plan_of, runs_of
from benchmarks.efficiency.standings import standings
from benchmarks.efficiency.statistics import PowerLaw, area, labels_needed, paired_t, verdict
from benchmarks.efficiency.tables import tables

from strategies.registry import SCORERS, SELECTORS

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "benchmarks" / "bench_efficiency.py"


def test_area_under_a_curve_and_its_thirds():
    """A rise from 0 to 1 over 10 labels, then 20 flat ones: (5 + 20) / 30; its thirds cut where no point is."""
    labels, values = (0, 10, 30), (0.0, 1.0, 1.0)
    assert area(labels, values) == pytest.approx(25 / 30)
    assert area(labels, values, high=1 / 3) == pytest.approx(0.5)
    assert area(labels, values, low=2 / 3) == pytest.approx(1.0)
    assert area(labels, values, high=1 / 6) == pytest.approx(0.25)


def test_labels_needed_on_a_curve_that_falls_once():
    """0.5, 0.7, 0.6 become 0.5, 0.65, 0.65: 0.6 is reached two thirds of the way to the second point."""
    labels, accuracy = (10, 20, 30), (0.5, 0.7, 0.6)
    assert labels_needed(0.6, labels, accuracy) == pytest.approx(10 + 10 * 2 / 3)
    assert labels_needed(0.4, labels, accuracy) == 10
    assert labels_needed(0.9, labels, accuracy) is None


def test_power_law_is_found_again():
    """Points of 0.9 - 0.4 (n / 20)^-0.5 give 0.7 at 80 labels, and no error; three points are refused."""
    labels = [20, 40, 60, 100, 200, 300]
    law = PowerLaw.fit(labels, [0.9 - 0.4 * (n / 20) ** -0.5 for n in labels])
    assert law.at(80) == pytest.approx(0.7, abs=1e-4)
    assert law.error < 1e-5
    with pytest.raises(ValueError, match="3 points"):
        PowerLaw.fit(labels[:3], [0.1, 0.2, 0.3])


def test_paired_t_by_its_closed_form():
    """1, 2, 3: t = 2 sqrt(3) with 2 degrees of freedom, whose p is 1 - t / sqrt(t^2 + 2)."""
    assert paired_t((1.0, 2.0, 3.0)) == pytest.approx(1 - 12**0.5 / 14**0.5)
    assert paired_t((0.0, 0.0)) == 1.0
    assert paired_t((5.0,)) == 1.0
    assert [verdict(d) for d in ((1, 2, 3), (1, 1.1, 0.9), (-1, -1.1, -0.9))] == ["tie", "win", "loss"]


def _curve(*accuracy, ece=0.1):
    return [Point(20 * (i + 1), a, a, ece, 7.0 * (i > 0)) for i, a in enumerate(accuracy)]


def test_standings_by_hand():
    """A contender that is 10 points better on one set and 2 worse on the other; with it two fifths of the labels suffice."""
    found = {}
    for seed in range(3):
        noise = 0.001 * seed
        for name, better in (("one", 0.1), ("two", -0.02)):
            law = [0.9 - 0.4 * n**-0.5 for n in range(1, 9)]
            found[Run(name, "random/random", "lr", "curator", seed)] = _curve(*law[:4])
            found[Run(name, "random_long/random", "lr", "curator", seed)] = _curve(*law)
            changed = [a + better + noise for a in law[:4]]
            found[Run(name, "margin/random", "lr", "curator", seed)] = _curve(*changed, ece=0.2)
    found[Run("one", "entropy/random", "lr", "curator", 0)] = _curve(0.1, 0.2, 0.3, 0.4)
    result = standings(found)
    assert result.sets == ("one", "two")
    assert result.incomplete == (("entropy/random", "lr", "curator"),)
    assert result.goals["one"].accuracy == pytest.approx(0.7, abs=1e-4)
    margin, random = result.standings
    assert margin.contender[0] == "margin/random"
    assert margin.on["one"].gain == pytest.approx(10.1)
    assert margin.on["one"].first == pytest.approx(10.1)
    assert margin.worst == pytest.approx(-1.9)
    assert margin.verdicts == (1, 0, 1)
    assert margin.rank == 1.5
    assert margin.mean("ece") == pytest.approx(20)
    assert margin.mean("query_ms") == pytest.approx(7)
    # 0.7 lies between 0.601 with 20 labels and 0.718 with 40; on the other set it is not reached
    needed = 20 + 20 * (0.7 - 0.601) / (0.4 * (1 - 2**-0.5))
    assert margin.on["one"].saved == pytest.approx(100 * (1 - needed / 80), abs=0.1)
    assert margin.on["two"].saved is None
    assert margin.saved == (pytest.approx(margin.on["one"].saved / 2), 1)
    assert random.on["one"].gain == 0
    text = tables(result, ["small-text x: cannot"])
    assert "| margin/random | lr |" in text
    assert "- small-text x: cannot" in text
    with pytest.raises(ValueError, match="no runs of random/random"):
        standings({})


def test_every_strategy_of_the_registry_takes_part():
    """A strategy added to the registry is measured without another line."""
    names = {*SCORERS, *SELECTORS}
    assert set(CURATOR.strategies) == names
    runs = runs_of("digits", 0)
    assert len(set(runs)) == len(runs)
    for head in ("lr", "head"):
        here = {run.strategy for run in runs if run.library == "curator" and run.head == head}
        assert here >= {f"{name}/{start}" for name in names for start in ("random", "maxherding")}


def test_plan_follows_the_protocol():
    """Digits: 20 labels, 12 batches of 20, random labels on to 2.5 times as many; a seed draws its own sub-pool."""
    digits = load(None, "digits")
    first, second = digits.sub_pool(0), digits.sub_pool(1)
    assert len(first.pool) == int(0.8 * len(digits.pool))
    assert not np.array_equal(first.pool, second.pool)
    plan = Plan.of(first)
    assert plan.budgets == tuple(range(20, 261, 20))
    long = plan_of(Run("digits", "random_long/random", "lr", "curator", 0), first, None)
    assert long.budgets == tuple(range(20, 641, 20))


def test_a_stopped_benchmark_goes_on(tmp_path):
    """A run cut off in the middle is taken out and done again; a file of another plan is refused."""
    path = tmp_path / "curves.csv"
    runs = [Run("one", f"{name}/random", "lr", "curator", 0) for name in ("random", "margin", "badge")]
    budgets = dict.fromkeys(runs, (20, 40))
    assert curves.unfinished(path, budgets) == runs
    for run in runs[:2]:
        curves.append(path, run, _curve(0.5, 0.6))
    whole = path.read_text()
    assert curves.unfinished(path, budgets) == runs[2:]
    assert path.read_text() == whole
    path.write_text(whole[: whole.rindex("0.6")], newline="")
    assert curves.unfinished(path, budgets) == runs[1:]
    assert list(curves.read(path)) == runs[:1]
    curves.append(path, runs[1], _curve(0.5, 0.6))
    with pytest.raises(ValueError, match="20 to 60"):
        curves.unfinished(path, dict.fromkeys(runs, (20, 40, 60)))


def test_small_benchmark_end_to_end(tmp_path):
    """A folder of one set, two batches, one seed: curves, tables and figure; a second call finds all done."""
    digits = load(None, "digits")
    folder = tmp_path / "data" / "few"
    folder.mkdir(parents=True)
    np.savez(folder / "embeddings.npz", pool=digits.pool[:400], test=digits.test[:100])
    for name, labels in (("pool", digits.labels[:400]), ("test", digits.truth[:100])):
        lines = [json.dumps({"text": "", "label": str(label)}) for label in labels]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    page, out = tmp_path / "page.md", tmp_path / "out"
    page.write_text(
        "# Here\n<!-- bench-efficiency: begin -->\n<!-- bench-efficiency: end -->\n", encoding="utf-8"
    )
    command = [
        sys.executable, str(SCRIPT), "--data", str(folder.parent), "--seeds", "1", "--batches", "2", "--jobs", "1",
        "--only", "(curator (margin|uncertainty_herding)|modAL margin)/maxherding head", "--out", str(out),
        "--write", str(page),
    ]  # fmt: skip

    def call() -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "5 runs, 0 of them done before" in call()
    written = (out / "curves.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(written.splitlines()))
    assert ",".join(rows[0]) == "dataset,strategy,head,library,seed,labels,accuracy,macro_f1,ece,query_ms"
    by_run = {}
    for row in rows:
        by_run.setdefault((row["library"], row["strategy"], row["head"]), []).append(row)
    assert len(by_run) == 5
    assert {
        tuple(row["labels"] for row in found) for key, found in by_run.items() if "long" not in key[1]
    } == {("20", "40", "60")}
    started = {found[0]["accuracy"] for key, found in by_run.items() if "/maxherding" in key[1]}
    assert len(started) == 1, "all strategies share sub-pool and start"
    assert float(by_run["curator", "uncertainty_herding/maxherding", "head"][-1]["accuracy"]) > 0.6
    assert "### curator, its own head" in (out / "tables.md").read_text(encoding="utf-8")
    assert ET.parse(out / "curves.svg").getroot().tag.endswith("svg")
    assert (tmp_path / "page.svg").exists()
    assert "![Accuracy over labels](page.svg)" in page.read_text(encoding="utf-8")
    assert "5 runs, 5 of them done before" in call()
    assert (out / "curves.csv").read_text(encoding="utf-8") == written
