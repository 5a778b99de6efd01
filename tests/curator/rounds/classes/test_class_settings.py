"""curator.toml after a change of the classes: what names a class follows, the rest stays as it was written."""

import tomllib

import pytest

from curator.config import load_config
from curator.errors import ConfigError
from curator.ledger.class_history import Change, History
from curator.rounds.classes import wanted
from curator.rounds.classes.settings import changed_settings, write_settings

TEXT = """\
# ours, since May
[project]
name = "tickets"   # as in the contract
kind = "text"
classes = [
    "billing",  # money
    "login",
    "shipping",
]

[data]
source = "t.csv"

[encoder]
name = "tfidf"

[holdout]
size = 10
mistakes = {billing = {login = 5.0, shipping = 2}, shipping = {billing = 3, login = 4.0}}

[labeler]
name = "files"
hotkeys = {billing = "b", login = "l"}

[labeler.descriptions]
billing = "invoices"  # and refunds
shipping = "parcels"

[cost]
price_per_label = "0.08"
"""
HISTORY = History((Change(0, "start", (), (), "nothing", ("billing", "login", "shipping")),))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "curator.toml").write_text(TEXT)
    return tmp_path


def test_a_rename_changes_names_and_nothing_else(folder):
    """Comments, layout and order stay; descriptions, keys and costs follow."""
    text, config, notes = changed_settings(folder, wanted.rename(HISTORY, "billing", "money matters"))
    assert config.project.classes == ("money matters", "login", "shipping")
    assert dict(config.labeler.hotkeys) == {"login": "l", "money matters": "b"}
    assert config.labeler.descriptions["money matters"] == "invoices"
    assert config.holdout.mistakes == {
        "shipping": {"login": 4.0, "money matters": 3.0},
        "money matters": {"login": 5.0, "shipping": 2.0},
    }
    assert notes == []
    kept = [line for line in TEXT.splitlines() if "billing" not in line]
    assert [line for line in text.splitlines() if line in kept] == kept
    assert (folder / "curator.toml").read_text() == TEXT  # not written yet
    write_settings(folder, text)
    assert load_config(folder) == config


def test_a_merge_takes_the_dearer_mistake_and_says_what_it_took_out(folder):
    """A description of a part does not describe the whole."""
    text, config, notes = changed_settings(folder, wanted.merge(HISTORY, ["billing", "shipping"], "orders"))
    assert config.project.classes == ("orders", "login")
    assert config.holdout.mistakes == {"orders": {"login": 5.0}}
    assert dict(config.labeler.descriptions) == {}
    assert dict(config.labeler.hotkeys) == {"login": "l"}
    assert len(notes) == 3
    assert all("'orders'" in note for note in notes)
    assert "# as in the contract" in text
    into_one = changed_settings(folder, wanted.merge(HISTORY, ["billing", "shipping"], "billing"))[1]
    assert into_one.labeler.hotkeys["billing"] == "b"
    assert into_one.labeler.descriptions == {"billing": "invoices"}


def test_a_split_gives_each_part_the_costs_of_the_whole(folder):
    """In the place of the class; a part that keeps its name keeps its key."""
    _text, config, notes = changed_settings(folder, wanted.split(HISTORY, "billing", ["billing", "refund"]))
    assert config.project.classes == ("billing", "refund", "login", "shipping")
    assert (
        config.holdout.mistakes["refund"]
        == config.holdout.mistakes["billing"]
        == {"login": 5.0, "shipping": 2.0}
    )
    assert config.holdout.mistakes["shipping"] == {"login": 4.0, "billing": 3.0, "refund": 3.0}
    assert config.labeler.hotkeys["billing"] == "b"
    assert notes == []


def test_an_added_class_comes_last(folder):
    """Whatever its name needs in TOML."""
    name = 'to "do" \\ später'
    text, config, _notes = changed_settings(folder, wanted.add(HISTORY, [name]))
    assert config.project.classes[-1] == name
    assert tomllib.loads(text)["project"]["classes"][-1] == name


def test_names_that_cannot_be_are_refused_before_anything_is_written(folder):
    """By the rules of curator.toml."""
    for name in ("", "x" * 300):
        with pytest.raises(ConfigError, match="after the change cannot be used"):
            changed_settings(folder, wanted.add(HISTORY, [name]))
    with pytest.raises(ConfigError, match='cannot_tell is "can\'t tell", which is a class'):
        changed_settings(folder, wanted.add(HISTORY, ["can't tell"]))
    assert (folder / "curator.toml").read_text() == TEXT
