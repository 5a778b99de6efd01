"""Bad data files: the message names file, place and way out, and the pool stays as it was."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curator.errors import DataError
from curator.pool.catalogue import Pool
from curator.pool.columns import Columns
from curator.pool.importing import import_records
from curator.pool.incoming import EmbeddingSource
from curator.pool.inference import infer_columns
from integrations.errors import EncoderError

CLASSES = ("spam", "ham")
BY_ID = Columns(id="id", text="text")
NOTHING = Columns()


@pytest.fixture
def pool(tmp_path):
    """A pool of texts with two items in it."""
    made = Pool.create(tmp_path / "pool", "text")
    good = tmp_path / "good.csv"
    good.write_text("id,text\nx,first\ny,second\n")
    import_records(made, good, BY_ID, classes=CLASSES)
    return made


def refused(pool, path, columns=BY_ID, *, kinds=DataError, **options):
    """The message of a refused import; proves that nothing changed on disk."""

    def state():
        return {p.relative_to(pool.folder): p.read_bytes() for p in pool.folder.rglob("*") if p.is_file()}

    before, ids = state(), pool.ids(range(pool.n_items))
    with pytest.raises(kinds) as caught:
        import_records(pool, path, columns, **{"classes": CLASSES, **options})
    assert state() == before
    assert Pool.open(pool.folder).ids(range(pool.n_items)) == ids
    return str(caught.value)


def says(message, *parts):
    for part in parts:
        assert str(part) in message, f"{part!r} is not in: {message}"


TEXT_FILES = {
    "empty file": ("a.csv", b"", ["empty"]),
    "header only": ("a.csv", b"id,text\n", ["no rows"]),
    "blank lines only": ("a.jsonl", b"\n\n", ["no rows"]),
    "only a byte order mark": ("a.csv", b"\xef\xbb\xbf", ["empty"]),
    "missing column": (
        "a.csv",
        b"id,txet\n1,a\n",
        ["no column 'text' (--text)", "'id', 'txet'", "Did you mean 'txet'"],
    ),
    "column twice": ("a.csv", b"id,text,text\n1,a,b\n", ["'text'", "twice", "line 1"]),
    "null text": ("a.csv", b'id,text\n1,a\n2,""\n', ["no text in column 'text': row 2 (line 3)"]),
    "blank text": ("a.jsonl", b'{"id":1,"text":" "}\n', ["no text in column 'text': row 1 (line 1)"]),
    "absent key": ("a.jsonl", b'{"id":1,"text":"a"}\n\n{"id":2}\n', ["row 2 (line 3)"]),
    "duplicate id": (
        "a.csv",
        b'id,text\n1,"a\nb"\n2,c\n1,d\n',
        ["duplicate id in column 'id'", "row 3 (line 5) repeats the id '1' of row 1 (line 2)"],
    ),
    "no id": ("a.csv", b"id,text\n,a\n", ["no id in column 'id': row 1 (line 2)"]),
    "wrong id": ("a.jsonl", b'{"id":1.5,"text":"a"}\n', ["id in column 'id'", "1.5"]),
    "wrong text": ("a.jsonl", b'{"id":1,"text":["a"]}\n', ["other than text", "row 1 (line 1)", "--text"]),
    "invalid UTF-8": (
        "a.csv",
        b"id,text\n1,caf\xe9\n",
        ["invalid UTF-8 in line 2, byte 13", "0xe9", "UTF-8"],
    ),
    "UTF-16 cut off": (
        "a.csv",
        "id,text\n1,a\n".encode("utf-16")[:-1],
        ["invalid utf-16 in line 2", "the last", "--encoding"],
    ),
    "half a surrogate pair": (
        "a.jsonl",
        b'{"id":1,"text":"a\\ud800"}\n',
        ["not valid Unicode", "row 1", "character 2"],
    ),
    "malformed JSON": ("a.jsonl", b'{"id":1,"text":"a"}\n{"id":2,\n', ["malformed JSON: row 2 (line 2)"]),
    "not an object": (
        "a.jsonl",
        b'{"id":1,"text":"a"}\n[1]\n3\nnull\n"a"\ntrue\n',
        ["not a JSON object: 5 times", "list"],
    ),
    "ragged CSV": (
        "a.csv",
        b"id,text\n1,a,b\n2,c\n",
        ["number of fields", "header's 2", "row 1 (line 2) has 3"],
    ),
    "open quote": ("a.csv", b'id,text\n1,"a\n2,b\n', ["from line 2 on", "close every quote"]),
    "unknown ending": ("a.doc", b"id", ["'.doc'", ".csv", ".parquet"]),
    "empty array": ("a.json", b"[]", ["one object a line"]),
    "not Parquet": ("a.parquet", b"id,text", ["not a readable Parquet file"]),
}


@pytest.mark.parametrize("name", TEXT_FILES)
def test_bad_file_is_refused_by_name_place_and_advice(pool, tmp_path, name):
    """Each kind of bad file is refused with a message that leads to the fault."""
    file, content, parts = TEXT_FILES[name]
    path = tmp_path / file
    path.write_bytes(content)
    says(refused(pool, path), path, *parts)


def test_absent_file(pool, tmp_path):
    """A path with nothing behind it is named."""
    says(refused(pool, tmp_path / "gone.csv"), "gone.csv", "no such file")


def test_many_problems_come_in_one_message(pool, tmp_path):
    """All kinds of problems are reported at once, each with a count and its first five places."""
    path = tmp_path / "many.csv"
    rows = (
        ["id,text,label"]
        + [f"{i},,spam" for i in range(12)]
        + ["12,a,blue", "13,b,blue", "14,c,green", "14,d,spam"]
    )
    path.write_text("\n".join(rows))
    message = refused(pool, path, Columns(id="id", text="text", label="label"))
    says(message, "no text in column 'text': 12 times", "row 1 (line 2)", "row 5 (line 6)", "duplicate id")
    says(
        message, "'blue' (2 rows, first row 13 (line 14))", "'green' (1 row", "The classes are 'spam', 'ham'"
    )
    assert "row 6 (line 7)" not in message


def test_label_problems(pool, tmp_path):
    """A label that is a list is refused; a hold-out row without a label too."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"id":1,"text":"a","label":["spam"]}\n{"id":2,"text":"b","label":null}\n')
    columns = Columns(id="id", text="text", label="label")
    says(refused(pool, path, columns), "label in column 'label' is neither", "row 1 (line 1)")
    path.write_text('{"id":1,"text":"a","label":"spam"}\n{"id":2,"text":"b","label":null}\n')
    says(
        refused(pool, path, columns, role="holdout"), "no label in column 'label': row 2 (line 2)", "hold-out"
    )


