"""kill -9 at every ledger write of a round, then `curator round` again: the same ledger as without the kill."""

import json
import shutil

import pytest
from support.crash import run_round_in_child
from support.projects import dump, edit_config, make_project

# One call of a first round writes 7 times, one of a later round 12 times; beyond that nothing is left to kill.
LAST_WRITE = 20
COSTS = {"review_price": '"0.05"', "per_round": '"15"', "per_campaign": '"200"', "compute_per_hour": '"2.50"'}


def without_clock(folder):
    """What a ledger says but for how long computing took."""
    whole = dump(folder)
    for row in whole["costs"]:
        if row["kind"] == "compute":
            row.update(seconds=None, amount=None)
    for row in whole["verdicts"]:  # the bill so far, and the next order's price, count computing as well
        inputs, settings = json.loads(row["inputs"]), json.loads(row["settings"])
        (inputs.get("advice") or {}).pop("cost", None)
        settings.pop("bill", None)
        row.update(inputs=inputs, settings=settings)
    whole["costs"].sort(key=lambda row: json.dumps(row, sort_keys=True))
    return whole


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A fresh project, and the ledgers that undisturbed calls of `curator round` leave."""
    root = tmp_path_factory.mktemp("kill")
    fresh = make_project(root / "fresh", n=160, batch=8, holdout="30", random_share=0.1)
    for setting, value in COSTS.items():
        edit_config(fresh, f"# {setting} = ", f"{setting} = {value} # ")
    edit_config(fresh, "review_share = 0.0", "review_share = 0.25")
    stages = [fresh]
    for call in (1, 2):
        after = root / f"after-{call}"
        shutil.copytree(stages[-1], after)
        assert run_round_in_child(after, None) == 0
        stages.append(after)
    return stages


def test_every_kind_of_cost_is_on_the_bill(campaign):
    """So that the kills below can double any of them: campaign once, round and compute per round, review per answer."""
    rows = dump(campaign[2])["costs"]
    ids = sorted(row["source_id"] for row in rows if row["kind"] in ("campaign", "round", "compute"))
    assert ids == [
        "campaign", "compute:1:measure", "compute:1:score", "compute:1:train", "compute:2:score", "round:1",
    ]  # fmt: skip
    reviewed = [row for row in rows if row["basis"] == "review"]
    assert {row["amount"] for row in reviewed} == {12_500}
    assert len(reviewed) == sum(row["basis"] == "per label" for row in rows)
    assert {row["source"] for row in rows} == {"measured", "assumed"}


@pytest.mark.parametrize("call", [1, pytest.param(2, marks=pytest.mark.long)])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_killed_round_goes_on_as_if_nothing_had_happened(campaign, tmp_path, call, moment):
    """Killed before or after any commit, run again: same picks, answers, money, measures; nothing asked twice."""
    expected = without_clock(campaign[call])
    kills = 0
    for write in range(1, LAST_WRITE + 1):
        folder = tmp_path / f"at-{write}"
        shutil.copytree(campaign[call - 1], folder)
        code = run_round_in_child(folder, (write, moment))
        if code == 0:
            break  # the round has fewer writes than this
        assert code == -9
        kills += 1
        # Killed after the very last commit there is nothing left to do, and another call would begin the next cycle.
        if (call, "pushed") not in {(row["id"], row["status"]) for row in dump(folder)["rounds"]}:
            assert run_round_in_child(folder, None) == 0
        assert without_clock(folder) == expected, f"killed {moment} write {write}"
        log = (folder / ".curator" / "replay.jsonl").read_text(encoding="utf-8").splitlines()
        asked = [line for line in log if '"item_id"' in line]
        assert len(asked) == len(set(asked)) == len(expected["questions"])
    else:
        pytest.fail("the round wrote more often than this test kills it")
    assert kills >= 6


def test_a_killed_holder_does_not_block_the_project(campaign, tmp_path):
    """The lock dies with its holder, and the next call says that it goes on after one that died."""
    folder = tmp_path / "p"
    shutil.copytree(campaign[0], folder)
    assert run_round_in_child(folder, (3, "after")) == -9
    said: list[str] = []
    from curator.project.project import Project
    from curator.rounds.run import run_round

    with Project(folder, say=said.append) as project:
        assert run_round(project).opened == 1
    assert any("ended without finishing" in line and "curator round" in line for line in said)
