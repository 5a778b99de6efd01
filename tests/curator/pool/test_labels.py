"""Labels and classes: what is one class, what only looks like one, and what cannot be a label at all."""

import json
import unicodedata
from collections import Counter
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.errors import ConfigError, DataError
from curator.pool.catalogue import Pool
from curator.pool.columns import Columns
from curator.pool.importing import import_records
from curator.pool.labels import alike_warning, id_text, merged, read_labels
from curator.pool.readers import read_records
from curator.start.options import parse_classes, split_columns
from integrations.class_names import ClassNames, alike_groups, plain
from integrations.label_cells import ONE_NAME
from integrations.labelers.studio_config import Control

NFC, NFD = "réclamation", unicodedata.normalize("NFD", "réclamation")
COLUMNS = Columns(id="id", text="text", label="label")
ALIKE = [
    ("Billing", "billing"),
    ("card payment", "card  payment"),
    ("card payment", "card\xa0payment"),
    ("billing", "bill\u200bing"),
    ("billing", "billing\ufeff"),
    ("billing", "".join(chr(ord(c) + 0xFEE0) for c in "billing")),
    ("straße", "STRASSE"),
    ("co-op", "co\u00ad-op"),
    ("❤️", "❤"),
    ("Ⅳ", "IV"),
]
APART = [("login", "logins"), ("résumé", "resume"), ("a b", "ab"), ("1", "10"), ("C", "C#"), ("yes", "no")]


