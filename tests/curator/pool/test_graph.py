"""The neighbour graph beside the embeddings: built once, extended, repaired, never half of anything."""

import json
import os
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from curator.errors import CuratorError
from curator.pool import graph as module
from curator.pool import staging
from curator.pool.catalogue import Pool
from curator.pool.columns import Columns
from curator.pool.embeddings import EmbeddingStore
from curator.pool.graph import MANIFEST, GraphStore
from curator.pool.importing import import_records


class HashEncoder:
    """A real, tiny encoder: a fixed direction for each text."""

    name, kind, needs_fit = "hash", "text", False

    def __init__(self, fingerprint="one"):
        self.fingerprint = fingerprint

    def describe(self):
        return {}

    def encode(self, items):
        drawn = [np.random.default_rng([*item.encode(), *self.fingerprint.encode()]) for item in items]
        rows = np.array([rng.standard_normal(8) for rng in drawn], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def pool(tmp_path, monkeypatch):
    """100 texts in segments of 30 rows."""
    monkeypatch.setattr(staging, "SEGMENT_ROWS", 30)
    made = Pool.create(tmp_path / "pool", "text")
    add(made, tmp_path, 0, 100)
    return made


def add(pool, tmp_path, first, count):
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["id,text", *(f"i{i},text {i}" for i in range(first, first + count))]))
    return import_records(pool, path, Columns(id="id", text="text"), classes=("a", "b"))


def store_of(pool, tmp_path, fingerprint="one"):
    embeddings = EmbeddingStore(tmp_path / "e", pool, HashEncoder(fingerprint))
    embeddings.ensure()
    return GraphStore(embeddings, pool, seed=3)


def check(store, pool, tmp_path):
    """The graph is that of all cosines."""
    rows = store._embeddings.take(np.arange(pool.n_items))
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -2)
    expected = np.sort(cosines, axis=1)[:, ::-1][:, : module.NEIGHBOURS]
    found = store.open()
    np.testing.assert_allclose(found.cosines, expected, atol=1e-6)
    np.testing.assert_allclose(
        np.take_along_axis(cosines, found.rows.astype(int), axis=1), expected, atol=1e-6
    )
    assert isinstance(found.rows, np.memmap)


class Bars:
    """Remembers what was drawn."""

    def __init__(self):
        self.seen = []

    @contextmanager
    def bar(self, label, total):
        done = []
        yield done.append
        self.seen.append((label, total, sum(done)))


def test_built_once_and_extended(pool, tmp_path):
    """The first call builds with a bar, the second finds everything there, items added later are searched for alone."""
    bars, store = Bars(), store_of(pool, tmp_path)
    with pytest.raises(CuratorError, match=r"never built.* Run `curator round`"):
        store.open()
    state = store.ensure(bars)
    assert (state.rows_searched, state.recall, state.recall_rows, state.warnings) == (100, 1.0, 100, ())
    check(store, pool, tmp_path)
    before = sorted(path.name for path in store.folder.glob("neighbours-*"))
    again = store_of(pool, tmp_path).ensure(bars)
    assert (again.rows_searched, again.recall, again.recall_rows) == (0, 1.0, 100)
    add(pool, tmp_path, 100, 45)
    store = store_of(pool, tmp_path)
    with pytest.raises(CuratorError, match="items were added"):
        store.open()
    assert store.ensure(bars).rows_searched == 45
    check(store, pool, tmp_path)
    assert bars.seen == [("neighbour graph", 100, 100), ("neighbour graph", 145, 145)]
    after = sorted(path.name for path in store.folder.glob("neighbours-*"))
    assert len(after) == 2
    assert not set(before) & set(after)


def test_other_embeddings_give_another_graph(pool, tmp_path):
    """When the embeddings change, the graph is built again, and it is said why."""
    store_of(pool, tmp_path).ensure()
    store = store_of(pool, tmp_path, "two")
    with pytest.raises(CuratorError, match="embeddings have changed"):
        store.open()
    state = store.ensure()
    assert state.rows_searched == 100
    assert "built again: the embeddings have changed" in state.warnings[0]
    check(store, pool, tmp_path)


