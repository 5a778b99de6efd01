"""The embedding store: computed once, resumed after a kill, repaired when damaged, streamed and picked."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from curator.errors import DataError
from curator.pool import embeddings as module
from curator.pool import staging
from curator.pool.catalogue import Pool
from curator.pool.columns import Columns
from curator.pool.embeddings import EmbeddingStore
from curator.pool.importing import import_records
from curator.pool.incoming import EmbeddingSource
from curator.pool.vectors import StoreManifest, store_folder
from integrations.encoders.precomputed import PrecomputedEncoder
from integrations.encoders.tfidf import TfidfEncoder
from integrations.errors import EncoderError

CLASSES = ("a", "b")


class LengthEncoder:
    """A real, tiny encoder: length and letter counts; can be told to stop in the middle."""

    kind = "text"
    needs_fit = False

    def __init__(self, name="length", fingerprint="one", stop_after=None):
        self.name, self.fingerprint, self.stop_after, self.encoded = name, fingerprint, stop_after, 0

    def fit(self, sample): ...
    def save(self, folder): ...
    def load(self, folder):
        return True

    def describe(self):
        return {"version": 1}

    def encode(self, items):
        if self.stop_after is not None and self.encoded + len(items) > self.stop_after:
            raise EncoderError("out of breath")
        self.encoded += len(items)
        return expected(items)


def expected(items):
    rows = np.array([[len(t), t.count("1"), t.count("2"), 1] for t in items], np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def pool(tmp_path, monkeypatch):
    """100 texts in segments of 30 rows; encoders are given 8 rows at a time."""
    monkeypatch.setattr(staging, "SEGMENT_ROWS", 30)
    monkeypatch.setattr(module, "CHUNK_ROWS", 8)
    made = Pool.create(tmp_path / "pool", "text")
    add(made, tmp_path, 0, 100)
    return made


def add(pool, tmp_path, first, count):
    path = tmp_path / "rows.csv"
    path.write_text(
        "\n".join(
            ["id,text", *(f"i{i},text number {i} {'x' * (i % 5)}" for i in range(first, first + count))]
        )
    )
    return import_records(pool, path, Columns(id="id", text="text"), classes=CLASSES)


def test_only_what_is_missing_is_computed(pool, tmp_path):
    """The second run computes nothing; after items were added, only theirs."""
    encoder = LengthEncoder()
    store = EmbeddingStore(tmp_path / "e", pool, encoder)
    report = store.ensure()
    assert (report.rows_encoded, report.warnings, report.zero_rows) == (100, (), 0)
    assert report.rows_per_second > 0
    assert (store.n_rows, store.dim) == (100, 4)
    everything = expected(pool.contents(range(100)))
    np.testing.assert_array_equal(store.take(range(100)), everything)
    assert EmbeddingStore(tmp_path / "e", pool, encoder).ensure().rows_encoded == 0
    add(pool, tmp_path, 100, 5)
    with pytest.raises(DataError, match="rows 100 to 104 have no embeddings yet"):
        store.take([104])
    assert store.ensure().rows_encoded == 5
    assert encoder.encoded == 105
    manifest = json.loads((store.folder / "manifest.json").read_text())
    assert manifest["encoder"] == "length"
    assert manifest["about"] == {"version": 1}
    assert manifest["segments"]["3"]["rows"] == 10


def test_take_and_blocks(pool, tmp_path):
    """Rows come in the order asked for, repeats too; blocks cover a range, whatever their size."""
    store = EmbeddingStore(tmp_path / "e", pool, LengthEncoder())
    with pytest.raises(DataError, match="no embeddings yet"):
        _ = store.dim
    store.ensure()
    everything = expected(pool.contents(range(100)))
    rng = np.random.default_rng(0)
    for rows in (
        rng.permutation(100),
        [5, 5, 99, 0, 31],
        np.array([3, 4, 40, 41, 90]),
        [7],
        np.arange(25, 65),
        [2, 2],
    ):
        taken = store.take(rows)
        assert taken.dtype == np.float32
        np.testing.assert_array_equal(taken, everything[rows])
    assert store.take([]).shape == (0, 4)
    for part, size in (
        (None, 16_384),
        (None, 7),
        (slice(25, 95), 40),
        (slice(-10, None), 3),
        (slice(5, 5), 2),
    ):
        blocks = list(store.blocks(part, size))
        start, stop, _ = (part or slice(None)).indices(100)
        assert [first for first, _ in blocks] == list(range(start, stop, size))
        joined = np.concatenate([block for _, block in blocks] or [np.empty((0, 4))])
        np.testing.assert_array_equal(joined, everything[start:stop])
    for rows in ([100], [-1]):
        with pytest.raises(DataError, match="rows go from 0 to 99"):
            store.take(rows)
    with pytest.raises(DataError, match="consecutive"):
        next(store.blocks(slice(0, 9, 2)))


def test_an_encoder_that_stops_is_resumed_inside_the_segment(pool, tmp_path):
    """What was encoded before an error is not encoded again."""
    first, second = LengthEncoder(stop_after=50), LengthEncoder()
    with pytest.raises(EncoderError, match="out of breath"):
        EmbeddingStore(tmp_path / "e", pool, first).ensure()
    store = EmbeddingStore(tmp_path / "e", pool, second)
    assert store.ensure().rows_encoded == 100 - first.encoded
    assert second.encoded == 100 - first.encoded
    np.testing.assert_array_equal(store.take(range(100)), expected(pool.contents(range(100))))
    assert not list(store.folder.glob("*.partial"))


def test_kill_9_in_the_middle(pool, tmp_path):
    """After kill -9 in the middle of a segment the next run goes on and ends with the same numbers."""
    script = """
        import os, signal, sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[2])
        import test_embeddings as t
        from curator.pool import embeddings
        embeddings.CHUNK_ROWS = 8
        class Killed(t.LengthEncoder):
            def encode(self, items):
                if self.encoded >= 45:
                    os.kill(os.getpid(), signal.SIGKILL)
                return super().encode(items)
        path = Path(sys.argv[1])
        embeddings.EmbeddingStore(path / "e", t.Pool.open(path / "pool"), Killed()).ensure()
    """
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(tmp_path), here], check=False)
    assert done.returncode == -9
    encoder = LengthEncoder()
    store = EmbeddingStore(tmp_path / "e", pool, encoder)
    store.ensure()
    # 30 rows of the first segment and two chunks of 8 of the second were kept
    assert encoder.encoded == 54
    np.testing.assert_array_equal(store.take(range(100)), expected(pool.contents(range(100))))


def test_a_torn_partial_row_is_dropped(pool, tmp_path):
    """A row that was half written when the power went is encoded again."""
    with pytest.raises(EncoderError):
        EmbeddingStore(tmp_path / "e", pool, LengthEncoder(stop_after=20)).ensure()
    store = EmbeddingStore(tmp_path / "e", pool, LengthEncoder())
    (partial,) = store.folder.glob("*.partial")
    os.truncate(partial, partial.stat().st_size - 5)
    assert store.ensure().rows_encoded == 85
    np.testing.assert_array_equal(store.take(range(100)), expected(pool.contents(range(100))))


def test_damaged_files_are_computed_again_with_a_warning(pool, tmp_path):
    """A cut, a foreign and a missing file are noticed on reading, and replaced by ensure."""
    store = EmbeddingStore(tmp_path / "e", pool, LengthEncoder())
    store.ensure()
    files = sorted(store.folder.glob("segment-*.npy"))
    os.truncate(files[0], files[0].stat().st_size - 1)
    np.save(files[1], np.ones((30, 5), np.float32))
    files[2].unlink()
    files[3].write_bytes(b"nonsense")
    for row, reason in ((0, "bytes"), (30, "shape"), (60, "missing"), (90, "not an array of float32")):
        with pytest.raises(DataError, match=rf"unusable: .*{reason}"):
            store.take([row])
    report = store.ensure()
    assert report.rows_encoded == 100
    assert len(report.warnings) == 4
    assert "segment-000000.npy" in report.warnings[0]
    np.testing.assert_array_equal(store.take(range(100)), expected(pool.contents(range(100))))


def test_another_state_of_the_encoder_starts_anew(pool, tmp_path):
    """Embeddings of another fingerprint are not mixed in: all are computed again, and it is said."""
    EmbeddingStore(tmp_path / "e", pool, LengthEncoder()).ensure()
    report = EmbeddingStore(tmp_path / "e", pool, LengthEncoder(fingerprint="two")).ensure()
    assert report.rows_encoded == 100
    assert "another version of length (one, now two)" in report.warnings[0]


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        (np.ones((8, 4), np.float32), "8 rows that are neither of length 1 nor zero"),
        (np.full((8, 4), np.nan, np.float32), "first is pool row 0"),
        (np.ones((3, 4), np.float32), "shape (3, 4) for 8 items"),
        (np.ones(8, np.float32), "shape (8,)"),
        (np.ones((8, 0), np.float32), "shape (8, 0)"),
    ],
)
def test_an_encoder_that_breaks_the_contract_is_named(pool, tmp_path, rows, part):
    """Wrong shapes and lengths do not get into the store."""
    encoder = LengthEncoder()
    encoder.encode = lambda items: rows
    with pytest.raises(EncoderError) as caught:
        EmbeddingStore(tmp_path / "e", pool, encoder).ensure()
    assert "encoder length returned" in str(caught.value)
    assert part in str(caught.value)


def test_a_fitted_encoder_is_fitted_once(pool, tmp_path, monkeypatch):
    """TF-IDF learns from pool items only, once; adding items changes no earlier embedding."""
    monkeypatch.setattr(module, "FIT_SAMPLE", 50)
    store = EmbeddingStore(tmp_path / "e", pool, TfidfEncoder())
    store.ensure()
    before = store.take(range(100))
    add(pool, tmp_path, 100, 20)
    later = EmbeddingStore(tmp_path / "e", pool, TfidfEncoder())
    report = later.ensure()
    assert report.rows_encoded == 20
    assert report.warnings == ()
    np.testing.assert_array_equal(later.take(range(100)), before)
    again = EmbeddingStore(tmp_path / "other", Pool.open(pool.folder), TfidfEncoder())
    again.ensure()
    np.testing.assert_allclose(np.linalg.norm(again.take(range(120)), axis=1), 1, atol=1e-5)


def test_an_empty_pool_teaches_nothing(tmp_path):
    """A pool without items cannot fit an encoder."""
    pool = Pool.create(tmp_path / "pool", "text")
    with pytest.raises(DataError, match="the pool is empty"):
        EmbeddingStore(tmp_path / "e", pool, TfidfEncoder()).ensure()


def test_a_damaged_manifest_is_named(pool, tmp_path):
    """A manifest that cannot be read names its folder as what to delete."""
    store = EmbeddingStore(tmp_path / "e", pool, LengthEncoder())
    store.ensure()
    (store.folder / "manifest.json").write_text("[]")
    with pytest.raises(DataError, match=r"damaged .* Delete the folder"):
        EmbeddingStore(tmp_path / "e", pool, LengthEncoder())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("ending", ["npy", "npz", "npz:pool"])
def test_precomputed_array(pool, tmp_path, dtype, ending):
    """Given arrays of any float type are imported, scaled to length 1, in the rows' order; zero rows are counted."""
    given = np.random.default_rng(0).standard_normal((70, 6)).astype(dtype)
    given[4] = 0
    path = tmp_path / f"e.{ending[:3]}"
    if ending == "npy":
        np.save(path, given)
    elif ending == "npz":
        np.savez(path, only=given)
    else:
        np.savez_compressed(path, pool=given, test=given[:3])
    target = Pool.create(tmp_path / "p", "text")
    rows = tmp_path / "rows.csv"
    rows.write_text("\n".join(["id,text", *(f"p{i},t {i}" for i in range(70))]))
    source = EmbeddingSource(tmp_path / "e", str(tmp_path / f"e.{ending}"))
    report = import_records(target, rows, Columns(id="id", text="text"), classes=CLASSES, embeddings=source)
    assert (report.added, report.zero_embeddings) == (70, 1)
    store = EmbeddingStore(tmp_path / "e", target, PrecomputedEncoder(None, "text"))
    assert store.ensure().rows_encoded == 0
    assert store.ensure().zero_rows == 1
    lengths = np.linalg.norm(given.astype(np.float64), axis=1, keepdims=True)
    lengths[4] = 1
    np.testing.assert_allclose(store.take(range(70)), given / lengths, atol=2e-6)


