"""Data files as people have them: any delimiter, encoding, arrangement and packing comes in whole, or is refused by place."""

import gzip
import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from curator.cli.app import app
from curator.config import parse_config
from curator.errors import ConfigError, DataError
from curator.pool.catalogue import Pool
from curator.pool.columns import Columns
from curator.pool.delimited import csv_rows
from curator.pool.formats import kept_reading
from curator.pool.importing import import_records
from curator.pool.incoming import EmbeddingSource
from curator.pool.inference import infer_columns
from curator.pool.layout import layout_of
from curator.pool.problems import BadRows, Problems, cut
from curator.pool.readers import read_records
from curator.pool.reading import Reading, parse_reading
from curator.start.config_text import render_config
from integrations.encoders.precomputed import AlignedArray
from integrations.errors import EncoderError

WORDS = ("invoice refund card", "password login reset", "parcel courier delivery")
CLASSES = ("billing", "login", "shipping")
ROWS = [{"id": i, "text": f"{WORDS[i % 3]} case {i}", "label": CLASSES[i % 3]} for i in range(12)]
ALL = Columns(id="id", text="text", label="label")


def table(delimiter=",", rows=ROWS, *, header=True):
    lines = [rows[0].keys()] * header + [row.values() for row in rows]
    return "".join(delimiter.join(map(str, line)) + "\n" for line in lines)


def lines(rows=ROWS):
    return "".join(json.dumps(row) + "\n" for row in rows)


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path, columns=None, reading=None, problems=None):
    """(id, text, label) of each row; columns are inferred unless named."""
    columns = columns or infer_columns(path, Columns(reading=reading or Reading()), None).columns
    batches = list(read_records(path, columns, "text", problems=problems))
    labels = [label for batch in batches for label in batch.labels or [None] * len(batch)]
    ids, texts = ([value for batch in batches for value in getattr(batch, of)] for of in ("ids", "contents"))
    return list(zip(ids, texts, labels, strict=True))


def refused(path, columns=None, reading=None):
    with pytest.raises(DataError) as caught:
        read(path, columns, reading)
    assert len(str(caught.value)) < 4000
    return str(caught.value)


