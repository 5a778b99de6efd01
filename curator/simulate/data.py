"""Labeled data to play campaigns on: as arrays, kept in one file that every process of a simulation reads."""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curator.errors import DataError
from curator.files import write_bytes

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

MOST_ITEMS = 50_000  # of a simulation; more would not change what it says


@dataclass(frozen=True)
class Labeled:
    """Items whose labels are known.

    Attributes:
        name: of the data.
        embeddings: (n, dim) unit-length.
        y: (n,) positions in `classes`.
        words: (n,) of each text, 0 of images.
        is_holdout: (n,) items of a hold-out file; all False: the hold-out is drawn from the data, anew for each seed.
        classes: names.
        notes: what a reader of the results has to know about where the data come from.
    """

    name: str
    embeddings: FloatArray
    y: IntArray
    words: IntArray
    is_holdout: NDArray[np.bool_]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def digest(self) -> str:
        """Changes whenever a campaign on the data could."""
        found = blake2b(json.dumps([self.name, self.classes]).encode(), digest_size=16)
        for array in (self.embeddings, self.y, self.words, self.is_holdout):
            found.update(f"{array.dtype}{array.shape}".encode())
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()

    def at_most(self, most: int = MOST_ITEMS) -> "Labeled":
        """The same, or a random sample of it, with a note that says so; a hold-out file stays whole."""
        rows, notes = drawn(self.is_holdout, most)
        if not notes:
            return self
        return replace(
            self,
            embeddings=self.embeddings[rows],
            y=self.y[rows],
            words=self.words[rows],
            is_holdout=self.is_holdout[rows],
            notes=(*self.notes, *notes),
        )

    def save(self, path: Path) -> None:
        """Write to one file, in one step."""
        from safetensors.numpy import save

        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS}
        about = {"name": self.name, "classes": self.classes, "notes": self.notes}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, save(arrays, {"about": json.dumps(about)}))

    @classmethod
    def load(cls, path: Path) -> "Labeled":
        """Read what `save` wrote.

        Raises:
            DataError: the file is missing or damaged.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                about = json.loads(file.metadata()["about"])
                arrays = {name: file.get_tensor(name) for name in _ARRAYS}
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as exc:
            raise DataError(f"{path} cannot be read ({exc}). Delete it; it will be made again.") from exc
        return cls(about["name"], classes=tuple(about["classes"]), notes=tuple(about["notes"]), **arrays)


def drawn(is_holdout: NDArray[np.bool_], most: int = MOST_ITEMS) -> tuple[IntArray, tuple[str, ...]]:
    """Which items are played on: all, or a random sample of those that may be asked about; and the note that says so."""
    pool = np.flatnonzero(~is_holdout)
    if len(pool) <= most:
        return np.arange(len(is_holdout)), ()
    sample = np.random.default_rng(0).choice(pool, most, replace=False)
    rows: IntArray = np.sort(np.concatenate((sample, np.flatnonzero(is_holdout))))
    return rows, (f"{most:,} of {len(pool):,} labeled items, drawn at random, are played on",)


_ARRAYS = ("embeddings", "y", "words", "is_holdout")
