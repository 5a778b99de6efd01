"""Who answered: told by a number at a server; names come and go, and edit nothing."""

import json
import sqlite3
from types import SimpleNamespace

import pytest
from sqlite_utils import Database

from curator.config import CostSection
from curator.ledger import queries
from curator.ledger.schema import migrations
from curator.ledger.store import Ledger
from curator.money.cost import rate_of
from curator.money.rates import rates_by_person
from curator.money.unasked import read_unasked
from curator.rounds.settle import settle
from curator.rounds.store import Stored, store
from curator.tasks.single import SingleChoice
from integrations.labelers.protocol import Answer, Identity, Pulled, QuestionAnswers

SERVER = "http://ls.example.org"
PRICE = 100_000  # micro-dollars
COST = CostSection(price_per_label="0.1")
CONFIG = json.dumps({"cost": COST.model_dump(mode="json")})  # as rounds keep it


class Desk:
    """A ledger with questions k1, k2, ... of one round, and a labeler that is told what it holds."""

    def __init__(self, ledger: Ledger, *, questions: int = 4, wanted: int = 1) -> None:
        self.ledger = ledger
        self.project = SimpleNamespace(
            ledger=ledger,
            config=SimpleNamespace(cost=COST),
            campaign="c",
            labeler=SimpleNamespace(where=lambda: SERVER),
        )
        with ledger.write():
            ledger.insert(
                "rounds",
                [
                    {
                        "id": 1,
                        "status": "pushed",
                        "strategy": "m",
                        "seed": 0,
                        "config": CONFIG,
                        "opened_at": "t",
                    }
                ],
            )
            ledger.insert(
                "questions",
                [
                    {"key": f"k{n}", "round": 1, "item_id": f"i{n}", "role": "train", "rank": n, "state": "asked",
                     "external_id": f"k{n}", "answers_wanted": wanted}
                    for n in range(1, questions + 1)
                ],
            )  # fmt: skip

    def pull(self, answers: dict[str, list[Answer]], *, complete: bool = False) -> Stored:
        found = tuple(QuestionAnswers(key, key, tuple(given)) for key, given in answers.items())
        return store(
            self.project, Pulled(questions=found, cursor="1", complete=complete), 1, accept_loss=True
        )

    def live(self, columns: str) -> list[tuple]:
        rows = self.ledger.rows(f"select {columns} from live_answers order by key, created_at, source_id")
        return [tuple(row.values()) for row in rows]

    def versions(self) -> int:
        return int(self.ledger.scalar("select count(*) from answers"))

    def owed(self) -> int:
        return sum(queries.costs.spend(self.ledger).values())


@pytest.fixture
def desk(tmp_path):
    with Ledger(tmp_path / "ledger.db") as ledger:
        yield Desk(ledger)


def by(number: int | None, name: str = "", at: int = 1, *, label: str | None = "a", **more) -> Answer:
    """Annotation `at`, given in second `at` by a user of the server, or by nobody that is known."""
    origin = more.pop("origin", SERVER)
    created = f"2026-01-01T00:00:{at:02d}.000000Z"
    return Answer(
        source_id=f"{more.pop('id', at)}@{created}", annotator=name, label=label, skipped=label is None,
        seconds=more.pop("seconds", float(at)), created_at=created, updated_at=more.pop("updated", created),
        identity=None if number is None else Identity(origin, str(number)), raw={"completed_by": number}, **more,
    )  # fmt: skip


@pytest.mark.parametrize("later", [(1, ""), (1, "ada@new.example.org"), (None, "")])
def test_who_leaves_or_is_renamed_edits_nothing(desk, later):
    """Removed from the organisation, renamed, deleted: no new version, no charge, and the label stands."""
    desk.pull({"k1": [by(1, "ada@example.org", 1)], "k2": [by(2, "bob@example.org", 2)]})
    settle(desk.ledger, SingleChoice(()), 1, partial=True)
    number, name = later
    changed = desk.pull({"k1": [by(number, name, 1)], "k2": [by(2, "bob@example.org", 2)]})
    assert (changed.edited, desk.versions(), desk.owed()) == (0, 2, 2 * PRICE)
    assert queries.questions.progress(desk.ledger, 1).annotators == {
        name or "ada@example.org": 1,
        "bob@example.org": 1,
    }
    assert settle(desk.ledger, SingleChoice(()), 1, partial=True).labeled == 0
    assert desk.ledger.rows("select distinct annotator from costs order by 1") == [
        {"annotator": name or "ada@example.org"},
        {"annotator": "bob@example.org"},
    ]


