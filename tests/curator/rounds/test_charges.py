"""Charges: the bill is derived from all answers known, so it does not depend on when, how often or in which order one looks."""

import json
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from curator.config import CostSection
from curator.errors import DataError
from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.money.bill import by_source, paid_hours
from curator.money.caps import ENOUGH, FIRST
from curator.money.invoice import import_invoice
from curator.money.marginal_price import marginal_price, paid_between
from curator.money.rates import other_rates
from curator.rounds.charges import reconcile, reprice

HOURLY = CostSection(hourly_rate="25")
PER_LABEL = CostSection(price_per_label="0.08")
QUESTIONS = 12
PHASES = (Phase.explicit, Phase.generate)  # a ledger each: making an example smaller takes minutes


def campaign(path: Path, *cards: CostSection) -> Ledger:
    """A ledger with a round per rate card, the newest one open, each with questions that were asked."""
    ledger = Ledger(path)
    ledger.execute("pragma synchronous = off")
    with ledger.write():
        for number, card in enumerate(cards, start=1):
            config = json.dumps({"cost": card.model_dump(mode="json")})
            status = "pushed" if number == len(cards) else "measured"
            ledger.insert(
                "rounds",
                [{"id": number, "status": status, "strategy": "margin", "seed": 0, "config": config, "opened_at": "t", "labels": 10 * number}],
            )  # fmt: skip
            ledger.insert(
                "questions",
                [
                    {
                        "key": f"r{number}-{i}", "round": number, "item_id": f"i{number}-{i}", "rank": i, "state": "asked",
                        "role": "holdout" if i % 4 == 3 else "train",
                    }
                    for i in range(QUESTIONS)
                ],
            )  # fmt: skip
    return ledger


def said(ledger, source_id, *, key="r1-0", who="ada", seconds=None, skipped=False, change="new", news=None):
    """The next version of an answer; `news` is the round that is open, whose bill is brought up to date."""
    version = 1 + int(
        ledger.scalar("select coalesce(max(version), 0) from answers where source_id = ?", [source_id])
    )
    with ledger.write():
        ledger.insert(
            "answers",
            [
                {
                    "source_id": source_id, "version": version, "change": change, "key": key, "annotator": who,
                    "label": None if skipped else "a", "skipped": int(skipped), "seconds": seconds, "round": news or 1, "pulled_at": "t",
                }
            ],
        )  # fmt: skip
        if news:
            reconcile(ledger, news)


def total(ledger) -> int:
    return int(ledger.scalar("select coalesce(sum(amount), 0) from costs"))


def by_round(ledger) -> dict[tuple[int, str], int]:
    rows = ledger.rows("select round, kind, sum(amount) as amount from costs group by round, kind")
    return {(row["round"], row["kind"]): row["amount"] for row in rows if row["amount"]}


def reasons(ledger) -> list[str]:
    return [
        row["reason"]
        for row in ledger.rows("select reason from costs where reason is not null order by rowid")
    ]


@pytest.fixture
def ledger(tmp_path):
    with campaign(tmp_path / "ledger.db", HOURLY) as opened:
        yield opened


def look_after_each(ledger, times, first):
    for number, seconds in enumerate(times):
        said(
            ledger,
            f"a{number}",
            key=f"r1-{number % QUESTIONS}",
            seconds=seconds,
            news=1 if number < first else None,
        )
    with ledger.write():
        reconcile(ledger, 1)


def test_a_page_left_open_costs_the_same_whenever_one_looks(tmp_path):
    """24 answers, one of 14 hours: $1.375 in one look, after a look at the first answer, and after a look at each."""
    times = [14 * 3600.0] + [6.0] * 23
    bills = []
    for looks in (0, 1, 24):
        with campaign(tmp_path / f"{looks}.db", HOURLY) as ledger:
            look_after_each(ledger, times, looks)
            bills.append(total(ledger))
    assert bills == [pytest.approx((60 + 23 * 6) * 25_000_000 / 3600, abs=24)] * 3
    assert len(set(bills)) == 1


