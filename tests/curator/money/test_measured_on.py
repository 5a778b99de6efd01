"""A gain and its two ends are on one set of hold-out items, and a curve whose points are not says so."""

import pytest
from support.projects import make_project
from support.reports import quick_model

from curator.cli.text.chart import learning_curve
from curator.cli.text.results import gain_table, round_text, status_text
from curator.ledger import queries
from curator.money.measured_on import item_counts, restated
from curator.project.project import Project
from curator.rounds.run import run_round
from curator.views.report.write import write_report
from curator.views.status import read_status


@pytest.fixture(scope="module")
def partial(tmp_path_factory):
    """Two measured rounds: 12 of 40 hold-out items were labeled when the first was, all of them for the second."""
    folder = make_project(tmp_path_factory.mktemp("partial"), n=120, batch=8, holdout="40")
    quick_model(folder)
    everything = queries.holdout.holdout_labels
    with pytest.MonkeyPatch.context() as patch, Project(folder) as project:
        run_round(project)
        patch.setattr(
            queries.holdout, "holdout_labels", lambda ledger: dict(sorted(everything(ledger).items())[:12])
        )
        run_round(project)
    with Project(folder) as project:
        report = run_round(project)
    return folder, report


def test_both_ends_of_a_gain_are_on_the_same_items(partial):
    """Also where more of the hold-out is labeled by now: value less value before is the gain, item for item."""
    with Project(partial[0]) as project:
        first, second = queries.measures.gain_table(project.ledger)
    assert (first["holdout_items"], second["holdout_items"]) == (12, 40)
    assert (second["stated_items"], second["stated_before"]) == (12, first["value"])
    assert second["value"] - second["before"] == pytest.approx(second["gain"])
    assert (first["before"], first["stated_before"]) == (None, None)


def test_status_round_and_report_say_on_how_many_items_each_point_is(partial):
    """The table has a column for it, the chart and the page a caption, and the gain a sentence where the end before moved."""
    folder, report = partial
    with Project(folder) as project:
        status = read_status(project, offline=True)
        html = write_report(project).page.read_text("utf-8")
    text = status_text(status)
    assert "accuracy on the hold-out (12 items, from round 2 on 40), bars: 95%" in text
    assert "hold-out" in gain_table(status.gain, "USD").splitlines()[0]
    assert "on the sealed hold-out (12 items, from round 2 on 40)" in html
    (said,) = restated(status.gain)
    assert "on the same 40 hold-out items before and after" in said
    for shown in (text, html, round_text(report, "USD")):
        assert said in shown


def row(number, value, items, before=None, stated=(None, None)):
    return {
        "round": number, "value": value, "holdout_items": items, "before": before,
        "stated_before": stated[0], "stated_items": stated[1],
        "metric": "accuracy", "labels": 10 * number, "total_cost": 0, "value_low": value, "value_high": value,
    }  # fmt: skip


def test_where_all_points_are_on_the_same_items_nothing_is_added():
    """No column, no caption, no sentence."""
    rows = [row(1, 0.5, 80), row(2, 0.6, 80, 0.5, (0.5, 80)), row(3, 0.7, 80, 0.6, (0.6, 80))]
    assert item_counts(rows) == ""
    assert restated(rows) == []
    assert "on the hold-out, bars" in learning_curve(rows, "USD", "utf-8")


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ((32, 80, 80), "32 items, from round 2 on 80"),
        ((32, 50, 80), "32 items, from round 2 on 50, from round 3 on 80"),
        ((80, 80, 79), "80 items, from round 3 on 79"),
        ((10, 30, 30, 60, 1_200), "10 to 1,200 items"),
    ],
)
def test_the_counts_of_a_curve(items, said):
    """Each change is named; of many, the range."""
    assert item_counts([row(at, 0.5, n) for at, n in enumerate(items, 1)]) == said


def test_corrected_labels_move_the_end_before_too():
    """As many items as then, and yet another value: by the labels of now."""
    (said,) = restated([row(1, 0.5, 80), row(2, 0.6, 80, 0.55, (0.5, 80))])
    assert said == (
        "The gain of round 2 is on the same 80 hold-out items before and after: the earlier model scores 0.550 on them (0.500 by the "
        "labels at the time)."
    )