def test_two_who_are_both_gone_are_two(tmp_path):
    """Before they were ever seen: removed ones keep their numbers, deleted ones have none; nobody is waited for."""
    with Ledger(tmp_path / "ledger.db") as ledger:
        desk = Desk(ledger, questions=3, wanted=2)
        desk.pull(
            {
                "k1": [by(7, "", 1), by(8, "", 2)],
                "k2": [by(None, "", 3), by(None, "", 4)],
                "k3": [by(None, "", 5)],
            }
        )
        progress = queries.questions.progress(ledger, 1)
        assert (progress.answered, progress.waiting) == (2, 1)
        assert progress.annotators == {"unknown": 2, "unknown 2": 1, "user-7": 1, "user-8": 1}
        desk.pull({"k3": [by(None, "", 5), by(None, "", 6)]})
        assert queries.questions.progress(ledger, 1).waiting == 0
        assert desk.live("annotator")[-2:] == [("unknown",), ("unknown 2",)]


def test_a_server_at_a_new_address_is_known_by_its_answers(desk):
    """The same answers with the same numbers: the same people, also for what they say next."""
    desk.pull({"k1": [by(1, "ada@example.org", 1)], "k2": [by(2, "bob@example.org", 2)]})
    moved = "https://labels.example.org"
    desk.pull(
        {
            "k1": [by(1, "ada@example.org", 1, origin=moved)],
            "k2": [by(2, "bob@example.org", 2, origin=moved)],
            "k3": [by(1, "ada@example.org", 3, origin=moved)],
        }
    )
    assert desk.versions() == 3
    assert queries.questions.progress(desk.ledger, 1).annotators == {
        "ada@example.org": 2,
        "bob@example.org": 1,
    }


def test_one_number_at_two_servers_is_two_people(tmp_path):
    """Both answer every question; one name for both is told apart by where they are."""
    with Ledger(tmp_path / "ledger.db") as ledger:
        desk = Desk(ledger, questions=2, wanted=2)
        given = {
            f"k{n}": [
                by(1, "", n, origin="a", id=n),
                by(1, "", n, origin="b", id=n, label="b", seconds=7.0),
            ]
            for n in (1, 2)
        }
        desk.pull(given)
        # The same id and time from both: two answers all the same.
        assert desk.live("annotator, label") == [("user-1 (a)", "a"), ("user-1 (b)", "b")] * 2
        assert queries.questions.progress(ledger, 1).waiting == 0
        assert desk.owed() == 4 * PRICE
        # However they come the next time.
        again = {key: list(reversed(answers)) for key, answers in given.items()}
        assert desk.pull(again) == Stored(0, 0, 0)
        assert desk.versions() == 4
        # One of the exports is taken out of the folder.
        assert desk.pull({"k1": given["k1"][1:]}).taken_back == 1
        assert desk.live("key, annotator")[0] == ("k1", "user-1 (b)")


def test_two_servers_that_were_taken_for_one_person_are_told_apart_once_they_answer_the_same(tmp_path):
    """As in a ledger of before: the first keeps what there was, the other becomes somebody new; nothing is edited."""
    with Ledger(tmp_path / "ledger.db") as ledger:
        desk = Desk(ledger, questions=1, wanted=2)
        desk.pull({"k1": [by(1, "", 1, origin=""), by(1, "", 2, origin="")]})
        assert queries.questions.progress(ledger, 1).waiting == 1
        changed = desk.pull({"k1": [by(1, "", 1, origin="a"), by(1, "", 2, origin="b")]})
        assert (changed.edited, desk.versions()) == (0, 2)
        assert queries.questions.progress(ledger, 1).waiting == 0
        assert desk.live("copy_of") == [(None,), (None,)]


