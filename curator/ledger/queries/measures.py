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


def gains_row(ledger: Ledger, round_id: int) -> Row | None:
    """All that a round's measurement says of the metric and its gain; None: it was not measured."""
    return ledger.one("select * from gains where round = ?", [round_id])


def curve(ledger: Ledger) -> tuple[list[str], list[Row]]:
    """The columns of the `gain` view, and its rows, one per measured round; amounts are micro-units."""
    names = [row["name"] for row in ledger.rows("select name from pragma_table_info('gain')")]
    return names, ledger.rows("select * from gain order by round")


def measured_values(ledger: Ledger, until: int) -> list[Row]:
    """Measured rounds up to one, with labels, by number: what a learning curve is made of.

    Returns:
        Rows with `id`, `strategy`, `labels`, `imported`, `holdout_items`, `config` (JSON), `metric` and `value`.
    """
    return ledger.rows(
        "select r.id, r.strategy, r.labels, r.imported, r.holdout_items, r.config, g.metric, g.value from rounds r "
        "join gains g on g.round = r.id where r.status = 'measured' and r.labels > 0 and r.id <= ? order by r.id",
        [until],
    )


def highest_shown(ledger: Ledger) -> float:
    """The upper end of the interval of the last measured value: what lies below it may be reached already."""
    return float(ledger.scalar("select value_high from gains order by round desc limit 1"))


def comparisons_by(ledger: Ledger, metric: str) -> list[Row]:
    """Every measured round against earlier ones by a metric, the newest round and the nearest pair first."""
    return ledger.rows(
        "select * from comparisons where metric = ? order by round desc, previous desc", [metric]
    )


def last_gains_by(ledger: Ledger, metric: str, most: int) -> list[Row]:
    """The last rounds against the ones before them by a metric, the newest first, with `holdout_items` of the round.

    Only those that say which share of the hold-out was lost and won (`lost_share`, `won_share`).
    """
    return ledger.rows(
        "select c.*, r.holdout_items from comparisons c join rounds r on r.id = c.round "
        "join gains g on g.round = c.round and g.previous = c.previous "
        "where c.metric = ? and c.lost_share is not null order by c.round desc limit ?",
        [metric, most],
    )


def newest_value(ledger: Ledger, metric: str) -> float | None:
    """A metric on the hold-out as it was measured last; None before the first measured round."""
    found = ledger.scalar(
        "select value from evaluations where split = 'holdout' and class = '' and metric = ? "
        "order by round desc limit 1",
        [metric],
    )
    return None if found is None else float(found)


def holdout_values(ledger: Ledger, round_id: int) -> dict[str, float]:
    """Metric -> its value on the whole hold-out in a round: accuracy, macro_f1, log_loss (nats), brier, ece."""
    rows = ledger.rows(
        "select metric, value from evaluations where round = ? and split = 'holdout' and class = ''",
        [round_id],
    )
    return {row["metric"]: row["value"] for row in rows}


def class_values(ledger: Ledger, round_id: int) -> list[Row]:
    """What a round measured of each class on the hold-out: `class`, `metric` (precision, recall, f1), `value`, `items`."""
    return ledger.rows(
        "select class, metric, value, items from evaluations where round = ? and split = 'holdout' and class <> ''",
        [round_id],
    )


def values_by_split(ledger: Ledger) -> dict[tuple[int, str], Row]:
    """(round, metric) -> `train`, `validation`, `holdout` and `generalisation_gap`, null where one was not measured."""
    rows = ledger.rows("select round, metric, train, validation, holdout, generalisation_gap from metrics")
    return {(row["round"], row["metric"]): row for row in rows}


def count_looks(ledger: Ledger) -> int:
    """How often the hold-out was looked at so far."""
    return int(ledger.scalar("select coalesce(sum(times), 0) from looks"))


def look_of(ledger: Ledger, round_id: int) -> Row | None:
    """The look at the hold-out that a round took; None: it took none."""
    return ledger.one("select * from looks where round = ?", [round_id])


def newest_savings(ledger: Ledger) -> Row | None:
    """The last statement about what random labels would have cost; `inputs` is JSON. None before the first measured round."""
    return ledger.one("select * from savings order by round desc limit 1")


def last_savings(ledger: Ledger, most: int) -> list[Row]:
    """The last statements about savings, the newest first: `status`, `inputs` (JSON), and the `strategy` of the round."""
    return ledger.rows(
        "select s.status, s.inputs, r.strategy from savings s join rounds r on r.id = s.round "
        "order by s.round desc limit ?",
        [most],
    )


def rounds_with_arm_accuracy(ledger: Ledger, most: int) -> list[int]:
    """The last rounds whose random arm judged the model's accuracy, the newest first."""
    rows = ledger.rows(
        "select round from pool_estimates where quantity = 'accuracy' order by round desc limit ?", [most]
    )
    return [int(row["round"]) for row in rows]
