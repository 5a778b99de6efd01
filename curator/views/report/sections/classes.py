"""Each class: how many of its items are found, and how many said to be of it are."""

from dataclasses import dataclass
from typing import Any, Self, TypedDict

from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.tasks.task import Task
from curator.views.report.holdout import FEWEST, with_interval
from curator.views.report.section import Campaign, Head, Section

# `labels` to learn the class from, `items` in the hold-out; `wide`: its interval is too wide to see the target gain in.
ClassRow = TypedDict(
    "ClassRow",
    {"class": str, "labels": int, "items": int, "recall": float | None, "low": float | None, "high": float | None,
     "wide": bool, "precision": float | None, "f1": float | None},
)  # fmt: skip


@dataclass(frozen=True)
class Classes(Section):
    """A row for each class."""

    classes: list[ClassRow]

    @classmethod
    def gather(cls, campaign: Campaign) -> Self:
        """As the ledger has them for the last round."""
        if not campaign.head.rounds or not campaign.task.traits.class_table:
            return cls([])
        return cls(per_class(campaign.ledger, campaign.last_round, campaign.task))

    def is_shown(self, head: Head) -> bool:
        """Where a label names classes."""
        return bool(head.rounds and self.classes)


def per_class(ledger: Ledger, round_id: int, task: Task) -> list[ClassRow]:
    """Precision, recall and F1 of each class as the ledger has them, with the labels there are to learn it from.

    None of a class with fewer than `FEWEST` items in the hold-out. The interval is that of the recall: its items are those of the class, a fixed number.
    """
    measured: dict[str, dict[str, Any]] = {name: {} for name in task.classes}
    items = dict.fromkeys(task.classes, 0)
    for row in queries.measures.class_values(ledger, round_id):
        if row["class"] in measured:
            measured[row["class"]][row["metric"]] = row["value"]
            items[row["class"]] = row["items"]
    labels = task.count(queries.labels.training_labels(ledger).values())
    rows: list[ClassRow] = []
    for name in task.classes:
        found, n = measured[name], items[name]
        known = bool(found) and n >= FEWEST
        recall = with_interval(found["recall"], n) if known else None
        rows.append(
            {
                "class": name,
                "labels": labels[name],
                "items": n,
                "recall": recall["value"] if recall else None,
                "low": recall["low"] if recall else None,
                "high": recall["high"] if recall else None,
                "wide": recall is None or recall["wide"],
                "precision": found.get("precision") if known else None,
                "f1": found.get("f1") if known else None,
            }
        )
    return rows
