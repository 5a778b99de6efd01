"""What annotators said, in all versions or as it stands now (`live_answers`), and who they are."""

import json
from collections.abc import Iterable, Sequence

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


def count_answers(ledger: Ledger) -> int:
    """Answers that stand, copies and second ones included."""
    return int(ledger.scalar("select count(*) from live_answers"))


def count_answers_there(ledger: Ledger) -> int:
    """Answers that are at the labeler now, as far as the ledger knows: those of questions that are there."""
    return int(
        ledger.scalar(
            "select count(*) from live_answers a join questions q on q.key = a.key where q.state = 'asked'"
        )
    )


def count_pulled_in(ledger: Ledger, round_id: int) -> int:
    """Versions of answers that came in while a round was open."""
    return int(ledger.scalar("select count(*) from answers where round = ?", [round_id]))


def count_cannot_tell(ledger: Ledger) -> int:
    """Answers of annotators who could not decide."""
    return int(ledger.scalar("select count(*) from live_answers where cannot_tell and copy_of is null"))


def answers_by_annotator(ledger: Ledger) -> dict[str, int]:
    """Annotator -> answers, copies left out; by name."""
    rows = ledger.rows(
        "select annotator, count(*) as n from live_answers where copy_of is null group by annotator order by annotator"
    )
    return {row["annotator"]: row["n"] for row in rows}


def copies_by_annotator(ledger: Ledger) -> dict[str, int]:
    """Annotator -> answers that only repeat another, the most first."""
    rows = ledger.rows(
        "select annotator, count(*) as n from live_answers where copy_of is not null "
        "group by annotator order by n desc, annotator"
    )
    return {row["annotator"]: row["n"] for row in rows}


def annotator_totals(ledger: Ledger) -> list[Row]:
    """Per annotator, the busiest first: `answers`, `skipped`, `cannot_tell`, `problems`, suggestions `accepted`, `changed`."""
    return ledger.rows(
        """
        select annotator, count(*) as answers, sum(skipped) as skipped, sum(cannot_tell) as cannot_tell,
               sum(problem is not null) as problems, sum(suggestion = 'accepted') as accepted,
               sum(suggestion = 'changed') as changed
        from live_answers where copy_of is null group by annotator order by answers desc, annotator
        """
    )


def timed_answers(ledger: Ledger) -> list[Row]:
    """Answers that came with a time, by id: `annotator`, `seconds` as measured, `item_id`, `shown` (1: with a suggestion)."""
    return ledger.rows(
        """
        select a.annotator, a.seconds, q.item_id, coalesce(q.suggestion_shown, 0) as shown
        from live_answers a join questions q on q.key = a.key
        where a.seconds is not null and a.copy_of is null order by a.source_id
        """
    )


def answers_of_round(ledger: Ledger, round_id: int) -> list[Row]:
    """Answers to the questions of a round: `annotator`, `created_at`, `seconds` (null: not measured)."""
    return ledger.rows(
        "select a.annotator, a.created_at, a.seconds from live_answers a join questions q on q.key = a.key "
        "where q.round = ? and a.copy_of is null",
        [round_id],
    )


def unreadable_answers(ledger: Ledger, most: int) -> list[Row]:
    """The newest answers that no label could be read from: `item_id`, `annotator`, `problem`."""
    return ledger.rows(
        "select q.item_id, a.annotator, a.problem from live_answers a join questions q on q.key = a.key "
        "where a.problem is not null and a.copy_of is null order by a.pulled_at desc, q.item_id limit ?",
        [most],
    )


def newest_versions(ledger: Ledger) -> list[Row]:
    """The newest version of every answer that was ever seen, deleted ones too.

    Columns are `source_id`, `version`, `key`, `annotator`, `skipped`, `seconds`, `repeats` (1: it only repeats another one),
    `role` of the item and the round that `asked`.
    """
    return ledger.rows(
        """
        select a.source_id, max(a.version) as version, a.key, a.annotator, a.skipped, a.seconds,
               a.copy_of is not null as repeats, q.role, q.round as asked
        from answers a join questions q on q.key = a.key group by a.source_id
        """
    )


def newest_versions_of(ledger: Ledger, keys: Sequence[str]) -> dict[str, dict[str, Row]]:
    """Key of a question -> source_id -> the newest version of each answer that the ledger holds, deleted ones too."""
    rows = ledger.rows(
        """
        select * from answers a where key in (select value from json_each(?))
        and version = (select max(version) from answers b where b.source_id = a.source_id)
        """,
        [json.dumps(list(keys))],
    )
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row["key"], {})[row["source_id"]] = row
    return found


def answers_of_one_question(ledger: Ledger, keys: Iterable[str] | None) -> dict[str, list[Row]]:
    """Key -> newest versions of its answers, of questions with several, deleted ones included.

    Args:
        ledger: of the campaign.
        keys: of the questions to look at; None = all.

    Returns:
        Rows with `source_id`, `key`, `person`, `import_id`, `label`, `skipped`, `seconds`, `created_at`, `copy_of`, and
        `all_seconds`, the seconds of all versions as JSON.
    """
    wanted = None if keys is None else json.dumps(list(keys))
    rows = ledger.rows(
        """
        select a.source_id, a.key, a.person, a.import_id, a.label, a.skipped, a.seconds, a.created_at, a.copy_of,
               (select json_group_array(v.seconds) from answers v where v.source_id = a.source_id) as all_seconds
        from answers a where (? is null or a.key in (select value from json_each(?)))
        and a.key in (select key from answers group by key having count(distinct source_id) > 1)
        and a.version = (select max(version) from answers b where b.source_id = a.source_id)
        """,
        [wanted, wanted],
    )
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["key"], []).append(row)
    return found


