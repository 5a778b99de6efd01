"""What is shown beside a question, and from whom the model's suggestion is kept back."""

import json
import subprocess
import sys

import numpy as np
import pytest
from support.projects import CLASSES, edit_config, labels_of, make_project

from curator.ledger import queries
from curator.project.project import Project
from curator.rounds.questions import BLIND, is_blind, labeled_neighbours, wants_several, why_picked
from curator.rounds.run import run_round
from curator.tasks.single import SingleChoice

IDS = [f"item-{n}" for n in range(20_000)]


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.5, 1.0])
def test_the_blind_share_is_met(share):
    """Over many items within four standard errors; none and all are exact."""
    found = np.mean([is_blind(item, 0, share) for item in IDS])
    assert abs(found - share) <= 4 * np.sqrt(share * (1 - share) / len(IDS))


def test_who_is_blind_depends_on_item_and_seed_alone():
    """The same in another process; with a larger share some join and none leaves; another seed is another draw."""
    code = "from curator.rounds.questions import is_blind; print([is_blind(f'item-{n}', 3, 0.2) for n in range(50)])"
    elsewhere = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert elsewhere.strip() == str([is_blind(item, 3, 0.2) for item in IDS[:50]])
    some = {item for item in IDS if is_blind(item, 3, 0.2)}
    assert some < {item for item in IDS if is_blind(item, 3, 0.3)}
    others = {item for item in IDS if is_blind(item, 4, 0.2)}
    assert len(some & others) / len(IDS) == pytest.approx(0.04, abs=0.006)
    assert is_blind("half a character \ud800", 0, 1.0)


def test_overlap_is_drawn_apart_from_blindness():
    """Of the blind as many are asked of several as of the rest."""
    blind = [item for item in IDS if is_blind(item, 0, 0.2)]
    assert np.mean([wants_several(item, 0, 0.3) for item in blind]) == pytest.approx(0.3, abs=0.03)


PROBS = np.array([0.1, 0.41, 0.49], dtype=np.float32)


@pytest.mark.parametrize(
    ("strategy", "probs", "distance", "line"),
    [
        ("margin", PROBS, 0.3, "The model is torn between red (49%) and green (41%)."),
        ("entropy", PROBS, None, "The model is torn between red (49%) and green (41%)."),
        ("margin", None, 0.3, "The model is unsure."),
        ("bald", PROBS, 0.3, "Several versions of the model disagree; the model is torn between red (49%) and green (41%)."),
        ("random", PROBS, 0.3, "Drawn at random."),
        (
            "uncertainty_herding", PROBS, 0.6,
            (
                "The model is unsure about many items like this one; the model is torn between red (49%) and green "
                "(41%); nothing asked before is similar to it."
            ),
        ),
        (
            "modAL.batch:uncertainty_batch_sampling", PROBS, 0.6,
            "Chosen by modAL.batch:uncertainty_batch_sampling; nothing asked before is similar to it.",
        ),
        ("maxherding", None, None, "Chosen so that every kind of item gets asked about."),
        (
            "coverage", None, 0.6,
            "Chosen so that every kind of item gets asked about; nothing asked before is similar to it.",
        ),
        (
            "coverage", PROBS, 0.05,
            "Chosen so that every kind of item gets asked about; a very similar item has been asked before.",
        ),
        (
            "coverage", PROBS, 0.3,
            "Chosen so that every kind of item gets asked about; somewhat similar items have been asked before.",
        ),
    ],
)  # fmt: skip
def test_why_is_one_sentence(strategy, probs, distance, line):
    """Each kind of strategy says what it went by; without probabilities no class is named."""
    unsure = None if probs is None else SingleChoice(CLASSES).doubt(probs)
    assert why_picked(strategy, unsure, distance) == line


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A second round that is asked, with neighbours."""
    folder = make_project(tmp_path_factory.mktemp("shown"), batch=20, holdout="30")
    edit_config(folder, 'name = "replay"', 'name = "replay"\nneighbours = 3\nblind_share = 0.4')
    with Project(folder) as project:
        run_round(project)
        run_round(project)
    return folder


def test_neighbours_are_the_nearest_labeled_training_items(campaign):
    """As a plain sort of all cosines has them; never the hold-out's, whose labels are sealed."""
    with Project(campaign) as project:
        labeled = list(queries.labels.training_labels(project.ledger))
        rows = project.pool.rows(labeled)
        assert len(labeled) == 20
        asked = [row["item_id"] for row in project.ledger.rows("select item_id from picks where round = 2")]
        embeddings = project.embeddings.take(project.pool.rows(asked))
        order = np.argsort(-(embeddings @ project.embeddings.take(rows).T), axis=1, kind="stable")
        expected = [[labeled[i] for i in row[:4]] for row in order]
        assert labeled_neighbours(project, embeddings, 4) == expected
        assert not {i for near in expected for i in near} & set(queries.holdout.holdout_ids(project.ledger))
        # no more than there are, and none when none are wanted
        assert [len(near) for near in labeled_neighbours(project, embeddings[:2], 50)] == [20, 20]
        assert labeled_neighbours(project, embeddings[:2], 0) == [[], []]
        assert labeled_neighbours(project, embeddings[:0], 4) == []


