"""The neighbour graph: exact for small pools, measured for large ones, the same on any number of threads."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.errors import StrategyInputError
from strategies.kernels import neighbour_graph
from strategies.kernels.copies import first_of_each
from strategies.kernels.neighbour_graph import build, extend


def unit(rows):
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return rows / np.where(lengths == 0, 1, lengths)


def clustered(rng, n, dim=24, heaps=15):
    centers = 2 * rng.standard_normal((heaps, dim))
    return (centers[rng.integers(0, heaps, n)] + 0.7 * rng.standard_normal((n, dim))).astype(np.float32)


def dense(rows, k):
    """(n, k) the largest cosines of each row with others in float64; NaN where there are fewer, or the row is zero."""
    directions = unit(rows.astype(np.float64))
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, np.nan)
    zero = ~rows.any(axis=1)
    cosines[zero] = np.nan
    cosines[:, zero] = np.nan
    best = -np.sort(-cosines, axis=1)  # NaN goes last
    return np.pad(best, ((0, 0), (0, max(0, k - len(rows)))), constant_values=np.nan)[:, :k]


def check_lists(rows, found, k):
    """Distinct others, the nearest first, with their true cosines; -1 and 0 at the end."""
    directions = unit(rows.astype(np.float64))
    assert found.rows.shape == found.cosines.shape == (len(rows), k)
    assert (found.rows.dtype, found.cosines.dtype) == (np.int32, np.float32)
    for item, (near, cosines) in enumerate(zip(found.rows, found.cosines, strict=True)):
        there = near[near >= 0]
        assert item not in there
        assert len(set(there.tolist())) == len(there)
        assert (near[len(there) :] == -1).all()
        assert (cosines[len(there) :] == 0).all()
        assert (np.diff(cosines[: len(there)]) <= 0).all()
        np.testing.assert_allclose(cosines[: len(there)], directions[there] @ directions[item], atol=2e-6)


def recall(rows, found, k):
    best = dense(rows, k)
    last = np.where(np.isfinite(best), best, np.inf).min(axis=1)
    return float(
        ((found.rows >= 0) & (found.cosines >= last[:, None] - 1e-6)).sum() / np.isfinite(best).sum()
    )


def test_worked_example():
    """On a quarter circle at 0, 10, 30 and 90 degrees, whatever the lengths; the row of zeros is nobody's neighbour."""
    angles = np.radians([0, 10, 30, 90])
    rows = np.column_stack((np.cos(angles), np.sin(angles))) * np.array([1, 5, 0.2, 3])[:, None]
    found, report = build(np.vstack((rows, [[0, 0]])), k=2, rng=np.random.default_rng(0))
    assert found.rows.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1], [-1, -1]]
    np.testing.assert_allclose(found.cosines[0], np.cos(np.radians([10, 30])), atol=1e-6)
    assert (report.rows, report.recall, report.recall_rows, report.compared) == (5, 1.0, 4, 1.0)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(0, 80),
    k=st.integers(1, 12),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_small_pools_are_exact(seed, n, k, dtype):
    """Every list is that of all cosines, with copies, rows of zeros and fewer items than neighbours."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, 3))
    rows[rng.random(n) < 0.2] = 0
    rows[rng.random(n) < 0.2] = rows[:1] if n else 0
    rows = rows.astype(dtype)
    before = rows.copy()
    found, report = build(rows, k=k, rng=np.random.default_rng(seed))
    np.testing.assert_array_equal(rows, before)
    check_lists(rows, found, k)
    expected = np.nan_to_num(dense(rows, k), nan=0.0)
    np.testing.assert_allclose(found.cosines, expected, atol=2e-6)
    assert report.recall == 1.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lengths_do_not_matter(dtype):
    """Tiny and huge rows have the neighbours of their directions."""
    rng = np.random.default_rng(0)
    rows = clustered(rng, 300).astype(dtype)
    lengths = 10.0 ** rng.uniform(-30, 30, (300, 1))
    found, _ = build((rows * lengths).astype(dtype), k=5, rng=rng)
    expected, _ = build(rows, k=5, rng=rng)
    np.testing.assert_allclose(found.cosines, expected.cosines, atol=1e-5)


def with_copies(rng, n):
    rows = clustered(rng, n)
    rows[n // 2 :] = rows[0]
    return rows


def with_zeros(rng, n):
    rows = clustered(rng, n)
    rows[rng.random(n) < 0.3] = 0
    return rows


def without_structure(rng, n):
    return rng.standard_normal((n, 24)).astype(np.float32)


@pytest.mark.parametrize("make", [clustered, with_copies, with_zeros, without_structure])
def test_large_pools_reach_the_recall(monkeypatch, make):
    """By cells the recall is above 0.95 on every kind of pool, and the report says what a count over all rows says."""
    monkeypatch.setattr(neighbour_graph, "_EXACT_PAIRS", 0)
    rng = np.random.default_rng(1)
    rows = make(rng, 3_000)
    seen = []
    found, report = build(rows, k=10, rng=rng, advance=seen.append)
    check_lists(rows, found, 10)
    true = recall(rows, found, 10)
    assert true >= 0.95
    assert report.recall == pytest.approx(true, abs=0.03)
    assert report.recall_rows == neighbour_graph.SAMPLE_ROWS
    assert sum(seen) == 3_000
    assert report.compared < 0.6 or report.compared == 1.0
    if make is clustered:
        assert report.compared < 0.3


def test_a_pool_without_structure_is_cut_short_and_says_so(monkeypatch):
    """Where the recall would take comparing everything, the work is bounded and the report tells."""
    monkeypatch.setattr(neighbour_graph, "_EXACT_PAIRS", 0)
    monkeypatch.setattr(neighbour_graph, "_MOST_COMPARED", 300)
    rows = without_structure(np.random.default_rng(1), 3_000)
    found, report = build(rows, k=10, rng=np.random.default_rng(0))
    assert report.recall < 0.9
    assert report.recall == pytest.approx(recall(rows, found, 10), abs=0.05)
    assert report.compared < 0.2


def test_thousands_of_copies_are_neither_compared_nor_forgotten(monkeypatch):
    """Of 4,000 copies only as many as fill a list are searched among, and yet each is the neighbour of others."""
    monkeypatch.setattr(neighbour_graph, "_EXACT_PAIRS", 0)
    searched = []
    add = neighbour_graph.CompressedIndex.add

    def counting(index, vectors, numbers):
        searched.append(len(numbers))
        add(index, vectors, numbers)

    monkeypatch.setattr(neighbour_graph.CompressedIndex, "add", counting)
    rng = np.random.default_rng(2)
    rows = np.concatenate((clustered(rng, 2_000), np.repeat(clustered(rng, 1), 4_000, axis=0)))
    found, report = build(rows, k=10, rng=rng)
    check_lists(rows, found, 10)
    assert (found.cosines[2_000:] == 1.0).all()
    assert np.bincount(found.rows[2_000:].ravel(), minlength=6_000)[2_000:].min() >= 10
    assert report.recall >= 0.95
    assert sum(searched) == 2_010


def test_copies_that_are_added_later_join_the_others():
    """An item whose copies come with a later segment has them as neighbours, as if they had been there."""
    rng = np.random.default_rng(4)
    rows = clustered(rng, 60)
    rows[30:] = rows[0]
    old, _ = build(rows[:40], k=6, rng=rng)
    found, _ = extend(old, rows, rng=rng)
    check_lists(rows, found, 6)
    assert (found.cosines[[0, *range(30, 60)]] == 1.0).all()
    assert recall(rows, found, 6) == 1.0


def test_equal_neighbours_come_in_the_order_of_the_pool():
    """Two copies are as near as each other to everything: the first comes first."""
    rows = clustered(np.random.default_rng(5), 400)
    rows[200:] = rows[199::-1]  # everything is there twice, in the opposite order
    found, _ = build(rows, k=7, rng=np.random.default_rng(0))
    for near, cosines in zip(found.rows, found.cosines, strict=True):
        equal = np.diff(cosines) == 0
        assert (np.diff(near)[equal] > 0).all()


@pytest.mark.parametrize("exact_pairs", [2**29, 0])
@pytest.mark.parametrize("added", [0, 1, 700])
def test_extending_is_as_good_as_building(monkeypatch, exact_pairs, added):
    """New items get their neighbours among all, and enter the lists of the old ones that they are close to."""
    monkeypatch.setattr(neighbour_graph, "_EXACT_PAIRS", exact_pairs)
    monkeypatch.setattr(neighbour_graph, "_FEW", 500)
    rng = np.random.default_rng(3)
    rows = clustered(rng, 2_500)
    rows[::50] = 0
    old, _ = build(rows[: 2_500 - added], k=8, rng=rng)
    before = old.rows.copy()
    seen = []
    found, report = extend(old, rows, rng=rng, advance=seen.append)
    np.testing.assert_array_equal(old.rows, before)
    check_lists(rows, found, 8)
    assert recall(rows, found, 8) >= (1.0 if exact_pairs else 0.95)
    assert report.rows == added
    assert sum(seen) == 2_500


def test_what_cannot_be_searched():
    """NaN, no matrix, no neighbours asked for, rows that went away: each is said."""
    rng = np.random.default_rng(0)
    rows = np.eye(4)
    with pytest.raises(StrategyInputError, match="NaN or infinity; first is row 1"):
        build(np.array([[1.0], [np.nan]]), rng=rng)
    with pytest.raises(StrategyInputError, match="float array"):
        build(np.ones(3), rng=rng)
    with pytest.raises(StrategyInputError, match="at least 1"):
        build(rows, k=0, rng=rng)
    with pytest.raises(StrategyInputError, match="graph has 4 items, the embeddings have 3"):
        extend(build(rows, rng=rng)[0], rows[:3], rng=rng)


def test_copies_are_recognised():
    """Equal rows share their first position, 0.0 and -0.0 are equal, the last bit makes a difference."""
    rows = np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, np.nextafter(1, 2)], [0.0, 1.0], [2.0, 1.0]])
    assert first_of_each(rows).tolist() == [0, 0, 2, 0, 4]
    assert first_of_each(rows.astype(np.float32)).tolist() == [0, 0, 0, 0, 4]
    assert first_of_each(rows.astype(np.float16)).tolist() == [0, 0, 0, 0, 4]
    assert first_of_each(rows[:, ::-1]).tolist() == [0, 0, 2, 0, 4]
    assert first_of_each(rows[:0]).tolist() == []


SCRIPT = """
import hashlib
import numpy as np
from strategies.kernels import neighbour_graph
neighbour_graph._EXACT_PAIRS = 10**6
rng = np.random.default_rng(1)
rows = rng.standard_normal((6_000, 12)).astype(np.float32)
rows[2_000:] += 3 * rows[rng.integers(0, 40, 4_000)]
old, _ = neighbour_graph.build(rows[:5_000], rng=np.random.default_rng(3))
found, report = neighbour_graph.extend(old, rows, rng=np.random.default_rng(4))
print(hashlib.sha256(found.rows.tobytes() + found.cosines.tobytes()).hexdigest(), report.recall)
"""


def test_the_same_graph_on_another_number_of_threads():
    """A seed fixes every list to the last bit, whether one thread works or two."""
    outputs = []
    for threads in "12":
        environment = {"OMP_NUM_THREADS": threads, "PYTHONPATH": ":".join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
        )
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
