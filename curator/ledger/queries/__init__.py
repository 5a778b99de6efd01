"""What the rest of curator asks the ledger: one function per question, in one module per subject.

A query reads, and the caller decides: no rule of the campaign is kept here. Amounts are micro-units of the currency.
"""

from curator.ledger.queries import (
    answers,
    costs,
    forecasts,
    holdout,
    labels,
    measures,
    picks,
    questions,
    rounds,
    unopened,
)

__all__ = [
    "answers",
    "costs",
    "forecasts",
    "holdout",
    "labels",
    "measures",
    "picks",
    "questions",
    "rounds",
    "unopened",
]
