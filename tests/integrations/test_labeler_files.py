"""The labeler of files: what is written can be imported, what is exported can be read, broken files are named."""

import json
import os
import re
from dataclasses import replace

import httpx
import pytest
from support.studio import choice, questions, sdk, spec

from integrations.errors import LabelerError
from integrations.labelers import files as module
from integrations.labelers.files import FilesLabeler
from integrations.labelers.protocol import Question, Suggestion

SPEC = spec("files", "pos", "neg")


@pytest.fixture
def labeler(tmp_path):
    made = FilesLabeler(tmp_path)
    made.prepare(SPEC, None)
    return made


def annotation(number, label, **more):
    return {
        "id": number,
        "created_at": f"2026-01-01T00:00:{number:02d}.5Z",
        "completed_by": 7,
        "result": choice(label),
        **more,
    }


def export(labeler, name, rows, *, age=0):
    path = labeler._answers / name
    path.write_text(json.dumps(rows), encoding="utf-8")
    os.utime(path, (1000 - age, 1000 - age))
    return path


def row(key, *annotations):
    return {"id": 1, "data": {"key": key}, "annotations": list(annotations)}


def test_a_real_label_studio_takes_the_files_and_gives_them_back(studio, labeler):
    """Import the configuration and the questions, answer, export: the answers arrive under their keys."""
    asked = [
        replace(question, suggestion=Suggestion("neg", 0.5, "m1"), text="<b>😀</b>\n&")
        for question in questions(3)
    ]
    labeler.send(asked)
    api = sdk(studio.url, studio.token)
    project = api.projects.create(title="by hand", label_config=labeler._config.read_text("utf-8"))
    (path,) = labeler._questions.iterdir()
    headers = {"Authorization": f"Token {studio.token}"}
    reply = httpx.post(
        f"{studio.url}/api/projects/{project.id}/import?return_task_ids=true",
        files={"file": (path.name, path.read_bytes(), "application/json")},
        headers=headers,
    )
    assert reply.json()["prediction_count"] == 3
    tasks = list(api.tasks.list(project=project.id).items)
    assert tasks[0].data["text"] == "<b>😀</b>\n&"
    api.annotations.create(id=tasks[0].id, result=choice("pos"), lead_time=2.5)
    api.annotations.create(id=tasks[1].id, result=[], was_cancelled=True)
    address = f"{studio.url}/api/projects/{project.id}/export"
    content = httpx.get(address, params={"exportType": "JSON"}, headers=headers).content
    (labeler._answers / "export.json").write_bytes(content)
    found = {question.key: question.answers for question in labeler.pull(None).questions}
    assert (found["k0"][0].label, found["k0"][0].seconds) == ("pos", 2.5)
    assert found["k1"][0].skipped
    assert found["k2"] == ()
    assert labeler.answer_count() == 2


def test_file_names_are_stable(labeler):
    """The same questions give the same file; round and content make the name."""
    name = labeler.send(questions(2, round_=3))["k0"]
    assert re.fullmatch(r"round-003-[0-9a-f]{12}\.json", name)
    (labeler._questions / name).unlink()
    assert labeler.send(questions(2, round_=3))["k0"] == name


def test_a_half_written_file_does_not_count(labeler):
    """A kill while writing leaves a hidden file that nobody reads, and the next attempt replaces it."""
    (labeler._questions / ".round-001-abc.json.half").write_text('[{"data": {"key": "k0"', encoding="utf-8")
    assert labeler.find(["k0"]) == {}
    assert set(labeler.send(questions(1))) == {"k0"}


@pytest.mark.parametrize("name", ["export.csv", "project-1.ZIP"])
def test_an_export_in_another_format_is_named(labeler, name):
    """It is not passed over in silence: whoever put it there believes that the answers are in."""
    labeler.send(questions(1))
    (labeler._answers / name).write_bytes(b"id,label\n")
    with pytest.raises(LabelerError, match=rf"{name} is an export in another format than JSON"):
        labeler.pull(None)
    (labeler._answers / name).rename(labeler._answers / "notes.md")
    assert labeler.answer_count() == 0


def test_the_newest_export_of_a_question_counts(labeler):
    """By the time of the file, then by name; a question in an older file only is kept."""
    labeler.send(questions(2))
    export(labeler, "z-old.json", [row("k0", annotation(1, "pos")), row("k1", annotation(2, "pos"))], age=10)
    export(labeler, "a-new.json", [row("k0", annotation(1, "neg"))])
    found = {question.key: question.answers[0].label for question in labeler.pull(None).questions}
    assert found == {"k0": "neg", "k1": "pos"}
    export(labeler, "b-new.json", [row("k0")])
    first = labeler.pull(None)
    assert first.questions[0].answers == ()
    assert labeler.pull(first.cursor).cursor == first.cursor
    export(labeler, "c-new.json", [row("k0", annotation(3, "pos"))])
    assert labeler.pull(first.cursor).cursor != first.cursor


