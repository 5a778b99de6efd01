"""Rates beyond the answers: caps, review, fixed sums, compute, and the bill that shows each with its source."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.projects import edit_config, make_project

from curator.cli.text.results import status_text
from curator.config import CostSection
from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.money.bill import bill_rows, by_source, rate_card
from curator.money.caps import ENOUGH, FIRST, LEAST, Caps, cap_of
from curator.money.marginal_price import marginal_price, paid_between
from curator.project.project import Project
from curator.rounds.run import run_round
from curator.views.status import read_status


def test_a_cap_by_hand():
    """Half of the times e^4, half e^5: the median is e^4.5, the absolute deviation 0.5."""
    times = [math.exp(4.0), math.exp(5.0)] * 10
    assert cap_of(times) == pytest.approx(math.exp(4.5 + 5 * 1.4826 * 0.5))


def test_nothing_below_a_minute_is_capped():
    """Quick and even work has a narrow spread, and a minute is never a lunch break."""
    assert cap_of([3.0] * ENOUGH) == LEAST
    assert cap_of([3.0] * (ENOUGH - 1)) is None


def test_who_has_few_answers_gets_the_cap_of_all():
    """And before there are enough of all, it is the first cap."""
    slow = [200.0 + i for i in range(ENOUGH)]
    caps = Caps({"ada": slow, "bob": [1.0, 2.0]})
    assert caps.of("ada") == cap_of(slow)
    assert caps.of("bob") == caps.of("nobody yet") == cap_of([*slow, 1.0, 2.0])
    assert Caps({"bob": [1.0, 2.0]}).of("bob") == Caps({}).paid("bob") == FIRST
    assert caps.paid("ada") == 250.0  # on the bill to two digits


@given(st.lists(st.floats(1, 100), min_size=ENOUGH, max_size=60), st.floats(1e5, 1e9))
def test_how_long_a_lunch_break_was_does_not_move_the_cap(times, lunch):
    """A minute or a night: the cap looks at the order of times, and one far off is just that."""
    assert cap_of([*times, lunch]) == cap_of([*times, 1e5])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two rounds with every kind of cost, the second one open."""
    root = make_project(tmp_path_factory.mktemp("rates") / "p", n=120, batch=8, holdout="20")
    edit_config(root, "review_share = 0.0", "review_share = 0.5")
    for setting, value in (
        ("review_price", '"0.05"'), ("per_round", '"15"'), ("per_campaign", '"200"'), ("compute_per_hour", '"3600"'),
    ):  # fmt: skip
        edit_config(root, f"# {setting} = ", f"{setting} = {value} # ")
    with Project(root) as project:
        run_round(project)
        run_round(project)
    return root


def test_each_kind_is_a_line_with_its_source(folder):
    """28 answers at 8 cents, half of them reviewed at 5; the hold-out's review is the hold-out's."""
    with Project(folder) as project:
        seeds = len(queries.labels.training_labels(project.ledger))
        rows = {
            (row["round"], row["kind"], row["source"]): row["amount"] for row in bill_rows(project.ledger)
        }
        compute = {key: rows.pop(key) for key in list(rows) if key[1] == "compute"}
        assert rows == {
            (1, "label", "measured"): seeds * 80_000,
            (1, "holdout", "measured"): 20 * 80_000,
            (1, "holdout", "assumed"): 20 * 25_000,
            (1, "review", "assumed"): seeds * 25_000,
            (1, "round", "assumed"): 15_000_000,
            (1, "campaign", "assumed"): 200_000_000,
        }
        assert set(compute) == {(1, "compute", "measured"), (2, "compute", "measured")}
        # a dollar a second: what was computed took some, and is exact to a thousandth
        assert all(amount > 0 and amount % 1000 == 0 for amount in compute.values())


def test_gain_counts_what_training_cost(folder):
    """`cost` is everything of the round but hold-out and campaign; `total_cost` is the sum of the bill up to it."""
    with Project(folder) as project:
        (gain,) = project.ledger.rows("select * from gain")
        bill = [row for row in bill_rows(project.ledger) if row["round"] == 1]
        assert gain["total_cost"] == sum(row["amount"] for row in bill)
        assert gain["cost"] == sum(
            row["amount"] for row in bill if row["kind"] not in ("holdout", "campaign")
        )


