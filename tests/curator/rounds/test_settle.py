"""How several answers become one label, and what happens when they do not."""

import pytest
from support.projects import make_project

from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.project.project import Project
from curator.rounds.limits import MOST_QUESTIONS
from curator.rounds.run import run_round
from curator.rounds.settle import settle
from curator.tasks.single import SingleChoice
from curator.tasks.task import Consensus

TASK = SingleChoice(("a", "b", "c"))


@pytest.mark.parametrize(
    ("votes", "found"),
    [
        ([None], Consensus(None, 0, None, tied=False)),
        ([None, None], Consensus(None, 0, None, tied=False)),
        (["a", None], Consensus(None, 1, None, tied=True)),
        (["a", "a", None], Consensus("a", 2, 2 / 3, tied=False)),
        (["a", None, None], Consensus(None, 1, None, tied=False)),
        (["a", "b", None], Consensus(None, 2, None, tied=True)),
        (["a", "b", "b", None], Consensus("b", 3, 0.5, tied=False)),
        (["a", "a", "b", "b", "c"], Consensus(None, 5, None, tied=True)),
    ],
)
def test_who_cannot_tell_votes_for_no_label(votes, found):
    """By hand; the order of the votes is irrelevant."""
    assert TASK.consensus(votes) == found
    assert TASK.consensus(votes[::-1]) == found


