"""What a person wants to know between rounds: how far the open round is, what was spent, what it gained."""

from dataclasses import asdict, dataclass
from typing import Any

from curator.errors import CuratorError, LockedError
from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.money import savings
from curator.money.bill import Hours, by_source, paid_hours
from curator.money.holdout_price import next_dollars_of
from curator.money.holdout_table import NextDollars
from curator.money.overview import cost_notes
from curator.money.pool_estimate import Share, recent_accuracy
from curator.money.unasked import Unasked, read_unasked
from curator.project.project import Project
from curator.rounds import advice, starved
from curator.rounds.agreement import Agreement, read_agreement
from curator.rounds.fallback import note as fallback_note
from curator.rounds.fallback import strategy_now
from curator.rounds.pull import catch_up, pull
from curator.rounds.push import prepare
from curator.rounds.settle import settle_corrections
from curator.rounds.suggestions import OFF, SuggestionEffect, suggestion_effect
from curator.rounds.windows import last_window, windows
from integrations.errors import IntegrationError

_SHOWN = 20  # unreadable answers that are listed


@dataclass(frozen=True)
class Status:
    """A campaign as it stands. Amounts are micro-units of `currency`."""

    name: str
    currency: str
    items: int
    holdout_items: int
    holdout_labeled: int
    labels: int  # settled training labels
    imported: int  # of these, from files of the user's
    open_round: dict[str, Any] | None
    spent: dict[
        str, int | None
    ]  # label, holdout; review, round, campaign, compute where there are any; None: not known
    sources: dict[
        str, int | None
    ]  # the same by how it is known: measured, invoiced, imputed, assumed, not known
    cost_notes: list[str]  # what a person should know about the bill
    hours: Hours | None  # None: nobody is paid by time
    gain: list[dict[str, Any]]  # the `gain` view
    comparisons: list[
        dict[str, Any]
    ]  # the last measured round against every earlier one, the nearest first: `windows`
    window: dict[str, Any] | None  # the one that was asked for, as `curator.rounds.windows.last_window`
    next_dollars: NextDollars | None  # hold-out or training; None before two measured rounds
    problems: list[dict[str, Any]]  # answers without a readable label
    without_label: dict[
        str, list[str]
    ]  # why -> items that were asked about, are not waited for, and have no label
    unasked: Unasked  # answers beyond those that were asked for
    copies: dict[str, int]  # annotator -> answers that only repeat another
    agreement: Agreement
    cannot_tell: int  # answers of annotators who could not decide
    suggestions: SuggestionEffect | None  # what the model's suggestions do; None: nothing to compare yet
    suggestions_off: str | None  # why they went off by themselves
    savings: dict[str, Any] | None  # against random labels; None: no round is measured yet
    pool_accuracy: (
        Share | None
    )  # of the last models on the live pool, by the random arm; None: too few items of it have judged one
    fallback: str | None  # why batches are drawn at random in place of "auto"
    verdict: dict[str, Any] | None  # go on or stop, as `curator.rounds.advice.current` tells it
    starved: list[str]  # classes that the hold-out leaves nothing to learn from, a note each
    notes: list[str]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def read_status(project: Project, *, offline: bool = False, last: int | None = None) -> Status:
    """How the campaign stands; asks the labeler for new answers first, unless `offline`.

    `last`, in micro-units, asks for what about so much money gained last.

    A labeler that is away, or another curator at work, is a note: the ledger is shown as it is.
    """
    notes = [] if offline else refresh(project, "status")
    ledger, acquisition = project.ledger, project.config.acquisition.strategy
    gain = queries.measures.gain_table(ledger)
    suggests = project.config.labeler.traits.shows_suggestions
    return Status(
        name=project.config.project.name,
        currency=project.config.cost.currency,
        items=project.pool.n_items,
        holdout_items=len(queries.holdout.holdout_ids(ledger)),
        holdout_labeled=len(queries.holdout.holdout_labels(ledger)),
        labels=len(queries.labels.training_labels(ledger)),
        imported=len(queries.labels.imported_ids(ledger)),
        open_round=_open_round(ledger),
        spent=queries.costs.spend(ledger),
        sources=by_source(ledger),
        cost_notes=cost_notes(ledger, project.config.cost),
        hours=paid_hours(ledger),
        gain=gain,
        comparisons=windows(ledger),
        window=None if last is None else last_window(project, last),
        next_dollars=next_dollars_of(project.ledger, project.task),
        problems=queries.answers.unreadable_answers(ledger, _SHOWN),
        without_label=queries.questions.without_label(ledger),
        unasked=read_unasked(ledger),
        copies=queries.answers.copies_by_annotator(ledger),
        agreement=read_agreement(ledger, project.task),
        cannot_tell=queries.answers.count_cannot_tell(ledger),
        suggestions=suggestion_effect(ledger, project.task) if suggests else None,
        suggestions_off=ledger.get(OFF),
        savings=savings.current(ledger),
        pool_accuracy=recent_accuracy(ledger, project.task),
        fallback=fallback_note(
            ledger, acquisition, queries.rounds.strategy_text(strategy_now(ledger, acquisition))
        ),
        verdict=advice.current(project),
        starved=starved.kept(ledger),
        notes=notes,
    )


def refresh(project: Project, command: str) -> list[str]:
    """Ask the labeler for what is new; returns notes, among them that it could not be asked.

    Args:
        project: opened.
        command: that wants to know, for whoever else would work on the project meanwhile.
    """
    current = queries.rounds.current_round(project.ledger)
    if current is not None and current["status"] != "pushed":
        return []
    try:
        with project.locked(command):
            if current is None:
                return catch_up(project)
            prepare(project, claim=False)
            notes = pull(project, int(current["id"]))
            settle_corrections(project.ledger, project.task)
            return notes
    except (LockedError, IntegrationError, CuratorError) as exc:
        return [f"Shown as of the last pull: {exc}"]
    except OSError as exc:  # where nothing can be written, new answers cannot be kept
        where = exc.filename or project.state
        return [f"Shown as of the last pull: new answers cannot be kept ({where}: {exc.strerror or exc})."]


def _open_round(ledger: Ledger) -> dict[str, Any] | None:
    current = queries.rounds.current_round(ledger)
    if current is None:
        return None
    progress = queries.questions.progress(ledger, current["id"])
    return {
        "round": current["id"],
        "status": current["status"],
        "strategy": queries.rounds.strategy_of(current),
        "asked": progress.asked,
        "answered": progress.answered,
        "withdrawn": progress.withdrawn,
        "waiting": progress.waiting,
        "annotators": progress.annotators,
        "opened_at": current["opened_at"],
    }