def test_before_there_is_data_an_answer_costs_the_first_cap_at_most(ledger):
    """One answer of 14 hours is one minute's pay; so are nineteen of them, which is what a budget plans with."""
    for number in range(ENOUGH - 1):
        said(ledger, f"a{number}", seconds=14 * 3600.0, news=1)
        assert total(ledger) == (number + 1) * round(FIRST * 25_000_000 / 3600)
    assert reasons(ledger) == []


def test_work_that_does_take_long_is_paid_in_full_once_enough_answers_show_it(ledger):
    """Twenty answers of 300 to 319 s: what the first cap held back is added, each with its reason."""
    for number in range(ENOUGH):
        said(ledger, f"a{number}", seconds=300.0 + number, news=1)
    hours = paid_hours(ledger)
    assert hours.paid == hours.measured
    assert total(ledger) == sum(round((300 + n) * 25_000_000 / 3600) for n in range(ENOUGH))
    assert reasons(ledger) == ["cap raised by later answers"] * (ENOUGH - 1)


answers = st.tuples(
    st.sampled_from(["ada", "bob", "cid"]),
    st.integers(0, 2 * QUESTIONS - 1),  # which question
    st.lists(
        st.tuples(st.booleans(), st.none() | st.floats(0, 400) | st.just(50_000.0)), min_size=1, max_size=3
    ),  # versions: skipped, seconds
    st.lists(st.integers(0, 5), min_size=3, max_size=3),  # before which pull each version is there
    st.booleans(),  # deleted before the last pull
)
CARD = {
    "annotators": {"bob": {"price_per_label": "0.11"}, "cid": {"hourly_rate": "31.07"}},
    "paid_to_active": 1.3,
}


@settings(max_examples=15, phases=PHASES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(answers, max_size=45), st.integers(0, 2**32 - 1), st.booleans())
def test_the_same_answers_give_the_same_bill(given_answers, order, reviewed):
    """Over edits, skips, deletions, missing times and any number of pulls: the bill is that of one pull, to the micro-unit."""
    review = {"review_share": 0.13, "review_price": "0.05"} if reviewed else {}
    cards = (
        CostSection(hourly_rate="25", **CARD, **review),
        CostSection(hourly_rate="28.5", **CARD, **review),
    )
    with tempfile.TemporaryDirectory() as folder, campaign(Path(folder) / "many.db", *cards) as many:
        for pull in range(6):
            now = [
                i for i, one in enumerate(given_answers) if any(at == pull for at in one[3][: len(one[2])])
            ]
            for i in sorted(now, key=lambda i: (order * (i + 1)) % 7919):
                who, question, versions, when, _gone = given_answers[i]
                # Of the versions since the last pull only the newest is seen.
                skipped, seconds = [v for v, at in zip(versions, when, strict=False) if at == pull][-1]
                key = f"r{1 + question // QUESTIONS}-{question % QUESTIONS}"
                said(many, f"a{i}", key=key, who=who, seconds=seconds, skipped=skipped)
            if pull == 5:
                for i, one in enumerate(given_answers):
                    if one[4]:
                        last = many.one(
                            "select * from answers where source_id = ? order by version desc", [f"a{i}"]
                        )
                        said(
                            many,
                            f"a{i}",
                            key=last["key"],
                            who=last["annotator"],
                            seconds=last["seconds"],
                            skipped=bool(last["skipped"]),
                            change="deleted",
                        )
            with many.write():
                reconcile(many, 2)
        with campaign(Path(folder) / "one.db", *cards) as one:
            for row in many.rows(
                "select source_id, max(version), key, annotator, seconds, skipped from answers group by source_id"
            ):
                said(
                    one,
                    row["source_id"],
                    key=row["key"],
                    who=row["annotator"],
                    seconds=row["seconds"],
                    skipped=bool(row["skipped"]),
                )
            with one.write():
                reconcile(one, 2)
            assert by_round(many) == by_round(one)
            assert queries.costs.spend(many) == queries.costs.spend(one)
            assert by_source(many) == by_source(one)
            assert paid_hours(many) == paid_hours(one)
            with one.write():
                assert reconcile(one, 2) == 0  # nothing is left to correct


