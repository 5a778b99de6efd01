"""What was paid for, in micro-units of the currency; None: not known."""

import json
from collections.abc import Sequence

from curator.ledger.store import Ledger, Row


def spend(ledger: Ledger) -> dict[str, int | None]:
    """Micro-units spent so far by kind: label and holdout always; review, round, campaign, compute where there are any.

    None: not known, or a part of it is not.
    """
    found = {
        row["kind"]: row["total"]
        for row in ledger.rows(
            "select kind, case when max(amount is null) then null else sum(amount) end as total from bill group by kind "
            "order by instr('review round campaign compute', kind)"
        )
    }
    first = {"label": found.pop("label", 0), "holdout": found.pop("holdout", 0)}
    return first | {kind: amount for kind, amount in found.items() if amount != 0}


def spent_so_far(ledger: Ledger) -> int:
    """Everything that is on the bill; what is not known counts as 0."""
    return int(ledger.scalar("select coalesce(sum(amount), 0) from costs"))


def bill_lines(ledger: Ledger) -> list[Row]:
    """The bill: `round`, `kind`, `source` and `amount` (null: not known)."""
    return ledger.rows("select round, kind, source, amount from bill")


def spent_by_source(ledger: Ledger) -> dict[str, int | None]:
    """How an amount is known (measured, invoiced, imputed, assumed, not known) -> what was spent so."""
    return {
        row["source"]: row["amount"]
        for row in ledger.rows("select source, sum(amount) as amount from bill group by source")
    }


def spent_by_round(ledger: Ledger) -> dict[int, int | None]:
    """Round -> everything that it paid for; None: a part is not known."""
    rows = ledger.rows(
        "select round, case when max(amount is null) then null else sum(amount) end as amount from bill group by round"
    )
    return {int(row["round"]): row["amount"] for row in rows}


def paid_by_round(ledger: Ledger) -> dict[int, int | None]:
    """Round -> what it paid that bought training labels; None: a part is not known.

    Hold-out labels and what is paid once per campaign buy no gain, and are left out.
    """
    rows = ledger.rows(
        "select round, case when max(amount is null) then null else sum(amount) end as amount from bill "
        "where kind not in ('holdout', 'campaign') group by round"
    )
    return {int(row["round"]): row["amount"] for row in rows}


def labels_paid_up_to(ledger: Ledger, round_id: int) -> int | None:
    """What answers for training cost in the rounds up to this one; None: a part is not known."""
    found = ledger.scalar(
        "select case when max(amount is null) then null else coalesce(sum(amount), 0) end from bill "
        "where kind = 'label' and round <= ?",
        [round_id],
    )
    return None if found is None else int(found)


def count_unknown(ledger: Ledger) -> int:
    """Entries of the bill whose amount is not known: time is paid, and nobody's time is known."""
    return int(ledger.scalar("select coalesce(sum(entries), 0) from bill where source = 'not known'"))


def paid_time(ledger: Ledger) -> Row:
    """Answers that are paid by the hour, in sum: `n`, `measured` and `paid` in seconds, `unknown` (1: some cost is not known).

    All but `n` are null where there are none.
    """
    return ledger.rows(
        """
        select count(*) as n, sum(seconds) as measured, sum(capped_seconds) as paid,
               max(source = 'not known') as unknown
        from (
            select max(version), seconds, capped_seconds, source from costs
            where basis in ('per hour', 'per label') group by source_id having basis = 'per hour'
        )
        """
    )[0]


def timed_charges(ledger: Ledger) -> list[int]:
    """What every answer cost that was timed and is paid by the hour, its edits included."""
    rows = ledger.rows(
        "select max(version), source, sum(amount) as amount from costs where basis = 'per hour' "
        "group by source_id having source = 'measured'"
    )
    return [int(row["amount"]) for row in rows]


def compute_by_round(ledger: Ledger) -> dict[int, int]:
    """Round -> what its computing cost, of rounds that were charged for it."""
    rows = ledger.rows("select round, sum(amount) as amount from costs where kind = 'compute' group by round")
    return {int(row["round"]): int(row["amount"]) for row in rows}


