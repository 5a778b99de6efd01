"""Which of a round's comparisons tells most when the round alone shows nothing."""

from collections.abc import Sequence

from curator.ledger.store import Row


def together(comparisons: Sequence[Row]) -> Row | None:
    """The comparison to show beside the last round's own.

    The shortest stretch of rounds whose *decision* interval leaves out 0: with the plain one, choosing among several would be
    choosing by luck. Where there is none, the longest.

    Args:
        comparisons: rows of `comparisons` of one round and one metric, the nearest earlier round first.

    Returns:
        None when the round's own gain shows (real, worse or flat), or when there is nothing longer.
    """
    if len(comparisons) < 2 or comparisons[0]["verdict"] != "not shown":
        return None
    longer = comparisons[1:]
    for row in longer:
        if row["decision_low"] > 0 or row["decision_high"] < 0:
            return row
    return longer[-1]
