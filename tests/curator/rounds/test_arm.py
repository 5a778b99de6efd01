"""The random arm: drawn first, uniformly, with its probability; the strategy chooses the rest around it."""

import numpy as np
import pytest
from support.projects import edit_config, make_project

from curator.project.project import Project
from curator.rounds.arm import arm_size, draw_arm, join
from curator.rounds.run import run_round
from strategies.batch import Batch

LOGISTIC = 'name = "sklearn:linear_model.LogisticRegression"'


@pytest.mark.parametrize(
    ("batch", "share", "size"),
    [
        (100, 0.1, 10),
        (100, 0.25, 25),
        (20, 0.1, 5),  # at least five
        (8, 0.1, 4),  # but never more than half
        (9, 0.1, 4),
        (1, 0.1, 0),
        (100, 0.9, 50),
        (100, 0.0, 0),
    ],
)
def test_size_of_the_arm(batch, share, size):
    """A share of the batch, at least five items, never more than half; a share of 0 turns it off."""
    assert arm_size(batch, share) == size


def test_every_candidate_is_as_likely():
    """Over 2,000 rounds each of 40 candidates is in the arm of 10 about 500 times, and the stated probability is 1/4."""
    arms = [draw_arm("margin", 20, 40, 0.5, seed=0, round_id=r) for r in range(1, 2001)]
    assert {arm.probability for arm in arms} == {0.25}
    times = np.bincount(np.concatenate([arm.positions for arm in arms]), minlength=40)
    assert all(len(set(arm.positions.tolist())) == 10 for arm in arms)
    # 39 degrees of freedom: above 73 once in a thousand
    assert ((times - 500) ** 2 / (500 * 0.75)).sum() < 73


def test_the_same_round_draws_the_same_arm():
    """Seed and round fix the draw; another round draws anew."""
    first, again, other = (draw_arm("margin", 100, 1000, 0.1, seed=3, round_id=r) for r in (4, 4, 5))
    np.testing.assert_array_equal(first.positions, again.positions)
    assert set(first.positions.tolist()) != set(other.positions.tolist())


def test_joined_by_hand():
    """Four chosen and two drawn: one of the arm among the first three, the other among the last."""
    arm = draw_arm("margin", 4, 10, 0.5, seed=0, round_id=1)
    rest = np.setdiff1d(np.arange(10), arm.positions)
    chosen = Batch(
        positions=np.array([3, 0, 2, 1]),
        strategy=("margin",) * 4,
        score=np.array([0.9, 0.8, 0.7, 0.6]),
        probability=np.full(4, np.nan),
    )
    batch, of_arm = join(arm, rest, chosen)
    assert of_arm.tolist() == [False, True, False, False, True, False]
    assert batch.positions[~of_arm].tolist() == rest[[3, 0, 2, 1]].tolist()
    assert batch.positions[of_arm].tolist() == arm.positions.tolist()
    assert batch.strategy == ("margin", "random", "margin", "margin", "random", "margin")
    assert batch.probability[of_arm].tolist() == [0.2, 0.2]
    assert np.isnan(batch.probability[~of_arm]).all()
    assert np.isnan(batch.score[of_arm]).all()


def play(folder, rounds, **options):
    made = make_project(folder, **{"n": 160, "batch": 12, "holdout": "30", **options})
    edit_config(made, 'name = "head"', LOGISTIC)
    for _ in range(rounds):
        with Project(made) as project:
            run_round(project)
    return made


def picks(folder):
    with Project(folder) as project:
        return project.ledger.rows("select * from picks order by round, rank")


def test_arm_of_every_round(tmp_path):
    """Also of the seed batch: five of twelve, called random, with their exact probability, spread over the batch."""
    found = picks(play(tmp_path / "p", 3, random_share=0.1, strategy="margin"))
    with Project(tmp_path / "p") as project:
        candidates = {
            row["id"]: row["candidates"] for row in project.ledger.rows("select id, candidates from rounds")
        }
    for round_id, others in ((1, "maxherding"), (2, "margin"), (3, "margin")):
        here = [pick for pick in found if pick["round"] == round_id]
        arm = [pick for pick in here if pick["arm"]]
        assert len(arm) == 5
        assert {pick["strategy"] for pick in arm} == {"random"}
        assert {pick["probability"] for pick in arm} == {5 / candidates[round_id]}
        assert {pick["strategy"] for pick in here if not pick["arm"]} == {others}
        assert any(pick["rank"] <= len(here) // 2 for pick in arm)
        assert any(pick["rank"] > len(here) // 2 for pick in arm)


def test_the_strategy_counts_the_arm_as_labeled(tmp_path):
    """Among copies of few vectors, coverage never picks what the arm has drawn already while others are left."""
    rng = np.random.default_rng(0)
    corners = np.eye(12)[np.arange(160) % 12] + 0.02 * rng.normal(size=(160, 12))
    data = tmp_path / "pool.jsonl"
    rows = [
        f'{{"id": "i{i}", "text": "t{i}", "label": "{"ab"[i % 2]}", "embedding": {[round(float(v), 6) for v in corner]}}}'
        for i, corner in enumerate(corners)
    ]
    data.write_text("\n".join(rows) + "\n", encoding="utf-8")
    made = make_project(tmp_path / "p", batch=10, holdout="12", random_share=0.1, data=data)
    edit_config(made, 'seed_strategy = "maxherding"', 'seed_strategy = "coverage"')
    edit_config(made, "duplicate_cosine = 0.97", "duplicate_cosine = 1.0")
    with Project(made) as project:
        run_round(project)
    found = picks(made)
    kind = {True: set(), False: set()}
    for pick in found:
        kind[bool(pick["arm"])].add(int(pick["item_id"][1:]) % 12)
    assert len(found) == 10
    assert sum(pick["arm"] for pick in found) == 5
    assert len(kind[False]) == 5
    assert not kind[True] & kind[False]


def test_random_strategy_is_all_arm(tmp_path):
    """Every pick of the strategy "random" is a uniform draw, and counts as the arm."""
    made = play(tmp_path / "p", 2, random_share=0.1, strategy="random")
    second = [pick for pick in picks(made) if pick["round"] == 2]
    assert {(pick["strategy"], pick["arm"]) for pick in second} == {("random", 1)}
    assert {pick["probability"] for pick in second} == {12 / (130 - len(picks(made)) + 12)}


def test_share_of_zero_turns_it_off(tmp_path):
    """No pick is random, and no probability is stated."""
    found = picks(play(tmp_path / "p", 2, random_share=0.0, strategy="margin"))
    assert {pick["arm"] for pick in found} == {0}
    assert {pick["strategy"] for pick in found} == {"maxherding", "margin"}


def test_annotators_see_no_order_and_no_word_of_an_arm(tmp_path):
    """Questions of the arm are asked among the others, and say what random picks always said."""
    made = play(tmp_path / "p", 2, random_share=0.1, strategy="margin")
    with Project(made) as project:
        asked = project.ledger.rows(
            "select q.rank, q.why, p.arm from questions q join picks p on p.item_id = q.item_id where q.round = 2"
        )
    ranks = [row["rank"] for row in asked if row["arm"]]
    assert min(ranks) <= 6 < max(ranks)
    assert not any("arm" in row["why"].split() for row in asked)
    assert {row["why"].split(".")[0] for row in asked if row["arm"]} <= {
        "Drawn at random",
        "No reason is shown here, so that nothing sways your answer",
    }
