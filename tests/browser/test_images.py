"""Images in the annotator's browser: uploaded, or read by the server from where they lie."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from support.browser import PATIENCE
from support.campaign import TOKEN, Campaign
from support.local_studio import LocalStudio
from support.projects import edit_config, make_project
from support.studio import sdk, spec

from integrations.errors import LabelerError
from integrations.labelers.label_studio.labeler import LabelStudioLabeler
from integrations.labelers.label_studio.launch import ServerOptions
from integrations.labelers.protocol import Neighbour, Question

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ("bright", "dark")
ODD_NAME = "ä b #1 & 100%+x"


@pytest.fixture(scope="module")
def serving(studio_executable, tmp_path_factory):
    """A Label Studio that serves the images below a folder; with that folder."""
    root = tmp_path_factory.mktemp("served")
    with LocalStudio(studio_executable, ROOT / ".studio", options=ServerOptions(images=root)) as server:
        yield server, root


def draw(folder: Path, n: int) -> dict[str, str]:
    """Bright and dark pictures of many shapes; returns file name -> class."""
    folder.mkdir(parents=True)
    truth = {}
    for i in range(n):
        rng = np.random.default_rng(i)
        shape = (40, 900) if i % 5 == 0 else (900, 40) if i % 5 == 1 else (60, 80)
        grey = rng.integers(0, 120, shape) + (130 if i % 2 else 0)
        name = f"{i:02d} {ODD_NAME}.png"
        Image.fromarray(grey.astype(np.uint8)).save(folder / name)
        truth[name] = CLASSES[i % 2 == 0]
    return truth


@pytest.mark.parametrize("images", ["upload", "local"])
def test_a_round_of_images_is_answered(serving, person, monkeypatch, tmp_path, images):
    """The picture and its neighbours are really shown, the suggestion is ticked, the classes are in sight."""
    studio, root = serving
    monkeypatch.setenv(TOKEN, studio.token)
    pictures = root / images / "pictures"
    truth = draw(pictures, 30)
    folder = make_project(
        tmp_path / "campaign",
        labeler="label-studio",
        data=pictures,
        classes=CLASSES,
        encoder="pixels",
        batch=3,
        holdout="4",
        url=studio.url,
    )
    campaign = Campaign(folder, studio, truth)
    edit_config(folder, "neighbours = 0", "neighbours = 2")
    edit_config(folder, "blind_share = 0.2", "blind_share = 0.0")
    if images == "local":
        edit_config(folder, 'images = "upload"', 'images = "local"')
        edit_config(folder, '# image_root = "/srv/images"', f"image_root = {json.dumps(str(root))}")
    campaign.curator("round")
    campaign.answer_all()
    campaign.curator("round")
    start = {
        "upload": f"/data/upload/{campaign.number}/",
        "local": f"/data/local-files/?d={images}/pictures/",
    }
    assert all(task.data["image"].startswith(start[images]) for task in campaign.tasks())
    questions = campaign.rows("select * from questions where round = 2 order by rank")

    ada = person(studio, "ada")
    ada.open_project(campaign.number)
    ada.label_all_tasks()
    for row in questions:
        assert ada.task == int(row["external_id"])
        expect(ada.editor.get_by_text(row["why"], exact=True)).to_be_visible()
        assert ada.editor.locator("li").count() == 2
        # the picture and two thumbnails, each loaded and not blown up over the window
        ada.page.wait_for_function(
            "[...document.querySelectorAll('.lsf-main-view__annotation img')]"
            ".filter(i => i.complete && i.naturalWidth > 0 && i.clientWidth <= 600).length == 3",
            timeout=PATIENCE,
        )
        assert ada.chosen == [row["suggestion"]]
        for box in ada.choices.all():
            place = box.bounding_box()
            assert place["y"] + place["height"] < 300
        ada.submit()
    assert ada.task is None
    campaign.curator("round")
    answers = campaign.rows("select a.* from live_answers a join questions q using (key) where q.round = 2")
    assert len(answers) == len(questions)
    assert {(row["suggestion"], row["annotator"], row["seconds"] > 0) for row in answers} == {
        ("accepted", ada.email, True)
    }


ADDRESSES = (
    "https://example.org/a b.png?x=1&y=2#z",
    "http://127.0.0.1:9/ä.jpg",
    "s3://bucket/some/key.png",
    "S3://Bucket/KEY.PNG",
)


@pytest.mark.parametrize("local", [False, True])
def test_addresses_stay_as_they_are(serving, local):
    """Whether local files are uploaded or served: http(s) and s3 are the browser's and the server's business."""
    studio, root = serving
    labeler = LabelStudioLabeler(studio.url, studio.token, image_root=root if local else None)
    number = labeler.prepare(spec(f"addresses {local}", *CLASSES, kind="image"), None)
    near = tuple(Neighbour("dark", image=address) for address in ADDRESSES)
    labeler.send(
        [
            Question(f"k{n}", f"item-{n}", 1, n + 1, image=address, neighbours=near)
            for n, address in enumerate(ADDRESSES)
        ]
    )
    api = sdk(studio.url, studio.token)
    tasks = api.tasks.list(project=int(number), include="id,data", resolve_uri=False, page_size=10).items
    assert sorted(task.data["image"] for task in tasks or ()) == sorted(ADDRESSES)
    assert api.files.list(int(number), all_=True) == []


@pytest.fixture
def labeler(serving):
    """A labeler whose server reads the images itself; with their folder."""
    studio, root = serving
    made = LabelStudioLabeler(studio.url, studio.token, image_root=root)
    made.prepare(spec("served", *CLASSES, kind="image"), None)
    return made, root


def ask(labeler: LabelStudioLabeler, image: Path | str) -> None:
    labeler.send([Question(f"key of {image}", "item", 1, 1, image=str(image))])


def test_only_what_the_server_serves_can_be_asked_about(labeler, tmp_path):
    """A file elsewhere, by whatever way it is written, or not there at all: it is named, and nothing is asked."""
    found, root = labeler
    (root / "inside").mkdir(exist_ok=True)
    outside = tmp_path / "elsewhere.png"
    for path in (outside, root.parent / "above.png", root / "top.png"):
        path.write_bytes(b"not looked at")
    for image, said in (
        (outside, "lies outside"),
        (root / "inside" / ".." / ".." / "above.png", "lies outside"),
        (root / "top.png", "lies directly in"),
        (root / "inside" / ".." / "top.png", "lies directly in"),
        (root / "inside" / "none.png", "is not there"),
    ):
        with pytest.raises(LabelerError, match=said):
            ask(found, image)
    assert found.question_count() == 0


def test_a_server_that_serves_no_files_says_what_it_needs(studio, tmp_path):
    """The setting that is missing is in the message."""
    picture = tmp_path / "below" / "x.png"
    picture.parent.mkdir()
    picture.write_bytes(b"not looked at")
    found = LabelStudioLabeler(studio.url, studio.token, image_root=tmp_path)
    found.prepare(spec("not served", *CLASSES, kind="image"), None)
    with pytest.raises(LabelerError, match="LOCAL_FILES_SERVING_ENABLED=true"):
        ask(found, picture)