def test_the_id_of_another_question_s_answer_is_taken(desk):
    """Servers count alike: one id for answers to two questions is two answers, now and at the next pull."""
    first = {"k1": [by(1, "", 1, origin="a", id=5)]}
    both = first | {"k2": [by(1, "", 1, origin="b", id=5)]}
    desk.pull(first)
    desk.pull(both)
    assert desk.pull(both) == Stored(0, 0, 0)
    assert [row[0] for row in desk.live("source_id")] == [
        "5@2026-01-01T00:00:01.000000Z",
        "5@2026-01-01T00:00:01.000000Z~2",
    ]
    edited = both | {"k2": [by(1, "", 1, origin="b", id=5, label="b")]}
    assert desk.pull(edited).edited == 1
    assert desk.live("label") == [("a",), ("b",)]


def test_a_rate_follows_a_person_through_names(desk):
    """By any name the person ever had, by the number, or by the identity; others are paid as all."""
    desk.pull({"k1": [by(1, "ada@example.org", 1)], "k2": [by(2, "bob@example.org", 2)]})
    desk.pull({"k1": [by(1, "ada@new.example.org", 1)]})
    for name in ("ada@example.org", "ada@new.example.org", "user-1", f"{SERVER}#1"):
        cost = CostSection(price_per_label="0.1", annotators={name: {"price_per_label": "0.3"}})
        card = rates_by_person(desk.ledger, cost)
        assert rate_of(card, "ada@new.example.org").price_per_label == "0.3", name
        assert rate_of(card, "bob@example.org").price_per_label == "0.1"


def test_a_second_answer_of_one_person_is_a_version_of_the_first(desk):
    """Paid once, and the newest word counts; who skips and then answers has answered once."""
    desk.pull(
        {
            "k1": [by(1, "ada@example.org", 1), by(1, "ada@example.org", 2, label="b")],
            "k2": [by(1, "ada@example.org", 3, label=None), by(1, "ada@example.org", 4)],
        }
    )
    assert desk.live("key, label, copy_of is not null") == [
        ("k1", "a", 0), ("k1", "b", 1), ("k2", None, 0), ("k2", "a", 0),
    ]  # fmt: skip
    assert desk.owed() == 2 * PRICE
    settle(desk.ledger, SingleChoice(()), 1, partial=True)
    assert queries.labels.training_labels(desk.ledger) == {"i1": "b", "i2": "a"}
    # The first one is corrected after the second was given.
    desk.pull({"k1": [by(1, "", 1, label="c", updated="2026-01-02T00:00:00Z"), by(1, "", 2, label="b")]})
    settle(desk.ledger, SingleChoice(()), 1, partial=True)
    assert queries.labels.training_labels(desk.ledger)["i1"] == "c"
    # Deleted and given anew.
    desk.pull({"k1": [by(1, "", 9, label="a")]})
    assert desk.owed() == 2 * PRICE
    assert read_unasked(desk.ledger).answers == 0


def test_an_imported_copy_is_no_work_and_has_no_voice_beside_its_original(desk):
    """Imported twice, by somebody else, from an export of before an edit; without its original it speaks for it."""
    ada, copy = by(1, "ada@example.org", 1), by(3, "owner@example.org", 5, seconds=1.0, import_id="1")
    twice = by(3, "owner@example.org", 6, seconds=1.0, import_id="5")
    desk.pull({"k1": [ada]})
    desk.pull({"k1": [by(1, "ada@example.org", 1, label="b", seconds=8.0), copy, twice]})
    assert desk.live("annotator, copy_of is not null") == [("ada@example.org", n) for n in (0, 1, 1)]
    assert (desk.owed(), queries.questions.progress(desk.ledger, 1).annotators) == (
        PRICE,
        {"ada@example.org": 1},
    )
    settle(desk.ledger, SingleChoice(()), 1, partial=True)
    assert queries.labels.training_labels(desk.ledger) == {"i1": "b"}
    desk.pull({"k1": [copy, twice], "k2": [by(3, "owner@example.org", 7)]})
    settle(desk.ledger, SingleChoice(()), 1, partial=True)
    assert queries.labels.training_labels(desk.ledger) == {"i1": "a", "i2": "a"}
    assert desk.live("annotator") == [("ada@example.org",), ("ada@example.org",), ("owner@example.org",)]
    assert desk.owed() == 2 * PRICE


