"""Who runs a campaign: two copies of a folder are two, and only one of them may ask."""

import json
import os
import re
import shutil

import pytest
from support.campaign import TOKEN, Campaign
from support.projects import labels_of, make_project

from curator.project.instance import VARIABLE, instance_name
from curator.project.project import Project


@pytest.fixture(autouse=True)
def _no_name_from_outside(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def state(tmp_path):
    """A project's state folder."""
    path = tmp_path / "project" / ".curator"
    path.mkdir(parents=True)
    return path


def test_the_same_folder_keeps_its_name(state):
    """Asked twice, and after it was moved: the same, and it says where it was begun."""
    name = instance_name(state)
    assert str(state.parent) in name
    assert instance_name(state) == name
    moved = state.parent.with_name("elsewhere")
    state.parent.rename(moved)
    assert instance_name(moved / ".curator") == name


def test_a_copy_gets_a_name_of_its_own(state):
    """However it was copied; the original keeps its own."""
    name = instance_name(state)
    names = {name}
    for n, copy in enumerate(
        (shutil.copytree, lambda old, new: shutil.copytree(old, new, copy_function=os.link))
    ):
        target = state.parent / f"copy-{n}"
        copy(state, target)
        names.add(instance_name(target))
        assert instance_name(target) in names
    assert len(names) == 3
    assert instance_name(state) == name


def test_a_variable_names_whoever_runs_it(state, monkeypatch):
    """In a CI job the folder is a new copy each time; blanks are made plain, and nothing is written."""
    monkeypatch.setenv(VARIABLE, "  the nightly\n job ")
    assert instance_name(state) == "the nightly job"
    assert list(state.iterdir()) == []
    monkeypatch.setenv(VARIABLE, "  ")
    assert str(state.parent) in instance_name(state)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"name": "x"}', '{"inode": 1}', "\ud800"])
def test_a_damaged_file_is_replaced(state, content):
    """A name is only a name."""
    (state / "instance.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    name = instance_name(state)
    assert instance_name(state) == name
    assert json.loads((state / "instance.json").read_text("utf-8"))["name"] == name


@pytest.fixture
def campaign(tmp_path, studio, monkeypatch):
    """A campaign that has asked its first round."""
    monkeypatch.setenv(TOKEN, studio.token)
    folder = make_project(
        tmp_path / "first", n=40, batch=4, holdout="4", labeler="label-studio", url=studio.url
    )
    with Project(folder) as project:
        truth = labels_of(project)
    made = Campaign(folder, studio, truth)
    made.curator("round")
    return made


def refused(campaign):
    """The one line that says who runs it."""
    result = campaign.curator("round", code=1)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert re.search(r"is run from .+, not from here .+--take-over", line)
    return line


def test_of_two_copies_the_second_is_refused(campaign, tmp_path):
    """It says who runs the campaign; taking over turns the two round; nothing is asked, pulled or paid twice."""
    other = Campaign(tmp_path / "second", campaign.studio, campaign.truth)
    shutil.copytree(campaign.folder, other.folder)
    description = campaign.api.projects.get(campaign.number).description
    assert str(campaign.folder) in refused(other)
    assert campaign.api.projects.get(campaign.number).description == description
    # Who only looks is let in, and changes nothing; the doctor says how it stands.
    assert "run from" in other.curator("doctor", code=1).stdout
    assert "0 of" in other.curator("status").stdout
    assert campaign.api.projects.get(campaign.number).description == description

    other.curator("round", "--take-over", code=3)
    assert str(other.folder) in refused(campaign)
    campaign.answer_all()
    refused(campaign)
    # for good, not for one call
    assert "Round 1 measured" in other.curator("round").stdout
    keys = [task.data["key"] for task in other.tasks()]
    assert len(keys) == len(set(keys))
    # The first one's ledger has been left behind by now: taking over again would forget what was asked and paid.
    assert "is it an older copy?" in campaign.curator("round", "--take-over", code=1).stderr
    other.answer_all()
    assert "Round 2 measured" in other.curator("round", "--take-over").stdout


def test_two_copies_by_one_name_are_one(campaign, tmp_path, monkeypatch):
    """As in a job that checks the folder out anew each time."""
    monkeypatch.setenv(VARIABLE, "nightly")
    refused(campaign)
    campaign.curator("round", "--take-over", code=3)
    other = Campaign(tmp_path / "second", campaign.studio, campaign.truth)
    shutil.copytree(campaign.folder, other.folder)
    other.curator("round", code=3)
    campaign.curator("round", code=3)


def test_a_project_of_a_former_version_has_no_holder_yet(campaign):
    """Whoever comes first holds it; what annotators see there is left as it is."""
    found = campaign.api.projects.get(campaign.number)
    first = found.description.splitlines()
    mark = next(line for line in first if line.startswith("Made by curator for campaign "))
    config = found.label_config.replace('value="$why"', 'value="What is it?"')
    assert config != found.label_config
    former = mark.replace("this and the next lines as they are", "this line as it is")
    campaign.api.projects.update(id=campaign.number, description=former, label_config=config)
    campaign.curator("round", code=3)
    now = campaign.api.projects.get(campaign.number)
    assert now.label_config == config
    assert f"Run from: {instance_name(campaign.folder / '.curator')}" in now.description.splitlines()
    assert sum(line.startswith("Made by curator") for line in now.description.splitlines()) == 1
