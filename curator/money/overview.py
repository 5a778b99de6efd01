"""Everything about a campaign's costs at once: bill, paid time, rate card, and what the next answers will take."""

from dataclasses import asdict, dataclass
from typing import Any

from curator.ledger import records
from curator.ledger.store import Row
from curator.money.bill import Hours, bill_rows, by_source, paid_hours, rate_card
from curator.money.cost import pays_time
from curator.money.seconds_model import NoModel
from curator.money.timing import described, seconds_model
from curator.project import Project


@dataclass(frozen=True)
class CostOverview:
    """The bill of a campaign. Amounts are micro-units of `currency`.

    Attributes:
        currency: three letters.
        rates: the rate card in sentences.
        bill: amounts by round, kind and source.
        sources: amounts by source.
        hours: of paid time; None: nobody is paid by time.
        seconds: how long answers take, in a sentence; None: nobody is paid by time.
        imported: training labels from files of the user's, which cost nothing.
    """

    currency: str
    rates: list[str]
    bill: list[Row]
    sources: dict[str, int]
    hours: Hours | None
    seconds: str | None
    imported: int

    @property
    def total(self) -> int:
        """All that was spent."""
        return sum(self.sources.values())

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "total": self.total}


def overview(project: Project) -> CostOverview:
    """The costs of a campaign so far."""
    ledger, cost = project.ledger, project.config.cost
    seconds = None
    if pays_time(cost):
        model = seconds_model(ledger, project.pool, seed=project.config.project.seed)
        seconds = f"no model of seconds: {model.why}" if isinstance(model, NoModel) else described(model)
    return CostOverview(
        currency=cost.currency,
        rates=rate_card(cost),
        bill=bill_rows(ledger),
        sources=by_source(ledger),
        hours=paid_hours(ledger),
        seconds=seconds,
        imported=len(records.imported_ids(ledger)),
    )
