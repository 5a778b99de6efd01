"""How large a batch the budget still pays for, so that nothing is asked beyond it.

Answers that nobody asked for are owed all the same, and are said (`unasked`).

Planned before a batch is chosen, from what every answer may cost at most. Off the budget comes first what was spent, then
what is owed already: answers that were asked for and are still to come, hold-out questions still to be sent, and what a round
costs beside its answers. Labels are priced exactly, at the highest price of the rate card, since nobody knows who will answer.
Time is not known before it was taken: it is planned with a prudent figure, before there are times with the cap that the first
answers are paid under, and the last answers may still exceed it. Answers whose cost is not known count with that figure, too.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from curator.amounts import format_amount, parse_amount
from curator.config import Config, CostSection
from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.money.caps import FIRST
from curator.money.cost import SECONDS_PER_HOUR
from curator.money.rates import open_cards, same_rates

ENOUGH_TIMED = 30  # answers; from then on their own times say what the next will cost
_FIRST_COMPUTE = 900  # seconds


@dataclass(frozen=True)
class AnswerPrice:
    """What one answer is planned to cost.

    Attributes:
        amount: micro-units, its share of reviews included.
        said: where the figure comes from, for people.
        certain: no answer can cost more; False where time is paid.
    """

    amount: int
    said: str
    certain: bool


@dataclass(frozen=True)
class Budget:
    """What is left to plan with. Amounts are micro-units.

    Attributes:
        total: as in curator.toml.
        spent: so far, everything that is on the bill.
        unknown_answers: on the bill, but nobody knows what they cost.
        round_cost: what the round will cost beside its answers.
        open_answers: asked for and not paid yet.
        holdout_answers: of hold-out questions that are still to be sent.
        answers_per_item: at most.
        price: of an answer.
    """

    total: int
    spent: int
    unknown_answers: int
    round_cost: int
    open_answers: int
    holdout_answers: int
    answers_per_item: int
    price: AnswerPrice

    @property
    def owed(self) -> int:
        """What will be paid without asking about anything new for training."""
        answers = self.unknown_answers + self.open_answers + self.holdout_answers
        return self.round_cost + answers * self.price.amount

    @property
    def left(self) -> int:
        """For training questions; below 0 where the budget was lowered or time ran over."""
        return self.total - self.spent - self.owed

    def answers(self, most: int) -> int:
        """How many further answers can be paid for, `most` at most."""
        if self.left < 0:
            return 0
        return most if self.price.amount == 0 else min(most, self.left // self.price.amount)


def read_budget(config: Config, ledger: Ledger, *, wanted: int) -> Budget | None:
    """The budget as it stands before a batch is chosen; None: curator.toml sets none.

    Args:
        config: of the project.
        ledger: with or without the round that asks.
        wanted: items of the batch.
    """
    if config.cost.budget is None:
        return None
    per_item = config.labeler.overlap
    charges = queries.costs.timed_charges(ledger)
    # What is open is paid by the rates of its round, what is asked next by those of now.
    cards = [config.cost, *(card for card in open_cards(ledger) if not same_rates(card, config.cost))]
    prices = [answer_price(card, charges, wanted=wanted * per_item) for card in cards]
    dearest = max(prices, key=lambda price: price.amount)
    price = replace(dearest, certain=all(price.certain for price in prices))
    return Budget(
        total=parse_amount(config.cost.budget),
        spent=queries.costs.spent_so_far(ledger),
        round_cost=round_cost(config.cost, ledger),
        unknown_answers=queries.costs.count_unknown(ledger),
        open_answers=queries.questions.open_answers(ledger),
        holdout_answers=_holdout_answers(config, ledger),
        answers_per_item=per_item,
        price=price,
    )


def left_of_budget(ledger: Ledger, budget: str | None) -> int | None:
    """Micro-units of the campaign's budget that are not spent, as far as known; None: there is none."""
    if budget is None:
        return None
    return max(parse_amount(budget) - queries.costs.spent_so_far(ledger), 0)


def answer_price(cost: CostSection, charges: Sequence[int], *, wanted: int) -> AnswerPrice:
    """What an answer costs at most, or, where time is paid, what it is prudent to plan with.

    Args:
        cost: the rate card.
        charges: micro-units of each answer that was timed and paid by the hour so far.
        wanted: answers of the batch that is planned: the fewer, the less their times even out.
    """
    rates = (cost, *cost.annotators.values())
    labels = [rate.micro_per_label for rate in rates if rate.micro_per_label is not None]
    hours = [rate.micro_per_hour for rate in rates if rate.micro_per_hour is not None]
    review = math.ceil(Fraction(str(cost.review_share)) * parse_amount(cost.review_price or "0"))
    by_label, by_time, how = max(labels, default=0), 0, ""
    if hours:
        by_time, how = _price_of_time(max(hours), cost, charges, wanted)
    if by_time > by_label:
        said = f"{format_amount(by_time, cost.currency)} per answer ({how})"
    else:
        said = f"{format_amount(by_label, cost.currency)} per answer"
    if review:
        said += f" and {format_amount(review, cost.currency)} for its share of reviews"
    return AnswerPrice(max(by_label, by_time) + review, said, certain=not hours)


def _price_of_time(hourly: int, cost: CostSection, charges: Sequence[int], wanted: int) -> tuple[int, str]:
    """The upper 97.5% limit of the mean charge of the next `wanted` answers; a stated figure while few are timed."""
    mean = statistics.fmean(charges) if charges else 0.0
    if len(charges) < ENOUGH_TIMED:
        paid = Fraction(FIRST) * hourly * Fraction(str(cost.paid_to_active)) / SECONDS_PER_HOUR
        said = f"{FIRST:g} s, until {ENOUGH_TIMED} answers are timed"
        return math.ceil(max(paid, Fraction(mean))), said
    spread = statistics.stdev(charges) * math.sqrt(1 / len(charges) + 1 / max(1, wanted))
    return math.ceil(
        mean + 2 * spread
    ), f"the mean of {len(charges):,} timed answers plus two standard errors"


def round_cost(cost: CostSection, ledger: Ledger) -> int:
    """Micro-units that the next round, or the open one, will cost beside its answers.

    Compute is planned as twice that of the dearest round so far, and before the first as a quarter of an hour.
    """
    booked = queries.costs.compute_by_round(ledger)
    first = math.ceil(
        Fraction(parse_amount(cost.compute_per_hour or "0")) * _FIRST_COMPUTE / SECONDS_PER_HOUR
    )
    paid = queries.costs.is_campaign_charged(ledger)
    return (
        (0 if paid else parse_amount(cost.per_campaign or "0"))
        + parse_amount(cost.per_round or "0")
        + (2 * max(booked.values()) if booked else first)
    )


def _holdout_answers(config: Config, ledger: Ledger) -> int:
    """Of hold-out items that no question asks about, at most: all of the sample before it is drawn."""
    items = config.holdout.size
    if queries.holdout.holdout_ids(ledger):
        items = len(queries.questions.holdout_to_ask(ledger))
    return items * config.labeler.overlap
