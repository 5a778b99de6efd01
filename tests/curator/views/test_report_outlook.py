"""Forecast, verdict, savings and comparisons on the report: told as the ledger has them, or said to be missing."""

import json
import shutil
from dataclasses import asdict

import pytest
from support.reports import campaign, section, told

from curator.amounts import MICRO
from curator.ledger.store import Ledger
from curator.money.advice import chance_text
from curator.project.project import Project
from curator.rounds import advice
from curator.views.plan import PlanOptions, make_plan
from curator.views.report import page
from curator.views.report.gather import gather
from curator.views.report.sections.cards import Cards
from curator.views.report.sections.last_round import LastRound
from curator.views.status import read_status

LEVELS = [0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975]
TABLES = {
    "forecasts": "made_after, labels, now, rounds_seen, holdout_items, metric, levels, quantiles, shown, widths, method, "
    "regime, made_at",
    "forecast_scores": "made_after, round, labels, horizon, value, median, hit50, hit80, hit95, error, crps",
    "verdicts": "round, word, reasons, inputs, settings, changed, kappa, said_at",
    "savings": "round, status, reason, level, labels, arm_labels, spent, saved, saved_low, saved_high, inputs, computed_at",
    "pool_estimates": "round, quantity, class, method, value, low, high, items",
    "comparisons": "round, previous, metric, before, after, gain, low, high, level, looks, cost, verdict, detectable, "
    "worth, worth_why",
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Five measured rounds."""
    return campaign(tmp_path_factory.mktemp("outlook") / "p", 6)


@pytest.fixture
def folder(measured, tmp_path):
    """A copy of them, with the tables of the other parts, empty."""
    folder = shutil.copytree(measured, tmp_path / "p")
    with Ledger(folder / ".curator" / "ledger.db") as ledger, ledger.write():
        for name, columns in TABLES.items():
            ledger.execute(f"create table if not exists {name} ({columns})")
            ledger.execute(f"delete from {name}")
    return folder


def fill(folder, table, *rows):
    with Ledger(folder / ".curator" / "ledger.db") as ledger, ledger.write():
        for row in rows:
            missing = dict.fromkeys((name.strip() for name in TABLES[table].split(",")), 0)
            ledger.insert(table, [missing | row])


def report_of(folder):
    with Project(folder) as project:
        return gather(project)


def cards(report):
    return section(report, Cards).cards(report.head)


def card(report, title):
    return next(one for one in cards(report) if one.title == title)


def figures(report):
    """Of all sections."""
    return {name: figure for part in report.sections for name, figure in part.figures(report.head).items()}


def forecast_rows(now, *counts):
    """A forecast that rises by a point per count, with the same spread everywhere."""
    spread = [-0.04, -0.02, -0.01, 0.0, 0.01, 0.02, 0.04]
    return [
        {
            "made_after": 5, "labels": labels, "now": now, "metric": "accuracy", "levels": json.dumps(LEVELS),
            "quantiles": json.dumps([0.80 + i / 100 + d for d in spread]), "shown": "[]", "widths": "[1, 1, 1]",
            "method": "m", "regime": "r", "made_at": "t",
        }
        for i, labels in enumerate(counts)
    ]  # fmt: skip


def test_nothing_is_invented_where_nothing_is_known(folder):
    """Empty tables: each card is there and says that there is nothing."""
    report = report_of(folder)
    assert told(report).forecast is told(report).savings is told(report).live_pool is None
    assert told(report).against == []
    assert [(one.figure, one.absent) for one in cards(report)] == [
        ("Not yet", True),
        ("Not known", True),
        ("Not measured", True),
    ]
    assert "Dotted: the forecast" not in page.render(report)


@pytest.mark.parametrize(
    ("scored_too", "record"),
    [
        ((), "2 earlier forecasts: off by 2.0 points"),
        (((1, 5), (2, 5), (3, 4)), "5 earlier forecasts: 80% inside their 80% interval, off by 2.0 points"),
    ],
)
def test_a_forecast_by_hand(folder, scored_too, record):
    """60 labels now, 12 more for $0.96: after 84 labels 82%, 80% interval 80 to 84, at two rounds more than was spent.

    How often intervals held is not told of two.
    """
    fill(folder, "forecasts", *forecast_rows(60, 60, 72, 84, 240))
    fill(
        folder,
        "forecast_scores",
        {"made_after": 4, "round": 5, "hit80": 1, "error": -0.03},
        {"made_after": 3, "round": 5, "hit80": 0, "error": 0.01},
        *({"made_after": made, "round": n, "hit80": 1, "error": 0.02} for made, n in scored_too),
    )
    report = report_of(folder)
    found = told(report).forecast
    spent = told(report).rounds[-1]["total_cost"]
    assert [one["labels"] for one in found["ahead"]] == [60, 72, 84]
    assert found["ahead"][2]["total_cost"] == spent + round(1.92 * MICRO)
    assert (
        found["ahead"][2]["median"],
        found["ahead"][2]["low"],
        found["ahead"][2]["high"],
    ) == pytest.approx((0.82, 0.80, 0.84))
    shown = card(report, "Forecast")
    assert shown.figure == "82.0%"
    assert "84 labels" in shown.lines[0]
    assert "80.0% to 84.0%" in shown.lines[0]
    assert record in shown.lines[-1]
    drawn = figures(report)
    assert [len(drawn[name]["data"]) for name in ("curve-dollars", "curve-labels")] == [3, 3]
    assert "Dotted: the forecast" in page.render(report)


def test_the_chance_to_reach_a_target_within_the_budget(folder):
    """The same as `curator plan` says, and as it says it."""
    config = folder / "curator.toml"
    spent = _spent(folder)
    text = config.read_text("utf-8")
    text = text.replace("# target = 0.92", "target = 0.82").replace(
        '# budget = "800"', f'budget = "{spent + 1.92:.2f}"'
    )
    config.write_text(text, encoding="utf-8")
    fill(folder, "forecasts", *forecast_rows(60, 60, 72, 84, 240))
    report = report_of(folder)
    with Project(folder) as project:
        target = make_plan(project, PlanOptions()).target
    assert told(report).forecast["target"]["labels"] == target.affordable
    assert told(report).forecast["target"]["chance"] == target.chance_in_budget
    said = f"{chance_text(target.chance_in_budget)} chance of reaching 82.0% within the budget"
    assert said in card(report, "Forecast").lines[1]
    assert told(report).spend["budget"] == round((spent + 1.92) * MICRO)


def _spent(folder):
    with Ledger(folder / ".curator" / "ledger.db") as ledger:
        return ledger.scalar("select sum(amount) from costs where round <= 5") / MICRO


def test_the_verdict_to_stop_comes_with_its_inputs(folder):
    """Word, reasons and numbers as they were kept."""
    inputs = {
        "outlook": {"cost": 960_000, "gain": 0.012, "per_100": 125.0, "value": 50 * MICRO, "chance": 0.4},
        "changed": 0.031, "kappa": 0.97, "rarest_labels": 11,
    }  # fmt: skip
    reasons = ["It is expected to pay.", "The next round costs $0.96."]
    fill(
        folder,
        "verdicts",
        {
            "round": 5,
            "word": "continue",
            "reasons": json.dumps(reasons),
            "inputs": json.dumps(inputs),
            "settings": _settings_of(folder),
        },
    )
    report = report_of(folder)
    shown = card(report, "Advice")
    assert (shown.figure, shown.lines, shown.absent) == ("Continue", tuple(reasons), False)
    facts = dict(shown.facts)
    assert facts["next round"] == "$0.96"
    assert facts["expected gain, points"] == "+1.20"
    assert facts["a point is worth"] == "$0.50"
    assert facts["kappa with the model before"] == "0.970"
    assert "It is expected to pay." in page.render(report)


def _settings_of(folder):
    """What curator.toml said when a verdict was given: kept beside it."""
    with Project(folder) as project:
        return advice._settings(project)


def test_the_verdict_is_that_of_status_when_curator_toml_has_changed(folder):
    """The target in curator.toml is lowered after the round: report and status both say that it is reached, and why."""
    config = folder / "curator.toml"
    row = {"round": 5, "word": "continue", "reasons": "[]", "inputs": "{}", "settings": _settings_of(folder)}
    fill(folder, "verdicts", row)
    assert told(report_of(folder)).stop["word"] == "continue"
    config.write_text(config.read_text("utf-8").replace("# target = 0.92", "target = 0.01"), encoding="utf-8")
    report = report_of(folder)
    with Project(folder) as project:
        assert told(report).stop == read_status(project, offline=True).verdict
    assert told(report).stop["word"] == "hard stop: target"


def test_accuracy_on_the_live_pool_is_that_of_status(folder):
    """The arms of three rounds, 36 items, are pooled, on the page as on the terminal: one arm alone has too few."""
    with Ledger(folder / ".curator" / "ledger.db") as ledger, ledger.write():
        ledger.execute("update picks set arm = 1 where round in (3, 4, 5)")
    estimate = {"quantity": "accuracy", "class": "", "value": 1.0, "low": 0.8, "high": 1.0, "items": 12}
    fill(folder, "pool_estimates", *(estimate | {"round": number} for number in (3, 4, 5)))
    report = report_of(folder)
    with Project(folder) as project:
        assert told(report).live_pool == asdict(read_status(project, offline=True).pool_accuracy)
    assert told(report).live_pool["items"] == 36
    assert "on 36 random items" in card(report, "Saved against random").lines[-1]


@pytest.mark.parametrize(
    ("row", "figure", "line"),
    [
        (
            {"saved": 12 * MICRO, "saved_low": 4 * MICRO, "saved_high": 21 * MICRO},
            "$12.00",
            "95% interval $4.00 to $21.00",
        ),
        (
            {"saved": 2 * MICRO, "saved_low": -4 * MICRO, "saved_high": 9 * MICRO},
            "Not shown",
            "$2.00, 95% interval -$4.00",
        ),
        (
            {"saved": -3 * MICRO, "saved_low": -5 * MICRO, "saved_high": -2 * MICRO},
            "-$3.00",
            "would have been cheaper",
        ),
        ({"saved": None, "saved_low": 3 * MICRO, "saved_high": None}, "$3.00 or more", "no upper end"),
        ({"status": "not measured", "reason": "it takes 20 labels"}, "Not measured", "It takes 20 labels."),
        ({"spent": 0, "saved": 0, "saved_low": 0, "saved_high": 0}, "Not measured", "Labels cost nothing"),
    ],
)
def test_savings_are_never_without_their_interval(folder, row, figure, line):
    """A sum, no sum, a loss, an open end, no measurement: each said as what it is."""
    base = {"round": 5, "status": "measured", "level": 0.95, "spent": 20 * MICRO, "inputs": None}
    fill(folder, "savings", base | row)
    shown = card(report_of(folder), "Saved against random")
    assert shown.figure.replace("\u2212", "-") == figure
    assert line in shown.lines[0].replace("$-", "-$")


def test_several_rounds_together(folder):
    """The verdict of the nearest comparison is the round's; those further back are told with what they cost."""
    base = {"metric": "accuracy", "level": 0.95, "low": 0.01, "high": 0.09, "gain": 0.05, "cost": 2_880_000}
    fill(
        folder, "comparisons",
        base | {"round": 5, "previous": 4, "verdict": "flat", "low": -0.01, "high": 0.001, "gain": 0.0},
        base | {"round": 5, "previous": 2, "verdict": "real"},
        base | {"round": 5, "previous": 2, "metric": "log_loss", "verdict": "worse"},
        base | {"round": 4, "previous": 3, "verdict": "real"},
    )  # fmt: skip
    report = report_of(folder)
    assert (told(report).last["verdict"], told(report).rounds[3]["verdict"]) == ("flat", "real")
    assert [(row["previous"], row["verdict"]) for row in told(report).against] == [(4, "flat"), (2, "real")]
    assert section(report, LastRound).sentence().startswith("Flat: ")
    assert "+5.0 (+1.0 to +9.0) since round 2 for $2.88, real." in page.render(report)


def test_a_gain_that_is_not_shown_comes_with_what_could_have_been(folder):
    """The smallest gain that the hold-out shows stands beside a verdict of "not shown"."""
    row = {
        "round": 5,
        "previous": 4,
        "metric": "accuracy",
        "level": 0.95,
        "verdict": "not shown",
        "detectable": 0.061,
    }
    fill(folder, "comparisons", row)
    assert "shows gains of about 6.1 points or more" in section(report_of(folder), LastRound).sentence()


def test_tables_that_are_empty_are_not_missed(measured):
    """What was never forecast or compared is left out: the report is written all the same."""
    assert told(report_of(measured)).last["round"] == 5