def test_a_round_without_a_measurement_is_paid_by_the_next(tmp_path):
    """Round 3's gain is that of the labels of rounds 2 and 3: so is its cost, wherever it is read."""
    rows = [
        {"id": n, "status": status, "labels": 10 * n, "strategy": "margin", "seed": 0, "config": "{}", "opened_at": "t"}
        for n, status in ((1, "measured"), (2, "unmeasured"), (3, "measured"), (4, "pushed"))
    ]  # fmt: skip
    costs = [
        {
            "source_id": f"{kind}-{n}", "version": 1, "round": n, "kind": kind, "amount": amount, "currency": "USD",
            "basis": "invoice", "source": "invoiced",
        }
        for n in (1, 2, 3, 4) for kind, amount in (("label", 1_000_000), ("round", 500_000), ("holdout", 7))
    ]  # fmt: skip
    gains = [
        {"round": 1, "previous": None, "metric": "accuracy", "value": 0.5, "gain": None},
        {"round": 3, "previous": 1, "metric": "accuracy", "value": 0.8, "gain": 0.3},
    ]
    with Ledger(tmp_path / "ledger.db") as ledger:
        with ledger.write():
            for table, new in (("rounds", rows), ("costs", costs), ("gains", gains)):
                ledger.insert(table, new)
        found = ledger.rows("select round, cost, total_cost, gain_per_dollar from gain")
        assert [tuple(row.values()) for row in found] == [
            (1, 1_500_000, 1_500_007, None),
            (3, 3_000_000, 4_500_021, pytest.approx(0.1)),
        ]
        assert paid_between(ledger, 1, 3) == 3_000_000
        assert marginal_price(ledger, CostSection(price_per_label="9")).micro == 150_000


def test_status_shows_kinds_and_sources(folder):
    """Each kind is named, and so is how much of the whole is assumed; JSON has the same numbers."""
    with Project(folder) as project:
        status = read_status(project, offline=True)
        text = status_text(status)
        assert "$200.00 for fixed per campaign" in text
        assert "$15.00 for fixed per round" in text
        assert f"{by_source(project.ledger)['assumed'] / 1e6:,.2f}"[:6] in text
        assert "assumed" in text
        said = json.loads(json.dumps(status.as_json(), default=str))
        assert list(said["spent"])[:2] == ["label", "holdout"]
        assert sum(said["spent"].values()) == sum(said["sources"].values())
        assert said["hours"] is None


def test_a_plain_project_says_what_it_always_said(tmp_path):
    """A price per label and nothing else: two kinds, all measured, no further line."""
    with Project(make_project(tmp_path / "p", n=90, batch=6, holdout="10")) as project:
        run_round(project)
        run_round(project)
        status = read_status(project, offline=True)
        assert list(status.spent) == ["label", "holdout"]
        assert set(status.sources) == {"measured"}
        spent = next(line for line in status_text(status).splitlines() if line.startswith("Spent"))
        assert spent.endswith("for training labels, $0.80 for the hold-out")
        assert "Of this" not in status_text(status)
        assert "hours" not in status_text(status)


def test_paid_time_is_shown_raw_and_charged(tmp_path):
    """Hours by the clock beside hours on the bill."""
    with Project(make_project(tmp_path / "p", n=90, batch=6, holdout="10", hourly_rate="36")) as project:
        run_round(project)
        run_round(project)
        hours = read_status(project, offline=True).hours
        measured = project.ledger.scalar("select sum(seconds) from costs") / 3600
        assert hours.measured == hours.paid == pytest.approx(measured)
        assert f"Time: {measured:,.2f} hours measured" in status_text(read_status(project, offline=True))


def test_the_rate_card_is_read_back_in_words():
    """What was understood, one line per rate, with its unit."""
    card = CostSection(
        hourly_rate="25", paid_to_active=1.2, annotators={"ada": {"price_per_label": "0.1"}}, review_share=0.1,
        review_price="0.05", per_round="15", per_campaign="200", compute_per_hour="2.5", budget="800",
    )  # fmt: skip
    assert rate_card(card) == [
        "Answers: $25.00 an hour of measured time, capped per annotator, times 1.2 (paid to active)",
        "  ada: $0.10 each, skips are free",
        "Review: 10% of the answers at $0.05 (assumed)",
        "Each round: $15.00 when it is closed (assumed)",
        "Once: $200.00 with the first batch (assumed)",
        "Compute: $2.50 an hour of scoring, training and measuring (measured)",
        "Budget: $800.00",
    ]
