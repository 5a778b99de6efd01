"""Keeps every forecast and scores it when a round lands. Done after each round, and safe to do again: only what is missing is added."""

import json
from collections.abc import Sequence

import numpy as np

from curator.evidence.forecast.core import Forecast, predict
from curator.evidence.forecast.seen import FURTHEST, ForecastRefusedError
from curator.ledger import queries
from curator.ledger.store import Ledger, Row, utc_now
from curator.rounds.forecasts.regime import Regime, current_regime

ROUNDS_AHEAD = 5
HORIZONS = (1.0, 1.5, 2.0, 3.0, FURTHEST)
_LEVELS_FINE = np.linspace(0.005, 0.995, 100)


def forecast_regime(regime: Regime, at: Sequence[float]) -> Forecast:
    """The forecast from the rounds of a regime.

    Raises:
        ForecastRefusedError: too few rounds, or a label count too far away.
    """
    return predict(regime.labels, regime.values, regime.holdout_items, at)


def keep_score(ledger: Ledger) -> list[Row]:
    """Make the forecasts of all measured rounds that have none, and score all that a later round decides.

    Returns:
        The new rows of `forecast_scores`.
    """
    made = {int(row["made_after"]) for row in queries.forecasts.forecasts_made(ledger)}
    forecasts: list[Row] = []
    for round_id in queries.rounds.measured_rounds(ledger):
        if round_id not in made:
            forecasts += _rows_after(ledger, round_id)
    with ledger.write():
        ledger.insert("forecasts", forecasts)
        scores = _new_scores(ledger)
        ledger.insert("forecast_scores", scores)
    return scores


def _rows_after(ledger: Ledger, round_id: int) -> list[Row]:
    """What is forecast after a round: the next rounds, and fixed horizons; nothing when it is too early."""
    regime = current_regime(ledger, round_id)
    if regime is None:
        return []
    now = regime.now
    wanted = {round(now * horizon) for horizon in HORIZONS}
    wanted |= {now + regime.batch * ahead for ahead in range(1, ROUNDS_AHEAD + 1)}
    at = sorted(n for n in wanted if n <= FURTHEST * now)
    try:
        found = forecast_regime(regime, at)
    except ForecastRefusedError:
        return []
    shared = {
        "made_after": round_id,
        "now": now,
        "rounds_seen": len(regime.rounds),
        "holdout_items": regime.holdout_items,
        "metric": regime.metric,
        "levels": json.dumps(found.levels.tolist()),
        "method": found.version,
        "regime": regime.digest,
        "made_at": utc_now(),
    }
    return [
        shared | {"labels": n, "quantiles": _as_text(quantiles), "shown": _as_text(shown)}
        for n, quantiles, shown in zip(at, found.quantiles, found.shown, strict=True)
    ]


def _as_text(quantiles: Sequence[float]) -> str:
    return json.dumps([round(float(q), 6) for q in quantiles])


def _new_scores(ledger: Ledger) -> list[Row]:
    """A score for each pair of a forecast and a later round of its regime, not beyond the last label count forecast."""
    later = queries.rounds.measured_labels(ledger)
    known = {(int(row["made_after"]), int(row["round"])) for row in queries.forecasts.forecast_scores(ledger)}
    regimes = {round_id: current_regime(ledger, round_id) for round_id in later}
    scores = []
    for row in queries.forecasts.forecasts_made(ledger):
        made_after = int(row["made_after"])
        for round_id, labels in later.items():
            regime = regimes[round_id]
            if round_id <= made_after or (made_after, round_id) in known or regime is None:
                continue
            if made_after in regime.rounds and int(row["now"]) < labels <= FURTHEST * row["now"]:
                scores.append(_score(ledger, made_after, round_id, labels, regime.values[-1]))
    return scores


def _score(ledger: Ledger, made_after: int, round_id: int, labels: int, value: float) -> Row:
    rows = queries.forecasts.forecast_after(ledger, made_after)
    levels = np.array(json.loads(rows[0]["levels"]))
    known = np.log([row["labels"] for row in rows])
    table = np.array([json.loads(row["shown"]) for row in rows])
    quantiles = np.array([np.interp(np.log(labels), known, column) for column in table.T])
    now = rows[0]["now"]
    at = dict(zip(levels.tolist(), quantiles.tolist(), strict=True))
    fine = np.interp(_LEVELS_FINE, levels, quantiles)
    off = value - fine
    median = at[0.5]
    return {
        "made_after": made_after,
        "round": round_id,
        "labels": labels,
        "horizon": labels / now,
        "value": value,
        "median": median,
        "hit50": int(at[0.25] <= value <= at[0.75]),
        "hit80": int(at[0.1] <= value <= at[0.9]),
        "hit95": int(at[0.025] <= value <= at[0.975]),
        "error": value - median,
        "crps": float(2.0 * np.where(off >= 0, _LEVELS_FINE * off, (_LEVELS_FINE - 1.0) * off).mean()),
    }
