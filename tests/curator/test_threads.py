"""A campaign is the same on any number of threads: texts, models, measurements and picks."""

import json
import os
import subprocess
import sys
from pathlib import Path

from support.projects import dump

from curator.progress import NoProgress
from curator.project import Project
from curator.rounds.run import run_round
from curator.start.create import init_project
from curator.start.options import InitOptions

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "messages.csv"


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


def test_a_campaign_is_the_same_on_any_number_of_threads(tmp_path):
    """To the last digit of what the ledger says, with one thread and with two."""
    found = []
    for threads in ("1", "2"):
        code = (
            "import json, pathlib; from test_threads import campaign; "
            f"print(json.dumps(campaign(pathlib.Path({str(tmp_path / threads)!r})), sort_keys=True))"
        )
        environment = os.environ | {
            "OMP_NUM_THREADS": threads,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        }
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
    one, two = found
    assert len(one["picks"]) == 60
    # the others hold the campaign's own random name in their keys
    assert {name for name in one if one[name] != two[name]} == {"answers", "costs", "questions", "state"}
    assert {row["round"] for row in one["evaluations"]} == {1, 2}