@settings(max_examples=10, phases=PHASES, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["ada", "bob"]), st.none() | st.floats(0, 5000)), min_size=1, max_size=50),
    st.sets(st.integers(0, 49), max_size=6), st.randoms(use_true_random=False),
)  # fmt: skip
def test_neither_order_nor_looks_change_a_bill(found, looks, random):
    """The same answers in another order, looked at in between or not."""
    bills = []
    with tempfile.TemporaryDirectory() as folder:
        for name, where in (("plain", set()), ("shuffled", looks)):
            with campaign(Path(folder) / f"{name}.db", HOURLY) as ledger:
                places = list(range(len(found)))
                if where:
                    random.shuffle(places)
                for step, i in enumerate(places):
                    said(
                        ledger,
                        f"a{i}",
                        who=found[i][0],
                        seconds=found[i][1],
                        news=1 if step in where else None,
                    )
                with ledger.write():
                    reconcile(ledger, 1)
                bills.append((total(ledger), by_source(ledger), queries.costs.spend(ledger)))
    assert bills[0] == bills[1]


def test_each_correction_says_why(ledger):
    """Times that arrive, edits, other people's times, a cap that falls: a row each, by difference, nothing overwritten."""
    said(ledger, "none", seconds=None, news=1)
    said(ledger, "late", seconds=None, news=1)
    said(ledger, "late", seconds=30.0, change="edited", news=1)
    said(ledger, "late", seconds=42.0, change="edited", news=1)
    assert sorted(reasons(ledger)) == [
        "answer edited", "time arrived", "times of other answers arrived", "typical time changed by later answers",
    ]  # fmt: skip
    rows = ledger.rows("select amount, source from costs where source_id = 'none' order by version")
    assert [(row["source"], row["amount"]) for row in rows] == [
        ("not known", 0), ("imputed", 208_333), ("imputed", 83_334),
    ]  # fmt: skip
    assert by_source(ledger) == {"measured": 291_667, "imputed": 291_667}


def test_a_skip_after_all_and_back(tmp_path):
    """By label: the newest version decides, whoever looked in between."""
    with campaign(tmp_path / "l.db", PER_LABEL) as ledger:
        said(ledger, "a", news=1)
        said(ledger, "a", skipped=True, change="edited", news=1)
        assert total(ledger) == 0
        said(ledger, "a", change="edited", news=1)
        assert total(ledger) == 80_000
        assert reasons(ledger) == ["skipped after all", "no longer skipped"]


def test_what_nobody_knows_is_never_nothing(ledger):
    """Paid by the hour and no times at all: null in every sum, until a time or an invoice comes."""
    for number in range(3):
        said(ledger, f"a{number}", key=f"r1-{number + 1}", news=1)  # the last one is a hold-out question
    assert queries.costs.spend(ledger) == {"label": None, "holdout": None}
    assert by_source(ledger) == {"not known": None}
    assert queries.costs.count_unknown(ledger) == 3
    assert paid_between(ledger, 0, 1) is None
    assert marginal_price(ledger, HOURLY) is None
    assert {row["amount"] for row in ledger.rows("select amount from bill")} == {None}
    with ledger.write():
        ledger.insert("gains", [{"round": 1, "metric": "accuracy", "value": 0.5, "gain": 0.1}])
    row = ledger.one("select cost, total_cost, gain_per_dollar from gain")
    assert set(row.values()) == {None}
    said(ledger, "timed", seconds=36.0, news=1)
    assert queries.costs.spend(ledger) == {"label": 3 * 250_000, "holdout": 250_000}
    assert queries.costs.count_unknown(ledger) == 0
    assert ledger.one("select cost from gain") == {"cost": 750_000}


def test_an_invoice_makes_it_known(ledger, tmp_path):
    """And what comes later does not move what was invoiced."""
    said(ledger, "a", news=1)
    said(ledger, "b", key="r1-3", news=1)
    with ledger.write():
        ledger.update("rounds", 1, status="measured")
    path = tmp_path / "invoice.csv"
    path.write_text("round,amount\n1,9.50\n", encoding="utf-8")
    import_invoice(ledger, path, "USD")
    assert queries.costs.spend(ledger) == {"label": 9_500_000, "holdout": None}
    said(ledger, "b", key="r1-3", seconds=10.0, change="edited", news=1)
    said(ledger, "a", seconds=20.0, change="edited", news=1)
    assert queries.costs.spend(ledger) == {"label": 9_500_000, "holdout": 69_444}
    assert [line.difference for line in import_invoice(ledger, path, "USD")] == [0]


