"""What suggestions do to the people who see them: measured right, and never switched off for nothing."""

import json
import math

import numpy as np
import pytest
from scipy.stats import t
from support.projects import CLASSES, edit_config, labels_of, make_project

from curator.project.project import Project
from curator.rounds.run import run_round
from curator.rounds.suggestions import FEWEST, OFF, harm_of_suggestions, suggestion_effect, suggestions_on
from curator.views.status import read_status


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A campaign that asks people; its ledger is filled by the tests."""
    folder = make_project(tmp_path_factory.mktemp("suggestions"), n=30, batch=4, holdout="4", labeler="files")
    with Project(folder) as project:
        # thousands of small writes, and nothing that must survive a power cut
        project.ledger.execute("pragma synchronous = off")
        project.ledger.execute("pragma wal_autocheckpoint = 1000")
        yield project


@pytest.fixture
def project(campaign):
    """The campaign with an empty ledger."""
    clear(campaign.ledger)
    return campaign


def clear(ledger):
    """As before the first round."""
    with ledger.write():
        for table in ("labels", "answers", "questions", "rounds"):
            ledger.execute(f"delete from {table}")
        ledger.execute("delete from state where key = ?", [OFF])


def add_round(
    ledger, number, shown, seconds, agrees, *, outcome=None, created_at=None, pushed_at=None, people=1
):
    """Answers to one round; each argument has an entry per question.

    Args:
        ledger: to be filled.
        number: of the round.
        shown: whether the suggestion was shown.
        seconds: that the answer took; None = not measured.
        agrees: whether the label is what the model suggested.
        outcome: accepted or changed; None = not known.
        created_at: of the answers.
        pushed_at: of the round.
        people: answers per question, all alike.
    """
    keys = [f"r{number}-{i}" for i in range(len(shown))]
    common = {"round": number}
    with ledger.write():
        ledger.insert(
            "rounds",
            [
                {
                    "id": number,
                    "status": "measured",
                    "strategy": "margin",
                    "seed": 0,
                    "config": "{}",
                    "opened_at": "t",
                    "pushed_at": pushed_at,
                }
            ],
        )
        ledger.insert(
            "questions",
            [
                {
                    **common, "key": key, "item_id": key, "role": "train", "rank": i + 1, "state": "asked",
                    "suggestion": "red", "suggestion_shown": int(shown[i]),
                }
                for i, key in enumerate(keys)
            ],
        )  # fmt: skip
        ledger.insert(
            "answers",
            [
                {
                    **common, "source_id": f"{key}-{who}", "version": 1, "change": "new", "key": key,
                    "annotator": f"person {who}", "created_at": created_at[i] if created_at else None,
                    "label": "red" if agrees[i] else "blue", "skipped": 0, "seconds": seconds[i], "pulled_at": "t",
                    "suggestion": outcome[i] if outcome else None,
                }
                for i, key in enumerate(keys)
                for who in range(people)
            ],
        )  # fmt: skip
        ledger.insert(
            "labels",
            [
                {
                    **common, "item_id": key, "version": 1, "role": "train", "answers": 1, "settled_at": "t",
                    "label": "red" if agrees[i] else "blue",
                }
                for i, key in enumerate(keys)
            ],
        )  # fmt: skip


def test_a_small_example_by_hand(project):
    """2 s and 8 s with, 2 s and 2 s without: twice as long; every number follows from the textbook."""
    add_round(
        project.ledger, 1, [1, 1, 0, 0], [2.0, 8.0, 2.0, 2.0], [1, 1, 1, 0],
        outcome=["accepted", "changed", None, None],
    )  # fmt: skip
    effect = suggestion_effect(project.ledger, project.task)
    assert (effect.shown, effect.blind, effect.accepted, effect.level) == (2, 2, 0.5, 0.95)
    reach = t.ppf(0.975, 2)  # four answers, two means
    # logarithms: mean log 4 against log 2; variance (log 4)^2 / 2 on one side, 0 on the other
    assert effect.seconds.shown == pytest.approx(4)
    assert effect.seconds.blind == pytest.approx(2)
    assert effect.seconds.value == pytest.approx(2)
    assert effect.seconds.low == pytest.approx(2 * 2**-reach)
    assert effect.seconds.high == pytest.approx(2 * 2**reach)
    # 2 of 2 agree with, 1 of 2 without; with one success and one failure more: 3/4 and 2/4
    spread = math.sqrt(0.75 * 0.25 / 2 + 0.5 * 0.5 / 2)
    assert (effect.agreement.shown, effect.agreement.blind) == (1, 0.5)
    assert effect.agreement.value == pytest.approx(0.5)
    assert effect.agreement.low == pytest.approx(0.5 - reach * spread)
    assert effect.agreement.high == pytest.approx(0.5 + reach * spread)


def test_rounds_are_compared_within_themselves(project):
    """A harder round, where answers take ten times as long and more are shown, does not look like an effect."""
    add_round(project.ledger, 1, [1, 1, 0, 0], [1.0, 4.0, 1.0, 4.0], [1, 1, 1, 1])
    add_round(project.ledger, 2, [1, 1, 1, 1, 0, 0], [10.0, 40.0, 10.0, 40.0, 10.0, 40.0], [0] * 6)
    effect = suggestion_effect(project.ledger, project.task)
    assert effect.seconds.value == pytest.approx(1)
    assert effect.agreement.value == pytest.approx(0)
    # weights n m / (n + m): 1 and 4/3
    assert math.log(effect.seconds.shown) == pytest.approx((math.log(2) + 4 / 3 * math.log(20)) / (7 / 3))
    # a round without blind questions says nothing
    add_round(project.ledger, 3, [1, 1], [500.0, 500.0], [1, 1])
    assert suggestion_effect(project.ledger, project.task) == effect


def test_answers_after_the_next_round_was_sent_do_not_count(project):
    """By then Label Studio shows the newer model's suggestions, and this one is not seen: left out on both sides."""
    seconds, agrees = [2.0, 8.0, 4.0, 2.0, 3.0, 9.0], [1, 0, 1, 1, 0, 1]
    times = [f"2026-01-0{day}T00:00:00.5Z" for day in (1, 1, 3, 1, 1, 3)]
    add_round(project.ledger, 1, [1, 1, 1, 0, 0, 0], seconds, agrees, created_at=times)
    before = suggestion_effect(project.ledger, project.task)
    assert (before.shown, before.blind) == (3, 3)
    add_round(project.ledger, 2, [1], [1.0], [1], pushed_at="2026-01-02T00:00:00+00:00")
    effect = suggestion_effect(project.ledger, project.task)
    assert (effect.shown, effect.blind) == (2, 2)
    # within the same second nobody has seen the new suggestion
    with project.ledger.write():
        project.ledger.update("rounds", 2, pushed_at="2026-01-03T00:00:00.200000+00:00")
    assert suggestion_effect(project.ledger, project.task) == before


