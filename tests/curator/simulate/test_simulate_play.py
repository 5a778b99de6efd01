"""Played campaigns: they are those of `curator round`, and every label is paid once."""

from itertools import pairwise

import numpy as np
import pytest
from support.projects import make_project

from curator.ledger import queries
from curator.project.project import Project
from curator.rounds.candidates import find_candidates
from curator.rounds.run import run_round
from curator.rounds.select import draw_holdout
from curator.simulate.play import Plan, play
from curator.simulate.task import Task

LOGISTIC = {"model": "sklearn:linear_model.LogisticRegression", "model_seeds": 1}


def blobs(n: int = 200, n_holdout: int = 100, seed: int = 0, price: int = 80_000) -> Task:
    """Three classes around centres of unit length."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(3, 8))
    y = rng.integers(3, size=n + n_holdout)
    rows = centres[y] + 1.5 * rng.normal(size=(len(y), 8))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return Task("blobs", rows[:n], y[:n], rows[n:], y[n:], ("a", "b", "c"), np.full(n, price, dtype=np.int64))


def task_of(project: Project) -> tuple[Task, list[str]]:
    """What a fresh project would choose from, with the answers of its data file, and the ids."""
    candidates = find_candidates(project)
    classes = project.config.project.classes
    holdout = project.holdout_rows()
    task = Task(
        "project",
        candidates.all(),
        np.array([classes.index(str(label)) for label in project.pool.labels(candidates.rows)]),
        project.embeddings.take(holdout),
        np.array([classes.index(str(label)) for label in project.pool.labels(holdout)]),
        classes,
        np.full(len(candidates), 80_000, dtype=np.int64),
    )
    return task, project.pool.ids(candidates.rows)


@pytest.mark.parametrize(
    ("strategy", "share"), [("auto", 0.1), ("auto", 0.0), ("margin", 0.1), ("vote_entropy", 0.0)]
)
def test_a_played_campaign_asks_what_curator_round_asks(tmp_path, strategy, share):
    """The same items in the same rounds, for the same money, with models that predict the same."""
    folder = make_project(tmp_path, n=150, batch=10, holdout="30", strategy=strategy, random_share=share)
    with Project(folder) as project:
        draw_holdout(project)
        task, ids = task_of(project)
    for _ in range(4):
        with Project(folder) as project:
            run_round(project)
    with Project(folder) as project:
        ledger = project.ledger
        asked = {
            number: {
                row["item_id"] for row in ledger.rows("select item_id from picks where round = ?", [number])
            }
            for number in (1, 2, 3)
        }
        probs = [
            project.checkpoint(number).model.predict_proba(project.embeddings.take(project.holdout_rows()))
            for number in (1, 2, 3)
        ]
        spent = queries.costs.spend(ledger)["label"]
    played = list(play(task, Plan(10, 10, 3, strategy, "maxherding", random_share=share), 0))
    assert [{ids[i] for i in one.batch} for one in played] == [asked[number] for number in (1, 2, 3)]
    for one, real in zip(played, probs, strict=True):
        np.testing.assert_allclose(one.model.predict_proba(task.holdout), real, atol=1e-6)
    assert played[-1].cost == spent


def test_every_label_is_asked_and_paid_once():
    """Positions never repeat, rounds continue each other, the cost is that of the labels."""
    task = blobs(60)
    played = list(play(task, Plan(20, 15, 9, "margin", **LOGISTIC), 3))
    assert [one.labels for one in played] == [20, 35, 50, 60]  # the pool ends, and with it the campaign
    for before, after in pairwise(played):
        assert after.labeled.tolist() == [*before.labeled, *after.batch]
    assert sorted(played[-1].labeled) == list(range(60))
    assert [one.cost for one in played] == [80_000 * one.labels for one in played]


def test_the_budget_is_never_exceeded():
    """A batch is cut to what is left: 26 labels at $0.08 are all that $2.10 pays for."""
    played = list(play(blobs(), Plan(20, 20, 5, "random", **LOGISTIC, budget=2_100_000), 0))
    assert [(one.labels, one.cost) for one in played] == [(20, 1_600_000), (26, 2_080_000)]


def test_the_arm_is_marked_and_uniform():
    """Its items are a random sample: over many seeds, each item of the pool is drawn equally often."""
    task = blobs(40)
    counts = np.zeros(40)
    for seed in range(80):
        one = next(play(task, Plan(20, 20, 1, "margin", "maxherding", **LOGISTIC, random_share=0.5), seed))
        assert one.arm.sum() == 10
        counts[one.labeled[one.arm]] += 1
    expected = 80 * 10 / 40
    assert (
        (counts - expected) ** 2 / expected
    ).sum() < 70  # chi-squared with 39 degrees of freedom: p < 0.002


def test_the_same_seed_plays_the_same_campaign():
    """And another seed another one."""
    task, plan = blobs(), Plan(10, 10, 4, "auto", **LOGISTIC, random_share=0.1)
    first, again, other = (list(play(task, plan, seed))[-1].labeled.tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_cost_aware_campaigns_buy_cheaper_items():
    """With items at $0.01 and $1 the same number of labels costs less, and no more where all cost the same."""
    task = blobs()
    dear = Task(**{**vars(task), "cost": np.where(np.arange(200) % 2, 10_000, 1_000_000)})
    plain, aware = (
        list(play(dear, Plan(10, 10, 4, "margin", **LOGISTIC, cost_aware=on), 0))[-1].cost
        for on in (False, True)
    )
    assert aware < plain / 2
    plain, aware = (
        list(play(task, Plan(10, 10, 4, "margin", **LOGISTIC, cost_aware=on), 0))[-1].labeled.tolist()
        for on in (False, True)
    )
    assert plain == aware
