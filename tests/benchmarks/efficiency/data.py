"""Labeled sets to simulate on, and how much of them a run may label."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

_MANY_CLASSES = 50
_TEST_DIGITS = 500


@dataclass(frozen=True)
class DataSet:
    """A pool and a test set with known labels.

    Attributes:
        name: of the set.
        pool: (n, dim) unit-length embeddings.
        labels: (n,) their classes, 0 to n_classes - 1.
        test: (m, dim) embeddings of items that are only measured on.
        truth: (m,) their classes.
        n_classes: classes of the pool.
    """

    name: str
    pool: FloatArray
    labels: IntArray
    test: FloatArray
    truth: IntArray
    n_classes: int

    def sub_pool(self, seed: int) -> "DataSet":
        """The part of the pool that a seed draws: 80 %, at most 3,000 items, 4,000 above 50 classes."""
        most = 4_000 if self.n_classes > _MANY_CLASSES else 3_000
        size = min(int(0.8 * len(self.pool)), most)
        rows = np.random.default_rng([seed, 3]).choice(len(self.pool), size, replace=False)
        return DataSet(self.name, self.pool[rows], self.labels[rows], self.test, self.truth, self.n_classes)


@dataclass(frozen=True)
class Plan:
    """How many labels are bought, and when the model is measured.

    Attributes:
        start: labels of the first model.
        batch: labels of every batch after it.
        batches: how many batches.
    """

    start: int
    batch: int
    batches: int

    @classmethod
    def of(cls, data: DataSet, batches: int | None = None) -> "Plan":
        """That of the protocol: max(20, 2 x classes), then batches of max(20, classes): 12, or 10 above 50 classes.

        Args:
            data: a sub-pool.
            batches: another number of batches; None: the protocol's.

        Raises:
            ValueError: the sub-pool has not even one batch beside the start.
        """
        start, batch = max(20, 2 * data.n_classes), max(20, data.n_classes)
        wanted = batches or (10 if data.n_classes > _MANY_CLASSES else 12)
        possible = (len(data.pool) - start) // batch
        if possible < 1:
            raise ValueError(
                f"{data.name}: {len(data.pool)} items of the pool are too few for {start} labels and a batch of "
                f"{batch}. Leave the set out."
            )
        return cls(start, batch, min(wanted, possible))

    def prolonged(self, factor: float, n_items: int) -> "Plan":
        """The same up to `factor` times the labels, as far as the pool goes."""
        wanted = int(factor * self.budgets[-1] - self.start) // self.batch
        return Plan(self.start, self.batch, min(wanted, (n_items - self.start) // self.batch))

    @property
    def budgets(self) -> tuple[int, ...]:
        """The numbers of labels at which the model is measured."""
        return tuple(self.start + self.batch * done for done in range(self.batches + 1))


def set_names(folder: Path | None) -> list[str]:
    """The sets in a folder, by name; without a folder the one that scikit-learn brings.

    Raises:
        FileNotFoundError: there is none.
    """
    if folder is None:
        return ["digits"]
    found = sorted(path.parent.name for path in folder.glob("*/embeddings.npz"))
    if not found:
        raise FileNotFoundError(
            f"{folder} holds no set: a set is a folder with pool.jsonl, test.jsonl and embeddings.npz."
        )
    return found


@cache
def load(folder: Path | None, name: str) -> DataSet:
    """One of the sets.

    Args:
        folder: holds NAME/pool.jsonl and NAME/test.jsonl, an object with a "label" per line, and NAME/embeddings.npz with
            the arrays `pool` and `test`; None: scikit-learn's digits.
        name: as in `set_names`.

    Returns:
        The set; test items of classes that the pool has not are left out.

    Raises:
        ValueError: the files do not fit together.
    """
    if folder is None:
        return _digits()
    with np.load(folder / name / "embeddings.npz") as arrays:
        pool, test = arrays["pool"].astype(np.float32), arrays["test"].astype(np.float32)
    names, labels = np.unique(_labels(folder / name / "pool.jsonl"), return_inverse=True)
    of_test = _labels(folder / name / "test.jsonl")
    if len(labels) != len(pool) or len(of_test) != len(test):
        raise ValueError(
            f"{folder / name}: {len(pool)} + {len(test)} embeddings for {len(labels)} + {len(of_test)} lines of "
            "pool.jsonl and test.jsonl. There must be one per line."
        )
    known = np.isin(of_test, names)
    truth = np.searchsorted(names, of_test[known])
    return DataSet(name, pool, labels.astype(np.int64), test[known], truth.astype(np.int64), len(names))


def _labels(path: Path) -> NDArray[Any]:
    return np.array(
        [str(json.loads(line)["label"]) for line in path.read_text(encoding="utf-8").splitlines()]
    )


def _digits() -> DataSet:
    """8 x 8 handwritten digits: the pixels, centred on the pool, unit length."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(pixels))
    test, pool = order[:_TEST_DIGITS], order[_TEST_DIGITS:]
    rows = pixels - pixels[pool].mean(axis=0)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return DataSet(
        "digits", rows[pool], labels[pool].astype(np.int64), rows[test], labels[test].astype(np.int64), 10
    )
