"""Questions read back from tasks: the inverse of what was written, and nothing believed that was changed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.labelers.inventory import Inventory, read_question
from integrations.labelers.protocol import ProjectSpec, Question
from integrations.labelers.studio_config import build_config, read_control
from integrations.labelers.studio_json import task_json

SPEC = ProjectSpec(title="t", kind="text", classes=("a & b", "<c>"), shows_fields=True, cannot_tell="?")
CONTROL = read_control(build_config(SPEC), "text", "?")
# No surrogates, which no task can hold.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
QUESTIONS = st.builds(
    Question,
    key=TEXT,
    item_id=TEXT,
    round=st.integers(1, 999),
    rank=st.integers(1, 10**6),
    text=TEXT,
    role=st.sampled_from(["train", "holdout"]),
    why=TEXT,
    fields=st.dictionaries(TEXT, TEXT, max_size=3),
    drawn_with=st.none() | st.floats(0.001, 1),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(question=QUESTIONS)
def test_a_task_tells_the_question_it_was_made_from(question):
    """All that a campaign needs to go on: as it was sent."""
    task = task_json(question, CONTROL, question.text)
    found = read_question({**task, "overlap": 3, "created_at": "2026-01-02T03:04:05Z"}, CONTROL, "17")
    for name in ("key", "item_id", "round", "rank", "role", "why", "drawn_with"):
        assert getattr(found, name) == getattr(question, name)
    assert (found.content, found.external_id, found.answers_wanted) == (question.text, "17", 3)
    assert found.asked_at == "2026-01-02T03:04:05.000000Z"


def test_an_image_is_known_by_where_the_browser_finds_it():
    """Not by the file that it was uploaded from."""
    control = read_control(build_config(ProjectSpec(title="t", kind="image", classes=("a", "b"))), "image")
    task = task_json(Question("k", "i", 1, 1, image="/disk/0.png"), control, "/data/upload/0.png")
    assert read_question(task, control, "1").content == "/data/upload/0.png"


def test_a_task_of_version_0_1_0_says_no_role():
    """Its round stood in the meta."""
    data = {"text": "t", "key": "k", "item_id": "i", "rank": 3}
    found = read_question({"data": data, "meta": {"round": 2}}, CONTROL, "1")
    assert (found.role, found.round, found.rank, found.answers_wanted, found.asked_at) == (
        None,
        2,
        3,
        None,
        None,
    )


@pytest.mark.parametrize("name", ["text", "item_id", "rank", "round"])
@pytest.mark.parametrize("value", [None, "", 0, -1, True, [1], 2.5])
def test_what_every_question_has_must_be_there(name, value):
    """It is said what is wrong."""
    task = task_json(Question("k", "i", 1, 1, text="t"), CONTROL, "t")
    task["data"][name] = value
    with pytest.raises(ValueError, match=f"its '{name}' is"):
        read_question(task, CONTROL, "1")


@settings(max_examples=400)
@given(data=st.dictionaries(st.sampled_from(["text", "item_id", "rank", "round", "why", "fields"]), JSON),
       rest=st.dictionaries(st.sampled_from(["meta", "overlap", "created_at"]), JSON))  # fmt: skip
def test_any_task_is_read_or_refused(data, rest):
    """Whatever JSON stands there: a question, or a ValueError that says why not."""
    try:
        found = read_question({**rest, "data": {**data, "key": "k"}}, CONTROL, "1")
    except ValueError:
        return
    assert found.key == "k"


@given(tasks=st.lists(st.fixed_dictionaries({"data": JSON | st.fixed_dictionaries({"key": JSON})})))
def test_every_task_has_its_key_or_none(tasks):
    """Whatever stands where the data of a task should be."""
    inventory = Inventory("here", CONTROL, lambda: iter([[("1", task) for task in tasks]]))
    keys = list(inventory.keys())
    assert len(keys) == len(tasks)
    assert all(key is None or task["data"]["key"] == key for key, task in zip(keys, tasks, strict=True))


def test_only_what_is_ours_is_read():
    """A task of another campaign may be anything."""
    ours = task_json(Question("ours", "i", 1, 1, text="t"), CONTROL, "t")
    inventory = Inventory(
        "here", CONTROL, lambda: iter([[("1", {"data": {"key": "x"}}), ("2", ours)], [("3", {})]])
    )
    first, second = inventory.questions(lambda key: key == "ours")
    assert [question.external_id for question in first] == ["2"]
    assert second == []
