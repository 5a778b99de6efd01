"""Report, plan and status tell the same numbers and the same advice, in JSON and in words: three campaigns."""

import json
import re

import pytest
from support.projects import edit_config
from support.reports import campaign
from typer.testing import CliRunner

from curator.cli.app import app
from curator.money.advice import chance_text

TARGET = ("# target = 0.92", "target = 0.9")
# By label towards a target; by the hour; and too young for a forecast.
CAMPAIGNS = {
    "by label, towards a target": (6, {}, (TARGET,)),
    "by the hour": (6, {"hourly_rate": "18"}, ()),
    "too young": (3, {}, (TARGET,)),
}


@pytest.fixture(scope="module", params=CAMPAIGNS)
def told(request, tmp_path_factory):
    """Command -> what it prints as JSON and as text; the plan of a campaign that is too young is refused."""
    calls, options, edits = CAMPAIGNS[request.param]
    folder = campaign(tmp_path_factory.mktemp("told") / "p", calls - 1, **options)
    for edit in edits:
        edit_config(folder, *edit)

    def run(*args):
        return CliRunner().invoke(app, [*args, "--project", str(folder)])

    assert run("round").exit_code == 0  # measured with the settings as they are now
    found = {}
    for command, *more in (["status", "--offline"], ["plan"]):
        done = run(command, *more, "--json")
        if (command, request.param) == ("plan", "too young"):
            assert (done.exit_code, "4 measured rounds" in done.stderr) == (1, True), done.stderr
            continue
        assert done.exit_code == 0, done.stderr
        found[command] = json.loads(done.stdout), run(command, *more).stdout
    report = run("report", "--json")
    assert report.exit_code == 0, report.stderr
    page = next((folder / ".curator" / "reports").glob("*.html")).read_text(encoding="utf-8")
    found["report"] = json.loads(report.stdout), _plain(page)
    return found


def _plain(page):
    """The words of a page, without its markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_the_advice_is_one(told):
    """The same word, reasons, order and inputs everywhere."""
    status, report = told["status"][0], told["report"][0]
    assert status["verdict"] is not None
    assert report["stop"] == status["verdict"]
    if "plan" in told:
        assert told["plan"][0]["verdict"] == status["verdict"]
    for reason in status["verdict"]["reasons"]:
        for command, (_, words) in told.items():
            assert " ".join(reason.split()) in " ".join(words.split()), command


def test_the_gains_are_the_same(told):
    """Value, gain, interval, verdict and cost of each round, and of the last round against every earlier one."""
    status, report = told["status"][0], told["report"][0]
    same = ("labels", "value", "gain", "gain_low", "gain_high", "verdict", "cost", "total_cost", "note")
    pairs = list(zip(status["gain"], report["rounds"], strict=True))
    assert pairs
    for one, other in pairs[1:]:
        assert {name: one[name] for name in same} == {name: other[name] for name in same}
    against = {row["previous"]: row for row in report["against"]}
    for row in status["comparisons"]:
        other = against[row["previous"]]
        assert {name: row[name] for name in other if name in row} == {
            name: value for name, value in other.items() if name in row
        }


def test_the_bill_is_the_same(told):
    """By kind and by source."""
    status, report = told["status"][0], told["report"][0]
    assert {row["kind"]: row["amount"] for row in report["spend"]["kinds"]} == {
        kind: amount for kind, amount in status["spent"].items() if amount
    }
    assert {row["source"]: row["amount"] for row in report["spend"]["sources"]} == status["sources"]
    assert report["spend"]["total"] == sum(status["spent"].values())


def test_forecast_and_target_are_the_same(told):
    """Quantiles where both have one, the price of a label, and the chance of reaching the target, as number and in words."""
    report, page = told["report"]
    if "plan" not in told:
        assert report["forecast"] is None
        return
    plan, words = told["plan"]
    ahead = {row["labels"]: row for row in report["forecast"]["ahead"]}
    both = [row for row in plan["ahead"] if row["labels"] in ahead]
    assert len(both) > 2
    for row in both:
        other = ahead[row["labels"]]
        assert [other[name] for name in ("low", "median", "high")] == pytest.approx(
            [row["low"], row["median"], row["high"]], abs=1e-6
        )
        assert other["total_cost"] == report["last"]["total_cost"] + row["cost"]
    if plan["target"] is None:
        assert report["forecast"]["target"] is None
        return
    chance = plan["target"]["chance_in_reach"]
    assert report["forecast"]["target"]["chance"] == chance
    for said in (words, page):
        assert chance_text(chance) in said
