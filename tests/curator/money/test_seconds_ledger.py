"""Expected seconds and costs of pool items, from the answers in the ledger."""

import numpy as np
import pytest
from support.projects import edit_config, make_project, write_pool

from curator.ledger import queries
from curator.money.seconds_model import SecondsModel
from curator.money.timing import expected_costs, lengths_of, measured_times, seconds_model
from curator.project.project import Project
from curator.rounds.run import run_round
from curator.start.add import add_to_pool


def varied(path, n=240):
    """A pool whose texts have 1 to 60 words."""
    write_pool(path, n)
    lines = path.read_text(encoding="utf-8").splitlines()
    longer = [line.replace("number", "word " * (7 * i % 60) + "number") for i, line in enumerate(lines)]
    path.write_text("\n".join(longer) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """80 answers paid by time, most of it for reading."""
    root = tmp_path_factory.mktemp("seconds") / "p"
    root.mkdir()
    make_project(root, data=varied(root / "pool.jsonl"), batch=60, holdout="20", hourly_rate="36")
    edit_config(root, "seconds = 5.0", "seconds = 2.0")
    edit_config(root, "seconds_per_word = 0.0", "seconds_per_word = 0.5")
    edit_config(root, "seed_batch = ", "seed_batch = 60 # ")
    edit_config(root, "cost_aware = false", "cost_aware = true")
    with Project(root) as project:
        run_round(project)
        report = run_round(project)
    return root, report


def test_lengths_come_in_any_order_from_any_segment(tmp_path):
    """Characters of each text, where a pool has several segments and rows are not sorted."""
    root = make_project(tmp_path / "p", n=90)
    with Project(root) as project:
        add_to_pool(project, write_pool(tmp_path / "more.jsonl", 40, seed=1), None)
        assert len(project.pool.segments) > 1
        rows = np.random.default_rng(0).permutation(project.pool.n_items)[:100]
        assert lengths_of(project.pool, rows).tolist() == [len(t) for t in project.pool.contents(rows)]
        assert lengths_of(project.pool, rows[:0]).shape == (0,)


def test_the_replay_labeler_takes_longer_over_longer_texts(folder):
    """Half a second a word on top of two, by a half up or down; the model finds that out."""
    root, _report = folder
    with Project(root) as project:
        rows = project.ledger.rows(
            "select q.item_id, a.seconds from answers a join questions q on q.key = a.key"
        )
        texts = project.pool.contents(project.pool.rows([row["item_id"] for row in rows]))
        for row, text in zip(rows, texts, strict=True):
            typical = 2.0 + 0.5 * len(text.split())
            assert 0.499 * typical <= row["seconds"] <= 1.501 * typical
        model = seconds_model(project.ledger, project.pool)
        assert isinstance(model, SecondsModel)
        assert model.per_log_length > 0.4


def test_expected_costs_add_up_to_the_bill(folder):
    """Over the items that were answered, what is expected is about what was paid; one cent a second."""
    root, _report = folder
    with Project(root) as project:
        rows = project.pool.rows(queries.questions.asked_ids(project.ledger))
        answered = project.pool.rows(
            [r["item_id"] for r in project.ledger.rows("select distinct item_id from current_labels")]
        )
        costs, known = expected_costs(project.ledger, project.pool, project.config.cost, answered)
        assert known.model is not None
        assert costs.sum() == pytest.approx(sum(queries.costs.spend(project.ledger).values()), rel=0.1)
        assert len(rows) > len(answered)


def test_the_second_batch_is_cheaper_for_looking_at_costs(folder):
    """The note says what was done, the weights are in the picks, and the batch costs less than the pool's average."""
    root, report = folder
    assert any(note.startswith("Chosen by expected gain per expected cost, $") for note in report.notes)
    with Project(root) as project:
        picked = project.pool.rows(
            [r["item_id"] for r in project.ledger.rows("select item_id from picks where round = 2")]
        )
        pool = project.pool.role_rows("pool")
        lengths = [np.mean(lengths_of(project.pool, rows)) for rows in (picked, pool)]
        assert lengths[0] < 0.85 * lengths[1]


def test_where_all_cost_the_same_it_says_that_nothing_changes(tmp_path):
    """With a price per label the picks are those of the plain strategy, to the item."""
    picks = []
    for aware in ("false", "true"):
        root = make_project(tmp_path / aware, n=120, batch=6, holdout="10")
        edit_config(root, "cost_aware = false", f"cost_aware = {aware}")
        with Project(root) as project:
            run_round(project)
            report = run_round(project)
            picks.append(
                [r["item_id"] for r in project.ledger.rows("select item_id from picks order by round, rank")]
            )
        said = [note for note in report.notes if "cost_aware" in note]
        assert said == (
            ["cost_aware has no effect: every label has the same price."] if aware == "true" else []
        )
    assert picks[0] == picks[1]


def test_the_first_batch_knows_no_costs_yet(tmp_path):
    """Paid by time, but nobody has answered: it says so, and expects nothing."""
    root = make_project(tmp_path / "p", n=120, batch=6, holdout="10", hourly_rate="36")
    edit_config(root, "cost_aware = false", "cost_aware = true")
    with Project(root) as project:
        report = run_round(project)
        assert len(measured_times(project.ledger, project.pool)) == 0
    assert (
        "cost_aware has no effect yet: 0 answers with a time; a model of answer times needs 50."
        in report.notes
    )


def test_time_that_costs_nothing_does_not_choose(folder):
    """Volunteers at $0 an hour: every item costs the same, however long it is."""
    root, _report = folder
    with Project(root) as project:
        unpaid = project.config.cost.model_copy(update={"hourly_rate": "0"})
        costs, known = expected_costs(project.ledger, project.pool, unpaid, project.pool.role_rows("pool"))
    assert not costs.any()
    assert known.model is None
    assert known.for_good