@pytest.mark.parametrize(
    ("classes", "part"),
    [
        ((), "none"),
        (("spam",), "only 'spam'"),
        (("a", "a"), "'a' is named twice"),
        (("a", " "), "blank name"),
    ],
)
def test_classes_must_be_two_or_more(pool, tmp_path, classes, part):
    """Fewer than two classes, or a doubled one, are refused and say how to give them."""
    says(refused(pool, tmp_path / "good.csv", classes=classes), "good.csv", part)


def test_changed_content_is_refused_and_listed(pool, tmp_path):
    """A known id with other content stops the import; up to ten are listed; unchanged ones are skipped."""
    path = tmp_path / "more.csv"
    path.write_text("id,text\nx,first\ny,SECOND\nz,third\n")
    says(refused(pool, path), path, "1 known ids come with changed content: 'y'", "Nothing was imported")
    path.write_text("id,text\nx,first\ny,second\nz,third\n")
    report = import_records(pool, path, BY_ID, classes=CLASSES)
    assert (report.added, report.known, pool.n_items) == (1, 2, 3)


def test_pool_and_holdout_do_not_mix(pool, tmp_path):
    """An item of the pool cannot come in as a hold-out item, nor the other way round."""
    path = tmp_path / "held.csv"
    path.write_text("id,text,label\nx,first,spam\n")
    columns = Columns(id="id", text="text", label="label")
    says(refused(pool, path, columns, role="holdout"), "'x'", "already in the pool", "into the hold-out")
    path.write_text("id,text,label\nh,held,spam\n")
    import_records(pool, path, columns, classes=CLASSES, role="holdout")
    says(refused(pool, path, columns), "'h'", "already in the hold-out", "into the pool")


EMBEDDINGS = {
    "ragged": ("[[1, 2], [1, 2, 3]]", ["differs in length from the first one's 2", "row 2 (line 2) has 3"]),
    "NaN": ("[[1, 2], [1, NaN]]", ["not finite: row 2 (line 2): entry 2 is nan"]),
    "infinite": ("[[-Infinity, 2], [1, 1]]", ["not finite: row 1 (line 1): entry 1 is -inf"]),
    "null": ("[[1, 2], null]", ["not a list of numbers", "row 2 (line 2)"]),
    "empty": ("[[], [1]]", ["not a list of numbers", "row 1 (line 1)"]),
    "words": ('[["a", 2], [1, 2]]', ["not a list of numbers", "row 1 (line 1)"]),
    "too large": ("[[1, 2], [1, 1" + "0" * 400 + "]]", ["not a list of numbers", "row 2"]),
}