def is_campaign_charged(ledger: Ledger) -> bool:
    """Whether what is paid once per campaign is on the bill."""
    return bool(ledger.scalar("select count(*) from costs where kind = 'campaign'"))


def count_versions(ledger: Ledger, source_id: str) -> int:
    """Rows of one source id: what was charged for it first, and every correction."""
    return int(ledger.scalar("select count(*) from costs where source_id = ?", [source_id]))


def recorded_amount(ledger: Ledger, round_id: int, kind: str) -> int:
    """What a round paid for one kind; what is not known counts as 0."""
    return int(
        ledger.scalar(
            "select coalesce(sum(amount), 0) from costs where round = ? and kind = ?", [round_id, kind]
        )
    )


def is_unknown(ledger: Ledger, round_id: int, kind: str) -> bool:
    """Whether any part of what a round paid for one kind is not known."""
    return bool(
        ledger.scalar("select max(amount is null) from bill where round = ? and kind = ?", [round_id, kind])
    )


def cost_of(ledger: Ledger, source_ids: Sequence[str]) -> int | None:
    """What some source ids cost together, corrections included; None: a part is not known."""
    found = ledger.scalar(
        "select case when max(source = 'not known') then null else coalesce(sum(amount), 0) end from ("
        "select max(version), source, sum(amount) as amount from costs "
        "where source_id in (select value from json_each(?)) group by source_id)",
        [json.dumps(list(source_ids))],
    )
    return None if found is None else int(found)


def cost_by_annotator(ledger: Ledger) -> dict[str, Row]:
    """Annotator -> `amount` (null: not known) and the `seconds` that were charged (null: time is not paid)."""
    # The newest row of an answer says who gave it and what is charged; amounts are what each row added.
    rows = ledger.rows(
        """
        select annotator, case when max(source = 'not known') then null else sum(amount) end as amount,
               sum(seconds) as seconds
        from (
            select max(version), annotator, source, sum(amount) as amount, capped_seconds as seconds from costs
            where annotator is not null group by source_id
        ) group by annotator
        """
    )
    return {row["annotator"]: row for row in rows}


def corrections_by_reason(ledger: Ledger) -> list[Row]:
    """`reason` of corrections, their number `n` and the `amount` they add up to, the largest first; without invoices."""
    return ledger.rows(
        "select reason, count(*) as n, sum(amount) as amount from costs where reason is not null and basis <> 'invoice' "
        "group by reason order by abs(sum(amount)) desc, reason"
    )


def charges_of_answers(ledger: Ledger) -> dict[str, Row]:
    """Source id of an answer or its review -> the newest row of the bill, with the `total` of all its rows."""
    rows = ledger.rows(
        """
        select source_id, max(version) as version, sum(amount) as total, round, kind, annotator, seconds,
               capped_seconds, basis, source
        from costs where basis in ('per label', 'per hour', 'review') group by source_id
        """
    )
    return {row["source_id"]: row for row in rows}


def count_invoice_rows(ledger: Ledger) -> int:
    """Rows that invoices added to the bill."""
    return int(ledger.scalar("select count(*) from costs where source = 'invoiced'"))


def invoices(ledger: Ledger) -> dict[tuple[int, str], Row]:
    """(round, kind) that was invoiced -> `source_id`, the number `n` of its rows, and the row number of the `first`."""
    rows = ledger.rows(
        "select source_id, round, kind, count(*) as n, min(rowid) as first from costs "
        "where source = 'invoiced' group by source_id"
    )
    return {(row["round"], row["kind"]): row for row in rows}


def first_rows(ledger: Ledger) -> dict[str, int]:
    """Source id -> row number of what was charged for it first: smaller numbers were written earlier."""
    rows = ledger.rows("select source_id, rowid from costs where version = 1")
    return {row["source_id"]: row["rowid"] for row in rows}
