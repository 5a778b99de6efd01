"""Copies of what was asked before and items in which nothing is recognised: asked last, in rounds and in played campaigns."""

import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.projects import make_project
from support.reports import quick_model

from curator.project.project import Project
from curator.rounds.run import run_round
from curator.simulate.play import Plan, play
from curator.simulate.task import Task

WORDS = (
    ("invoice", "refund", "card", "payment"),
    ("password", "login", "account", "reset"),
    ("parcel", "courier", "late", "delivery"),
)
CLASSES = ("billing", "login", "shipping")


def twins(path, n=80):
    """Each text under two ids."""
    rng = random.Random(0)
    texts = [
        " ".join(
            rng.choice(WORDS[i % 3] if rng.random() < 0.5 else ("please", "my", "the")) for _ in range(7)
        )
        + f" x{i}"
        for i in range(n)
    ]
    rows = [f"{side}{i},{text},{CLASSES[i % 3]}" for side in "uv" for i, text in enumerate(texts)]
    path.write_text("\n".join(["id,text,label", *rows]))
    return path


def campaign(folder, rounds, **options):
    """Rounds of a project; returns the ids asked per round, and what was said."""
    folder = make_project(folder, **options)
    quick_model(folder)
    notes, asked = [], []
    for number in range(1, rounds + 1):
        with Project(folder) as project:
            notes.append(run_round(project).notes)
            rows = project.ledger.rows("select item_id from picks where round = ? and arm = 0", [number])
            asked.append([row["item_id"] for row in rows])
    return asked, notes


def test_no_copy_of_an_asked_item_is_paid_in_three_rounds(tmp_path):
    """Each text is there twice: what the strategy asks was never asked before, neither by it nor by the random arm."""
    folder = tmp_path / "p"
    asked, _ = campaign(
        folder,
        3,
        data=twins(tmp_path / "twice.csv"),
        strategy="margin",
        batch=12,
        holdout="12",
        random_share=0.1,
    )
    with Project(folder) as project:
        arms = project.ledger.rows("select round, item_id from picks where arm = 1")
    known = {row["item_id"][1:] for row in arms if row["round"] == 1}
    for number, items in enumerate(asked, 1):
        known |= {row["item_id"][1:] for row in arms if row["round"] == number}
        assert len(items) == 7
        texts = {item[1:] for item in items}
        assert len(texts) == len(items)
        assert not texts & known
        known |= texts


def test_when_only_copies_are_left_they_are_asked_and_it_is_said(tmp_path):
    """Nothing stays unasked for ever: in the end each item was asked once."""
    asked, notes = campaign(
        tmp_path / "p", 4, data=twins(tmp_path / "twice.csv", 12), strategy="margin", batch=6, holdout="4"
    )
    everything = [item for items in asked for item in items]
    assert len(set(everything)) == len(everything)
    firsts = [item[1:] for item in everything]
    copies = [item for at, item in enumerate(firsts) if item in firsts[:at]]
    assert copies
    assert firsts[: len(set(firsts))] == list(dict.fromkeys(firsts)), "copies before others"
    assert any(
        "asked before or another one in the batch" in note for round_notes in notes for note in round_notes
    )


def test_items_in_which_nothing_is_recognised_are_asked_last_and_said(tmp_path):
    """Sixteen of thirty rows of zeros: the note counts those that may be asked about, and none of them is."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30, 32)).astype(np.float32)
    rows[4:20] = 0
    table = {
        "id": [str(i) for i in range(30)],
        "text": [f"text {i}" for i in range(30)],
        "label": [CLASSES[i % 3] for i in range(30)],
        "embedding": rows.tolist(),
    }
    pq.write_table(pa.table(table), tmp_path / "zeros.parquet")
    asked, notes = campaign(
        tmp_path / "p", 2, data=tmp_path / "zeros.parquet", embedding="embedding", batch=4, holdout="3"
    )
    assert not {item for items in asked for item in items} & {str(i) for i in range(4, 20)}
    for number, said in enumerate(notes):
        note = next(note for note in said if note.startswith("All-zero embeddings"))
        assert "They are asked last" in note
        assert f"of the {27 - sum(map(len, asked[:number]))} items" in note


@pytest.mark.parametrize("strategy", ["auto", "entropy", "random", "badge"])
@pytest.mark.parametrize("cost_aware", [False, True])
def test_a_played_campaign_pays_no_copy(strategy, cost_aware):
    """As in rounds: the pool holds everything twice."""
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=60)
    rows = np.random.default_rng(99).normal(size=(3, 8))[y] + 1.5 * rng.normal(size=(60, 8))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    cost = np.tile(rng.integers(50_000, 200_000, size=30), 2)
    rows[30:], y[30:] = rows[:30], y[:30]
    task = Task("twins", rows, y, rows[:10], y[:10], ("a", "b", "c"), cost)
    plan = Plan(
        seed_batch=8,
        batch=5,
        rounds=4,
        strategy=strategy,
        model="sklearn:linear_model.LogisticRegression",
        model_seeds=1,
        cost_aware=cost_aware,
    )
    *_, last = play(task, plan, 0)
    assert len(last.labeled) == 23
    assert len({int(item) % 30 for item in last.labeled}) == 23