def test_without_two_of_each_there_is_nothing_to_compare(project):
    """None, not a number made of nothing; and without times there is no ratio of times."""
    assert suggestion_effect(project.ledger, project.task) is None
    add_round(project.ledger, 1, [1, 1, 0], [1.0, 1.0, 1.0], [1, 1, 1])
    assert suggestion_effect(project.ledger, project.task) is None
    add_round(project.ledger, 2, [1, 0], [None, None], [1, 0])
    effect = suggestion_effect(project.ledger, project.task)
    assert (effect.shown, effect.blind) == (3, 2)
    assert effect.seconds is None
    assert effect.accepted is None
    assert effect.agreement is not None


def draw_round(project, rng, number, *, slower=1.0, drawn=0.0, n=60, people=1):
    """A round of answers as people give them: times spread over a factor of five, four of five suggestions right."""
    shown = rng.random(n) >= 0.2
    seconds = np.exp(rng.normal(1.5 + 0.2 * rng.normal(), 0.8, n)) * np.where(shown, slower, 1.0)
    agrees = rng.random(n) < 0.75 + np.where(shown, drawn, 0.0)
    add_round(project.ledger, number, shown.tolist(), seconds.tolist(), agrees.tolist(), people=people)


def run(project, rng, rounds=8, **effect):
    """A campaign that is looked at each round; returns (rounds until suggestions went off or None, why)."""
    clear(project.ledger)
    for number in range(1, rounds + 1):
        draw_round(project, rng, number, **effect)
        said = harm_of_suggestions(project)
        if said:
            return number, said
    return None, ""


