"""One class of several: labels as text and as arrays, and what is told of predictions."""

import numpy as np
import pytest

from curator.evidence.metrics import METRICS
from curator.ledger.class_history import Change, History
from curator.tasks.registry import KINDS, describe_headlines, find_kind, metric_title, metric_unit
from curator.tasks.single import SingleChoice
from curator.tasks.task import Consensus

TASK = SingleChoice(("a", "b", "c"), {"a": {"b": 5.0}})
PROBS = np.array([[0.2, 0.5, 0.3], [0.6, 0.4, 0.0]])


def test_labels_become_arrays_and_come_back():
    """Positions in the classes; what a model is trained on are their names."""
    y = TASK.encode(["c", "a", "c"])
    assert y.tolist() == [2, 0, 2]
    assert TASK.decode(y) == ["c", "a", "c"]
    assert TASK.targets(y).tolist() == ["c", "a", "c"]
    assert TASK.encode([]).shape == (0,)
    assert TASK.knows("a")
    assert not TASK.knows("d")
    assert TASK.count(["a", "c", "a"]) == TASK.count({"a": 2, "c": 1}) == {"a": 2, "c": 1}


def test_labels_of_earlier_classes():
    """A class that was split says too little; a renamed one is the one it is now."""
    start = Change(0, "start", (), (), "nothing", ("x", "b", "old"))
    renamed = Change(1, "rename", ("x",), ("a",), "nothing", ("a", "b", "old"))
    split = Change(2, "split", ("old",), ("c", "d"), "all", ("a", "b", "c", "d"))
    task = SingleChoice(("a", "b", "c", "d"))
    known, y = task.labels_now(History((start, renamed, split)), ("x", "b", "old"), np.array([0, 2, 1, 0]))
    assert known.tolist() == [True, False, True, True]
    assert task.decode(y) == ["a", "b", "a"]


def test_an_outdated_vote_is_one_against_every_label():
    """Even with it, there is no label; two against it are a majority of two thirds."""
    assert TASK.consensus(["a"], ["old"]) == Consensus(None, 2, None, tied=True)
    assert TASK.consensus(["a", "a"], ["old"]) == Consensus("a", 3, 2 / 3, tied=False)
    assert TASK.consensus([], ["old"]).label is None


def test_what_people_see_of_a_prediction():
    """The likeliest class and the next, by hand."""
    assert TASK.suggestions(PROBS) == [("b", 0.5), ("a", 0.6)]
    assert TASK.doubt(PROBS[0]) == "is torn between b (50%) and c (30%)"
    assert TASK.summaries(PROBS)[1] == ("a", 0.6, pytest.approx(0.2))
    assert TASK.columns == ("p(a)", "p(b)", "p(c)")


def test_chance_is_what_a_model_has_that_does_not_look():
    """The share of the most frequent class; its macro-F1 is that of one class of two; mistakes cost what they cost."""
    y = np.array([0, 0, 0, 1])
    assert TASK.chance("accuracy", y) == 0.75
    assert TASK.chance("macro_f1", y) == pytest.approx((2 * 0.75 / 1.75) / 2)
    assert TASK.chance("cost_weighted_error", y) == 0.25
    assert TASK.chance("cost_weighted_error", np.array([1, 1, 1, 0])) == 5 / 4
    assert TASK.chance("log_loss", y) == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))


def test_the_registry_names_what_there_is():
    """An unknown kind is told with those there are; metrics are told by what they count."""
    assert find_kind("single") is SingleChoice
    with pytest.raises(ValueError, match=r"'essay'; there are: single \(one class of several\)"):
        find_kind("essay")
    assert all(kind.headlines() for kind in KINDS.values())
    assert describe_headlines().startswith("accuracy (")
    assert [metric_title(name) for name in ("macro_f1", "of_old_days")] == ["macro-F1", "of-old-days"]
    assert metric_unit("log_loss") == (1.0, "nats")
    assert metric_unit("accuracy") == (100.0, "points")
    assert TASK.smooth.name == "log_loss"
    assert TASK.by_item is TASK.metrics["accuracy"]
    assert TASK.metrics["accuracy"] is METRICS["accuracy"]
