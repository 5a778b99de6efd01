"""Windows: what about so much money gained last, over whichever stretch of rounds that is; none is left out."""

from types import SimpleNamespace

import pytest

from curator.amounts import MICRO
from curator.cli.text.gain import window_lines, windows_rows
from curator.errors import CuratorError
from curator.ledger.store import Ledger
from curator.rounds.windows import last_window, windows

ROUNDS = 9
WORST = 5  # the round whose window lost


def fill(ledger: Ledger, price: int) -> None:
    """Nine measured rounds of one price; the newest against every earlier one, 0.4 points a round, but one window that lost."""
    gains = [
        {
            "round": ROUNDS, "previous": n, "metric": "accuracy", "before": 0.5, "after": 0.5, "low": -0.01, "high": 0.03, "level": 0.95,
            "gain": -0.02 if n == WORST else 0.004 * (ROUNDS - n), "decision_low": -0.02, "decision_high": 0.04, "looks": 9,
            "lost_share": 0.0, "won_share": 0.0, "cost": 1, "verdict": "not shown", "detectable": 0.05,
        }
        for n in range(1, ROUNDS)
    ]  # fmt: skip
    with ledger.write():
        for n in range(1, ROUNDS + 1):
            ledger.insert(
                "rounds",
                [
                    {
                        "id": n,
                        "status": "measured",
                        "strategy": "m",
                        "seed": 0,
                        "config": "{}",
                        "opened_at": "t",
                    }
                ],
            )
            ledger.insert(
                "costs",
                [{"source_id": f"l{n}", "version": 1, "round": n, "kind": "label", "amount": price, "currency": "USD", "basis": "per label", "source": "measured"}],
            )  # fmt: skip
        ledger.insert("gains", [{"round": ROUNDS, "previous": 8, "metric": "accuracy", "value": 0.5}])
        ledger.insert("comparisons", gains)


@pytest.fixture
def project(tmp_path):
    with Ledger(tmp_path / "ledger.db") as ledger:
        fill(ledger, 25 * MICRO)
        yield SimpleNamespace(ledger=ledger, config=SimpleNamespace(cost=SimpleNamespace(currency="USD")))


def test_every_stretch_is_told_with_its_own_cost(project):
    """Eight windows of $25 to $200, the one that lost among them, the costs as the bill has them now."""
    rows = windows(project.ledger)
    assert [row["cost"] // MICRO for row in rows] == [25, 50, 75, 100, 125, 150, 175, 200]
    assert [row["rounds"] for row in rows] == list(range(1, 9))
    cells = windows_rows(rows, "USD")
    assert cells[3] == ["6 to 9", "$100.00", "-2.0 (-1.0 to +3.0)", "not shown", "-0.02 (-0.01 to +0.03)"]
    assert cells[0][0] == "9"


@pytest.mark.parametrize(
    ("asked", "previous", "cost"),
    [(100, 5, 100), (110, 5, 100), (60, 7, 50), (1, 8, 25), (5000, 1, 200), (87.5, 5, 100)],
)
def test_the_window_that_was_asked_for(project, asked, previous, cost):
    """The nearest by cost, of two the longer; which rounds and how much it was is said."""
    found = last_window(project, round(asked * MICRO))
    assert (found["previous"], found["cost"]) == (previous, cost * MICRO)
    note, text = window_lines(found, "USD")
    rounds = "round 9" if previous == 8 else f"rounds {previous + 1} to 9"
    assert f"of spending: {rounds}, ${cost}.00." in note
    assert ("nothing earlier to compare with" in note) == (asked == 5000)
    assert f"(${cost}.00): {100 * found['gain']:+.1f} points (95%: -1.0 to +3.0), not shown" in text
    assert "points per dollar." in text


def test_costs_that_nobody_knows_choose_no_window(project):
    """And the table says so instead of $0.00."""
    with project.ledger.write():
        project.ledger.execute("update costs set source = 'not known', amount = 0")
    with pytest.raises(CuratorError, match="is not known"):
        last_window(project, 100 * MICRO)
    assert {row[1] for row in windows_rows(windows(project.ledger), "USD")} == {"not known"}


def test_a_gain_takes_two_rounds(tmp_path):
    """Nothing is measured, or one round: there is no window."""
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert windows(ledger) == []
        with pytest.raises(CuratorError, match="needs two measured rounds"):
            last_window(
                SimpleNamespace(ledger=ledger, config=SimpleNamespace(cost=SimpleNamespace(currency="USD"))),
                1,
            )
