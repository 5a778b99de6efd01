"""Arbitrary JSON where Label Studio sends answers: read as an answer or refused, and stored whole or not at all."""

import json
import math
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fuzz.harness import explains, scratch
from fuzz.inputs import cases, damaged, encodable, json_values, words
from hypothesis import given
from hypothesis import strategies as st
from support.projects import make_project
from support.studio import choice, spec

from curator.errors import CuratorError
from curator.ledger.store import Ledger
from curator.project.project import Project
from curator.rounds.pull import pull
from curator.rounds.run import run_round
from integrations.errors import IntegrationError
from integrations.labelers.protocol import Answer, Pulled, QuestionAnswers
from integrations.labelers.studio_config import build_config, read_control
from integrations.labelers.studio_json import merge_tasks, read_answer, task_key

CONTROL = replace(read_control(build_config(spec("fuzz", "pos", "neg")), "text"), cannot_tell="can't tell")
ANNOTATION = {
    "id": 7,
    "created_at": "2026-01-02T03:04:05.678901Z",
    "updated_at": "2026-01-02T03:05:06.789012Z",
    "completed_by": {"id": 3, "email": "ann@example.org"},
    "lead_time": 3.5,
    "was_cancelled": False,
    "parent_prediction": 4,
    "result": [{**choice("pos")[0], "origin": "prediction"}],
}
PRICE = 80_000  # micro-units, as make_project has it


def is_answer(answer: Answer) -> None:
    """What the ledger and the loop rely on."""
    outcomes = (answer.label is not None, answer.skipped, answer.cannot_tell, answer.problem is not None)
    assert sum(outcomes) == 1, answer
    assert answer.label is None or answer.label in CONTROL.classes
    assert answer.seconds is None or (math.isfinite(answer.seconds) and answer.seconds >= 0)
    assert answer.suggestion in (None, "accepted", "changed")
    for text in (
        answer.source_id,
        answer.annotator,
        answer.created_at,
        answer.updated_at,
        answer.problem or "",
    ):
        text.encode()
    for moment in (answer.created_at, answer.updated_at):
        assert len(moment) == len("2026-01-02T03:04:05.678901Z")
        datetime.fromisoformat(moment)
    json.dumps(dict(answer.raw), allow_nan=False).encode()


@cases
@given(st.one_of(damaged(ANNOTATION), damaged(ANNOTATION), json_values))
def test_any_json_is_an_answer_or_refused(annotation):
    """`read_answer`: an answer that keeps the protocol, or ValueError with a reason."""
    try:
        answer = read_answer(annotation, CONTROL, lambda user: f"user-{user}", "here")
    except ValueError as exc:
        explains(exc)
    else:
        is_answer(answer)


@cases
@given(st.lists(st.tuples(json_values, st.lists(damaged(ANNOTATION), max_size=3)), max_size=4))
def test_any_tasks_are_merged_or_foreign(tasks):
    """`task_key` and `merge_tasks`: each key once, each answer once, in the order of time."""
    ours = [
        (key, str(number), found) for number, (data, found) in enumerate(tasks) if (key := task_key(data))
    ]
    ours += [("k0", "x", found) for _, found in tasks]
    readable = []
    for key, number, found in ours:
        key.encode()
        answers = []
        for annotation in found:
            try:
                answers.append(read_answer(annotation, CONTROL, str, "here"))
            except ValueError:
                continue
        readable.append((key, number, answers))
    merged = merge_tasks(readable)
    assert [question.key for question in merged] == list(dict.fromkeys(key for key, _, _ in readable))
    for question in merged:
        times = [answer.created_at for answer in question.answers]
        assert times == sorted(times)
        assert len({answer.source_id for answer in question.answers}) == len(question.answers)


# ---------------------------------------------------------------- into the ledger


@pytest.fixture(scope="module", params=["per label", "per hour"])
def asked(request, tmp_path_factory) -> tuple[Path, list[str], bool]:
    """A project with one round asked, the keys of its questions, and whether labels are what is paid."""
    by_label = request.param == "per label"
    paid = {} if by_label else {"hourly_rate": "18"}
    folder = make_project(tmp_path_factory.mktemp("fuzz"), n=40, batch=4, holdout="4", **paid)
    with Project(folder) as project:
        run_round(project)
        keys = [row["key"] for row in project.ledger.rows("select key from questions order by rank")]
    return folder, keys, by_label