@pytest.mark.parametrize("name", EMBEDDINGS)
@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_bad_embedding_column(pool, tmp_path, name, ending):
    """Ragged, non-finite and non-numeric embeddings are refused with row and column."""
    values, parts = EMBEDDINGS[name]
    path = tmp_path / f"e.{ending}"
    rows = [{"id": str(i), "text": f"t{i}", "embedding": value} for i, value in enumerate(json.loads(values))]
    if ending == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(rows[0])
            writer.writerows([r["id"], r["text"], json.dumps(r["embedding"])] for r in rows)
        parts = [part.replace("line 2", "line 3").replace("line 1", "line 2") for part in parts]
    columns = Columns(id="id", text="text", embedding="embedding")
    message = refused(pool, path, columns, embeddings=EmbeddingSource(tmp_path / "e"))
    says(message, path, "column 'embedding'", *parts)
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ([[1.0, 2.0], [1.0]], "row 2 has 1"),
        ([[1.0, 2.0], None], "row 2"),
        ([[1.0, None], [1.0, 2.0]], "row 1"),
        ([[1.0, float("nan")], [1.0, 2.0]], "row 1: entry 2 is nan"),
        ([["a"], ["b"]], "not a list of numbers"),
        (["a", "b"], "not a list of numbers"),
    ],
)
def test_bad_parquet_embeddings(pool, tmp_path, values, part):
    """The same for Parquet, where rows have no lines."""
    path = tmp_path / "e.parquet"
    pq.write_table(pa.table({"id": ["1", "2"], "text": ["a", "b"], "v": values}), path)
    columns = Columns(id="id", text="text", embedding="v")
    says(refused(pool, path, columns, embeddings=EmbeddingSource(tmp_path / "e")), path, "column 'v'", part)


def array_refused(pool, tmp_path, spec):
    data = tmp_path / "two.csv"
    data.write_text("id,text\n1,a\n2,b\n")
    source = EmbeddingSource(tmp_path / "e", str(spec))
    return refused(pool, data, kinds=(DataError, EncoderError), embeddings=source)


ARRAYS = {
    "count": (np.ones((3, 4), np.float32), ["3 embeddings for 2 rows", "two.csv"]),
    "too few": (np.ones((1, 4), np.float32), ["1 embeddings for 2 or more rows"]),
    "non-finite": (np.array([[1, 2], [np.nan, 1]]), ["row 2, entry 1 is nan"]),
    "one dimension": (np.ones(2), ["shape (2,)"]),
    "integers": (np.ones((2, 4), np.int64), ["int64", "float32"]),
    "by column": (np.asfortranarray(np.ones((2, 4))), ["column by column", "ascontiguousarray"]),
    "ragged": (np.array([[1], [1, 2]], dtype=object), ["ragged", "two-dimensional"]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_bad_array_file(pool, tmp_path, name):
    """An array that does not fit the data file is refused."""
    array, parts = ARRAYS[name]
    np.save(tmp_path / "e.npy", array, allow_pickle=True)
    says(array_refused(pool, tmp_path, tmp_path / "e.npy"), tmp_path / "e.npy", *parts)


def test_bad_array_files_and_names(pool, tmp_path):
    """No file, no array, several arrays, damaged ones: each is told apart."""
    path = tmp_path / "e.npz"
    says(array_refused(pool, tmp_path, path), "no such file")
    says(array_refused(pool, tmp_path, tmp_path / "e.txt"), "PATH.npz:ARRAY")
    path.write_bytes(b"nonsense")
    says(array_refused(pool, tmp_path, path), "not an .npz file")
    np.savez(path)
    says(array_refused(pool, tmp_path, path), "no array")
    np.savez(path, a=np.ones((2, 2)), b=np.ones((2, 2)))
    says(array_refused(pool, tmp_path, path), "a, b", "Choose one")
    says(array_refused(pool, tmp_path, f"{path}:c"), "no array 'c'", "a, b")
    (tmp_path / "x.npy").write_bytes(b"nonsense")
    says(array_refused(pool, tmp_path, tmp_path / "x.npy"), "not a NumPy array")
    np.save(tmp_path / "cut.npy", np.ones((2, 8)))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:-8])
    says(array_refused(pool, tmp_path, tmp_path / "cut.npy"), "the file ends in row 2 of 2")


