"""Every labeler tells the same story; the one over a server does it with a real Label Studio."""

import json
from datetime import datetime, timedelta
from zlib import crc32

import pytest
from support.studio import FilesDriver, ReplayDriver, StudioDriver, questions, spec

from integrations.errors import LabelerError
from integrations.labelers.protocol import Announcement

TITLE = "contract (curator {})"
WILD = ("pos", "n\"e<g> & 'x'", "emoji 😀 ü", "two words, a comma")


@pytest.fixture(params=["replay", "files", "label-studio"])
def driver(request, tmp_path):
    if request.param == "replay":
        return ReplayDriver(tmp_path)
    if request.param == "files":
        return FilesDriver(tmp_path / "folder")
    return StudioDriver(request.getfixturevalue("studio"), title(request))


def title(request):
    return TITLE.format(crc32(request.node.name.encode()))


@pytest.fixture
def wanted(request):
    return spec(title(request), *WILD)


@pytest.fixture
def labeler(driver, wanted):
    made = driver.labeler()
    made.prepare(wanted, None)
    return made


def by_key(pulled):
    assert len({found.key for found in pulled.questions}) == len(pulled.questions)
    return {found.key: found.answers for found in pulled.questions}


def test_prepare_twice_is_one_project(driver, wanted):
    """A second process, with or without the reference that the first one got, works in the same project."""
    first = driver.labeler().prepare(wanted, None)
    assert driver.labeler().prepare(wanted, first) == first
    assert driver.labeler().prepare(wanted, None) == first


def test_a_project_that_is_gone_is_an_error(driver, wanted):
    """A reference to something that does not exist is refused, whatever it looks like."""
    for reference in ("999999", "nonsense"):
        with pytest.raises(LabelerError):
            driver.labeler().prepare(wanted, reference)


def test_sent_is_found_and_nothing_is_asked_twice(driver, labeler, wanted):
    """What was sent is found by key, also by another process; sending it again changes nothing."""
    asked = questions(5)
    assert labeler.find(["k0", "k1"]) == {}
    ids = labeler.send(asked)
    assert list(ids) == [question.key for question in asked]
    other = driver.labeler()
    reference = other.prepare(wanted, None)
    assert other.find([*ids, "never-asked", 'qu"ote, and comma']) == ids
    assert other.send(questions(7)).items() >= ids.items()
    again = driver.labeler()
    again.prepare(wanted, reference)
    assert len(again.pull(None).questions) == 7
    assert labeler.find([]) == {}
    assert labeler.send([]) == {}


def test_a_send_that_cannot_be_right_is_refused(labeler):
    """Too many at once, or a key twice: nothing is sent."""
    with pytest.raises(LabelerError, match="at most"):
        labeler.send(questions(labeler.chunk_size + 1))
    with pytest.raises(LabelerError, match="k0"):
        labeler.send([*questions(2), *questions(1)])
    assert labeler.pull(None).questions == ()


def test_before_anything_was_asked(labeler):
    """An empty labeler gives an empty, complete pull without a cursor."""
    pulled = labeler.pull(None)
    assert (pulled.questions, pulled.cursor, pulled.complete, pulled.foreign_answers) == ((), None, True, 0)
    assert labeler.answer_count() == 0
    assert labeler.where()


def test_answers_skips_and_silence(driver, labeler):
    """An answer has its label, a skip none, a silent question is listed without answers."""
    ids = labeler.send(questions(4))
    driver.answer("k0", WILD[1])
    driver.answer("k1", WILD[2])
    driver.answer("k2", None)
    pulled = labeler.pull(None)
    found = by_key(pulled)
    assert {question.key: question.external_id for question in pulled.questions} == ids
    assert [answer.label for answer in found["k0"] + found["k1"]] == [WILD[1], WILD[2]]
    (skip,) = found["k2"]
    assert (skip.skipped, skip.label, skip.problem) == (True, None, None)
    assert found["k3"] == ()
    assert labeler.answer_count() == 3
    for (answer,) in (found["k0"], found["k1"], found["k2"]):
        assert answer.annotator
        assert answer.seconds > 0
        assert json.loads(json.dumps(answer.raw, allow_nan=False)) == answer.raw
        assert answer.created_at <= answer.updated_at
        assert datetime.fromisoformat(answer.created_at).utcoffset() == timedelta(0)


def test_an_edit_keeps_the_identity(driver, labeler):
    """Of two answers with one source_id, the second is the edit of the first."""
    labeler.send(questions(1))
    driver.answer("k0", "pos")
    (before,) = by_key(labeler.pull(None))["k0"]
    driver.edit("k0", WILD[1])
    (after,) = by_key(labeler.pull(None))["k0"]
    assert (before.label, after.label) == ("pos", WILD[1])
    assert before.source_id == after.source_id
    assert before.created_at == after.created_at


def test_an_answer_taken_back_is_gone(driver, labeler):
    """The set of answers is whole: what is missing was deleted."""
    labeler.send(questions(2))
    driver.answer("k0", "pos")
    first = labeler.pull(None)
    driver.retract("k0")
    assert by_key(labeler.pull(first.cursor))["k0"] == ()
    assert labeler.answer_count() == 0


def test_a_deleted_question_is_missing_from_a_complete_pull(driver, labeler):
    """Who compares a complete pull with what was sent sees what was deleted."""
    labeler.send(questions(3))
    driver.delete("k1")
    pulled = labeler.pull(None)
    assert pulled.complete
    assert set(by_key(pulled)) == {"k0", "k2"}
    assert set(labeler.find(["k0", "k1", "k2"])) == {"k0", "k2"}


def test_a_pull_with_a_cursor_brings_what_changed(driver, labeler):
    """Pulls one after another, put over each other, give what one complete pull gives."""
    labeler.send(questions(3))
    driver.answer("k0", "pos")
    first = labeler.pull(None)
    known = by_key(first)
    driver.answer("k1", "pos")
    driver.edit("k0", WILD[3])
    second = labeler.pull(first.cursor)
    known |= by_key(second)
    driver.answer("k2", None)
    known |= by_key(labeler.pull(second.cursor))
    assert known == by_key(labeler.pull(None))
    assert known["k0"][0].label == WILD[3]


def test_an_answer_outside_the_classes_is_a_problem(driver, labeler):
    """It is kept and counted, with the reason why it is no label."""
    labeler.send(questions(1))
    driver.answer("k0", "other")
    (answer,) = by_key(labeler.pull(None))["k0"]
    assert (answer.label, answer.skipped) == (None, False)
    assert "'other'" in answer.problem


def test_two_annotators_of_one_question(driver, labeler):
    """Both answers are there, in the order of time, each with its author."""
    labeler.send(questions(1))
    driver.answer("k0", "pos", who=0)
    driver.answer("k0", WILD[1], who=1)
    answers = by_key(labeler.pull(None))["k0"]
    if driver.several_annotators:
        assert [answer.label for answer in answers] == ["pos", WILD[1]]
        assert len({answer.annotator for answer in answers}) == 2
        assert labeler.answer_count() == 2
    else:
        assert [answer.label for answer in answers] == [WILD[1]]


def test_announcing_a_model_that_suggested_nothing_is_no_error(labeler):
    """There is nothing to show, so nothing happens."""
    labeler.send(questions(1))
    labeler.announce(Announcement(7, "round-7"))