WHOLE = [(str(row["id"]), row["text"], row["label"]) for row in ROWS]
FILES = {
    "pipes": ("a.csv", table("|")),
    "carets": ("a.txt", table("^")),
    "a line that names the delimiter": ("a.csv", "sep=;\n" + table(";")),
    "delimiters at the end of rows only": (
        "a.csv",
        table().replace("\n", ",\n").replace("label,", "label", 1),
    ),
    "columns without a name": ("a.csv", table().replace("\n", ",,\n")),
    "line ends of old Macs": ("a.csv", table().replace("\n", "\r")),
    "UTF-16 with a mark": ("a.csv", table().encode("utf-16")),
    "UTF-16 without a mark": ("a.tsv", table("\t").encode("utf-16-be")),
    "UTF-32": ("a.csv", table().encode("utf-32")),
    "compressed CSV": ("a.csv.gz", gzip.compress(table().encode())),
    "compressed JSON": ("a.jsonl.gz", gzip.compress(lines().encode())),
    "an array in a line": ("a.jsonl", json.dumps(ROWS)),
    "an array over lines": ("a.json", json.dumps(ROWS, indent=1)),
    "objects over lines": ("a.jsonl", "\n".join(json.dumps(row, indent=2) for row in ROWS)),
    "objects in one line": ("a.json", "".join(json.dumps(row) for row in ROWS)),
    "objects with commas between": ("a.jsonl", lines().replace("}\n", "},\n")),
    "a mark and blank lines": ("a.ndjson", b"\xef\xbb\xbf" + lines().replace("\n", "\n\n").encode()),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_comes_in_whole_however_it_is_written(tmp_path, name):
    """Every row, with its id, text and label, without an option."""
    assert read(write(tmp_path, *FILES[name])) == WHOLE


def test_tables_of_r(tmp_path):
    """The header that R writes has no name for the names of the rows; with blanks between quoted fields, too."""
    texts = [(text, label) for _, text, label in WHOLE]
    rows = [row | {"id": i + 1} for i, row in enumerate(ROWS)]
    path = write(tmp_path, "r.csv", table(rows=rows).replace("id,", "", 1))
    assert [row[1:] for row in read(path)] == texts
    assert layout_of(path, Reading()).names == ("row.names", "text", "label")
    quoted = '"text" "label"\n' + "".join(f'"{i}" "{t}" "{y}"\n' for i, (t, y) in enumerate(texts))
    path = write(tmp_path, "default.txt", quoted)
    assert [row[1:] for row in read(path)] == texts
    assert kept_reading(path, Reading()).delimiter == " "


def test_one_column_of_text_may_hold_any_delimiter(tmp_path):
    """Commas that part nothing are part of the text, whether quoted or not."""
    texts = ["yes, please", "no", "well, yes, but; no", "a | b"]
    path = write(tmp_path, "a.csv", "text\n" + "\n".join(texts) + '\n"quoted, too"\n')
    assert [text for _, text, _ in read(path)] == [*texts, "quoted, too"]
    path = write(tmp_path, "title.csv", "Export of May\n" + table())
    assert "'Export of May'" in refused(path)


def test_a_missing_header_is_refused_until_it_is_said(tmp_path):
    """A first line of values is no header: numbers above numbers, a label that comes again, a sentence above sentences."""
    path = write(tmp_path, "a.csv", table(header=False))
    for content, why in (
        (path.read_text(), "'0' is a number above numbers"),
        (
            table(rows=[{"t": f"w{i}", "y": "ab"[i % 2]} for i in range(6)], header=False),
            "'a' is also in 2 of",
        ),
        ("".join(f"some words that make a sentence {i}\n" for i in range(5)), "as long as the texts below"),
    ):
        message = refused(write(tmp_path, "b.csv", content))
        assert why in message
        assert "--no-header" in message
        assert "line 1" in message
    columns = Columns(text="column2", label="column3", id="column1", reading=Reading(header=False))
    assert read(path, columns) == WHOLE
    assert kept_reading(path, columns.reading) == Reading(delimiter=",", header=False)
    # a header under --no-header, as `add` may meet it
    assert "--header" in refused(write(tmp_path, "c.csv", table()), columns)


def test_headers_that_only_look_odd_are_taken(tmp_path):
    """Names by number, a question as a name, and any header with a column that was named, or that was asked for."""
    numbered = "0,1\n" + "".join(f"{i},some words {i}\n" for i in range(4))
    assert len(read(write(tmp_path, "a.csv", numbered))) == 4
    survey = "How do you like our new product?\n" + "".join(
        f"I like it very much so far {i}\n" for i in range(4)
    )
    assert len(read(write(tmp_path, "b.csv", survey))) == 4
    spam = "text,spam\n" + "".join(f"w{i} x,{'spam' if i % 2 else 'ham'}\n" for i in range(4))
    path = write(tmp_path, "c.csv", spam)
    assert "--header" in refused(path)
    assert len(read(path, reading=Reading(header=True))) == 4
    assert len(infer_columns(path, Columns(label="spam"), None).classes) == 2


STRAY = {
    "before a text, after another, tabs": ("\t", ("id", "text", "label")),
    "in the last column, commas": (",", ("id", "label", "text")),
    "in the first column, semicolons": (";", ("text", "id", "label")),
}


@pytest.mark.parametrize("name", STRAY)
def test_stray_quotes_swallow_no_row(tmp_path, name):
    """Two quotes, rows apart, are an error that names line and length of the field; without quoting all rows come."""
    delimiter, order = STRAY[name]
    rows = [dict(row) for row in ROWS]
    rows[4]["text"], rows[9]["text"] = f'"{rows[4]["text"]}', f'{rows[9]["text"]}"'
    path = write(tmp_path, "a.csv", table(delimiter, [{key: row[key] for key in order} for row in rows]))
    message = refused(path)
    assert "begins in line 6" in message
    assert "takes 6 lines" in message
    assert "--quoting none" in message
    given = read(path, reading=Reading(quoting="none"))
    assert given == [(str(row["id"]), row["text"], row["label"]) for row in rows]
    assert len(read(path, reading=Reading(quoting="double"))) == len(ROWS) - 5


def test_a_quote_that_never_closes_is_named_where_it_opens(tmp_path):
    """Line and field of the open quote, also behind a field of several lines, and how far it goes."""
    path = write(tmp_path, "a.csv", 'id,note,text\n1,x,y\n2,"two\nlines","open\n3,x,y\n')
    message = refused(path, Columns(text="text"))
    assert "field 3 in line 4 never ends: it takes 2 lines" in message
    assert "--quoting none" in message


def test_a_quote_that_closes_too_early_costs_its_row_only(tmp_path):
    """All such rows are named at once; what the field ran into is read."""
    rows = [dict(row) for row in ROWS]
    rows[2]["text"], rows[5]["text"] = '"so called" refund', '"open'
    rows[7]["text"] = 'closed" and on'
    path = write(tmp_path, "a.csv", table(rows=rows))
    assert "begins with one: 2 times; first: row 3 (line 4)" in refused(path)
    with BadRows(tmp_path / "bad.csv") as bad:
        problems = Problems(path, bad)
        kept = read(path, ALL, problems=problems)
    assert [row for row, *_ in kept] == [str(i) for i in range(12) if i not in (2, 5)]
    assert problems.n_rows == 12


LETTERS = {
    "several lines": '"Dear team,\nplease help\nBob"',
    "as many commas as there are columns": '"Hello, you, there\nthis, is, fine\nbest, wishes, Bob"',
    "quotes inside": '"She said ""no"",\nand left"',
    "blank lines": '"one\n\n\ntwo"',
}


@pytest.mark.parametrize("name", LETTERS)
def test_texts_of_several_lines_are_read(tmp_path, name):
    """A quoted field may hold line breaks: what does not look like rows is not taken for rows."""
    rows = [row | {"text": LETTERS[name] if i % 4 == 1 else row["text"]} for i, row in enumerate(ROWS)]
    found = read(write(tmp_path, "a.csv", table(rows=rows)))
    assert len(found) == len(ROWS)
    assert found[1][1] == LETTERS[name][1:-1].replace('""', '"')


ENCODINGS = {
    "cp1252": ("réclamé l\u2019été", "cp1252"),
    "gbk": ("退款 没到账", "gb18030"),
    "cp1251": ("Верните деньги за заказ", "cp1251"),
    "big5": ("退款沒到帳 密碼錯誤", "big5"),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_encodings_are_guessed_and_said_and_kept(tmp_path, name):
    """What is not UTF-8 is read with the library's guess when that is sure; the next file is read with it as well."""
    text, found = ENCODINGS[name]
    rows = [row | {"text": f"{text} {row['text']}"} for row in ROWS]
    path = write(tmp_path, "a.csv", table(rows=rows).encode(name))
    assert [row[1] for row in read(path)] == [row["text"] for row in rows]
    assert kept_reading(path, Reading()).encoding == found
    problems = Problems(path)
    read(path, ALL, problems=problems)
    assert any(f"encoding: {found}, a guess" in note and text in note for note in problems.notes)
    path = write(
        tmp_path, "a.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode(name)
    )
    assert [row[1] for row in read(path)] == [row["text"] for row in rows]


def test_a_doubtful_encoding_is_asked_for(tmp_path):
    """Too little to go by, or letters that look alike in several: the message shows what it may be."""
    path = write(tmp_path, "a.csv", b"id,text\n1,caf\xe9\n")
    message = refused(path)
    assert "invalid UTF-8 in line 2, byte 13" in message
    assert "café" in message
    assert "--encoding cp1252" in message
    path = write(
        tmp_path, "b.csv", table(rows=[row | {"text": "zażółć gęślą"} for row in ROWS]).encode("cp1250")
    )
    assert "--encoding" in refused(path)
    assert read(path, reading=Reading(encoding="cp1250"))[0][1] == "zażółć gęślą"
    mixed = (
        table(rows=[row | {"text": f"réclamé {row['id']}"} for row in ROWS]).encode()
        + b"99,\xe9t\xe9,login\n"
    )
    assert "invalid UTF-8 in line 14" in refused(write(tmp_path, "c.csv", mixed))
    assert "is this not text at all?" in refused(write(tmp_path, "d.csv", bytes(range(256)) * 20))


def test_utf8_is_not_read_as_something_else(tmp_path):
    """An encoding that curator.toml has from another file would garble it for good."""
    path = write(tmp_path, "a.csv", table(rows=[row | {"text": "réclamé"} for row in ROWS]))
    assert "--encoding utf-8" in refused(path, reading=Reading(encoding="cp1252"))
    assert read(write(tmp_path, "b.csv", table()), reading=Reading(encoding="cp1252")) == WHOLE


BROKEN_JSON = {
    "a cut array": (json.dumps(ROWS)[:-1], ["array that begins in line 1 never ends"]),
    "a cut object": (json.dumps(ROWS, indent=1)[:-40], ["object that begins in line 57 never ends"]),
    "a list wrapped in an object": (
        json.dumps({"n": 12, "data": ROWS}),
        ["12 objects in its list 'data'", "jq"],
    ),
    "columns as pandas writes them": (
        json.dumps({key: {str(i): row[key] for i, row in enumerate(ROWS)} for key in ROWS[0]}),
        ["object of columns", "orient='records'"],
    ),
    "an array of numbers": ("[1,\n2, 3]", ["not a JSON object: 3 times"]),
    "a fault inside": ('[{"text": "a"},\n{"text": b}]', ["malformed JSON: row 2 (line 2)"]),
    "a bracket too many": ('[{"text": "a"}]}', ["malformed JSON: row 2"]),
}


@pytest.mark.parametrize("name", BROKEN_JSON)
def test_broken_json_is_refused_by_place(tmp_path, name):
    """What is no row is never taken for one, and what is cut off never for the whole."""
    content, parts = BROKEN_JSON[name]
    message = refused(write(tmp_path, "a.json", content))
    for part in parts:
        assert part in message, message


def test_json_is_found_across_chunks(tmp_path, monkeypatch):
    """Where a chunk ends makes no difference: inside strings, escapes, numbers, lines."""
    rows = [
        {"id": str(i), "text": 'a "quoted" \\ } ] text, é 😀\n' + "x" * i, "label": "a"} for i in range(9)
    ]
    expected = [(row["id"], row["text"], "a") for row in rows]
    for size in (1, 2, 3, 7, 64):
        monkeypatch.setattr("curator.pool.text.CHUNK", size)
        for name, content in (
            ("a", json.dumps(rows)),
            ("b", json.dumps(rows, ensure_ascii=False, indent=1)),
            ("c", lines(rows)),
        ):
            path = write(tmp_path, f"{name}{size}.json", content)
            assert read(path, ALL) == expected, (size, name)


def test_nested_fields_by_dotted_names(tmp_path):
    """Text, id, label, embedding and shown columns from objects in objects; a name that has the dot itself comes first."""
    rows = [
        {
            "data": {"body": row["text"], "key": f"k{i}", "tags": [{"y": row["label"]}]},
            "data.key": f"own{i}",
            "v": {"e": [i, 1.0]},
        }
        for i, row in enumerate(ROWS)
    ]
    columns = Columns(
        id="data.key", text="data.body", label="data.tags.0.y", embedding="v.e", show=("data.tags",)
    )
    path = write(tmp_path, "a.jsonl", lines(rows))
    (batch,) = read_records(path, columns, "text")
    assert (batch.ids[3], batch.contents[3], batch.labels[3]) == ("own3", ROWS[3]["text"], CLASSES[0])
    np.testing.assert_array_equal(batch.embeddings[3], [3, 1])
    assert "billing" in batch.fields[3]["data.tags"]
    assert infer_columns(path, Columns(), None).columns.text == "data.body"
    pq.write_table(pa.table({"data": [row["data"] for row in rows]}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", Columns(id="data.key", text="data.body"))[2][:2] == (
        "k2",
        ROWS[2]["text"],
    )


def test_text_that_is_no_unicode_is_refused_by_row_and_column(tmp_path):
    """Half a surrogate pair in an id, a label, a text or a key, and a file name of other bytes: one line each."""
    for key in ("id", "label", "text"):
        rows = [row | ({key: f"{row[key]}\ud83d"} if i == 3 else {}) for i, row in enumerate(ROWS)]
        message = refused(write(tmp_path, "a.jsonl", lines(rows)), ALL)
        assert f"column '{key}' is not valid Unicode: row 4 (line 4)" in message
        assert "\n" not in message
        assert infer_columns(tmp_path / "a.jsonl", ALL, None).classes == CLASSES
    message = refused(write(tmp_path, "b.jsonl", lines([ROWS[0] | {"k\ud83d": 1}])))
    assert "name of a field is not valid Unicode: row 1 (line 1): 'k\\ud83d'" in message
    assert read(write(tmp_path, "c.jsonl", lines([ROWS[0] | {"text": "\U0001f600"}])))[0][1] == "\U0001f600"
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.csv"))
    odd.write_text(table())
    message = refused(odd)
    assert "caf\\xe9.csv" in message
    assert "Rename" in message
    message.encode()


E4 = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
CLOTHES = {
    "a tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(E4),
    "a tensor of two dimensions": pa.FixedShapeTensorArray.from_numpy_ndarray(E4.reshape(6, 2, 2)),
    "a list view": pa.array(E4.tolist(), pa.list_view(pa.float32())),
    "a large list view": pa.array(E4.tolist(), pa.large_list_view(pa.float64())),
    "a large list": pa.array(E4.tolist(), pa.large_list(pa.float64())),
    "halves": pa.array(list(E4.astype(np.float16))),
    "lists of one list": pa.array([[row] for row in E4.tolist()]),
    "NumPy's printing": pa.array([str(row) for row in E4]),
    "numbers with commas": pa.array([",".join(map(str, row)) for row in E4]),
}


@pytest.mark.parametrize("name", CLOTHES)
def test_embeddings_in_any_clothes(tmp_path, name):
    """Every type that holds the same numbers gives the same matrix."""
    pq.write_table(
        pa.table({"text": [f"t{i}" for i in range(6)], "e": CLOTHES[name]}), tmp_path / "a.parquet"
    )
    (batch,) = read_records(tmp_path / "a.parquet", Columns(text="text", embedding="e"), "text")
    np.testing.assert_allclose(batch.embeddings, E4, atol=2e-3)


NO_EMBEDDINGS = {
    "bytes": (pa.array([row.tobytes() for row in E4]), ["16 bytes", "numpy.frombuffer"]),
    "a list per token": (pa.array([[row, row] for row in E4.tolist()]), ["2 lists", "average"]),
    "left out by NumPy": (pa.array([str(np.zeros(2000))] * 6), ["...", "whole list"]),
    "a struct": (pa.array([{"x": 1.0}] * 6), ["object of x"]),
    "ragged views": (
        pa.array([[1.0, 2.0], [1.0]] * 3, pa.list_view(pa.float32())),
        ["differs in length", "row 2 has 1"],
    ),
}


@pytest.mark.parametrize("name", NO_EMBEDDINGS)
def test_what_is_no_embedding_is_named(tmp_path, name):
    """A column that was named is never said to be missing: its type is."""
    array, parts = NO_EMBEDDINGS[name]
    pq.write_table(pa.table({"text": [f"t{i}" for i in range(6)], "e": array}), tmp_path / "a.parquet")
    message = refused(tmp_path / "a.parquet", Columns(text="text", embedding="e"))
    for part in parts:
        assert part in message, message


def test_small_files_that_unpack_to_much_are_refused_before(tmp_path):
    """The declared shape, size or number of values is enough: nothing is unpacked."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (2, 10**9)}
    )
    with zipfile.ZipFile(tmp_path / "e.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", header.getvalue() + bytes(2**20))
    with pytest.raises(EncoderError, match="1,000,000,000 entries per row"):
        AlignedArray(str(tmp_path / "e.npz"))
    zeros = pa.array([[0.0] * 200_000] * 3)
    pq.write_table(pa.table({"text": ["a", "b", "c"], "e": zeros}), tmp_path / "a.parquet")
    assert "200,000 values a row" in refused(tmp_path / "a.parquet", Columns(text="text", embedding="e"))


def workbook(path, rows, *more):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title in more:
        book.create_sheet(title).append(["x"])
    book.save(path)
    return path


def test_workbooks(tmp_path):
    """The first sheet is read as a CSV file would be; other sheets and empty rows are said."""
    rows = [["id", "text", "label"], *([float(r["id"]), r["text"], r["label"]] for r in ROWS)]
    path = workbook(tmp_path / "a.xlsx", [*rows, [], [99, "after a gap", "login"]], "other")
    problems = Problems(path)
    assert read(path, ALL, problems=problems) == [*WHOLE, ("99", "after a gap", "login")]
    assert problems.n_rows == 14
    assert problems.left_out == {"empty row": 1}
    assert any("'other'" in note for note in problems.notes)
    wide = workbook(tmp_path / "b.xlsx", [["text"], ["a", None, "beyond"]])
    assert "row 1 (line 2) has 3" in refused(wide, Columns(text="text"))
    assert "empty" in refused(workbook(tmp_path / "c.xlsx", []))
    for first in ([], [["only a title"]]):
        assert "'the data'" in refused(workbook(tmp_path / "f.xlsx", first, "the data"))
    assert "not a readable .xlsx" in refused(write(tmp_path, "d.xlsx", b"\xd0\xcf\x11\xe0"))


def test_arrow_files(tmp_path):
    """Feather files and Arrow streams are read batch by batch."""
    data = pa.Table.from_pylist([row | {"id": str(row["id"])} for row in ROWS])
    pa.feather.write_feather(data, tmp_path / "a.feather")
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_stream(sink, data.schema) as writer:
        writer.write_table(data, max_chunksize=5)
    assert read(tmp_path / "a.feather") == read(tmp_path / "a.arrow") == WHOLE
    assert "not a readable Arrow file" in refused(write(tmp_path, "b.arrow", b"nonsense"))


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("a.xls", b"x", "Save it as .xlsx"),
        ("a.ods", b"x", "Save it as .xlsx"),
        ("a.zip", b"x", "Unpack it"),
        ("a.parquet.gz", b"x", "Unpack it"),
        ("a.csv", b"PK\x03\x04rest", "a workbook"),
        ("a.jsonl", b"PAR1rest", "a Parquet file"),
        ("a.csv.gz", gzip.compress(table().encode())[:-9], "cannot be unpacked"),
    ],
)
def test_other_formats_are_told_how_to_become_one_that_is_read(tmp_path, name, content, part):
    """By its ending or by its first bytes, the file is named for what it is."""
    assert part in refused(write(tmp_path, name, content))


def test_rows_left_out_are_counted_and_listed(tmp_path):
    """Rows in the file are items, repeats and rows left out, each listed with place and reason; without the option: an error."""
    bad = "77,too,many,fields\n78,,login\n78,fine,login\n79,x y,unheard\n3,again,login\n,,\n80,,\n"
    path = write(tmp_path, "a.csv", table() + bad)
    pool = Pool.create(tmp_path / "pool", "text")
    with pytest.raises(DataError, match="no text in column 'text': 2 times"):
        import_records(pool, path, ALL, classes=CLASSES)
    with BadRows(tmp_path / "bad.csv") as listed:
        report = import_records(pool, path, ALL, classes=CLASSES, bad_rows=listed)
    assert (report.rows, report.added, sum(report.left_out.values())) == (19, 13, 6)
    assert report.left_out["empty row"] == 1
    assert report.left_out["no text in column 'text'"] == 2
    assert "19 rows: 13 new items, 6 left out" in report.account
    listed_rows = (tmp_path / "bad.csv").read_text().splitlines()
    assert listed_rows[0].startswith("file,row,line,problem")
    assert len(listed_rows) == 7
    assert [row.split(",")[2] for row in listed_rows[1:]] == ["14", "19", "15", "20", "17", "18"]


def test_the_list_of_bad_rows_replaces_nothing_of_the_user(tmp_path):
    """Another file stays; a list of an earlier run is replaced; a failure leaves none."""
    other = write(tmp_path, "mine.csv", "a,b\n")
    with pytest.raises(DataError, match="already exists"):
        BadRows(other)
    for _ in range(2):
        with BadRows(tmp_path / "bad.csv") as bad:
            bad.add("f", 1, 2, "what", "where", "advice")
    with pytest.raises(ValueError, match="x"), BadRows(tmp_path / "none.csv"):
        raise ValueError("x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "mine.csv"]


def test_embeddings_stay_with_their_rows_when_others_are_left_out(tmp_path):
    """An array has a row for each row of the data file, those left out included."""
    path = write(tmp_path, "a.csv", "id,text\n1,a\n,\n2,\n3,c\n4,\n")
    np.save(tmp_path / "e.npy", np.eye(5, dtype=np.float32))
    pool, source = (
        Pool.create(tmp_path / "pool", "text"),
        EmbeddingSource(tmp_path / "e", str(tmp_path / "e.npy")),
    )
    with BadRows(None) as bad:
        report = import_records(
            pool, path, Columns(id="id", text="text"), classes=CLASSES, embeddings=source, bad_rows=bad
        )
    assert (report.rows, report.added) == (5, 2)
    (stored,) = (tmp_path / "e" / "precomputed").glob("*.npy")
    np.testing.assert_array_equal(np.load(stored).argmax(axis=1), [0, 3])


def test_values_are_cut_in_messages(tmp_path):
    """An id, a label, a column or a class of a million characters makes no message of a million characters."""
    long = "x" * 1_000_000
    assert "1,000,000 characters" in refused(write(tmp_path, "a.csv", f"id,text\n{long},a\n{long},b\n"))
    refused(
        write(tmp_path, "b.jsonl", json.dumps({"id": [long], "text": "a"})), Columns(id="id", text="text")
    )
    refused(write(tmp_path, "c.csv", f"{long},text\n1,a\n"))
    assert cut("abc", 3) == "abc"
    assert len(cut(long)) < 250


def test_a_wide_header_takes_time_in_proportion(tmp_path, monkeypatch):
    """Names are looked up, not searched for: equal names are compared a few times each, however many there are."""

    class Counted(str):
        __slots__ = ()
        compared = 0

        def __eq__(self, other):
            Counted.compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    names = [Counted(f"c{i}") for i in range(3000)]
    path = write(tmp_path, "a.csv", ",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    layout = layout_of(path, Reading())
    monkeypatch.setattr(
        "curator.pool.formats.layout_of",
        lambda *_: layout.__class__(**(vars(layout) | {"names": tuple(names)})),
    )
    from curator.pool.formats import raw_batches

    (batch,) = raw_batches(path, names, Problems(path), batch_rows=10)
    assert len(batch.values) == 3000
    assert Counted.compared < 10 * 3000


def test_options_are_checked_together_and_kept_in_the_settings():
    """Wrong values are all said at once; what is right goes to curator.toml and comes back, old files lack it."""
    with pytest.raises(ConfigError) as caught:
        parse_reading("ab", "utf9", "maybe", header=None)
    for option in ("--delimiter", "--encoding", "--quoting"):
        assert option in str(caught.value)
    reading = parse_reading("tab", "latin1", "none", header=False)
    assert reading == Reading("\t", "latin1", "none", header=False)
    values = {
        "project": {"name": "p", "kind": "text", "classes": ["a", "b"]},
        "data": {"source": "a.csv", "text": "column1", **vars(reading)},
        "encoder": {"name": "tfidf"},
        "holdout": {"size": 4},
        "cost": {"price_per_label": "0.1"},
    }
    import tomllib

    again = parse_config(tomllib.loads(render_config(parse_config(values, "here"))), "again")
    assert again.data.reading == reading
    assert Columns(**again.data.columns()).reading == reading
    values["data"] = {"source": "a.csv", "text": "text"}
    assert parse_config(values, "old").data.reading == Reading()
    assert Reading(delimiter=";").overridden(Reading(encoding="cp1252")) == Reading(";", "cp1252")
    values["data"]["delimiter"] = "ab"
    with pytest.raises(ConfigError, match=r"data\.delimiter: is 'ab'"):
        parse_config(values, "here")


def test_rows_are_streamed(tmp_path):
    """The first row of a large file is there before the rest is read."""
    path = write(tmp_path, "a.csv", "id,text\n" + "".join(f"{i},some words\n" for i in range(300_000)))
    layout = layout_of(path, Reading())
    problems = Problems(path)
    assert next(csv_rows(path, layout, Reading(), problems)) == (1, 2, ["0", "some words"])
    assert problems.n_rows == 1


def test_add_reads_the_next_file_as_init_read_the_first(tmp_path):
    """No header, a rare delimiter and quotes in texts are kept in curator.toml; rows left out are said by both commands."""

    def run(*args):
        done = CliRunner().invoke(app, [str(arg) for arg in args])
        assert done.exit_code == 0, done.output
        return done.output

    first = write(tmp_path, "a.txt", table("^", header=False).replace("password", '"password'))
    later = write(tmp_path, "b.txt", '90^"more of it^login\n91^^login\n')
    options = (
        "--no-header",
        "--quoting",
        "none",
        "--id",
        "column1",
        "--text",
        "column2",
        "--label",
        "column3",
    )
    project = ("--project", tmp_path / "p")
    init = ("init", "p", "--data", first, "--price", 1, "--labeler", "replay", "--holdout", 2, "--batch", 2)
    assert "no header: the columns are called" in run(*init, *options, *project)
    said = run("add", later, *project, "--skip-bad-rows", tmp_path / "bad.csv")
    assert "2 rows: 1 new items, 1 left out (no text in column 'column2': 1)" in said
    assert "row 2 (line 2)" in (tmp_path / "bad.csv").read_text()
    pool = Pool.open(tmp_path / "p" / ".curator" / "pool")
    assert pool.contents(pool.rows(["90", "1"])) == ['"more of it', '"password login reset case 1']


def test_a_carriage_return_inside_a_field_is_named(tmp_path):
    """Line ends of two kinds: the row is named, and left out where that was asked for; in the first line it is the end."""
    path = write(tmp_path, "a.csv", "id,text\n1,a\rb\n2,c\n")
    message = refused(path, Columns(id="id", text="text"))
    assert "carriage return" in message
    assert "row 1 (line 2)" in message
    assert "carriage return" in refused(write(tmp_path, "b.csv", "id\r,text\n1,a\n"))