def test_work_done_elsewhere_and_imported_is_work(desk):
    """Another server counts alike, so the number alone proves no copy; and what is not known here is nobody's copy."""
    desk.pull(
        {
            "k1": [by(1, "ada@example.org", 1), by(4, "bob@example.org", 5, seconds=9.5, import_id="1")],
            "k2": [by(4, "bob@example.org", 6, import_id="2")],
        }
    )
    assert desk.live("copy_of") == [(None,)] * 3
    assert read_unasked(desk.ledger).annotators == {"bob@example.org": 1}


def test_answers_that_nobody_asked_for_are_listed_with_what_they_cost(desk):
    """Two people opened one task: both are paid, and the budget hears of it. A copy is not among them."""
    desk.pull(
        {
            "k1": [by(1, "ada@example.org", 1), by(2, "bob@example.org", 2), by(2, "bob@example.org", 3)],
            "k2": [by(1, "ada@example.org", 4)],
        }
    )
    found = read_unasked(desk.ledger)
    assert (found.answers, found.items, found.annotators, found.amount) == (
        1, ["i1"], {"bob@example.org": 1}, PRICE,
    )  # fmt: skip
    assert found.sentence("USD") == "1 answer was given beyond those asked for: $0.10 of the spending"
    desk.ledger.execute("update costs set source = 'not known', amount = 0")
    unknown = read_unasked(desk.ledger)
    assert unknown.sentence("USD") == "1 answer was given beyond those asked for, at a cost that is not known"


def test_items_whose_answers_cannot_be_read_are_asked_about_again(desk):
    """Not those with a readable answer, not who cannot tell, not while somebody is still asked, and not for ever."""
    unreadable = {"label": None, "problem": "'Red' is not one of the classes"}

    def broken(number: int, at: int) -> Answer:
        return by(number, "", at, **unreadable)

    given = {"k1": [broken(1, 1)], "k2": [broken(1, 2), by(2, "", 3)], "k3": [by(1, "", 4, label=None)]}
    desk.pull({key: [_unskipped(a) for a in answers] for key, answers in given.items()})
    settle(desk.ledger, SingleChoice(()), 1, partial=True)
    assert queries.questions.asked_again(desk.ledger, 3) == {"i1": "train"}
    assert queries.questions.without_label(desk.ledger) == {
        "no answer can be read": ["i1"],
        "skipped": ["i3"],
        "not answered": ["i4"],
    }
    with desk.ledger.write():
        row = {"round": 1, "item_id": "i1", "role": "train", "rank": 9, "state": "asked"}
        desk.ledger.insert("questions", [{"key": "again", **row}])
    assert queries.questions.asked_again(desk.ledger, 3) == {}
    desk.pull({"again": [_unskipped(broken(1, 8))]})
    assert queries.questions.asked_again(desk.ledger, 3) == {"i1": "train"}
    assert queries.questions.asked_again(desk.ledger, 2) == {}


def _unskipped(answer: Answer) -> Answer:
    from dataclasses import replace

    return replace(answer, skipped=answer.label is None and not answer.problem)


def test_an_item_whose_question_is_gone_without_an_answer_is_back_in_the_pool(desk):
    """As when a server was restored from a backup; what was answered stays where it is."""
    desk.pull({"k1": [by(1, "", 1)], "k2": []}, complete=True)
    assert desk.ledger.rows("select key from questions where state = 'withdrawn' order by key") == [
        {"key": "k3"},
        {"key": "k4"},
    ]
    assert queries.questions.asked_ids(desk.ledger) == ["i1", "i2"]


