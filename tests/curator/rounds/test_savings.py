"""What was saved against random labels: the certificate, the words, the fallback, and a campaign that gets one."""

import json
from dataclasses import replace

import numpy as np
import pytest
from support.projects import edit_config, make_project, write_pool
from threadpoolctl import threadpool_info

from curator.cli.text.results import status_text
from curator.evidence import replayed
from curator.evidence.certificate import Evidence, doublings, saved_labels
from curator.evidence.replayed import Labels, Replay, Sample
from curator.ledger.store import Ledger
from curator.money.savings import NO_PRICE, current, sentence, why_not
from curator.project.project import Project
from curator.rounds import certify
from curator.rounds.fallback import strategy_now
from curator.rounds.run import run_round
from curator.views.status import read_status

LOGISTIC = 'name = "sklearn:linear_model.LogisticRegression"'
# A campaign whose model is as good as that of as many random labels.
EVEN = Evidence(
    labels=400,
    arm_labels=40,
    items=20_000,
    holdout=1000,
    accuracy=0.95,
    replayed=0.95,
    replayed_quarter=0.90,
    of_arm=0.85,
    paired_sd=0.005,
)


def test_doublings_by_hand():
    """An error that halves with each doubling falls to a quarter in two; where half of the slope is left each time, the

    error never falls below exp(-slope / log 2) of what it was: to a quarter never, with 1 / log 2 doublings' worth at most.
    """
    two = doublings(np.array([np.log(4.0)]), np.array([np.log(2.0)]), np.array([1.0]))
    assert two[0] == pytest.approx(2.0, rel=0.01)
    half = np.array([0.5])
    assert doublings(np.array([1.01]), np.array([np.log(2.0)]), half)[0] == np.inf
    # 1 - 0.5**t = 1/2 after one doubling
    assert doublings(np.array([0.5]), np.array([np.log(2.0)]), half)[0] == pytest.approx(1.0)
    assert doublings(np.array([-1.0]), np.array([np.log(2.0)]), half)[0] == pytest.approx(-1.0)


def test_no_lift_no_saving():
    """Where random labels are as good, the interval holds 0, and a saving is about as likely as a loss."""
    found = saved_labels(EVEN)
    assert found.high is not None
    assert found.low < 0 < found.high
    assert 0.3 < found.chance < 0.7


def test_a_plain_lift_is_a_saving():
    """Six points over random labels on a large hold-out: saved for sure, and more than half of what was spent."""
    found = saved_labels(replace(EVEN, replayed=0.89, replayed_quarter=0.80))
    assert found.low > 200
    assert found.lift_low > 0
    assert found.chance > 0.99


def test_a_plain_loss_is_a_loss():
    """Four points below random labels: random ones would have been cheaper, and that is said."""
    found = saved_labels(replace(EVEN, replayed=0.99, replayed_quarter=0.97, of_arm=0.95))
    assert found.high is not None
    assert found.high < 0
    assert found.chance < 0.01


def test_open_end_where_random_labels_may_never_get_there():
    """A random curve that is nearly flat bounds nothing from above."""
    found = saved_labels(replace(EVEN, replayed=0.92, replayed_quarter=0.915, of_arm=0.90))
    assert found.high is None
    assert found.low > 0


def test_more_accuracy_saves_more_and_less_hold_out_says_less():
    """Monotone in the model's accuracy; a hold-out with four times the noise gives a wider interval."""
    lows = [saved_labels(replace(EVEN, accuracy=a)).low for a in (0.93, 0.95, 0.97)]
    assert lows == sorted(lows)
    wide, narrow = (saved_labels(replace(EVEN, paired_sd=sd)) for sd in (0.02, 0.005))
    assert wide.lift_high - wide.lift_low > 2 * (narrow.lift_high - narrow.lift_low)
    assert wide.low < narrow.low


def test_the_pool_ends():
    """No more can be saved than is left of the pool: with all labeled but 50 items, at least 50 at most."""
    found = saved_labels(replace(EVEN, items=450, replayed=0.85, replayed_quarter=0.80))
    assert (found.labels, found.low, found.high) == (None, 50, None)


