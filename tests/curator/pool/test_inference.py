"""Which column holds what: by name, by contents, and why one was not taken."""

import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curator.errors import DataError
from curator.pool.columns import Columns
from curator.pool.inference import infer_columns

WORDS = ("invoice refund card", "password login reset", "parcel courier late")
TOPICS = ("billing", "login", "shipping")
N = 24
NOTHING = Columns()


def write(path, columns):
    """JSONL of columns, each a function of the row number."""
    rows = [{name: value(i) for name, value in columns.items()} for i in range(N)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


TEXT = {"text": lambda i: f"{WORDS[i % 3]} case {i}"}
TOPIC = {"topic": lambda i: TOPICS[i % 3]}


def seen(found, name):
    return next(column for column in found.seen if column.name == name)


def infer(path, columns, given=NOTHING, **options):
    return infer_columns(write(path / "a.jsonl", columns), given, None, **options)


def test_a_ticket_id_and_a_topic_are_recognised_by_what_they_hold(tmp_path):
    """With the reason, in the notes and in the table."""
    found = infer(tmp_path, {"ticket_id": lambda i: f"T{i}", **TOPIC, **TEXT})
    assert found.columns == Columns(id="ticket_id", text="text", label="topic")
    assert found.classes == TOPICS
    assert "label column: topic (3 values, 24 rows)" in found.notes
    assert seen(found, "ticket_id").why == "named like an id, never repeats"
    column = seen(found, "topic")
    assert (column.type, column.distinct, column.examples, column.used_as) == ("text", 3, TOPICS, "label")


@pytest.mark.parametrize("name", ["ticketId", "TicketID", "order-number", "key", "ID of item", "msg_no"])
def test_names_like_an_id(tmp_path, name):
    """In any of the usual ways of writing."""
    assert infer(tmp_path, {name: lambda i: i, **TOPIC, **TEXT}).columns.id == name


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("user_id", lambda i: i % 7, "row 8 (line 8) repeats '0' of row 1"),
        ("ticket_id", lambda i: i + 0.5, "holds 0.5 (a decimal number)"),
        ("ticket_id", lambda i: None if i == 3 else i, "row 4 (line 4) holds nothing"),
        ("ticket_id", lambda i: [i], "holds [0] (a list)"),
        ("id", lambda i: i + 0.5, "row 1 (line 1) holds 0.5 (a decimal number)"),
        ("id", lambda i: i % 2 == 0, "holds True (true/false)"),
    ],
)
def test_why_a_column_is_no_id(tmp_path, name, value, why):
    """What is wrong with it stands in the table, and the content's hash is the id."""
    found = infer(tmp_path, {name: value, "label": TOPIC["topic"], **TEXT})
    assert found.columns.id is None
    assert seen(found, name).why.startswith("not the id: ")
    assert why in seen(found, name).why
    assert any(why in note for note in found.missing)


def test_two_that_could_be_the_id_are_both_left(tmp_path):
    """It would be a guess."""
    found = infer(tmp_path, {"a_id": lambda i: i, "b_id": lambda i: -i, **TOPIC, **TEXT})
    assert found.columns.id is None
    assert seen(found, "b_id").why == "not the id: 2 columns could be it; say --id b_id"


def test_whole_numbers_stored_as_floats_are_ids(tmp_path):
    """As a column becomes in pandas once a cell was empty; decimals of a database too."""
    for kind in (pa.float64(), pa.decimal128(12, 2)):
        ids = pa.array([Decimal(i) if kind != pa.float64() else float(i) for i in range(N)], kind)
        table = pa.table({"id": ids, "text": [TEXT["text"](i) for i in range(N)]})
        pq.write_table(table, tmp_path / "a.parquet")
        assert infer_columns(tmp_path / "a.parquet", Columns(), None).columns.id == "id"


def test_several_that_could_be_the_label(tmp_path):
    """One with the name of a label is taken; without, none, and each says so."""
    channel = {"channel": lambda i: ("mail", "phone")[i % 2]}
    assert infer(tmp_path, {**channel, **TOPIC, **TEXT}).columns.label == "topic"
    found = infer(tmp_path, {**channel, "queue": TOPIC["topic"], **TEXT})
    assert found.columns.label is None
    assert seen(found, "queue").why == "not the label: 2 columns could be it; say --label queue"
    assert any("'channel' is not the label" in note for note in found.missing)


def test_with_given_classes_a_column_has_to_hold_these(tmp_path):
    """Else it is something else that repeats."""
    columns = {**TOPIC, **TEXT}
    assert infer(tmp_path, columns, classes=("good", "bad")).columns.label is None
    assert infer(tmp_path, columns, classes=(*TOPICS, "more")).columns.label == "topic"


