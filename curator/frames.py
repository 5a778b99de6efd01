"""What a campaign knows, as pandas DataFrames: for notebooks and scripts."""

from pathlib import Path
from typing import TYPE_CHECKING

from curator.money.amounts import MICRO
from curator.project import Project

if TYPE_CHECKING:
    import pandas as pd


def labels_frame(project: Project) -> "pd.DataFrame":
    """A row per labeled item, with the columns of `curator export`, item ids as the index."""
    from curator.export import SCHEMA, labeled_rows

    return _frame(labeled_rows(project), SCHEMA.names)


def answers_frame(project: Project) -> "pd.DataFrame":
    """A row per answer that counts, with the columns of `curator export --answers`, item ids as the index."""
    from curator.export import ANSWERS_SCHEMA, answer_rows

    return _frame(answer_rows(project), ANSWERS_SCHEMA.names)


def predictions_frame(project: Project, path: Path | None = None) -> "pd.DataFrame":
    """What the newest model says of every item of the pool, or of a file, item ids as the index.

    Raises:
        CuratorError: no round has trained a model yet.
        DataError: the file cannot be used.
    """
    from curator.predict import predict_file, predict_pool

    predictions = predict_pool(project) if path is None else predict_file(project, path)
    return _frame(predictions.rows(), predictions.columns())


def curve_frame(project: Project) -> "pd.DataFrame":
    """A row per measured round, the round as the index: the view `gain`, with money in units of the currency."""
    rows = [
        {
            name: value / MICRO if name in ("cost", "total_cost") and value is not None else value
            for name, value in row.items()
        }
        for row in project.ledger.rows("select * from gain order by round")
    ]
    names = [row["name"] for row in project.ledger.rows("select name from pragma_table_info('gain')")]
    return _frame(rows, names, index="round")


def _frame(rows: list[dict[str, object]], names: list[str], index: str = "item_id") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows, columns=names).set_index(index)
