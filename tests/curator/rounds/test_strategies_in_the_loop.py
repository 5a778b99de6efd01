"""Every strategy, named in curator.toml, runs in the loop."""

from types import SimpleNamespace

import numpy as np
import pytest
from support.projects import make_project

from curator.ledger.store import Ledger
from curator.project.project import Project
from curator.rounds import score
from curator.rounds.run import run_round
from curator.tasks.single import SingleChoice
from strategies import registry
from strategies.registry import SCORERS, SELECTORS, Selector

BATCH = 5


def picks(folder, strategy: str) -> list[tuple[str, str]]:
    """Two rounds, the second picked with a model: (item, why) of its questions for training, in their order."""
    make_project(folder, n=60, batch=BATCH, holdout="8", strategy=strategy)
    for _ in range(2):
        with Project(folder) as project:
            run_round(project)
    with Ledger(folder / ".curator" / "ledger.db") as ledger:
        rows = ledger.rows(
            "select p.item_id, q.why from picks p join questions q on q.item_id = p.item_id and q.round = p.round "
            "where p.round = 2 order by p.rank"
        )
    return [(row["item_id"], row["why"]) for row in rows]


@pytest.mark.parametrize("strategy", [*SCORERS, *SELECTORS])
def test_every_strategy_picks_a_batch_and_says_why(tmp_path, strategy):
    """A full batch of different items, each with a reason; the same again from the same seed."""
    found = picks(tmp_path / "one", strategy)
    assert len({item for item, _ in found}) == BATCH
    assert all(why.endswith(".") for _, why in found)
    reason = {**SCORERS, **SELECTORS}[strategy].reason
    told = [why for _, why in found if why.startswith((reason, "The model is torn between"))]
    assert told  # the blind ones are not told
    assert picks(tmp_path / "two", strategy) == found


@pytest.mark.parametrize(("needs", "uses", "n_asked", "given"), [
    (("neighbours",), (), 0, True),
    ((), ("neighbours",), 0, False),
    ((), ("neighbours",), 700, True),
    ((), (), 700, False),
])  # fmt: skip
def test_the_graph_is_there_for_who_needs_it_and_for_who_can_use_it(monkeypatch, needs, uses, n_asked, given):
    """Whoever needs neighbours always gets them; whoever can do without gets them once labels are dense."""
    selector = Selector("theirs", lambda: None, "of a third party", needs=needs, uses=uses)
    monkeypatch.setitem(registry.SELECTORS, "theirs", selector)
    monkeypatch.setattr(score, "_neighbours", lambda _project, rows: rows)
    round_row = {"id": 1, "strategy": '"theirs"'}
    monkeypatch.setattr(score.queries.rounds, "strategy_of", lambda _row: "theirs")
    found = score.score_candidates(
        SimpleNamespace(task=SingleChoice(["a", "b"])),
        np.arange(20_000),
        None,
        round_row,
        n_asked=n_asked,
        batch=1,
    )
    assert (found.inputs.neighbours is not None) == given


def test_a_larger_pool_with_many_labels_gets_a_graph(tmp_path):
    """Kept beside the embeddings, said with its recall, and not built a second time."""
    said: list[str] = []
    notes: list[str] = []
    folder = make_project(tmp_path, n=10_100, batch=330, holdout="8")
    for _ in range(2):
        edit = folder / "curator.toml"
        edit.write_text(
            edit.read_text("utf-8").replace('strategy = "auto"', 'strategy = "uncertainty_herding"')
        )
        with Project(folder, say=said.append) as project:
            notes += run_round(project).notes
            assert len(project.graph.open()) == project.pool.n_items
    built = [text for text in said if "neighbour graph" in text]
    assert len(built) == 1
    estimated = [note for note in notes if "Coverage of" in note]
    assert len(estimated) == 1  # the second round has fewer than 10,000 candidates
    assert estimated[0].startswith("maxherding: Coverage of 10,")
    assert "of the true nearest neighbours" in built[0]
