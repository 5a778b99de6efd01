"""What each round measured: values, gains, comparisons, and looks at the hold-out."""

from curator.ledger.store import Ledger, Row


def gain_table(ledger: Ledger) -> list[Row]:
    """The `gain` view, one row per measured round, with the interval of each value and the verdict on each gain beside it.

    `holdout_items` measured it; `before` is the value of the model before on these very items, `stated_before` and
    `stated_items` are what was said of that model in its own round. All of these but the first are null for the first round,
    verdict and `before` also for rounds measured before there were verdicts.
    """
    return ledger.rows(
        "select v.*, g.value_low, g.value_high, g.note, r.holdout_items, c.before, p.value as stated_before, "
        "s.holdout_items as stated_items, c.verdict, c.detectable "
        "from gain v join gains g on g.round = v.round join rounds r on r.id = v.round "
        "left join gains p on p.round = g.previous left join rounds s on s.id = g.previous left join comparisons c "
        "on c.round = g.round and c.previous = g.previous and c.metric = g.metric order by v.round"
    )


def comparisons_of(ledger: Ledger, round_id: int) -> list[Row]:
    """A round against earlier ones by the project's metric, the nearest first."""
    return ledger.rows(
        "select c.* from comparisons c join gains g on g.round = c.round and g.metric = c.metric "
        "where c.round = ? order by c.previous desc",
        [round_id],
    )


def gain_of(ledger: Ledger, round_id: int) -> Row | None:
    """The row of one round, if it was measured, with its `comparisons`."""
    row = next((row for row in gain_table(ledger) if row["round"] == round_id), None)
    return row and {**row, "comparisons": comparisons_of(ledger, round_id)}
