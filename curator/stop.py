"""The verdict of a campaign: gathers what the stop rule looks at, keeps what it said after each round."""

import json
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import numpy as np

from curator.errors import CuratorError
from curator.ledger import records
from curator.ledger.store import Row, utc_now
from curator.money.amounts import parse_amount
from curator.money.batch_labels import labels_per_batch
from curator.money.forecast.seen import FURTHEST
from curator.money.marginal_price import marginal_price
from curator.money.regime import Regime, current_regime
from curator.money.score_keeping import forecast_regime
from curator.money.stop import (
    AHEAD,
    FEWEST_ROUNDS,
    Evidence,
    Outlook,
    Verdict,
    decide,
    look_ahead,
    recent,
)
from curator.money.track_record import pooled_scores, pooled_widths, record_path
from curator.project import Project
from curator.rounds.limits import limit_batch
from curator.rounds.stability import compare

_DRAWS = 1_000


def record(project: Project, round_id: int) -> dict[str, Any]:
    """Decide after a measured round, and keep what was said; deciding again replaces it.

    Returns:
        As `current`.
    """
    changed, kappa = _stability(project, round_id)
    verdict = _decide(project, round_id, changed, kappa)
    row = {
        "round": round_id,
        "word": verdict.word,
        "reasons": json.dumps(verdict.reasons),
        "inputs": json.dumps(asdict(verdict.evidence)),
        "settings": _settings(project),
        "changed": changed,
        "kappa": kappa,
        "said_at": utc_now(),
    }
    with project.ledger.write():
        project.ledger.execute("delete from verdicts where round = ?", [round_id])
        project.ledger.insert("verdicts", [row])
    return _told(row)


def catch_up(project: Project) -> dict[str, Any] | None:
    """Decide after the newest measured round if nothing was said yet: the call that measured it was killed.

    Returns:
        As `current`; None when there was nothing to do.
    """
    newest = project.ledger.scalar(
        "select max(id) from rounds where status = 'measured' and id not in (select round from verdicts) "
        "and id = (select max(id) from rounds where status = 'measured')"
    )
    return None if newest is None else record(project, int(newest))


def current(project: Project) -> dict[str, Any] | None:
    """The verdict after the newest measured round; decided anew where curator.toml, an invoice or the day changed it. Writes nothing.

    Returns:
        round, word, reasons (sentences, the decisive one first) and inputs (every number; amounts in micro-units, gains in
        metric points 0-1); None before the first measured round.
    """
    ledger = project.ledger
    newest = ledger.scalar("select max(id) from rounds where status = 'measured'")
    if newest is None:
        return None
    row = ledger.one("select * from verdicts where round = ?", [newest])
    if row is not None and row["settings"] == _settings(project):
        return _told(row)
    verdict = _decide(
        project, int(newest), None if row is None else row["changed"], None if row is None else row["kappa"]
    )
    return {
        "round": int(newest),
        "word": verdict.word,
        "reasons": list(verdict.reasons),
        "inputs": asdict(verdict.evidence),
    }


def history(project: Project) -> list[dict[str, Any]]:
    """What was said after each round, the oldest first; as `current`."""
    return [_told(row) for row in project.ledger.rows("select * from verdicts order by round")]


def _told(row: Row) -> dict[str, Any]:
    return {
        "round": int(row["round"]),
        "word": str(row["word"]),
        "reasons": json.loads(row["reasons"]),
        "inputs": json.loads(row["inputs"]),
    }


def _settings(project: Project) -> str:
    """What else a verdict depends on: curator.toml, invoices, and whether the deadline is over."""
    config = project.config
    over = config.stop.deadline is not None and _today() > config.stop.deadline
    parts = {
        "stop": config.stop.model_dump(mode="json"),
        "cost": config.cost.model_dump(mode="json"),
        "batch": config.acquisition.batch,
        "over": over,
        "invoices": project.ledger.scalar("select count(*) from costs where source = 'invoiced'"),
    }
    return json.dumps(parts, sort_keys=True)


def _today() -> date:
    return datetime.now().astimezone().date()


def _decide(project: Project, round_id: int, changed: float | None, kappa: float | None) -> Verdict:
    ledger, config = project.ledger, project.config
    regime = current_regime(ledger, round_id)
    outlook, no_outlook = (None, "nothing is measured.") if regime is None else _outlook(project, regime)
    limit = limit_batch(project, config.acquisition.batch, today=_today())
    counts = dict.fromkeys(config.project.classes, 0)
    for label in records.training_labels(ledger).values():
        counts[label] = counts.get(label, 0) + 1
    rarest = min(config.project.classes, key=lambda name: counts[name])
    earlier = ledger.rows("select changed, kappa from verdicts where round < ? order by round", [round_id])
    return decide(
        Evidence(
            rounds=0 if regime is None else len(regime.rounds),
            outlook=outlook,
            no_outlook=no_outlook,
            floor=config.stop.floor,
            rarest=rarest,
            rarest_labels=counts[rarest],
            least_per_class=config.stop.least_per_class,
            changed=recent([*(row["changed"] for row in earlier), changed]),
            kappa=recent([*(row["kappa"] for row in earlier), kappa]),
            hard=limit.why,
            hard_reason=limit.refused,
            currency=config.cost.currency,
        )
    )


def _outlook(project: Project, regime: Regime) -> tuple[Outlook | None, str]:
    """What the next rounds are worth, or why nobody can say: the same labels, prices and forecast as in `curator plan`."""
    config, ledger = project.config, project.ledger
    if len(regime.rounds) < FEWEST_ROUNDS:
        since = f" since the {' and '.join(regime.changed)} changed" if regime.changed else ""
        return None, f"{len(regime.rounds)} of {FEWEST_ROUNDS} measured rounds{since}."
    more = labels_per_batch(ledger, config.acquisition.batch)
    ahead = regime.now + more * np.arange(AHEAD + 1)
    ahead = ahead[ahead <= FURTHEST * regime.now]
    if len(ahead) < 2:
        return (
            None,
            f"a batch of {config.acquisition.batch} is too large a step from {regime.now} labels.",
        )
    try:
        forecast = forecast_regime(regime, ahead.tolist(), pooled_widths(pooled_scores(record_path())))
    except CuratorError as exc:
        return None, str(exc)
    stop, price = config.stop, marginal_price(ledger, config.cost)
    value = None
    if stop.value_per_error is not None and stop.predictions is not None:
        value = parse_amount(stop.value_per_error) * stop.predictions
    cost = 0 if price is None else round(price.micro * more)
    return look_ahead(forecast.paths(_DRAWS), cost=cost, value=value), ""


def _stability(project: Project, round_id: int) -> tuple[float | None, float | None]:
    """How much the model differs from the one before: share of other predictions, Cohen's kappa; None: not known."""
    before = records.last_measured(project.ledger, round_id)
    found = None if before is None else compare(project, int(before["id"]), round_id)
    return found or (None, None)
