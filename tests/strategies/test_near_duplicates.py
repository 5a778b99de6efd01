"""Near-duplicates: what FAISS finds is decided in float64, on both sides of the threshold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.kernels import near_duplicates
from strategies.kernels.near_duplicates import near_any


def cosines(rows, targets):
    """(n, m) in float64."""
    rows, targets = (
        np.divide(array, length, out=np.zeros_like(array), where=length > 0)
        for array in (rows.astype(np.float64), targets.astype(np.float64))
        for length in [np.linalg.norm(array, axis=1, keepdims=True)]
    )
    return rows @ targets.T


def at(cosine, direction, rng):
    """A row with exactly about this cosine to a direction, in float64."""
    other = rng.standard_normal(direction.shape)
    other -= direction * (other @ direction)
    other /= np.linalg.norm(other)
    return cosine * direction + np.sqrt(1.0 - cosine**2) * other


@pytest.mark.parametrize("threshold", [0.5, 0.97, 0.9999])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exact_on_both_sides_of_the_threshold(threshold, dtype):
    """Rows a millionth above are near, rows a millionth below are not; float32 products cannot tell them apart."""
    rng = np.random.default_rng(1)
    targets = rng.standard_normal((40, 384))
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    off = np.repeat([1e-7, 1e-6, 1e-5, 1e-4], 50) * np.tile([1.0, -1.0], 100)
    rows = np.array([at(threshold + gap, targets[i % 40], rng) for i, gap in enumerate(off)])
    rows, targets = rows.astype(dtype), targets.astype(dtype)
    expected = cosines(rows, targets).max(axis=1) >= threshold - 1e-9
    assert 60 < expected.sum() < 140
    np.testing.assert_array_equal(near_any(rows, targets, threshold), expected)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000), threshold=st.sampled_from([0.3, 0.9, 1.0]), block=st.sampled_from([3, 8_192])
)
def test_small_pools_as_a_plain_comparison(seed, threshold, block):
    """With copies, rows of zeros and of any length, nothing to compare with, and whatever the blocks."""
    rng = np.random.default_rng(seed)
    n, m, dim = rng.integers(0, 60), rng.integers(0, 20), rng.integers(1, 6)
    rows = rng.standard_normal((n, dim)).astype(np.float32)
    targets = rng.standard_normal((m, dim)).astype(np.float32)
    if m:
        rows[rng.random(n) < 0.3] = targets[0]
    rows[rng.random(n) < 0.2] = 0
    targets[rng.random(m) < 0.2] = 0
    rows *= 10.0 ** rng.uniform(-10, 10, (n, 1)).astype(np.float32)
    before = rows.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "_BLOCK", block)
        found = near_any(rows, targets, threshold)
    np.testing.assert_array_equal(rows, before)
    expected = (cosines(rows, targets) >= threshold - 1e-9).any(axis=1)
    np.testing.assert_array_equal(found, expected)


def test_another_target_than_the_nearest_by_float32_may_decide():
    """Two targets are as near in float32, and only one of them is near: it is found whichever comes first."""
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((200, 384))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    targets = np.concatenate([[at(0.95 + 2e-7, row, rng), at(0.95 - 2e-7, row, rng)] for row in rows])
    for order in (slice(None), slice(None, None, -1)):
        assert near_any(rows, targets[order], 0.95).all()
