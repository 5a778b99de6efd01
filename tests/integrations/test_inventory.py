"""Questions read back from tasks: the inverse of what was written, and nothing believed that was changed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.labelers.inventory import read_question, split_tasks
from integrations.labelers.protocol import Neighbour, ProjectSpec, Question, Suggestion
from integrations.labelers.studio_config import build_config, read_control
from integrations.labelers.studio_json import task_json

SPEC = ProjectSpec(
    title="t",
    kind="text",
    classes=("a & b", "<c>"),
    shows_fields=True,
    shows_neighbours=True,
    cannot_tell="?",
)
CONTROL = read_control(build_config(SPEC), "text", "?")
# No surrogates, which no task can hold; of a neighbour's text annotators see one line, cut.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
WORDS = st.lists(
    st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=9), min_size=1, max_size=9
)
SCORES = st.floats(0, 1, allow_subnormal=False)

NEIGHBOURS = st.builds(
    Neighbour,
    label=st.sampled_from(SPEC.classes),
    text=WORDS.map(lambda words: " ".join(words).lstrip(": ") or "x"),
)
QUESTIONS = st.builds(
    Question,
    key=TEXT,
    item_id=TEXT,
    round=st.integers(1, 999),
    rank=st.integers(1, 10**6),
    text=TEXT,
    suggestion=st.none()
    | st.builds(Suggestion, label=st.sampled_from(SPEC.classes), score=SCORES, model_version=TEXT),
    role=st.sampled_from(["train", "holdout"]),
    why=TEXT,
    fields=st.dictionaries(TEXT, TEXT, max_size=3),
    neighbours=st.lists(NEIGHBOURS, max_size=3).map(tuple),
    drawn_with=st.none() | st.floats(0.001, 1),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(question=QUESTIONS)
def test_a_task_tells_the_question_it_was_made_from(question):
    """Text, role, suggestion, fields, neighbours: all as they were sent."""
    task = task_json(question, CONTROL, question.text)
    found = read_question({**task, "overlap": 3, "created_at": "2026-01-02T03:04:05Z"}, CONTROL, "17")
    assert found.question == question
    assert (found.external_id, found.says_role, found.answers_wanted) == ("17", True, 3)
    assert found.asked_at == "2026-01-02T03:04:05.000000Z"


def test_images_keep_their_address_and_neighbours_theirs():
    """An image is known by where the browser finds it."""
    spec = ProjectSpec(title="t", kind="image", classes=("a", "b"), shows_neighbours=True)
    control = read_control(build_config(spec), "image")
    near = (Neighbour("a", image="/x/1.png"), Neighbour("b", image='http://h/"2".png'))
    question = Question(key="k", item_id="i", round=1, rank=1, image="/disk/0.png", neighbours=near)
    task = task_json(question, control, "/data/upload/0.png", {"/x/1.png": "/data/upload/1.png"})
    found = read_question(task, control, "1").question
    assert found.image == "/data/upload/0.png"
    assert found.text is None
    assert [n.image for n in found.neighbours] == ["/data/upload/1.png", 'http://h/"2".png']


def test_the_suggestion_that_came_with_the_task_counts():
    """A prediction made later, while somebody labels, does not; nor one that names no class."""
    question = Question("k", "i", 2, 1, text="t", suggestion=Suggestion("<c>", 0.5, "round-001"))
    task = task_json(question, CONTROL, "t")
    (pushed,) = task["predictions"]
    later = {**pushed, "id": 9, "model_version": "round-004"}
    nonsense = {**pushed, "id": 1, "result": [{"from_name": "label", "value": {"choices": ["no class"]}}]}
    task["predictions"] = [later, {**pushed, "id": 5}, nonsense]
    assert read_question(task, CONTROL, "1").question.suggestion == question.suggestion


def test_a_task_of_version_0_1_0_says_no_role():
    """Its round stood in the meta."""
    data = {"text": "t", "key": "k", "item_id": "i", "rank": 3}
    found = read_question({"data": data, "meta": {"round": 2}}, CONTROL, "1")
    assert not found.says_role
    assert (found.question.round, found.question.rank, found.answers_wanted, found.asked_at) == (
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
@given(data=st.dictionaries(st.sampled_from(["text", "item_id", "rank", "round", "why", "fields", "neighbours"]), JSON),
       rest=st.dictionaries(st.sampled_from(["meta", "predictions", "overlap", "created_at"]), JSON))  # fmt: skip
def test_any_task_is_read_or_refused(data, rest):
    """Whatever JSON stands there: a question, or a ValueError that says why not."""
    try:
        found = read_question({**rest, "data": {**data, "key": "k"}}, CONTROL, "1")
    except ValueError:
        return
    assert found.question.key == "k"


@given(tasks=st.lists(st.fixed_dictionaries({"data": JSON | st.fixed_dictionaries({"key": JSON})})))
def test_tasks_are_told_apart(tasks):
    """Ours, those with another key, and those without one: each task is one of the three."""
    mine, others, keyless = split_tasks(tasks, lambda key: key < "m")
    assert len(mine) + len(others) + keyless == len(tasks)
    assert all(task["data"]["key"] < "m" for task in mine)
    assert all(key >= "m" for key in others)
