"""Labeling configurations, written and read."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.studio import spec

from integrations.errors import LabelerError
from integrations.labelers.studio_config import (
    build_config,
    check_classes,
    control_for,
    has_known_classes,
    read_control,
)
from integrations.labelers.studio_json import read_answer

TEXT = '<View><Text name="t" value="$text"/>{}</View>'
ONE = '<Choices name="c" toName="t"><Choice value="a"/></Choices>'

names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@settings(max_examples=50)
@given(classes=st.lists(names, min_size=1, max_size=5, unique=True), kind=st.sampled_from(["text", "image"]))
def test_classes_come_back_as_they_were(classes, kind):
    """Whatever the names hold, or a clear error."""
    try:
        config = build_config(spec("t", *classes, kind=kind))
    except LabelerError as exc:
        assert "classes" in str(exc)  # noqa: PT017 - most examples do not raise
        return
    control = read_control(config, kind)
    check_classes(control, reversed(classes), "here")
    assert control.classes == tuple(classes)
    assert (control.from_name, control.to_name, control.variable) == ("label", kind, kind)


@pytest.mark.parametrize("name", ["null \x00", "half \ud83d", "bell \x07"])
def test_a_class_that_xml_cannot_hold_is_refused(name):
    """The message says that it is about the classes."""
    with pytest.raises(LabelerError, match="classes"):
        build_config(spec("t", "fine", name))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("<View>", "is not XML"),
        (TEXT.format(""), "has 0; it holds: <Text>"),
        ("<View></View>", "no tag that asks anything"),
        (TEXT.format(ONE + ONE.replace('"c"', '"d"')), "has 2"),
        (TEXT.format(ONE.replace("<Choices", '<Choices choice="multiple"')), "has 0"),
        (TEXT.format(ONE.replace('"t"', '"other"')), "has 0"),
        (TEXT.format('<Choices name="c" toName="t"/>'), "lists nothing to choose"),
        (TEXT.format(ONE).replace("$text", "$key"), "shows '\\$key'; it needs a variable of its own"),
        (TEXT.format(ONE).replace("$text", "fixed words"), "variable of its own"),
        (TEXT.format(ONE + '<Header value="$title"/>'), "more data than a question has: 'title'"),
    ],
)
def test_a_configuration_that_does_not_fit_says_why(config, said):
    """Nothing is guessed."""
    with pytest.raises(LabelerError, match=said):
        read_control(config, "text")


def test_our_own_data_may_be_shown():
    """An item's id beside its text, say."""
    assert read_control(TEXT.format(ONE + '<Header value="$item_id"/>'), "text").classes == ("a",)


def test_only_what_differs_is_said():
    """Missing alone, extra alone."""
    control = read_control(TEXT.format(ONE), "text")
    check_classes(control, ["a"], "here")
    with pytest.raises(LabelerError, match=r"of here differ from yours \(missing there: 'b'\)"):
        check_classes(control, ["a", "b"], "here")
    with pytest.raises(LabelerError, match=r"\(there but not among yours: 'a'\)|\(missing"):
        check_classes(control, [], "here")


def test_choices_of_earlier_are_read_and_known():
    """A former class gives its name, a former "cannot tell" no label; a list the campaign never had is no earlier one."""
    now = replace(
        spec("t", "good", "bad"), cannot_tell="unsure", former_classes={"pos": "good"}, former_cannot_tell=("?",),
        former_lists=(("pos", "bad"),),
    )  # fmt: skip
    control = control_for(build_config(now), now)

    def said(choice):
        found = {
            "id": 1,
            "created_at": "2026-01-01T00:00:00Z",
            "result": control.form.result(control, choice),
        }
        answer = read_answer(found, control, str, "here")
        return answer.label, answer.cannot_tell, answer.problem is not None

    assert [said(c) for c in ("good", "pos", "unsure", "?", "so so")] == [
        ("good", False, False), ("pos", False, False), (None, True, False), (None, True, False), (None, False, True),
    ]  # fmt: skip
    before = control_for(build_config(replace(spec("t", "pos", "bad"), cannot_tell="?")), now)
    assert before.classes == ("pos", "bad")
    assert has_known_classes(before, now)
    assert not has_known_classes(control_for(build_config(spec("t", "a", "b")), now), now)
