"""The verdict on a gain: the word, what it rests on, and what several rounds gained together."""

import json

import pytest
from support.projects import edit_config, make_project
from typer.testing import CliRunner

from curator.cli.app import app
from curator.cli.text.gain import verdict_lines, verdict_word
from curator.config import StopSection
from curator.evidence.gain import Gain
from curator.evidence.holdout_size import minimum_detectable_gain, smallest_shown
from curator.evidence.looks import decision_interval, planned_looks, together
from curator.evidence.metrics import METRICS
from curator.ledger import queries
from curator.money.verdict import detectable_gain, explained, gain_worth_paying_for, judge
from curator.project.project import Project
from curator.rounds.run import run_round


def _gain(**changes):
    known = {
        "metric": "accuracy", "value": 0.01, "low": -0.01, "high": 0.03, "level": 0.95, "before": 0.8, "after": 0.81,
        "seed_error": 0.0, "mcnemar_b": 20, "mcnemar_c": 29, "mcnemar_p": 0.3, "items": 998,
    }  # fmt: skip
    return Gain(**{**known, **changes})


def _detectable(**changes):
    gain = _gain(**changes)
    return detectable_gain(gain, METRICS[gain.metric])


@pytest.mark.parametrize(
    ("low", "high", "worth", "word"),
    [
        (0.01, 0.03, None, "real"),
        (0.001, 0.002, 0.05, "real"),
        (-0.03, -0.01, 0.05, "worse"),
        (-0.01, 0.03, None, "not shown"),
        (-0.01, 0.03, 0.02, "not shown"),
        (-0.01, 0.03, 0.04, "flat"),
        (0.0, 0.03, None, "not shown"),
    ],
)
def test_the_word(low, high, worth, word):
    """Above 0, below 0, too small to pay for, or not to be told; 0 itself at the end is inside."""
    assert judge(low, high, worth) == word


def test_gain_worth_paying_for_by_hand():
    """$8 against $0.50 per error on 1,000 predictions: 16 errors, 1.6 points. 2 points per $100: $8 pay for 0.16 points."""
    value = StopSection(value_per_error="0.50", predictions=1000)
    found = gain_worth_paying_for(value, METRICS["accuracy"], "accuracy", 8_000_000, "USD")
    assert found.gain == pytest.approx(0.016)
    assert found.why == "$8.00 against $0.50 per error on 1,000 predictions"
    assert gain_worth_paying_for(value, METRICS["macro_f1"], "macro_f1", 8_000_000, "USD") is None
    floor = StopSection(floor=2.0)
    found = gain_worth_paying_for(floor, METRICS["macro_f1"], "macro_f1", 8_000_000, "EUR")
    assert found.gain == pytest.approx(0.0016)
    assert "2 points per 100 EUR" in found.why
    assert gain_worth_paying_for(floor, METRICS["log_loss"], "macro_f1", 8_000_000, "EUR") is None
    assert gain_worth_paying_for(StopSection(), METRICS["accuracy"], "accuracy", 8_000_000, "USD") is None
    assert gain_worth_paying_for(value, METRICS["accuracy"], "accuracy", 0, "USD") is None


def test_what_could_have_shown():
    """49 of 998 items and a pseudo-item differ: Connor at psi = 5%, n = 998; luck of seeds adds; other metrics by their error."""
    connor = minimum_detectable_gain(998, 0.05)
    assert _detectable() == pytest.approx(connor)
    assert connor == pytest.approx(0.0198, abs=2e-4)
    assert _detectable(seed_error=0.01) == pytest.approx((connor**2 + 0.028016**2) ** 0.5, rel=1e-3)
    assert _detectable(metric="log_loss") == pytest.approx(2.8016 * 0.02 / 1.96, rel=1e-3)
    # nothing differed on 100 items: a gain on 7.7 of them and no loss would have shown
    nothing = _detectable(items=100, mcnemar_b=0, mcnemar_c=0)
    assert minimum_detectable_gain(100, 1 / 102) is None
    assert nothing == smallest_shown(100, 1 / 102) == pytest.approx(0.0769, abs=1e-3)
    assert smallest_shown(3, 0.1) is None


def test_intervals_for_who_looks_every_round():
    """Bonferroni for 10 planned looks: 2.807 / 1.960 as wide, to either side; the plan doubles when it is outgrown."""
    assert [planned_looks(n) for n in (1, 10, 11, 21)] == [10, 10, 20, 40]
    low, high = decision_interval(0.02, 0.01, 0.05, level=0.95, looks=3)
    assert (low, high) == pytest.approx((0.02 - 0.01 * 1.4322, 0.02 + 0.03 * 1.4322), abs=1e-5)


def _row(previous, low, high, word="not shown", wider=0.01):
    return {
        "round": 8, "metric": "accuracy", "previous": previous, "gain": (low + high) / 2, "low": low, "high": high, "decision_low": low - wider,
        "decision_high": high + wider, "verdict": word, "detectable": 0.042, "worth": None, "worth_why": None,
    }  # fmt: skip


