"""Labels that a user owns already: training labels at no price, from files and from the data's own column."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.projects import CLASSES, labels_of, make_project, write_pool
from typer.testing import CliRunner

from curator.cli.app import app
from curator.errors import ConfigError, DataError
from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.own_labels.add import add_labeled
from curator.pool.reading import Reading
from curator.project.project import Project
from curator.rounds.classes import wanted
from curator.rounds.classes.change import change_classes
from curator.rounds.model_now import OWN_LABELS
from curator.rounds.run import run_round
from curator.views.export import export_labels, labeled_rows


def write_rows(path: Path, rows: list[dict[str, object]]) -> Path:
    """JSONL, or CSV by the file's ending."""
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        else:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def texts(n: int, first: int = 0) -> list[dict[str, object]]:
    """Rows with text and label; a third of each class."""
    return [
        {"id": f"t{i}", "text": f"{CLASSES[i % 3]} thing number {i}", "label": CLASSES[i % 3]}
        for i in range(first, first + n)
    ]


def start(tmp_path: Path, data: list[dict[str, object]], **options) -> Path:
    """A project of texts with the labeler of files."""
    settings = {
        "batch": 5,
        "holdout": "10",
        "labeler": "files",
        "classes": CLASSES,
        "encoder": "tfidf",
        **options,
    }
    return make_project(tmp_path / "p", data=write_rows(tmp_path / "pool.jsonl", data), **settings)


def without_labels(rows, known=0):
    """Rows of which only the first `known` have their label."""
    return [row if i < known else {**row, "label": None} for i, row in enumerate(rows)]


def test_a_labeled_file_begins_with_a_model_and_only_the_rest_is_asked(tmp_path):
    """Chosen by what they teach, never asked, never in the hold-out, free, and marked."""
    rows = texts(80)
    own = write_rows(tmp_path / "own.csv", rows[:30])
    folder = start(tmp_path, without_labels(rows), labeled=(own,))
    with Project(folder) as project:
        assert len(queries.labels.imported_ids(project.ledger)) == 30
        out = run_round(project)
        asked = set(queries.questions.asked_ids(project.ledger))
        assert (out.sent, out.holdout_sent) == (15, 10)
        assert not asked & {row["id"] for row in rows[:30]}
        picked = project.ledger.rows("select * from picks")
        assert {row["strategy"] for row in picked} == {"auto"}
        assert project.ledger.scalar("select picked_with from rounds") == OWN_LABELS
        assert project.checkpoint(0).meta["version"] == OWN_LABELS
        assert project.ledger.scalar("select count(*) from costs") == 0
        exported = [row for row in labeled_rows(project) if row["source"] == "imported"]
        assert {row["item_id"]: row["label"] for row in exported} == {r["id"]: r["label"] for r in rows[:30]}
        assert {(row["cost"], row["round"], row["answers"]) for row in exported} == {(0.0, None, 0)}


def test_the_datas_own_column_by_use_labels(tmp_path):
    """A column that is filled in part: known labels teach, the others are asked."""
    folder = start(tmp_path, without_labels(texts(60), known=25), use_labels=True, label="label")
    with Ledger(folder / ".curator" / "ledger.db") as ledger:
        assert len(queries.labels.imported_ids(ledger)) == 25
    for options, said in (
        ({"labeler": "replay"}, "nothing would be left for it"),
        ({}, "every item has a label"),
    ):
        (tmp_path / str(len(options))).mkdir()
        with pytest.raises((ConfigError, DataError), match=said):
            start(tmp_path / str(len(options)), texts(30), use_labels=True, **options)
        assert not (tmp_path / str(len(options)) / "p" / "curator.toml").exists()


def test_too_few_of_them_begin_as_ever(tmp_path):
    """A model of five labels chooses no better than coverage does; they teach the first round's model all the same."""
    rows = texts(60)
    folder = start(tmp_path, without_labels(rows), labeled=(write_rows(tmp_path / "own.jsonl", rows[:5]),))
    with Project(folder) as project:
        run_round(project)
        assert {row["strategy"] for row in project.ledger.rows("select strategy from picks")} == {
            "maxherding"
        }


