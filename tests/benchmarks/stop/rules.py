"""Rules that say after which round to stop: curator's, parts of it, what others do, and none at all."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from benchmarks.stop.cases import Case
from numpy.typing import NDArray

from curator.money.stop import FEWEST_ROUNDS, Evidence, decide

KAPPA = 0.99
_LEAST = 5  # labels per class: curator.toml's default
_CHANCE = 0.3

Rule = Callable[[Case], int]
Flags = NDArray[np.bool_]


def first(stops: Flags, in_a_row: int = 1) -> int:
    """The first round at which a condition has held so many times in a row; the last round when it never does."""
    held = 0
    for number, holds in enumerate(stops):
        held = held + 1 if holds else 0
        if held == in_a_row:
            return number
    return len(stops) - 1


def verdicts(case: Case, *, least: int = _LEAST, changes: bool = True) -> Flags:
    """(rounds,) where curator says "stop"."""
    stops = []
    for number, outlook in enumerate(case.outlooks):
        changed, kappa = (
            None if np.isnan(value) else float(value)
            for value in (case.steady.changed[number], case.steady.kappa[number])
        )
        evidence = Evidence(
            rounds=number + 1,
            outlook=outlook,
            no_outlook="",
            floor=None,
            rarest="",
            rarest_labels=int(case.campaign.least[number]),
            least_per_class=least,
            changed=changed if changes else None,
            kappa=kappa,
            hard="",
            hard_reason="",
            currency="USD",
        )
        stops.append(decide(evidence).word == "stop")
    return np.array(stops)


def curator(case: Case) -> int:
    """The product's verdict, taken at its word the first time."""
    return first(verdicts(case))


def small_text(case: Case) -> int:
    """The mean of the last three kappas between successive models is 0.99 or more."""
    return first(case.steady.kappa >= KAPPA)


def unlikely_to_pay(case: Case) -> Flags:
    """(rounds,) where the chance that the next round pays for itself is below 30%, for the second time in a row."""
    below = np.array([o is not None and o.chance is not None and o.chance < _CHANCE for o in case.outlooks])
    return below & np.concatenate(([False], below[:-1]))


def upper_bound(case: Case) -> int:
    """Even the upper end of the 80% interval of the next round's gain does not pay."""
    high = [o is not None and case.value * o.gain_high < o.cost for o in case.outlooks]
    return first(np.array(high))


def next_round(case: Case) -> int:
    """The next round alone is not expected to pay."""
    nearer = replace(case, draws=case.draws[:, :, :2])
    return first(np.array([o is not None and o.net is not None and o.net <= 0 for o in nearer.outlooks]))


def share(of_campaign: float) -> Rule:
    """Stop after a share of the campaign's labels, whatever happens."""

    def stop(case: Case) -> int:
        return max(FEWEST_ROUNDS - 1, round(of_campaign * (len(case.campaign.labels) - 1)))

    return stop


def labels(most: int) -> Rule:
    """Stop at a number of labels, whatever happens."""

    def stop(case: Case) -> int:
        return max(0, int(np.searchsorted(case.campaign.labels, most, side="right")) - 1)

    return stop


RULES: dict[str, Rule] = {
    "**curator**": curator,
    "small-text's kappa": small_text,
    "never": lambda case: len(case.cost) - 1,
    "half of the campaign": share(0.5),
}
VARIANTS: dict[str, Rule] = {
    "curator": curator,
    "... without the changed predictions": lambda c: first(verdicts(c, changes=False)),
    "... without the class minimum": lambda c: first(verdicts(c, least=0)),
    "... twice in a row": lambda c: first(verdicts(c), 2),
    "... told twice the value": lambda c: first(verdicts(replace(c, value=2 * c.value))),
    "... told half the value": lambda c: first(verdicts(replace(c, value=c.value // 2))),
    "... and kappa >= 0.99": lambda c: first(verdicts(c) & (c.steady.kappa >= KAPPA)),
    "the next round alone, expected value": next_round,
    "chance to pay < 30%, twice in a row": lambda c: first(unlikely_to_pay(c)),
    "... and kappa >= 0.99 (the first design)": lambda c: first(
        unlikely_to_pay(c) & (c.steady.kappa >= KAPPA)
    ),
    "upper end of the 80% interval does not pay": upper_bound,
}
