"""Columns that are only shown: read from every format, kept with the item, never part of what it is."""

import csv
import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.projects import edit_config, make_project, write_pool
from typer.testing import CliRunner

from curator.cli.app import app
from curator.config import load_config
from curator.errors import DataError
from curator.pool import segment_files, staging
from curator.pool.catalogue import Pool
from curator.pool.columns import Columns
from curator.pool.fields import LONGEST, decode_fields, encode_fields, shown_text
from curator.pool.importing import import_records
from curator.pool.inference import infer_columns
from curator.pool.readers import read_records
from curator.project.project import Project
from curator.start.add import add_to_pool

CLASSES = ("a", "b")
COLUMNS = Columns(id="id", text="text", show=("title", "year", "tags"))
ROWS = [
    {"id": "1", "text": "one", "title": "First", "year": 1999, "tags": ["x", "y"]},
    {"id": "2", "text": "two", "title": " ", "year": None, "tags": []},
    {"id": "3", "text": "three", "title": "  Third  ", "year": 2001, "tags": ["z"]},
]
FIELDS = [
    {"title": "First", "year": "1999", "tags": "x, y"},
    {},
    {"title": "Third", "year": "2001", "tags": "z"},
]


def write(path, rows):
    """The same rows as CSV, JSONL or Parquet; a list in CSV is written as its reader would see it."""
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(rows[0])
            writer.writerows(
                [", ".join(v) if isinstance(v, list) else v for v in row.values()] for row in rows
            )
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def fields_of(pool):
    return [dict(item.fields) for item in pool.items(range(pool.n_items))]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_shown_columns_come_back_from_every_format(tmp_path, ending):
    """As text, in the configured order, blank ones left out; the same after opening again."""
    pool = Pool.create(tmp_path / "pool", "text")
    import_records(pool, write(tmp_path / f"a.{ending}", ROWS), COLUMNS, classes=CLASSES)
    for opened in (pool, Pool.open(pool.folder)):
        assert fields_of(opened) == FIELDS
        assert list(opened.items([0])[0].fields) == ["title", "year", "tags"]
        assert [dict(item.fields) for item in opened.items([2, 0])] == [FIELDS[2], FIELDS[0]]
    backwards = Pool.create(tmp_path / "backwards", "text")
    columns = Columns(id="id", text="text", show=("tags", "title"))
    import_records(backwards, tmp_path / f"a.{ending}", columns, classes=CLASSES)
    assert list(backwards.items([0])[0].fields) == ["tags", "title"]


