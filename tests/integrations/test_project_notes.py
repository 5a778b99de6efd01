"""Our lines in the description of a project at Label Studio."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.labelers.label_studio.project_notes import ProjectNotes, fingerprint

NOTES = replace(
    ProjectNotes.read("", "colours (ab12)"), holder="host:/a b (1f)", layout="ab12", instructions="cd34"
)


def test_what_was_written_is_read():
    """All of it, for the campaign that wrote it."""
    text = NOTES.in_description("")
    assert ProjectNotes.read(text, "colours (ab12)") == NOTES
    assert NOTES.is_in(text)
    assert not ProjectNotes.read("", "colours (ab13)").is_in(text)


def test_a_new_line_takes_the_place_of_the_old():
    """Written again and again, the description grows by nothing, and what people wrote stays."""
    text = NOTES.in_description("Ask Mia about these.\n\nThanks")
    again = replace(NOTES, holder="other", layout="").in_description(text)
    assert again.startswith("Ask Mia about these.\n\nThanks\n\n")
    assert again.count("Made by curator") == again.count("Run from: ") == 1
    assert ProjectNotes.read(again, "colours (ab12)") == replace(NOTES, holder="other", layout="")
    assert NOTES.in_description(NOTES.in_description(text)) == text


def test_the_line_of_a_former_version_is_taken_over():
    """It knew the campaign and nothing else."""
    mark = fingerprint("colours (ab12)")
    former = f"colours (ab12)\n\nMade by curator for campaign {mark}. Please leave this line as it is."
    assert NOTES.is_in(former)
    assert ProjectNotes.read(former, "colours (ab12)") == ProjectNotes(mark)
    assert NOTES.in_description(former).count("Made by curator") == 1


@pytest.mark.parametrize(
    "text", ["", "no notes", "Run from:", "run from: me", "Run from: Berlin office", "Layout: a b"]
)
def test_what_is_not_ours_says_nothing(text):
    """A description that people wrote."""
    assert ProjectNotes.read(text, "x") == ProjectNotes(fingerprint("x"))


def test_lines_of_people_that_look_like_ours_stay_theirs():
    """They stand above the line that names the campaign, and are neither read nor removed."""
    own = "Run from: Berlin office\nInstructions: see the wiki"
    text = NOTES.in_description(own)
    assert text.startswith(own)
    assert ProjectNotes.read(text, "colours (ab12)") == NOTES
    assert NOTES.in_description(text) == text


@given(st.text(), st.from_regex(r"[!-~]([ -~]*[!-~])?", fullmatch=True))
def test_any_description_keeps_our_lines(description, holder):
    """Whatever stands around them."""
    notes = replace(NOTES, holder=holder)
    text = notes.in_description(description)
    assert ProjectNotes.read(text, "colours (ab12)") == notes
    assert notes.in_description(text) == text


def test_half_a_character_has_a_fingerprint():
    """A title may hold anything."""
    assert len(fingerprint("\ud800")) == 16