def test_people_of_a_former_ledger_are_told_by_their_numbers(tmp_path):
    """Two who were both `Deleted`, one renamed, one gone without a trace, and a labeler without numbers: nothing is lost."""
    path = tmp_path / "ledger.db"
    db = Database(sqlite3.connect(path))
    migrations.apply(db.conn, stop_before="m011_people")
    db.table("rounds").insert(
        {"id": 1, "status": "pushed", "strategy": "m", "seed": 0, "config": CONFIG, "opened_at": "t"}
    )
    db.table("state").insert({"key": "cursor", "value": "2026"})
    db.table("questions").insert_all(
        [
            {"key": f"k{n}", "round": 1, "item_id": f"i{n}", "role": "train", "rank": n, "state": "asked",
             "external_id": f"k{n}"}
            for n in range(1, 6)
        ]
    )  # fmt: skip
    versions = [
        ("k1", 1, "ada@example.org", 1), ("k1", 2, "Deleted", 1),
        ("k2", 1, "bob@example.org", {"id": 2}), ("k2", 2, "Deleted", 2),
        ("k3", 1, "eve@example.org", 3), ("k3", 2, "unknown", None),
        ("k4", 1, "eve@new.example.org", 3),
        ("k5", 1, "replay", None),
    ]  # fmt: skip
    at = {f"k{n}": f"2026-01-01T00:00:0{n}.000000Z" for n in range(1, 6)}
    db.table("answers").insert_all(
        [
            {"source_id": f"{key[1]}@{at[key]}", "version": version, "change": "new", "key": key, "annotator": name,
             "label": "a", "skipped": 0, "seconds": float(key[1]), "round": 1, "pulled_at": "t", "created_at": at[key],
             "updated_at": at[key], "raw": json.dumps({"completed_by": user, "created_at": at[key]})}
            for key, version, name, user in versions
        ]
    )  # fmt: skip
    common = {"round": 1, "kind": "label", "currency": "USD", "source": "measured"}
    db.table("costs").insert_all(
        [
            {
                "source_id": f"{key[1]}@{at[key]}",
                "version": version,
                "key": key,
                "annotator": name,
                "basis": "per label",
                "amount": PRICE if version == 1 else 0,
                **common,
            }
            for key, version, name, _ in versions
        ]
    )
    db.table("costs").insert(
        {
            "source_id": f"review:1@{at['k1']}",
            "version": 1,
            "key": "k1",
            "annotator": "ada@example.org",
            "basis": "review",
            "amount": PRICE,
            **common,
        }
    )
    db.close()
    names = {
        "k1": "ada@example.org", "k2": "bob@example.org", "k3": "eve@new.example.org",
        "k4": "eve@new.example.org", "k5": "replay",
    }  # fmt: skip
    with Ledger(path) as ledger:
        assert {row["key"]: row["annotator"] for row in ledger.rows("select * from answers")} == names
        paid = ledger.rows("select distinct key, annotator from costs")
        assert {row["key"]: row["annotator"] for row in paid} == names
        assert ledger.get("cursor") is None
        before = ledger.scalar("select count(*) from answers")
        project = SimpleNamespace(
            ledger=ledger,
            config=SimpleNamespace(cost=CostSection(price_per_label="0.1")),
            campaign="c",
            labeler=SimpleNamespace(where=lambda: SERVER),
        )
        now = {"k1": (1, ""), "k2": (2, ""), "k3": (None, ""), "k4": (3, "eve@newer.example.org")}
        found = tuple(
            QuestionAnswers(key, key, (by(number, name, int(key[1])),)) for key, (number, name) in now.items()
        )
        result = store(project, Pulled(questions=found, cursor="1", complete=False), 1, accept_loss=False)
        assert (result.edited, ledger.scalar("select count(*) from answers")) == (0, before)
        assert ledger.scalar("select annotator from answers where key = 'k3'") == "eve@newer.example.org"
