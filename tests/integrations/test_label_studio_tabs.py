"""A round's tab in Label Studio's data manager, and how many people get its tasks."""

import secrets
from dataclasses import replace

import httpx
import pytest
from support.studio import Fault, choice, gateway, questions, sdk, spec

from integrations.errors import LabelerError
from integrations.labelers.label_studio.annotator import sign_up
from integrations.labelers.label_studio.labeler import LabelStudioLabeler
from integrations.labelers.protocol import Announcement


@pytest.fixture
def wanted(request):
    """A project of this test alone."""
    return spec(f"{request.node.name[5:30]} {secrets.token_hex(4)}")


@pytest.fixture
def api(studio):
    """Label Studio as the owner sees it."""
    return sdk(studio.url, studio.token)


@pytest.fixture
def labeler(studio, wanted):
    """Prepared, and nothing is asked yet."""
    made = LabelStudioLabeler(studio.url, studio.token, timeout=60.0)
    made.prepare(wanted, None)
    return made


def number(labeler):
    return labeler._project()[0]


def tabs(api, labeler):
    """The tabs from left to right: title -> number."""
    return {view.data["title"]: view.id for view in api.views.list(project=number(labeler))}


def test_each_round_has_one_tab_and_the_newest_stands_first(api, labeler):
    """The data manager opens with the leftmost; announcing again changes nothing, and other tabs stay."""
    labeler.send([*questions(2, prefix="a"), *questions(2, prefix="b", round_=2)])
    labeler.announce(Announcement(1))
    labeler.announce(Announcement(1))
    assert list(tabs(api, labeler)) == ["Round 1"]
    api.views.create(project=number(labeler), data={"title": "Mine"})
    labeler.announce(Announcement(2))
    labeler.announce(Announcement(2))
    found = tabs(api, labeler)
    assert list(found) == ["Round 2", "Round 1", "Mine"]
    assert labeler.where().endswith(f"/projects/{number(labeler)}/data?tab={found['Round 2']}")


def test_a_tab_lists_its_round_in_the_order_of_ranks(api, labeler):
    """Whatever the order was in which they arrived."""
    asked = [replace(q, rank=10 - q.rank) for q in questions(5, prefix="a", round_=12)]
    labeler.send([*questions(3, prefix="b", round_=1), *asked])
    labeler.announce(Announcement(12))
    (view,) = tabs(api, labeler).values()
    listed = api.tasks.list(view=view, include="id,data", page_size=100).items or ()
    assert [task.data["key"] for task in listed] == ["a4", "a3", "a2", "a1", "a0"]


def test_a_tab_whose_reply_was_lost_is_found_again(api, studio, wanted):
    """A gateway answers 504 after the tab was made: one tab in the end."""
    lost = iter([Fault(504, forward=True)])

    def faults(method, path):
        return next(lost, None) if method == "POST" and path.startswith("/api/dm/views") else None

    with gateway(studio.url, faults) as server:
        labeler = LabelStudioLabeler(server.url, studio.token)
        labeler.prepare(wanted, None)
        labeler.send(questions(1))
        with pytest.raises(LabelerError, match="add the tab 'Round 1'"):
            labeler.announce(Announcement(1))
        labeler.announce(Announcement(1))
        assert list(tabs(api, labeler)) == ["Round 1"]


def overlaps(api, labeler):
    listed = api.tasks.list(project=number(labeler), include="id,data,overlap", page_size=100).items or ()
    return {task.data["key"]: task.overlap for task in listed}


def test_several_answers_are_asked_for_once(api, studio, wanted):
    """Only where they are wanted, and a task that has the number already is left alone."""
    with gateway(studio.url, lambda *_: None) as server:
        labeler = LabelStudioLabeler(server.url, studio.token)
        labeler.prepare(wanted, None)
        labeler.send(questions(3))
        for _ in range(2):
            labeler.announce(Announcement(1, answers_wanted={"k0": 2, "k2": 3}))
        assert overlaps(api, labeler) == {"k0": 2, "k1": 1, "k2": 3}
        assert sum(method == "PATCH" and "/api/tasks/" in path for method, path in server.requests) == 2


def test_an_overlap_stays_through_what_happens_to_the_project(api, labeler):
    """More tasks, a changed title, another model: the second answer is still asked for."""
    labeler.send(questions(2))
    labeler.announce(Announcement(1, answers_wanted={"k0": 2}))
    labeler.send(questions(2, prefix="later", round_=2))
    labeler.announce(Announcement(2))
    api.projects.update(id=number(labeler), title="Another title", skip_queue="IGNORE_SKIPPED")
    assert overlaps(api, labeler) == {"k0": 2, "k1": 1, "later0": 1, "later1": 1}


def test_the_stream_gives_a_task_to_as_many_people_as_are_wanted(studio, labeler):
    """By the project's own stream: one at a time, nobody twice, and a skip is an answer."""
    labeler.send(questions(2))
    labeler.announce(Announcement(1, answers_wanted={"k0": 2}))
    people = [
        sign_up(studio.url, f"{secrets.token_hex(4)}@tabs.example.org", "secret-12345") for _ in range(3)
    ]

    def next_task(token):
        reply = httpx.get(
            f"{studio.url}/api/projects/{number(labeler)}/next/",
            headers={"Authorization": f"Token {token}"},
            timeout=60,
        )
        return reply.json()["data"]["key"] if reply.status_code == 200 else None

    def answer(token, key, label):
        task = int(labeler.find([key])[key])
        sdk(studio.url, token).annotations.create(
            id=task, result=choice(label) if label else [], was_cancelled=label is None, lead_time=1.0
        )

    ada, bob, cid = people
    assert [next_task(ada), next_task(bob), next_task(cid)] == ["k0", "k0", "k1"]
    answer(ada, "k0", "pos")
    assert next_task(ada) is None  # her part of k0 is done, and k1 is with somebody
    answer(cid, "k1", None)
    assert next_task(cid) is None  # skipped is answered; k0 is with Bob
    answer(bob, "k0", "neg")
    assert [next_task(token) for token in people] == [None, None, None]
