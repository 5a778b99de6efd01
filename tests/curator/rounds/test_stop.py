"""The stop verdict: the rule by hand, each of its parts alone, and in the loop."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from support.projects import dump, edit_config, make_project
from typer.testing import CliRunner

from curator.amounts import MICRO
from curator.cli.app import app
from curator.money.stop import AHEAD, Evidence, decide, look_ahead, recent
from curator.project.project import Project
from curator.rounds import advice
from curator.rounds import run as running
from curator.rounds.run import run_round
from curator.rounds.stability import compare, stop_set

COST = 8 * MICRO
# Two curves: one gains 1 point in each of the next three rounds, the other nothing.
TWO_CURVES = np.array([[0.90, 0.91, 0.92, 0.93], [0.80, 0.80, 0.80, 0.80]])


def evidence(outlook, **changed):
    """Of a campaign in which nothing but the outlook decides."""
    plain = Evidence(
        rounds=6, outlook=outlook, no_outlook="", floor=None, rarest="a", rarest_labels=50, least_per_class=5,
        changed=0.5, kappa=0.9, hard="", hard_reason="", currency="USD",
    )  # fmt: skip
    return replace(plain, **changed)


def test_worked_example():
    """1.5 points expected in three rounds of $8: at $2,000 a unit worth $30, $6 more than they cost; at $1,500 $1.50 less."""
    outlook = look_ahead(TWO_CURVES, cost=COST, value=2_000 * MICRO)
    assert outlook.rounds == AHEAD
    assert outlook.gain == pytest.approx(0.005)
    assert outlook.gain_ahead == pytest.approx(0.015)
    assert outlook.net == pytest.approx(6 * MICRO)
    assert outlook.per_100 == pytest.approx(1.5 / 24 * 100)
    assert outlook.chance == 0.5  # one curve's $20 pay for $8
    verdict = decide(evidence(outlook))
    assert verdict.word == "continue"
    assert "should be worth $6.00 net of their cost" in verdict.reasons[0]
    assert "Next round: $8.00 for +0.50 points" in verdict.reasons[1]
    assert "kappa with the model before: 0.900" in verdict.reasons[1]
    verdict = decide(evidence(look_ahead(TWO_CURVES, cost=COST, value=1_500 * MICRO)))
    assert verdict.word == "stop"
    assert "-$1.50" in verdict.reasons[0]


def test_predictions_that_no_longer_change_end_it_though_the_forecast_would_go_on():
    """Of 2% changed predictions 0.3 points are a gain: $6 at $2,000, less than the $8 of a round; of 3% $9, more."""
    outlook = look_ahead(TWO_CURVES, cost=COST, value=2_000 * MICRO)
    verdict = decide(evidence(outlook, changed=0.02))
    assert verdict.word == "stop"
    assert "changed 2.00% of predictions" in verdict.reasons[0]
    assert decide(evidence(outlook, changed=0.03)).word == "continue"
    assert decide(evidence(outlook, changed=None)).word == "continue"


def test_class_with_too_few_labels_goes_on():
    """It would be a stop, but for a class with 4 of 5 labels; with 5 it is one."""
    outlook = look_ahead(TWO_CURVES, cost=COST, value=MICRO)
    verdict = decide(evidence(outlook, rarest="rare", rarest_labels=4))
    assert verdict.word == "continue"
    assert "'rare' has 4 labels" in verdict.reasons[0]
    assert decide(evidence(outlook, rarest_labels=5)).word == "stop"


def test_before_four_rounds_it_is_too_early():
    """Three rounds say nothing, whatever they look like; nor do more without a forecast, which says why."""
    outlook = look_ahead(TWO_CURVES, cost=COST, value=MICRO)
    assert decide(evidence(outlook, rounds=3)).word == "too early to say"
    verdict = decide(evidence(None, no_outlook="the strategy changed."))
    assert verdict.word == "too early to say"
    assert "the strategy changed." in verdict.reasons[0]


def test_without_a_value_the_floor_decides_and_without_both_it_says_what_to_set():
    """6.25 points per $100 are above a floor of 6 and below one of 7."""
    outlook = look_ahead(TWO_CURVES, cost=COST, value=None)
    assert outlook.net is None
    assert decide(evidence(outlook, floor=6.0)).word == "continue"
    assert decide(evidence(outlook, floor=7.0)).word == "stop"
    assert (
        decide(evidence(outlook, floor=6.0, changed=0.01)).word == "stop"
    )  # 0.15 points for $8: 1.9 per $100
    verdict = decide(evidence(outlook))
    assert verdict.word == "not known"
    assert verdict.reasons == ("Set value_per_error and predictions, or floor, in [stop] of curator.toml.",)


def test_hard_stop_goes_before_everything():
    """A used-up budget is said even when the next round would pay."""
    outlook = look_ahead(TWO_CURVES, cost=COST, value=10**6 * MICRO)
    verdict = decide(evidence(outlook, hard="budget", hard_reason="It is used up."))
    assert (verdict.word, verdict.reasons) == ("hard stop: budget", ("It is used up.",))


def test_free_labels():
    """Labels that cost nothing pay while anything is gained, and have no gain per dollar."""
    rising, flat = (look_ahead(draws, cost=0, value=None) for draws in (TWO_CURVES, TWO_CURVES[1:]))
    assert rising.per_100 is None
    assert decide(evidence(rising, floor=5.0)).word == "continue"
    assert decide(evidence(flat, floor=5.0)).word == "stop"


@given(st.integers(0, 10**6), st.floats(1.0, 100.0), st.floats(1.0, 10.0))
def test_what_is_worth_more_never_stops_sooner(seed, value, times):
    """Whatever the curves: where a value says to go on, a higher value does too, and a lower price."""
    draws = np.sort(np.random.default_rng(seed).uniform(0.5, 1.0, size=(20, 4)), axis=1)
    low, high, cheap = (
        decide(evidence(look_ahead(draws, cost=int(cost), value=int(worth * MICRO)), changed=0.1)).word
        for worth, cost in ((value, COST), (value * times, COST), (value, COST / times))
    )
    if low == "continue":
        assert (high, cheap) == ("continue", "continue")


def test_a_level_curve_gains_nothing():
    """Curves never fall: where draws of a level one differ by their scatter alone, the next round is expected to gain nothing, not less."""
    level = np.array([[0.99, 0.98, 0.98, 0.99]])
    outlook = look_ahead(level, cost=COST, value=MICRO)
    assert (outlook.gain, outlook.gain_ahead) == (0.0, 0.0)


def test_recent_takes_three():
    """The mean of the last three; with a gap, or fewer, there is none."""
    assert recent([9.0, 1.0, 2.0, 3.0]) == 2.0
    assert recent([1.0, None, 3.0]) is None
    assert recent([1.0, 2.0]) is None


@pytest.fixture
def campaign(tmp_path):
    """A quick project, with five rounds measured and the sixth out."""
    folder = make_project(tmp_path / "p", n=240, batch=10)
    edit_config(folder, 'name = "head"', 'name = "sklearn:linear_model.LogisticRegression"')
    edit_config(folder, '# value_per_error = "0.50"', 'value_per_error = "0.01"')
    edit_config(folder, "# predictions = 100000", "predictions = 100")
    with Project(folder) as project:
        for _ in range(6):
            run_round(project)
    return folder


def _words(project):
    """What was advised after each round, the oldest first."""
    return [row["word"] for row in project.ledger.rows("select word from verdicts order by round")]


def test_in_the_loop(campaign):
    """Kept after every measured round with its inputs; `status` and `round` show it; curator.toml changed, it is decided anew."""
    with Project(campaign) as project:
        assert _words(project) == ["too early to say"] * 3 + ["stop"] * 2
        told = advice.current(project)
        assert told["round"] == 5
        outlook = told["inputs"]["outlook"]
        assert outlook["cost"] == 10 * 80_000
        assert outlook["value"] == MICRO  # 100 predictions at one cent
        assert 0.0 < told["inputs"]["kappa"] <= 1.0
        assert told["inputs"]["rarest_labels"] >= 5
    shown = CliRunner().invoke(app, ["status", "--project", str(campaign)])
    assert "Advice after round 5: stop. " in shown.stdout
    found = CliRunner().invoke(app, ["round", "--project", str(campaign), "--json"])
    assert json.loads(found.stdout)["verdict"]["round"] == 6
    edit_config(campaign, "predictions = 100 ", "predictions = 100000000000 ")
    with Project(campaign) as project:
        assert advice.current(project)["word"] == "continue"
        assert _words(project)[-1] == "stop"


def test_no_verdict_before_the_first_measured_round(tmp_path):
    """A project that has measured nothing has none, and status says nothing of it."""
    with Project(make_project(tmp_path / "p")) as project:
        assert advice.current(project) is None
        run_round(project)
        assert advice.current(project) is None


def test_killed_before_the_verdict(campaign, monkeypatch):
    """A call that was killed between measuring and deciding: the next call decides, and the ledger is as without the kill."""

    class Killed(BaseException):
        pass

    def kill(*_args):
        raise Killed

    with monkeypatch.context() as patched, Project(campaign) as project:
        patched.setattr(running.advice, "record", kill)
        with pytest.raises(Killed):
            run_round(project)
        assert len(_words(project)) == 5
        assert advice.current(project)["round"] == 6
    with Project(campaign) as project:
        run_round(project)
        rows = project.ledger.rows("select round, changed from verdicts order by round")
        assert [row["round"] for row in rows] == [1, 2, 3, 4, 5, 6]
        assert rows[-1]["changed"] is not None
    before = dump(campaign)["verdicts"]
    with Project(campaign) as project:
        advice.record(project, 6)
    assert [row["word"] for row in dump(campaign)["verdicts"]] == [row["word"] for row in before]


def test_predictions_of_an_earlier_model_are_gone(campaign):
    """Without them stability is not known, and the verdict says so instead of guessing."""
    with Project(campaign) as project:
        (project.model_folder(5) / "stop_set.safetensors").unlink()
        verdict = run_round(project).verdict
        assert verdict["inputs"]["kappa"] is None
        assert "kappa with the model before: not known" in verdict["reasons"][-1]


def test_stop_set_is_random_fixed_and_without_the_hold_out(campaign):
    """The same rows every round, none of the hold-out; of items added later, only those that both models saw are compared."""
    with Project(campaign) as project:
        rows = stop_set(project)
        assert np.array_equal(rows, stop_set(project))
        assert len(rows) == 240 - 60
        assert not set(rows) & set(project.holdout_rows())
        changed, kappa = compare(project, 4, 5)
        assert compare(project, 5, 5) == (0.0, 1.0)
        path = project.model_folder(5) / "stop_set.safetensors"
        kept = load_file(path)
        classes = np.r_[(kept["classes"][1:] + 1) % 3, kept["classes"][:1]]
        save_file({"rows": np.r_[kept["rows"][1:], 999], "classes": classes}, path)
        moved = compare(project, 4, 5)
        assert moved[0] > 1 - changed - 0.02
        assert moved[1] < 0 < kappa


def test_what_changes_the_bill_after_the_end_is_in_the_recommendation(tmp_path):
    """The budget is used up, and then a correction raises the bill: every voice says what is spent now."""
    folder = make_project(tmp_path / "p", n=40, batch=4, holdout="6", budget="0.80")
    with Project(folder) as project:
        run_round(project)
        assert "$0.80 is spent" in run_round(project).stopped
        assert "$0.80 is spent" in advice.current(project)["reasons"][0]
        late = {
            "source_id": "late", "version": 1, "round": 1, "kind": "label", "amount": 50_000, "currency": "USD",
            "basis": "per label", "source": "measured",
        }  # fmt: skip
        with project.ledger.write():
            project.ledger.insert("costs", [late])
        assert "$0.85 is spent" in advice.current(project)["reasons"][0]
        assert run_round(project).stopped == advice.current(project)["reasons"][0]


def test_answers_to_an_open_round_leave_the_recommendation_as_it_was_said(campaign):
    """What they cost is for the next one."""
    with Project(campaign) as project:
        said = advice.current(project)
        late = {
            "source_id": "late", "version": 1, "round": 6, "kind": "label", "amount": 50_000, "currency": "USD",
            "basis": "per label", "source": "measured",
        }  # fmt: skip
        with project.ledger.write():
            project.ledger.insert("costs", [late])
            project.ledger.update("verdicts", 5, reasons=json.dumps(["as it was said"]))
        assert advice.current(project) == said | {"reasons": ["as it was said"]}