def flip(path):
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "damage", "say"),
    [
        ("*-rows.npy", flip, "is damaged"),
        ("*-cosines.npy", lambda path: os.truncate(path, path.stat().st_size - 3), "is damaged"),
        ("*-rows.npy", Path.unlink, "is missing"),
        (MANIFEST, lambda path: path.write_text("{"), "Expecting"),
        (MANIFEST, lambda path: path.write_text("[]"), "damaged"),
        (MANIFEST, lambda path: path.write_text('{"format": 2}'), "of another version"),
        (MANIFEST, lambda path: path.write_bytes(b"\xff"), "utf-8"),
    ],
)
def test_damage_is_noticed_and_mended(pool, tmp_path, name, damage, say):
    """A flipped byte, a torn or missing file, a manifest that is none: never read, built again with a warning."""
    store = store_of(pool, tmp_path)
    store.ensure()
    (path,) = store.folder.glob(name)
    damage(path)
    with pytest.raises(CuratorError, match=say):
        store.open()
    state = store.ensure()
    assert state.rows_searched == 100
    assert say in state.warnings[0]
    check(store, pool, tmp_path)


def test_a_file_that_cannot_be_read_is_named(pool, tmp_path, monkeypatch):
    """The system refuses: one clear error."""
    store = store_of(pool, tmp_path)
    store.ensure()

    def refused(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module, "_checksum", refused)
    with pytest.raises(CuratorError, match=r"-rows\.npy cannot be read \(Permission denied\)"):
        store.open()


@pytest.mark.parametrize(
    ("field", "value"),
    [("rows", -1), ("k", "32"), ("files", {"../x.npy": 1, "y.npy": 2}), ("recall", None), ("items", [1])],
)
def test_a_manifest_that_cannot_be(pool, tmp_path, field, value):
    """Values that were never written are damage, too; files outside the folder are not touched."""
    store = store_of(pool, tmp_path)
    store.ensure()
    path = store.folder / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    assert "damaged" in store.ensure().warnings[0]
    check(store, pool, tmp_path)


def test_a_graph_of_other_items_is_not_extended(pool, tmp_path):
    """Segments that are not those of the graph mean another pool."""
    store = store_of(pool, tmp_path)
    store.ensure()
    path = store.folder / MANIFEST
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "items": ["0" * 32]}))
    assert "it belongs to other items" in store.ensure().warnings[0]


def test_kill_9_between_the_files(pool, tmp_path):
    """Killed after new files and before the manifest that names them, the old graph is still whole."""
    store_of(pool, tmp_path).ensure()
    old = (tmp_path / "e" / "hash" / "graph" / MANIFEST).read_text()
    add(pool, tmp_path, 100, 20)
    script = """
        import os, signal, sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[2])
        import test_graph as t
        t.module.write_json = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        path = Path(sys.argv[1])
        t.store_of(t.Pool.open(path / "pool"), path).ensure()
    """
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(tmp_path), here], check=False)
    assert done.returncode == -9
    store = store_of(pool, tmp_path)
    assert (store.folder / MANIFEST).read_text() == old
    state = store.ensure()
    assert (state.rows_searched, state.warnings) == (20, ())
    check(store, pool, tmp_path)
    assert len(list(store.folder.glob("neighbours-*"))) == 2


def test_a_full_disk_leaves_nothing_half_written(pool, tmp_path, monkeypatch):
    """There is no graph then, and with room again the next call builds it and clears what was begun."""
    store = store_of(pool, tmp_path)

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.np, "save", full)
        with pytest.raises(OSError, match="No space left"):
            store.ensure()
    with pytest.raises(CuratorError, match="never built"):
        store.open()
    assert store.ensure().rows_searched == pool.n_items
    assert len(list(store.folder.glob("neighbours-*"))) == 2
