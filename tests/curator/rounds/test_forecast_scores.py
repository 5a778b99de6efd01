"""Forecasts are kept and scored when a round lands."""

import json

import pytest

from curator.ledger.store import Ledger
from curator.rounds.forecasts.regime import current_regime
from curator.rounds.forecasts.score_keeping import keep_score
from curator.rounds.forecasts.track_record import own_record

CONFIG = {
    "project": {"classes": ["a", "b"]},
    "encoder": {"name": "tfidf"},
    "model": {"name": "head"},
    "acquisition": {"strategy": "margin", "seed_strategy": "maxherding"},
}


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db") as opened:
        yield opened


def land(ledger, value, *, strategy="margin", labels=None, **changed):
    """A measured round."""
    number = int(ledger.scalar("select coalesce(max(id), 0) from rounds")) + 1
    with ledger.write():
        ledger.insert(
            "rounds",
            [
                {
                    "id": number,
                    "status": "measured",
                    "strategy": strategy,
                    "seed": 0,
                    "config": json.dumps(CONFIG | changed),
                    "labels": labels or 20 * number,
                    "holdout_items": 500,
                    "opened_at": "t",
                }
            ],
        )
        ledger.insert("gains", [{"round": number, "metric": "accuracy", "value": value}])


def test_the_seed_batch_belongs_to_the_strategy(ledger):
    """The first batch is chosen by another strategy, before there is a model: it counts as one of the campaign's rounds."""
    land(ledger, 0.6, strategy="maxherding")
    for value in (0.7, 0.75, 0.78):
        land(ledger, value)
    found = current_regime(ledger)
    assert found.rounds == (1, 2, 3, 4)
    assert found.changed == ()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"strategy": "random"}, "strategy"),
        ({"model": {"name": "other"}}, "model"),
        ({"encoder": {"name": "other"}}, "encoder"),
        ({"project": {"classes": ["a", "b", "c"]}}, "classes"),
    ],
)
def test_a_change_begins_a_regime(ledger, change, what):
    """After a change of strategy, model, encoder or classes the rounds before it are not forecast with."""
    for value in (0.6, 0.7, 0.75, 0.78):
        land(ledger, value)
    land(ledger, 0.79, **change)
    found = current_regime(ledger)
    assert found.rounds == (5,)
    assert found.changed == (what,)
    assert current_regime(ledger, until=4).rounds == (1, 2, 3, 4)


def test_a_forecast_is_scored_when_its_round_lands(ledger):
    """Nothing before four rounds; then a forecast, which the fifth round decides; doing it again adds nothing."""
    for value in (0.60, 0.70, 0.75):
        land(ledger, value)
        assert keep_score(ledger) == []
    assert ledger.scalar("select count(*) from forecasts") == 0
    land(ledger, 0.78)
    keep_score(ledger)
    made = ledger.rows("select * from forecasts order by labels")
    assert {row["labels"] for row in made} >= {80, 100, 120, 140, 160, 180, 320}
    assert all(row["made_after"] == 4 and row["now"] == 80 for row in made)
    land(ledger, 0.80)
    scores = keep_score(ledger)
    assert [(s["made_after"], s["round"], s["labels"]) for s in scores] == [(4, 5, 100)]
    assert scores[0]["error"] == pytest.approx(0.80 - scores[0]["median"])
    assert (scores[0]["hit80"], scores[0]["horizon"]) == (1, 1.25)
    before = ledger.rows("select * from forecasts")
    assert keep_score(ledger) == []
    assert ledger.rows("select * from forecasts") == before


def test_withdrawn_labels_are_no_error(ledger):
    """A round that has fewer labels than the one before it is used like any other."""
    for value, labels in ((0.60, 20), (0.70, 40), (0.75, 60), (0.78, 80), (0.77, 78)):
        land(ledger, value, labels=labels)
    assert keep_score(ledger) == []
    assert {row["now"] for row in ledger.rows("select now from forecasts")} == {80}
    land(ledger, 0.80, labels=100)
    assert [s["made_after"] for s in keep_score(ledger)] == [4, 5]


def test_a_miss_is_a_miss(ledger):
    """A round far below everything seen lies outside every interval, and says by how much."""
    for value in (0.60, 0.70, 0.75, 0.78):
        land(ledger, value)
    keep_score(ledger)
    land(ledger, 0.30)
    (score,) = keep_score(ledger)
    assert (score["hit50"], score["hit80"], score["hit95"]) == (0, 0, 0)
    assert score["error"] < -0.4
    assert score["crps"] > 0.3
    assert own_record(ledger).error == pytest.approx(-score["error"])


def test_no_score_over_a_change(ledger):
    """A round of another strategy says nothing about the forecasts before it."""
    for value in (0.60, 0.70, 0.75, 0.78):
        land(ledger, value)
    keep_score(ledger)
    land(ledger, 0.80, strategy="random")
    assert keep_score(ledger) == []


def test_forecasts_of_the_version_before_are_scored(ledger):
    """A ledger that an earlier curator wrote, with widths and distances: its forecasts are told and scored like any other."""
    for value in (0.60, 0.70, 0.75, 0.78):
        land(ledger, value)
    keep_score(ledger)
    with ledger.write():
        ledger.execute("update forecasts set widths = '[1.2, 1.0, 0.9]', method = '2'")
    land(ledger, 0.80)
    (score,) = keep_score(ledger)
    assert score["round"] == 5
    assert own_record(ledger).forecasts == 1