def classes_in_blobs(rng, n):
    """Two classes around 12 centres, in 8 dimensions, unit length."""
    centres = np.random.default_rng(5).normal(size=(12, 8))
    which = rng.integers(12, size=n)
    x = centres[which] + 0.4 * rng.normal(size=(n, 8))
    return x / np.linalg.norm(x, axis=1, keepdims=True), which % 2


def replay_of(choose):
    rng = np.random.default_rng(0)
    x, y = classes_in_blobs(rng, 2000)
    arm = rng.choice(2000, 40, replace=False)
    rest = np.setdiff1d(np.arange(2000), arm)
    rows = np.concatenate((arm, choose(x, rest, rng)))
    known = np.full(2000, -1)
    known[rows] = y[rows]
    test, truth = classes_in_blobs(np.random.default_rng(1), 1500)
    labels = Labels(x[rows], y[rows], np.arange(len(rows)) < len(arm))
    return Replay(labels, Sample(x, known), 2000, Sample(test, truth), seed=0)


def test_labels_of_one_corner_save_nothing():
    """A planted bad strategy, the 120 items nearest to one item, is worth less than random labels; random choice is not."""
    corner = replay_of(lambda x, rest, _rng: rest[np.argsort(-(x[rest] @ x[rest[0]]))[:120]])
    chance = replay_of(lambda _x, rest, rng: rng.choice(rest, 120, replace=False))
    assert corner.measured().lift < -0.05
    assert saved_labels(corner.evidence()).chance < 0.05
    found = saved_labels(chance.evidence())
    assert found.lift_low < 0 < found.lift_high


def test_the_same_labels_say_the_same():
    """Everything drawn is drawn from the seed."""
    once, again = (replay_of(lambda _x, rest, rng: rng.choice(rest, 60, replace=False)) for _ in "ab")
    assert once.evidence() == again.evidence()
    assert once.measured() == again.measured()


def test_the_replay_is_a_small_part_of_a_round(monkeypatch):
    """Fits of ten times the labels in all, each on one thread: on busy cores several threads wait for each other most of the time."""
    seen, threads = [], []
    fit = replayed._fit

    def counted(embeddings, classes):
        seen.append(len(classes))
        threads.extend(pool["num_threads"] for pool in threadpool_info())
        return fit(embeddings, classes)

    monkeypatch.setattr(replayed, "_fit", counted)
    replay = replay_of(lambda _x, rest, rng: rng.choice(rest, 400, replace=False))
    found = replay.evidence()
    replay.measured()
    assert sum(seen) <= 10 * found.labels
    assert set(threads) == {1}


def test_how_much_replayed_campaigns_differ_is_in_the_interval():
    """The hold-out's own noise is not all there is: few campaigns are replayed, and each might have been another."""
    replay = replay_of(lambda _x, rest, rng: rng.choice(rest, 120, replace=False))
    of_items = (replay._random(160, replay._draws(160), 1).mean(axis=0)).std() / np.sqrt(1500)
    assert replay.evidence().paired_sd > 0.5 * of_items
    draws = replay._random(160, replay._draws(160), 1).mean(axis=1)
    assert replay.evidence().paired_sd ** 2 > draws.var(ddof=1) / len(draws)