@pytest.fixture
def running(tmp_path):
    """A replay campaign of three rounds, so that some items are sealed, some paid for, some neither."""
    folder = make_project(tmp_path / "p", n=90, batch=10, holdout="20")
    with Project(folder) as project:
        for _ in range(3):
            run_round(project)
    return folder


def test_into_a_running_project(running):
    """The hold-out stays sealed, a paid label stays, new items come in, unknown ids are listed; twice is once."""
    with Project(running) as project:
        truth, sealed = labels_of(project), sorted(queries.holdout.holdout_ids(project.ledger))
        paid = queries.labels.training_labels(project.ledger)
        rest = sorted(set(truth) - set(sealed) - set(queries.questions.asked_ids(project.ledger)))
        other = next(iter(sorted(paid)))
        wrong = next(name for name in CLASSES if name != paid[other])
        rows = [{"id": i, "label": truth[i]} for i in (*sealed[:3], *rest[:15])]
        rows += [
            {"id": other, "label": wrong},
            {"id": "nobody", "label": "red"},
            {"id": rest[20], "label": ""},
        ]
        file = write_rows(running / "own.csv", rows)
        before = project.ledger.scalar("select sum(amount) from costs")
        report = add_labeled(project, file)
        assert (report.new, report.labels, report.holdout) == (16, 15, tuple(sealed[:3]))
        assert (report.paid, report.contradicted) == (1, (f"{other}: paid {paid[other]}, file {wrong}",))
        assert (report.unknown, report.unlabeled, report.added) == (("nobody",), 1, 0)
        assert queries.labels.training_labels(project.ledger) == paid | {i: truth[i] for i in rest[:15]}
        assert add_labeled(project, file).new == 0
        assert project.ledger.scalar("select sum(amount) from costs") == before
        measured = run_round(project).measured
        assert measured["labels"] == len(paid) + 10 + 15
        assert "15 labels came from files between rounds 2 and 3" in measured["note"]
        assert measured["cost"] == 800_000
        # What the next label costs is what those cost that were paid for.
        from curator.money.marginal_price import marginal_price

        assert marginal_price(project.ledger, project.config.cost).micro == 80_000
        run_round(project)
        assert not {
            r["item_id"] for r in project.ledger.rows("select item_id from picks where round = 4")
        } & set(rest[:15])


def test_new_items_come_with_their_labels(running):
    """As of another file of the same columns."""
    more = write_pool(running / "more.jsonl", 12, seed=5)
    more.write_text(
        more.read_text().replace("number", "another number")
    )  # the same text would be the same item
    result = CliRunner().invoke(app, ["add", str(more), "--labeled", "--project", str(running)])
    assert result.exit_code == 0, result.stderr
    assert "12 items added, 12 labels imported" in result.stdout
    assert "imported, $0.00 paid" in result.stdout
    with Project(running) as project:
        assert project.pool.n_items == 102
        assert project.embeddings.take([101]).shape == (1, 16)


def test_own_labels_follow_changed_classes(running):
    """And a name of earlier in a file means what became of it."""
    with Project(running) as project:
        truth = labels_of(project)
        free = sorted(
            set(truth)
            - set(queries.questions.asked_ids(project.ledger))
            - set(queries.holdout.holdout_ids(project.ledger))
        )
        rows = [{"id": i, "label": truth[i]} for i in free[:20]]
        add_labeled(project, write_rows(running / "a.jsonl", rows[:10]))
        change_classes(project, lambda h: wanted.rename(h, "blue", "azure"))
        add_labeled(project, write_rows(running / "b.jsonl", rows[10:]))
        now = queries.labels.training_labels(project.ledger)
        assert [now[r["id"]] for r in rows] == ["azure" if r["label"] == "blue" else r["label"] for r in rows]
        change_classes(project, lambda h: wanted.split(h, "azure", ["sky", "sea"]))
        blue = {r["id"] for r in rows if r["label"] == "blue"}
        assert not queries.labels.training_labels(project.ledger).keys() & blue
        assert not set(queries.questions.settled_ids(project.ledger)) & blue  # may be asked about now
        with pytest.raises(DataError, match="labels outside the classes"):
            add_labeled(project, write_rows(running / "c.jsonl", rows[:10]))


