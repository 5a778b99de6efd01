"""`curator plan`: a story through the command line, prices, orders, refusals."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from support.projects import edit_config, make_project, write_pool
from typer.testing import CliRunner

from curator.amounts import MICRO
from curator.cli.app import app
from curator.cli.text.plan import bands, plan_text
from curator.config import CostSection
from curator.ledger.store import Ledger
from curator.money.advice import sentence
from curator.money.marginal_price import marginal_price
from curator.money.order_size import Purse, is_unreachable, order_size
from curator.money.supply import Supply, supply
from curator.project.project import Project
from curator.rounds import advice
from curator.rounds.forecasts.regime import Regime
from curator.rounds.forecasts.score_keeping import forecast_regime
from curator.rounds.run import run_round
from curator.views.plan import Ahead, PlanOptions, _label_counts, make_plan


def call(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A project on known labels with six measured rounds."""
    folder = tmp_path_factory.mktemp("plan")
    make_project(folder, data=write_pool(folder / "pool.jsonl", 400, spread=0.5), batch=15, holdout="100")
    for _ in range(7):
        with Project(folder) as project:
            run_round(project)
    return folder


def test_the_story(campaign):
    """Without options: the next five rounds in labels and dollars, with intervals, and how good forecasts were so far."""
    result = call("plan", "--project", campaign)
    assert result.exit_code == 0, result.output
    for text in (
        "accuracy now",
        "after 6 rounds, 90 labels",
        "80% interval",
        "$1.20",
        "$6.00",
        "hold-out not counted",
        "3 scored",
    ):
        assert text in result.stdout
    assert len([line for line in result.stdout.splitlines() if "$" in line and " to " in line]) == 5 + 1


def test_json_says_the_same(campaign):
    """`--json` is one line with every number of the plan: medians inside their intervals, costs of whole micro-units."""
    result = call("plan", "--project", campaign, "--json", "--target", 0.9, "--budget", "4")
    assert result.exit_code == 0, result.output
    plan = json.loads(result.stdout)
    assert (plan["labels"], plan["rounds_seen"], plan["price"]["micro"]) == (90, 6, 80_000)
    assert [row["labels"] for row in plan["ahead"]] == [105, 120, 135, 140]
    assert plan["ahead"][-1]["cost"] == 50 * 80_000
    assert all(row["low"] < row["median"] < row["high"] for row in plan["ahead"])
    target = plan["target"]
    assert target["affordable"] == 140
    assert 0 <= target["chance_never"] <= target["chance_beyond"] <= 1
    assert 0 <= target["chance_now"] <= target["chance_in_budget"] <= 1
    assert target["order"]["labels"] <= 50
    assert plan["record"]["forecasts"] == 3


def test_a_hopeless_target_is_said(campaign):
    """Blobs that overlap will not be told apart to 99.9%: no number of labels is printed."""
    result = call("plan", "--project", campaign, "--target", 0.999)
    assert result.exit_code == 0
    assert "0.999 cannot be reached with this model and encoder" in result.stdout
    assert "Recommended order" not in result.stdout


def test_rows_end_at_four_times_or_with_the_pool():
    """Past four times the labels forecasts were never checked; past the last item there is nothing to label."""
    regime = Regime("d", (1, 2, 3, 4), (60, 70, 80, 90), (0.7, 0.7, 0.7, 0.7), 100, "accuracy", ())
    at, notes = _label_counts(regime, 10, 50, Purse(90, Supply(0, 10, 990), None, None))
    assert max(at) <= 360
    assert "No forecast beyond 360 labels" in notes[0]
    at, notes = _label_counts(regime, 10, 50, Purse(90, Supply(0, 10, 100), None, None))
    assert max(at) <= 200
    assert "The pool ends at 200 labels" in notes[0]


