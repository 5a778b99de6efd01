"""Enter labels of the user's own into the ledger: training labels at no price, marked as imported."""

from dataclasses import dataclass

from curator.ledger import queries
from curator.ledger.class_history import History
from curator.ledger.store import Ledger, utc_now
from curator.money.bill import imported_line
from curator.own_labels.read import OwnLabels
from curator.pool.problems import counted, listed
from curator.rounds.settle import derive_labels
from curator.tasks.task import Task

_LISTED = 5  # items of a kind in a note


@dataclass(frozen=True)
class OwnLabelsReport:
    """What became of labels from files.

    Attributes:
        labels: that count for training now.
        new: of these, entered or changed by these files.
        holdout: items of the sealed hold-out, which were left out.
        paid: items with a label that was paid for, which stays.
        contradicted: of these, the items whose own label says otherwise: "ID: paid LABEL, file LABEL".
        unknown: ids that the pool does not know and that came without content; left out.
        unlabeled: rows without a label.
        added: items that are new in the pool.
    """

    labels: int
    new: int
    holdout: tuple[str, ...]
    paid: int
    contradicted: tuple[str, ...]
    unknown: tuple[str, ...]
    unlabeled: int
    added: int


def enter_own_labels(ledger: Ledger, task: Task, found: OwnLabels) -> OwnLabelsReport:
    """Enter what files say; the same again changes nothing. To be called inside a `write`.

    The hold-out stays sealed: its items are left out. A label that somebody was paid for counts before one from a file.
    """
    history = History.read(ledger)
    sealed = set(queries.holdout.holdout_ids(ledger))
    known = {row["item_id"]: row for row in queries.labels.imported_labels(ledger)}
    rows = []
    for item_id, label in sorted(found.labels.items()):
        before = known.get(item_id)
        if item_id in sealed:
            continue
        if (
            before is not None
            and task.meaning(history, before["label"], before["classes"], "train").label == label
        ):
            continue
        rows.append(
            {
                "item_id": item_id,
                "version": 1 if before is None else before["version"] + 1,
                "label": label,
                "classes": history.newest,
                "file": found.files[item_id],
                "imported_at": utc_now(),
            }
        )
    ledger.insert("imported_labels", rows)
    derive_labels(
        ledger,
        task,
        settled_in=queries.rounds.last_round_id(ledger),
        last_round=queries.rounds.last_settled_round(ledger),
    )
    return _report(ledger, task, found, history, len(rows), sealed)


def own_labels_notes(found: OwnLabelsReport, currency: str) -> list[str]:
    """What a person should know of labels from files; empty where there were none."""
    if not (found.labels or found.unknown or found.unlabeled or found.holdout):
        return []
    notes = [imported_line(found.labels, currency)]
    for items, what in (
        (found.holdout, "of the sealed hold-out: labels left out"),
        (found.contradicted, "with a different label that was paid for: that one stays"),
        (found.unknown, "not in the pool and without content: left out"),
    ):
        if items:
            notes.append(f"{counted(len(items), 'item')} {what}: {listed(items, _LISTED)}")
    if found.unlabeled:
        notes.append(f"{counted(found.unlabeled, 'row')} without a label")
    return notes


def _report(
    ledger: Ledger, task: Task, found: OwnLabels, history: History, new: int, sealed: set[str]
) -> OwnLabelsReport:
    paid = {
        item_id: label
        for item_id, label in queries.labels.answered_labels(ledger).items()
        if item_id in found.labels
    }
    meant = {i: task.meaning(history, found.labels[i], history.newest, "train").label for i in paid}
    return OwnLabelsReport(
        labels=len(queries.labels.imported_ids(ledger)),
        new=new,
        holdout=tuple(sorted(sealed & found.labels.keys())),
        paid=len(paid),
        contradicted=tuple(
            f"{item_id}: paid {label}, file {meant[item_id]}"
            for item_id, label in sorted(paid.items())
            if meant[item_id] != label
        ),
        unknown=tuple(found.unknown),
        unlabeled=found.unlabeled,
        added=found.added,
    )
