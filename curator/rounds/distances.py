"""Distances of the pool to what was asked about, kept beside the embeddings for strategies that start from them.

One file per encoder, 8 bytes an item; it may be deleted at any time.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from curator.files import write_bytes
from curator.pool.catalogue import Pool
from curator.pool.embeddings import EmbeddingStore
from strategies.kernels.kept_distances import KeptDistances

IntArray = NDArray[np.int64]

FILE = "distances.safetensors"
FORMAT = 1


class DistanceCache:
    """A `strategies.kernels.kept_distances.DistanceMemory` on disk. A lost, damaged or outdated file costs time, never a pick.

    Args:
        embeddings: of the whole pool.
        pool: whose items.
        rows: (n,) pool rows of the candidates, ascending.
        asked: ids of the items asked about, in an order in which new ones come last.
    """

    def __init__(self, embeddings: EmbeddingStore, pool: Pool, rows: IntArray, asked: Sequence[str]) -> None:
        self._path = embeddings.folder / FILE
        self._embeddings = embeddings
        self._pool = pool
        self._n_items = pool.n_items
        self._rows = rows
        self._asked = asked
        self._found: KeptDistances | None = None

    def recall(self) -> KeptDistances | None:
        """Those of the candidates; None where the file is missing, damaged, or of other items, embeddings or questions."""
        try:
            with safe_open(self._path, framework="numpy") as file:
                about = json.loads(file.metadata()["about"])
                squared, met = file.get_tensor("squared"), file.get_tensor("met")
            fits = self._fits(about, squared, met)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError):
            return None
        if not fits:
            return None
        new = self._n_items - len(squared)  # items added since have met nobody
        known = KeptDistances(
            np.concatenate((squared, np.full(new, np.inf, dtype=np.float32))),
            np.concatenate((met, np.zeros(new, dtype=np.int32))),
        )
        return known.take(self._rows)

    def keep(self, found: KeptDistances) -> None:
        """Remember those of the candidates until `save`, if there are any."""
        if found.met.any():
            self._found = found

    def save(self) -> None:
        """Write what was kept, in one step; nothing when nothing was.

        Raises:
            OSError: the disk refuses, say because it is full.
        """
        if self._found is None:
            return
        squared = np.full(self._n_items, np.inf, dtype=np.float32)
        met = np.zeros(self._n_items, dtype=np.int32)
        squared[self._rows], met[self._rows] = self._found.squared, self._found.met
        about = self._about(self._segments, len(self._asked), squared, met)
        write_bytes(self._path, save({"squared": squared, "met": met}, {"about": json.dumps(about)}))

    @cached_property
    def _segments(self) -> list[list[str | int]]:
        """Of which items and vectors; looked up for those only who recall or keep."""
        stamps = zip(self._pool.segments, self._embeddings.stamps, strict=True)
        return [[segment.content_hash, *stamp] for segment, stamp in stamps]

    def _fits(self, about: dict[str, Any], squared: NDArray[Any], met: NDArray[Any]) -> bool:
        segments, n_asked = about["segments"], about["n_asked"]
        if segments != self._segments[: len(segments)] or not 0 <= n_asked <= len(self._asked):
            return False
        return about == self._about(segments, n_asked, squared, met)

    def _about(
        self,
        segments: list[list[str | int]],
        n_asked: int,
        squared: NDArray[np.float32],
        met: NDArray[np.int32],
    ) -> dict[str, Any]:
        """What distances are of, and a digest of themselves."""
        return {
            "format": FORMAT,
            "fingerprint": self._embeddings.fingerprint,
            "segments": segments,
            "n_asked": n_asked,
            "asked": _digest("\n".join(self._asked[:n_asked]).encode()),
            "arrays": _digest(squared.tobytes(), met.tobytes(), str((squared.shape, met.shape)).encode()),
        }


def _digest(*parts: bytes) -> str:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
