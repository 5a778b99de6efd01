"""A ledger of an earlier version is brought up to date by opening it, and says the same as before."""

import sqlite3

import pytest
from sqlite_utils import Database

from curator.ledger import records
from curator.ledger.schema import migrations
from curator.ledger.store import Ledger
from curator.rounds.settle import settle

FORMER = "m005_annotators"  # the first migration that ledgers of version 0.1.0 do not have


@pytest.fixture
def former(tmp_path):
    """The ledger of a campaign of version 0.1.0 in its second round."""
    path = tmp_path / "ledger.db"
    db = Database(sqlite3.connect(path))
    migrations.apply(db, stop_before=FORMER)
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
        assert records.spend(ledger) == {"label": 320_000, "holdout": 0}
        assert ledger.get("campaign") == "ab12"


def test_the_campaign_goes_on(former):
    """Progress is counted, and what is settled next has the new meaning: the old tie is found, and asked once a third can answer."""
    with Ledger(former) as ledger:
        progress = records.progress(ledger, 2)
        assert (progress.asked, progress.answered, progress.waiting) == (2, 1, 1)
        settled = settle(ledger, 2, partial=True)
        assert (settled.labeled, settled.tied) == (2, 1)
        assert records.training_labels(ledger) == {"i3": "a"}
        assert records.holdout_labels(ledger) == {}  # no sample is on record here
        assert records.unsettled_ties(ledger, 3) == {}
        with ledger.write():
            ledger.execute("update answers set annotator = 'cid' where key = 'k3'")
        assert records.unsettled_ties(ledger, 3) == {"i1": "train"}


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
