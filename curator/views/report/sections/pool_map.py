"""The map of the pool, which items stand on it and as what; and the hold-out's errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from curator.errors import CuratorError
from curator.ledger import queries
from curator.project.holdout import unsealed_rows
from curator.project.project import Project
from curator.views.report.figures import ACCENT, FAINT, INK, MUTED, Figure, layout
from curator.views.report.holdout import Holdout
from curator.views.report.projection import FEWEST, project_2d
from curator.views.report.section import Campaign, Head, Section
from curator.views.report.words import cut
from integrations.errors import IntegrationError

IntArray = NDArray[np.int64]

# In the order in which items get a place on the map, each with at most so many; the pool fills the rest.
MOST = {"error": 250, "batch": 250, "labeled": 500}
MOST_ITEMS = 1600
MOST_ERRORS = 40  # of the hold-out, in the table beside the map
STATES = {
    "pool": ("not asked", {"symbol": "circle", "size": 4, "color": FAINT}),
    "labeled": ("labeled", {"symbol": "circle", "size": 6, "color": MUTED}),
    "batch": ("last batch", {"symbol": "diamond", "size": 8, "color": ACCENT}),
    "error": ("hold-out errors", {"symbol": "x-thin-open", "size": 8, "color": INK, "line": {"width": 1.6}}),
}
_LONGEST = 100  # characters of a text
_LONGEST_ERROR = 280  # characters of a text in the table
_ID = 60  # characters of an id


class Point(TypedDict):
    """An item on the map: its place, its state (a key of `STATES`), what is known of its class, how it begins."""

    x: float
    y: float
    state: str
    id: str
    note: str
    content: str


class Map(TypedDict):
    """So many `items` of the pool's."""

    items: int
    of: int
    points: list[Point]


class ErrorRow(TypedDict):
    """An item that the model has wrong, and how sure it was."""

    item_id: str
    content: str
    true: str
    predicted: str
    confidence: float


@dataclass(frozen=True)
class PoolMap(Section):
    """A sample of the pool on a plane, and the most confident mistakes: wrong models and wrong labels are found there."""

    errors: list[ErrorRow]
    map: Map | None

    @classmethod
    def gather(cls, campaign: Campaign) -> Self:
        """The map needs embeddings, and those may need an encoder that is not on this machine."""
        project, holdout, missing = campaign.project, campaign.holdout, campaign.head.missing
        errors = _error_rows(project, holdout) if holdout else []
        try:
            found = pool_map(project, holdout)
        except (CuratorError, IntegrationError) as exc:
            missing.append(f"No map of the pool: {exc}")
            return cls(errors, None)
        if found is None:
            missing.append("No map of the pool: too few items.")
        return cls(errors, found)

    def is_shown(self, head: Head) -> bool:  # noqa: ARG002
        """Where there is a map."""
        return self.map is not None

    def figures(self, head: Head) -> dict[str, Figure]:  # noqa: ARG002
        """The map."""
        return {"map": scatter(self.map["points"])} if self.map else {}

    def images(self) -> list[str]:
        """Those of the errors."""
        return [row["content"] for row in self.errors]

    def points(self) -> "Sequence[dict[str, Any]]":
        """Of the map."""
        return [dict(point) for point in self.map["points"]] if self.map else []


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


def pool_map(project: Project, holdout: Holdout | None) -> Map | None:
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
    points: list[Point] = [
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
    at = wrong_items(holdout)[: MOST["error"]]
    task, words = project.task, project.task.form.words
    true, predicted = task.decode(holdout.y[at]), task.decode(holdout.predicted[at])
    return [
        Placed(int(holdout.rows[i]), "error", f"is {words(label)}, predicted {words(answer)}")
        for i, label, answer in zip(at, true, predicted, strict=True)
    ]


def _some(n: int, most: int, rng: np.random.Generator) -> IntArray:
    """Positions of at most `most` of n things, ascending."""
    return np.arange(n) if n <= most else np.sort(rng.choice(n, size=most, replace=False))


def _error_rows(project: Project, holdout: Holdout) -> list[ErrorRow]:
    at = wrong_items(holdout)[:MOST_ERRORS]
    task, words = project.task, project.task.form.words
    true, predicted = task.decode(holdout.y[at]), task.suggestions(holdout.mean_probs[at])
    return [
        {
            "item_id": holdout.ids[i],
            "content": cut(content, _LONGEST_ERROR),
            "true": words(label),
            "predicted": words(answer),
            "confidence": confidence,
        }
        for i, content, label, (answer, confidence) in zip(
            at, project.pool.contents(holdout.rows[at]), true, predicted, strict=True
        )
    ]


def wrong_items(holdout: Holdout) -> IntArray:
    """(m,) positions of the items that the mean over training seeds has wrong, the most confident mistakes first."""
    wrong = np.flatnonzero(~holdout.task.equal(holdout.predicted, holdout.y))
    confidence = np.array([sure for _label, sure in holdout.task.suggestions(holdout.mean_probs[wrong])])
    order: IntArray = wrong[np.argsort(-confidence, kind="stable")]
    return order


def scatter(points: Sequence[Point]) -> Figure:
    """Items on a plane; `customdata` is each one's position in `points`. What hovering shows is the page's own."""
    traces = []
    for state, (name, marker) in STATES.items():
        at = [i for i, point in enumerate(points) if point["state"] == state]
        if at:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": name,
                    "x": [points[i]["x"] for i in at],
                    "y": [points[i]["y"] for i in at],
                    "customdata": at,
                    "hoverinfo": "none",
                    "marker": marker,
                }
            )
    bare = {"visible": False, "fixedrange": False, "range": [-1.05, 1.05]}
    plane = layout(bare, bare, legend=True) | {
        "dragmode": "pan",
        "margin": {"l": 0, "r": 0, "t": 8, "b": 8},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": MUTED, "activecolor": ACCENT},
    }
    return {"data": traces, "layout": plane}
