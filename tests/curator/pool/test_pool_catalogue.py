"""The pool: rows fixed for ever, ids found, imports whole or not at all."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from curator.errors import DataError
from curator.pool import segments, staging
from curator.pool.catalogue import Item, Pool
from curator.pool.columns import Columns
from curator.pool.hash_index import HashIndex, as_hashes, as_hex, digest
from curator.pool.importing import import_records
from curator.pool.incoming import EmbeddingSource
from curator.progress import NoProgress, RichProgress

CLASSES = ("a", "b")
COLUMNS = Columns(id="id", text="text", label="label")


def import_rows(pool, path, first, count, **options):
    """Import `count` generated rows, ids from `first` on."""
    lines = [f"i{i},text {i},{'ab'[i % 2] if i % 3 else ''}" for i in range(first, first + count)]
    path.write_text("\n".join(["id,text,label", *lines]))
    return import_records(pool, path, COLUMNS, classes=CLASSES, **options)


@pytest.fixture
def small_segments(monkeypatch):
    """Segments of seven rows, so that few items make many."""
    monkeypatch.setattr(staging, "SEGMENT_ROWS", 7)


def test_rows_stay_where_they_are(tmp_path, small_segments):
    """Row order is that of the files, over segments and imports, and after opening again."""
    pool = Pool.create(tmp_path / "pool", "text")
    first = import_rows(pool, tmp_path / "1.csv", 0, 20)
    second = import_rows(pool, tmp_path / "2.csv", 15, 10)
    assert (first.added, first.known, second.added, second.known) == (20, 0, 5, 5)
    assert first.rows_per_second > 0
    for opened in (pool, Pool.open(pool.folder)):
        assert opened.n_items == 25
        assert [s.n_rows for s in opened.segments] == [7, 7, 6, 5]
        assert opened.ids(np.arange(25)) == [f"i{i}" for i in range(25)]
        assert opened.items([24, 0, 24]) == [
            Item("i24", "text 24", None, None),
            Item("i0", "text 0", None, None),
            Item("i24", "text 24", None, None),
        ]
        assert opened.contents([3, 21]) == ["text 3", "text 21"]
        assert opened.labels([1, 2, 3]) == ["b", "a", None]
        assert opened.rows(["i24", "i3", "i3"]).tolist() == [24, 3, 3]
        assert opened.label_counts() == {"a": 8, "b": 8}
        assert opened.ids([]) == []
        assert opened.content_hashes([]).shape == (0, 2)
    with pytest.raises(DataError, match=r"2 unknown item ids: 'no', 'none'"):
        pool.rows(["i1", "no", "none"])
    with pytest.raises(DataError, match="rows go from 0 to 24"):
        pool.ids([25])


def test_roles(tmp_path):
    """A hold-out file of the user's own has rows of its own role."""
    pool = Pool.create(tmp_path / "pool", "text")
    assert pool.role_rows("pool").tolist() == []
    import_rows(pool, tmp_path / "1.csv", 0, 4)
    held = tmp_path / "held.csv"
    held.write_text("id,text,label\nh1,x,a\nh2,y,b\n")
    import_records(pool, held, COLUMNS, classes=CLASSES, role="holdout")
    import_rows(pool, tmp_path / "2.csv", 4, 2)
    assert pool.role_rows("pool").tolist() == [0, 1, 2, 3, 6, 7]
    assert pool.role_rows("holdout").tolist() == [4, 5]
    assert pool.label_counts("holdout") == {"a": 1, "b": 1}


def test_same_content_is_one_item(tmp_path):
    """Without ids, a text that comes twice is one item, in one file or in two."""
    pool = Pool.create(tmp_path / "pool", "text")
    path = tmp_path / "t.csv"
    path.write_text("text\na\nb\na\na\n")
    report = import_records(pool, path, Columns(text="text"), classes=CLASSES)
    assert (report.rows, report.added, report.duplicates_collapsed, report.known) == (4, 2, 2, 0)
    path.write_text("text\nb\nc\nb\n")
    report = import_records(pool, path, Columns(text="text"), classes=CLASSES)
    assert (report.added, report.known, report.duplicates_collapsed) == (1, 2, 0)
    assert pool.contents([0, 1, 2]) == ["a", "b", "c"]