def test_a_key_that_few_lines_have_is_shown_where_it_is(tmp_path):
    """The lines of a JSONL file may differ; a missing key is a blank one."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n' * 1500 + '{"text": "b", "note": "late"}\n')
    pool = Pool.create(tmp_path / "pool", "text")
    import_records(pool, path, Columns(text="text", show=("note",)), classes=CLASSES)
    assert fields_of(pool) == [{}, {"note": "late"}]


def test_images_have_fields_too(tmp_path):
    """A list of images may carry captions."""
    Image.new("L", (4, 4)).save(tmp_path / "x.png")
    path = tmp_path / "i.csv"
    path.write_text("image,caption\nx.png,a grey square\nhttps://host/y.png,\n")
    pool = Pool.create(tmp_path / "pool", "image")
    import_records(pool, path, Columns(image="image", show=("caption",)), classes=CLASSES)
    assert fields_of(pool) == [{"caption": "a grey square"}, {}]


@pytest.mark.parametrize("columns", [Columns(id="id", text="text"), Columns(text="text")])
def test_fields_are_no_part_of_an_item(tmp_path, columns):
    """Id and content hash are those without shown columns; a re-import with others is the same item, the first wins."""
    shown = Columns(columns.id, columns.text, show=("title",))
    plain, pool = Pool.create(tmp_path / "plain", "text"), Pool.create(tmp_path / "pool", "text")
    first = write(tmp_path / "1.jsonl", ROWS)
    second = write(tmp_path / "2.jsonl", [{**row, "title": "changed"} for row in ROWS])
    import_records(plain, first, columns, classes=CLASSES)
    import_records(pool, first, shown, classes=CLASSES)
    assert plain.ids([0, 1, 2]) == pool.ids([0, 1, 2])
    np.testing.assert_array_equal(plain.content_hashes([0, 1, 2]), pool.content_hashes([0, 1, 2]))
    assert plain.segments[0].content_hash == pool.segments[0].content_hash
    assert plain.contents([0]) == pool.contents([0]) == ["one"]
    report = import_records(pool, second, shown, classes=CLASSES)
    assert (report.added, report.known) == (0, 3)
    assert fields_of(pool) == [{"title": "First"}, {}, {"title": "Third"}]


def test_segments_with_and_without_fields_live_together(tmp_path, monkeypatch):
    """Segments that were written before there were fields open as they are, next to new ones, in any order."""
    pool = Pool.create(tmp_path / "pool", "text")
    monkeypatch.setattr(staging, "SEGMENT_ROWS", 2)
    import_records(pool, write(tmp_path / "a.jsonl", ROWS), Columns(id="id", text="text"), classes=CLASSES)
    for segment in pool.segments:
        table = pq.read_table(segment.path)
        pq.write_table(table.drop_columns([segment_files.FIELDS]), segment.path)
    more = write(tmp_path / "b.jsonl", [{**row, "id": f"n{row['id']}"} for row in ROWS])
    old = Pool.open(pool.folder)
    import_records(old, more, COLUMNS, classes=CLASSES)
    again = Pool.open(pool.folder)
    assert fields_of(again) == [{}, {}, {}, *FIELDS]
    assert [dict(i.fields) for i in again.items([5, 0, 3])] == [FIELDS[2], {}, FIELDS[0]]
    assert again.ids(range(6)) == ["1", "2", "3", "n1", "n2", "n3"]
    assert again.items([]) == []


def test_null_where_there_is_nothing_to_show(tmp_path):
    """On disk: one column, JSON text, null for an item without fields."""
    pool = Pool.create(tmp_path / "pool", "text")
    import_records(pool, write(tmp_path / "a.jsonl", ROWS), COLUMNS, classes=CLASSES)
    kept = pq.read_table(pool.segments[0].path).column("fields").to_pylist()
    assert kept[1] is None
    assert json.loads(kept[0]) == FIELDS[0]


def test_a_damaged_segment_is_named(tmp_path):
    """A segment that lacks a column, or whose fields are no fields, is an error on reading."""
    pool = Pool.create(tmp_path / "pool", "text")
    import_records(pool, write(tmp_path / "a.jsonl", ROWS), COLUMNS, classes=CLASSES)
    path = pool.segments[0].path
    table = pq.read_table(path)
    for bad in ("{", "[1]", '{"a": 1}'):
        column = pa.array([bad] * 3, pa.string())
        pq.write_table(table.set_column(table.column_names.index("fields"), "fields", column), path)
        with pytest.raises(DataError, match="damaged fields"):
            pool.items([0])
        assert pool.contents([0]) == ["one"]
    pq.write_table(table.drop_columns(["label"]), path)
    with pytest.raises(DataError, match="lacks label"):
        pool.items([0])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", None),
        (" \n\t ", None),
        ("  kept inside  out  ", "kept inside  out"),
        ("two\nlines", "two\nlines"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-12, "-12"),
        (10**30, str(10**30)),
        (3.0, "3"),
        (-0.5, "-0.5"),
        (0.1 + 0.2, "0.3"),
        (1e300, "1e+300"),
        (float("nan"), None),
        (float("inf"), "inf"),
        (np.float16(1.5), "1.5"),
        (Decimal("1.50"), "1.50"),
        (date(2026, 3, 1), "2026-03-01"),
        (time(9, 30), "09:30:00"),
        (datetime(2026, 3, 1, 9, 30), "2026-03-01 09:30"),  # noqa: DTZ001 - files have naive times
        (datetime(2026, 3, 1, 9, 30, 5, tzinfo=UTC), "2026-03-01 09:30:05+00:00"),
        (timedelta(hours=2), "2:00:00"),
        (b"\x00\x01", "(2 bytes)"),
        ([], None),
        (["a", None, 2, 1.0], "a, 2, 1"),
        ([["a", "b"], ["c"]], "a, b, c"),
        ({"name": "Ann", "age": 7, "gone": None}, "name: Ann, age: 7"),
        ([[[["deep"]]]], "…"),
        ("half \ud800 pair", "half ? pair"),
    ],
)
def test_values_become_short_text(value, text):
    """Numbers, dates, booleans, lists: as a person would write them; nothing where there is nothing."""
    assert shown_text(value) == text


@pytest.mark.parametrize(
    "value", ["x" * 50_000, ["word"] * 50_000, list(range(50_000)), {str(i): i for i in range(50_000)}]
)
def test_what_is_too_long_to_read_is_cut(value):
    """The cut shows."""
    text = shown_text(value)
    assert len(text) <= LONGEST
    assert len(text) > LONGEST - 10
    assert text.endswith("…")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(values=st.dictionaries(st.text(min_size=1), JSON, max_size=5))
def test_any_value_can_be_shown_and_kept(values):
    """Whatever JSON can hold becomes text that is stored and read back the same, its order kept."""
    fields = {
        name: text
        for name, value in values.items()
        if (text := shown_text(value)) is not None and _storable(name)
    }
    assert all(text == text.strip() or text.endswith("…") for text in fields.values())
    kept = encode_fields(fields)
    back = pa.array([kept], pa.string()).to_pylist()[0]
    assert list(decode_fields(back).items()) == list(fields.items())


def _storable(name):
    return name.encode("utf-8", "replace").decode() == name


def test_a_deep_value_is_no_recursion(tmp_path):
    """A line as deep as the JSON reader takes is shown as far as a person would read."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "deep": ' + "[" * 900 + "]" * 900 + "}\n")
    (batch,) = read_records(path, Columns(text="text", show=("deep",)), "text")
    assert batch.fields == [{"deep": "…"}]