def test_before_anything_is_labeled_there_are_none(tmp_path):
    """Nothing is shown instead."""
    with Project(make_project(tmp_path, n=30, batch=4, holdout="4")) as project:
        assert labeled_neighbours(project, project.embeddings.take(np.arange(2)), 3) == [[], []]


def test_the_blind_and_the_holdout_see_nothing_of_the_model(campaign):
    """No suggestion, no neighbours, no class in the line; the suggestion is on record all the same."""
    with Project(campaign) as project:
        rows = project.ledger.rows("select * from questions")
    second = [row for row in rows if row["round"] == 2]
    blind = [row for row in second if not row["suggestion_shown"]]
    assert 0 < len(blind) < len(second)
    for row in second:
        assert row["suggestion"] in CLASSES
        if row in blind:
            assert row["neighbours"] is None
            assert not any(name in row["why"] for name in CLASSES)
        else:
            assert len(json.loads(row["neighbours"])) == 3
            assert row["suggestion"] in row["why"]
    holdout = [row for row in rows if row["role"] == "holdout"]
    assert len(holdout) == 30
    for row in holdout:
        assert (row["suggestion"], row["neighbours"], row["why"]) == (None, None, BLIND)


@pytest.fixture
def overlapping(tmp_path):
    """A campaign of known labels that asks two of three items twice."""
    folder = make_project(tmp_path, n=120, batch=30, holdout="10")
    edit_config(folder, 'name = "replay"', 'name = "replay"\noverlap = 3\noverlap_share = 0.5')
    return folder


def test_several_answers_by_known_labels(overlapping):
    """The share that was set gets as many answers as were set, each by somebody else, each paid for."""
    with Project(overlapping) as project:
        run_round(project)
        run_round(project)
        truth = labels_of(project)
        rows = project.ledger.rows(
            """
            select q.item_id, q.role, q.answers_wanted, count(*) as n, count(distinct a.annotator) as people
            from questions q join live_answers a using (key) where q.round = 1 group by q.key
            """
        )
        labels = {row["item_id"]: row for row in project.ledger.rows("select * from current_labels")}
        paid = project.ledger.scalar("select count(*) from costs where kind = 'label'")
    train = [row for row in rows if row["role"] == "train"]
    several = [row for row in train if row["answers_wanted"] == 3]
    assert 5 <= len(several) <= 25
    assert all(row["n"] == row["people"] == row["answers_wanted"] for row in rows)
    assert {row["answers_wanted"] for row in train} == {1, 3}
    assert paid == sum(row["n"] for row in train)
    for row in rows:
        label = labels[row["item_id"]]
        assert (label["label"], label["answers"], label["agreement"]) == (
            truth[row["item_id"]],
            row["n"],
            1.0,
        )
