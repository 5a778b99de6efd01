"""Change the classes of a campaign: ledger, curator.toml, and what annotators choose from, in this order.

The ledger is changed in one transaction; curator.toml follows, then the labeler. A process that is killed in between leaves a
mark in the ledger, by which the next `curator classes` or `curator round` writes what is missing.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from curator.amounts import readable_amount
from curator.config import load_config
from curator.errors import ConfigError
from curator.ledger import queries
from curator.ledger.class_history import Change, History, begin_history, may_begin_anew, now
from curator.ledger.store import Row
from curator.money.budget import answer_price, read_budget
from curator.pool.problems import counted, listed
from curator.project.project import Project
from curator.rounds.classes.choices import former_choices
from curator.rounds.classes.edits import refuse_hand_edit
from curator.rounds.classes.settings import changed_settings, write_settings
from curator.rounds.outbox import ask_holdout_again
from curator.rounds.pull import pull
from curator.rounds.push import labeler_spec, prepare
from curator.rounds.settle import derive_labels
from integrations.errors import LabelerError
from integrations.labelers.studio_config import build_config

_UNWRITTEN = "classes_unwritten"  # in the ledger's state: a change that curator.toml may not have yet


@dataclass(frozen=True)
class ClassesReport:
    """What a change means, and whether it was made.

    Attributes:
        done: False: only looked at, or somebody said no.
        sentence: the change.
        classes: after it.
        relabeled: labels that have another name now.
        holdout_again: hold-out items that have to be asked about again.
        training_again: training labels that count no more; their items go back into the pool.
        price: micro-units that the hold-out's questions cost at most.
        priced_at: what that was computed from.
        asked_now: questions that the open round sends in addition.
        notes: what a person should know.
    """

    done: bool
    sentence: str
    classes: tuple[str, ...]
    relabeled: int
    holdout_again: int
    training_again: int
    price: int
    priced_at: str
    asked_now: int
    notes: tuple[str, ...] = field(default=())


def change_classes(
    project: Project,
    wanted: Callable[[History], Change],
    *,
    agree: Callable[[ClassesReport], bool] = lambda _report: True,
    dry_run: bool = False,
) -> ClassesReport:
    """Change the classes; answers keep the meaning they had.

    Args:
        project: opened.
        wanted: makes the change from today's classes; see `curator.rounds.classes.wanted`.
        agree: asked before a change that makes answers count no more.
        dry_run: only say what it would mean.

    Raises:
        ConfigError: the change cannot be, or curator.toml names other classes than the ledger, or the budget does not pay
            for the questions. Nothing was changed.
        LabelerError: the labeler is away, and answers that it may have would count no more. Nothing was changed.
    """
    if not project.task.traits.class_changes:
        raise ConfigError(
            f"The classes of this campaign cannot be changed: a label is {project.task.summary}, and nobody could say what earlier "
            "answers mean by other classes. Start a new project for these."
        )
    with project.locked("classes"):
        finish_change(project)
        history = _known(project)
        change = replace(
            wanted(history),
            measured=queries.rounds.newest_measured(project.ledger) or 0,
        )
        _refuse_other_edits(project, history, change)
        text, config, notes = changed_settings(project.folder, change)
        notes += _take_in_answers(project, change)
        before, project.config = project.config, config
        done = False
        try:
            _check_choices(project, change)
            report = replace(_try_out(project, change), notes=(*notes, *_notes(project, change)))
            _refuse_over_budget(project, report)
            lost = report.holdout_again or report.training_again
            if dry_run or (lost and not agree(report)):
                return report
            with project.ledger.write():
                _enter(project, replace(change, changed_at=now()))
                project.ledger.put(_UNWRITTEN, str(change.id))
            done = True
        finally:
            if not done:
                project.config = before
        write_settings(project.folder, text)
        with project.ledger.write():
            _written(project)
        return replace(
            report, done=True, sentence=change.sentence(), notes=(*report.notes, *_tell_labeler(project))
        )


def finish_change(project: Project) -> None:
    """Let curator.toml follow a change that a killed command left in the ledger alone."""
    number = project.ledger.get(_UNWRITTEN)
    if number is None:
        return
    history = History.read(project.ledger)
    change, before = history.changes[int(number)], history.changes[int(number) - 1]
    if project.config.project.classes == before.classes:
        text, _config, notes = changed_settings(project.folder, change)
        write_settings(project.folder, text)
        project.config = load_config(project.folder)
        project.say(
            f"curator.toml now has the changed classes ({change.sentence()}): the command that changed them was interrupted."
        )
        for note in notes:
            project.say(note)
    with project.ledger.write():
        _written(project)


def _known(project: Project) -> History:
    """The changes so far; a campaign that has asked nothing yet begins with the classes of curator.toml."""
    ledger = project.ledger
    history = History.read(ledger)
    if may_begin_anew(ledger) and history.classes != project.config.project.classes:
        with ledger.write():
            begin_history(ledger, project.config.project.classes)
        history = History.read(ledger)
    return history


def _refuse_other_edits(project: Project, history: History, change: Change) -> None:
    """curator.toml has the classes from before, or, edited by hand, those that the change leads to."""
    there = project.config.project.classes
    if there != history.classes and set(there) != set(change.classes):
        refuse_hand_edit(project)


def _check_choices(project: Project, change: Change) -> None:
    """Refuse names that the labeler could not show, or would read as something else."""
    labeler = project.config.labeler
    former_choices(project.ledger, labeler.cannot_tell, change.classes)
    if labeler.traits.shows_through_label_studio:
        build_config(labeler_spec(project))


def _take_in_answers(project: Project, change: Change) -> list[str]:
    """Store what was answered until now, so that what it says does not hang on the labeler's clock.

    Raises:
        LabelerError: the labeler is away, and it makes a difference.
    """
    current = queries.rounds.current_round(project.ledger)
    if current is None or current["status"] != "pushed":
        return []
    try:
        prepare(project, claim=False)
        pull(project, int(current["id"]))
    except LabelerError as exc:
        if change.asks != "nothing":
            raise
        return [
            f"The labeler could not be asked for answers first ({exc}); the next `curator round` will ask."
        ]
    return []


def _try_out(project: Project, change: Change) -> ClassesReport:
    """What the change would do: done, counted, and rolled back."""
    ledger, overlap = project.ledger, project.config.labeler.overlap

    def lost() -> tuple[int, int]:
        return sum(queries.questions.holdout_to_ask(ledger).values()), len(
            queries.questions.outdated_training(ledger)
        )

    holdout_before, training_before = lost()
    with ledger.trial():
        relabeled, asked_now = _enter(project, replace(change, changed_at=now()))
        holdout, training = lost()
        again = holdout + asked_now - holdout_before
        price = answer_price(
            project.config.cost, queries.costs.timed_charges(ledger), wanted=max(1, again) * overlap
        )
        return ClassesReport(
            done=False,
            sentence=change.sentence(done=False),
            classes=change.classes,
            relabeled=relabeled,
            holdout_again=again,
            training_again=training - training_before,
            price=again * price.amount * overlap,
            priced_at=price.said,
            asked_now=asked_now,
        )


def _enter(project: Project, change: Change) -> tuple[int, int]:
    """Write a change and all that follows from it, inside a `write`.

    Returns:
        How many labels got another name; how many questions the open round sends in addition.
    """
    ledger = project.ledger
    current = queries.rounds.current_round(ledger)
    last_row = queries.labels.newest_label_row(ledger)
    ledger.insert("class_changes", [change.row()])
    derive_labels(
        ledger,
        project.task,
        settled_in=queries.rounds.last_round_id(ledger),
        last_round=queries.rounds.last_settled_round(ledger),
    )
    relabeled = queries.labels.count_labels_since(ledger, last_row)
    _rewrite_outbox(project, change)
    asked_now = 0
    if current is not None:
        config = json.loads(current["config"])
        config.setdefault("project", {})["classes"] = list(change.classes)
        ledger.update("rounds", current["id"], config=json.dumps(config, sort_keys=True))
        if current["status"] in ("selected", "pushed"):
            asked_now = ask_holdout_again(project, int(current["id"]), change.id)
    return relabeled, asked_now


def _rewrite_outbox(project: Project, change: Change) -> None:
    """Questions that were not sent yet suggest what is a class now, or nothing."""
    ledger = project.ledger
    for row in queries.questions.outbox(ledger):
        label, enough = change.apply(row["suggestion"], "train")
        changes: Row = {"classes": change.id}
        if not enough:
            changes |= {"suggestion": None, "suggestion_score": None, "suggestion_shown": None}
        elif label != row["suggestion"]:
            changes["suggestion"] = label
        ledger.update("questions", row["key"], **changes)


def _refuse_over_budget(project: Project, report: ClassesReport) -> None:
    budget = read_budget(project.config, project.ledger, wanted=1)
    if budget is None or not report.price or report.price <= budget.left:
        return
    currency = project.config.cost.currency
    raise ConfigError(
        f"{counted(report.holdout_again, 'hold-out item')} would have to be asked about again, for up to "
        f"{readable_amount(report.price, currency)}; the budget of {readable_amount(budget.total, currency)} leaves "
        f"{readable_amount(max(0, budget.left), currency)}. Nothing was changed. Raise [cost] budget in curator.toml first."
    )


def _notes(project: Project, change: Change) -> list[str]:
    """What a number alone does not say."""
    notes = []
    if change.kind == "add" and change.asks == "hold-out":
        notes.append(
            f"Training labels given before stay as they are. If some of these items belong to {listed(change.targets)}, say "
            "which classes they have now: --from CLASS; those items then go back into the pool. If none do, "
            "--keep-answers asks nothing again."
        )
    if change.kind == "split" and project.config.labeler.traits.uses_known_labels:
        notes.append(
            f"The label column does not know the parts of {change.sources[0]!r}: the {project.config.labeler.name} labeler skips these items, unless the column "
            "holds one of the new names."
        )
    return notes


def _written(project: Project) -> None:
    project.ledger.drop(_UNWRITTEN)


def _tell_labeler(project: Project) -> list[str]:
    """Let annotators choose from the new classes at once; what fails now, the next round does."""
    if project.ledger.get("labeler_project") is None:
        return []
    try:
        prepare(project)
    except (LabelerError, ConfigError) as exc:
        return [f"The labeler could not be told yet ({exc}); `curator round` tries again."]
    advice = project.config.labeler.traits.after_new_classes
    return [advice.replace("{where}", project.labeler.where())] if advice else []
