"""Readers and column inference: what goes in comes out, whatever the format."""

import csv
import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from curator.errors import DataError
from curator.pool.columns import SUBFOLDER, Columns
from curator.pool.inference import infer_columns
from curator.pool.readers import read_records

ALL = Columns(id="id", text="text", label="label", embedding="embedding")

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
labels = st.one_of(st.none(), st.sampled_from(["a", "b c", 'quoted "x"']))
records = st.lists(st.tuples(texts, labels), min_size=1, max_size=12)


def write(path, rows):
    """The same rows in any format."""
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.writer(file, delimiter=";" if len(rows) % 2 else ",")
            writer.writerow(rows[0])
            writer.writerows(
                ["" if v is None else json.dumps(v) if isinstance(v, list) else v for v in r.values()]
                for r in rows
            )
    elif path.suffix == ".jsonl":
        path.write_text(
            "".join(json.dumps(row, ensure_ascii=row["id"] < 3) + "\n\n" for row in rows), encoding="utf-8"
        )
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@settings(max_examples=40, deadline=None)
@given(rows=records, batch_rows=st.integers(1, 5))
def test_any_text_survives_any_format(ending, rows, batch_rows):
    """Texts, labels, ids and embeddings come back as written, in order, in batches of any size."""
    written = [
        {"id": i, "text": text, "label": label, "embedding": [float(i), 0.5]}
        for i, (text, label) in enumerate(rows)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"data.{ending}"
        write(path, written)
        batches = list(read_records(path, ALL, "text", batch_rows=batch_rows))
    assert [text for batch in batches for text in batch.contents] == [row["text"] for row in written]
    assert [item_id for batch in batches for item_id in batch.ids] == [str(row["id"]) for row in written]
    assert [label for batch in batches for label in batch.labels] == [row["label"] for row in written]
    np.testing.assert_array_equal(
        np.concatenate([batch.embeddings for batch in batches]), [row["embedding"] for row in written]
    )
    assert np.concatenate([batch.rows for batch in batches]).tolist() == list(range(1, len(rows) + 1))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter_and_lines_of_csv(tmp_path, delimiter):
    """The delimiter is guessed from the header, and a row knows the line it starts on."""
    path = tmp_path / "a.tsv"
    path.write_text(delimiter.join(["id", "text"]) + f'\n1{delimiter}"two\nlines, ; here"\n\n2{delimiter}b\n')
    (batch,) = read_records(path, Columns(id="id", text="text"), "text")
    assert batch.contents == ["two\nlines, ; here", "b"]
    assert batch.lines == [2, 5]


def test_ids_from_content(tmp_path):
    """Without an id column the id is the hash of the content: same text, same id."""
    path = tmp_path / "a.csv"
    path.write_text("text\na\nb\na\n")
    (batch,) = read_records(path, Columns(text="text"), "text")
    assert batch.ids[0] == batch.ids[2] != batch.ids[1]
    assert len(batch.ids[0]) == 32
    assert batch.labels is None


def test_images_by_path_url_and_folder(tmp_path):
    """Paths are relative to the data file, URLs stay, a folder gives relative paths as ids."""
    for name in ("a/1.png", "a/2.JPG", "b/3.jpeg"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9), "red").save(tmp_path / "images" / name)
    (tmp_path / "images" / "a" / "notes.txt").write_text("not an image")
    (tmp_path / "images" / "a" / ".hidden.png").write_text("hidden")
    path = tmp_path / "i.csv"
    path.write_text("image\nimages/a/1.png\nhttps://host/x.png?s=1\ns3://bucket/y.jpg\n")
    (batch,) = read_records(path, Columns(image="image"), "image")
    assert batch.contents == [str(tmp_path / "images/a/1.png"), "https://host/x.png?s=1", "s3://bucket/y.jpg"]

    found = infer_columns(tmp_path / "images", Columns(), None)
    assert found.kind == "image"
    assert found.columns == Columns(label=SUBFOLDER)
    assert found.classes == ("a", "b")
    assert found.notes == (
        "id: path below images (3 images)",
        "left out: 1 file that is neither PNG nor JPEG",
        "label: name of the subfolder",
    )
    (batch,) = read_records(tmp_path / "images", found.columns, "image", classes=found.classes)
    assert batch.ids == ["a/1.png", "a/2.JPG", "b/3.jpeg"]
    assert batch.labels == ["a", "a", "b"]
    assert infer_columns(tmp_path / "images" / "a", Columns(), None).columns == Columns()


