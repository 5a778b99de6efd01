"""What curator did not write is never replaced, unless the user says so."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.projects import make_project, write_pool
from typer.testing import CliRunner

from curator.cli.app import app


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project after its first round, and what it was made from."""
    folder = make_project(tmp_path_factory.mktemp("output"), n=24, batch=4, holdout="4")
    run("round", "--project", folder)
    run("round", "--project", folder)
    return folder


def run(*args: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == code, result.output
    return result.stderr


@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl", "labels.parquet"])
def test_an_export_replaces_an_export(project, tmp_path, name):
    """Again and again, also an empty file."""
    path = tmp_path / name
    path.touch()
    for _ in range(2):
        run("export", path, "--project", project)
        assert path.stat().st_size


def foreign(path):
    """A file of the kind, with other columns."""
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"item_id": ["a"], "label": ["b"]}), path)
    elif path.suffix == ".csv":
        path.write_text("item_id,label\na,b\n", encoding="utf-8")
    else:
        path.write_text('{"item_id": "a", "label": "b"}\n', encoding="utf-8")


@pytest.mark.parametrize("name", ["mine.csv", "mine.jsonl", "mine.parquet"])
@pytest.mark.parametrize("write", [foreign, lambda path: path.write_bytes(b"\xff\x00[[[")])
def test_an_export_replaces_no_other_file(project, tmp_path, name, write):
    """Data, and what is no data at all; --force does."""
    path = tmp_path / name
    write(path)
    before = path.read_bytes()
    said = run("export", path, "--project", project, code=2)
    assert "was not written by curator" in said
    assert path.read_bytes() == before
    run("export", path, "--project", project, "--force")
    assert path.read_bytes() != before


def test_an_export_that_became_the_data_is_data(project, tmp_path):
    """The labels of one campaign may be the pool of the next."""
    run("export", tmp_path / "labels.jsonl", "--project", project)
    chained = make_project(
        tmp_path / "next", data=tmp_path / "labels.jsonl", batch=2, holdout="2", label="label", id="item_id",
        text="text", encoder="tfidf",
    )  # fmt: skip
    before = (tmp_path / "labels.jsonl").read_bytes()
    said = run("export", tmp_path / "labels.jsonl", "--project", chained, code=2)
    assert "holds the data of this project" in said
    assert (tmp_path / "labels.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("out", "other", "content"),
    [
        ("package.html", "package.json", '{"name": "web", "version": "1.0.0"}'),
        ("list.html", "list.json", "[1, 2"),
        ("index.html", "index.html", "<!DOCTYPE html><title>Home</title>"),
        ("site.htm", "site.json", '{"curator": "Ann", "project": "Louvre"}'),
    ],
)
def test_a_report_replaces_neither_page_nor_json_of_others(project, tmp_path, out, other, content):
    """Neither of the two is written then; --force writes both."""
    (tmp_path / other).write_text(content, encoding="utf-8")
    said = run("report", "--out", tmp_path / out, "--project", project, code=2)
    assert str(tmp_path / other) in said
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [
        (other, content)
    ]
    run("report", "--out", tmp_path / out, "--project", project, "--force")
    run("report", "--out", tmp_path / out, "--project", project)
    assert json.loads((tmp_path / out).with_suffix(".json").read_text(encoding="utf-8"))["curator"]


@pytest.mark.parametrize("name", ["out/result.json", "out/curves.svg", "out/runs.jsonl", "points.csv"])
def test_a_simulation_replaces_no_file_of_others(project, tmp_path, name):
    """Said before anything is played."""
    (tmp_path / "out").mkdir()
    (tmp_path / name).write_text("mine\n", encoding="utf-8")
    said = run(
        "simulate", "--data", write_pool(tmp_path / "pool.jsonl", 60), "--price", "0.1", "--strategies", "random", "--seeds", "1",
        "--out", tmp_path / "out", "--curves", tmp_path / "points.csv", code=2,
    )  # fmt: skip
    assert str(tmp_path / name) in said
    assert (tmp_path / name).read_text(encoding="utf-8") == "mine\n"


def test_links_and_folders_in_the_way_are_named(project, tmp_path):
    """A link that broken link could be anybody's; a folder is no file."""
    (tmp_path / "labels.csv").symlink_to(tmp_path / "gone")
    assert "broken link" in run("export", tmp_path / "labels.csv", "--project", project, code=2)
    (tmp_path / "labels.jsonl").mkdir()
    assert "is not a file" in run("export", tmp_path / "labels.jsonl", "--project", project, code=2)
