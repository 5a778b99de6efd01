"""The Gaussian kernel of Euclidean distances in float32, computed in blocks on all cores."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.pairs import near_pairs
from strategies.kernels.parallel import map_blocks
from strategies.kernels.symmetric import symmetric_matrix
from strategies.kernels.types import FloatArray, IntArray

Float32 = NDArray[np.float32]

_BLOCK = 256  # targets whose pairs one thread looks through
_AT_ONCE = 1_024  # rows that cover


class GaussianKernel:
    """exp(-d^2 / (2 width^2))."""

    def __init__(self, width: float) -> None:
        self.width = width
        self.scale = np.float32(-0.5 / width**2)

    def squared(self, rows: Float32, others: Float32) -> Float32:
        """(rows, others) squared distances."""
        return squared_distances(rows, others)

    def of(self, squared: Float32 | FloatArray) -> Float32:
        """Kernel at squared distances."""
        scaled = np.asarray(squared, dtype=np.float32) * self.scale
        return np.asarray(np.exp(scaled, out=scaled))

    def reach(self, covered: Float32) -> Float32:
        """(targets,) the squared distance below which something covers a target better than it is covered."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(covered) / self.scale, dtype=np.float32)

    def cover(self, covered: Float32, rows: Float32, goals: Float32) -> Float32:
        """(targets,) coverage when these rows are labeled as well."""
        nearest = self.reach(covered)
        for start in range(0, len(rows), _AT_ONCE):
            np.minimum(nearest, self.squared(goals, rows[start : start + _AT_ONCE]).min(axis=1), out=nearest)
        return np.maximum(covered, self.of(nearest))

    def cover_rows(self, rows: FloatArray, labeled: Float32) -> Float32:
        """(n,) coverage of all rows by what is labeled."""

        def work(start: int) -> Float32:
            goals = float32(rows[start : start + _AT_ONCE])
            return self.cover(np.zeros(len(goals), np.float32), labeled, goals)

        return np.concatenate([*map_blocks(work, range(0, len(rows), _AT_ONCE))])

    def all_pairs(self, rows: Float32) -> Float32:
        """(n, n) kernel of rows with each other."""
        squares = squared_lengths(rows)

        def finish(part: Float32, start: int) -> None:
            part *= np.float32(-2.0)
            part += squares[start : start + len(part), None]
            part += squares[start:]
            np.maximum(part, 0.0, out=part)
            part *= self.scale
            np.exp(part, out=part)

        return symmetric_matrix(rows, finish)

    def pairs(
        self, goals: Float32, choices: Float32, covered: Float32
    ) -> Iterator[tuple[IntArray, NDArray[np.int32], Float32]]:
        """The pairs that can still matter, by blocks of targets."""
        reach = self.reach(covered)

        def work(start: int) -> tuple[IntArray, NDArray[np.int32], Float32]:
            where = slice(start, start + _BLOCK)
            found: tuple[IntArray, NDArray[np.int32], Float32] = near_pairs(
                self.squared(goals[where], choices), reach[where], self.scale
            )
            return found

        return map_blocks(work, range(0, len(goals), _BLOCK))


def float32(rows: FloatArray) -> Float32:
    """The rows side by side in memory, in single precision."""
    return np.ascontiguousarray(rows, dtype=np.float32)


def squared_distances(rows: Float32, others: Float32) -> Float32:
    """(rows, others) squared Euclidean distances in float32."""
    squared: Float32 = np.matmul(np.float32(-2.0) * rows, others.T)
    squared += squared_lengths(rows)[:, None]
    squared += squared_lengths(others)
    np.maximum(squared, 0.0, out=squared)
    return squared


def squared_lengths(rows: Float32) -> Float32:
    """(n,) squared lengths."""
    return np.asarray(np.einsum("ij,ij->i", rows, rows))