@pytest.mark.parametrize(("campaigns", "most"), [(100, 5), pytest.param(300, 12, marks=pytest.mark.long)])
def test_without_an_effect_they_stay_on(project, campaigns, most):
    """Campaigns without any effect, each looked at eight times: false alarms are rare."""
    rng = np.random.default_rng(7)
    alarms = [why for number, why in (run(project, rng) for _ in range(campaigns)) if number]
    assert len(alarms) <= most, alarms  # 2% are expected: 0.5% on either count and look, looks alike


def test_several_answers_to_an_item_are_not_so_many_trials(project):
    """Five people per item, who take alike long and agree: no more false alarms than with one."""
    rng = np.random.default_rng(11)
    alarms = [why for number, why in (run(project, rng, rounds=5, people=5) for _ in range(100)) if number]
    assert len(alarms) <= 5, alarms


def test_faster_and_a_little_persuasive_is_no_harm(project):
    """Half the time, and labels drawn by less than five points: that is what suggestions are for."""
    rng = np.random.default_rng(8)
    alarms = [why for number, why in (run(project, rng, slower=0.5, drawn=0.02) for _ in range(60)) if number]
    assert len(alarms) <= 2, alarms


@pytest.mark.parametrize(
    ("effect", "said"),
    [({"slower": 1.7}, "slow people down"), ({"drawn": 0.24}, "sway the labels")],
)
def test_a_planted_effect_is_found(project, effect, said):
    """70% more time, or labels drawn by 24 points: found in nearly every campaign, and named."""
    rng = np.random.default_rng(9)
    found = [run(project, rng, **effect) for _ in range(40)]
    assert sum(number is not None for number, _ in found) >= 38
    assert all(said in why for number, why in found if number)


def test_the_interval_covers_what_was_planted(project):
    """Ratio and difference lie in their 95% intervals in about 95% of campaigns."""
    rng = np.random.default_rng(10)
    inside = np.zeros(2)
    for _ in range(200):
        clear(project.ledger)
        for number in range(1, 4):
            draw_round(project, rng, number, slower=1.2, drawn=0.1)
        effect = suggestion_effect(project.ledger, project.task)
        inside += [
            effect.seconds.low <= 1.2 <= effect.seconds.high,
            effect.agreement.low <= 0.1 <= effect.agreement.high,
        ]
    assert (inside >= 0.90 * 200).all(), inside


def test_nothing_is_decided_on_few_answers(project):
    """However large the difference: `FEWEST` answers on either side come first."""
    blind = FEWEST - 1
    shown = [1] * 200 + [0] * blind
    add_round(
        project.ledger,
        1,
        shown,
        [60.0 + i % 7 if s else 1.0 + i % 3 for i, s in enumerate(shown)],
        [1] * len(shown),
    )
    assert suggestion_effect(project.ledger, project.task).seconds.low > 5
    assert harm_of_suggestions(project) is None
    add_round(project.ledger, 2, [1, 0], [60.0, 1.0], [1, 1])
    assert "slow people down" in harm_of_suggestions(project)


def test_it_is_said_once_and_the_setting_overrules(campaign, project):
    """Off by themselves: no second time, and `on` brings them back; `off` and `on` are never argued with."""
    shown = [1] * 100 + [0] * 50
    add_round(
        project.ledger, 1, shown, [60.0 + i % 7 if s else 1.0 + i % 3 for i, s in enumerate(shown)], [1] * 150
    )
    assert suggestions_on(project)
    said = harm_of_suggestions(project)
    with project.ledger.write():
        project.ledger.put(OFF, said)
    assert not suggestions_on(project)
    assert harm_of_suggestions(project) is None
    for wanted, are_on in (("on", True), ("off", False)):
        edit_config(project.folder, 'suggestions = "auto"', f'suggestions = "{wanted}"')
        with Project(project.folder) as again:
            assert suggestions_on(again) is are_on
            assert harm_of_suggestions(again) is None
        edit_config(project.folder, f'suggestions = "{wanted}"', 'suggestions = "auto"')