# What `is_answer` proves of every adapter's values is taken for granted: whole characters, times that can be.
storable = words.filter(encodable)
times = st.sampled_from(
    ["2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z", "0001-01-01T00:00:00.000000Z"]
)
texts = st.one_of(st.sampled_from(["ann", "bob", "1@x", "2@x"]), storable)
answers = st.builds(
    Answer,
    source_id=texts,
    annotator=texts,
    label=st.one_of(st.none(), st.sampled_from(["blue", "green"]), storable),
    skipped=st.booleans(),
    seconds=st.one_of(st.none(), st.sampled_from([0.0, 1e-320, 4.5, 31_622_400.0]), st.floats(0, 1e7)),
    created_at=times,
    updated_at=st.one_of(times, storable),
    problem=st.one_of(st.none(), storable),
    cannot_tell=st.booleans(),
    suggestion=st.sampled_from([None, "accepted", "changed"]),
    raw=st.sampled_from(
        [{}, {"id": 1, "result": [{"value": {"choices": ["blue"]}}]}, {"\0": {"é": [None, 1e308]}}]
    ),
)


@st.composite
def pulls(draw: Any) -> list[Any]:
    """One to three pulls; keys by number of the question, or something else."""
    keys = st.one_of(st.integers(0, 7), st.integers(0, 2), storable)
    questions = st.lists(
        st.tuples(keys, texts, st.lists(answers, max_size=3)), max_size=5, unique_by=lambda q: q[0]
    )
    cursors = st.one_of(st.none(), storable)
    found = st.tuples(questions, cursors, st.booleans(), st.integers(0, 3), st.integers(0, 3))
    return draw(st.lists(found, min_size=1, max_size=3))


class Given:
    """A labeler that holds what it was given, and notes what the ledger was like when it was last asked."""

    def __init__(self, pulled: Pulled, ledger: Ledger) -> None:
        self._pulled = pulled
        self._ledger = ledger
        self.before: dict[str, list[Any]] = {}

    def pull(self, cursor: str | None) -> Pulled:
        self.before = everything(self._ledger)
        return self._pulled

    def question_count(self) -> int:
        return len(self._pulled.questions) + self._pulled.foreign_questions

    def answer_count(self) -> int:
        return sum(len(q.answers) for q in self._pulled.questions) + self._pulled.foreign_answers

    def where(self) -> str:
        return "where it was given"


@cases
@given(pulls())
def test_any_pull_is_stored_whole_or_not_at_all(asked, rows):
    """The ledger stays consistent after every pull, and is as before when one is refused."""
    template, keys, by_label = asked
    with scratch(template) as folder, Project(folder) as project:
        for questions, cursor, complete, foreign_questions, foreign_answers in rows:
            pulled = Pulled(
                tuple(
                    QuestionAnswers(keys[key] if isinstance(key, int) else key, number, tuple(found))
                    for key, number, found in questions
                ),
                cursor,
                complete,
                foreign_questions,
                foreign_answers,
            )
            labeler = project.__dict__["labeler"] = Given(pulled, project.ledger)
            try:
                pull(project, 1)
            except (CuratorError, IntegrationError) as exc:
                explains(exc)
                assert everything(project.ledger) == labeler.before
            is_consistent(project.ledger, by_label=by_label)


def everything(ledger: Ledger) -> dict[str, list[Any]]:
    """All rows of all tables."""
    names = [row["name"] for row in ledger.rows("select name from sqlite_master where type = 'table'")]
    return {name: ledger.rows(f"select * from {name}") for name in names}


def is_consistent(ledger: Ledger, *, by_label: bool) -> None:
    """References hold, versions count from one, each answer is alive once and paid for once."""
    assert ledger.rows("pragma foreign_key_check") == []
    assert ledger.scalar("pragma integrity_check") == "ok"
    for row in ledger.rows(
        "select source_id, count(*) as n, max(version) as newest from answers group by source_id"
    ):
        assert row["n"] == row["newest"], row
    alive = ledger.rows("select source_id, count(*) as n from live_answers group by source_id having n > 1")
    assert alive == []
    assert ledger.scalar("select count(*) from questions where key is null or state is null") == 0
    assert ledger.scalar("select count(*) from costs where typeof(amount) <> 'integer'") == 0
    # The bill has versions of its own: a typical time that later answers change corrects what is charged for others.
    for row in ledger.rows(
        "select source_id, count(*) as n, max(version) as newest, sum(amount) as charged from costs group by source_id"
    ):
        assert row["n"] == row["newest"], row
        assert row["charged"] >= 0, row
    for_nothing = (
        "select count(*) from costs where source_id not in (select source_id from answers) "
        "and source_id not like 'review:%'"
    )
    assert ledger.scalar(for_nothing) == 0
    if by_label:
        for row in ledger.rows("select source_id, sum(amount) as paid from costs group by source_id"):
            # what the newest version says, one that merely repeats another answer apart
            owed = (
                "select not skipped and copy_of is null from answers where source_id = ? "
                "order by version desc limit 1"
            )
            expected = PRICE if ledger.scalar(owed, [row["source_id"]]) else 0
            assert row["paid"] == expected, row
