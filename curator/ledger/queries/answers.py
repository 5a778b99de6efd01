"""What annotators said, in all versions or as it stands now (`live_answers`)."""

from curator.ledger.store import Ledger, Row


def unasked_answers(ledger: Ledger) -> list[Row]:
    """Answers beyond those that a question asked for, the latest ones: who gave them (`annotator`), to what (`item_id`).

    Each is work, and owed for. Copies and second answers of one person are not among them.
    """
    return ledger.rows(
        """
        select source_id, annotator, item_id from (
            select a.source_id, a.annotator, q.item_id, q.answers_wanted,
                   row_number() over (partition by q.key order by a.created_at, a.source_id) as place
            from questions q join live_answers a on a.key = q.key
            where a.copy_of is null and not exists (
                select 1 from live_answers o where o.key = a.key and o.person = a.person and o.copy_of is null
                and (o.created_at, o.source_id) < (a.created_at, a.source_id)
            )
        ) where place > answers_wanted order by annotator, item_id
        """
    )
