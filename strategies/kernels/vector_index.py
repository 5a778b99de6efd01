"""FAISS, and what is particular about it: the nearest vectors, and indexes of compressed ones.

FAISS starts a team of threads in every thread that calls it, beside those of torch, numba and numpy. Here it always works on
the thread that asks, and `map_blocks` shares out the blocks: no more threads than cores, and the same numbers on any number of
them. On a computer where torch has brought its own OpenMP, no second one ever starts a thread.

What it returns is right to within float32 rounding (`rounding`): who decides by it settles what is closer than that in float64.

Source: Douze et al., "The Faiss library", 2024.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.types import FloatArray, IntArray

Float32 = NDArray[np.float32]

_ITERATIONS = 8  # of the k-means that makes cells
_ROWS_PER_CELL = 64  # that it learns from
_BITS = 4  # of a code; its 16 values fit a register, which is why codes are scanned fast
_CODES = 192  # of a vector at most; where it has fewer columns, each has its own code
_ADDED_ROWS = 65_536


def library() -> Any:
    """FAISS, which from now on uses one thread for what this thread asks of it."""
    import faiss  # here, because it takes a while to load, and a quick command should not pay for it

    faiss.omp_set_num_threads(1)
    return faiss


def rounding(dim: int) -> float:
    """How far a float32 product of two unit vectors may be from the true one, in whatever order it is added up."""
    return (dim + 8) * float(np.finfo(np.float32).eps)


def nearest(rows: Float32, targets: Float32) -> tuple[Float32, IntArray]:
    """The nearest of some targets for each row, by Euclidean distance.

    Args:
        rows: (n, dim).
        targets: (m, dim), at least one.

    Returns:
        (n,) squared distance, and (n,) which target.
    """
    faiss = library()
    squared, where = faiss.knn(rows, targets, 1, faiss.METRIC_L2)
    return squared[:, 0], where[:, 0]


def most_similar(rows: Float32, targets: Float32, count: int = 1) -> tuple[Float32, IntArray]:
    """The targets with the largest inner products with each row.

    Args:
        rows: (n, dim).
        targets: (m, dim), at least one.
        count: how many.

    Returns:
        (n, count) products, the largest first, and (n, count) which targets; -1 where there are fewer.
    """
    faiss = library()
    products, where = faiss.knn(rows, targets, count, faiss.METRIC_INNER_PRODUCT)
    return products, where


def products_by_number(rows: Float32, stored: Float32, numbers: IntArray) -> Float32:
    """(n, m) inner product of each row (n, dim) with its own choice, (n, m) numbers, of `stored`; -inf where that is -1.

    Each is added up by itself: it depends on the two vectors alone, not on what is computed beside it.
    """
    faiss = library()
    rows, numbers = np.ascontiguousarray(rows), np.ascontiguousarray(numbers)
    products = np.full(numbers.shape, -np.inf, dtype=np.float32)
    if products.size:
        faiss.fvec_inner_products_by_idx(
            *(faiss.swig_ptr(array) for array in (products, rows, stored, numbers)),
            rows.shape[1],
            *numbers.shape,
        )
    products[numbers < 0] = -np.inf
    return products


class CompressedIndex:
    """Unit vectors in cells, each kept as some hundred codes of half a byte: finds candidates, to be compared exactly.

    An inverted file with product quantization (Jegou, Douze & Schmid, TPAMI 2011), scanned from registers (Andre, Kermarrec &
    Le Scouarnec, "Quicker ADC", TPAMI 2019).

    Args:
        sample: (m, dim) vectors to learn cells and codes from.
        cells: how many cells.
        seed: of both.
    """

    def __init__(self, sample: Float32, cells: int, seed: int) -> None:
        faiss = library()
        columns = -(-sample.shape[1] // _CODES)  # of a code
        self._dim = -(-sample.shape[1] // columns) * columns
        self._quantizer = faiss.IndexFlatIP(self._dim)
        self._index = faiss.IndexIVFPQFastScan(
            self._quantizer, self._dim, cells, self._dim // columns, _BITS, faiss.METRIC_INNER_PRODUCT
        )
        learning = self._index.cp
        learning.niter, learning.max_points_per_centroid, learning.min_points_per_centroid = (
            _ITERATIONS,
            _ROWS_PER_CELL,
            1,
        )
        learning.spherical, learning.seed = True, seed
        self._index.pq.cp.seed = seed
        self._index.pq.cp.min_points_per_centroid = 1
        self._index.train(self._padded(sample))

    def add(self, vectors: Float32, numbers: IntArray) -> None:
        """Put vectors (n, dim) in under their numbers (n,)."""
        library()
        self._index.add_with_ids(self._padded(vectors), numbers)

    def cells_of(self, vectors: Float32, count: int) -> IntArray:
        """(n, count) the cells nearest to each vector (n, dim), the nearest first; a vector lives in its first."""
        library()
        return np.asarray(self._quantizer.search(self._padded(vectors), count)[1])

    def sizes(self) -> IntArray:
        """(cells,) how many vectors live in each."""
        lists = self._index.invlists
        return np.array([lists.list_size(cell) for cell in range(self._index.nlist)], dtype=np.int64)

    def look_into(self, cells: int) -> None:
        """From now on `candidates` looks into so many cells."""
        self._index.nprobe = cells

    def candidates(self, vectors: Float32, count: int) -> IntArray:
        """(n, count) numbers of what is probably nearest to each vector (n, dim); -1 where there are fewer."""
        library()
        return np.asarray(self._index.search(self._padded(vectors), count)[1])

    def _padded(self, vectors: Float32) -> Float32:
        if vectors.shape[1] == self._dim:
            return np.ascontiguousarray(vectors)
        return np.pad(vectors, ((0, 0), (0, self._dim - vectors.shape[1])))


def unit_vectors(rows: FloatArray) -> Float32:
    """Rows (n, dim) of any length as float32 rows of length 1; rows of zeros stay so."""
    return (rows * inverse_lengths(rows)[:, None]).astype(np.float32, copy=False)


def inverse_lengths(rows: FloatArray) -> NDArray[np.float64]:
    """(n,) 1 / length of each row (n, dim), 0 for rows of zeros or nearly so; in float64, where no float32's square is lost."""
    least = np.finfo(np.float32).tiny  # of what is shorter the inverse leaves float32
    inverse = np.zeros(len(rows))
    for start in range(0, len(rows), _ADDED_ROWS):
        block = rows[start : start + _ADDED_ROWS]
        lengths = np.sqrt(np.einsum("ij,ij->i", block, block, dtype=np.float64))
        np.divide(1.0, lengths, out=inverse[start : start + len(block)], where=lengths > least)
    return inverse