def test_the_price_can_be_given(campaign):
    """A price of one's own replaces what the ledger says."""
    result = call("plan", "--project", campaign, "--price-per-label", "0.50", "--rounds", 1)
    assert "A label costs $0.50: given with --price-per-label" in result.stdout
    assert "$7.50" in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--target", 92), "Write 92 % as 0.92"), (("--budget", "lots"), "--budget: 'lots' is not an amount")],
)
def test_wrong_usage_is_explained(campaign, options, message):
    """A percentage, or a word for an amount: exit code 2."""
    result = call("plan", "--project", campaign, *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_holdout_sizes_are_priced(campaign, tmp_path):
    """What other sizes cost and show: at what hold-out labels were paid, and before the first round at the rate card's price."""
    found = json.loads(call("plan", "--holdout", "--json", "--project", campaign).stdout)
    chosen = next(row for row in found["holdouts"] if row["size"] == found["chosen"])
    assert chosen["price"] == found["chosen"] * 80_000
    assert found["next_dollars"]["items"] == found["chosen"]
    make_project(tmp_path, n=240, holdout="40")
    text = call("plan", "--holdout", "--project", tmp_path).stdout
    assert re.search(r"40 \*\s+\$3\.20", text)
    assert "the last round" not in text


def test_the_open_round_is_paid_already_and_the_pool_ends(campaign):
    """The labels of the open round cost nothing more; no row goes beyond the last item of the pool."""
    with Project(campaign) as project:
        found = supply(project.ledger, project.pool)
        plan = make_plan(project, PlanOptions(rounds=40))
        left = project.pool.n_items - 100 - 90 - 15
        near = project.ledger.scalar("select max(holdout_duplicates) from rounds") or 0
    assert (found.answered, found.asked, found.left) == (0, 15, left - near)
    assert plan.ahead[-1].labels == 90 + found.total
    assert any("The pool ends at" in note for note in plan.notes)
    call("status", "--project", campaign)  # pulls the open round's answers
    with Project(campaign) as project:
        assert supply(project.ledger, project.pool).answered == 15
        first = make_plan(project, PlanOptions()).ahead[0]
    assert (first.labels, first.cost) == (105, 0)


def test_what_the_hold_out_may_show_already_is_not_out_of_reach():
    """A curve that seems to level off below the target, and a last round that measured it: the measurement is believed."""
    labels = (20, 40, 60, 80, 100)
    regime = Regime("d", (1, 2, 3, 4, 5), labels, (0.8, 0.8, 0.8, 0.8, 0.8), 2000, "accuracy", ())
    found = forecast_regime(regime, [120], (1.0, 1.0, 1.0))
    assert is_unreachable(found, 0.99, shown=0.85)
    assert not is_unreachable(found, 0.99, shown=1.0)


def test_too_early_is_refused(tmp_path):
    """Before the first round, and after two: what is missing, and what to do; exit code 1."""
    make_project(tmp_path, n=120, batch=10, holdout="40")
    result = call("plan", "--project", tmp_path)
    assert result.exit_code == 1
    assert "No round is measured yet" in result.stderr
    for _ in range(3):
        with Project(tmp_path) as project:
            run_round(project)
    result = call("plan", "--project", tmp_path, "--target", 0.9)
    assert result.exit_code == 1
    assert "there are 2" in result.stderr


def test_a_change_of_strategy_is_refused(campaign, tmp_path):
    """After another strategy took over, the plan waits for four rounds of it, and says since when."""
    make_project(tmp_path, n=200, batch=10, holdout="40")
    for _ in range(5):
        with Project(tmp_path) as project:
            run_round(project)
    edit_config(tmp_path, 'strategy = "auto"', 'strategy = "random"')
    for _ in range(2):
        with Project(tmp_path) as project:
            run_round(project)
    result = call("plan", "--project", tmp_path)
    assert result.exit_code == 1
    assert "strategy changed in round" in result.stderr


def test_order_by_hand():
    """Ten equally likely needs 110 to 200 from 100 labels: each ten more labels cost 10 and save a tenth of the penalty."""
    needed = np.arange(110.0, 201.0, 10.0)
    dear = order_size(needed, 100, 400, price=1, penalty=150)
    cheap = order_size(needed, 100, 400, price=1, penalty=50)
    capped = order_size(needed, 100, 150, price=1, penalty=150)
    assert (dear.labels, dear.chance, dear.cost) == (100, 1.0, 100)
    assert (cheap.labels, cheap.chance) == (0, 0.0)
    assert (capped.labels, capped.chance) == (50, 0.5)
    out_of_sight = order_size(np.full(10, np.inf), 100, 400, price=1, penalty=150)
    assert out_of_sight.labels == 0


def test_bands_share_one_scale():
    """The median and the target stand where they belong between the lowest and the highest end."""
    rows = [Ahead(10, None, 0.5, 0.4, 0.6, 0.01), Ahead(20, None, 0.7, 0.6, 0.8, 0.01)]
    first, second = bands(rows, target=1.0)
    assert first.index("-") == 0
    assert first.index("o") < second.index("o")
    assert first.rindex("|") == second.rindex("|") == len(first) - 1


def test_the_verdict_to_stop_uses_the_same_prices_labels_and_forecast(campaign):
    """A larger batch from now on, a dear first round, answers that have no labels yet: both say the same of the next round."""
    edit_config(campaign, "batch = 15", "batch = 20")
    call("status", "--project", campaign)  # takes the open round's answers
    with Project(campaign) as project:
        with project.ledger.write():
            project.ledger.insert("costs", [_cost(1, "label", 10)])
        outlook = advice.current(project)["inputs"]["outlook"]
        plan = make_plan(project, PlanOptions(rounds=3))
        with project.ledger.write():
            project.ledger.execute("delete from costs where source_id = 'label:1'")
    edit_config(campaign, "batch = 20", "batch = 15")
    assert [row.labels for row in plan.ahead] == [105, 125, 145]
    assert outlook["cost"] == plan.ahead[1].cost == 20 * 80_000
    gain = np.array([plan.ahead[0].median, plan.ahead[2].median]) - plan.present[0]
    assert [outlook["gain"], outlook["gain_ahead"]] == pytest.approx(gain.tolist(), abs=0.004)


def test_every_view_prints_the_same_recommendation(campaign):
    """`status`, `plan` and the report, on the terminal and in JSON: one word, one order, no second voice."""
    with Project(campaign) as project:
        told = advice.current(project)
    line = sentence(told, "USD")
    assert line in call("status", "--project", campaign, "--offline").stdout
    assert line in call("plan", "--project", campaign).stdout
    for words, key in ((("status", "--offline"), "verdict"), (("plan",), "verdict"), (("report",), "stop")):
        found = json.loads(call(*words, "--project", campaign, "--json").stdout)[key]
        assert {name: found[name] for name in ("word", "order", "holdout")} == {
            name: told[name] for name in ("word", "order", "holdout")
        }


def test_verdict_after_a_label_was_taken_back(campaign):
    """The last round has fewer labels than the one before: the forecast starts at the most there were, and there is a verdict."""
    with Project(campaign) as project:
        with project.ledger.write():
            project.ledger.execute("update rounds set labels = 74 where id = 6")
            project.ledger.execute("delete from verdicts where round = 6")
        assert advice.current(project)["word"] == "not known"
        with project.ledger.write():
            project.ledger.execute("update rounds set labels = 90 where id = 6")


def test_a_target_that_is_probably_out_of_sight_has_no_range(campaign):
    """With 82% of the curves short of it, that is said first, and no lower end above the median stands beside it; with 30%, the range."""
    with Project(campaign) as project:
        plan = make_plan(project, PlanOptions(target=0.85))
    far = replace(
        plan.target, labels=190, low=203, high=None, chance_beyond=0.82, chance_never=0.7, unreachable=False
    )
    text = plan_text(replace(plan, target=far))
    assert (
        "0.85: 82% chance that 8 times the labels (720) are not enough. Of the curves that get there" in text
    )
    assert "203" not in text
    near = replace(far, labels=203, low=190, chance_beyond=0.3)
    text = plan_text(replace(plan, target=near))
    assert "0.85 takes 203 labels in all" in text
    assert "80%: from 190 labels" in text
    assert "30% chance that 8 times" in text


def test_free_labels_are_ordered(campaign):
    """At a price of nothing every chance is worth its price: an order is made, and nothing is said to cost anything."""
    words = ("plan", "--project", campaign, "--price-per-label", "0", "--target", 0.85)
    order = json.loads(call(*words, "--json").stdout)["target"]["order"]
    assert order["labels"] > 0
    assert order["chance"] > 0
    assert order["cost"] == 0
    assert "taken to cost" not in call(*words).stdout


def test_a_budget_that_is_used_up_is_said(campaign):
    """The rows are still shown, with a note that the budget does not pay for them."""
    result = call("plan", "--project", campaign, "--budget", "0")
    assert "The budget buys no more labels" in result.stderr
    assert "$1.20" in result.stdout


def test_free_labels_have_a_price(tmp_path):
    """Paid nothing for 20 labels at a rate card of nothing: the price is $0, not unknown; a card with a price is believed."""
    with Ledger(tmp_path / "ledger.db") as ledger:
        fixed = {"status": "measured", "strategy": "random", "seed": 0, "config": "{}", "opened_at": "now"}
        with ledger.write():
            ledger.insert("rounds", [{"id": n, "labels": 10 * n, **fixed} for n in (1, 2, 3)])
        assert marginal_price(ledger, CostSection(price_per_label="0.08")).micro == 80_000
        free = marginal_price(ledger, CostSection(price_per_label="0"))
        assert (free.micro, free.source) == (0, "paid per label in rounds 2 to 3")


def _cost(round_id, kind, dollars):
    return {
        "source_id": f"{kind}:{round_id}", "version": 1, "round": round_id, "kind": kind, "amount": dollars * MICRO,
        "currency": "USD", "basis": "per label", "source": "measured",
    }  # fmt: skip


def test_the_first_measured_round_gives_a_price(tmp_path):
    """24 cents of paid time for 2 labels: 12 cents each, though no rate card says what a label costs."""
    with Ledger(tmp_path / "ledger.db") as ledger:
        fixed = {"status": "measured", "strategy": "random", "seed": 0, "config": "{}", "opened_at": "now"}
        with ledger.write():
            ledger.insert("rounds", [{"id": 1, "labels": 2, **fixed}])
            ledger.insert("costs", [_cost(1, "label", 0.24), _cost(1, "holdout", 1.51)])
        price = marginal_price(ledger, CostSection(hourly_rate="36"))
        assert (price.micro, price.source) == (120_000, "paid per label in round 1")