def test_a_clock_set_back_between_two_exports_changes_nothing(labeler):
    """The newer state of a task is told by the server's time in it, whatever the times of the files say."""
    labeler.send(questions(1))
    old, new = (
        {**row("k0", annotation(1, label)), "updated_at": at}
        for label, at in (("pos", "2026-01-02T00:00:00Z"), ("neg", "2026-01-03T00:00:00+00:00"))
    )
    export(labeler, "new.json", [new], age=86400)
    export(labeler, "old.json", [old])
    (found,) = labeler.pull(None).questions
    assert found.answers[0].label == "neg"


def test_a_moved_question_file_is_known_by_its_answers(labeler):
    """Who moved instead of copied loses nothing once the answers are there."""
    name = labeler.send(questions(1))["k0"]
    (labeler._questions / name).unlink()
    export(labeler, "export.json", [row("k0", annotation(1, "pos"))])
    assert labeler.find(["k0"]) == {"k0": "export.json"}
    assert labeler.pull(None).questions[0].external_id == "export.json"


def test_annotators_and_foreign_tasks(labeler):
    """A number, an object with e-mail, nobody; a task without our key is counted, not listed."""
    labeler.send(questions(1))
    answers = [
        annotation(1, "pos"),
        annotation(2, "pos", completed_by={"id": 3, "email": "ann@example.org"}),
        annotation(3, "pos", completed_by={"id": 3}),
        annotation(4, "pos", completed_by=None, lead_time=True),
        annotation(5, "pos", lead_time=float("nan"), result=None),
        annotation(6, "pos", lead_time=-1, prediction={"big": "thing"}),
        annotation(6, "pos"),
    ]
    export(labeler, "export.json", [row("k0", *answers), {"data": {}, "annotations": [1, 2]}, {"data": None}])
    pulled = labeler.pull(None)
    found = pulled.questions[0].answers
    assert [answer.annotator for answer in found[:4]] == ["", "ann@example.org", "", ""]
    assert [answer.identity and answer.identity.number for answer in found[:4]] == ["7", "3", "3", None]
    assert [answer.seconds for answer in found] == [None] * 6
    assert (found[4].problem, found[4].raw["lead_time"]) == ("the annotation has no result", "nan")
    assert "prediction" not in found[5].raw
    assert (pulled.foreign_answers, labeler.answer_count()) == (2, 8)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[{", "is not JSON"),
        ('{"tasks": []}', "not JSON-MIN"),
        ('[{"id": 1, "text": "x", "sentiment": "pos"}]', "not JSON-MIN"),
        ("[5]", "not JSON-MIN"),
        (json.dumps([row("k0", 5)]), "task 1: an annotation is int"),
        (json.dumps([row("k0", {"id": 1, "result": []})]), "no id or no created_at"),
        (json.dumps([row("k0", annotation(1, "pos", created_at="then"))]), "then"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_broken_export_is_named(labeler, content, said):
    """The message has the file and what to do about it; nothing is passed over in silence."""
    labeler.send(questions(1))
    path = labeler._answers / "broken.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LabelerError, match=said) as caught:
        labeler.pull(None)
    assert str(path) in str(caught.value)


def test_the_configuration_is_compared(labeler, tmp_path):
    """Classes and kind of question, on every later call; a file that went missing is said."""
    with pytest.raises(LabelerError, match=r"missing there: 'meh'.*not among yours: 'neg'"):
        FilesLabeler(tmp_path).prepare(replace(SPEC, classes=("pos", "meh")), None)
    with pytest.raises(LabelerError, match=r"label_config.xml does not fit"):
        FilesLabeler(tmp_path).prepare(replace(SPEC, kind="image"), "files")
    labeler._config.unlink()
    with pytest.raises(LabelerError, match="are gone"):
        FilesLabeler(tmp_path).prepare(SPEC, "files")


def test_images_are_named_by_their_address(tmp_path):
    """Files carry no images: the address is written as it is."""
    labeler = FilesLabeler(tmp_path)
    labeler.prepare(replace(SPEC, kind="image"), None)
    name = labeler.send([Question("k", "i", 1, 1, image="https://example.org/a.png")])["k"]
    assert module.read_tasks(labeler._questions / name)[0]["data"]["image"] == "https://example.org/a.png"
    assert labeler.where() == str(tmp_path)
