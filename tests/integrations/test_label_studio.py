"""The traps of a real Label Studio, one by one. Faults that it does not produce come from a gateway before it."""

import io
import json
import pathlib
import threading
import time
import traceback
from dataclasses import replace
from zlib import crc32

import httpx
import pytest
from PIL import Image
from support.local_studio import LocalStudio
from support.studio import Fault, choice, gateway, questions, sdk, spec

from integrations.errors import LabelerError
from integrations.labelers.label_studio import labeler as module
from integrations.labelers.label_studio import uploads
from integrations.labelers.label_studio.annotator import SimulatedAnnotator, sign_up
from integrations.labelers.label_studio.labeler import LabelStudioLabeler
from integrations.labelers.label_studio.launch import ServerOptions
from integrations.labelers.label_studio.replies import plain
from integrations.labelers.protocol import Announcement, Identity, Question, Suggestion

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def api(studio):
    return sdk(studio.url, studio.token)


@pytest.fixture
def wanted(request):
    return spec(f"trap (curator {crc32(request.node.name.encode())})")


@pytest.fixture
def labeler(studio, wanted):
    made = LabelStudioLabeler(studio.url, studio.token, timeout=60.0)
    made.project = int(made.prepare(wanted, None))
    return made


def through(server, studio, **options):
    """A labeler that reaches Label Studio through a gateway."""
    return LabelStudioLabeler(server.url, studio.token, **{"timeout": 30.0, **options})


def is_import(method, path):
    return method == "POST" and "/import" in path


def is_list(path):
    return path.startswith("/api/tasks/")


def tasks_of(api, project):
    return list(api.tasks.list(project=project, page_size=1000).items)


# --- addresses and tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "token", "said"),
    [
        ("localhost:8080", "t", "http://"),
        ("ftp://host", "t", "http://"),
        ("http://", "t", "http://"),
        ("http://[::1", "t", "cannot be read"),
        ("http://host:port", "t", "cannot be read"),
        ("http://me:pass@host", "t", "LABEL_STUDIO_API_KEY"),
        ("http://host/?a=1", "t", "before any"),
        ("http://host", "", "LABEL_STUDIO_API_KEY"),
        ("http://host", " \n", "LABEL_STUDIO_API_KEY"),
        ("http://host", "sec ret", "Copy it again"),
        ("http://host", "sécret", "Copy it again"),
    ],
)
def test_an_address_or_token_that_cannot_be_right_is_refused_at_once(url, token, said):
    """Without any network, and without showing the token."""
    with pytest.raises(LabelerError, match=said) as caught:
        LabelStudioLabeler(url, token)
    assert not token.strip() or token not in str(caught.value) or token == "t"
    assert "pass@" not in str(caught.value)


def test_an_expired_token_is_told_from_a_wrong_one():
    """The SDK notices an expired personal token by itself, before any call."""
    expired = (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCIsImV4cCI6MTAwMDAwMDAwMH0."
        "c2lnbmF0dXJlLXRoYXQtbm9ib2R5LWNoZWNrcy1oZXJlLi4u"
    )
    with pytest.raises(LabelerError, match=r"expired.*LABEL_STUDIO_API_KEY") as caught:
        LabelStudioLabeler("http://localhost:1", expired)
    assert expired not in str(caught.value)


def test_a_wrong_token_is_one_clear_line(studio, wanted):
    """It says what to do; the token is in no message, no repr and no traceback."""
    token = "d00dfeed" * 5
    labeler = LabelStudioLabeler(studio.url, token)
    with pytest.raises(LabelerError, match=r"does not accept the token.*LABEL_STUDIO_API_KEY") as caught:
        labeler.prepare(wanted, None)
    assert "\n" not in str(caught.value)
    assert token not in "".join(traceback.format_exception(caught.value))
    assert token not in repr(labeler) + repr(labeler._client) + repr(caught.value)


def test_an_echoed_token_is_masked(studio, wanted):
    """Not even a gateway that quotes the request brings the token into a message."""
    body = json.dumps({"detail": f"bad header Token {studio.token}"}).encode()
    with (
        gateway(studio.url, lambda *_: Fault(400, body=body)) as server,
        pytest.raises(LabelerError, match=r"bad header Token \*\*\*") as caught,
    ):
        through(server, studio).prepare(wanted, None)
    assert studio.token not in str(caught.value)


