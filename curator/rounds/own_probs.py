"""Probabilities of a model of the user's own, by which a round chooses instead of by curator's."""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curator.errors import ConfigError, DataError
from curator.project import Project
from strategies.errors import StrategyInputError
from strategies.registry import Scorer, get
from strategies.scoring import score_blocks

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
_SHOWN = 3


@dataclass(frozen=True)
class OwnProbs:
    """Probabilities of items of the pool.

    Attributes:
        path: where they came from.
        name: what the ledger calls the model that made them.
        probs: (n_items, n_classes) in the order of the pool and of the project's classes; NaN where none were given.
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
    """Read probabilities: a row per item with `item_id` and a column for each class, CLASS or p(CLASS).

    The format is that of `curator predict --out FILE`.

    Raises:
        ConfigError: the file has another ending than .csv, .jsonl or .parquet.
        DataError: a column is missing, a value is no number, or an item is not in the pool; says where.
    """
    classes = project.config.project.classes
    probs = np.full((project.pool.n_items, len(classes)), np.nan, dtype=np.float32)
    ids: list[str] = []
    values: list[list[float]] = []
    for number, row in enumerate(_rows(path), start=1):
        ids.append(_text(path, number, row))
        values.append([_number(path, number, row, name) for name in classes])
    if not ids:
        raise DataError(f"{path}: no rows. Give one per item, with item_id and a column for each class.")
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
                f"Strategy {name!r} asks the model itself; --probs gives probabilities only. Choose another."
            )
        strategy = get(name)
        looks = strategy.members if isinstance(strategy, Scorer) else "predict" in strategy.needs
        if looks:
            raise ConfigError(
                f"Strategy {name!r} asks the model about changed items; --probs gives probabilities of the items only. "
                "Choose another, such as auto, entropy or margin."
            )


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        if path.suffix.lower() == ".parquet":
            yield from pq.read_table(path).to_pylist()
        elif path.suffix.lower() == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                yield from csv.DictReader(file)
        elif path.suffix.lower() == ".jsonl":
            with path.open(encoding="utf-8-sig") as file:
                yield from (json.loads(line) for line in file if line.strip())
        else:
            raise ConfigError(f"{path.name}: probabilities come as .csv, .jsonl or .parquet.")
    except (ValueError, csv.Error) as exc:  # also what is no UTF-8, no Parquet, no JSON
        raise DataError(f"{path}: cannot be read ({exc}).") from exc


def _text(path: Path, number: int, row: Mapping[str, Any]) -> str:
    value = row.get("item_id") if isinstance(row, Mapping) else None
    if value in (None, ""):
        raise DataError(f"{path}: row {number} has no item_id. Give one in every row.")
    return str(value)


def _number(path: Path, number: int, row: Mapping[str, Any], name: str) -> float:
    value = row.get(f"p({name})", row.get(name))
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DataError(
            f"{path}: row {number} has no probability of class {name!r} (column {name!r} or 'p({name})'), but {value!r}."
        ) from None
