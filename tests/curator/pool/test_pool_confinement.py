"""A data file may come from anybody: it reads no file outside its own folder unless the user allows it."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.projects import edit_config
from typer.testing import CliRunner

from curator.cli.app import app
from curator.errors import DataError
from curator.pool.catalogue import Pool
from curator.pool.columns import SUBFOLDER, Columns
from curator.pool.confine import Confined
from curator.pool.importing import import_records
from curator.pool.problems import Problems
from curator.pool.readers import read_records

COLUMNS = Columns(image="image")
CLASSES = ("a", "b")
URLS = [
    "https://host/../../x.png",
    "http://host/y.png",
    "s3://bucket/../z.png",
    "HTTPS://HOST/w.png",
    "gs://b/v.png",
]


@pytest.fixture
def places(tmp_path):
    """A data folder with an image in it, and a secret beside it: also by links, direct and through a folder."""
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    (tmp_path / "data-of-others").mkdir()
    for path in (
        data / "in.png",
        data / "sub" / "in.png",
        tmp_path / "secret.png",
        tmp_path / "data-of-others" / "x.png",
    ):
        Image.effect_noise((6, 6), len(str(path))).save(path)
    (data / "link.png").symlink_to(tmp_path / "secret.png")
    (data / "folder").symlink_to(tmp_path)
    (data / "chain.png").symlink_to("link.png")
    (data / "inside.png").symlink_to("sub/in.png")
    (data / "loop.png").symlink_to("loop.png")
    return data


def listing(folder, names, ending="csv"):
    path = folder / f"list.{ending}"
    if ending == "csv":
        path.write_text("image,n\n" + "".join(f'"{name}",1\n' for name in names))
    else:
        pq.write_table(pa.table({"image": names}), path)
    return path


OUTSIDE = {
    "dots": "../secret.png",
    "dots through a folder": "sub/../../secret.png",
    "dots to nothing": "../../../../../../no/such.png",
    "absolute": "{root}/secret.png",
    "absolute elsewhere": "/etc/hostname",
    "a folder that begins alike": "../data-of-others/x.png",
    "a link": "link.png",
    "a link to a link": "chain.png",
    "through a linked folder": "folder/secret.png",
    "a scheme that is none": "x://../../../secret.png",
    "a device": "/dev/zero",
    "the folder above": "..",
}


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_lies_outside_is_refused(places, tmp_path, name, ending):
    """By `..`, by an absolute path, by a link: the error names row, path and way out, and nothing is imported."""
    named = OUTSIDE[name].format(root=tmp_path)
    path = listing(places, ["in.png", named], ending)
    pool = Pool.create(tmp_path / "pool", "image")
    before = sorted(pool.folder.rglob("*"))
    with pytest.raises(DataError) as caught:
        import_records(pool, path, COLUMNS, classes=CLASSES)
    message = str(caught.value)
    assert f"image outside the folder {places}/: row 2" in message
    assert repr(named) in message
    assert "--allow-outside" in message
    assert "allow_outside = true" in message
    assert pool.n_items == Pool.open(pool.folder).n_items == 0
    assert sorted(pool.folder.rglob("*")) == before


def test_all_that_lie_outside_are_counted(places):
    """One message for all rows, like any other problem."""
    path = listing(places, ["../secret.png"] * 9 + ["in.png", "gone.png"])
    with pytest.raises(DataError, match=r"9 times; first: row 1 \(line 2\)") as caught:
        list(read_records(path, COLUMNS, "image"))
    assert "image file cannot be read: row 11" in str(caught.value)


def test_what_lies_inside_is_taken(places, tmp_path):
    """Plain, in subfolders, with dots that stay inside, absolute, by links that stay inside; and URLs as they are."""
    names = ["in.png", "sub/in.png", "sub/../in.png", "./in.png", f"{places}/in.png", "inside.png", *URLS]
    (batch,) = read_records(listing(places, names), COLUMNS, "image")
    inside = [
        str(places / name) for name in ("in.png", "sub/in.png", "in.png", "in.png", "in.png", "inside.png")
    ]
    assert batch.contents == [*inside, *URLS]
    linked = tmp_path / "elsewhere"
    linked.symlink_to(places)
    (batch,) = read_records(linked / "list.csv", COLUMNS, "image")
    assert batch.contents[0] == str(linked / "in.png")


def test_what_lies_outside_is_taken_when_allowed(places, tmp_path):
    """Every place that is an image."""
    names = ["../secret.png", "link.png", "chain.png", "folder/secret.png", f"{tmp_path}/secret.png"]
    (batch,) = read_records(listing(places, names), COLUMNS, "image", allow_outside=True)
    assert batch.contents[0] == str(tmp_path / "secret.png")
    assert batch.contents[1] == str(places / "link.png")
    assert len({tuple(row) for row in batch.content_hashes.tolist()}) == 1


@pytest.mark.parametrize("allow_outside", [False, True])
def test_what_is_no_file_is_refused(places, allow_outside):
    """A pipe would be waited for, a device read without end; a loop of links and a folder hold nothing."""
    os.mkfifo(places / "pipe.png")
    names = ["pipe.png", "loop.png", "sub", ".", "a" * 5000]
    if allow_outside:
        names.append("/dev/zero")
    with pytest.raises(DataError) as caught:
        list(read_records(listing(places, names), COLUMNS, "image", allow_outside=allow_outside))
    message = str(caught.value)
    assert "not a file" in message
    assert "'pipe.png'" in message
    assert "image file cannot be read: 4 times" in message
    assert ("'/dev/zero'" in message) == allow_outside


def test_names_that_no_file_has(tmp_path):
    """A NUL or half a surrogate pair in a path is an error about this row."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"image": "a\\u0000.png"}\n{"image": "\\ud800/b.png"}\n')
    with pytest.raises(DataError, match="file name is not valid Unicode: 2 times"):
        list(read_records(path, COLUMNS, "image"))