def test_a_personal_access_token_works(studio, personal_token, wanted):
    """The token that Label Studio hands out by default is exchanged as the SDK does it, uploads included."""
    labeler = LabelStudioLabeler(studio.url, personal_token)
    labeler.prepare(wanted, None)
    assert set(labeler.send(questions(2))) == {"k0", "k1"}


# --- servers that are away or odd -------------------------------------------------------------------------------


def test_no_server_at_the_address(wanted):
    """Nothing was sent, so nothing may have been done."""
    labeler = LabelStudioLabeler("http://127.0.0.1:1", "token")
    with pytest.raises(LabelerError, match=r"no server answers at http://127.0.0.1:1 .*running") as caught:
        labeler.prepare(wanted, "1")
    assert not caught.value.maybe_done


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(200, body=b"<html><title>Please log in</title></html>"), "web page titled 'Please log in'"),
        (Fault(200, body=b"<!doctype html>"), "a web page instead of JSON"),
        (Fault(200, body=b"[1, 2]"), "does not speak like Label Studio"),
        (Fault(200, body=b"{}"), "does not speak like Label Studio"),
        (
            Fault(302, headers={"Location": "https://elsewhere.example/"}),
            "redirects to https://elsewhere.example/",
        ),
        (Fault(403, body=b'{"detail": "no rights"}'), "does not allow it .no rights."),
        (Fault(404, body=b"<html></html>"), "Is this the address"),
        (Fault(413, body=b""), "refused it as too large .no reason given."),
    ],
)
def test_what_is_no_label_studio_is_named(studio, wanted, fault, said):
    """A login page, a redirect, another service: one short line each."""
    with gateway(studio.url, lambda *_: fault) as server, pytest.raises(LabelerError, match=said) as caught:
        through(server, studio).prepare(wanted, None)
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)


def test_a_read_is_tried_again(studio, wanted):
    """One 503 on a read is not worth stopping for."""
    bad = iter([Fault(503)])
    with gateway(studio.url, lambda *_: next(bad, None)) as server:
        assert through(server, studio).prepare(wanted, None)


# --- the project ------------------------------------------------------------------------------------------------


def test_the_project_is_as_it_must_be(api, studio, wanted):
    """In order, suggestions shown, one answer each, a skip counts, instructions shown."""
    labeler = LabelStudioLabeler(studio.url, studio.token)
    project = api.projects.get(int(labeler.prepare(replace(wanted, instructions="Read it twice."), None)))
    assert project.title == wanted.title
    assert (project.sampling, project.skip_queue) == ("Sequential sampling", "IGNORE_SKIPPED")
    assert (project.maximum_annotations, project.show_collab_predictions) == (1, True)
    assert (project.expert_instruction, project.show_instruction) == ("Read it twice.", True)
    assert labeler.where() == f"{studio.url}/projects/{project.id}"


def test_a_project_of_the_same_title_that_is_not_ours_is_left_alone(api, labeler, studio, wanted):
    """Only a title with our mark is taken over."""
    own = api.projects.create(
        title="shared title", label_config=api.projects.get(labeler.project).label_config
    )
    other = LabelStudioLabeler(studio.url, studio.token)
    assert other.prepare(replace(wanted, title="shared title"), None) != str(own.id)


@pytest.mark.parametrize("title", ["x", "", "many words " * 12, "many words " * 12 + "but another end"])
def test_any_title_makes_one_project(api, studio, wanted, title):
    """Label Studio wants 3 to 50 characters; two long titles with one beginning stay two projects."""
    made = [
        LabelStudioLabeler(studio.url, studio.token).prepare(replace(wanted, title=title), None) for _ in "ab"
    ]
    assert made[0] == made[1]
    shown = api.projects.get(int(made[0]))
    assert 3 <= len(shown.title) <= 50
    assert title in shown.description or not title


def test_long_titles_are_told_apart(studio, wanted):
    """What is cut off still counts."""
    made = {
        LabelStudioLabeler(studio.url, studio.token).prepare(replace(wanted, title="w" * 60 + end), None)
        for end in "ab"
    }
    assert len(made) == 2


def test_a_creation_whose_reply_was_lost_is_found_again(studio, wanted):
    """A project is made once, although the first attempt failed after it took effect."""
    bad = iter([Fault(504, forward=True)])

    def faults(method, path):
        return next(bad, None) if (method, path) == ("POST", "/api/projects/") else None

    with gateway(studio.url, faults) as server:
        with pytest.raises(LabelerError, match="504") as caught:
            through(server, studio).prepare(wanted, None)
        assert caught.value.maybe_done
        through(server, studio).prepare(wanted, None)
        assert server.requests.count(("POST", "/api/projects/")) == 1


