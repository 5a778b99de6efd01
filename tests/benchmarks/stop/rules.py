"""Rules that say after which round to stop: curator's, parts of it, what others do, and none at all."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from benchmarks.stop.cases import Case, Stability
from numpy.typing import NDArray

from curator.money.stop import FEWEST_ROUNDS, Evidence, Outlook, decide, look_ahead

KAPPA = 0.99
_LEAST = 5  # labels per class: curator.toml's default
_CHANCE = 0.3

Rule = Callable[[Case, Stability], int]
Flags = NDArray[np.bool_]


def first(stops: Flags, in_a_row: int = 1) -> int:
    """The first round at which a condition has held so many times in a row; the last round when it never does."""
    held = 0
    for number, holds in enumerate(stops):
        held = held + 1 if holds else 0
        if held == in_a_row:
            return number
    return len(stops) - 1


def outlooks(case: Case) -> list[Outlook | None]:
    """What the next rounds are worth, as it looked after each round."""
    found: list[Outlook | None] = []
    for draws in case.draws:
        known = ~np.isnan(draws).any(axis=0)
        seen = draws[:, known]
        found.append(None if seen.shape[1] < 2 else look_ahead(seen, cost=case.batch_cost, value=case.value))
    return found


def verdicts(case: Case, steady: Stability, *, least: int = _LEAST, changes: bool = True) -> Flags:
    """(rounds,) where curator says "stop"."""
    stops = []
    for number, outlook in enumerate(outlooks(case)):
        changed, kappa = (
            None if np.isnan(value) else float(value)
            for value in (steady.changed[number], steady.kappa[number])
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


def curator(case: Case, steady: Stability) -> int:
    """The product's verdict, taken at its word the first time."""
    return first(verdicts(case, steady))


def small_text(_case: Case, steady: Stability) -> int:
    """The mean of the last three kappas between successive models is 0.99 or more."""
    return first(steady.kappa >= KAPPA)


def unlikely_to_pay(case: Case) -> Flags:
    """(rounds,) where the chance that the next round pays for itself is below 30%, for the second time in a row."""
    below = np.array([o is not None and o.chance is not None and o.chance < _CHANCE for o in outlooks(case)])
    return below & np.concatenate(([False], below[:-1]))


def upper_bound(case: Case, _steady: Stability) -> int:
    """Even the upper end of the 80% interval of the next round's gain does not pay."""
    high = [o is not None and case.value * o.gain_high < o.cost for o in outlooks(case)]
    return first(np.array(high))


def next_round(case: Case, _steady: Stability) -> int:
    """The next round alone is not expected to pay."""
    nearer = replace(case, draws=case.draws[:, :, :2])
    return first(np.array([o is not None and o.net is not None and o.net <= 0 for o in outlooks(nearer)]))


def share(of_campaign: float) -> Rule:
    """Stop after a share of the campaign's labels, whatever happens."""

    def stop(case: Case, _steady: Stability) -> int:
        return max(FEWEST_ROUNDS - 1, round(of_campaign * (len(case.campaign.labels) - 1)))

    return stop


def labels(most: int) -> Rule:
    """Stop at a number of labels, whatever happens."""

    def stop(case: Case, _steady: Stability) -> int:
        return max(0, int(np.searchsorted(case.campaign.labels, most, side="right")) - 1)

    return stop


RULES: dict[str, Rule] = {
    "**curator**": curator,
    "small-text's kappa": small_text,
    "never": lambda case, _steady: len(case.cost) - 1,
    "half of the campaign": share(0.5),
}
VARIANTS: dict[str, Rule] = {
    "curator": curator,
    "... without the changed predictions": lambda c, s: first(verdicts(c, s, changes=False)),
    "... without the class minimum": lambda c, s: first(verdicts(c, s, least=0)),
    "... twice in a row": lambda c, s: first(verdicts(c, s), 2),
    "... and kappa >= 0.99": lambda c, s: first(verdicts(c, s) & (s.kappa >= KAPPA)),
    "the next round alone, expected value": next_round,
    "chance to pay < 30%, twice in a row": lambda c, _s: first(unlikely_to_pay(c)),
    "... and kappa >= 0.99 (the first design)": lambda c, s: first(unlikely_to_pay(c) & (s.kappa >= KAPPA)),
    "upper end of the 80% interval does not pay": upper_bound,
}
