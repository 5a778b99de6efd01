"""FAISS: the same numbers on any number of threads, whoever else is loaded, and vectors of any width."""

import subprocess
import sys

import numpy as np
import pytest

from strategies.kernels.parallel import map_blocks
from strategies.kernels.vector_index import (
    CompressedIndex,
    library,
    most_similar,
    nearest,
    products_by_number,
    unit_vectors,
)


def rows_of(n, dim, seed=0):
    return unit_vectors(np.random.default_rng(seed).standard_normal((n, dim)))


def test_nearest_and_most_similar_by_hand():
    """On a line and on the axes of a plane."""
    squared, which = nearest(np.array([[0.0], [7.0]], np.float32), np.array([[1.0], [5.0]], np.float32))
    assert (squared.tolist(), which.tolist()) == ([1.0, 4.0], [0, 1])
    axes = np.eye(2, dtype=np.float32)
    products, which = most_similar(np.array([[0.6, 0.8]], np.float32), axes, 3)
    assert products[0, :2].tolist() == pytest.approx([0.8, 0.6])
    assert which.tolist() == [[1, 0, -1]]


def test_nothing_asked_for_and_nothing_found():
    """No rows, and rows that have fewer neighbours than asked for."""
    axes = np.eye(3, dtype=np.float32)
    assert most_similar(axes[:0], axes)[0].shape == (0, 1)
    assert products_by_number(axes[:0], axes, np.empty((0, 2), np.int64)).shape == (0, 2)
    found = products_by_number(axes, axes, np.array([[0, -1], [0, 1], [-1, -1]]))
    assert found.tolist() == [[1.0, -np.inf], [0.0, 1.0], [-np.inf, -np.inf]]


def test_a_product_does_not_depend_on_its_neighbours():
    """Alone or among thousands, to the last bit."""
    rows = rows_of(300, 37)
    numbers = np.random.default_rng(1).integers(300, size=(300, 20))
    together = products_by_number(rows, rows, numbers)
    alone = [products_by_number(rows[i : i + 1], rows, numbers[i : i + 1, :1])[0, 0] for i in range(300)]
    np.testing.assert_array_equal(together[:, 0], alone)


def test_two_threads_at_once_find_what_one_finds():
    """FAISS and its BLAS are asked by several threads at the same time, and each works alone."""
    rows, targets = rows_of(8_000, 64), rows_of(500, 64, seed=1)
    blocks = [slice(start, start + 500) for start in range(0, 8_000, 500)] * 4

    def work(where):
        found = most_similar(rows[where], targets, 5)
        return found, library().omp_get_max_threads()

    expected = [most_similar(rows[where], targets, 5) for where in blocks]
    for (cosines, which), ((found, places), threads) in zip(expected, map_blocks(work, blocks), strict=True):
        np.testing.assert_array_equal(found, cosines)
        np.testing.assert_array_equal(places, which)
        assert threads == 1


@pytest.mark.parametrize("dim", [1, 7, 64, 193, 385])
def test_compressed_vectors_of_any_width(dim):
    """Those that are nearest are among the candidates, under their own numbers; the vectors may have few columns or many."""
    rows = rows_of(3_000, dim)
    numbers = np.arange(3_000) * 3 + 1
    index = CompressedIndex(rows[:1_500], 20, seed=0)
    index.add(rows[:1_000], numbers[:1_000])
    index.add(rows[1_000:], numbers[1_000:])
    assert index.sizes().sum() == 3_000
    index.look_into(20)
    found = index.candidates(rows[:50], 100)
    assert found.shape == (50, 100)
    assert set(found[found >= 0].tolist()) <= set(numbers.tolist())
    if dim > 1:  # in one dimension all unit vectors are equal to one of two
        assert np.mean([number in near for number, near in zip(numbers[:50], found, strict=True)]) > 0.95


SCRIPT = """
import numpy as np
{imports}
import torch
from strategies.kernels.parallel import map_blocks
from strategies.kernels.vector_index import most_similar
from strategies.kernels.pairs import near_pairs
rows = np.random.default_rng(0).standard_normal((4_000, 32)).astype(np.float32)
near_pairs(rows[:50, :20] ** 2, np.ones(50, np.float32), np.float32(-1))
for _ in range(3):
    torch.from_numpy(rows).T.matmul(torch.from_numpy(rows)).sum()
    found = [where for _, where in map_blocks(lambda s: most_similar(rows[s:s + 500], rows), range(0, 4_000, 500))]
print((np.concatenate(found)[:, 0] == np.arange(4_000)).mean())
"""


@pytest.mark.parametrize("order", ["faiss, numba, torch", "torch, numba, faiss", "numba, torch, faiss"])
def test_whoever_is_loaded_first(order):
    """torch, numba and FAISS each bring OpenMP; they work side by side, whichever came first."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(imports=f"import {order}")],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0.9
