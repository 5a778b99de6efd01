"""A folder of images: links to folders, strays, and the level that holds the classes."""

import os

import pytest
from PIL import Image
from support.projects import CLASSES

from curator.errors import DataError
from curator.pool.columns import SUBFOLDER, Columns
from curator.pool.image_folder import folder_label, folder_labels, read_image_folder
from curator.pool.inference import infer_columns
from curator.pool.readers import read_records


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise((6, 6), len(str(path))).save(path)


def names(folder, *, allow_outside=False):
    found = read_image_folder(folder, allow_outside=allow_outside)
    return [path.relative_to(folder).as_posix() for path in found.images]


@pytest.fixture
def linked(tmp_path):
    """square/ is a folder, dash/ a link to one outside, inner/ a link to one inside."""
    image(tmp_path / "store" / "1.png")
    image(tmp_path / "store" / "deep" / "2.png")
    image(tmp_path / "images" / "square" / "3.png")
    (tmp_path / "images" / "dash").symlink_to("../store")
    return tmp_path / "images"


def test_a_linked_folder_is_a_class_when_it_may_be_followed(linked):
    """With --allow-outside; without, it is named and nothing is read."""
    with pytest.raises(DataError, match=r"'dash' leads to .*store.*--allow-outside"):
        infer_columns(linked, Columns(), None)
    with pytest.raises(DataError, match="'dash' leads to"):
        list(read_records(linked, Columns(), "image"))
    found = infer_columns(linked, Columns(), None, allow_outside=True)
    assert found.classes == ("dash", "square")
    (batch,) = read_records(linked, found.columns, "image", classes=found.classes, allow_outside=True)
    assert batch.ids == ["dash/1.png", "dash/deep/2.png", "square/3.png"]
    assert batch.labels == ["dash", "dash", "square"]


def test_a_link_inside_the_folder_is_always_followed(linked):
    """Under its own name."""
    (linked / "dash").unlink()
    (linked / "inner").symlink_to("square")
    (linked / "abroad").symlink_to(linked / "square", target_is_directory=True)
    assert names(linked) == ["abroad/3.png", "inner/3.png", "square/3.png"]


def test_links_that_lead_back_end(linked):
    """To the folder itself, to one above, to each other: each is entered once on the way down."""
    (linked / "dash").unlink()
    (linked / "square" / "up").symlink_to("..")
    (linked / "self").symlink_to(".")
    for name in "abcdefgh":
        (linked / name).mkdir()
        for other in "abcdefgh":
            if other != name:
                (linked / name / f"to-{other}").symlink_to(f"../{other}")
    assert names(linked) == ["square/3.png"]
    image(linked / "a" / "4.png")
    assert "b/to-a/4.png" in names(linked)
    assert len(names(linked)) < 1000
    outside = linked.parent / "store" / "back"
    outside.symlink_to(linked)
    (linked / "dash").symlink_to("../store")
    assert "dash/1.png" in names(linked, allow_outside=True)


def test_what_cannot_be_entered_or_found_is_named(linked):
    """A link that leads nowhere, and one that is an image."""
    (linked / "dash").unlink()
    (linked / "gone").symlink_to("nowhere")
    (linked / "lost.png").symlink_to("nowhere.png")
    found = read_image_folder(linked, allow_outside=False)
    assert found.dangling == ("gone",)
    with pytest.raises(DataError, match="image file cannot be read"):
        list(read_records(linked, Columns(), "image"))
    (linked / "lost.png").unlink()
    assert "left out: links that lead nowhere: 'gone'" in infer_columns(linked, Columns(), None).notes


@pytest.mark.skipif(os.geteuid() == 0, reason="the super-user reads every folder")
def test_a_folder_that_may_not_be_read_is_named(linked):
    """Its class would vanish."""
    (linked / "dash").unlink()
    (linked / "square").chmod(0)
    with pytest.raises(DataError, match="'square'"):
        infer_columns(linked, Columns(), None)
    (linked / "square").chmod(0o700)


LAYOUTS = {
    "class/image": (["a/1", "a/2", "b/3"], None, ("a", "b"), 0),
    "class/plant/image": (["sick/p1/1", "sick/p2/2", "well/p3/3", "well/p4/4"], 1, ("sick", "well"), 0),
    "class/plant/side/image": (["sick/p1/l/1", "sick/p2/r/2", "well/p3/l/3"], 1, ("sick", "well"), 0),
    "part/class/image": (["train/a/1", "train/b/2", "test/a/3", "test/b/4"], None, ("a", "b"), 0),
    "part/class/plant": (
        ["train/a/p/1", "train/a/q/2", "train/b/r/3", "val/a/s/4"],
        2,
        ("a", "b"),
        0,
    ),
    "one folder above": (["data/a/1", "data/b/2"], None, ("a", "b"), 0),
    "a stray in the root": (["1", "a/2", "a/3", "b/4"], None, ("a", "b"), 1),
    "uneven": (["a/1", "b/sub/2", "b/3"], 1, ("a", "b"), 0),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_which_folder_is_the_class(tmp_path, layout):
    """The outermost when it has fewer names than those below; no part of a data set; strays have no label."""
    paths, level, classes, unlabeled = LAYOUTS[layout]
    for path in paths:
        image(tmp_path / f"{path}.png")
    found = infer_columns(tmp_path, Columns(), None)
    assert found.columns == Columns(label=SUBFOLDER, label_level=level)
    assert found.classes == classes
    assert found.unlabeled == unlabeled
    (batch,) = read_records(tmp_path, found.columns, "image", classes=classes)
    assert batch.labels.count(None) == unlabeled
    note = next(note for note in found.notes if note.startswith("label: "))
    assert ("--label-level" in note) == (max(path.count("/") for path in paths) > 1)
    assert ("first: '1.png'" in note) == (unlabeled == 1)


def test_the_level_can_be_named(tmp_path):
    """1 is the outermost; what is not there is refused."""
    for path in ("sick/p1/1", "sick/p2/2", "well/p3/3"):
        image(tmp_path / f"{path}.png")
    assert infer_columns(tmp_path, Columns(label_level=2), None).classes == ("p1", "p2", "p3")
    assert infer_columns(tmp_path, Columns(label_level=1), None).classes == ("sick", "well")
    with pytest.raises(DataError, match="--label-level 3 does not exist: images lie up to 2 folders deep"):
        infer_columns(tmp_path, Columns(label_level=3), None)
    path = tmp_path / "a.csv"
    path.write_text("text\nx\n")
    with pytest.raises(DataError, match="--label-level is for a folder of images"):
        infer_columns(path, Columns(label_level=1), None)


def test_folders_of_few_images_are_no_classes(tmp_path):
    """When most images lie beside them."""
    for path in ("1", "2", "3", "a/4", "b/5"):
        image(tmp_path / f"{path}.png")
    assert infer_columns(tmp_path, Columns(), None).columns == Columns()
    found = read_image_folder(tmp_path, allow_outside=False)
    assert folder_labels(found, None, wanted=True).unlabeled == 3
    assert folder_label((), None) is None


def test_a_folder_of_one_class_can_be_added_alone(tmp_path):
    """Its own name is the label, when that is a class."""
    image(tmp_path / CLASSES[0] / "1.png")
    columns = Columns(label=SUBFOLDER)
    (batch,) = read_records(tmp_path / CLASSES[0], columns, "image", classes=CLASSES)
    assert batch.labels == [CLASSES[0]]
    (batch,) = read_records(tmp_path / CLASSES[0], columns, "image", classes=("x", "y"))
    assert batch.labels == [None]
