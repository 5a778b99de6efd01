"""Load and faults against the real server, small: the same parts that `make bench-faults` runs at full size."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from benchmarks.faults import annotators, campaign_in_bad_weather, kills, load, rivals
from benchmarks.faults.campaigns import PRICE, Place, answer_tasks, make, unanswered
from benchmarks.faults.outcome import answers_match
from benchmarks.faults.table import Row
from support.campaign import TOKEN, Campaign
from support.local_studio import LocalStudio
from support.projects import edit_config
from support.studio import gateway

from curator.ledger.store import Ledger

pytestmark = pytest.mark.long


@pytest.fixture
def place(
    tmp_path: Path, studio: LocalStudio, studio_executable: Path, monkeypatch: pytest.MonkeyPatch
) -> Place:
    monkeypatch.setenv(TOKEN, studio.token)
    return Place(tmp_path, studio, studio_executable, Path(__file__).resolve().parents[3] / ".studio")


def assert_all_hold(rows: Iterator[Row]) -> None:
    """Every row is measured, and in none is anything broken."""
    found = list(rows)
    assert found
    assert not [row.cells() for row in found if row.broken]


def test_many_questions(place):
    """Several requests full of them, answered, changed, deleted: the ledger follows."""
    assert_all_hold(load.run(place, questions=320, answers=12, changed=6, deleted=3, pause=0.0, apart=False))


def test_annotators_at_work_while_rounds_pull(place):
    """No answer is lost, doubled or paid twice."""
    assert_all_hold(annotators.run(place, annotators=4, seconds=4.0, questions=100))


def test_a_campaign_in_bad_weather(place):
    """Requests and replies are lost, cut, late or refused; the campaign ends as one in fair weather."""
    assert_all_hold(campaign_in_bad_weather.run(place, faults=6, rounds=1, share=0.25))


def test_killed_curators(place):
    """kill -9 at some writes of a campaign; `test_round_studio.py` and the benchmark take all."""
    assert_all_hold(kills.of_curator(place, rounds=1, writes=[5], moments=["after"]))


def test_a_killed_server(place):
    """kill -9 of the server during an import and during a pull: nothing lost, nothing doubled."""
    assert_all_hold(kills.of_server(place, questions=120, pushes=1, pulls=1))


def test_two_curators(place):
    """The second of two folders is refused; of two that begin at the same moment one goes on."""
    assert_all_hold(rivals.run(place, starts=1))


@pytest.fixture
def campaign(place) -> Campaign:
    """A round that is open, pulled completely once."""
    campaign = make(place, "open", items=80, batch=12, holdout=6, strategy="random")
    campaign.curator("round")
    campaign.curator("round", code=3)
    return campaign


def whole_lists(requests: list[tuple[str, str]]) -> int:
    """How often all tasks were listed with their answers, instead of those that changed."""
    count = 0
    for method, path in requests:
        asked = parse_qs(urlsplit(path).query)
        if method == "GET" and path.startswith("/api/tasks/") and "annotations" in asked["include"][0]:
            filters = json.loads(asked["query"][0])["filters"]["items"]
            count += {item["filter"] for item in filters} == {"filter:tasks:id"}
    return count


def through(
    campaign: Campaign, hook: Callable[[str, str], None] = lambda *_: None, code: int = 3
) -> tuple[int, str]:
    """One `curator round` through a gateway that tells `hook` of each request; (complete pulls, stderr)."""

    def watch(method: str, path: str) -> None:
        hook(method, path)

    with gateway(campaign.studio.url, watch) as way:
        edit_config(campaign.folder, campaign.studio.url, way.url)
        put(campaign, pulled_from=way.url)  # the same server
        said = campaign.curator("round", code=code)
        edit_config(campaign.folder, way.url, campaign.studio.url)
        return whole_lists(way.requests), said.stderr


def put(campaign: Campaign, **state: str) -> None:
    with Ledger(campaign.folder / ".curator" / "ledger.db") as ledger, ledger.write():
        for key, value in state.items():
            ledger.put(key, value)


def miss_changes(campaign: Campaign) -> None:
    """Let pulls with a cursor miss what comes now."""
    put(campaign, cursor=(datetime.now(UTC) + timedelta(hours=1)).isoformat())


def just_looked(campaign: Campaign) -> None:
    """As if a very long complete pull had only just ended."""
    put(
        campaign,
        last_complete_pull=json.dumps({"at": datetime.now(UTC).isoformat(), "seconds": 1e6, "left": [0, 0]}),
    )


def answers(campaign: Campaign) -> int:
    return campaign.rows("select count(*) as n from live_answers")[0]["n"]


def test_an_answer_given_during_a_pull_costs_no_complete_pull(campaign):
    """Counts that differ because somebody is at work are said; the next pull brings what is missing."""
    tasks = campaign.task_ids("train")
    campaign.answer(tasks[0], "red")
    late = iter(tasks[1:2])

    def answer_in_between(method: str, path: str) -> None:
        # The counters are read after the list: this answer is in them, and was not in the list.
        if "total_annotations_number" in path and answers(campaign):
            for task in late:
                campaign.answer(task, "blue")

    complete, said = through(campaign, answer_in_between)
    assert (complete, answers(campaign)) == (0, 1)
    assert "The labeler reports 2 answers, and 1 were pulled; somebody may be answering right now" in said
    assert through(campaign) == (0, "")
    assert answers_match(campaign, PRICE) == ""


def test_an_answer_that_a_pull_missed_is_found_by_a_complete_one(campaign):
    """Counts that stay different are looked into."""
    miss_changes(campaign)
    campaign.answer(campaign.task_ids("train")[0], "red")
    assert through(campaign) == (1, "")
    assert answers_match(campaign, PRICE) == ""


def test_complete_pulls_rest_in_between_but_not_before_a_round_is_settled(campaign):
    """What is missing is said; it is fetched when it is needed."""
    miss_changes(campaign)
    just_looked(campaign)
    campaign.answer(campaign.task_ids("train")[0], "red")
    complete, said = through(campaign)
    assert (complete, answers(campaign)) == (0, 0)
    assert "The labeler reports 1 answer, and 0 were pulled" in said
    campaign.curator("round", "--partial")
    assert answers(campaign) == 1
    assert answers_match(campaign, PRICE) == ""


def test_a_deleted_question_is_noticed_at_once(campaign):
    """Nobody waits for it, however lately everything was pulled."""
    just_looked(campaign)
    campaign.api.tasks.delete(id=str(campaign.task_ids("train")[0]))
    complete, said = through(campaign)
    assert complete == 1
    assert "Deleted at the labeler: 1 question," in said
    assert through(campaign) == (0, "")


@pytest.mark.parametrize("stranger", ["by hand", "twin"])
def test_a_deleted_question_is_noticed_beside_a_new_stranger(campaign, stranger):
    """One task less and one more: their number is as before, and still nobody waits for the deleted one."""
    lost, other = campaign.task_ids("train")[:2]
    data = {"text": "by hand"} if stranger == "by hand" else campaign.api.tasks.get(str(other)).data
    campaign.api.tasks.delete(id=str(lost))
    campaign.api.projects.import_tasks(id=campaign.number, request=[{"data": data}])
    complete, said = through(campaign)
    assert complete == 1
    assert "Deleted at the labeler: 1 question," in said
    assert through(campaign) == (0, "")


def test_a_doubled_task_is_looked_into_once(campaign):
    """A second copy of a question explains the count from then on; its answers belong to the question."""
    task = campaign.task_ids("train")[0]
    (twin,) = campaign.api.projects.import_tasks(
        id=campaign.number, request=[{"data": campaign.api.tasks.get(str(task)).data}], return_task_ids=True
    ).task_ids
    assert through(campaign) == (1, "")
    campaign.answer(int(twin), "red")
    assert through(campaign) == (0, "")
    assert [row["answers"] for row in campaign.rows("select count(*) as answers from live_answers")] == [1]


def test_what_a_complete_pull_cannot_explain_is_not_looked_into_again(campaign):
    """As long as it stays the same, and until the round is settled."""
    put(campaign, foreign_answers="2")  # that nobody gave
    put(
        campaign,
        last_complete_pull=json.dumps({"at": "2020-01-01T00:00:00+00:00", "seconds": 0.1, "left": [0, -2]}),
    )
    complete, said = through(campaign)
    assert complete == 0
    assert "The labeler reports 0 answers, and 2 were pulled" in said
    answer_tasks(campaign, unanswered(campaign), [campaign.studio.token])
    complete, said = through(campaign, code=0)
    assert complete == 1
    assert "The labeler reports" not in said