def ids_in_use(ledger: Ledger, ids: Sequence[str]) -> set[str]:
    """Which of these ids stand in the ledger, whatever the question, and all that were made of an id (`ID~2`)."""
    rows = ledger.rows(
        "select source_id from answers where source_id in (select value from json_each(?)) "
        "union select source_id from answers where source_id like '%~%'",
        [json.dumps(list(ids))],
    )
    return {row["source_id"] for row in rows}


def votes(ledger: Ledger, last_round: int) -> list[Row]:
    """Answers that say something of an item, to questions up to a round; of each item the newest last.

    A copy that was imported says nothing as long as its original is there: it says what that said when it was copied.

    Returns:
        Rows with `item_id`, `role`, `classes` (the change of classes that the question was sent under), `annotator`,
        `label` (null: cannot tell) and `updated_at`.
    """
    return ledger.rows(
        """
        select q.item_id, q.role, q.classes, a.annotator, a.label, a.updated_at
        from live_answers a join questions q on q.key = a.key
        where (a.label is not null or a.cannot_tell) and q.round <= ? and not (
            a.copy_of is not null and a.import_id is not null
            and exists (select 1 from live_answers o where o.source_id = a.copy_of)
        ) order by q.item_id, coalesce(a.updated_at, a.created_at), a.created_at, a.source_id
        """,
        [last_round],
    )


def answers_to_suggestions(ledger: Ledger) -> list[Row]:
    """Answers with a label to training questions that had a suggestion, shown or kept back, by round, rank and id.

    Only of rounds with questions of both kinds, and only those given before the next round was sent, for either side:
    Label Studio shows the newest model's suggestions only. One of the same second counts: nobody sees a new suggestion and
    answers within it.

    Returns:
        Rows with `key`, `round`, `shown` (0 or 1), `suggested`, `classes`, `suggestion` (accepted, changed or null),
        `seconds`, and `label`, the item's now.
    """
    return ledger.rows(
        """
        select q.key, q.round, q.suggestion_shown as shown, q.suggestion as suggested, q.classes, a.suggestion, a.seconds, l.label
        from questions q
        join live_answers a on a.key = q.key and a.label is not null and a.copy_of is null
        left join current_labels l on l.item_id = q.item_id
        where q.role = 'train' and q.suggestion is not null
          and not exists (select 1 from rounds r where r.id = q.round + 1
                          and substr(r.pushed_at, 1, 19) < substr(a.created_at, 1, 19))
          and q.round in (select round from questions where role = 'train' and suggestion is not null
                          group by round having min(suggestion_shown) = 0 and max(suggestion_shown) = 1)
        order by q.round, q.rank, a.source_id
        """
    )


def deleted_answers(ledger: Ledger) -> list[Row]:
    """Answers that were deleted at the labeler, no copy of which is left: `source_id`, and the `amount` that stays on the bill.

    Micro-units; null: not known.
    """
    return ledger.rows(
        """
        select a.source_id, max(a.version), a.change,
               case when c.source = 'not known' then null else coalesce(c.amount, 0) end as amount
        from answers a left join (
            select source_id, max(version), source, sum(amount) as amount from costs group by source_id
        ) c on c.source_id = a.source_id
        where not exists (select 1 from live_answers s where s.copy_of = a.source_id)
        group by a.source_id having a.change = 'deleted' and a.copy_of is null
        """
    )


def answers_with_cost(ledger: Ledger) -> list[Row]:
    """Every answer that counts, by item and time, each with what it cost.

    Returns:
        Rows with `item_id`, `role`, `round`, `annotator`, `label`, `outcome` (label, skipped, cannot tell, unreadable),
        `seconds`, `suggestion` (null: none was shown), `created_at`, `updated_at`, `edits`, and `cost` in micro-units
        (null: not known).
    """
    return ledger.rows(
        """
        select q.item_id, q.role, q.round, a.annotator, a.label,
               case when a.skipped then 'skipped' when a.cannot_tell then 'cannot tell'
                    when a.label is null then 'unreadable' else 'label' end as outcome,
               a.seconds, case when q.suggestion_shown then q.suggestion end as suggestion,
               a.created_at, a.updated_at, a.version - 1 as edits,
               case when c.source = 'not known' then null else coalesce(c.amount, 0) end as cost
        from live_answers a join questions q on q.key = a.key left join (
            select source_id, max(version), source, sum(amount) as amount from costs group by source_id
        ) c on c.source_id = coalesce(a.copy_of, a.source_id)
        where a.copy_of is null or a.source_id = (
            -- once its original was deleted, the first copy stands in its place
            select min(s.source_id) from live_answers s where s.copy_of = a.copy_of
            and not exists (select 1 from live_answers o where o.source_id = s.copy_of)
        )
        order by q.item_id, a.created_at, a.source_id
        """
    )


def names_of_people(ledger: Ledger) -> list[Row]:
    """Everybody: `annotator`, which answers and costs call them, and all `names` they ever had, JSON, the newest last."""
    return ledger.rows("select annotator, names from people")


def numbers_of_people(ledger: Ledger) -> list[Row]:
    """`annotator`, and the `origin` and `number` that tell them at a server, in the order they became known."""
    return ledger.rows(
        "select p.annotator, i.origin, i.number from identities i join people p on p.id = i.person order by i.rowid"
    )
