"""Which rows of an array are exact copies of an earlier row."""

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.compiled import njit
from strategies.kernels.parallel import map_blocks
from strategies.kernels.types import FloatArray, IntArray

_BLOCK_ROWS = 4_096


def first_of_each(rows: FloatArray) -> IntArray:
    """(n,) for each row the position of the first row that is equal to it: its own where it is no copy.

    Rows are told apart by a 64-bit hash: among a million different rows the chance that any two share one is 3 in 10^8.
    """
    bits = np.uint64 if rows.dtype.itemsize == 8 else np.uint32

    def work(start: int) -> NDArray[np.uint64]:
        block = rows[start : start + _BLOCK_ROWS]
        wide = block.astype(np.float32) if block.dtype.itemsize < 4 else np.ascontiguousarray(block)
        found: NDArray[np.uint64] = _hashes((wide + wide.dtype.type(0)).view(bits))  # -0.0 + 0.0 is 0.0
        return found

    starts = range(0, len(rows), _BLOCK_ROWS)
    hashes = np.concatenate([*map_blocks(work, starts), np.empty(0, np.uint64)])
    _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    return np.asarray(first[group], dtype=np.int64)


@njit(cache=True, nogil=True)
def _hashes(bits: NDArray[np.unsignedinteger]) -> NDArray[np.uint64]:
    """A multiply-and-shift hash of each row: the finalizer of SplitMix64 after every number."""
    out = np.empty(len(bits), dtype=np.uint64)
    for i in range(len(bits)):
        state = np.uint64(0x9E3779B97F4A7C15)
        for j in range(bits.shape[1]):
            state = (state ^ np.uint64(bits[i, j])) * np.uint64(0xBF58476D1CE4E5B9)
            state ^= state >> np.uint64(29)
        out[i] = state
    return out
