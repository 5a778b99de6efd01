"""The replay labeler: deterministic, and sure of what it was asked after any kill."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.studio import questions, spec

from integrations.errors import LabelerError
from integrations.labelers.protocol import Question
from integrations.labelers.replay import ReplayLabeler

SPEC = spec("replay")


class Lazy(Mapping):
    """Labels that can only be looked up, as those of a large pool."""

    def __getitem__(self, item_id):
        if item_id == "item-2":
            return None
        if item_id == "item-3":
            raise KeyError(item_id)
        return "pos"

    def __iter__(self):
        raise AssertionError("walked through")

    def __len__(self):
        raise AssertionError("counted")


def prepared(labels, path, **options):
    labeler = ReplayLabeler(labels, path, **options)
    labeler.prepare(SPEC, None)
    return labeler


def test_two_runs_give_the_same_answers(tmp_path):
    """Identities, times and seconds included: nothing comes from the clock."""
    pulls = []
    for run in "ab":
        labeler = prepared(Lazy(), tmp_path / run / "asked.jsonl")
        labeler.send(questions(3))
        labeler.send(questions(5))
        pulls.append(labeler.pull(None))
    assert pulls[0] == pulls[1]
    answers = [question.answers for question in pulls[0].questions]
    assert answers[2][0].skipped
    assert answers[3] == ()
    assert len({answer.seconds for given in answers for answer in given}) == 4
    assert all(2.5 <= answer.seconds < 7.5 for given in answers for answer in given)
    assert [given[0].created_at for given in answers if given] == sorted(
        given[0].created_at for given in answers if given
    )


def test_answers_come_little_by_little(tmp_path):
    """With a limit the first questions asked are answered, in the order of asking; silent ones do not count."""
    labeler = prepared(Lazy(), tmp_path / "asked.jsonl", answers_limit=4)
    labeler.send(questions(6))
    assert [len(question.answers) for question in labeler.pull(None).questions] == [1, 1, 1, 0, 1, 0]
    assert labeler.answer_count() == 4


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 400), count=st.integers(1, 4))
def test_a_kill_while_writing_loses_no_whole_question(tmp_path_factory, cut, count):
    """Wherever the file is torn, what is whole is known, and sending again completes it."""
    path = tmp_path_factory.mktemp("torn") / "asked.jsonl"
    asked = [Question(f"k\n{n} 😀", f"item {n}", 1, n, text="t") for n in range(count)]
    whole = prepared({}, path)
    ids = whole.send(asked)
    content = path.read_bytes()
    path.write_bytes(content[: max(0, len(content) - cut)])
    again = prepared({}, path)
    known = again.find([question.key for question in asked])
    assert known.items() <= ids.items()
    assert again.send(asked) == ids
    assert path.read_bytes() == content
    assert again.find(list(ids)) == ids


def test_a_damaged_file_is_named(tmp_path):
    """A line in the middle that is no question is an error, not a question forgotten."""
    path = tmp_path / "asked.jsonl"
    prepared({}, path).send(questions(2))
    path.write_text(path.read_text("utf-8").replace('"key": "k0"', '"yek": "k0"'), encoding="utf-8")
    with pytest.raises(LabelerError, match=r"line 2 of .*asked.jsonl"):
        prepared({}, path).pull(None)


def test_a_file_that_went_missing_is_an_error(tmp_path):
    """Who comes with a reference expects to find what was asked."""
    with pytest.raises(LabelerError, match="does not exist"):
        ReplayLabeler({}, tmp_path / "asked.jsonl").prepare(SPEC, "replay")
    with pytest.raises(LabelerError, match="knows no project '5'"):
        ReplayLabeler({}, tmp_path / "asked.jsonl").prepare(SPEC, "5")
    assert ReplayLabeler({}, tmp_path / "asked.jsonl").where() == str(tmp_path / "asked.jsonl")


def test_classes_that_changed(tmp_path):
    """Former names are readable; of a class that was split what is asked later is skipped, earlier answers stay."""
    labels = {f"item-{i}": "pos" for i in range(4)} | {"item-3": "old"}
    labeler = prepared(labels, tmp_path / "asked")
    asked = questions(5)
    labeler.send(asked[:2])
    before = labeler.pull(None).questions
    changed = replace(SPEC, classes=("good", "bad", "neg"), former_classes={"pos": None, "old": "neg"})
    labeler.prepare(changed, "replay")
    assert labeler.pull(None).questions == before
    labeler.send(asked[2:])
    after = {q.key: q.answers[0] for q in labeler.pull(None).questions if q.answers}
    assert after[asked[2].key].skipped
    assert (after[asked[3].key].label, after[asked[3].key].problem) == ("old", None)
    again = ReplayLabeler(labels, tmp_path / "asked")  # another process
    again.prepare(changed, "replay")
    assert again.pull(None) == labeler.pull(None)