def test_an_export_of_curators_own_is_a_labeled_file(tmp_path, running):
    """Parquet and CSV, also where a spreadsheet's formulas were defused: into the next campaign, or the same."""
    with Project(running) as project:
        export_labels(project, running / "out.parquet")
        export_labels(project, running / "out.csv")
        again = add_labeled(project, running / "out.csv")
        assert (again.new, again.contradicted, again.unknown, len(again.holdout)) == (20, (), (), 20)
        known = queries.labels.training_labels(project.ledger) | queries.holdout.holdout_labels(
            project.ledger
        )
    data = write_pool(tmp_path / "pool2.jsonl", 90)
    unlabeled = [
        {k: v for k, v in json.loads(line).items() if k != "label"} for line in data.read_text().splitlines()
    ]
    folder = make_project(
        tmp_path / "q", data=write_rows(data, unlabeled), labeler="files", batch=5, holdout="10",
        labeled=(running / "out.parquet",),
    )  # fmt: skip
    with Project(folder) as project:
        assert project.config.project.classes == CLASSES  # from the file
        assert queries.labels.training_labels(project.ledger) == known


def studio_export(rows, **extra):
    """Label Studio's JSON of some texts."""
    return [
        {
            "id": n, "data": {"text": row["text"], **extra},
            "annotations": [
                {"was_cancelled": False, "result": [{"from_name": "x", "type": "choices", "value": {"choices": [label]}}]}
                for label in row["said"]
            ],
        }
        for n, row in enumerate(rows, start=1)
    ]  # fmt: skip


def test_an_export_of_label_studio_is_a_labeled_file(tmp_path):
    """Of any project: matched by the text; the majority counts, an even split does not, a skip is none."""
    rows = texts(40)
    said = [["blue"], ["red", "green", "red"], ["red", "green"], []]
    tasks = studio_export([{**row, "said": votes} for row, votes in zip(rows, said, strict=False)])
    tasks[3]["annotations"] = [{"was_cancelled": True, "result": []}]
    export = tmp_path / "project-7.json"
    export.write_text(json.dumps(tasks))
    folder = start(tmp_path, without_labels(rows), labeled=(export,))
    with Project(folder) as project:
        assert queries.labels.training_labels(project.ledger) == {"t0": "blue", "t1": "red"}
        flat = tmp_path / "min.json"
        flat.write_text(
            json.dumps([{"text": rows[5]["text"], "label": "red"}, {"text": "quite new", "label": "blue"}])
        )
        report = add_labeled(project, flat)
        assert (report.new, report.added) == (2, 1)
        assert queries.labels.training_labels(project.ledger)["t5"] == "red"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [{"id": "t1", "label": "grey"}],
            r"labels outside the classes .*row 1 \(line 2\): 'grey'.*curator classes add",
        ),
        (
            [{"text": "quite new", "label": "grey"}, {"text": "new, too", "label": "gr ey"}],
            r"curator classes add grey 'gr ey'",
        ),
        ([{"id": "t1", "label": "red"}, {"id": "t1", "label": "blue"}], "two different labels"),
        ([{"text": "n", "label": "red"}, {"text": "n", "label": "blue"}], "two different labels"),
        ([{"id": "t1", "text": "another text", "label": "red"}], "comes with another text"),
        (
            [{"id": "new", "text": "x", "label": "red"}, {"id": "t1", "text": "y", "label": "red"}],
            "changed content",
        ),
        ([{"text": "a new one"}], "no column of labels"),
    ],
)
def test_a_file_that_cannot_be_leaves_everything_as_it_was(tmp_path, rows, said):
    """All problems are named; neither pool nor ledger has changed."""
    folder = start(tmp_path, without_labels(texts(30)))
    file = write_rows(tmp_path / "own.csv", rows)
    with Project(folder) as project:
        with pytest.raises(DataError, match=said):
            add_labeled(project, file)
        assert project.pool.n_items == 30
        assert queries.labels.imported_ids(project.ledger) == set()
    with Project(folder) as project:
        assert project.pool.n_items == 30