class Asked:
    """A ledger with questions and answers, written as pulls write them."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._clock = 0
        with ledger.write():
            for number in (1, 2):
                ledger.insert(
                    "rounds",
                    [
                        {
                            "id": number,
                            "status": "pushed",
                            "strategy": "m",
                            "seed": 0,
                            "config": "{}",
                            "opened_at": "t",
                        }
                    ],
                )

    def ask(self, key: str, item: str, round_: int = 1, role: str = "train") -> None:
        with self.ledger.write():
            row = {"key": key, "round": round_, "item_id": item, "role": role, "rank": 1, "state": "asked"}
            self.ledger.insert("questions", [row])

    def answer(
        self, key: str, who: str, label: str | None, *, cannot_tell: bool = False, version: int = 1
    ) -> None:
        self._clock += 1
        with self.ledger.write():
            row = {
                "source_id": f"{key}-{who}-{self._clock if version == 1 else self._first}", "version": version,
                "change": "new" if version == 1 else "edited", "key": key, "annotator": who, "label": label,
                "skipped": int(label is None and not cannot_tell), "cannot_tell": int(cannot_tell),
                "created_at": f"2026-01-01T00:00:{self._clock:02d}", "round": 1, "pulled_at": "t",
            }  # fmt: skip
            self._first = self._clock if version == 1 else self._first
            self.ledger.insert("answers", [row])

    def label(self, item: str) -> tuple[str | None, int, bool] | None:
        settle(self.ledger, TASK, 1, partial=False)
        row = self.ledger.one("select * from current_labels where item_id = ?", [item])
        return row and (row["label"], row["answers"], bool(row["tied"]))


@pytest.fixture
def asked(tmp_path):
    """An empty one."""
    with Ledger(tmp_path / "ledger.db") as ledger:
        yield Asked(ledger)


def test_of_one_person_the_newest_answer_counts(asked):
    """Submitted twice, or asked twice: one vote; whoever changes their mind settles the tie."""
    asked.ask("k", "i")
    asked.answer("k", "ada", "a")
    asked.answer("k", "ada", "b")
    assert asked.label("i") == ("b", 1, False)
    asked.answer("k", "bob", "a")
    assert asked.label("i") == (None, 2, True)
    asked.ask("again", "i", round_=2)
    asked.answer("again", "ada", "a")
    assert asked.label("i") == ("a", 2, False)


def test_a_skip_is_no_vote_and_takes_none_back(asked):
    """It says that this person would rather not; what they said before stands."""
    asked.ask("k", "i")
    asked.answer("k", "ada", None)
    assert asked.label("i") is None
    asked.answer("k", "bob", "a")
    asked.answer("k", "bob", None)
    assert asked.label("i") == ("a", 1, False)


def test_who_cannot_tell_any_more_takes_the_label_back(asked):
    """And it says on record that there was one."""
    asked.ask("k", "i")
    asked.answer("k", "ada", "a")
    assert asked.label("i") == ("a", 1, False)
    asked.answer("k", "ada", None, cannot_tell=True)
    assert asked.label("i") == (None, 0, False)
    assert [row["label"] for row in asked.ledger.rows("select label from labels order by version")] == [
        "a",
        None,
    ]


def test_a_tie_is_asked_again_as_long_as_it_makes_sense(asked):
    """Not while the question before is still open, not when it is settled, and not for ever."""
    ties = lambda: queries.questions.unsettled_ties(asked.ledger, MOST_QUESTIONS)  # noqa: E731
    for who in ("cid", "dan", "eve"):
        asked.ask(f"by-{who}", f"of-{who}")
        asked.answer(f"by-{who}", who, "a")
    asked.ask("k", "i", role="holdout")
    for who, label in (("ada", "a"), ("bob", "b")):
        asked.answer("k", who, label)
    asked.label("i")
    assert ties() == {"i": "holdout"}
    asked.ask("again-1", "i", round_=2, role="holdout")
    assert ties() == {}
    asked.answer("again-1", "cid", "c")
    assert asked.label("i") == (None, 3, True)
    assert ties() == {"i": "holdout"}
    asked.ask("again-2", "i", round_=2, role="holdout")
    asked.answer("again-2", "dan", None, cannot_tell=True)
    assert asked.label("i") == (None, 3, True)
    assert ties() == {}  # three questions were asked about it: it rests
    asked.answer("again-2", "eve", "c")
    assert asked.label("i") == ("c", 4, False)


def test_a_tie_waits_for_the_answers_that_its_question_still_wants(asked):
    """Two of three wanted answers differ: the third is on its way, and no second question is asked or paid."""
    asked.ask("by-cid", "of-cid")
    asked.answer("by-cid", "cid", "a")
    asked.ask("k", "i")
    with asked.ledger.write():
        asked.ledger.update("questions", "k", answers_wanted=3)
    asked.answer("k", "ada", "a")
    asked.answer("k", "bob", "b")
    assert asked.label("i") == (None, 2, True)
    assert queries.questions.unsettled_ties(asked.ledger, MOST_QUESTIONS) == {}
    asked.answer("k", "dan", "c")
    assert asked.label("i") == (None, 3, True)
    assert queries.questions.unsettled_ties(asked.ledger, MOST_QUESTIONS) == {"i": "train"}


def test_the_same_two_people_are_not_asked_again(asked):
    """They would tie again, and be paid for it; once a third has appeared, the tie is asked."""
    asked.ask("k", "i")
    asked.answer("k", "ada", "a")
    asked.answer("k", "bob", "b")
    asked.label("i")
    assert queries.questions.unsettled_ties(asked.ledger, MOST_QUESTIONS) == {}
    asked.ask("other", "j")
    asked.answer("other", "cid", "a")
    assert queries.questions.unsettled_ties(asked.ledger, MOST_QUESTIONS) == {"i": "train"}


def test_a_deleted_question_does_not_keep_a_tie_from_being_asked(asked):
    """Nobody will answer it any more."""
    asked.ask("by-cid", "of-cid")
    asked.answer("by-cid", "cid", "a")
    asked.ask("k", "i")
    asked.answer("k", "ada", "a")
    asked.answer("k", "bob", "b")
    asked.label("i")
    asked.ask("again", "i", round_=2)
    with asked.ledger.write():
        asked.ledger.update("questions", "again", state="withdrawn")
    assert queries.questions.unsettled_ties(asked.ledger, MOST_QUESTIONS) == {"i": "train"}


def test_a_tied_item_is_not_learned_from(tmp_path):
    """It has no label: neither training nor the hold-out see it, until it has one."""
    with Project(make_project(tmp_path, n=60, batch=6, holdout="10")) as project:
        run_round(project)
        run_round(project)
        before = queries.labels.training_labels(project.ledger)
        key, item = next(
            (row["key"], row["item_id"])
            for row in project.ledger.rows("select * from questions where role = 'train' and round = 1")
        )
        other = next(name for name in project.config.project.classes if name != before[item])
        with project.ledger.write():
            row = project.ledger.one("select * from answers where key = ?", [key])
            project.ledger.insert(
                "answers", [{**row, "source_id": "x", "annotator": "other", "label": other}]
            )
        settle(project.ledger, project.task, 2, partial=True)
        assert set(before) - set(queries.labels.training_labels(project.ledger)) == {item}
