"""Which rounds there are, how far each is, and what it was opened with."""

import json
from typing import Any

from curator.ledger.store import Ledger, Row


def current_round(ledger: Ledger) -> Row | None:
    """The round that is not closed, if any: there is at most one."""
    return ledger.one(
        "select * from rounds where status not in ('measured', 'unmeasured') order by id desc limit 1"
    )


def last_round_id(ledger: Ledger) -> int:
    """The number of the newest round; 0 before the first."""
    return int(ledger.scalar("select coalesce(max(id), 0) from rounds"))


def last_settled_round(ledger: Ledger) -> int:
    """The newest round whose answers have become labels; what the open one asked is still out."""
    found = ledger.scalar("select max(id) from rounds where status not in ('opened', 'selected', 'pushed')")
    return int(found or 0)


def last_measured(ledger: Ledger, before: int) -> Row | None:
    """The newest measured round below `before`."""
    return ledger.one(
        "select * from rounds where status = 'measured' and id < ? order by id desc limit 1", [before]
    )


def measured_rounds(ledger: Ledger, before: int) -> list[int]:
    """The numbers of the measured rounds below `before`, ascending."""
    found = ledger.rows("select id from rounds where status = 'measured' and id < ? order by id", [before])
    return [int(row["id"]) for row in found]


def last_trained(ledger: Ledger) -> Row | None:
    """The newest round with a model."""
    return ledger.one("select * from rounds where model_version is not null order by id desc limit 1")


def strategy_of(row: Row) -> str | dict[str, float]:
    """A strategy as the rounds table keeps it: a name, or a mixture in JSON."""
    text = str(row["strategy"])
    if not text.startswith("{"):
        return text
    shares: dict[str, Any] = json.loads(text)
    return {name: float(share) for name, share in shares.items()}


def strategy_text(spec: str | dict[str, float]) -> str:
    """The inverse of `strategy_of`."""
    return spec if isinstance(spec, str) else json.dumps(spec)