def test_a_link_is_named_however_long_the_path_of_the_data_is(tmp_path):
    """Long paths are cut in the middle, where the name of the file would stand."""
    data = tmp_path / ("deep" * 40) / "data"
    data.mkdir(parents=True)
    Image.new("RGB", (6, 6)).save(data.parent / "secret.png")
    Image.new("RGB", (6, 6)).save(data / "in.png")
    (data / "link.png").symlink_to(data.parent / "secret.png")
    with pytest.raises(DataError, match=r"'link\.png', which is"):
        list(read_records(data, Columns(), "image"))


def test_links_in_a_folder_of_images(places, tmp_path):
    """A link that leads out of the folder is refused by name; one that stays inside is taken."""
    (places / "loop.png").unlink()
    with pytest.raises(DataError) as caught:
        list(read_records(places, Columns(), "image"))
    message = str(caught.value)
    assert "image outside the folder" in message
    assert f"folder that cannot be entered: 'folder' leads to {tmp_path}" in message
    assert "'link.png', which is" in message
    assert "secret.png" in message
    assert "--allow-outside" in message
    (batch,) = read_records(places, Columns(), "image", allow_outside=True)
    assert batch.ids == [
        "chain.png",
        "folder/data-of-others/x.png",
        "folder/secret.png",
        "in.png",
        "inside.png",
        "link.png",
        "sub/in.png",
    ]
    for name in ("link.png", "chain.png", "folder"):
        (places / name).unlink()
    (batch,) = read_records(places, Columns(), "image")
    assert batch.ids == ["in.png", "inside.png", "sub/in.png"]


PARTS = st.sampled_from(
    ["..", ".", "", "sub", "folder", "link.png", "in.png", "x", "~", "...", " ", "%2e%2e", "\\..", "//"]
)


@settings(max_examples=300, deadline=None)
@given(parts=st.lists(PARTS, min_size=1, max_size=8), absolute=st.booleans())
def test_no_path_leads_out(tmp_path_factory, parts, absolute):
    """Whatever path is given: what is let through lies, all links followed, below the folder."""
    root = tmp_path_factory.getbasetemp() / "any"
    if not root.exists():
        (root / "data" / "sub").mkdir(parents=True)
        (root / "data" / "folder").symlink_to(root)
        (root / "data" / "link.png").symlink_to(root / "secret.png")
    problems = Problems(root / "data" / "list.csv")
    confined = Confined(root / "data" / "list.csv", problems, allow_outside=False)
    found = confined.file(("/" if absolute else "") + "/".join(parts), "row 1")
    if found is None:
        assert problems
    else:
        assert found.resolve().is_relative_to((root / "data").resolve())


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_the_command_line(places, tmp_path):
    """`init` refuses and leaves nothing behind; --allow-outside is kept in curator.toml, and `add` goes by it."""
    path = places / "list.csv"
    rows = [("../secret.png", "a"), ("in.png", "b"), ("sub/in.png", "a")]
    path.write_text("image,label\n" + "".join(f"{image},{label}\n" for image, label in rows))
    project = tmp_path / "project"
    args = [
        "init",
        "x",
        "--data",
        path,
        "--price",
        "1",
        "--labeler",
        "replay",
        "--holdout",
        "1",
        "--batch",
        "1",
    ]
    refused = run(*args, "--project", project)
    assert refused.exit_code == 1
    assert "row 1 (line 2): '../secret.png'" in refused.stderr
    assert "--allow-outside" in refused.stderr
    assert not (project / ".curator").exists()
    assert not (project / "curator.toml").exists()
    done = run(*args, "--project", project, "--allow-outside")
    assert done.exit_code == 0, done.stderr
    assert "allow_outside = true" in (project / "curator.toml").read_text("utf-8")
    path.write_text("image,label\n../data-of-others/x.png,a\n")
    assert "1 item added" in run("add", path, "--project", project).stdout
    edit_config(project, "allow_outside = true", "allow_outside = false")
    path.write_text("image,label\n../data-of-others/y.png,a\n")
    assert "image outside the folder" in run("add", path, "--project", project).stderr


def test_a_holdout_file_is_confined_too(places, tmp_path):
    """The same rule for every data file."""
    path, held = places / "list.csv", tmp_path / "held.csv"
    path.write_text("image,label\nin.png,a\nsub/in.png,b\n")
    (tmp_path / "held").mkdir()
    held = tmp_path / "held" / "held.csv"
    held.write_text("image,label\n../secret.png,a\n")
    args = [
        "init",
        "x",
        "--data",
        path,
        "--price",
        "1",
        "--labeler",
        "replay",
        "--holdout",
        held,
        "--batch",
        "1",
    ]
    refused = run(*args, "--project", tmp_path / "project")
    assert refused.exit_code == 1
    assert f"{held}: image outside the folder" in refused.stderr
    assert not (tmp_path / "project" / ".curator").exists()


def test_subfolders_as_labels_still_work(tmp_path):
    """Confinement changes nothing for a folder without links."""
    for name in ("a/1.png", "b/2.png"):
        (tmp_path / "images" / name).parent.mkdir(parents=True)
        Image.new("L", (3, 3)).save(tmp_path / "images" / name)
    (batch,) = read_records(tmp_path / "images", Columns(label=SUBFOLDER), "image", classes=CLASSES)
    assert batch.labels == ["a", "b"]