def test_many_classes_with_few_labels_say_nothing_on_the_terminal():
    """Of 60 labels in 50 classes scikit-learn warns that they look like a regression: nobody is to read that."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(300, 8)), np.arange(300) % 50
    labels = Labels(x[:60], y[:60], np.arange(60) < 25)
    replay = Replay(labels, Sample(x, np.full(300, -1)), 300, Sample(x[100:], y[100:]), seed=0)
    assert replay.measured().labels == 25  # warnings are errors here
    assert replay.evidence().labels == 60


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"arm_labels": 0, "share": 0.0}, "random_share is 0"),
        ({"arm_labels": 0}, "the random arm has no labels"),
        ({"arm_labels": 300}, "every label was drawn at random"),
        ({"rounds": 3}, "4 measured rounds, and there are 3"),
        ({"arm_labels": 19}, "20 labels in the random arm, and there are 19"),
        ({"holdout": 60}, "100 labeled hold-out items, and there are 60"),
    ],
)
def test_when_it_cannot_be_said(changed, reason):
    """Each with its reason, and none when all is there."""
    enough = {"rounds": 4, "labels": 300, "arm_labels": 30, "share": 0.1, "holdout": 300}
    assert why_not(**enough) is None
    found = why_not(**{**enough, **changed})
    assert found is not None
    assert reason in found


@pytest.mark.parametrize(
    ("saved", "words"),
    [
        ((41_204_000, 3_000_000, 90_000_000), "saved $41.20 (95%: $3.00 to $90.00) against random labels"),
        ((None, 12_000_000, None), "saved at least $12.00 against random labels (95% confidence;"),
        ((5_000_000, -2_000_000, None), "not shown ($5.00 is the middle; 95%: -$2.00 or more, no upper end)"),
        ((1_000_000, -2_000_000, 9_000_000), "not shown ($1.00; 95%: -$2.00 to $9.00)"),
        ((-5_000_000, -9_000_000, -1_000_000), "lost against random labels: -$5.00 (95%: -$9.00 to -$1.00)"),
    ],
)
def test_words(saved, words):
    """Never a number without its interval, nothing claimed that the interval does not bear out, open ends said."""
    row = {
        "status": "measured",
        "level": 0.95,
        "spent": 10_000_000,
        **dict(zip(("saved", "saved_low", "saved_high"), saved, strict=True)),
    }
    assert words in sentence(row, "USD")


def test_labels_that_cost_nothing_save_nothing():
    """A price of 0: not "$0.00, not shown", but that there is no money to save."""
    row = {"status": "measured", "level": 0.95, "spent": 0, "saved": 0, "saved_low": 0, "saved_high": 0}
    assert sentence(row, "USD") == f"savings: not measured: {NO_PRICE}"


def campaign(folder, rounds, **options):
    data = write_pool(folder.parent / f"{folder.name}.jsonl", 600, spread=0.5)
    settings = {"batch": 12, "holdout": "110", "strategy": "margin", "random_share": 0.1, "data": data}
    made = make_project(folder, **{**settings, **options})
    edit_config(made, 'name = "head"', LOGISTIC)
    for _ in range(rounds):
        with Project(made) as project:
            run_round(project)
    return made


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A campaign of six measured rounds, with a seventh open."""
    return campaign(tmp_path_factory.mktemp("savings") / "p", 7)


def test_a_campaign_gets_a_certificate(measured):
    """From the fourth round on, with lift, saving, interval, inputs and the arm's view of the pool; the looks are counted."""
    with Project(measured) as project:
        ledger = project.ledger
        rows = ledger.rows("select * from savings order by round")
        looks = {row["round"]: row["times"] for row in ledger.rows("select round, times from looks")}
        found = current(ledger)
        shown = read_status(project, offline=True)
    assert [row["status"] for row in rows] == ["not measured"] * 3 + ["measured"] * 3
    assert looks == {1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 2}
    assert found is not None
    assert (found["round"], found["labels"], found["arm_labels"]) == (6, 72, 30)
    assert found["spent"] == 72 * 80_000
    assert found["saved_low"] < (found["saved_high"] or float("inf"))
    assert found["lift_low"] <= found["lift"] <= found["lift_high"]
    assert found["inputs"]["labels"] == 72
    assert shown.savings == found
    assert shown.pool_accuracy is not None
    assert shown.pool_accuracy.items == 15
    json.dumps(shown.as_json())
    text = status_text(shown)
    assert "against random labels" in text
    assert "Accuracy on the live pool: 0." in text


def test_class_balance_of_the_pool(measured):
    """The shares of all classes add up to 1, each inside its interval."""
    with Project(measured) as project:
        rows = project.ledger.rows("select * from pool_estimates where round = 6 and quantity = 'share'")
    assert sum(row["value"] for row in rows) == pytest.approx(1.0)
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)


def test_without_an_arm_nothing_is_claimed(tmp_path):
    """With random_share = 0 status says that savings are not measured, and why."""
    made = campaign(tmp_path / "p", 5, random_share=0.0)
    with Project(made) as project:
        shown = read_status(project, offline=True)
        assert project.ledger.rows("select * from pool_estimates") == []
    assert "Savings: not measured: [acquisition] random_share is 0" in status_text(shown)
    assert shown.pool_accuracy is None