def test_missing_and_extra_classes_are_named(api, labeler, studio, wanted):
    """The message lists both, so that a person can repair either side."""
    other = replace(wanted, classes=("pos", "meh", "so so"))
    with pytest.raises(
        LabelerError, match=r"missing there: 'meh', 'so so'; there but not among yours: 'neg'"
    ):
        LabelStudioLabeler(studio.url, studio.token).prepare(other, str(labeler.project))


def test_text_questions_do_not_fit_an_image_project(labeler, studio, wanted):
    """The kind of question is compared as well."""
    with pytest.raises(LabelerError, match=r"<Choices.*over a <Image> for image questions"):
        LabelStudioLabeler(studio.url, studio.token).prepare(
            replace(wanted, kind="image"), str(labeler.project)
        )


def test_a_project_of_the_users_own_works(api, studio, wanted):
    """Other names, another variable, an alias and a comment box: as long as one single choice fits."""
    config = (
        '<View><Text name="body" value="$review"/><Choices name="mood" toName="body" choice="single-radio">'
        '<Choice value="Good :-)" alias="pos"/><Choice value="neg"/></Choices>'
        '<TextArea name="why" toName="body"/></View>'
    )
    project = api.projects.create(title="own project", label_config=config)
    labeler = LabelStudioLabeler(studio.url, studio.token)
    labeler.prepare(wanted, str(project.id))
    (task,) = labeler.send(questions(1)).values()
    assert api.tasks.get(task).data["review"] == "text 0"
    mood = {"from_name": "mood", "to_name": "body", "type": "choices", "value": {"choices": ["pos"]}}
    why = {"from_name": "why", "to_name": "body", "type": "textarea", "value": {"text": ["because"]}}
    api.annotations.create(id=int(task), result=[why, mood])
    (found,) = labeler.pull(None).questions
    assert found.answers[0].label == "pos"


@pytest.mark.parametrize("call", ["prepare", "find", "send", "announce", "pull", "answer_count"])
def test_a_deleted_project_is_one_clear_line(api, labeler, wanted, call):
    """Whatever is tried, the message says that the project is gone."""
    api.projects.delete(id=labeler.project)
    arguments = {
        "prepare": (wanted, str(labeler.project)),
        "find": (["k"],),
        "send": (questions(1),),
        "announce": (Announcement(1, "m"),),
        "pull": (None,),
        "answer_count": (),
    }
    with pytest.raises(LabelerError, match=f"project {labeler.project} does not exist at .*deleted"):
        getattr(labeler, call)(*arguments[call])


# --- questions --------------------------------------------------------------------------------------------------


def test_a_question_arrives_as_it_is(api, labeler):
    """Markup, newlines and emoji, the suggestion with score and model; what annotators must not see in `meta`."""
    text = 'two\nlines\t<b>bold</b> & "quotes" 😀 \\ $text'
    asked = Question("key-1", "item-1", 3, 17, text=text, suggestion=Suggestion("neg", 0.25, "round-2"))
    task = api.tasks.get(labeler.send([asked])["key-1"])
    assert task.data == {
        "text": text,
        "key": "key-1",
        "item_id": "item-1",
        "rank": 17,
        "round": 3,
        "why": "",
    }
    assert task.meta == {"role": "train"}
    (shown,) = task.predictions
    assert (shown.result, shown.score, shown.model_version) == (choice("neg"), 0.25, "round-2")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": None}, "no text"),
        ({"text": "half \ud83d"}, "half a character at position 5"),
        ({"suggestion": Suggestion("other", 0.5, "m")}, "not one of the project's classes: 'pos', 'neg'"),
        ({"suggestion": Suggestion("pos", 1.5, "m")}, "probability from 0 to 1"),
        ({"suggestion": Suggestion("pos", float("nan"), "m")}, "probability from 0 to 1"),
        ({"suggestion": Suggestion("pos", 0.5, "")}, "which model"),
    ],
)
def test_label_studio_checks_no_suggestion_so_we_do(api, labeler, change, said):
    """A question that cannot be shown stops the whole chunk, before anything is sent."""
    good, bad = questions(2)
    with pytest.raises(LabelerError, match=said):
        labeler.send([good, replace(bad, **change)])
    assert tasks_of(api, labeler.project) == []


