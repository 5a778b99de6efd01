"""Fall back: "auto" becomes "random" while the random arm shows no lift, and comes back when it may be there again.

The rule, decided on simulated campaigns (docs/measured/savings.md): in each of the last three measured rounds the chance that
anything was saved against random labels is below a fifth. One round that says otherwise ends it. Rounds that another
strategy chose do not count: whoever changes to "auto" gets it.
"""

import json

from curator.ledger import queries
from curator.ledger.store import Ledger

WATCHED, ROUNDS, CHANCE = "auto", 3, 0.2


def strategy_now(ledger: Ledger, configured: str | dict[str, float]) -> str | dict[str, float]:
    """What chooses the next batch: as configured, or "random" in place of "auto" that shows no lift."""
    return "random" if configured == WATCHED and shows_no_lift(ledger) else configured


def shows_no_lift(ledger: Ledger) -> bool:
    """Whether the arm showed no lift in each of the last three measured rounds, all by "auto" or by random in its place."""
    rows = queries.measures.last_savings(ledger, ROUNDS)
    if any(row["strategy"] not in (WATCHED, "random") for row in rows):
        return False  # what another strategy did says nothing of this one
    chances = [json.loads(row["inputs"])["chance"] for row in rows if row["status"] == "measured"]
    return len(chances) == ROUNDS and max(chances) < CHANCE


def note(ledger: Ledger, configured: str | dict[str, float], chosen: str) -> str | None:
    """What a person is told when a batch, or the next one, is not chosen as configured.

    Args:
        ledger: of the campaign.
        configured: [acquisition] strategy.
        chosen: what chooses instead, as the rounds table has it.
    """
    if configured != WATCHED or chosen != "random" or not shows_no_lift(ledger):
        return None
    return (
        f'The random arm has shown no gain of "auto" over random for {ROUNDS} measured rounds: batches are drawn at random '
        "until it shows one. Setting another strategy in curator.toml overrides this."
    )
