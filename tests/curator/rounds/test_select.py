"""Choosing a batch: from values and arrays alone, the random arm first and the strategy around it."""

import numpy as np
import pytest
from support.projects import make_project

from curator.project.project import Project
from curator.rounds.arm import draw_arm
from curator.rounds.candidates import Candidates
from curator.rounds.limits import limit_batch
from curator.rounds.select import Choice, choose, draw_holdout, read_offer
from strategies.inputs import Inputs


def choice(spec="coverage", *, k=20, n=300, known=30, share=0.2):
    """Of rows that stand in no project."""
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((n, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    candidates = Candidates(np.arange(known, n), lambda some: rows[some], 0)
    arm = draw_arm(spec, k, len(candidates), share, 0, 1)
    left = np.delete(np.arange(len(candidates)), arm.positions)
    return rows, Choice(
        spec=spec,
        k=k,
        arm=arm,
        left=left,
        candidates=candidates,
        scores={"margin": rng.random(len(candidates))},
        inputs=Inputs(),
        known=rows[[*range(known), *candidates.rows[arm.positions]]],
        seeds=(0, 1),
        duplicate_cosine=0.999,
        external={},
    )


def farthest_first(rows, known, left, k):
    """k-center in float64 as one would write it."""
    gaps = np.square(rows[left, None].astype(np.float64) - known[None]).sum(axis=2).min(axis=1)
    picks = []
    for _ in range(k):
        picks.append(int(gaps.argmax()))
        new = np.square(rows[left].astype(np.float64) - rows[left[picks[-1]]]).sum(axis=1)
        gaps = np.minimum(gaps, new)
    return left[picks]


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_the_strategy_chooses_around_the_arm(share):
    """Coverage counts the arm as labeled: its picks are those of the plain computation, in order."""
    rows, given = choice(share=share)
    batch, of_arm = choose(given)
    assert sorted(batch.positions[of_arm]) == sorted(given.arm.positions)
    expected = farthest_first(
        rows, given.known.astype(np.float64), given.candidates.rows[given.left], 20 - of_arm.sum()
    )
    assert given.candidates.rows[batch.positions[~of_arm]].tolist() == expected.tolist()


def test_scores_are_those_of_the_candidates_chosen():
    """Positions stay those of all candidates, although the strategy is shown those that the arm left."""
    _, given = choice("margin")
    batch, of_arm = choose(given)
    found = batch.positions[~of_arm]
    np.testing.assert_array_equal(batch.score[~of_arm], given.scores["margin"][found])
    best = given.left[np.argsort(-given.scores["margin"][given.left])][: len(found)]
    assert found.tolist() == best.tolist()


def test_a_batch_of_chance_alone_asks_no_strategy():
    """With random as the strategy all of the batch is the arm."""
    _, given = choice("random")
    batch, of_arm = choose(given)
    assert of_arm.all()
    assert batch.positions.tolist() == given.arm.positions.tolist()


def test_reading_an_offer_changes_nothing(tmp_path):
    """What may be asked is read twice with the same result, and the hold-out is not part of it."""
    with Project(make_project(tmp_path, n=60, batch=10, holdout="20")) as project:
        draw_holdout(project)
        limit = limit_batch(project, 10)
        before = project.ledger.rows("select * from holdout")
        offers = [read_offer(project, limit) for _ in range(2)]
        assert project.ledger.rows("select * from holdout") == before
        sealed = project.holdout_rows()
    assert (offers[0].k, offers[0].again, offers[0].asked_ids) == (10, {}, [])
    assert offers[0].candidates.rows.tolist() == offers[1].candidates.rows.tolist()
    assert not np.intersect1d(offers[0].candidates.rows, sealed).size
