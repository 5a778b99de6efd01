"""The classes of a campaign with what is known of each, and how they came to be."""

from collections import Counter
from dataclasses import dataclass

from curator.ledger import queries
from curator.ledger.class_history import History
from curator.project.project import Project
from curator.rounds.classes.edits import refuse_hand_edit


@dataclass(frozen=True)
class ClassRow:
    """One class.

    Attributes:
        name: as annotators see it.
        labels: training labels, those from files included.
        imported: of these, from files of the user's.
        holdout: labeled hold-out items.
        description: as curator.toml gives it.
    """

    name: str
    labels: int
    imported: int
    holdout: int
    description: str


@dataclass(frozen=True)
class ClassList:
    """All classes, and what is to be asked again.

    Attributes:
        classes: in order.
        changes: a sentence for each change, the oldest first.
        holdout_again: hold-out items that lost their label by a change and are to be asked about again.
        training_again: training items that did, and are in the pool again.
    """

    classes: tuple[ClassRow, ...]
    changes: tuple[str, ...]
    holdout_again: int
    training_again: int


def list_classes(project: Project) -> ClassList:
    """The classes as the ledger knows them.

    Raises:
        ConfigError: curator.toml names others.
    """
    refuse_hand_edit(project)
    ledger = project.ledger
    labels = queries.labels.training_labels(ledger)
    imported = queries.labels.imported_ids(ledger)
    of_class = Counter(labels.values())
    of_import = Counter(label for item_id, label in labels.items() if item_id in imported)
    of_holdout = Counter(queries.holdout.holdout_labels(ledger).values())
    descriptions = project.config.labeler.descriptions
    return ClassList(
        classes=tuple(
            ClassRow(name, of_class[name], of_import[name], of_holdout[name], descriptions.get(name, ""))
            for name in project.config.project.classes
        ),
        changes=tuple(
            f"{f'after round {change.measured}' if change.measured else 'before a round was measured'}: {change.sentence()}"
            for change in History.read(ledger).changes[1:]
        ),
        holdout_again=sum(queries.questions.holdout_to_ask(ledger).values()),
        training_again=len(queries.questions.outdated_training(ledger)),
    )