def test_a_certificate_that_fails_does_not_fail_the_round(tmp_path, monkeypatch):
    """The round is measured, and the reason is kept."""

    def broken(*_args, **_kwargs):
        raise ValueError("a planted fault")

    monkeypatch.setattr(certify, "saved_labels", broken)
    made = campaign(tmp_path / "p", 5)
    with Project(made) as project:
        found = current(project.ledger)
    assert found is not None
    assert (found["round"], found["status"]) == (4, "not measured")
    assert "a planted fault" in found["reason"]


def ledger_with(path, chances, strategy="auto"):
    """A ledger whose measured rounds said these chances of a saving."""
    ledger = Ledger(path)
    with ledger.write():
        for round_id, chance in enumerate(chances, start=1):
            ledger.insert(
                "rounds",
                [
                    {
                        "id": round_id,
                        "status": "measured",
                        "strategy": strategy,
                        "seed": 0,
                        "config": "{}",
                        "opened_at": "t",
                    }
                ],
            )
            status, inputs = (
                ("not measured", None) if chance is None else ("measured", json.dumps({"chance": chance}))
            )
            ledger.insert(
                "savings",
                [
                    {
                        "round": round_id, "status": status, "labels": 1, "arm_labels": 1, "spent": 0,
                        "inputs": inputs, "computed_at": "t",
                    }
                ],
            )  # fmt: skip
    return ledger


@pytest.mark.parametrize(
    ("chances", "chosen"),
    [
        ((0.1, 0.1, 0.1), "random"),
        ((0.9, 0.19, 0.0, 0.1), "random"),
        ((0.1, 0.1), "auto"),
        ((0.1, 0.1, 0.2), "auto"),
        ((0.1, 0.1, 0.1, 0.5), "auto"),  # it may be there again
        ((0.1, None, 0.1, 0.1), "auto"),
        ((), "auto"),
    ],
)
def test_fallback(tmp_path, chances, chosen):
    """Three measured rounds in a row without lift make "auto" random; anything else leaves it, and no other strategy falls."""
    with ledger_with(tmp_path / "ledger.db", chances) as ledger:
        assert strategy_now(ledger, "auto") == chosen
        assert strategy_now(ledger, "margin") == "margin"
        assert strategy_now(ledger, {"auto": 0.5, "margin": 0.5}) == {"auto": 0.5, "margin": 0.5}


def test_another_strategy_without_lift_says_nothing_of_auto(tmp_path):
    """Three rounds of coverage without lift, then a change to "auto": it gets its chance; once random stands in, it stays."""
    with ledger_with(tmp_path / "ledger.db", (0.1, 0.1, 0.1), strategy="coverage") as ledger:
        assert strategy_now(ledger, "auto") == "auto"
        ledger.execute("update rounds set strategy = case id when 1 then 'auto' else 'random' end")
        assert strategy_now(ledger, "auto") == "random"


def test_fallback_is_said(measured, tmp_path):
    """The ledger has the strategy that chose, `curator round` and `curator status` say why; another one overrules."""
    import shutil

    folder = tmp_path / "p"
    shutil.copytree(measured, folder)
    edit_config(folder, 'strategy = "margin"', 'strategy = "auto"')
    with Ledger(folder / ".curator" / "ledger.db") as ledger, ledger.write():
        ledger.execute(
            "update savings set inputs = json_set(inputs, '$.chance', 0.01) where status = 'measured'"
        )
        ledger.execute("update rounds set strategy = 'auto' where strategy = 'margin'")
    with Project(folder) as project:
        shown = read_status(project, offline=True)
        assert shown.fallback is not None
        assert "shown no gain" in status_text(shown)
        # What the open round brings is set to say the same: the loop is what is tested here.
        project.ledger.execute(
            "create trigger planted after insert on savings begin "
            "update savings set inputs = json_set(inputs, '$.chance', 0.01) where round = new.round; end"
        )
        report = run_round(project)
        last = project.ledger.one("select id, strategy from rounds order by id desc limit 1")
        picks = project.ledger.rows("select strategy, arm from picks where round = 8")
    assert last == {"id": 8, "strategy": "random"}
    assert {(pick["strategy"], pick["arm"]) for pick in picks} == {("random", 1)}
    assert any("shown no gain" in note for note in report.notes)
