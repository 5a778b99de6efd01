"""The budget: what is left of it, batches cut to that, and campaigns that end with it."""

import json
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.projects import edit_config, make_project, train_at_once
from typer.testing import CliRunner

from curator.amounts import MICRO, parse_amount
from curator.cli.app import app
from curator.config import CostSection, RateSection, StopSection
from curator.errors import ConfigError
from curator.ledger import queries
from curator.money.budget import answer_price, read_budget
from curator.money.hard_stops import check_target, is_over
from curator.project.project import Project
from curator.rounds import run as running
from curator.rounds.limits import limit_batch
from curator.rounds.run import run_round

# Quick to train: what is tested is money, not the model.
CENT = MICRO // 100


def quick(folder, *, budget, n=120, holdout="20", batch=10, **options):
    """A small replay project with a budget and a model that trains at once."""
    make_project(folder, n=n, holdout=holdout, batch=batch, **options)
    train_at_once(folder)
    edit_config(folder, f"seed_batch = {batch}", "seed_batch = 20")
    if budget is not None:
        edit_config(folder, '# budget = "800"', f'budget = "{budget}"')
    return folder


def test_budget_of_init(tmp_path):
    """`curator init --budget` writes it; what is no amount is refused."""
    with Project(make_project(tmp_path / "p", budget="12.50")) as project:
        assert project.config.cost.budget == "12.50"
    with pytest.raises(ConfigError, match="budget"):
        make_project(tmp_path / "q", budget="a lot")


def play(folder, most=60):
    """Run rounds until nothing more is sent; the reports."""
    reports = []
    with Project(folder) as project:
        for _ in range(most):
            reports.append(run_round(project))
            if not reports[-1].opened:
                return reports
    raise AssertionError("the campaign did not end")


def bill(folder):
    """Micro-units on the bill."""
    with Project(folder) as project:
        return int(project.ledger.scalar("select coalesce(sum(amount), 0) from costs"))


def test_worked_example(tmp_path):
    """$5.00 at $0.10: hold-out 20 and seed batch 20 cost $4.00, the next batch of 30 is cut to 10, then it is used up."""
    folder = quick(tmp_path / "p", budget="5.00", batch=30, price="0.10")
    first, second, third = play(folder)
    assert (first.sent, first.holdout_sent, first.notes) == (40, 20, [])
    assert second.sent == 10
    assert any("cut from 30 to 10 items by the budget of $5.00" in note for note in second.notes)
    assert third.opened is None
    assert third.measured["round"] == 2  # what was paid for is still learned from
    assert "budget of $5.00 is used up" in third.stopped
    assert "Raise [cost] budget" in third.stopped
    assert bill(folder) == 500 * CENT


def test_command_says_so_and_exits_with_0(tmp_path):
    """A used-up budget is no failure: exit code 0, the message on stdout, again at every later call, and no open round."""
    folder = quick(tmp_path / "p", budget="4.00", price="0.10")
    play(folder)
    for _ in range(2):
        result = CliRunner().invoke(app, ["round", "--project", str(folder)])
        assert result.exit_code == 0
        assert "budget of $4.00 is used up" in result.stdout
    found = CliRunner().invoke(app, ["round", "--project", str(folder), "--json"])
    assert "used up" in json.loads(found.stdout)["stopped"]
    with Project(folder) as project:
        assert queries.rounds.current_round(project.ledger) is None


def test_raised_budget_goes_on(tmp_path):
    """With more money in curator.toml the next call sends the next batch."""
    folder = quick(tmp_path / "p", budget="4.00", price="0.10")
    play(folder)
    edit_config(folder, 'budget = "4.00"', 'budget = "4.35"')
    with Project(folder) as project:
        assert run_round(project).sent == 3


def test_holdout_that_costs_more_than_the_budget_is_refused_before_it_is_drawn(tmp_path):
    """Numbers in the message, exit code 2, nothing sealed: a smaller size in curator.toml is enough to begin."""
    folder = quick(tmp_path / "p", budget="2.00", price="0.10")
    result = CliRunner().invoke(app, ["round", "--project", str(folder)])
    assert result.exit_code == 2
    assert "hold-out takes up to $2.00 (20 answers at $0.10 per answer)" in result.stderr
    with Project(folder) as project:
        assert queries.holdout.holdout_ids(project.ledger) == []
        assert queries.rounds.last_round_id(project.ledger) == 0
    edit_config(folder, "size = 20", "size = 10")
    with Project(folder) as project:
        assert run_round(project).sent == 20


def test_several_answers_per_item_count_several_times(tmp_path):
    """With three answers an item and $10.00 at $0.10, the hold-out takes $6.00 and the rest pays for 13 items."""
    folder = quick(tmp_path / "p", budget="10.00", price="0.10")
    edit_config(folder, 'name = "replay"', 'name = "replay"\noverlap = 3')
    with Project(folder) as project:
        report = run_round(project)
    assert report.sent - report.holdout_sent == 13
    play(folder)
    assert bill(folder) == 990 * CENT