def test_suggestions_are_shown_only_once_announced(api, labeler):
    """The project's model version moves from round to round; an unknown one is left alone."""
    for round_ in (1, 2):
        labeler.send(
            [
                replace(question, suggestion=Suggestion("pos", 0.5, f"m{round_}"))
                for question in questions(1, prefix=f"r{round_}-", round_=round_)
            ]
        )
        labeler.announce(Announcement(round_, f"m{round_}"))
        assert api.projects.get(labeler.project).model_version == f"m{round_}"
    labeler.announce(Announcement(3, "m3"))
    assert api.projects.get(labeler.project).model_version == "m2"


def test_many_long_keys_are_looked_up(labeler):
    """More keys than one address can hold."""
    keys = [f"{n:04d}-😀-{'x' * 40}" for n in range(300)]
    labeler.send([Question(key, key, 1, n, text="t") for n, key in enumerate(keys)])
    assert set(labeler.find([*keys, *(f"no-{key}" for key in keys)])) == set(keys)


@pytest.mark.parametrize(
    "fault", [Fault(504, forward=True), Fault(None, forward=True), Fault(429, forward=True)]
)
def test_a_send_that_took_effect_but_failed_makes_one_copy(api, labeler, studio, wanted, fault):
    """No repeat by itself; the next attempt finds what is there and sends the rest."""
    bad = iter([fault])
    with gateway(
        studio.url, lambda method, path: next(bad, None) if is_import(method, path) else None
    ) as server:
        away = through(server, studio)
        away.prepare(wanted, str(labeler.project))
        with pytest.raises(LabelerError) as caught:
            away.send(questions(3))
        assert caught.value.maybe_done
        assert "\n" not in str(caught.value)
        assert set(away.find(["k0", "k1", "k2", "k3"])) == {"k0", "k1", "k2"}
        away.send(questions(4))
    assert sorted(task.data["key"] for task in tasks_of(api, labeler.project)) == ["k0", "k1", "k2", "k3"]


def test_a_send_that_takes_too_long_may_have_been_done(studio, labeler, wanted):
    """A time-out says so, and how long it waited."""
    free = threading.Event()

    def slow(method, path):
        if is_import(method, path):
            free.wait(20)

    with gateway(studio.url, slow) as server:
        away = through(server, studio, timeout=1.5)
        away.prepare(wanted, str(labeler.project))
        with pytest.raises(LabelerError, match=r"within 1.5 s") as caught:
            away.send(questions(1))
        free.set()
    assert caught.value.maybe_done


def test_a_refused_send_has_not_been_done(api, labeler):
    """A 400 stores nothing, and the message quotes the reason."""
    other = '<View><Text name="text" value="$other"/><Choices name="label" toName="text"><Choice value="a"/></Choices></View>'
    api.projects.update(id=labeler.project, label_config=other)
    with pytest.raises(LabelerError, match=r'HTTP 400.*"other" key is expected') as caught:
        labeler.send(questions(1))
    assert not caught.value.maybe_done


def test_a_reply_that_covers_only_some_questions_is_no_success(studio, labeler, wanted):
    """The ids are counted."""
    short = Fault(201, body=b'{"task_ids": [1]}', forward=True)
    with gateway(studio.url, lambda method, path: short if is_import(method, path) else None) as server:
        away = through(server, studio)
        away.prepare(wanted, str(labeler.project))
        with pytest.raises(LabelerError, match="confirmed 1 of 2") as caught:
            away.send(questions(2))
    assert caught.value.maybe_done


# --- answers ----------------------------------------------------------------------------------------------------


def test_reused_task_ids_do_not_confuse(api, labeler):
    """The server hands the id of a deleted task out again; the key in the data tells the two apart."""
    old = labeler.send(questions(2))
    api.tasks.delete(id=old["k1"])
    new = labeler.send(questions(1, prefix="new"))
    assert new["new0"] == old["k1"]
    assert labeler.find(["k1", "new0"]) == new
    api.annotations.create(id=int(new["new0"]), result=choice("neg"))
    found = {question.key: question for question in labeler.pull(None).questions}
    assert "k1" not in found
    assert found["new0"].answers[0].label == "neg"


def test_reused_annotation_ids_do_not_confuse(api, labeler):
    """Two answers with one id at different times are two answers."""
    task = int(labeler.send(questions(1))["k0"])
    ids, sources = [], []
    for label in ("pos", "neg"):
        found = api.annotations.create(id=task, result=choice(label))
        ids.append(found.id)
        sources.append(labeler.pull(None).questions[0].answers[0].source_id)
        api.annotations.delete(id=found.id)
    assert sources[0] != sources[1]


