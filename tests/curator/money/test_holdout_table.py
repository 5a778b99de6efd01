"""The table of hold-out sizes, and whether the next dollars do more in the hold-out than in training."""

from itertools import pairwise

import pytest
from support.projects import edit_config, make_project
from typer.testing import CliRunner

from curator.cli.app import app
from curator.config import load_config
from curator.money.holdout_price import measured_holdouts, next_dollars_of, paid_price, planned_holdouts
from curator.money.holdout_table import holdout_rows, holdout_text, next_dollars
from curator.money.invoice import import_invoice
from curator.project.project import Project
from curator.rounds.run import run_round


def test_rows_are_those_of_the_formulas():
    """1,000 items at $0.08: +/- 1.86 points of one score at 90%, gains of 1.98, 2.80 and 3.96 at 5, 10 and 20% (published)."""
    rows = {row.size: row for row in holdout_rows(1000, 80_000)}
    assert sorted(rows) == [500, 1000, 2000, 4000]
    one = rows[1000]
    assert one.price == 80_000_000
    assert one.reach == pytest.approx(0.0186, abs=5e-5)
    assert one.shows == pytest.approx((0.0198, 0.0280, 0.0396), abs=5e-5)
    assert rows[2000].shows == pytest.approx((0.0140, 0.0198, 0.0280), abs=5e-5)


@pytest.mark.parametrize(("size", "most"), [(1, None), (77, 100), (1000, 1500), (300, 300)])
def test_larger_is_dearer_and_shows_more(size, most):
    """The chosen size is always there, none but it reaches the number of items there are."""
    rows = holdout_rows(size, 1.0, most=most)
    assert size in [row.size for row in rows]
    assert all(row.size == size or most is None or row.size < most for row in rows)
    for smaller, larger in pairwise(rows):
        assert smaller.price < larger.price
        assert smaller.reach > larger.reach
        assert all((a or 1) >= (b or 1) for a, b in zip(smaller.shows, larger.shows, strict=True))


def test_the_text_marks_the_chosen_size():
    """Prices in the currency; a price that nobody knows is a question mark, a gain that cannot show is none."""
    lines = holdout_text(holdout_rows(200, 80_000), 200, "USD").splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["100", "200", "400", "800"]
    assert [("*" in line) for line in lines[2:]] == [False, True, False, False]
    assert "$16.00" in lines[3]
    assert "?" in holdout_text(holdout_rows(200, None), 200, "USD")
    assert "none" in holdout_text(holdout_rows(2, None, most=3), 2, "USD")


@pytest.mark.parametrize(
    ("gain", "better", "said"),
    [
        (0.12, "training", "The hold-out can show gains of that size"),
        (0.08, "hold-out", "so the money does more there"),
        (0.01, "training", "Even a hold-out of twice the size"),
        (-0.01, "training", "Even a hold-out of twice the size"),
    ],
)
def test_where_the_next_dollars_do_more(gain, better, said):
    """300 items at $0.08, 40% differ: 10.2 points show, with 600 items 7.2; what rounds gain decides."""
    found = next_dollars(items=300, price=80_000, psi=0.4, gains=[gain, gain], costs=[2_400_000, 2_400_000])
    assert (found.shows, found.would_show) == pytest.approx((0.1020, 0.0722), abs=2e-4)
    assert found.better == better
    text = found.sentence("USD")
    assert text.startswith(
        "$24.00 more in the hold-out (600 items) would lower the smallest accuracy gain that shows from 10.2 to 7.2 points; the last 2 rounds"
    )
    assert said in text
    assert ("give the next campaign a larger one" in text) == (better == "hold-out")
    # What a round gained is not drawn on in a straight line: ten times the money does not gain 120 points.
    assert f"gained {100 * gain:+.1f} for $2.40 each. " in text


def test_a_free_hold_out_raises_no_question():
    """Nothing to weigh without a price, without rounds, or with too few items for any gain."""
    known = {"items": 300, "price": 80_000.0, "psi": 0.1, "gains": [0.01], "costs": [1]}
    assert next_dollars(**known) is not None
    for change in ({"price": 0.0}, {"gains": []}, {"items": 3}):
        assert next_dollars(**{**known, **change}) is None


def test_prices_come_from_the_card_then_from_the_ledger(tmp_path):
    """60 items at $0.08 planned; after a round what was paid; hourly work has no price before anybody worked."""
    folder = make_project(tmp_path)
    (row,) = [row for row in planned_holdouts(load_config(folder), 240) if row.size == 60]
    assert row.price == 60 * 80_000
    with Project(folder) as project:
        assert paid_price(project.ledger) is None
        run_round(project)
        run_round(project)
        assert paid_price(project.ledger) == 80_000
        assert [
            row.size for row in measured_holdouts(project.ledger, project.task, project.pool, project.config)
        ] == [
            30,
            60,
            120,
        ]
        run_round(project)
        assert next_dollars_of(project.ledger, project.task).cost == 800_000
        invoice = tmp_path / "invoice.csv"
        invoice.write_text("round,amount\n2,2.00\n", encoding="utf-8")
        import_invoice(project.ledger, invoice, "USD")
        assert next_dollars_of(project.ledger, project.task).cost == 2_000_000  # as the bill has it now
    edit_config(folder, 'price_per_label = "0.08"', 'hourly_rate = "36.00"')
    (row,) = [row for row in planned_holdouts(load_config(folder), 240) if row.size == 60]
    assert row.price == 60 * 50_000  # the replay labeler's five seconds at a cent each
    edit_config(folder, "paid_to_active = 1.0", "paid_to_active = 1.2")
    edit_config(folder, "review_share = 0.0", "review_share = 0.5")
    edit_config(folder, '# review_price = "0.05"', 'review_price = "0.02"')
    (row,) = [row for row in planned_holdouts(load_config(folder), 240) if row.size == 60]
    assert row.price == 60 * (60_000 + 10_000)
    edit_config(folder, "seconds_per_word = 0.0", "seconds_per_word = 0.1")
    assert {row.price for row in planned_holdouts(load_config(folder), 240)} == {None}
    edit_config(folder, 'name = "replay"', 'name = "label-studio"\nurl = "http://localhost:1"')
    edit_config(folder, "seconds = 5.0", "# seconds = 5.0")
    assert {row.price for row in planned_holdouts(load_config(folder), 240)} == {None}


def test_init_prints_it(tmp_path):
    """`curator init` shows four sizes at most, the chosen one marked."""
    data = make_project(tmp_path / "other") / "pool.jsonl"
    command = [
        "init", "x", "--data", str(data), "--project", str(tmp_path / "x"), "--price", "0.08", "--labeler", "replay",
        "--holdout", "80",
    ]  # fmt: skip
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.output
    assert "80 *" in shown.stdout
    assert "$6.40" in shown.stdout
