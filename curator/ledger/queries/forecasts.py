"""What was forecast after each round, how that compared with the rounds that came, and what was advised: go on, or stop."""

from curator.ledger.store import Ledger, Row


def forecast_after(ledger: Ledger, round_id: int) -> list[Row]:
    """What was forecast after a round, a row per label count, ascending; quantiles are JSON, of the metric, 0 to 1."""
    return ledger.rows("select * from forecasts where made_after = ? order by labels", [round_id])


def forecasts_made(ledger: Ledger) -> list[Row]:
    """Each forecast there is: `made_after`, its `regime` and the labels that there were `now`; the oldest first."""
    return ledger.rows("select distinct made_after, regime, now from forecasts order by made_after")


def forecast_scores(ledger: Ledger) -> list[Row]:
    """How each forecast did at each later round that decided it, by `made_after` and `round`."""
    return ledger.rows("select * from forecast_scores order by made_after, round")


def advice_after(ledger: Ledger, round_id: int) -> Row | None:
    """What was said after a round: word, and `reasons`, `inputs` and `settings` as JSON; None: nothing."""
    return ledger.one("select * from verdicts where round = ?", [round_id])


def all_advice(ledger: Ledger, before: int = 2**62) -> list[Row]:
    """What was said after each round below `before`, the oldest first; after all without it."""
    return ledger.rows("select * from verdicts where round < ? order by round", [before])