def write(path, labels):
    path.write_text(
        "".join(json.dumps({"id": i, "text": f"text {i}", "label": v}) + "\n" for i, v in enumerate(labels)),
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("label", [" billing", "billing ", "\tbilling\n", "\xa0billing", "billing\u3000"])
def test_space_around_a_label_is_no_part_of_it(label):
    """Of any kind."""
    assert ONE_NAME.read(label) == "billing"


def test_one_spelling_of_what_can_be_written_in_two_ways():
    """An accent that follows its letter, as files of some systems have it."""
    assert NFC != NFD
    assert ONE_NAME.read(NFD) == ONE_NAME.read(NFC) == NFC


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_names_that_a_person_takes_for_one_are_warned_about(one, other):
    """They stay two classes until --merge-case, and the warning has their counts."""
    assert alike_groups([one, "else", other]) == [(one, other)]
    warning = alike_warning([one, "else", other], Counter({one: 7, "else": 1, other: 2}))
    assert f"{one!r} (7) and {other!r} (2)" in warning
    assert "--merge-case" in warning
    assert merged(Counter({one: 7, "else": 1, other: 2})) == {one: 9, "else": 1}
    assert ClassNames([one]).find(other) is None
    assert ClassNames([one]).alike(other) == one
    assert ClassNames([one], merge_case=True).find(other) == one


@pytest.mark.parametrize(("one", "other"), APART)
def test_names_that_differ_stay_apart(one, other):
    """Whatever a person reads as another word."""
    assert alike_groups([one, other]) == []
    assert alike_warning([one, other]) is None
    assert ClassNames([one], merge_case=True).find(other) is None


@given(st.text())
def test_the_plain_name_is_its_own_plain_name(name):
    """Read again, a class is what it was; and nothing but its looks has changed."""
    assert plain(plain(name)) == plain(name)
    assert not plain(name) or ClassNames([plain(name)]).find(name) == plain(name)


def test_a_class_is_found_as_the_project_spells_it():
    """Projects that were started with an odd spelling keep it: the exact name comes first."""
    assert ClassNames([NFD, "b"]).find(NFC) == NFD
    assert ClassNames([NFD, NFC]).find(NFC) == NFC
    assert ClassNames([NFD, NFC]).find(NFD) == NFD


def test_labels_of_a_file_are_taken_as_their_class_and_that_is_said(tmp_path):
    """Also by `add`: the import reports how many, with examples."""
    path = write(tmp_path / "a.jsonl", ["billing ", " login", "billing", NFD, 3, True, None, "  "])
    pool = Pool.create(tmp_path / "pool", "text")
    report = import_records(pool, path, COLUMNS, classes=("billing", "login", NFC, "3", "true"))
    assert pool.labels(range(8)) == ["billing", "login", "billing", NFC, "3", "true", None, None]
    assert report.labeled == 6
    assert report.respelled.startswith("3 labels taken without surrounding spaces")
    assert "'billing ' as 'billing' (1)" in report.respelled
    path = write(tmp_path / "b.jsonl", ["billing"])
    assert (
        import_records(
            Pool.create(tmp_path / "p2", "text"), path, COLUMNS, classes=("billing", "x")
        ).respelled
        is None
    )


def test_labels_that_differ_by_case_are_refused_with_the_way_out_or_merged(tmp_path):
    """The hint names both spellings; with merge_case they are one."""
    path = write(tmp_path / "a.jsonl", ["Billing", "billing", "login", "lo\u200bgin"])
    with pytest.raises(DataError, match="labels outside the classes") as caught:
        list(read_records(path, COLUMNS, "text", classes=("billing", "login")))
    assert "'Billing' and 'billing'" in str(caught.value)
    assert "merge_case = true" in str(caught.value)
    merging = Columns(id="id", text="text", label="label", merge_case=True)
    (batch,) = read_records(path, merging, "text", classes=("billing", "login"))
    assert batch.labels == ["billing", "billing", "login", "login"]
    assert batch.respelled == {("Billing", "billing"): 1, ("lo\u200bgin", "login"): 1}


def test_an_answer_may_have_space_around_and_another_unicode_spelling():
    """Files of answers pass through tools that change both; anything else is not one of the classes."""
    control = Control("text", "label", "text", "text", (NFC, "b"), "can't tell")

    def answer(choice):
        region = {"from_name": "label", "value": {"choices": [choice]}}
        return control.form.read([region], control)

    assert answer(f" {NFD} ").label == NFC
    assert answer("can't tell ").cannot_tell
    assert answer("B").label is None
    assert answer(7).label is None


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (["a", 0.0, "b"], "row 2 (line 2) holds 0.0 (a decimal number)"),
        (["a", "b", float("nan")], "row 3 (line 3) holds NaN (a missing number)"),
        ([["a"], ["b"]], "row 1 (line 1) holds ['a'] (a list)"),
        (["a", {"name": "b"}], "row 2 (line 2) holds {'name': 'b'} (an object)"),
        ([None, " ", ""], "every cell of it is empty"),
        ([f"c{i}" for i in range(1001)], "'c1000', is in row 1001 (line 1001)"),
    ],
)
def test_why_a_column_holds_no_labels(tmp_path, labels, why):
    """What is wrong, with the row in which it is."""
    assert why in read_labels(write(tmp_path / "a.jsonl", labels), "label").why_not


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x 1", "x 1"),
        (7, "7"),
        (7.0, "7"),
        (-0.0, "0"),
        (2.0**53, "9007199254740992"),
        (Decimal(12), "12"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (2.0**60, None),
        (0.5, None),
        (float("inf"), None),
        (float("nan"), None),
        (Decimal("0.1"), None),
        (True, None),
        ([1], None),
        (b"1", None),
    ],
)
def test_ids_are_text_and_whole_numbers_however_they_are_stored(value, text):
    """A float that stands for one number only; never a value that two ids could share."""
    assert id_text(value) == text


@pytest.mark.parametrize(
    ("text", "single", "classes"),
    [
        ("a,b", (), ("a", "b")),
        (" a , b ", (), ("a", "b")),
        ('"a, b",c', (), ("a, b", "c")),
        ('c, "say ""hi"", please"', (), ("c", 'say "hi", please')),
        ("don't know,b", (), ("don't know", "b")),
        (None, ("a, b", 'd"e'), ("a, b", 'd"e')),
        ("a,b", ("c, d",), ("a", "b", "c, d")),
        (NFD, (), (NFC,)),
        (None, (), None),
    ],
)
def test_classes_with_commas_and_quotes(text, single, classes):
    """As in CSV, or one by one."""
    assert parse_classes(text, single) == classes


def test_a_quote_that_does_not_close_is_refused():
    """With how to write it."""
    with pytest.raises(ConfigError, match=r"--classes .* double quotes"):
        parse_classes('"a, b,c')
    assert split_columns('title,"a, b"') == ("title", "a, b")
