"""A campaign is the same on any number of threads, and but for rounding on any processor: models, measurements and picks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.projects import dump

from curator.progress import NoProgress
from curator.project.holdout_probs import SAME
from curator.project.project import Project
from curator.rounds.run import run_round
from curator.start.create import init_project
from curator.start.options import InitOptions

SAMPLE = Path(__file__).resolve().parents[3] / "data" / "messages.csv"


def campaign(folder):
    """Three rounds about the sample's texts by the defaults."""
    folder.mkdir()
    init_project(
        InitOptions(name="messages", data=SAMPLE, labeler="replay", price="0.08", batch=20),
        folder,
        NoProgress(),
    )
    for _ in range(3):
        with Project(folder) as project:
            run_round(project)
    return dump(folder)


# What every library computes with where there is no better: other kernels, which add up in other orders.
OLD_PROCESSOR = {
    "OPENBLAS_CORETYPE": "Prescott",
    "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3",
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_CBWR": "COMPATIBLE",
}


def played(folder, environment):
    """The ledger of a campaign that a process of its own has played."""
    code = (
        "import json, pathlib; from test_threads import campaign; "
        f"print(json.dumps(campaign(pathlib.Path({str(folder)!r})), sort_keys=True))"
    )
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def on_one_thread(tmp_path_factory):
    """The campaign that others are compared with."""
    return played(tmp_path_factory.mktemp("one") / "campaign", {"OMP_NUM_THREADS": "1"})


def test_a_campaign_is_the_same_on_any_number_of_threads(tmp_path, on_one_thread):
    """To the last digit of what the ledger says, with one thread and with two."""
    one, two = on_one_thread, played(tmp_path / "two", {"OMP_NUM_THREADS": "2"})
    assert len(one["picks"]) == 60
    # the others hold the campaign's own random name in their keys
    assert {name for name in one if one[name] != two[name]} == {"answers", "costs", "questions", "state"}
    assert {row["round"] for row in one["evaluations"]} == {1, 2}


def test_a_campaign_is_the_same_on_another_processor_but_for_rounding(tmp_path, on_one_thread):
    """The same picks, gains and verdicts to the digit, the same bill; scores and losses within the stated tolerance."""
    here, there = on_one_thread, played(tmp_path / "old", OLD_PROCESSOR)
    assert bill(there) == bill(here)
    for table in ("gains", "comparisons", "picks", "evaluations"):
        assert here[table]
        for one, other in zip(in_order(here[table]), in_order(there[table]), strict=True):
            assert exact(other) == exact(one), table
            for name, value in one.items():
                if isinstance(value, float):
                    assert other[name] == pytest.approx(value, abs=SAME), (table, name)
    accuracy = [
        [row["value"] for row in ledger["evaluations"] if row["metric"] == "accuracy"]
        for ledger in (here, there)
    ]
    assert accuracy[0] == accuracy[1]


def bill(ledger):
    """Its lines, without the campaign's own random name."""
    return sorted(
        (row["round"], row["kind"], row["amount"], row["basis"], row["source"]) for row in ledger["costs"]
    )


def exact(row):
    """What is no measured number: which item, which round, which verdict."""
    return {name: value for name, value in row.items() if not isinstance(value, float)}


def in_order(rows):
    """By what is exact: `dump` sorts by measured numbers too."""
    return sorted(rows, key=lambda row: json.dumps(exact(row), sort_keys=True))