def test_a_change_just_before_the_cursor_is_not_lost(api, labeler):
    """A row may get its time before it becomes visible, so a pull reaches back past its cursor."""
    task = int(labeler.send(questions(1))["k0"])
    api.annotations.create(id=task, result=choice("pos"))
    reached = labeler.pull(None).cursor
    later = module.utc(module.datetime.fromisoformat(reached) + module.OVERLAP / 2)
    (found,) = labeler.pull(later).questions
    assert found.answers[0].label == "pos"
    beyond = module.utc(module.datetime.fromisoformat(reached) + 2 * module.OVERLAP)
    assert labeler.pull(beyond).questions == ()


def test_the_cursor_is_the_servers_time_before_the_list_was_walked(api, labeler, monkeypatch):
    """What changes while a long list is read is newer than the cursor, and comes with the next pull."""
    ids = labeler.send(questions(3))
    monkeypatch.setattr(module, "_PAGE", 1)
    before = labeler.pull(None).cursor
    walk, changed = labeler._walk, []

    def interrupted(filters, fields):
        for task in walk(filters, fields):
            yield task
            if not changed:
                changed.append(api.annotations.create(id=int(ids["k0"]), result=choice("pos")))

    labeler._walk = interrupted
    pulled = labeler.pull(None)
    assert pulled.cursor == before
    assert pulled.questions[0].answers == ()


@pytest.mark.parametrize("cursor", ["yesterday", "2026-13-01", ""])
def test_a_cursor_that_is_no_time_is_refused(labeler, cursor):
    """Label Studio answers a bad time with HTTP 500; we say what is wrong."""
    with pytest.raises(LabelerError, match="is not a time"):
        labeler.pull(cursor)


