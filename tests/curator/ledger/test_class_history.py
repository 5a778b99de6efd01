"""What a name that was given earlier says today."""

import pytest

from curator.errors import ConfigError
from curator.ledger.class_history import Change, History, Meaning, comparable
from curator.rounds.classes import wanted
from curator.rounds.settle import Vote, consensus_today
from curator.tasks.single import SingleChoice


def history(*changes, begin=("a", "b", "c")) -> History:
    """A campaign that began with these classes; each change is made from those of the one before."""
    made = History((Change(0, "start", (), (), "nothing", begin),))
    for number, change in enumerate(changes, start=1):
        found = change(made)
        row = {**vars(found), "measured": number, "changed_at": f"2026-01-0{number}T00:00:00.000000Z"}
        made = History((*made.changes, Change(**row)))
    return made


def rename(old, new):
    return lambda h: wanted.rename(h, old, new)


def merge(*names, into):
    return lambda h: wanted.merge(h, names, into)


def split(name, *parts):
    return lambda h: wanted.split(h, name, parts)


def add(*names, carved_from=(), keep=False):
    return lambda h: wanted.add(h, names, carved_from=carved_from, keep=keep)


@pytest.mark.parametrize(
    ("changes", "classes", "old", "train", "holdout"),
    [
        ([rename("a", "A")], "A b c", "a", "A", "A"),
        ([rename("a", "x"), rename("x", "A")], "A b c", "a", "A", "A"),
        ([rename("a", "x"), rename("b", "a")], "x a c", "a", "x", "x"),  # the name is another class's now
        ([merge("a", "b", into="ab")], "ab c", "b", "ab", "ab"),
        ([merge("a", "b", into="a")], "a c", "b", "a", "a"),
        ([merge("a", into="c")], "c b", "a", "c", "c"),
        ([split("a", "a1", "a2")], "a1 a2 b c", "a", 1, 1),
        ([split("a", "a", "a2")], "a a2 b c", "a", 1, 1),
        ([split("a", "a1", "a2")], "a1 a2 b c", "b", "b", "b"),
        ([rename("a", "x"), split("x", "y", "z")], "y z b c", "a", 2, 2),
        ([add("d")], "a b c d", "a", "a", 1),
        ([add("d", keep=True)], "a b c d", "a", "a", "a"),
        ([add("d", carved_from=["a"])], "a b c d", "a", 1, 1),
        ([add("d", carved_from=["a"])], "a b c d", "b", "b", "b"),
        ([add("d"), rename("a", "A")], "A b c d", "a", "A", 1),
    ],
)
def test_an_answer_from_before_all_changes(changes, classes, old, train, holdout):
    """Renamed and merged names have another name; what was split, or may be of a new class, says too little."""
    found = history(*changes)
    assert found.classes == tuple(classes.split())
    for role, expected in (("train", train), ("holdout", holdout)):
        outdated = isinstance(expected, int)
        wanted_meaning = Meaning(None, expected) if outdated else Meaning(expected)
        assert found.meaning(old, 0, role) == wanted_meaning


def test_an_answer_given_after_a_change_means_what_it_says():
    """Also where a name stayed; a name that was gone by then stands for what became of it."""
    found = history(rename("a", "A"), split("b", "b", "b2"), add("d"))
    assert found.meaning("b", 2, "holdout") == Meaning(None, 3)  # before the class was added
    assert found.meaning("b", 3, "holdout") == Meaning("b")
    assert found.meaning("a", 3, "holdout") == Meaning("A")  # from a page that was open since
    assert found.meaning(None, 2, "holdout") == Meaning(None, 3)  # who could not tell may be able to now
    assert found.meaning(None, 2, "train") == Meaning(None)
    assert history(split("a", "x", "y")).meaning("a", 1, "train") == Meaning(None, 1)
    assert found.meaning("never a class", 3, "train") == Meaning(None)


def test_a_question_sent_after_a_change_shows_it_whatever_the_clock_says():
    """Of a question that was out already, the labeler's time of the answer decides."""
    found = history(rename("a", "A"), rename("b", "B"))
    assert found.version_of_answer(0, "2020-01-01T00:00:00.000000Z") == 0
    assert found.version_of_answer(0, "2026-01-01T12:00:00.000000Z") == 1
    assert found.version_of_answer(2, "2020-01-01T00:00:00.000000Z") == 2
    assert found.version_of_answer(0, None) == 0


def test_former_names_and_columns():
    """What old choices count for, and where the probability of a class that is gone goes."""
    found = history(rename("a", "A"), split("b", "b1", "b2"), merge("A", "c", into="Ac"))
    assert found.former() == {"a": "Ac", "b": None, "A": "Ac", "c": "Ac"}
    assert [found.successor(name, 0) for name in ("a", "b", "c")] == ["Ac", "b1", "Ac"]
    assert (
        comparable(found.between(1, 2)) is True
    )  # nothing of round 1's model was split: the rename came before
    assert comparable(found.between(1, 3)) is False
    assert found.meaning_of_classes(("a", "b", "c")) == ["Ac", None, "Ac"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (rename("blu", "x"), "'blu' is not a class"),
        (rename("a", "b"), "curator classes merge a b --into b"),
        (merge("a", into="x"), "name at least two classes"),
        (merge("a", "b", "c", into="x"), "a single class"),
        (merge("a", "z", into="x"), "'z' is not a class"),
        (split("a", "x"), "at least two parts"),
        (split("a", "x", "b"), "'b' is a class already"),
        (split("a", "x", "x"), "'x' is named twice"),
        (add("a"), "'a' is a class already"),
        (add("d", "d"), "'d' is named twice"),
        (add("d", carved_from=["q"]), "'q' is not a class"),
        (add("d", carved_from=["a"], keep=True), "give only one of them"),
    ],
)
def test_a_change_that_cannot_be_is_refused(change, said):
    """With what is wrong and, where it is clear, what was meant."""
    with pytest.raises(ConfigError, match=said):
        history(change)


def vote(name, label=None, *, outdated=None, version=0):
    return Vote(name, Meaning(label, outdated), version)


@pytest.mark.parametrize(
    ("votes", "label", "outdated", "tied"),
    [
        ([vote("a", outdated=1)], None, 1, False),
        ([vote("a", outdated=1), vote("b", "b")], None, 1, False),  # even, and nobody knows with what
        ([vote("a", outdated=1), vote("b", "b"), vote("b", "b")], "b", None, False),
        ([vote("a", outdated=1), vote("a1", "a1", version=1)], "a1", None, False),  # somebody knew the parts
        ([vote("a", outdated=1), vote("a1", "a1", version=1), vote("a2", "a2", version=1)], None, None, True),
        ([vote("a", outdated=1), vote(None, version=1)], None, None, False),
        ([vote("a", "c"), vote("b", "c")], "c", None, False),  # a tie that a merge has settled
    ],
)
def test_votes_that_no_longer_say_enough(votes, label, outdated, tied):
    """They hold a place of their own until somebody has answered under the newer classes."""
    found = consensus_today(SingleChoice(()), votes)
    assert (found.label, found.outdated, found.tied) == (label, outdated, tied)
    assert consensus_today(SingleChoice(()), votes[::-1]) == found