def test_rounds_together_when_one_does_not_show():
    """The shortest stretch that is beyond chance for who looks often, else the longest; nothing when the round itself shows."""
    alone, two, five, all_of_them = (
        _row(7, -0.01, 0.02),
        _row(6, 0.005, 0.04),
        _row(3, 0.02, 0.05),
        _row(1, 0.03, 0.06),
    )
    assert together([alone, two, five, all_of_them]) == five
    assert together([alone, two]) == two
    assert together([_row(7, 0.01, 0.02, "real"), five]) is None
    assert together([alone]) is None
    lines = verdict_lines([alone, two, {**five, "verdict": "real"}])
    assert lines == [
        "Verdict on round 8: not shown: this hold-out shows gains of about 4.2 points or more.",
        "Rounds 4 to 8 together: +3.5 points (+2.0 to +5.0), real",
    ]
    assert verdict_lines([]) == []


def test_words_come_with_their_reason():
    """Flat names the gain that would have been worth it; a hold-out too small for anything says so; old rounds get a word."""
    assert (
        explained("flat", detectable=3.0, worth=1.6, unit="points")
        == "flat: below the 1.6 points that would pay for it"
    )
    assert "any gain" in explained("not shown", detectable=None, worth=None, unit="points")
    assert verdict_word({"gain": 0.1, "gain_low": 0.05, "gain_high": 0.2, "verdict": None}) == "real"
    assert verdict_word({"gain": None}) == ""
    said = verdict_lines([{**_row(7, -0.01, 0.02), "worth": 0.016, "worth_why": "$8 against much"}])
    assert said[0].endswith("A gain of 1.6 points would pay for it ($8 against much).")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Four measured rounds, with a value per error and unequal mistakes."""
    folder = make_project(tmp_path_factory.mktemp("verdict"))
    edit_config(folder, '# value_per_error = "0.50"', 'value_per_error = "0.50"')
    edit_config(folder, "# predictions = 100000", "predictions = 1000")
    edit_config(folder, "# mistakes = ", "mistakes = ")
    with Project(folder) as project:
        for _ in range(5):
            run_round(project)
    return folder


def test_every_round_is_compared_with_earlier_ones(campaign):
    """Round 4 against 3, 2 and 1, by four metrics; the nearest says what `gains` says; costs are those in between."""
    with Project(campaign) as project:
        rows = project.ledger.rows("select * from comparisons where round = 4")
        assert {(row["previous"], row["metric"]) for row in rows} == {
            (previous, metric)
            for previous in (3, 2, 1)
            for metric in ("accuracy", "macro_f1", "log_loss", "cost_weighted_error")
        }
        for row in rows:
            assert row["decision_low"] <= row["low"] <= row["gain"] <= row["high"] <= row["decision_high"]
            sign = 1 if row["metric"] in ("accuracy", "macro_f1") else -1
            assert row["gain"] == pytest.approx(sign * (row["after"] - row["before"]), abs=1e-6)
            assert row["looks"] == 4
            assert row["cost"] == 800_000 * (4 - row["previous"])
        gain = queries.measures.gain_of(project.ledger, 4)
        nearest = gain["comparisons"][0]
        assert (nearest["previous"], nearest["metric"]) == (3, "accuracy")
        for column, same in (
            ("gain", "gain"),
            ("low", "gain_low"),
            ("high", "gain_high"),
            ("verdict", "verdict"),
        ):
            assert nearest[column] == gain[same]
        assert nearest["worth"] == pytest.approx(0.8 / 500)
        by_metric = {row["metric"]: row for row in rows if row["previous"] == 1}
        evaluated = project.ledger.rows(
            "select metric, value from evaluations where round = 4 and split = 'holdout' and class = ''"
        )
        for row in evaluated:
            if row["metric"] in by_metric:
                assert by_metric[row["metric"]]["after"] == pytest.approx(row["value"], abs=1e-5)
        assert project.ledger.rows("select * from comparisons where round = 1") == []


def test_an_older_round_whose_answers_are_gone_is_left_out(campaign, tmp_path):
    """After a restore only the last models may be there: the next round is compared with what there is."""
    folder = make_project(tmp_path)
    with Project(folder) as project:
        for _ in range(3):
            run_round(project)
        (project.model_folder(1) / "holdout.safetensors").unlink()
        run_round(project)
        found = project.ledger.rows("select distinct previous from comparisons where round = 3")
    assert found == [{"previous": 2}]


def test_status_and_round_say_the_verdict(campaign):
    """On the terminal beside the gain, in JSON with all inputs."""
    shown = CliRunner().invoke(app, ["status", "--project", str(campaign), "--offline"])
    assert shown.exit_code == 0
    assert "Verdict on round 4: " in shown.stdout
    assert (
        "A gain of 0.16 points would pay for it ($0.80 against $0.50 per error on 1,000 predictions)"
        in shown.stdout
    )
    assert (
        "more in the hold-out (120 items) would lower the smallest accuracy gain that shows from"
        in shown.stdout
    )
    found = json.loads(
        CliRunner().invoke(app, ["status", "--project", str(campaign), "--offline", "--json"]).stdout
    )
    assert [row["previous"] for row in found["comparisons"]] == [3, 2, 1]
    assert found["next_dollars"]["items"] == 60
    again = CliRunner().invoke(app, ["round", "--project", str(campaign)])
    assert "Verdict on round 5: " in again.stdout