def test_precomputed_column_and_known_rows(tmp_path, monkeypatch):
    """Embeddings follow their items when known rows are skipped, also into segments of later imports."""
    monkeypatch.setattr(staging, "SEGMENT_ROWS", 4)
    pool = Pool.create(tmp_path / "pool", "text")
    source, columns = EmbeddingSource(tmp_path / "e"), Columns(id="id", text="text", embedding="e")
    path = tmp_path / "e.jsonl"

    def rows(first, last):
        lines = [{"id": i, "text": f"t{i}", "e": [np.cos(i), np.sin(i)]} for i in range(first, last)]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return import_records(pool, path, columns, classes=CLASSES, embeddings=source)

    rows(0, 6)
    assert rows(3, 12).added == 6
    store = EmbeddingStore(tmp_path / "e", pool, PrecomputedEncoder(None, "text"))
    store.ensure()
    angles = np.arange(12)
    np.testing.assert_allclose(
        store.take(angles), np.column_stack([np.cos(angles), np.sin(angles)]), atol=1e-6
    )


def test_precomputed_embeddings_cannot_be_computed(pool, tmp_path):
    """Items without embeddings, or imported files that were damaged, are an error that says the way out."""
    encoder = PrecomputedEncoder(None, "text")
    with pytest.raises(EncoderError, match="came without embeddings"):
        EmbeddingStore(tmp_path / "e", pool, encoder).ensure()
    path = tmp_path / "e.jsonl"
    path.write_text('{"id": "new", "text": "a", "e": [1, 2]}\n')
    other = Pool.create(tmp_path / "p", "text")
    columns, source = Columns(id="id", text="text", embedding="e"), EmbeddingSource(tmp_path / "other")
    import_records(other, path, columns, classes=CLASSES, embeddings=source)
    os.truncate(source.folder / "segment-000000.npy", 100)
    with pytest.raises(EncoderError, match=r"segment-000000.npy: the imported embeddings are unusable"):
        EmbeddingStore(tmp_path / "other", other, encoder).ensure()


def test_folders_of_encoders(tmp_path):
    """Each encoder has a folder of its own with a name that any file system takes."""
    names = [
        "tfidf",
        "sentence-transformers:/models/a b",
        "sentence-transformers:/other/a b",
        "transformers:..",
        "x:é",
    ]
    folders = [store_folder(tmp_path, name) for name in names]
    assert folders[0] == tmp_path / "tfidf"
    assert folders[1].name.startswith("sentence-transformers-a-b-")
    assert len(set(folders)) == len(names)
    assert all(folder.parent == tmp_path and folder.name.isascii() for folder in folders)
    assert StoreManifest.load(tmp_path) is None
