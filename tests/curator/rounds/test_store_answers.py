"""Writing a pull into the ledger: versions, money, and what is not ours."""

from dataclasses import replace

import pytest
from support.projects import make_project

from curator.errors import CuratorError
from curator.money.bill import paid_hours
from curator.project.project import Project
from curator.rounds.run import run_round
from curator.rounds.store import store
from integrations.labelers.protocol import Answer, Pulled, QuestionAnswers

RATE = 10_000  # micro-dollars per second: 36 dollars an hour


@pytest.fixture
def project(tmp_path):
    """A round that is out, paid by the hour, and that nobody has answered."""
    folder = make_project(tmp_path / "p", n=90, batch=4, holdout="6", hourly_rate="36")
    with Project(folder) as opened:
        run_round(opened)
        yield opened


def given(
    key: str, number: int, seconds: float | None, label: str = "red", annotator: str = "ada", **more
) -> Answer:
    return Answer(
        source_id=f"{key}@{number}", annotator=annotator, label=label, skipped=False, seconds=seconds,
        created_at="2026-01-02T03:04:05.000000Z", updated_at="2026-01-02T03:04:05.000000Z", **more,
    )  # fmt: skip


def pulled(answers: dict[str, tuple[Answer, ...]], *, complete: bool = False, **more) -> Pulled:
    questions = tuple(QuestionAnswers(key, f"at-{key}", found) for key, found in answers.items())
    return Pulled(questions=questions, cursor="1", complete=complete, **more)


def keys(project: Project) -> list[str]:
    return [row["key"] for row in project.ledger.rows("select key from questions order by rank")]


def amounts(project: Project) -> list[tuple[int, str]]:
    rows = project.ledger.rows("select amount, source from costs order by source_id, version")
    return [(row["amount"], row["source"]) for row in rows]


def test_a_time_that_was_not_measured_costs_the_median_of_all_that_were(project):
    """Those of the same pull included, in whatever order they come."""
    a, b, c, d = keys(project)[:4]
    first = {a: (given(a, 1, None),), b: (given(b, 2, 2.0),), c: (given(c, 3, 8.0),), d: (given(d, 4, 5.0),)}
    store(project, pulled(first), 1, accept_loss=False)
    paid = {row["key"]: row["amount"] for row in project.ledger.rows("select key, amount from costs")}
    assert paid == {a: 5 * RATE, b: 2 * RATE, c: 8 * RATE, d: 5 * RATE}
    assert sorted(amounts(project)).count((5 * RATE, "imputed")) == 1


def test_versions_grow_and_are_paid_for_what_they_added(project):
    """Edited, taken back, there again: four versions, and no second of work is paid twice."""
    key = keys(project)[0]
    steps = [
        (given(key, 1, 3.0),),
        (given(key, 1, 4.0, "blue"),),
        (),
        (given(key, 1, 4.0, "blue"),),
        (given(key, 1, 4.0, "blue"),),
    ]
    gone = [store(project, pulled({key: step}), 1, accept_loss=False).taken_back for step in steps]
    assert gone == [0, 0, 1, 0, 0]
    rows = project.ledger.rows("select version, change, label from answers order by version")
    assert [tuple(row.values()) for row in rows] == [
        (1, "new", "red"), (2, "edited", "blue"), (3, "deleted", "blue"), (4, "edited", "blue"),
    ]  # fmt: skip
    assert amounts(project) == [(3 * RATE, "measured"), (1 * RATE, "measured")]


def test_a_complete_pull_says_what_is_gone_and_what_is_not_ours(project):
    """Questions that are missing are withdrawn, those that are back are asked, and strange keys are foreign."""
    asked = keys(project)
    there = dict.fromkeys(asked[1:], ()) | {"strange-r1-0": (given("strange", 9, 1.0),)}
    result = store(
        project,
        pulled(there, complete=True, foreign_questions=2, foreign_answers=1),
        1,
        accept_loss=False,
    )
    assert result.withdrawn == 1
    ledger = project.ledger
    assert (ledger.get("foreign_questions"), ledger.get("foreign_answers")) == ("3", "2")
    assert ledger.rows("select * from answers") == []
    assert ledger.rows("select key from questions where state = 'withdrawn'") == [{"key": asked[0]}]
    back = store(project, pulled(dict.fromkeys(asked, ()), complete=True), 1, accept_loss=False)
    assert back.withdrawn == 0
    assert ledger.rows("select distinct state, external_id = 'at-' || key as there from questions") == [
        {"state": "asked", "there": 1}
    ]


def test_everything_gone_is_another_server_and_nothing_is_written(project):
    """Unless the loss is accepted."""
    lost = replace(pulled({}, complete=True), cursor="9")
    with pytest.raises(CuratorError, match="is this another server or project than before"):
        store(project, lost, 1, accept_loss=False)
    assert project.ledger.get("cursor") != "9"
    assert store(project, lost, 1, accept_loss=True).withdrawn == len(keys(project))


def test_a_lunch_break_is_capped_and_shown(project):
    """With enough answers a page left open is paid up to the cap; measured time stays on record."""
    asked = keys(project)[:10]
    several = {key: tuple(given(key, n, 5.0 + n, annotator=f"a{n}") for n in range(3)) for key in asked}
    store(project, pulled(several), 1, accept_loss=False)
    late = asked[0]
    store(
        project,
        pulled({late: (*several[late], given(late, 7, 4000.0, annotator="late"))}),
        1,
        accept_loss=False,
    )
    row = project.ledger.one("select * from costs where seconds = 4000")
    assert (row["seconds"], row["capped_seconds"], row["amount"]) == (4000.0, 60.0, 60 * RATE)
    found = paid_hours(project.ledger)
    assert found.measured == pytest.approx((4000 + 10 * (5 + 6 + 7)) / 3600)
    assert found.paid == pytest.approx((60 + 10 * (5 + 6 + 7)) / 3600)


def test_an_edit_is_in_the_hours_once(project):
    """A version says the time of all versions so far: hours are not added up over versions."""
    key = keys(project)[0]
    for seconds in (3.0, 9.0):
        store(project, pulled({key: (given(key, 1, seconds),)}), 1, accept_loss=False)
    assert amounts(project) == [(3 * RATE, "measured"), (6 * RATE, "measured")]
    found = paid_hours(project.ledger)
    assert (found.measured, found.paid) == (pytest.approx(9 / 3600), pytest.approx(9 / 3600))