def test_import_of_known_rows_only(tmp_path):
    """Importing the same file again adds nothing, not even an empty segment."""
    pool = Pool.create(tmp_path / "pool", "text")
    import_rows(pool, tmp_path / "1.csv", 0, 4)
    assert import_rows(pool, tmp_path / "1.csv", 0, 4).added == 0
    assert len(pool.segments) == 1


def test_an_error_while_committing_takes_everything_back(tmp_path, monkeypatch):
    """When the manifest cannot be written, moved segments and embeddings go again."""
    pool = Pool.create(tmp_path / "pool", "text")
    path = tmp_path / "e.jsonl"
    path.write_text('{"text": "a", "e": [1, 2]}\n')
    source = EmbeddingSource(tmp_path / "e")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(staging, "save_manifest", full)
    with pytest.raises(OSError, match="No space"):
        import_records(pool, path, Columns(text="text", embedding="e"), classes=CLASSES, embeddings=source)
    monkeypatch.undo()
    assert [p.name for p in pool.folder.iterdir()] == ["manifest.json"]
    assert not list(source.folder.glob("*.npy"))
    report = import_records(
        pool, path, Columns(text="text", embedding="e"), classes=CLASSES, embeddings=source
    )
    assert report.added == 1


def test_kill_9_during_an_import(tmp_path, small_segments):
    """A killed import leaves the pool as it was; the next one cleans up and goes through."""
    pool = Pool.create(tmp_path / "pool", "text")
    import_rows(pool, tmp_path / "1.csv", 0, 5)
    script = """
        import os, signal, sys
        from pathlib import Path
        from curator.pool import staging
        from curator.pool.catalogue import Pool
        from curator.pool.importing import import_records
        from curator.pool.columns import Columns
        staging.SEGMENT_ROWS = 7
        staging.save_manifest = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        path = Path(sys.argv[1])
        path.joinpath("2.csv").write_text("\\n".join(["id,text", *(f"k{i},words {i}" for i in range(20))]))
        import_records(Pool.open(path / "pool"), path / "2.csv", Columns(id="id", text="text"), classes=("a", "b"))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], check=False)
    assert done.returncode == -9
    assert len(list(pool.folder.glob("segment-*.parquet"))) == 4
    opened = Pool.open(pool.folder)
    assert opened.n_items == 5
    import_rows(opened, tmp_path / "3.csv", 5, 1)
    assert len(list(pool.folder.glob("segment-*.parquet"))) == 2
    assert Pool.open(pool.folder).ids(range(6)) == [f"i{i}" for i in range(6)]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 40), max_size=12), max_size=12))
def test_hash_index_is_a_dictionary(batches):
    """Inserting and finding agree with a dictionary, in any order and with any repeats."""
    index, expected, value = HashIndex(), {}, 0
    for batch in batches:
        keys = [key.to_bytes(2, "big") for key in batch]
        # the first half of every second hash is the same: equal halves must not be taken for equal hashes
        hashes = as_hashes(b"\0" * 8 + digest(key)[8:] if key[1] % 2 else digest(key) for key in keys)
        values = np.arange(value, value + len(keys))
        before = [expected.setdefault(key, v) for key, v in zip(keys, values.tolist(), strict=True)]
        earlier = index.insert(hashes, values)
        assert earlier.tolist() == [-1 if b == v else b for b, v in zip(before, values.tolist(), strict=True)]
        np.testing.assert_array_equal(index.find(hashes), before)
        value += len(keys)
    assert index.find(as_hashes([digest(b"unknown")])).tolist() == [-1]


def test_hashes_as_text():
    """A hash written in hexadecimal is the digest's own."""
    assert as_hex(as_hashes([digest(b"a"), digest(b"b")])) == [digest(b"a").hex(), digest(b"b").hex()]


def test_segment_size_is_fixed():
    """The size of segments is part of how a pool is laid out on disk."""
    assert segments.SEGMENT_ROWS == 16_384


def test_progress_bars(monkeypatch, capsys):
    """Bars go to stderr, and only to a terminal; without one nothing is printed."""
    with NoProgress().bar("work", 3) as advance:
        advance(3)
    with RichProgress().bar("work", 3) as advance:
        advance(3)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert Console(stderr=True).is_terminal
    with RichProgress().bar("counting", 3) as advance:
        advance(3)
    out, err = capsys.readouterr()
    assert out == ""
    assert "counting" in err
    assert "3/3" in err
