"""The rate card of each round: an answer costs what was agreed when its question was asked.

A price that is changed in curator.toml holds for the rounds that are opened from then on. So what an answer costs depends
neither on when it is pulled nor on what is written later. `curator cost reprice` is how somebody says that a round was
agreed otherwise.
"""

import json

from curator.config import CostSection, RateSection
from curator.ledger import queries
from curator.ledger.store import Ledger

# Of [cost]: what decides the price of an answer and of its review.
_OF_ANSWERS = {*RateSection.model_fields, "annotators", "paid_to_active", "review_share", "review_price"}


def rate_cards(ledger: Ledger) -> dict[int, CostSection]:
    """Number of each round -> the rates that its answers are paid by."""
    texts = queries.rounds.rate_card_texts(ledger)
    cards = {text: _card(text) for text in set(texts.values())}
    return {number: cards[text] for number, text in texts.items()}


def rates_by_person(ledger: Ledger, cost: CostSection) -> CostSection:
    """The rate card with everybody under what answers and costs call them now.

    A rate is found by that, by any name the person ever had, by `user-NUMBER`, or by the identity, `ORIGIN#NUMBER`.
    """
    if not cost.annotators:
        return cost
    known: dict[str, list[str]] = {
        row["annotator"]: [row["annotator"], *reversed(json.loads(row["names"]))]
        for row in queries.answers.names_of_people(ledger)
    }
    for row in queries.answers.numbers_of_people(ledger):
        known[row["annotator"]] += [f"{row['origin']}#{row['number']}", f"user-{row['number']}"]
    rates = {
        annotator: cost.annotators[name]
        for annotator, names in known.items()
        if (name := next((name for name in names if name in cost.annotators), None)) is not None
    }
    return cost.model_copy(update={"annotators": {**cost.annotators, **rates}})


def open_cards(ledger: Ledger) -> list[CostSection]:
    """The rate cards of the rounds with questions that may still be answered."""
    cards = rate_cards(ledger)
    waiting = queries.questions.rounds_with_questions(ledger)
    return [cards[number] for number in waiting if number in cards]


def other_rates(ledger: Ledger, cost: CostSection) -> int | None:
    """The open round, if its answers are paid by other rates than those of curator.toml now."""
    row = queries.rounds.current_round(ledger)
    card = None if row is None else rate_cards(ledger).get(row["id"])
    if row is None or card is None or same_rates(card, cost):
        return None
    return int(row["id"])


def other_rates_note(round_id: int) -> str:
    """What a person is told about it."""
    return (
        f"The rates in curator.toml differ from those that round {round_id} was opened with, and its answers keep the old "
        f"ones. `curator cost reprice --round {round_id}` applies the new rates to it."
    )


def same_rates(one: CostSection, other: CostSection) -> bool:
    """Whether answers cost the same by both."""
    return one.model_dump(include=_OF_ANSWERS) == other.model_dump(include=_OF_ANSWERS)


def _card(text: str) -> CostSection:
    # As it was taken then: what curator.toml may not say any more is still what was agreed.
    return CostSection.model_validate(json.loads(text), context={"stored": True})
