"""What a round may ask for before anything is chosen: a budget, a deadline or a target ends a campaign."""

from dataclasses import dataclass
from datetime import date, datetime

from curator.amounts import readable_amount
from curator.errors import ConfigError
from curator.ledger import queries
from curator.money.budget import Budget, read_budget
from curator.money.hard_stops import check_target, is_over
from curator.money.unasked import read_unasked
from curator.pool.problems import counted
from curator.project.project import Project

# Questions about one item: two annotators who differ are joined by a third, and a fourth, then it rests.
MOST_QUESTIONS = 3
_KEPT = "`curator export` writes the labels, and the model of the last round stays."


@dataclass(frozen=True)
class Limit:
    """What may be asked.

    Attributes:
        batch: items that may be picked.
        ties: items that may be asked about again because their answers disagree or cannot be read; None: all of them.
        note: that the batch was cut, and by what; empty when it was not.
        refused: why nothing may be asked, and what to do; empty when something may.
        why: of a refusal, in a word: budget, deadline or target.
    """

    batch: int
    ties: int | None = None
    note: str = ""
    refused: str = ""
    why: str = ""


def limit_batch(project: Project, wanted: int, *, today: date | None = None) -> Limit:
    """Cut a batch to what may still be spent.

    Args:
        project: opened.
        wanted: items that the round would pick.
        today: the day; None: this one.

    Raises:
        ConfigError: the first round cannot pay for its hold-out. Nothing was drawn or sent.
    """
    over = _hard_stop(project, today or datetime.now().astimezone().date())
    if over:
        return over
    budget = read_budget(project.config, project.ledger, wanted=wanted)
    if budget is None:
        return Limit(wanted)
    currency = project.config.cost.currency
    ties = len(queries.questions.asked_again(project.ledger, MOST_QUESTIONS))
    asked_again = budget.answers(ties)
    # Ties first: their items are paid for in part already.
    rest = budget.answers(asked_again + wanted * budget.answers_per_item) - asked_again
    batch = rest // budget.answers_per_item
    unasked = read_unasked(project.ledger).sentence(currency)
    if batch == 0 and asked_again == 0:
        if not queries.questions.count_questions(project.ledger):
            raise ConfigError(_too_small(budget, currency))
        return Limit(0, 0, refused=_spent(budget, currency, unasked), why="budget")
    note = "" if batch == wanted and asked_again == ties else _cut(budget, currency, wanted, batch, unasked)
    return Limit(batch, asked_again, note=note)


def _hard_stop(project: Project, today: date) -> Limit | None:
    stop = project.config.stop
    if is_over(stop, today):
        refused = f"The deadline, {stop.deadline}, has passed: no batch is sent. Move [stop] deadline in curator.toml to continue. {_KEPT}"
        return Limit(0, 0, refused=refused, why="deadline")
    found = check_target(stop, queries.measures.gain_table(project.ledger))
    if found is not None and found.reached:
        refused = (
            f"The target of {found.target:.3f} is reached: the metric is {found.value:.3f}, and the lower end of its interval, widened because "
            f"it is checked every round, is {found.low:.3f}. No batch is sent. Raise [stop] target in curator.toml to continue. {_KEPT}"
        )
        return Limit(0, 0, refused=refused, why="target")
    return None


def _price(budget: Budget, currency: str) -> str:
    """What an item costs, for people."""
    several = f"up to {budget.answers_per_item} answers per item, " if budget.answers_per_item > 1 else ""
    item = readable_amount(budget.price.amount * budget.answers_per_item, currency)
    return f"{item} per item ({several}{budget.price.said})"


def _standing(budget: Budget, currency: str, unasked: str) -> str:
    unknown = budget.unknown_answers
    also = f" ({unasked})" if unasked else ""
    also += f" (not counting {counted(unknown, 'answer')} whose cost is not known)" if unknown else ""
    return (
        f"{readable_amount(budget.spent, currency)} is spent{also} and {readable_amount(budget.owed, currency)} is needed for questions "
        f"already asked and for the round itself"
    )


def _cut(budget: Budget, currency: str, wanted: int, batch: int, unasked: str) -> str:
    text = (
        f"The batch is cut from {wanted:,} to {batch:,} items by the budget of {readable_amount(budget.total, currency)}: "
        f"{_standing(budget, currency, unasked)}; the {readable_amount(budget.left, currency)} left pays for no more at "
        f"{_price(budget, currency)}."
    )
    return (
        text
        if budget.price.certain
        else f"{text} Since answers are paid by time, the last ones may still exceed it."
    )


def _spent(budget: Budget, currency: str, unasked: str) -> str:
    return (
        f"The budget of {readable_amount(budget.total, currency)} is used up: {_standing(budget, currency, unasked)}, which leaves "
        f"{readable_amount(budget.left, currency)}, less than {_price(budget, currency)}. No batch is sent. Raise [cost] budget "
        f"in curator.toml to continue. {_KEPT}"
    )


def _too_small(budget: Budget, currency: str) -> str:
    holdout = readable_amount(budget.holdout_answers * budget.price.amount, currency)
    fixed = readable_amount(budget.spent + budget.round_cost, currency)
    return (
        f"The budget of {readable_amount(budget.total, currency)} is not enough for a first round: the hold-out takes up to {holdout} "
        f"({budget.holdout_answers:,} answers at {budget.price.said}), the round itself {fixed}, and the first item to learn "
        f"from {_price(budget, currency)}. Nothing was drawn or sent. Set a smaller [holdout] size or a larger [cost] budget in "
        "curator.toml."
    )
