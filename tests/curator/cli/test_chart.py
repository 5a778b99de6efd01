"""The learning curve on the terminal: every round at its place, plain where the terminal is."""

import pytest
from typer.testing import CliRunner

from curator.amounts import MICRO
from curator.cli.app import app
from curator.cli.text.chart import HEIGHT, WIDTH, learning_curve


def row(cost, value, half=0.02, labels=10):
    return {
        "metric": "macro_f1", "labels": labels, "total_cost": round(cost * MICRO), "value": value,
        "value_low": value - half, "value_high": value + half,
    }  # fmt: skip


def plotted(text):
    """The lines of the plot itself, without the axis."""
    return [line[8:] for line in text.splitlines()[1 : 1 + HEIGHT]]


def test_three_rounds_by_hand():
    """$10, $20 and $30: at the left, in the middle, at the right; the lowest and the highest interval end at the edges."""
    text = learning_curve([row(10, 0.5, 0.1), row(20, 0.7, 0.1), row(30, 0.8, 0.1)], "USD", "utf-8")
    lines = plotted(text)
    assert text.splitlines()[0] == "macro-F1 on the hold-out, bars: 95%"
    assert lines[-1] == "╵"
    assert lines[0] == " " * (WIDTH - 1) + "╷"
    places = {line.index("●") for line in lines if "●" in line} | {
        line.rindex("●") for line in lines if "●" in line
    }
    assert places == {0, 30, WIDTH - 1}
    assert text.splitlines()[1].startswith(" 90.0% ┤")
    assert text.splitlines()[HEIGHT].startswith(" 40.0% ┤")
    assert "$10.00" in text.splitlines()[-1]
    assert text.splitlines()[-1].endswith("$30.00")


def test_plain_terminals_get_plain_characters():
    """Where the lines cannot be encoded the same picture is drawn in ASCII."""
    rows = [row(10, 0.5), row(20, 0.7)]
    for encoding in ("ascii", "latin-1", None, "no such encoding"):
        plain = learning_curve(rows, "USD", encoding)
        assert plain.isascii()
        assert plain.count("o") - plain.splitlines()[0].count("o") == 2
    drawn = learning_curve(rows, "USD", "utf-8")
    assert [len(line) for line in drawn.splitlines()] == [len(line) for line in plain.splitlines()]


@pytest.mark.parametrize("n", [2, 7, 50])
def test_every_chart_keeps_its_size(n):
    """However many rounds: no line is longer than the plot, and no mark is lost but under a newer one."""
    rows = [row(10 + i * 3.7, 0.5 + 0.4 * i / n, labels=10 * i) for i in range(n)]
    lines = plotted(learning_curve(rows, "EUR", "utf-8"))
    assert len(lines) == HEIGHT
    assert max(map(len, lines)) <= WIDTH
    assert sum(line.count("●") for line in lines) == n


def test_labels_where_nothing_was_paid():
    """Free labels: the axis counts them instead."""
    last = learning_curve([row(0, 0.5, labels=30), row(0, 0.6, labels=60)], "USD", "utf-8").splitlines()[-1]
    assert last.split() == ["30", "labels", "60"]


def test_one_round_is_no_curve():
    """Nothing is drawn before two rounds are measured, nor fails where nothing changes."""
    assert learning_curve([], "USD", "utf-8") == learning_curve([row(1, 0.5)], "USD", "utf-8") == ""
    flat = plotted(learning_curve([row(1, 0.5, 0.0), row(2, 0.5, 0.0)], "USD", "utf-8"))
    assert sum(line.count("●") for line in flat) == 2


def test_status_shows_it(tmp_path):
    """`curator status` ends with the curve once two rounds are measured."""
    from support.reports import campaign

    folder = campaign(tmp_path / "p", 3)
    shown = CliRunner().invoke(app, ["status", "--offline", "--project", str(folder)]).stdout
    assert "accuracy on the hold-out, bars: 95%" in shown
    assert shown.count("●") + shown.count(" o") >= 2