@pytest.mark.parametrize(
    "when", [pa.array([2**58], pa.timestamp("ms")), pa.array([0], pa.timestamp("us", tz="No/Zone"))]
)
def test_times_that_python_has_not(tmp_path, when):
    """A date beyond the year 9999, an unknown zone: an error that names the column; no matter while it is not shown."""
    table = pa.table({"text": ["a"], "when": when})
    pq.write_table(table, tmp_path / "a.parquet")
    assert infer_columns(tmp_path / "a.parquet", Columns(), None).columns == Columns(text="text")
    with pytest.raises(DataError, match="column 'when' holds values that cannot be read"):
        list(read_records(tmp_path / "a.parquet", Columns(text="text", show=("when",)), "text"))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_of_every_unit(tmp_path, unit):
    """Arrow's four units come out alike."""
    moment = datetime(2026, 3, 1, 9, 30)  # noqa: DTZ001 - as files have it
    pq.write_table(
        pa.table({"text": ["a"], "when": pa.array([moment], pa.timestamp(unit))}), tmp_path / "a.pq"
    )
    (batch,) = read_records(tmp_path / "a.pq", Columns(text="text", show=("when",)), "text")
    assert batch.fields == [{"when": "2026-03-01 09:30"}]


REFUSED = {
    "missing": (("titel",), ["no column 'titel' (--show)", "Did you mean 'title'", "`show` under [data]"]),
    "twice": (("title", "title"), ["'title' (--show) is named twice", "Leave it out"]),
    "the text": (("text",), ["'text' (--show) is shown already, as the text"]),
    "the label": (("label",), ["'label' (--show) holds the known labels", "give the answer away"]),
    "the embedding": (("vector",), ["'vector' (--show) holds embeddings"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_shown_is_refused(tmp_path, name):
    """What, where and what to do; when inferring, and when reading with given columns."""
    show, parts = REFUSED[name]
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "1", "text": "one", "label": "a", "vector": [1], "title": "t"}\n')
    columns = Columns(text="text", label="label", embedding="vector", show=show)
    for attempt in (
        lambda: infer_columns(path, columns, None),
        lambda: list(read_records(path, columns, "text")),
    ):
        with pytest.raises(DataError) as caught:
            attempt()
        for part in (str(path), *parts):
            assert part in str(caught.value)


def test_a_shown_column_is_guessed_to_be_nothing_else(tmp_path):
    """Showing a column says what it is for: neither text, nor label, nor image; but an id may be shown."""
    path = tmp_path / "a.csv"
    path.write_text("id,summary,category,long,photo\n1,short words,news,a much longer piece of text,x.png\n")
    found = infer_columns(path, Columns(show=("id", "long", "category", "photo")), None)
    assert found.columns == Columns(id="id", text="summary", show=("id", "long", "category", "photo"))
    assert found.kind == "text"
    assert found.classes is None
    (batch,) = read_records(path, found.columns, "text")
    assert batch.ids == ["1"]
    assert batch.fields[0]["id"] == "1"


def test_a_folder_of_images_has_nothing_to_show(tmp_path):
    """Said when inferring and when adding."""
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("L", (4, 4)).save(folder / "a.png")
    for attempt in (
        lambda: infer_columns(folder, Columns(show=("title",)), None),
        lambda: list(read_records(folder, Columns(show=("title",)), "image")),
    ):
        with pytest.raises(DataError, match=r"has no columns to show \('title'\)\. Leave out --show"):
            attempt()
    for columns in (Columns(label="class"), Columns(embedding="vector")):
        with pytest.raises(DataError, match=r"no columns, so there is no '(class|vector)' in it"):
            list(read_records(folder, columns, "image"))


def with_titles(path, seed=0, n=60):
    rows = [json.loads(line) for line in write_pool(path, n, seed=seed).read_text("utf-8").splitlines()]
    for number, row in enumerate(rows):
        row |= {"title": f"title {number}", "stars": number % 5}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_command_line_takes_columns_to_show(tmp_path):
    """`init --show` writes them into curator.toml; `add` reads the same columns."""
    data = with_titles(tmp_path / "pool.jsonl")
    args = [
        "init",
        "x",
        "--data",
        str(data),
        "--price",
        "1",
        "--labeler",
        "replay",
        "--project",
        str(tmp_path),
    ]
    bad = CliRunner().invoke(app, [*args, "--show", "title,author"])
    assert bad.exit_code == 1
    assert "no column 'author' (--show)" in bad.stderr
    assert not (tmp_path / ".curator").exists()
    done = CliRunner().invoke(app, [*args, "--show", " title , stars,"])
    assert done.exit_code == 0, done.output
    assert load_config(tmp_path).data.show == ("title", "stars")
    more = with_titles(tmp_path / "more.jsonl", seed=5, n=3)
    with Project(tmp_path) as project:
        assert add_to_pool(project, more).added == 3
        items = project.pool.items([1, 60])
    assert [dict(item.fields) for item in items] == [
        {"title": "title 1", "stars": "1"},
        {"title": "title 0", "stars": "0"},
    ]
    plain = write_pool(tmp_path / "plain.jsonl", 3, seed=6)
    refused = CliRunner().invoke(app, ["add", str(plain), "--project", str(tmp_path)])
    assert refused.exit_code == 1
    assert "no column 'title' (--show)" in refused.stderr
    edit_config(tmp_path, 'show = ["title", "stars"]', "show = []")
    assert "3 items added" in CliRunner().invoke(app, ["add", str(plain), "--project", str(tmp_path)]).stdout


def test_a_holdout_file_needs_no_columns_to_show(tmp_path):
    """It comes labeled, so nobody is shown its items."""
    data = with_titles(tmp_path / "titled.jsonl")
    held = write_pool(tmp_path / "held.jsonl", 20, seed=9)
    folder = make_project(tmp_path, data=data, holdout=str(held), show=("title",))
    with Project(folder) as project:
        assert project.pool.n_items == 80
        assert dict(project.pool.items([0])[0].fields) == {"title": "title 0"}


def test_the_model_does_not_see_what_is_shown(tmp_path):
    """Embeddings by an encoder are the same with and without shown columns."""
    data = with_titles(tmp_path / "titled.jsonl")
    stores = []
    for name, show in (("plain", ()), ("shown", ("title", "stars"))):
        folder = make_project(tmp_path / name, data=data, holdout="20", encoder="tfidf", show=show)
        with Project(folder) as project:
            stores.append(project.embeddings.take(range(60)))
    np.testing.assert_array_equal(*stores)


def test_where_people_answer_a_file_without_labels_is_as_good(tmp_path):
    """The pool had a label column that nobody reads: what is added later need not have one. Known labels must be there."""
    more = tmp_path / "more.jsonl"
    more.write_text('{"id": "new", "text": "something new"}\n', encoding="utf-8")
    for name, labeler in (("people", "files"), ("known", "replay")):
        with Project(
            make_project(tmp_path / name, n=40, holdout="10", encoder="tfidf", labeler=labeler)
        ) as project:
            if labeler == "files":
                assert add_to_pool(project, more).added == 1
            else:
                with pytest.raises(DataError, match="label"):
                    add_to_pool(project, more)
