"""Classes that change while people label in a real Label Studio."""

from pathlib import Path
from typing import Any

import pytest
from support.campaign import TOKEN, Campaign
from support.local_studio import LocalStudio
from support.projects import edit_config, labels_of, make_project

from curator.project.project import Project


@pytest.fixture
def campaign(tmp_path: Path, studio: LocalStudio, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """A campaign of 60 texts, ten of them sealed; the token comes from the environment, as for a user."""
    monkeypatch.setenv(TOKEN, studio.token)
    folder = make_project(
        tmp_path / "campaign", labeler="label-studio", n=60, batch=6, holdout="10", url=studio.url
    )
    with Project(folder) as project:
        truth = labels_of(project)
    return Campaign(folder, studio, truth)


def choices(campaign: Campaign) -> list[str]:
    """What annotators choose from."""
    config = str(campaign.api.projects.get(campaign.number).label_config)
    return [part.split('"')[1] for part in config.split("<Choice value=")[1:]]


def labels(campaign: Campaign) -> dict[str, str]:
    rows = campaign.rows("select item_id, label from current_labels where label is not null")
    return {row["item_id"]: row["label"] for row in rows}


def open_tasks(campaign: Campaign) -> list[Any]:
    return [task for task in campaign.tasks() if not task.annotations]


def test_rename_split_and_add_in_one_campaign(campaign):
    """The choices follow, also of who cannot tell; answers of before, and of pages that were open, keep what they meant."""
    campaign.curator("round")
    first = campaign.tasks()
    campaign.answer(first[-1].id, "can't tell")
    campaign.answer_all()
    campaign.curator("round")
    assert choices(campaign) == ["blue", "green", "red", "can't tell"]
    before = labels(campaign)

    # The choice of who cannot tell has another word from now on; what was said with the old one stays.
    edit_config(campaign.folder, 'cannot_tell = "can\'t tell"', 'cannot_tell = "unsure"')
    campaign.curator("status")
    campaign.curator("round", code=3)
    assert choices(campaign) == ["blue", "green", "red", "unsure"]
    (told,) = campaign.rows("select label, cannot_tell, version from live_answers where cannot_tell")
    assert (told["label"], told["version"]) == (None, 1)

    renamed = campaign.curator("classes", "rename", "blue", "azure")
    assert "should reload it" in renamed.stderr
    assert choices(campaign) == ["azure", "green", "red", "unsure"]
    # Round 2 was out: one answers on a page that was open, the others see the new name.
    open_pages, seen = open_tasks(campaign), dict(campaign.truth)
    old_name = next((t for t in open_pages if seen[t.data["item_id"]] == "blue"), None)
    if old_name is not None:
        campaign.answer(old_name.id, "blue")
    now = {item: "azure" if label == "blue" else label for item, label in seen.items()}
    campaign.truth = now
    campaign.answer(open_tasks(campaign)[0].id, "unsure")
    campaign.answer_all()
    measured = campaign.curator("round").stdout
    assert "Round 2 measured" in measured
    assert "'blue' was renamed 'azure'" in measured
    assert labels(campaign).items() >= {i: now[i] for i in before}.items()
    assert set(labels(campaign).values()) <= {"azure", "green", "red"}
    assert campaign.rows("select count(*) as n from live_answers where cannot_tell")[0]["n"] == 2
    assert campaign.rows("select count(*) as n from live_answers where problem is not null")[0]["n"] == 0

    # Split: the hold-out's greens are asked again, in the round that is out.
    asked = len(campaign.tasks())
    sealed = {row["item_id"] for row in campaign.rows("select item_id from holdout")}
    greens = {item for item, label in labels(campaign).items() if label == "green"}
    said = campaign.curator("classes", "split", "green", "lime", "olive", "--yes").stdout
    assert f"  {len(greens & sealed)} hold-out items to be asked about again" in said
    assert not greens & labels(campaign).keys()
    assert choices(campaign) == ["azure", "lime", "olive", "red", "unsure"]
    campaign.curator("round")
    assert len(campaign.tasks()) == asked + len(greens & sealed)
    campaign.truth = {
        item: ("lime" if int(item[-1]) % 2 else "olive") if label == "green" else label
        for item, label in now.items()
    }
    campaign.answer_all()
    measured = campaign.curator("round").stdout
    assert "no gain is stated" in measured
    assert labels(campaign).items() >= {i: campaign.truth[i] for i in greens & sealed}.items()

    # Added, and nothing so far is of it: nobody is asked again.
    campaign.curator("classes", "add", "violet", "--keep-answers")
    assert choices(campaign) == ["azure", "lime", "olive", "red", "violet", "unsure"]
    campaign.answer(open_tasks(campaign)[0].id, "violet")
    campaign.answer_all()
    assert "Round 4 measured" in campaign.curator("round").stdout
    assert "violet" in labels(campaign).values()
    paid = campaign.rows("select count(*) as n, count(distinct source_id) as answers from costs")[0]
    assert paid["n"] == paid["answers"]  # nothing was paid twice