INFERENCES = {
    "by name": (
        "item_id,title,Body,intent\n1,x,longer words here,buy\n2,y,and more of them,sell\n",
        Columns("item_id", "Body", None, "intent", None),
        ["text column: Body", "id column: item_id", "label column: intent"],
        ("buy", "sell"),
    ),
    "longest strings": (
        "a,b\nx,a much longer piece of text\n",
        Columns(text="b"),
        ["text column: b (longest strings)", "no id column", "no label column"],
        None,
    ),
    "the only text": ("n,words\n1,some\n2,more\n", Columns(text="words"), ["words (the only text)"], None),
    "numbers as labels": (
        "text,target\nab,10\ncd,9\nef,2\ngh,\n",
        Columns(text="text", label="target"),
        ["label column: target"],
        ("2", "9", "10"),
    ),
    "embedding": (
        'text,vector\nab,"[1, 2]"\n',
        Columns(text="text", embedding="vector"),
        ["embedding column: vector"],
        None,
    ),
    "images": (
        "file,label\nx.png,a\ny.jpg,b\n",
        Columns(image="file", label="label"),
        ["kind: image", "image column: file"],
        ("a", "b"),
    ),
    "images of any name": ("scan,n\nx.png,1\ny.jpg,2\n", Columns(image="scan"), ["image column: scan"], None),
}


@pytest.mark.parametrize("name", INFERENCES)
def test_inference(tmp_path, name):
    """Columns are found by name or content, and each guess is a note."""
    content, columns, notes, classes = INFERENCES[name]
    path = tmp_path / "a.csv"
    path.write_text(content)
    found = infer_columns(path, Columns(), None)
    assert found.columns == columns
    assert found.classes == classes
    for note in notes:
        assert any(note in said for said in found.notes), found.notes


def test_given_columns_are_not_notes(tmp_path):
    """What the user named is taken as it is and not reported as a guess."""
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"key": [1, 2], "text": ["a", "b"], "body": ["c", "d"], "y": [True, False]}), path
    )
    found = infer_columns(path, Columns(id="key", text="body", label="y"), "text")
    assert found.notes == ()
    assert found.columns == Columns(id="key", text="body", label="y")
    assert found.classes == ("false", "true")


def test_a_late_key_of_jsonl_is_found(tmp_path):
    """A column that only later lines have is looked for through the whole file."""
    path = tmp_path / "late.jsonl"
    path.write_text('{"text": "a"}\n' * 1500 + '{"text": "a", "label": "x"}\n')
    batches = list(read_records(path, Columns(text="text", label="label"), "text"))
    assert sum(len(batch) for batch in batches) == 1501
    assert batches[-1].labels[-1] == "x"


def test_parquet_types(tmp_path):
    """Dictionary strings, whole numbers as labels and all list types of embeddings are read."""
    fixed = pa.FixedSizeListArray.from_arrays(pa.array([1, 2, 3, 4], pa.float16()), 2)
    table = pa.table(
        {
            "text": pa.array(["a", "b"]).dictionary_encode(),
            "label": pa.array([1, 2]),
            "fixed": fixed,
            "large": pa.array([[1, 2], [3, 4]], pa.large_list(pa.int32())),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    for column in ("fixed", "large"):
        columns = Columns(text="text", label="label", embedding=column)
        (batch,) = read_records(tmp_path / "a.parquet", columns, "text", classes=("1", "2"))
        np.testing.assert_array_equal(batch.embeddings, [[1, 2], [3, 4]])
        assert batch.labels == ["1", "2"]


def test_damaged_parquet_pages(tmp_path):
    """A Parquet file with a good footer and damaged pages says so."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [f"text {i}" for i in range(5000)]}), path, compression="zstd")
    content = bytearray(path.read_bytes())
    content[40:400] = b"\xff" * 360
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="damaged Parquet file, not readable after row 0"):
        list(read_records(path, Columns(text="text"), "text"))


def test_invalid_utf8_in_parquet(tmp_path):
    """Strings that are not UTF-8 are an error that names the column."""
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xe9"))
    pq.write_table(pa.table({"text": broken}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="invalid UTF-8 in column 'text'"):
        list(read_records(tmp_path / "a.parquet", Columns(text="text"), "text"))
