"""The map of the pool: which items stand on it, and as what."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.ledger import queries
from curator.project.holdout import unsealed_rows
from curator.project.project import Project
from curator.views.report.holdout import Holdout
from curator.views.report.projection import FEWEST, project_2d
from curator.views.report.quality import errors
from curator.views.report.words import cut

IntArray = NDArray[np.int64]

# In the order in which items get a place on the map, each with at most so many; the pool fills the rest.
MOST = {"error": 250, "batch": 250, "labeled": 500}
MOST_ITEMS = 1600
_LONGEST = 100  # characters of a text
_ID = 60  # characters of an id


@dataclass(frozen=True)
class Placed:
    """An item on the map.

    Attributes:
        row: of the pool.
        state: error (of the hold-out) | batch (the last one) | labeled | pool.
        note: what is known of its class.
    """

    row: int
    state: str
    note: str


def pool_map(project: Project, holdout: Holdout | None) -> dict[str, Any] | None:
    """A sample of the pool on a plane; None when there are too few items.

    Each point has `x`, `y`, `state`, `id`, `note` and the beginning of its `content`; the errors come first, then the last
    batch, so that whoever has room for a few only takes those.
    """
    placed = _chosen(project, holdout)
    if len(placed) < FEWEST:
        return None
    rows = np.array([one.row for one in placed], dtype=np.int64)
    embeddings = project.embeddings.take(rows)
    with project.progress.bar("map", None):
        places = project_2d(embeddings)
    contents = project.pool.contents(rows)
    points = [
        {
            "x": round(float(x), 4),
            "y": round(float(y), 4),
            "state": one.state,
            "id": cut(item_id, _ID),
            "note": one.note,
            "content": cut(content, _LONGEST) if project.config.project.kind == "text" else content,
        }
        for one, (x, y), item_id, content in zip(
            placed, places, project.pool.ids(rows), contents, strict=True
        )
    ]
    return {"items": len(points), "of": project.pool.n_items, "points": points}


def _chosen(project: Project, holdout: Holdout | None) -> list[Placed]:
    """The items of the map; what is too many is drawn at random, with a fixed seed."""
    rng = np.random.default_rng([project.config.project.seed, 42])
    placed = _errors(project, holdout)
    labels = queries.labels.training_labels(project.ledger)
    last = queries.picks.newest_round_with_picks(project.ledger)
    batch = [] if last is None else queries.picks.picked_ids(project.ledger, last)
    newest = set(batch)
    earlier = [item_id for item_id in labels if item_id not in newest]
    for state, ids in (("batch", batch), ("labeled", earlier)):
        kept = [ids[i] for i in _some(len(ids), MOST[state], rng)]
        placed += [
            Placed(
                int(row),
                state,
                f"labeled {project.task.form.words(labels[item_id])}"
                if item_id in labels
                else "no label yet",
            )
            for item_id, row in zip(kept, project.pool.rows(kept), strict=True)
        ]
    # Of the rest only those that nobody asked about and that do not measure.
    ledger = project.ledger
    taken = [*queries.questions.asked_ids(ledger), *queries.labels.imported_ids(ledger)]
    free = np.setdiff1d(unsealed_rows(project), project.pool.rows(taken))
    return placed + [
        Placed(int(free[i]), "pool", "not asked") for i in _some(len(free), MOST_ITEMS - len(placed), rng)
    ]


def _errors(project: Project, holdout: Holdout | None) -> list[Placed]:
    if holdout is None:
        return []
    at = errors(holdout)[: MOST["error"]]
    task, words = project.task, project.task.form.words
    true, predicted = task.decode(holdout.y[at]), task.decode(holdout.predicted[at])
    return [
        Placed(int(holdout.rows[i]), "error", f"is {words(label)}, predicted {words(answer)}")
        for i, label, answer in zip(at, true, predicted, strict=True)
    ]


def _some(n: int, most: int, rng: np.random.Generator) -> IntArray:
    """Positions of at most `most` of n things, ascending."""
    return np.arange(n) if n <= most else np.sort(rng.choice(n, size=most, replace=False))