def test_annotations_are_not_validated_by_the_server(api, labeler):
    """Whatever lies there, the pull goes on and says which answer cannot be read, and why."""
    strange = {
        "nothing was chosen": [],
        "2 classes were chosen": [
            {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": ["pos", "neg"]}}
        ],
        "'zzz' is not one of the classes": choice("zzz"),
        "holds no choices": [{"from_name": "label", "value": 5}],
        "nothing was": [{"foo": 1}],
    }
    ids = labeler.send(questions(len(strange) + 1))
    for task, result in zip(ids.values(), strange.values(), strict=False):
        api.annotations.create(id=int(task), result=result, lead_time=None)
    headers = {"Authorization": f"Token {api._client_wrapper._tokens_client.api_key}"}
    address = f"{labeler._client.url}/api/tasks/{ids[f'k{len(strange)}']}/annotations/"
    assert httpx.post(address, json={"lead_time": 1}, headers=headers).status_code == 201
    answers = [question.answers[0] for question in labeler.pull(None).questions]
    for answer, problem in zip(answers, [*strange, "no result"], strict=True):
        assert problem in answer.problem
        assert (answer.label, answer.skipped) == (None, False)
    assert answers[0].seconds is None


def test_answers_to_foreign_tasks_are_counted(api, labeler):
    """A person may add tasks of their own: they are no questions of ours, but explain the count."""
    labeler.send(questions(1))
    made = api.projects.import_tasks(
        id=labeler.project,
        request=[{"data": {"text": "mine"}}, {"data": {"text": "x", "key": 5}}],
        return_task_ids=True,
    )
    for task in made.task_ids:
        api.annotations.create(id=task, result=choice("pos"))
    pulled = labeler.pull(None)
    assert [question.key for question in pulled.questions] == ["k0"]
    assert pulled.foreign_answers == labeler.answer_count() == 2
    assert labeler.pull(pulled.cursor).foreign_answers == 0


def test_a_doubled_task_is_one_question(api, labeler):
    """Both copies' answers belong to it, also when a cursor pull sees only one copy change."""
    first = labeler.send(questions(1))["k0"]
    data = api.tasks.get(first).data
    (second,) = api.projects.import_tasks(
        id=labeler.project, request=[{"data": data}], return_task_ids=True
    ).task_ids
    api.annotations.create(id=int(first), result=choice("pos"))
    api.annotations.create(id=second, result=choice("neg"))
    (found,) = labeler.pull(None).questions
    assert [answer.label for answer in found.answers] == ["pos", "neg"]
    assert found.external_id == labeler.find(["k0"])["k0"] == first
    twins = labeler._with_twins([plain(task) for task in tasks_of(api, labeler.project) if task.id == second])
    assert {task["id"] for task in twins} == {int(first), second}


def test_pages_add_up(labeler, monkeypatch):
    """Many pages bring every task once."""
    labeler.send(questions(7))
    monkeypatch.setattr(module, "_PAGE", 2)
    assert [question.key for question in labeler.pull(None).questions] == [f"k{n}" for n in range(7)]


def test_a_list_that_is_cut_off_is_an_error(studio, labeler, wanted):
    """Fewer tasks than the server says there are is never taken for all."""
    labeler.send(questions(3))
    short = Fault(200, body=b'{"tasks": [], "total": 3, "total_annotations": 0, "total_predictions": 0}')

    def faults(method, path):
        return short if is_list(path) and "lead_time" in path else None

    with gateway(studio.url, faults) as server:
        away = through(server, studio)
        away.prepare(wanted, str(labeler.project))
        with pytest.raises(LabelerError, match="0 of 3 tasks after task 0"):
            away.pull(None)


def test_an_annotation_without_identity_is_an_error(studio, labeler, wanted):
    """Without id and time an answer could not be told from its own edit."""
    labeler.send(questions(1))
    task = {
        "id": 1,
        "data": {"key": "k0"},
        "annotations": [{"result": []}],
        "updated_at": "2026-01-01T00:00:00Z",
    }
    body = json.dumps({"tasks": [task], "total": 1, "total_annotations": 1, "total_predictions": 0}).encode()
    with gateway(studio.url, lambda _, path: Fault(200, body=body) if is_list(path) else None) as server:
        away = through(server, studio)
        away.prepare(wanted, str(labeler.project))
        with pytest.raises(LabelerError, match=r"task 1 of project .*no id"):
            away.pull(None)


def test_annotators_have_names(api, labeler, studio, wanted):
    """An e-mail where the server tells it; a number where it does not."""
    task = int(labeler.send(questions(1))["k0"])
    api.annotations.create(id=task, result=choice("pos"))
    assert labeler.pull(None).questions[0].answers[0].annotator == studio.email
    with gateway(studio.url, lambda _, path: Fault(403) if path.startswith("/api/users") else None) as server:
        away = through(server, studio)
        away.prepare(wanted, str(labeler.project))
        (answer,) = away.pull(None).questions[0].answers
        assert (answer.annotator, answer.identity) == ("", Identity(server.url, "1"))
    with gateway(studio.url, lambda _, path: Fault(401) if path.startswith("/api/users") else None) as server:
        away = through(server, studio)
        away.prepare(wanted, str(labeler.project))
        with pytest.raises(LabelerError, match="does not accept the token"):
            away.pull(None)


def test_busy_annotators_lose_nothing(studio, labeler):
    """Answers that come while pulls run are all seen by the end, without a complete pull."""
    labeler.send(questions(24))
    annotators = [
        SimulatedAnnotator(
            studio.url, sign_up(studio.url, f"busy-{n}@example.org", "secret-12345"), lambda _: "pos"
        )
        for n in range(2)
    ]
    pulled = labeler.pull(None)
    threads = [threading.Thread(target=who.run, args=(labeler.project,)) for who in annotators]
    for thread in threads:
        thread.start()
    seen = {}
    while any(thread.is_alive() for thread in threads) or len(seen) < 24:
        pulled = labeler.pull(pulled.cursor)
        seen |= {question.key: question.answers for question in pulled.questions if question.answers}
        time.sleep(0.05)
    pulled = labeler.pull(pulled.cursor)
    seen |= {question.key: question.answers for question in pulled.questions if question.answers}
    assert seen == {question.key: question.answers for question in labeler.pull(None).questions}
    assert sum(map(len, seen.values())) == labeler.answer_count()


# --- images -----------------------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path):
    paths = []
    for shade in range(5):
        path = tmp_path / f"picture {shade}.PNG"
        Image.new("L", (8, 8), shade * 10).save(path)
        paths.append(str(path))
    return paths


def image_questions(pictures):
    return [Question(f"i{n}", f"item-{n}", 1, n + 1, image=path) for n, path in enumerate(pictures)]


def test_local_images_are_uploaded_and_can_be_seen(api, studio, wanted, pictures, monkeypatch):
    """In lots; each is shown from the server under a name that says nothing, and holds the same bytes."""
    monkeypatch.setattr(uploads, "_MOST_FILES", 2)
    labeler = LabelStudioLabeler(studio.url, studio.token)
    labeler.prepare(replace(wanted, kind="image"), None)
    far = Question("far", "item-far", 1, 9, image="https://example.org/cat.png")
    for key, task in labeler.send([*image_questions(pictures), far]).items():
        shown = api.tasks.get(task).data["image"]
        if key == "far":
            assert shown == "https://example.org/cat.png"
            continue
        assert shown.startswith("/data/upload/")
        assert "picture" not in shown
        reply = httpx.get(studio.url + shown, headers={"Authorization": f"Token {studio.token}"})
        assert Image.open(io.BytesIO(reply.content)).getpixel((0, 0)) == int(key[1:]) * 10
        assert httpx.get(studio.url + shown).status_code == 401


def test_an_image_is_uploaded_once(api, studio, wanted, pictures):
    """After a failed import another process finds the files there; the same content is one file."""
    bad = iter([Fault(500)])

    def faults(method, path):
        return next(bad, None) if is_import(method, path) and "commit_to_project" not in path else None

    image = replace(wanted, kind="image")
    asked = [*image_questions(pictures), Question("twin", "twin", 1, 9, image=pictures[0])]
    with gateway(studio.url, faults) as server:
        first = through(server, studio)
        project = int(first.prepare(image, None))
        with pytest.raises(LabelerError):
            first.send(asked)
    second = LabelStudioLabeler(studio.url, studio.token)
    second.prepare(image, str(project))
    assert len(second.send(asked)) == 6
    assert len(api.files.list(project, all_=True)) == 5


def test_an_image_that_cannot_be_read_or_stored_is_named(studio, wanted, pictures, tmp_path):
    """The file, the item or the server's reason is in the message."""
    labeler = LabelStudioLabeler(studio.url, studio.token)
    labeler.prepare(replace(wanted, kind="image"), None)
    with pytest.raises(LabelerError, match=r"gone.png cannot be read .No such file"):
        labeler.send([Question("k", "i", 1, 1, image=str(tmp_path / "gone.png"))])
    with pytest.raises(LabelerError, match="item 'i' has no image"):
        labeler.send([Question("k", "i", 1, 1, text="only text")])
    program = tmp_path / "program.exe"
    program.write_bytes(b"x")
    with pytest.raises(LabelerError, match=r"could not upload 1 images"):
        labeler.send([Question("k", "i", 1, 1, image=str(program))])
    lost = Fault(200, body=b"[]")
    with gateway(studio.url, lambda _, path: lost if "file-uploads" in path else None) as server:
        away = through(server, studio)
        away.prepare(replace(wanted, kind="image"), None)
        with pytest.raises(LabelerError, match="5 of 5 images were not stored"):
            away.send(image_questions(pictures))


def test_an_upload_that_fails_is_not_a_question_that_may_have_been_asked(studio, wanted, pictures):
    """A gateway that refuses a body in plain text is quoted."""
    with gateway(
        studio.url, lambda _, path: Fault(413, body=b"too big") if "commit" in path else None
    ) as server:
        away = through(server, studio)
        away.prepare(replace(wanted, kind="image"), None)
        with pytest.raises(LabelerError, match=r"could not upload 1 images.*too big") as caught:
            away.send(image_questions(pictures))
    assert not caught.value.maybe_done


# --- the simulated annotator ------------------------------------------------------------------------------------


def test_the_simulated_annotator_answers_what_is_unanswered(studio, labeler):
    """In order, up to a number, skips included, under its own name; a second run adds nothing."""
    labeler.send(questions(5))
    token = sign_up(studio.url, "simulated-annotator@curator.local", "secret-12345")
    who = SimulatedAnnotator(
        studio.url, token, lambda data: None if data["item_id"] == "item-1" else "neg", seconds=2.5
    )
    assert who.run(labeler.project, most=2) == 2
    assert labeler.answer_count() == 2
    assert who.run(labeler.project) == 3
    assert who.run(labeler.project) == 0
    answers = [question.answers for question in labeler.pull(None).questions]
    assert [answer.label for (answer,) in answers] == ["neg", None, "neg", "neg", "neg"]
    assert {(answer.annotator, answer.seconds) for (answer,) in answers} == {
        ("simulated-annotator@curator.local", 2.5)
    }


def test_the_simulated_annotator_answers_images(studio, wanted, pictures):
    """It reads from the project what kind of question it holds."""
    labeler = LabelStudioLabeler(studio.url, studio.token)
    project = int(labeler.prepare(replace(wanted, kind="image"), None))
    labeler.send(image_questions(pictures[:2]))
    assert SimulatedAnnotator(studio.url, studio.token, lambda _: "pos").run(project) == 2
    assert [question.answers[0].label for question in labeler.pull(None).questions] == ["pos", "pos"]


def test_an_account_that_cannot_be_made_is_an_error(studio):
    """A name that is taken already, say."""
    with pytest.raises(LabelerError, match="no account for"):
        sign_up(studio.url, studio.email, "secret-12345")


# --- what stands in front of a server ---------------------------------------------------------------------------


def test_questions_get_through_a_proxy_with_a_small_limit(api, studio, wanted):
    """Texts of 8 KB through a proxy that takes no request of more than 200 KB: all arrive, each once."""
    long = [replace(question, text="word " * 1_600) for question in questions(60)]
    with gateway(studio.url, largest=200_000) as server:
        away = through(server, studio)
        project = int(away.prepare(wanted, None))
        assert len(away.send(long)) == 60
        refused = [path for method, path in server.requests if is_import(method, path)]
    assert [task.data["key"] for task in tasks_of(api, project)] == [question.key for question in long]
    assert len(refused) < 10  # what was learnt is kept


def test_a_question_that_is_too_large_alone_is_named(studio, wanted):
    """It is not tried for ever; what was sent before it is there, and that is said."""
    some = [
        *questions(2),
        Question("big", "the-large-item", 1, 3, text="word " * 60_000),
    ]
    with gateway(studio.url, largest=200_000) as server:
        away = through(server, studio)
        away.prepare(wanted, None)
        with pytest.raises(LabelerError, match=r"'the-large-item' alone .*client_max_body_size") as caught:
            away.send(some)
        assert set(away.find(["k0", "k1", "big"])) == {"k0", "k1"}
    assert caught.value.maybe_done


def test_an_image_that_is_too_large_alone_is_named(studio, wanted, tmp_path):
    """The message says how large it is, and what to change."""
    image = tmp_path / "large.png"
    Image.effect_noise((400, 400), 80).save(image)
    with gateway(studio.url, largest=20_000) as server:
        away = through(server, studio)
        away.prepare(replace(wanted, kind="image"), None)
        with pytest.raises(LabelerError, match=r"the image \w+\.png \([\d,]+ bytes\) is too large"):
            away.send([Question("k", "i", 1, 1, image=str(image))])


class BelowAPath(ServerOptions):
    """A server that is told to be seen at another address, below a path."""

    def environment(self):
        return super().environment() | {"LABEL_STUDIO_HOST": "http://studio.test/ls"}


@pytest.fixture(scope="module")
def below_a_path(studio_executable):
    with LocalStudio(studio_executable, ROOT / ".studio", options=BelowAPath()) as server:
        yield server


def test_images_are_where_the_server_says_that_it_is_seen(below_a_path, wanted, pictures):
    """A proxy takes the path off before the server: the browser's addresses need it, whichever address is ours."""
    with gateway(below_a_path.url, prefix="/ls") as proxy:
        for url in (f"{proxy.url}/ls", below_a_path.url):
            labeler = LabelStudioLabeler(url, below_a_path.token, timeout=60.0)
            project = int(labeler.prepare(replace(wanted, title=f"{wanted.title} {url}", kind="image"), None))
            labeler.send(image_questions(pictures[:1]))
            (task,) = tasks_of(sdk(below_a_path.url, below_a_path.token), project)
            assert task.data["image"].startswith("/ls/data/upload/")
        shown = httpx.get(
            proxy.url + task.data["image"], headers={"Authorization": f"Token {below_a_path.token}"}
        )
    assert shown.content == pathlib.Path(pictures[0]).read_bytes()


def test_a_server_that_quotes_a_request_shows_no_token(studio, wanted, personal_token):
    """Neither the personal token nor what it was exchanged for, in no error and no redirect."""
    seen: list[str] = []

    def quoting(_method, path):
        if "token/refresh" in path:
            return None
        # as an access token looks; the real one of this session is masked as it was sent
        seen.append(path)
        return Fault(
            400, body=json.dumps({"detail": f"bad request: Authorization: Bearer {personal_token}"}).encode()
        )

    with gateway(studio.url, quoting) as server:
        labeler = LabelStudioLabeler(server.url, personal_token, timeout=30.0)
        with pytest.raises(LabelerError, match=r"Bearer \*\*\*") as caught:
            labeler.prepare(wanted, None)
    assert seen
    assert "eyJ" not in str(caught.value)
