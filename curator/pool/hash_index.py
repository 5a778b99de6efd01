"""Finds ids by hash: 24 bytes an id in arrays, where a dictionary of strings would take 150 and more."""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

HashArray = NDArray[np.uint64]
IntArray = NDArray[np.int64]

DIGEST_BYTES = 16  # 128 bits: among 10 million ids two are alike by chance once in 10^24 pools


def digest(content: bytes) -> bytes:
    """The 16-byte BLAKE2b hash that stands for an id or for the content of an item."""
    return blake2b(content, digest_size=DIGEST_BYTES).digest()


def as_hashes(digests: Iterable[bytes]) -> HashArray:
    """Digests as numbers: (n, 2) uint64, the two halves of each."""
    return np.frombuffer(b"".join(digests), dtype="<u8").reshape(-1, 2)


def as_hex(hashes: HashArray) -> list[str]:
    """Digests as 32 hexadecimal characters each; the inverse of `as_hashes`."""
    return [row.tobytes().hex() for row in np.ascontiguousarray(hashes, dtype="<u8")]


class _Level:
    """Sorted by the first half of the hash; the second half decides among equals."""

    def __init__(self, hashes: HashArray, values: IntArray) -> None:
        order = np.argsort(hashes[:, 0], kind="stable")
        self.first = hashes[order, 0]
        self.second = hashes[order, 1]
        self.values = values[order]

    def __len__(self) -> int:
        return len(self.values)

    def find(self, hashes: HashArray) -> IntArray:
        found = np.full(len(hashes), -1, dtype=np.int64)
        position = np.searchsorted(self.first, hashes[:, 0])
        todo = np.arange(len(hashes))
        # one pass, and one more for each pair of ids that agree in 64 of their 128 bits
        while len(todo := todo[position[todo] < len(self)]):
            at = position[todo]
            same_first = self.first[at] == hashes[todo, 0]
            hit = same_first & (self.second[at] == hashes[todo, 1])
            found[todo[hit]] = self.values[at[hit]]
            todo = todo[same_first & ~hit]
            position[todo] += 1
        return found


class HashIndex:
    """From 128-bit hashes to numbers (rows), growing batch by batch.

    Sorted arrays whose sizes double, so that n inserts cost n log n in all and a look-up is a few binary
    searches.
    """

    def __init__(self) -> None:
        self._levels: list[_Level] = []

    def find(self, hashes: HashArray) -> IntArray:
        """(n,) the number that each (n, 2) hash was inserted with; -1 where it is unknown."""
        found = np.full(len(hashes), -1, dtype=np.int64)
        for level in self._levels:
            todo = np.flatnonzero(found < 0)
            found[todo] = level.find(hashes[todo])
        return found

    def insert(self, hashes: HashArray, values: IntArray) -> IntArray:
        """Add those that are new.

        Args:
            hashes: (n, 2).
            values: (n,) what `find` shall return for them, 0 or more.

        Returns:
            (n,) -1 where the hash was new, else the number of the first one like it, here or in earlier inserts.
        """
        earlier = self.find(hashes)
        order = np.lexsort((np.arange(len(hashes)), hashes[:, 1], hashes[:, 0]))
        ordered = hashes[order]
        starts = np.ones(len(order), dtype=bool)
        starts[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
        group = np.cumsum(starts) - 1
        first_of_group = order[starts][group]
        repeated = (first_of_group != order) & (earlier[order] < 0)
        earlier[order[repeated]] = values[first_of_group[repeated]]
        new = earlier < 0
        if new.any():
            self._append(_Level(hashes[new], values[new]))
        return earlier

    def _append(self, level: _Level) -> None:
        self._levels.append(level)
        while len(self._levels) > 1 and len(self._levels[-2]) <= 2 * len(self._levels[-1]):
            right, left = self._levels.pop(), self._levels.pop()
            first = np.concatenate([left.first, right.first])
            second = np.concatenate([left.second, right.second])
            values = np.concatenate([left.values, right.values])
            self._levels.append(_Level(np.column_stack([first, second]), values))