def test_open_questions_are_owed(tmp_path, monkeypatch):
    """What was asked and not answered, as after --partial, may still be paid: it is kept back from the next batch."""
    folder = quick(tmp_path / "p", budget="5.00", price="0.10")
    with Project(folder) as project:
        run_round(project)
        project.labeler._answers_limit = 30
        report = run_round(project, partial=True)
        assert queries.questions.open_answers(project.ledger) == 10 + report.sent
        assert report.sent == 10
        budget = read_budget(project.config, project.ledger, wanted=10)
        assert (budget.spent, budget.owed, budget.left) == (300 * CENT, 200 * CENT, 0)
    play(folder)
    assert bill(folder) == 500 * CENT


def test_late_answers_are_taken_in_though_nothing_new_is_sent(tmp_path):
    """Answers to open questions come after the budget is used up: a round without questions of its own learns from them."""
    folder = quick(tmp_path / "p", budget="4.00", price="0.10")
    with Project(folder) as project:
        run_round(project)
        project.labeler._answers_limit = 30
        report = run_round(project, partial=True)
        assert report.opened is None
        assert "used up" in report.stopped
        assert queries.rounds.last_round_id(project.ledger) == 1
        project.labeler._answers_limit = None
        report = run_round(project)
        assert report.measured["round"] == 2
        assert report.opened is None
    assert bill(folder) == 400 * CENT


def test_killed_between_opening_and_choosing(tmp_path, monkeypatch):
    """A round that was opened and then killed is cut again when it goes on, by the budget as it is then."""
    folder = quick(tmp_path / "p", budget="5.00", batch=30, price="0.10")

    class Killed(BaseException):
        pass

    def kill(*_args):
        raise Killed

    with Project(folder) as project:
        run_round(project)
    with monkeypatch.context() as patched, Project(folder) as project:
        patched.setattr(running, "select", kill)
        with pytest.raises(Killed):
            run_round(project)
        assert queries.rounds.current_round(project.ledger)["status"] == "opened"
    edit_config(folder, 'budget = "5.00"', 'budget = "4.50"')
    with Project(folder) as project:
        assert run_round(project).sent == 5
    edit_config(folder, 'budget = "4.50"', 'budget = "4.00"')
    assert play(folder)[-1].stopped
    assert bill(folder) == 450 * CENT


def test_killed_then_lowered_to_nothing(tmp_path, monkeypatch):
    """An opened round that the budget no longer pays for is taken back."""
    folder = quick(tmp_path / "p", budget="5.00", price="0.10")
    with Project(folder) as project:
        run_round(project)
    with monkeypatch.context() as patched, Project(folder) as project:
        patched.setattr(running, "select", lambda *_args: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run_round(project)
    edit_config(folder, 'budget = "5.00"', 'budget = "4.00"')
    with Project(folder) as project:
        assert "used up" in run_round(project).stopped
        assert queries.rounds.last_round_id(project.ledger) == 1


def test_paid_time_is_planned_with_a_prudent_figure(tmp_path):
    """60 s an answer until 30 are timed; then what they took, plus two standard errors; the note says that it may run over."""
    folder = quick(tmp_path / "p", budget="20.00", hourly_rate="36.00", batch=1000, n=500)
    with Project(folder) as project:
        report = run_round(project)
        assert report.sent == 20 + 13  # at 60 cents
        report = run_round(project)
        (note,) = [note for note in report.notes if "is cut from" in note]
        assert "the mean of 33 timed answers plus two standard errors" in note
        assert "Since answers are paid by time, the last ones may still exceed it." in note
    play(folder)
    assert 19 * MICRO < bill(folder) <= 20 * MICRO


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    price=st.decimals("0.001", "0.5", places=3),
    share=st.decimals("0.2", "1.1", places=3),
    overlap=st.integers(1, 3),
    overlap_share=st.sampled_from((0.3, 1.0)),
    others=st.booleans(),
)
def test_no_campaign_exceeds_its_budget(tmp_path_factory, price, share, overlap, overlap_share, others):
    """Over prices, budgets, overlaps and costs beside answers: never more, and with answers alone less than an item is left."""
    folder = tmp_path_factory.mktemp("p") / "p"
    budget = price * 100 * overlap * share + price * 30 * overlap
    quick(folder, budget=f"{budget:.6f}", price=str(price), n=140, batch=17)
    edit_config(
        folder, 'name = "replay"', f'name = "replay"\noverlap = {overlap}\noverlap_share = {overlap_share}'
    )
    if others:
        edit_config(folder, '# per_round = "15.00"', f'per_round = "{price}"')
        edit_config(folder, '# per_campaign = "200.00"', f'per_campaign = "{price}"')
        edit_config(folder, "review_share = 0.0", "review_share = 0.13")
        edit_config(folder, '# review_price = "0.05"', f'review_price = "{price}"')
        edit_config(folder, '# compute_per_hour = "2.50"', f'compute_per_hour = "{price}"')
    stopped = play(folder)[-1].stopped
    left = round(budget * MICRO) - bill(folder)
    assert left >= 0
    if stopped and not others:
        assert left < overlap * parse_amount(str(price))


