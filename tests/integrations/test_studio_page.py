"""What makes up the page that an annotator sees: the layout, and the HTML beside the item.

The page itself is looked at in `tests/browser`.
"""

from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.studio import spec

from integrations.errors import LabelerError
from integrations.labelers.protocol import Neighbour, Question
from integrations.labelers.studio_config import build_config, read_control
from integrations.labelers.studio_json import task_json

ASKED = Question("k1", "item-1", 2, 3, text="the text", why="Drawn at random.")
FULL = replace(spec("t", "a", "b"), shows_fields=True, shows_neighbours=True)


def layout(**changes):
    return ET.fromstring(build_config(replace(FULL, **changes)))


def tags(node):
    """The tags from top to bottom, with the data that they show."""
    return [(one.tag, one.get("value")) for one in node.iter() if one.tag not in ("View", "Choice")]


def test_a_text_stands_above_the_classes():
    """Why, then title and text in a box that scrolls, then the classes, then what is like it."""
    config = layout()
    assert tags(config) == [
        ("Header", "$why"),
        ("Markdown", "$fields"),
        ("Text", "$text"),
        ("Choices", None),
        ("Markdown", "$neighbours"),
    ]
    box = next(node for node in config.iter("View") if node.find("Text") is not None)
    assert "max-height" in box.get("style")
    assert "overflow-y: auto" in box.get("style")


def test_the_classes_stand_above_an_image():
    """For an image is as high as it is."""
    assert [tag for tag, _ in tags(layout(kind="image"))] == [
        "Header",
        "Choices",
        "Image",
        "Markdown",
        "Markdown",
    ]


def test_only_what_is_asked_for_is_shown():
    """No tag for data that no question has."""
    assert tags(layout(shows_fields=False, shows_neighbours=False)) == [
        ("Header", "$why"),
        ("Text", "$text"),
        ("Choices", None),
    ]


@pytest.mark.parametrize("kind", ["text", "image"])
def test_the_item_is_the_only_named_tag_with_data(kind):
    """A second one, and Label Studio refuses to take images up (`one_object_in_label_config`)."""
    named = [
        node
        for node in layout(kind=kind).iter()
        if node.get("name") and (node.get("value") or "").startswith("$")
    ]
    assert [node.get("name") for node in named] == [kind]


def test_classes_have_hints_and_keys():
    """Where they are set; cannot tell is a choice more and no class."""
    config = layout(cannot_tell="?", descriptions={"a": "<b>the first</b>"}, hotkeys={"b": "x"})
    choices = [dict(node.attrib) for node in config.iter("Choice")]
    assert choices == [
        {"value": "a", "hint": "<b>the first</b>"},
        {"value": "b", "hotkey": "x"},
        {"value": "?"},
    ]
    control = read_control(ET.tostring(config, encoding="unicode"), "text", "?")
    assert (control.classes, control.cannot_tell) == (("a", "b"), "?")
    assert control.shows == {"why", "fields", "neighbours"}


def test_a_class_that_is_a_digit_has_its_own_key():
    """Numbered from 1 by Label Studio, the key 1 would choose the class 0; a key that was set stays."""
    config = layout(classes=("0", "1", "10", "2"), hotkeys={"1": "q", "10": "2"})
    keys = {node.get("value"): node.get("hotkey") for node in config.iter("Choice")}
    assert keys == {"0": "0", "1": "q", "10": "2", "2": None}


@pytest.mark.parametrize("name", ["under $5", "$why", "a$b", "${x}", "x $[0]"])
def test_a_class_that_would_be_filled_in_is_refused(name):
    """The editor puts data in place of `$5`, and "undefined" would come back as the answer."""
    with pytest.raises(LabelerError, match="in place of the \\$ in these classes"):
        build_config(replace(FULL, classes=("fine", name)))
    with pytest.raises(LabelerError, match="in place of the \\$ in these classes"):
        build_config(replace(FULL, cannot_tell=name))


@pytest.mark.parametrize("name", ["$", "US$ 5", "5 $", "a$é"])
def test_a_sign_of_dollars_alone_is_fine(name):
    """As a class may have one in its name."""
    assert name in read_control(build_config(replace(FULL, classes=("fine", name))), "text").classes


class Page(HTMLParser):
    """What a browser would make of some HTML."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.text += "\n" * (tag == "br")

    def handle_data(self, data: str) -> None:
        self.text += data


def beside(question, name):
    """What a task shows beside the item."""
    control = read_control(build_config(FULL), "text")
    task = task_json(question, control, "the text")
    return task["data"][name]


anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.dictionaries(anything, anything, max_size=3))
def test_fields_are_text_whatever_they_hold(fields):
    """On one line, for an empty line would end the HTML; nothing but our own tags; every character is there."""
    shown = beside(replace(ASKED, fields=fields), "fields")
    assert "\n" not in shown
    assert "\r" not in shown
    page = Page(shown)
    assert {tag for tag, _ in page.tags} <= {"div", "b", "br"}
    assert not any(attrs for _, attrs in page.tags)
    wanted = "".join(f"{name}: {text}" for name, text in fields.items())
    assert page.text == wanted.replace("\r\n", "\n").replace("\r", "\n")


@given(st.lists(st.tuples(anything, anything), max_size=3))
def test_neighbours_are_text_whatever_they_hold(near):
    """The same of labels and texts; texts are cut, and their blanks are made plain."""
    question = replace(ASKED, neighbours=tuple(Neighbour(label, text=text) for label, text in near))
    shown = beside(question, "neighbours")
    page = Page(shown)
    assert {tag for tag, _ in page.tags} <= {"p", "b", "ul", "li", "br"}
    assert not any(attrs for _, attrs in page.tags)
    assert (shown == "") == (not near)
    for label, text in near:
        assert label.replace("\r\n", "\n").replace("\r", "\n") in page.text
        assert " ".join(text.split())[:300] in page.text


def test_neighbours_as_thumbnails():
    """At the address that they have at the server; what no browser can fetch is named."""
    images = ('/x/a "b".png', "https://example.org/c.png?x=1&y=2", "S3://bucket/d/e.png")
    control = read_control(build_config(replace(FULL, kind="image")), "image")
    question = replace(ASKED, image="i.png", neighbours=tuple(Neighbour("a", image=path) for path in images))
    addresses = {images[0]: '/data/upload/1/a "b".png'}
    page = Page(task_json(question, control, "/data/i.png", addresses)["data"]["neighbours"])
    sources = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    assert sources == [addresses[images[0]], images[1]]
    assert "e.png" in page.text
    assert "s3:" not in page.text.lower()


def test_what_stands_beside_can_be_read_back():
    """The fields as they are, out of annotators' sight; a role as well."""
    question = replace(ASKED, fields={"title": "a\nb"}, role="holdout", drawn_with=0.25)
    control = read_control(build_config(FULL), "text")
    task = task_json(question, control, "the text")
    assert task["meta"] == {"role": "holdout", "drawn_with": 0.25, "fields": {"title": "a\nb"}}
    assert set(task["data"]) == {"text", "key", "item_id", "rank", "round", "why", "fields", "neighbours"}
    assert "fields" not in task_json(ASKED, control, "the text")["meta"]


@pytest.mark.parametrize("fields", [{"title": "half \ud83d"}, {"half \ud83d": "title"}])
def test_half_a_character_in_a_field_is_named(fields):
    """It cannot be sent, in whichever place it is."""
    with pytest.raises(LabelerError, match="half a character"):
        beside(replace(ASKED, fields=fields), "fields")
