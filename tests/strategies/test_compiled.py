"""Compiled code is kept where that is possible, and nothing fails where it is not."""

import numba.core.caching
import numpy as np
import pytest

from strategies.kernels import compiled


def twice(x):
    return 2 * x


def test_without_any_place_to_keep_it_code_is_compiled_anew(monkeypatch):
    """A read-only installation, and a user without a home."""
    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [])
    assert compiled.kept_in() is None
    assert compiled.njit(cache=True, nogil=True)(twice)(21) == 42


@pytest.mark.parametrize("damage", ["full disk", "torn index", "torn code", "no code"])
def test_a_cache_that_fails_only_costs_time(tmp_path, monkeypatch, damage):
    """A full disk, a power cut, a folder that somebody cleaned."""
    monkeypatch.setattr(numba.core.config, "CACHE_DIR", str(tmp_path))
    assert compiled.kept_in().is_relative_to(tmp_path)
    if damage == "full disk":
        full = OSError(28, "No space left on device")
        monkeypatch.setattr(
            numba.core.caching.IndexDataCacheFile,
            "_open_for_write",
            lambda *_args: (_ for _ in ()).throw(full),
        )
    assert compiled.njit()(twice)(1.5) == 3.0
    files = {path.suffix: path for path in tmp_path.rglob("*.nb*")}
    assert bool(files) == (damage != "full disk")
    if damage == "torn index":
        files[".nbi"].write_bytes(files[".nbi"].read_bytes()[:20])
    elif damage == "torn code":
        files[".nbc"].write_bytes(b"\x80")
    elif damage == "no code":
        files[".nbc"].unlink()
    assert compiled.njit()(twice)(1.5) == 3.0
    if damage != "full disk":
        mended = compiled.njit()(twice)
        assert mended(1.5) == 3.0
        assert sum(mended.stats.cache_hits.values()) == 1


def test_the_kernels_are_kept():
    """What `curator round` needs is compiled once for all."""
    from strategies.kernels import copies

    assert compiled.kept_in() is not None
    copies.first_of_each(np.zeros((3, 2), np.float32))
    for kernel in (copies._hashes,):
        assert isinstance(kernel._cache, compiled._Kept)
    assert sum(copies._hashes.stats.cache_hits.values()) + sum(copies._hashes.stats.cache_misses.values())
