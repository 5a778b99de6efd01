"""What the answers and the files of the user's amount to (`current_labels`)."""

from curator.ledger.store import Ledger, Row


def training_labels(ledger: Ledger) -> dict[str, str]:
    """item_id -> label of everything the model may learn from."""
    rows = ledger.rows(
        "select item_id, label from current_labels where role = 'train' and label is not null order by item_id"
    )
    return {row["item_id"]: row["label"] for row in rows}


def imported_ids(ledger: Ledger) -> set[str]:
    """Items whose training label is from a file of the user's."""
    rows = ledger.rows(
        "select item_id from current_labels where role = 'train' and source = 'imported' and label is not null"
    )
    return {row["item_id"] for row in rows}


def current_labels(ledger: Ledger) -> dict[str, Row]:
    """item_id -> what its answers and the user's files amount to, also where that is no label."""
    return {row["item_id"]: row for row in ledger.rows("select * from current_labels")}


def count_labeled(ledger: Ledger) -> int:
    """Items that have a label, of either role; a hold-out file's own labels do not count."""
    return int(ledger.scalar("select count(*) from current_labels where label is not null"))


def answered_labels(ledger: Ledger) -> dict[str, str]:
    """item_id -> training label, of the items whose label is from answers, not from a file."""
    rows = ledger.rows(
        "select item_id, label from current_labels where role = 'train' and source = 'answers' and label is not null"
    )
    return {row["item_id"]: row["label"] for row in rows}


def imported_labels(ledger: Ledger) -> list[Row]:
    """The newest label of each item that stands in a file of the user's, as it was given: all columns of `imported_labels`."""
    return ledger.rows(
        "select * from imported_labels i where version = "
        "(select max(version) from imported_labels j where j.item_id = i.item_id)"
    )


def label_counts_before(ledger: Ledger, round_id: int) -> dict[str, int]:
    """Label -> how many of either role that were known before a round asked anything."""
    rows = ledger.rows(
        "select label, count(*) as n from current_labels "
        "where label is not null and coalesce(round, settled_in) < ? group by label",
        [round_id],
    )
    return {row["label"]: row["n"] for row in rows}


def count_labels_of_closed_rounds(ledger: Ledger) -> int:
    """Training items that got a label from what a closed round asked, those that lost it to a change of classes included."""
    return int(
        ledger.scalar(
            "select count(*) from current_labels l join rounds r on r.id = l.round "
            "where l.role = 'train' and (l.label is not null or l.outdated is not null) "
            "and r.status in ('measured', 'unmeasured')"
        )
    )


def ever_labeled_for_training(ledger: Ledger) -> set[str]:
    """Items that were ever settled for training, whatever became of the label."""
    return {row["item_id"] for row in ledger.rows("select item_id from labels where role = 'train'")}


def newest_label_row(ledger: Ledger) -> int:
    """The row number of the newest version of a label; 0 before the first. With it, later ones can be told apart."""
    return int(ledger.scalar("select coalesce(max(rowid), 0) from labels"))


def count_labels_since(ledger: Ledger, row: int) -> int:
    """Versions with a label that were written after `newest_label_row` was `row`."""
    return int(ledger.scalar("select count(*) from labels where rowid > ? and label is not null", [row]))


def labels_with_cost(ledger: Ledger) -> list[Row]:
    """Every labeled item of either role, by role and id, with what its answers cost.

    Returns:
        Rows with `item_id`, `label`, `role`, `round`, `annotators` (joined by commas), `answers`, `agreement` (null: of one
        answer), `answered_at`, `source`, and `cost` in micro-units (null: not known).
    """
    return ledger.rows(
        """
        with paid as (
            select item_id, case when max(source = 'not known') then null else sum(amount) end as cost from (
                select q.item_id, max(c.version), c.source, sum(c.amount) as amount
                from costs c join questions q on q.key = c.key group by c.source_id
            ) group by item_id
        ), said as (
            select q.item_id, group_concat(distinct a.annotator) as annotators, max(a.updated_at) as answered_at
            from live_answers a join questions q on q.key = a.key where a.label is not null group by q.item_id
        )
        select l.item_id, l.label, l.role, l.round, said.annotators, l.answers,
               case when l.answers > 1 then l.agreement end as agreement, said.answered_at,
               case when paid.item_id is null then 0 else paid.cost end as cost, l.source
        from current_labels l left join said on said.item_id = l.item_id left join paid on paid.item_id = l.item_id
        where l.label is not null
        union all
        select h.item_id, h.label, 'holdout', null, null, 0, null, null, 0, 'file'
        from holdout h where h.source = 'file' and h.item_id not in (select item_id from current_labels)
        order by role, item_id
        """
    )