@pytest.mark.parametrize(
    "column",
    [
        {"score": lambda i: i % 3},
        {"topic": lambda i: f"topic {i}"},
        {"country_id": lambda i: TOPICS[i % 3]},
        {"topic": lambda i: "one"},
        {"topic": lambda i: TOPICS[i % 3] if i else ["a"]},
        {"topic": lambda i: TOPICS[i % 3] * 20},
    ],
)
def test_what_is_no_label(tmp_path, column):
    """Numbers of no such name, what never repeats, ids, one value only, lists, long texts."""
    assert infer(tmp_path, {**column, "text": TEXT["text"]}).columns.label is None


def test_space_around_the_names_of_columns(tmp_path):
    """ "id, text, label" has a column " text": it is known by its name, and the user may write it without the space."""
    path = tmp_path / "a.csv"
    path.write_text(
        "id, text, label\n" + "".join(f"{i}, {WORDS[i % 3]} {i}, {TOPICS[i % 3]}\n" for i in range(N))
    )
    found = infer_columns(path, Columns(), None)
    assert found.columns == Columns(id="id", text=" text", label=" label")
    assert found.classes == TOPICS
    assert infer_columns(path, Columns(label="label", show=("id",)), None).columns.label == " label"
    with pytest.raises(DataError, match="no column 'labels'"):
        infer_columns(path, Columns(label="labels"), None)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (lambda i: float(i % 3), "row 1 (line 1) holds 0.0 (a decimal number)"),
        (lambda i: float("nan") if i == 5 else "a", "row 6 (line 6) holds NaN (a missing number)"),
        (lambda i: [TOPICS[i % 3]], "row 1 (line 1) holds ['billing'] (a list)"),
        (lambda i: {"name": "a"}, "row 1 (line 1) holds {'name': 'a'} (an object)"),
        (lambda i: None, "every cell of it is empty"),
    ],
)
def test_a_named_label_column_that_cannot_be(tmp_path, value, why):
    """It is an error about that column and row when it was named, and a reason when it was not."""
    columns = {"label": value, **TEXT}
    with pytest.raises(DataError) as caught:
        infer(tmp_path, columns, Columns(label="label"))
    assert "column 'label' (--label) cannot hold the labels" in str(caught.value)
    assert why in str(caught.value)
    found = infer(tmp_path, columns)
    assert found.columns.label is None
    assert why in seen(found, "label").why


def test_when_no_column_fits_all_are_listed_with_examples(tmp_path):
    """So that the user can name one."""
    with pytest.raises(DataError) as caught:
        infer(tmp_path, {"a": lambda i: f"first words {i}", "b": lambda i: f"other words {i}"})
    assert "'a': text, 24 different, e.g. first words 0, first words 1" in str(caught.value)
    with pytest.raises(DataError, match=r"'n': whole numbers, 24 different, e\.g\. 0, 1, 2"):
        infer(tmp_path, {"n": lambda i: i})
    with pytest.raises(DataError, match="and 8 more"):
        infer(tmp_path, {f"n{k}": lambda i: i for k in range(20)})


def test_text_is_what_is_neither_id_nor_category(tmp_path):
    """Even where these are about as long."""
    found = infer(
        tmp_path,
        {
            "ticket_id": lambda i: f"ticket-{i:06}",
            "queue": lambda i: TOPICS[i % 3],
            "msg": lambda i: f"hello {i}",
        },
    )
    assert found.columns == Columns(id="ticket_id", text="msg", label="queue")


def test_every_column_has_type_count_and_examples(tmp_path):
    """Whatever it holds, also lists, objects and nothing."""
    found = infer(
        tmp_path,
        {
            **TEXT,
            "flag": lambda i: i % 2 == 0,
            "price": lambda i: i / 2 if i % 2 else i,
            "parts": lambda i: [i, i],
            "extra": lambda i: {"a": i},
            "nothing": lambda i: None,
            "both": lambda i: i if i % 2 else "x",
            "photo": lambda i: f"https://host/{i}.png",
            "when": lambda i: "2026-01-01",
        },
        Columns(text="text"),
    )  # fmt: skip
    assert {column.name: column.type for column in found.seen} == {
        "text": "text", "flag": "true/false", "price": "decimals", "parts": "lists", "extra": "objects", "extra.a": "whole numbers",
        "nothing": "empty", "both": "mixed", "photo": "image paths", "when": "text",
    }  # fmt: skip
    column = seen(found, "parts")
    assert (column.distinct, column.examples, column.empty) == (N, ("[2 entries]",), 0)
    assert seen(found, "nothing").empty == N
