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


def measured_rounds(ledger: Ledger, before: int = 2**62) -> list[int]:
    """The numbers of the measured rounds below `before`, ascending; of all without it."""
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


def round_by_number(ledger: Ledger, round_id: int) -> Row | None:
    """All columns of one round; None: there is no such round."""
    return ledger.one("select * from rounds where id = ?", [round_id])


def round_numbers(ledger: Ledger) -> list[int]:
    """Every round there is, ascending."""
    return [int(row["id"]) for row in ledger.rows("select id from rounds order by id")]


def round_statuses(ledger: Ledger) -> dict[int, str]:
    """Number of each round -> opened, selected, pushed, settled, trained, measured or unmeasured."""
    return {int(row["id"]): str(row["status"]) for row in ledger.rows("select id, status from rounds")}


def open_rounds(ledger: Ledger) -> list[int]:
    """The rounds that are not closed, ascending; more than one only while a ledger is restored."""
    rows = ledger.rows("select id from rounds where status not in ('measured', 'unmeasured') order by id")
    return [int(row["id"]) for row in rows]


def newest_measured(ledger: Ledger) -> int | None:
    """The number of the newest measured round; None before the first."""
    found = ledger.scalar("select max(id) from rounds where status = 'measured'")
    return None if found is None else int(found)


def count_measured_between(ledger: Ledger, after: int, up_to: int) -> int:
    """How many rounds were measured after round `after` and up to round `up_to`."""
    return int(
        ledger.scalar(
            "select count(*) from rounds where status = 'measured' and id > ? and id <= ?", [after, up_to]
        )
    )


def rounds_with_model(ledger: Ledger) -> list[int]:
    """The numbers of the rounds that a model was trained in, ascending."""
    rows = ledger.rows("select id from rounds where model_version is not null order by id")
    return [int(row["id"]) for row in rows]


def rounds_by_strategy(ledger: Ledger, strategy: str) -> list[int]:
    """The numbers of the rounds that were chosen by a strategy, named as the table has it."""
    return [int(row["id"]) for row in ledger.rows("select id from rounds where strategy = ?", [strategy])]


def measured_labels(ledger: Ledger) -> dict[int, int]:
    """Measured round -> training labels that its model learned from, of rounds with any; ascending."""
    rows = ledger.rows("select id, labels from rounds where status = 'measured' and labels > 0 order by id")
    return {int(row["id"]): int(row["labels"]) for row in rows}


def last_asked_labels(ledger: Ledger, most: int) -> list[Row]:
    """`id` and `labels` of the last measured rounds, the newest first: all labels so far but those from the user's files."""
    return ledger.rows(
        "select id, labels - imported as labels from rounds where status = 'measured' and labels is not null "
        "order by id desc limit ?",
        [most],
    )


def candidate_counts(ledger: Ledger) -> dict[int, int]:
    """Round -> items that could have been picked, of rounds with any."""
    rows = ledger.rows("select id, candidates from rounds where candidates > 0")
    return {int(row["id"]): int(row["candidates"]) for row in rows}


def last_holdout_duplicates(ledger: Ledger) -> int:
    """Near-duplicates of hold-out items that the newest round found in the pool; 0 before one looked."""
    found = ledger.scalar(
        "select holdout_duplicates from rounds where holdout_duplicates is not null order by id desc limit 1"
    )
    return int(found or 0)


def rate_card_texts(ledger: Ledger) -> dict[int, str]:
    """Round -> [cost] that its answers are paid by, as JSON: as it was opened with, or repriced to."""
    rows = ledger.rows(
        "select id, coalesce(rates, json_extract(config, '$.cost')) as card from rounds where card is not null"
    )
    return {int(row["id"]): str(row["card"]) for row in rows}


def newest_config(ledger: Ledger) -> str | None:
    """curator.toml as the newest round was opened with, JSON; None before the first round."""
    found = ledger.scalar("select config from rounds order by id desc limit 1")
    return None if found is None else str(found)


def config_of_round(ledger: Ledger, round_id: int) -> str | None:
    """curator.toml as a round was opened with, JSON; None: there is no such round."""
    found = ledger.scalar("select config from rounds where id = ?", [round_id])
    return None if found is None else str(found)


# The choice of who cannot tell, as each round's curator.toml had it.
CANNOT_TELL_NAMES = "select distinct json_extract(config, '$.labeler.cannot_tell') as name from rounds"


def cannot_tell_names(ledger: Ledger) -> list[str | None]:
    """Every choice of who cannot tell that a round was opened with; None: of a round that said nothing of it."""
    return [row["name"] for row in ledger.rows(CANNOT_TELL_NAMES)]
