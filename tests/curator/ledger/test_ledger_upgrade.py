"""A ledger of an earlier version is brought up to date by opening it, and says the same as before."""

import sqlite3

import pytest
from sqlite_utils import Database

from curator.config import CostSection
from curator.errors import LedgerError
from curator.ledger import queries
from curator.ledger.schema import migrations
from curator.ledger.store import Ledger
from curator.money.fixed import charge_round
from curator.rounds.settle import settle
from curator.tasks.single import SingleChoice

FORMER = "m005_annotators"  # the first migration that ledgers of version 0.1.0 do not have
BEFORE_COSTS = "m006_costs"


@pytest.fixture
def former(tmp_path):
    """The ledger of a campaign of version 0.1.0 in its second round."""
    path = tmp_path / "ledger.db"
    db = Database(sqlite3.connect(path))
    migrations.apply(db.conn, stop_before=FORMER)
    db.table("state").insert({"key": "campaign", "value": "ab12"})
    rounds = [
        {"id": n, "status": status, "strategy": "margin", "seed": 0, "config": "{}", "opened_at": "t"}
        for n, status in ((1, "measured"), (2, "pushed"))
    ]
    db.table("rounds").insert_all(rounds)
    questions = [
        ("k1", 1, "i1", "train", None),
        ("k2", 1, "i2", "holdout", None),
        ("k3", 2, "i3", "train", "a"),
        ("k4", 2, "i4", "train", "b"),
    ]
    db.table("questions").insert_all(
        [
            {
                "key": key, "round": round_, "item_id": item, "role": role, "rank": rank, "state": "asked",
                "suggestion": suggestion, "model_version": suggestion and "round-001",
            }
            for rank, (key, round_, item, role, suggestion) in enumerate(questions, start=1)
        ]
    )  # fmt: skip
    answers = [("k1", "ada", "a"), ("k1", "bob", "b"), ("k2", "ada", "b"), ("k3", "ada", "a")]
    db.table("answers").insert_all(
        [
            {
                "source_id": f"{key}-{who}", "version": 1, "change": "new", "key": key, "annotator": who, "label": label,
                "skipped": 0, "seconds": 2.0, "round": 1, "pulled_at": "t", "created_at": "t",
            }
            for key, who, label in answers
        ]
    )  # fmt: skip
    labels = [("i1", "train", None, 2), ("i2", "holdout", "b", 1)]
    db.table("labels").insert_all(
        [
            {
                "item_id": item,
                "version": 1,
                "role": role,
                "label": label,
                "answers": n,
                "settled_at": "t",
                "round": 1,
            }
            for item, role, label, n in labels
        ]
    )
    costs = [{"source_id": f"{key}-{who}", "version": 1, "key": key} for key, who, _ in answers]
    common = {
        "round": 1,
        "kind": "label",
        "amount": 80_000,
        "currency": "USD",
        "basis": "per label",
        "source": "m",
    }
    db.table("costs").insert_all([{**row, **common} for row in costs])
    db.close()
    return path


def test_what_was_there_reads_as_it_was(former):
    """New columns say what was true before: every suggestion was shown, one answer was wanted."""
    with Ledger(former) as ledger:
        rows = ledger.rows(
            "select key, suggestion_shown, answers_wanted, why, neighbours from questions order by key"
        )
        assert [tuple(row.values()) for row in rows] == [
            ("k1", None, 1, None, None),
            ("k2", None, 1, None, None),
            ("k3", 1, 1, None, None),
            ("k4", 1, 1, None, None),
        ]
        # views made before the columns were know them
        live = ledger.rows(
            "select key, annotator, cannot_tell, suggestion from live_answers order by source_id"
        )
        assert [tuple(row.values()) for row in live] == [
            ("k1", "ada", 0, None),
            ("k1", "bob", 0, None),
            ("k2", "ada", 0, None),
            ("k3", "ada", 0, None),
        ]
        assert {row["item_id"]: row["tied"] for row in ledger.rows("select * from current_labels")} == {
            "i1": 0,
            "i2": 0,
        }
        assert queries.costs.spend(ledger) == {"label": 320_000, "holdout": 0}
        assert ledger.get("campaign") == "ab12"


