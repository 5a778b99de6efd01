"""The door of the Python API: a project that also says what it knows as pandas DataFrames, for notebooks and scripts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from curator.amounts import MICRO
from curator.ledger import queries
from curator.project import project as opened
from curator.project.modal import query_strategy

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Project", "open_project", "query_strategy"]


def open_project(path: str | Path = ".") -> Project:
    """Open the project in a folder.

    Raises:
        ConfigError: there is no project, or its curator.toml cannot be used.
    """
    return Project(Path(path))


class Project(opened.Project):
    """A project, with what it knows as DataFrames."""

    def labels(self) -> pd.DataFrame:
        """A row per labeled item, with the columns of `curator export`; item ids as the index."""
        from curator.views.export import SCHEMA, labeled_rows

        return _frame(labeled_rows(self), SCHEMA.names)

    def answers(self) -> pd.DataFrame:
        """A row per answer that counts, with the columns of `curator export --answers`; item ids as the index."""
        from curator.views.export import ANSWERS_SCHEMA, answer_rows

        return _frame(answer_rows(self), ANSWERS_SCHEMA.names)

    def predictions(self, path: str | Path | None = None) -> pd.DataFrame:
        """What the newest model predicts for every item of the pool, or of a file; item ids as the index.

        Columns: predicted, probability, margin, and p(CLASS) for every class.

        Raises:
            CuratorError: no round has trained a model yet.
            DataError: the file cannot be used.
        """
        from curator.views.predict import predict_file, predict_pool

        predictions = predict_pool(self) if path is None else predict_file(self, Path(path))
        return _frame(predictions.rows(), predictions.columns())

    def curve(self) -> pd.DataFrame:
        """A row per measured round, the round as the index: the view `gain`, with money in units of the currency."""
        names, found = queries.measures.curve(self.ledger)
        rows = [
            {
                name: value / MICRO if name in ("cost", "total_cost") and value is not None else value
                for name, value in row.items()
            }
            for row in found
        ]
        return _frame(rows, names, index="round")


def _frame(rows: list[dict[str, object]], names: list[str], index: str = "item_id") -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=names).set_index(index)
