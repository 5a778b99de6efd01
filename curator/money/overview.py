"""Everything about a campaign's costs at once: bill, paid time, rate card, and what the next answers will take."""

from dataclasses import asdict, dataclass
from typing import Any

from curator.amounts import format_amount
from curator.config import Config, CostSection
from curator.ledger import queries
from curator.ledger.store import Ledger, Row
from curator.money.bill import (
    Hours,
    bill_rows,
    by_source,
    paid_hours,
    rate_card,
    sum_known,
    unknown_note,
)
from curator.money.cost import pays_time
from curator.money.rates import other_rates, other_rates_note
from curator.money.seconds_model import NoModel
from curator.money.timing import described, seconds_model
from curator.pool.catalogue import Pool
from curator.pool.problems import counted


@dataclass(frozen=True)
class CostOverview:
    """The bill of a campaign. Amounts are micro-units of `currency`.

    Attributes:
        currency: three letters.
        rates: the rate card in sentences.
        bill: amounts by round, kind and source.
        sources: amounts by source; None: not known.
        corrections: of what was on the bill before, in sentences: how many for each reason, and what they add up to.
        notes: what a person should know: answers whose cost is not known, rates that changed.
        hours: of paid time; None: nobody is paid by time.
        seconds: how long answers take, in a sentence; None: nobody is paid by time.
        imported: training labels from files of the user's, which cost nothing.
    """

    currency: str
    rates: list[str]
    bill: list[Row]
    sources: dict[str, int | None]
    corrections: list[str]
    notes: list[str]
    hours: Hours | None
    seconds: str | None
    imported: int

    @property
    def total(self) -> int | None:
        """All that was spent; None: not known."""
        return sum_known(self.sources.values())

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "total": self.total}


def cost_notes(ledger: Ledger, cost: CostSection) -> list[str]:
    """What a person should know about the bill, whatever else is shown."""
    unknown, other = queries.costs.count_unknown(ledger), other_rates(ledger, cost)
    notes = [unknown_note(unknown)] if unknown else []
    return notes if other is None else [*notes, other_rates_note(other)]


def _corrections(ledger: Ledger, currency: str) -> list[str]:
    return [
        f"{format_amount(row['amount'], currency)} by {counted(row['n'], 'correction')}: {row['reason']}"
        for row in queries.costs.corrections_by_reason(ledger)
    ]


def cost_overview(ledger: Ledger, pool: Pool, config: Config) -> CostOverview:
    """The costs of a campaign so far."""
    cost = config.cost
    seconds = None
    if pays_time(cost):
        model = seconds_model(ledger, pool, seed=config.project.seed)
        seconds = f"no model of answer times: {model.why}" if isinstance(model, NoModel) else described(model)
    return CostOverview(
        currency=cost.currency,
        rates=rate_card(cost),
        bill=bill_rows(ledger),
        sources=by_source(ledger),
        corrections=_corrections(ledger, cost.currency),
        notes=cost_notes(ledger, cost),
        hours=paid_hours(ledger),
        seconds=seconds,
        imported=len(queries.labels.imported_ids(ledger)),
    )
