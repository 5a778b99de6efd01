"""The ledger file: transactions, views, and what happens when it is damaged."""

import sqlite3

import pytest

from curator.errors import CuratorError, LedgerError, LockedError
from curator.files import project_lock
from curator.ledger.store import Ledger
from curator.rounds.settle import settle
from curator.tasks.single import SingleChoice

ROUND = {
    "id": 1,
    "status": "pushed",
    "strategy": "margin",
    "seed": 0,
    "config": "{}",
    "opened_at": "2026-01-01",
}

TASK = SingleChoice(("a", "b", "c"))


@pytest.fixture
def ledger(tmp_path):
    """An empty ledger."""
    with Ledger(tmp_path / "ledger.db") as opened:
        yield opened


def test_a_write_happens_whole_or_not_at_all(ledger):
    """An error inside a write takes back everything in it."""

    def half() -> None:
        with ledger.write():
            ledger.put("a", "1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert ledger.get("a") is None
    with ledger.write():
        ledger.put("a", "1")
        ledger.put("a", "2")
    assert ledger.get("a") == "2"


def test_the_promised_tables_and_view_are_there(ledger):
    """Scripts rely on these names."""
    names = {row["name"] for row in ledger.rows("select name from sqlite_master")}
    assert {
        "rounds",
        "picks",
        "questions",
        "answers",
        "labels",
        "evaluations",
        "costs",
        "looks",
        "gain",
    } <= names
    assert ledger.one("select * from rounds") is None


def test_opening_again_changes_nothing(ledger):
    """Migrations run once."""
    before = ledger.rows("select name, sql from sqlite_master")
    with Ledger(ledger.path) as again:
        assert again.rows("select name, sql from sqlite_master") == before


@pytest.mark.parametrize(
    "content",
    [b"this is not a database, only some text that is long enough" * 9, b"SQLite format 3\0" + b"\1" * 4000],
)
def test_a_damaged_file_says_what_to_do(tmp_path, content):
    """Not a traceback of sqlite's."""
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=r"ledger.db is damaged .*curator restore --from BACKUP"):
        Ledger(path)


def test_it_opens_in_plain_sqlite(ledger):
    """Anybody can look: WAL mode, a file like any other."""
    with ledger.write():
        ledger.insert("rounds", [ROUND])
    other = sqlite3.connect(ledger.path)
    try:
        assert other.execute("select count(*) from rounds").fetchone() == (1,)
        assert other.execute("pragma journal_mode").fetchone() == ("wal",)
    finally:
        other.close()


@pytest.mark.parametrize(
    ("labels", "label", "agreement", "tied"),
    [
        ([], None, None, False),
        (["a"], "a", 1.0, False),
        (["a", "b", "a"], "a", 2 / 3, False),
        (["a", "b"], None, None, True),
        (["a", "b", "c", "a", "b"], None, None, True),
    ],
)
def test_consensus_is_the_majority_and_a_tie_is_none(labels, label, agreement, tied):
    """By hand."""
    found = TASK.consensus(labels)
    assert (found.label, found.agreement, found.tied, found.answers) == (label, agreement, tied, len(labels))


def answer(ledger, source, version, change, label, key="k1"):
    ledger.insert(
        "answers",
        [
            {
                "source_id": source, "version": version, "change": change, "key": key, "annotator": source,
                "label": label, "skipped": int(label is None), "problem": None, "seconds": 1.0,
                "created_at": "2026", "updated_at": "2026", "raw": "{}", "round": 1, "pulled_at": "2026",
            }
        ],
    )  # fmt: skip


def test_labels_grow_by_versions_and_are_never_overwritten(ledger):
    """An edit makes the next version, a deletion takes the label back, and all of it stays on record."""
    with ledger.write():
        ledger.insert("rounds", [ROUND])
        ledger.insert(
            "questions",
            [{"key": "k1", "round": 1, "item_id": "i", "role": "train", "rank": 1, "state": "asked"}],
        )
        answer(ledger, "ann", 1, "new", "a")
    assert settle(ledger, TASK, 1, partial=False).labeled == 1
    assert settle(ledger, TASK, 1, partial=False).labeled == 0
    with ledger.write():
        answer(ledger, "ann", 2, "edited", "b")
    assert settle(ledger, TASK, 1, partial=False).labeled == 1
    with ledger.write():
        answer(ledger, "bob", 1, "new", "a")
    tied = settle(ledger, TASK, 1, partial=False)
    assert (tied.tied, tied.retracted) == (1, 1)
    with ledger.write():
        answer(ledger, "bob", 2, "deleted", "a")
    settle(ledger, TASK, 1, partial=False)
    rows = ledger.rows("select version, label, answers from labels order by version")
    assert [(r["version"], r["label"], r["answers"]) for r in rows] == [
        (1, "a", 1),
        (2, "b", 1),
        (3, None, 2),
        (4, "b", 1),
    ]
    assert ledger.scalar("select label from current_labels") == "b"
    assert ledger.scalar("select count(*) from answers") == 4


def test_the_lock_says_who_holds_it_and_forgets_who_let_go(tmp_path):
    """A second holder is refused by name; after the first let go nobody is blamed."""
    path = tmp_path / "lock"
    with project_lock(path, "round") as dead:
        assert dead is None
        with pytest.raises(LockedError, match=r"`curator round`, process \d+"), project_lock(path, "add"):
            pytest.fail("two holders")
    with project_lock(path, "status") as dead:
        assert dead is None


def test_a_garbled_lock_file_is_survived(tmp_path):
    """Whatever is in it, the kernel's lock is what counts."""
    path = tmp_path / "lock"
    path.write_text("?", encoding="utf-8")
    with project_lock(path, "round") as dead:
        assert "did not say which" in dead


def test_every_error_of_ours_has_an_exit_code():
    """1 for a failure, 2 for usage and configuration."""
    from curator.errors import ConfigError, DataError

    assert (CuratorError.exit_code, DataError.exit_code, LockedError.exit_code, ConfigError.exit_code) == (
        1,
        1,
        1,
        2,
    )
