"""Predictions of a model of the user's own, by which a round chooses instead of by curator's."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curator.errors import ConfigError, DataError
from curator.pool.formats import column_names, python_values, raw_batches
from curator.pool.labels import id_text
from curator.pool.problems import Problems, listed
from curator.project.project import Project
from strategies.errors import StrategyInputError
from strategies.registry import Scorer, get
from strategies.scoring import score_blocks

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
_SHOWN = 3
_ID = "item_id"
_BLOCK_ROWS = 65_536


@dataclass(frozen=True)
class OwnProbs:
    """Probabilities of items of the pool.

    Attributes:
        path: where they came from.
        name: what the ledger calls the model that made them.
        probs: (n_items, width) in the order of the pool and of `Task.columns`; NaN where none were given.
    """

    path: Path
    name: str
    probs: FloatArray

    def score(self, project: Project, rows: IntArray, scorers: Sequence[str]) -> dict[str, FloatArray]:
        """{scorer: (n,) scores} of some pool rows, higher = ask first.

        Raises:
            DataError: some of these have no probabilities, or none that are.
        """
        missing = rows[np.isnan(self.probs[rows]).any(axis=1)]
        if len(missing):
            shown = ", ".join(map(repr, project.pool.ids(missing[:_SHOWN])))
            raise DataError(
                f"{self.path}: {len(missing):,} of {len(rows):,} items that may be asked about have no probabilities, first "
                f"{shown}. Give every item of the pool; `curator predict` lists them."
            )
        try:
            return score_blocks([(0, self.probs[rows])], lambda probs: probs, scorers, len(rows))
        except StrategyInputError as exc:
            raise DataError(f"{self.path}: {exc}") from exc


def read_own_probs(project: Project, path: Path) -> OwnProbs:
    """Read what a model says: a row per item with `item_id`, and the columns of the kind of label; p(CLASS) may be called CLASS.

    The columns are those of `curator predict --out FILE`; the file may be any that data may be.

    Raises:
        DataError: a column is missing, a value is no number, or an item is not in the pool; says where.
    """
    columns = project.task.columns
    ids, values = _read(path, columns)
    if not ids:
        raise DataError(
            f"{path}: no rows. Give one per item, with item_id and the columns {listed(columns)}."
        )
    probs = np.full((project.pool.n_items, len(columns)), np.nan, dtype=np.float32)
    try:
        at = project.pool.rows(ids)
    except DataError as exc:
        raise DataError(f"{path}: {exc}") from exc
    probs[at] = np.array(values, dtype=np.float32)
    return OwnProbs(path, f"own-{hashlib.sha256(probs.tobytes()).hexdigest()[:12]}", probs)


def check_strategy_takes_probs(spec: str | Mapping[str, float]) -> None:
    """Refuse a strategy that looks into the model itself: probabilities do not show that.

    Raises:
        ConfigError: names it.
    """
    for name in [spec] if isinstance(spec, str) else spec:
        if ":" in name:
            raise ConfigError(
                f"Strategy {name!r} needs the model itself, and --probs gives only probabilities. Choose another."
            )
        strategy = get(name)
        looks = strategy.members if isinstance(strategy, Scorer) else "predict" in strategy.needs
        if looks:
            raise ConfigError(
                f"Strategy {name!r} asks the model about altered items, and --probs gives probabilities only for the items themselves. "
                "Choose another, such as auto, entropy or margin."
            )


def _read(path: Path, wanted: Sequence[str]) -> tuple[list[str], list[list[float]]]:
    """Ids, and for each what `curator predict` writes of it; the file is read as data are."""
    there = column_names(path, (_ID, *wanted))
    # p(CLASS) may be called CLASS
    columns = [name if name in there else name.removeprefix("p(").removesuffix(")") for name in wanted]
    missing = [name for name in (_ID, *columns) if name not in there]
    if missing:
        raise DataError(
            f"{path}: no column {listed(missing)}; it has {listed(there)}. Give {_ID}, and the probability of each class in a "
            "column CLASS or p(CLASS)."
        )
    problems = Problems(path)
    ids: list[str] = []
    values: list[list[float]] = []
    for batch in raw_batches(path, (_ID, *columns), problems, batch_rows=_BLOCK_ROWS):
        by_name = {name: python_values(batch.values[name], path, name) for name in (_ID, *columns)}
        for at, item_id in enumerate(map(id_text, by_name[_ID])):
            if not item_id:
                problems.add(f"no {_ID}", batch.place(at), "Give one in every row.")
            ids.append(item_id or "")
            values.append([_number(by_name[name][at], name, batch.place(at), problems) for name in columns])
    problems.raise_if_any()
    return ids, values


def _number(value: object, column: str, where: str, problems: Problems) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        problems.add(
            f"no probability in column {column!r}", f"{where}: {value!r}", "Give a number from 0 to 1."
        )
        return float("nan")
