"""The folder of answers: which files are read, which are named, and which numbers are of one server."""

import json
import os

import pytest
from support.studio import choice, questions, spec

from integrations.errors import LabelerError
from integrations.labelers.files import FilesLabeler, files_inventory

SPEC = spec("exports", "pos", "neg")


@pytest.fixture
def labeler(tmp_path):
    made = FilesLabeler(tmp_path)
    made.prepare(SPEC, None)
    made.send(questions(2))
    return made


def task(number, key, at, *users, project=1, first=1):
    """A task of an export, made in minute `at` of a server, with an annotation of each user."""
    made = f"2026-01-01T00:{at:02d}:{number:02d}.000001Z"
    return {
        "id": number,
        "project": project,
        "created_at": made,
        "updated_at": made,
        "data": {"key": key},
        "annotations": [
            {"id": first + n, "created_at": made, "completed_by": user, "result": choice("pos")}
            for n, user in enumerate(users)
        ],
    }


def put(labeler, name, rows, age=0):
    path = labeler._answers / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows), encoding="utf-8")
    os.utime(path, (1000 - age, 1000 - age))


def people(labeler):
    """Key -> who answered, as (origin, number, name)."""
    return {
        question.key: [(a.identity.origin, a.identity.number, a.annotator) for a in question.answers]
        for question in labeler.pull(None).questions
    }


def export(at, *, project=1):
    """Two tasks of one server, each answered by its user 1; numbers begin at 1, as on every server."""
    return [task(n, f"k{n - 1}", at, 1, first=n, project=project) for n in (1, 2)]


def test_exports_of_one_server_have_no_origin(labeler):
    """A newer export of the same project, another project of the same server: one user 1."""
    put(labeler, "old.json", export(1), age=5)
    put(labeler, "new.json", export(1))
    more = [task(3, "strange", 9, 1, first=3, project=2)]
    put(labeler, "more.json", more)
    assert people(labeler) == {key: [("", "1", "")] for key in ("k0", "k1", "strange")}


@pytest.mark.parametrize("project", [1, 2])
def test_the_same_question_as_two_tasks_is_two_servers(labeler, project):
    """Their users 1 are two people, whatever number the project has; both answers arrive."""
    put(labeler, "a.json", export(1))
    put(labeler, "b.json", export(5, project=project))
    found = people(labeler)
    assert [len(set(who)) for who in found.values()] == [2, 2]
    assert len({origin for who in found.values() for origin, *_ in who}) == 2
    # A newer export of one of them replaces its older one, and stays of the same origin.
    put(labeler, "b2.json", export(5, project=project), age=-5)
    assert people(labeler) == found
    assert labeler.answer_count() == 4


def test_exports_that_number_their_annotations_alike_are_of_two_servers(labeler):
    """Also where the tasks say nothing of where they are from."""
    for name, at in (("a.json", 1), ("b.json", 5)):
        rows = [
            {"id": at, "data": {"key": "k0"}, "annotations": task(1, "k0", at, 1, first=1)["annotations"]}
        ]
        put(labeler, name, rows)
    assert len(set(people(labeler)["k0"])) == 2


def test_a_folder_is_named_after_a_server_or_a_person(labeler):
    """Its exports are of one origin, whatever is in them; a person alone in it is called as it is."""
    put(labeler, "anna/a.json", export(1), age=5)
    put(labeler, "anna/b.json", [task(9, "k0", 30, 1, first=9)])
    put(labeler, "bob/x.JSON", export(1))
    put(labeler, "team/x.json", [task(1, "k1", 7, 1, {"id": 2, "email": "eve@example.org"}, first=1)])
    found = people(labeler)
    assert sorted(found["k0"]) == [("anna", "1", "anna"), ("anna", "1", "anna"), ("bob", "1", "bob")]
    assert sorted(found["k1"]) == [
        ("anna", "1", "anna"),
        ("bob", "1", "bob"),
        ("team", "1", ""),
        ("team", "2", "eve@example.org"),
    ]
    # The lost ledger is rebuilt from the same files.
    assert set(files_inventory(labeler._folder, "text").keys()) == {"k0", "k1"}


@pytest.mark.parametrize("name", ["x.JSON", "x.Json", "x.json.txt", "x"])
def test_tasks_in_json_are_read_whatever_the_file_is_called(labeler, name):
    """Somebody's mail program added an ending, or a system wrote it in capitals; a mark of the byte order is no matter."""
    put(labeler, name, "\ufeff" + json.dumps(export(1)))
    assert labeler.answer_count() == 2
    assert labeler.pull(None).notes == ()


def test_what_is_not_read_is_named(labeler):
    """All of it, in one sentence; hidden files are nobody's."""
    put(labeler, "notes.txt", "two annotators are ill")
    put(labeler, "list.txt", "[1, 2]")
    put(labeler, ".DS_Store", "x")
    (note,) = labeler.pull(None).notes
    assert "notes.txt" in note
    assert "list.txt" in note
    assert "are not read" in note
    assert ".DS_Store" not in note
    assert labeler.answer_count() == 0


def test_every_export_in_another_format_is_named_at_once(labeler):
    """In folders below, too."""
    put(labeler, "one.csv", "id,label\n")
    put(labeler, "anna/two.TSV", "id\tlabel\n")
    with pytest.raises(LabelerError, match=r"two\.TSV.*one\.csv|one\.csv.*two\.TSV") as caught:
        labeler.pull(None)
    assert "are exports in another format than JSON" in str(caught.value)


def test_the_short_json_format_is_named(labeler):
    """It does not say which task a row is of."""
    put(labeler, "min.JSON", [{"id": 1, "key": "k0", "label": "pos"}])
    with pytest.raises(LabelerError, match="not JSON-MIN"):
        labeler.pull(None)