def test_price_of_an_answer_is_the_highest_that_may_be_owed():
    """The dearest annotator, a share of the reviews on top, rounded up to whole micro-units."""
    cost = CostSection(
        price_per_label="0.08",
        annotators={"a": RateSection(price_per_label="0.10"), "b": RateSection(price_per_label="0.05")},
        review_share=0.1,
        review_price="0.000015",
    )
    price = answer_price(cost, [], wanted=10)
    assert price.amount == 100_000 + 2
    assert price.certain
    assert price.said == "$0.10 per answer and $0.000002 for its share of reviews"


def test_price_of_time_by_hand():
    """Forty charges of 1 and 3 cents: mean 2, spread 1.0127; for 40 more answers 2 + 2 * 1.0127 * sqrt(2 / 40) cents."""
    cost = CostSection(hourly_rate="18.00")
    assert answer_price(cost, [], wanted=40).amount == 30 * CENT
    price = answer_price(cost, [CENT, 3 * CENT] * 20, wanted=40)
    assert price.amount == pytest.approx(CENT * (2 + 2 * 1.01274 * (2 / 40) ** 0.5), rel=1e-4)
    assert not price.certain
    assert answer_price(cost, [CENT, 3 * CENT] * 20, wanted=1).amount > price.amount


def test_deadline(tmp_path):
    """On the day itself a batch may be sent, on the next none, and the answer says what to change."""
    stop = StopSection(deadline=date(2026, 5, 4))
    assert not is_over(stop, date(2026, 5, 4))
    assert is_over(stop, date(2026, 5, 5))
    folder = quick(tmp_path / "p", budget=None)
    edit_config(folder, "# deadline = 2030-12-31", "deadline = 2026-05-04")
    with Project(folder) as project:
        assert limit_batch(project, 10, today=date(2026, 5, 4)).batch == 10
        assert limit_batch(project, 10, today=date(2026, 5, 5)).why == "deadline"
        assert "deadline, 2026-05-04, has passed" in run_round(project).stopped


def test_target_needs_the_lower_end_of_a_wide_interval():
    """0.90 with a half-width of 0.02 at 95% has one of 0.0308 for 20 looks: 0.87 is not reached, 0.869 is."""
    row = {"value": 0.90, "value_low": 0.88}
    found = check_target(StopSection(target=0.87), [row])
    assert found.low == pytest.approx(0.90 - 0.02 * 3.0233 / 1.95996, abs=1e-4)
    assert not found.reached
    assert check_target(StopSection(target=0.869), [row]).reached
    assert check_target(StopSection(target=0.869), [row] * 40).low < found.low
    assert check_target(StopSection(), [row]) is None
    assert check_target(StopSection(target=0.5), []) is None


def test_reached_target_ends_a_campaign(tmp_path):
    """A target far below what the model reaches stops the next batch, not the measuring of the last."""
    folder = quick(tmp_path / "p", budget=None, holdout="60", n=240)
    edit_config(folder, "# target = 0.92", "target = 0.3")
    first, last = play(folder)
    assert first.sent == 80
    assert last.measured["round"] == 1
    assert "target of 0.300 is reached" in last.stopped


def test_without_a_budget_nothing_is_cut(tmp_path):
    """No budget, no deadline, no target: the batch is what was asked for."""
    folder = quick(tmp_path / "p", budget=None)
    with Project(folder) as project:
        assert read_budget(project.config, project.ledger, wanted=10) is None
        assert limit_batch(project, 10_000).batch == 10_000


def test_nothing_to_pay_means_no_limit(tmp_path):
    """Labels for free are never cut, whatever the budget."""
    folder = quick(tmp_path / "p", budget="0", price="0")
    with Project(folder) as project:
        assert run_round(project).sent == 40


def test_refusal_is_a_configuration_error(tmp_path):
    """The API raises what the command line turns into exit code 2."""
    folder = quick(tmp_path / "p", budget="0.10", price="0.10")
    with Project(folder) as project, pytest.raises(ConfigError, match="Nothing was drawn or sent"):
        run_round(project)


def test_init_says_that_the_budget_cannot_pay_for_the_hold_out(tmp_path):
    """Before anything is set up, with both sums; a labeled file of the user's own would cost nothing."""
    with pytest.raises(ConfigError, match=r"hold-out of 60 labels costs \$4\.80, the budget is \$4\.00"):
        make_project(tmp_path / "p", holdout="60", budget="4")
    assert not (tmp_path / "p" / "curator.toml").exists()