def test_the_round_switches_them_off(tmp_path):
    """The next round says why, and asks with neither suggestion nor what would give it away; `status` shows it."""
    folder = make_project(tmp_path, n=240, batch=120, holdout="6", labeler="files")
    edit_config(folder, "neighbours = 0", "neighbours = 2")
    edit_config(folder, "blind_share = 0.2", "blind_share = 0.4")
    with Project(folder) as project:
        run_round(project, batch=12)
        answer(project)
        run_round(project)
        shown = project.ledger.rows(
            "select suggestion_shown as s, count(*) as n from questions where round = 2 group by s"
        )
        assert {row["s"]: row["n"] >= FEWEST for row in shown} == {0: True, 1: True}
        answer(project)
        report = run_round(project)
        assert report.opened == 3
        assert any("slow people down" in note and 'suggestions = "on"' in note for note in report.notes)
        asked = project.ledger.rows("select * from questions where round = 3 and role = 'train'")
        assert {row["suggestion_shown"] for row in asked} == {0}
        # Neighbours are what the project asked for; only the blind share goes without.
        assert {row["neighbours"] is None for row in asked} == {True, False}
        assert not any(name in row["why"] for row in asked for name in CLASSES)
        assert all(row["suggestion"] for row in asked)
        tasks = [task for task in exported(project) if task["data"]["round"] == 3]
        assert len(tasks) == len(asked)
        assert not any("predictions" in task for task in tasks)
        status = read_status(project, offline=True)
        assert "slow people down" in status.suggestions_off
        assert status.suggestions.seconds.low > 1


def exported(project):
    """The tasks that the files labeler wrote."""
    paths = (project.folder / "labeling" / "questions").glob("*.json")
    return [task for path in sorted(paths) for task in json.loads(path.read_text("utf-8"))]


def answer(project):
    """The true labels, as Label Studio exports them; with a suggestion in sight everybody takes five times as long."""
    truth = labels_of(project)
    rows = []
    for n, task in enumerate(exported(project), start=1):
        chosen = {"choices": [truth[task["data"]["item_id"]]]}
        annotation = {
            "id": n,
            "created_at": "2026-01-01T00:00:00Z",
            "completed_by": 1,
            "lead_time": (20.0 if "predictions" in task else 4.0) + n % 3,
            "result": [{"from_name": "label", "to_name": "text", "type": "choices", "value": chosen}],
        }
        rows.append({**task, "id": n, "annotations": [annotation]})
    path = project.folder / "labeling" / "answers" / "export.json"
    path.write_text(json.dumps(rows), encoding="utf-8")


@pytest.mark.parametrize(
    ("shown", "blind"),
    [
        (lambda _i: 7.5, lambda _i: 7.5),  # a script, or a clock of whole rounds
        (lambda _i: 10.0, lambda _i: 5.0),  # two scripts: an interval without width is no certainty
        (lambda i: 7.5 + 0.001 * (i % 5), lambda i: 7.4 + 0.001 * (i % 5)),  # the same with some jitter
    ],
)
def test_times_without_spread_give_no_verdict(project, shown, blind):
    """Nobody takes the same time for every item: such times say nothing of people, and no ratio is shown."""
    sides = [1] * 60 + [0] * 60
    add_round(
        project.ledger, 1, sides, [shown(i) if s else blind(i) for i, s in enumerate(sides)], [1, 0] * 60
    )
    effect = suggestion_effect(project.ledger, project.task)
    assert effect.seconds is None
    assert effect.agreement is not None
    assert harm_of_suggestions(project) is None


def test_a_difference_too_small_to_matter_is_no_harm(project):
    """A hundredth more time, however certain, slows nobody down."""
    rng = np.random.default_rng(3)
    sides = [1] * 3000 + [0] * 3000
    seconds = [math.exp(0.05 * rng.normal()) * (1.01 if s else 1.0) for s in sides]
    add_round(project.ledger, 1, sides, seconds, [1, 0] * 3000)
    assert suggestion_effect(project.ledger, project.task).seconds.low > 1
    assert harm_of_suggestions(project) is None


def test_few_times_among_many_answers_decide_nothing(project):
    """A hundred answers on either side, three of them timed: too few to say that anybody is slower."""
    sides = [1] * 100 + [0] * 100
    seconds = [None] * 200
    seconds[:3], seconds[100:103] = [60.0, 61.0, 63.0], [1.0, 1.1, 0.9]
    add_round(project.ledger, 1, sides, seconds, [1, 0] * 100)
    effect = suggestion_effect(project.ledger, project.task)
    assert effect.seconds.low > 1
    assert effect.seconds.fewest == 3
    assert harm_of_suggestions(project) is None