def test_broken_exports_are_named(tmp_path):
    """Not what was made of them on the way."""
    folder = start(tmp_path, without_labels(texts(30)))
    bad = tmp_path / "export.json"
    tasks = studio_export([{"text": "n", "said": ["red"]}])
    double = json.loads(json.dumps(tasks))
    double[0]["annotations"][0]["result"][0]["value"]["choices"] = ["red", "blue"]
    for content, said in (
        ("{", "is not JSON"),
        ("{}", "not a list of tasks"),
        (json.dumps([{"annotations": []}]), "no data in a task"),
        (json.dumps(double), "2 classes were chosen instead of one"),
        (json.dumps(studio_export([{"text": "n", "said": ["grey"]}])), "labels outside the classes"),
    ):
        bad.write_text(content)
        with Project(folder) as project, pytest.raises(DataError, match=said) as failed:
            add_labeled(project, bad)
        assert str(bad) in str(failed.value)


def test_a_label_outside_the_classes_gets_one_answer(tmp_path, running):
    """`add` names the command; the class added, the same file comes in and the round goes on."""
    row = {**json.loads(write_pool(tmp_path / "x.jsonl", 1, seed=9).read_text()), "label": "brand new"}
    file = write_rows(tmp_path / "new.jsonl", [row])
    with Project(running) as project:
        items = project.pool.n_items
    result = CliRunner().invoke(app, ["add", str(file), "--project", str(running)])
    assert result.exit_code == 1
    assert "`curator classes add 'brand new'`" in result.stderr
    added = CliRunner().invoke(
        app, ["classes", "add", "brand new", "--keep-answers", "--project", str(running)]
    )
    assert added.exit_code == 0, added.stderr
    result = CliRunner().invoke(app, ["add", str(file), "--project", str(running)])
    assert result.exit_code == 0, result.stderr
    with Project(running) as project:
        assert project.pool.n_items == items + 1
        assert run_round(project).measured["round"] == 3


def test_a_labeled_file_is_read_like_the_data(tmp_path):
    """Its encoding, its delimiter and how its labels are spelled: what curator.toml says holds for it as well."""
    rows = [{**row, "text": f"{row['text']} é"} for row in texts(40)]
    data = tmp_path / "pool.csv"
    data.write_bytes(
        "".join(["id~text\n", *(f"{row['id']}~{row['text']}\n" for row in rows)]).encode("cp1252")
    )
    folder = make_project(
        tmp_path / "p", data=data, labeler="files", batch=5, holdout="10", classes=CLASSES, encoder="tfidf",
        merge_case=True, reading=Reading(delimiter="~", encoding="cp1252"),
    )  # fmt: skip
    own = tmp_path / "own.csv"
    own.write_bytes(f"id~text~label\nt0~{rows[0]['text']}~Red\n".encode("cp1252"))
    other = tmp_path / "other.csv"
    other.write_text("id|label\nt1|BLUE\n", encoding="utf-16")
    with Project(folder) as project:
        add_labeled(project, own)
    options = ["--labeled", "--delimiter", "|", "--encoding", "utf-16", "--project", str(folder)]
    result = CliRunner().invoke(app, ["add", str(other), *options])
    assert result.exit_code == 0, result.stderr
    with Project(folder) as project:
        assert queries.labels.training_labels(project.ledger) == {"t0": "red", "t1": "blue"}
        export_labels(project, tmp_path / "out.csv")
        assert (
            add_labeled(project, tmp_path / "out.csv").labels == 2
        )  # UTF-8 with commas, whatever the data are


def test_ids_that_a_table_made_numbers_of_are_found(tmp_path):
    """pandas makes decimal numbers of whole ones where a cell is empty."""
    rows = [{**row, "id": str(at)} for at, row in enumerate(texts(30))]
    folder = start(tmp_path, without_labels(rows), id="id")
    own = tmp_path / "own.parquet"
    pq.write_table(pa.table({"id": [0.0, 1.0], "label": ["red", "blue"]}), own)
    with Project(folder) as project:
        assert add_labeled(project, own).unknown == ()
        assert queries.labels.training_labels(project.ledger) == {"0": "red", "1": "blue"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--labeled", "--skip-bad-rows", "bad.csv"], "--skip-bad-rows"),
        (["--label", "label"], "--labeled"),
    ],
)
def test_options_of_add_that_do_not_go_together_are_refused(running, options, said):
    """Never dropped without a word."""
    file = write_pool(running / "more.jsonl", 3, seed=5)
    result = CliRunner().invoke(app, ["add", str(file), *options, "--project", str(running)])
    assert result.exit_code == 2
    assert said in result.stderr
