"""A project that is gone from Label Studio: the campaign goes on in another, and nothing is paid again."""

import pytest
from support.campaign import TOKEN, Campaign
from support.projects import edit_config, labels_of, make_project
from typer.testing import CliRunner

from curator.cli.app import app
from curator.project.project import Project


@pytest.fixture
def campaign(tmp_path, studio, monkeypatch):
    """A campaign at the real server with one measured round and a second one half answered."""
    monkeypatch.setenv(TOKEN, studio.token)
    folder = make_project(tmp_path / "p", labeler="label-studio", url=studio.url, n=60, batch=6, holdout="10")
    with Project(folder) as project:
        made = Campaign(folder, studio, labels_of(project))
    made.curator("round")
    made.answer_all()
    made.curator("round")
    made.answer_all(most=2)
    made.curator("status")
    return made


def connect(campaign, *args, code=0):
    result = CliRunner().invoke(app, ["labeler", "connect", "--project", str(campaign.folder), *args])
    assert result.exit_code == code, f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
    return result


def spent(campaign):
    (row,) = campaign.rows("select sum(amount) as n from costs")
    return row["n"]


def test_a_deleted_project_is_made_again_and_only_what_is_owed_is_asked(campaign):
    """What was answered stays, paid once; the round ends as if nothing had happened."""
    before, old = spent(campaign), campaign.number
    campaign.api.projects.delete(id=old)
    refused = campaign.curator("round", code=1)
    assert "curator labeler connect" in refused.stderr
    said = connect(campaign, "--new").stdout
    assert campaign.number != old
    assert "4 are asked again" in said
    campaign.curator("round")  # sends them
    assert len(campaign.tasks()) == 4
    campaign.answer_all()
    campaign.curator("round")
    assert campaign.rows("select count(*) as n from labels where label is not null")[0]["n"] == 22
    assert spent(campaign) == before + 4 * 80_000


def test_a_project_that_was_imported_again_is_found_by_our_keys(campaign):
    """Other task numbers, the same questions: nothing is asked again."""
    tasks = [{"data": task.data} for task in campaign.tasks()]
    (config,) = [campaign.api.projects.get(campaign.number).label_config]
    copy = campaign.api.projects.create(title="moved", label_config=config)
    campaign.api.projects.import_tasks(id=copy.id, request=tasks)
    campaign.api.projects.delete(id=campaign.number)
    said = connect(campaign, "--to", str(copy.id)).stdout
    assert f"{len(tasks)} of its questions are there, 0 are asked again" in said
    assert campaign.number == copy.id
    ids = {str(task.id) for task in campaign.tasks()}
    assert {row["external_id"] for row in campaign.rows("select external_id from questions")} == ids


def test_a_project_that_is_not_there_or_does_not_fit_changes_nothing(campaign):
    """One line each."""
    old = campaign.number
    other = campaign.api.projects.create(
        title="other classes",
        label_config='<View><Text name="text" value="$text"/><Choices name="label" toName="text">'
        '<Choice value="a"/><Choice value="b"/></Choices></View>',
    )
    assert "classes" in connect(campaign, "--to", str(other.id), code=1).stderr
    assert "does not exist at" in connect(campaign, "--to", "999999", code=1).stderr
    assert "--to NUMBER" in connect(campaign, code=2).stderr
    assert "--to NUMBER" in connect(campaign, "--to", "1", "--new", code=2).stderr
    edit_config(campaign.folder, "# project = 12", f"project = {old}")
    assert "Change it to the project" in connect(campaign, "--to", str(other.id), code=2).stderr
    assert campaign.number == old


@pytest.mark.parametrize("labeler", ["replay", "files"])
def test_labelers_without_projects_say_so(tmp_path, labeler):
    """Nothing to connect."""
    folder = make_project(tmp_path / "p", n=40, batch=5, holdout="5", labeler=labeler)
    result = CliRunner().invoke(app, ["labeler", "connect", "--project", str(folder), "--new"])
    assert result.exit_code == 2
    assert "has no projects" in result.stderr