def test_the_campaign_goes_on(former):
    """Progress is counted, and what is settled next has the new meaning: the old tie is found, and asked once a third can answer."""
    with Ledger(former) as ledger:
        progress = queries.questions.progress(ledger, 2)
        assert (progress.asked, progress.answered, progress.waiting) == (2, 1, 1)
        settled = settle(ledger, SingleChoice(()), 2, partial=True)
        assert (settled.labeled, settled.tied) == (2, 1)
        assert queries.labels.training_labels(ledger) == {"i3": "a"}
        assert queries.holdout.holdout_labels(ledger) == {}  # no sample is on record here
        assert queries.questions.unsettled_ties(ledger, 3) == {}
        with ledger.write():
            ledger.execute("update answers set annotator = 'cid' where key = 'k3'")
        assert queries.questions.unsettled_ties(ledger, 3) == {"i1": "train"}


def test_it_is_done_once_and_kept(former):
    """The next opening changes nothing, and every migration is on record."""
    with Ledger(former) as ledger:
        first = ledger.rows("select name, sql from sqlite_master order by name")
    with Ledger(former) as ledger:
        assert ledger.rows("select name, sql from sqlite_master order by name") == first
    with Ledger(former.with_name("new.db")) as new:
        shapes = [
            {
                row["name"]: row["sql"]
                for row in ledger_rows
                if row["name"] in ("questions", "answers", "labels", "gain")
            }
            for ledger_rows in (first, new.rows("select name, sql from sqlite_master"))
        ]
    assert shapes[0] == shapes[1]


def test_a_ledger_whose_bill_was_of_answers_says_the_same(tmp_path):
    """The gain table to the last digit, what was spent, who was paid; then rows that no answer stands behind fit in."""
    path = tmp_path / "ledger.db"
    db = Database(sqlite3.connect(path))
    migrations.apply(db.conn, stop_before=BEFORE_COSTS)
    rounds = [
        {
            "id": n,
            "status": "measured",
            "strategy": "margin",
            "seed": 0,
            "config": "{}",
            "opened_at": "t",
            "labels": 9 * n,
        }
        for n in (1, 2, 3)
    ]
    db.table("rounds").insert_all(rounds)
    db.table("questions").insert_all(
        [
            {"key": f"k{n}", "round": 1, "item_id": f"i{n}", "role": "train", "rank": n, "state": "asked"}
            for n in range(4)
        ]
    )
    common = {"version": 1, "currency": "USD", "source": "measured", "annotator": "ada"}
    db.table("costs").insert_all(
        [
            {"source_id": "a", "key": "k0", "round": 1, "kind": "label", "amount": 80_000, "basis": "per label", **common},
            {"source_id": "b", "key": "k1", "round": 1, "kind": "holdout", "amount": 70_000, "basis": "per label", **common},
            {"source_id": "c", "key": "k2", "round": 2, "kind": "label", "amount": 30_001, "basis": "per hour", **common,
             "seconds": 3.0},
        ]
    )  # fmt: skip
    db.table("gains").insert_all(
        [
            {
                "round": n,
                "metric": "accuracy",
                "value": 0.5 + n / 10,
                "gain": gain,
                "gain_low": -0.1,
                "gain_high": 0.3,
            }
            for n, gain in ((1, None), (2, 0.1), (3, 0.1))
        ]
    )
    before = [tuple(row) for row in db.execute("select * from gain").fetchall()]
    rows = [tuple(row) for row in db.execute("select * from costs").fetchall()]
    db.close()
    with Ledger(path) as ledger:
        assert [tuple(row.values()) for row in ledger.rows("select * from gain")] == before
        assert before[2][3:4] == (180_001,)
        assert [row[2] for row in before] == [80_000, 30_001, 0]
        after = ledger.rows("select * from costs")
        assert [tuple(row.values())[: len(rows[0])] for row in after] == rows
        assert [row["capped_seconds"] for row in after] == [None, None, 3.0]
        assert queries.costs.spend(ledger) == {"label": 110_001, "holdout": 70_000}
        assert {row["source"] for row in ledger.rows("select * from bill")} == {"measured"}
        with ledger.write():
            charge_round(ledger, CostSection(price_per_label="0.08", per_round="15"), 3)
        assert ledger.one("select cost, total_cost from gain where round = 3") == {
            "cost": 15_000_000,
            "total_cost": 15_180_001,
        }
        with pytest.raises(LedgerError, match="FOREIGN KEY"), ledger.write():
            ledger.insert("costs", [{**after[0], "source_id": "d", "round": 9}])