def test_embeddings_of_another_length_are_refused(pool, tmp_path):
    """Later rows need as many entries as the first import's."""
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    first.write_text('{"id":"a","text":"a","e":[1,2]}\n')
    second.write_text('{"id":"b","text":"b","e":[1,2,3]}\n')
    source, columns = EmbeddingSource(tmp_path / "e"), Columns(id="id", text="text", embedding="e")
    import_records(pool, first, columns, classes=CLASSES, embeddings=source)
    says(refused(pool, second, columns, embeddings=source), second, "3 entries", "have 2")
    says(refused(pool, second, BY_ID, embeddings=source), second, "no embeddings", "--embedding")


def test_broken_and_missing_images(tmp_path):
    """A broken, a cut and a missing image are each named; the rest of the file is still checked."""
    pool = Pool.create(tmp_path / "pool", "image")
    pixels = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    for name in ("ok.png", "cut.jpg", "cut.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    for name in ("cut.jpg", "cut.png"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no image")
    path = tmp_path / "images.csv"
    path.write_text("image\nok.png\ncut.jpg\ngone.png\ntext.png\ncut.png\n")
    message = refused(pool, path, Columns(image="image"))
    says(
        message,
        "broken image: 3 times",
        "row 2 (line 3)",
        "cut.jpg",
        "row 4 (line 5)",
        "not an image",
        "cut.png",
    )
    says(message, "image file cannot be read: row 3 (line 4)", "gone.png", "relative to the folder")
    path.write_text('image,n\n"",1\n')
    says(refused(pool, path, Columns(image="image")), "no image in column 'image': row 1")
    other = tmp_path / "i.jsonl"
    other.write_text('{"image": 3}\n')
    says(refused(pool, other, Columns(image="image")), "other than paths", "row 1")
    says(refused(pool, other, Columns(text="image")), "no image column is named", "--image")


def test_damaged_pool_is_named(pool):
    """A missing or damaged part of the pool is an error on opening or reading, never fewer items."""
    with pytest.raises(DataError, match="there is already a pool here"):
        Pool.create(pool.folder, "text")
    with pytest.raises(DataError, match="no pool here"):
        Pool.open(pool.folder / "elsewhere")
    segment = pool.segments[0].path
    content = segment.read_bytes()
    pq.write_table(pq.read_table(segment).slice(0, 1), segment)
    with pytest.raises(DataError, match=r"has 1 rows, its manifest says 2"):
        pool.ids([0])
    segment.write_bytes(content[:50])
    with pytest.raises(DataError, match="cannot be read"):
        pool.ids([0])
    segment.unlink()
    with pytest.raises(DataError, match="is missing"):
        Pool.open(pool.folder)
    manifest = pool.folder / "manifest.json"
    manifest.write_text('{"format": 99}')
    with pytest.raises(DataError, match="another version"):
        Pool.open(pool.folder)
    manifest.write_text("{")
    with pytest.raises(DataError, match="damaged"):
        Pool.open(pool.folder)


def test_inference_says_which_option_decides(tmp_path):
    """What cannot be inferred names the option to give."""

    def message(content, given=NOTHING, kind=None, name="a.csv"):
        (tmp_path / name).write_text(content)
        with pytest.raises(DataError) as caught:
            infer_columns(tmp_path / name, given, kind)
        return str(caught.value)

    says(message("a,b\nsome words,more words\n"), "not clear which column is the text", "--text")
    says(message("body,sentence\na,b\n"), "'body', 'sentence'", "--text")
    says(message("a,b\n1,2\n"), "no column of text", "--text")
    says(message("text,photo\nwords,a.png\n"), "--text or --image")
    says(message("a,b\nx.png,y.png\n", kind="image"), "several could be it", "--image")
    says(message("a\nwords\n", kind="image"), "not clear which column names the images")
    says(message("a,text\n1,b\n", Columns(id="ident")), "no column 'ident' (--id)")
    says(message("text,image\na,b.png\n", Columns(text="text", image="image")), "not both")
    says(message("text\n", name="b.csv"), "no rows")
    lines = "\n".join(f"t{i},{i}" for i in range(1100))
    given = Columns(label="label")
    says(message(f"text,label\n{lines}\n", given), "more than 1,000 different values", "row 1001", "--label")


def test_folder_inference_errors(tmp_path):
    """A folder without images, or options that make no sense for one, are refused."""
    folder = tmp_path / "images"
    folder.mkdir()
    with pytest.raises(DataError, match="no image in this folder"):
        infer_columns(folder, Columns(), None)
    with pytest.raises(DataError, match="a folder holds images"):
        infer_columns(folder, Columns(), "text")
    with pytest.raises(DataError, match="has no columns"):
        infer_columns(folder, Columns(id="id"), None)
    Image.new("L", (4, 4)).save(folder / "a.png")
    with pytest.raises(DataError, match="its images lie in no subfolders"):
        infer_columns(folder, Columns(label="subfolder"), None)
