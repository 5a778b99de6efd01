"""Classes that the hold-out starves: their items are hold-out items or copies of these, so no label may teach them.

Near-duplicates of hold-out items are neither asked about nor trained on, since they would leak it. A class whose items
are all alike, or so few that the hold-out drew them all, then has nothing left to learn from, however many rounds follow.
"""

import json
from collections import Counter
from dataclasses import dataclass

import numpy as np

from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.pool.problems import counted
from curator.project.holdout import near_holdout
from curator.project.project import Project
from curator.tasks.task import Labels
from strategies.kernels.near_duplicates import near_any

_KEPT = "starved_classes"  # in the ledger's state: what the last training found
_SHOWN = 5  # classes that are explained; more have the same cause
WAY_OUT = (
    "What helps: other items of this class (`curator add`); for copies that differ a little, a duplicate_cosine closer to 1"
    " under [acquisition] in curator.toml; or a new project with a labeled --holdout FILE that leaves items of it to"
    " learn from."
)


@dataclass(frozen=True)
class Starved:
    """A class without a label to learn from, and where its items are.

    Attributes:
        name: of the class.
        holdout: hold-out items with this label.
        copies: other items that are near-duplicates of these: never asked about.
        dropped: labels of this class that were left out of training as near-duplicates of hold-out items.
        elsewhere: items that the data label so and that are neither; None: the data have no label of this class.
    """

    name: str
    holdout: int
    copies: int
    dropped: int
    elsewhere: int | None

    def sentence(self) -> str:
        """Why there is nothing to learn it from."""
        parts = []
        if self.dropped:
            parts.append(
                f"{counted(self.dropped, 'label')} given for it {'was' if self.dropped == 1 else 'were'} of copies of"
                " hold-out items, which are never trained on"
            )
        if self.holdout:
            parts.append(
                f"{counted(self.holdout, 'item')} of it {'is' if self.holdout == 1 else 'are'} in the hold-out"
            )
        if self.copies:
            parts.append(
                f"{counted(self.copies, 'other item')} copy these and {'is' if self.copies == 1 else 'are'} never asked about"
            )
        known = (
            "There are no other items of it. "
            if self.elsewhere == 0
            else "If there are others, they may still be asked about. "
        )
        return f"No label to learn {self.name!r} from: {'; '.join(parts)}. {known}"


def find_starved(project: Project, labels: Labels, dropped: Labels) -> list[Starved]:
    """The classes that have hold-out items or dropped labels, and none to learn from.

    Args:
        project: opened.
        labels: (n, ...) what the model learns from, as `Task.encode` has it.
        dropped: (m, ...) the same, of labels left out as near-duplicates of hold-out items.
    """
    task = project.task
    learned, left_out = task.count(task.decode(labels)), task.count(task.decode(dropped))
    held: dict[str, list[str]] = {}
    for item_id, label in queries.holdout.holdout_labels(project.ledger).items():
        for name in task.names(label):
            held.setdefault(name, []).append(item_id)
    without = [name for name in task.classes if not learned[name] and (name in held or left_out[name])]
    if not without:
        return []
    near, known = _around(project, [held.get(name, []) for name in without], without)
    found = []
    for at, name in enumerate(without):
        starved = Starved(name, len(held.get(name, [])), near[at], left_out[name], known[at])
        # An item of it that may be asked about is only a question of time; and a class without copies may just be rare.
        if not starved.elsewhere and (starved.copies or starved.dropped or starved.elsewhere == 0):
            found.append(starved)
    return found


def notes_of(found: list[Starved]) -> list[str]:
    """A sentence per class, and once what helps."""
    if not found:
        return []
    more = (
        [f"{counted(len(found) - _SHOWN, 'more class', 'more classes')} likewise."]
        if len(found) > _SHOWN
        else []
    )
    return [" ".join([*(one.sentence().strip() for one in found[:_SHOWN]), *more, WAY_OUT])]


def keep(ledger: Ledger, notes: list[str]) -> None:
    """Keep what was found until the next training, for `status`. To be called inside a `write`."""
    ledger.put(_KEPT, json.dumps(notes))


def kept(ledger: Ledger) -> list[str]:
    """What the last training found."""
    return list(json.loads(ledger.get(_KEPT) or "[]"))


def _around(project: Project, held: list[list[str]], names: list[str]) -> tuple[list[int], list[int | None]]:
    """For each class the near-duplicates of its hold-out items, and its items by the data that copy no hold-out item."""
    pool, threshold = project.pool, project.config.acquisition.duplicate_cosine
    sealed = np.zeros(pool.n_items, dtype=bool)
    sealed[project.holdout_rows()] = True
    is_near = near_holdout(project)
    targets = [project.embeddings.take(pool.rows(ids)) for ids in held]
    known = project.task.count(pool.label_counts()) if project.config.data.label else Counter[str]()
    near = [0] * len(names)
    elsewhere = dict.fromkeys(names, 0)
    for first, block in project.embeddings.blocks():
        free = ~sealed[first : first + len(block)]
        for at, around in enumerate(targets):
            near[at] += int((near_any(block, around, threshold) & free).sum())
        if any(name in known for name in names):
            open_rows = first + np.flatnonzero(free & ~is_near(block))
            labels = (label for label in pool.labels(open_rows) if label is not None)
            for name, n in project.task.count(labels).items():
                if name in elsewhere:
                    elsewhere[name] += n
    return near, [elsewhere[name] if name in known else None for name in names]