def test_an_hour_that_costs_nothing_is_known(tmp_path):
    """Volunteers without times cost $0.00, and that is no guess."""
    with campaign(tmp_path / "l.db", CostSection(hourly_rate="0")) as ledger:
        said(ledger, "a", news=1)
        assert queries.costs.spend(ledger) == {"label": 0, "holdout": 0}
        assert queries.costs.count_unknown(ledger) == 0


def test_a_price_that_changed_holds_for_what_is_asked_afterwards(tmp_path):
    """Each answer costs what its round was opened with, also one that is pulled late; saying so reprices, with a reason."""
    new = CostSection(price_per_label="0.10", review_share=0.5, review_price="0.02")
    with campaign(tmp_path / "l.db", PER_LABEL, new) as ledger:
        said(ledger, "early", key="r1-0", news=1)
        said(ledger, "now", key="r2-0", news=2)
        said(ledger, "late", key="r1-1", news=2)
        assert by_round(ledger) == {(1, "label"): 80_000, (2, "label"): 180_000, (2, "review"): 10_000}
        assert other_rates(ledger, new) is None
        assert other_rates(ledger, PER_LABEL) == 2
        before = by_round(ledger)
        tried = reprice(ledger, new, [1], dry_run=True)
        assert by_round(ledger) == before
        done = reprice(ledger, new, [1])
        assert tried == done
        assert [(one.round, one.before, one.after) for one in done] == [
            (1, 80_000, 110_000),
            (2, 190_000, 220_000),
        ]
        assert set(reasons(ledger)) == {"rates changed"}
        assert [one.after - one.before for one in reprice(ledger, new, [1])] == [0]
        with pytest.raises(DataError, match="There is no round 7: the ledger has rounds 1 to 2"):
            reprice(ledger, new, [7])


def test_an_answer_that_repeats_another_is_owed_nothing(ledger):
    """A copy is no work: neither its price nor its time counts, from when it is known to be one."""
    if "copy_of" not in {row["name"] for row in ledger.rows("select name from pragma_table_info('answers')")}:
        ledger.execute("alter table answers add column copy_of text")
    said(ledger, "a", seconds=10.0, news=1)
    said(ledger, "b", seconds=500.0, news=1)
    with ledger.write():
        ledger.execute("update answers set copy_of = 'a' where source_id = 'b'")
        reconcile(ledger, 1)
    assert total(ledger) == round(10 * 25_000_000 / 3600)
    assert reasons(ledger) == ["repeats another answer"]
    assert paid_hours(ledger).paid == pytest.approx(10 / 3600)


def test_a_bill_of_an_earlier_curator_is_derived_once(ledger):
    """Charged answer by answer, the first without a cap, the second as if its unknown time were nothing."""
    said(ledger, "a", seconds=14 * 3600.0)
    said(ledger, "b", seconds=None)
    old = {
        "round": 1,
        "kind": "label",
        "key": "r1-0",
        "annotator": "ada",
        "currency": "USD",
        "basis": "per hour",
        "version": 1,
    }
    with ledger.write():
        ledger.insert("costs", [
            old | {"source_id": "a", "seconds": 50_400.0, "capped_seconds": 50_400.0, "amount": 350_000_000, "source": "measured"},
            old | {"source_id": "b", "seconds": None, "capped_seconds": 0.0, "amount": 0, "source": "imputed"},
        ])  # fmt: skip
        reconcile(ledger, 1, news=False)
    assert reasons(ledger)[0] == "cap lowered by later answers"
    amounts = defaultdict(int)
    for row in ledger.rows("select source_id, amount from costs"):
        amounts[row["source_id"]] += row["amount"]
    assert amounts["a"] == round(FIRST * 25_000_000 / 3600)
    assert amounts["b"] == amounts["a"]  # the typical time is that of all, capped
    with ledger.write():
        assert reconcile(ledger, 1, news=False) == 0
