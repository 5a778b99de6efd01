"""What annotators see and do in the browser, and what of it arrives in the ledger."""

import json
import re
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from support.browser import PATIENCE, Annotator
from support.campaign import TOKEN, Campaign
from support.projects import edit_config, make_project, write_pool
from support.studio import sdk

from curator.rounds.questions import AGAIN
from integrations.labelers.label_studio.annotator import sign_up

# Whatever comes from files is shown as text: if any of it ran, `window.hacked` would be set, and every test looks.
EVIL = '<img src=x onerror="window.hacked=1">'
CLASSES = ("blue", "green & <i>lime</i>", f"red {EVIL}")
HOTKEYS = dict(zip(CLASSES, "bgr", strict=True))
CANNOT_TELL = "can't tell"
LONG = 400  # lines

Start = Callable[..., Campaign]


@pytest.fixture
def start(tmp_path, studio, monkeypatch) -> Start:
    """Makes a campaign about texts full of markup at the real server."""
    monkeypatch.setenv(TOKEN, studio.token)

    def make(**options: Any) -> Campaign:
        names = dict(zip(("blue", "green", "red"), CLASSES, strict=True))
        plain = write_pool(tmp_path / "plain.jsonl", 60).read_text(encoding="utf-8")
        rows = [json.loads(line) for line in plain.splitlines()]
        for n, row in enumerate(rows):
            row["label"] = names[row["label"]]
            row["text"] = f"{row['text']} {EVIL}<script>window.hacked=1</script>\n\n  the end of {n}"
            if n % 4 == 0:
                row["text"] += "\nand so on" * LONG
            row["title"], row["author"] = f"Title {n} {EVIL}", f"first line\n\n**second** line {n}"
        data = tmp_path / "pool.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        settings = {
            "batch": 8,
            "holdout": "6",
            "url": studio.url,
            "classes": CLASSES,
            "data": data,
            **options,
        }
        folder = make_project(tmp_path / "campaign", labeler="label-studio", **settings)
        return Campaign(folder, studio, {row["id"]: row["label"] for row in rows})

    return make


def texts(campaign: Campaign) -> dict[str, dict[str, str]]:
    """item_id -> what its row in the data file says."""
    data = campaign.folder.parent / "pool.jsonl"
    return {row["id"]: row for row in map(json.loads, data.read_text(encoding="utf-8").splitlines())}


def asked(campaign: Campaign, round_: int) -> list[dict[str, Any]]:
    """The questions of a round in the order in which they are worth answering."""
    return campaign.rows(f"select * from questions where round = {round_} order by rank")


def answer_of(campaign: Campaign, key: str) -> dict[str, Any]:
    """The one answer to a question."""
    (row,) = campaign.rows(f"select * from live_answers where key = '{key}'")
    return row


def is_in_window(person: Annotator, box: Any) -> bool:
    """Whether all of an element can be seen without scrolling."""
    place, window = box.bounding_box(), person.page.viewport_size
    return (
        place is not None
        and place["y"] >= 0
        and place["y"] + place["height"] <= window["height"]
        and place["x"] >= 0
        and place["x"] + place["width"] <= window["width"]
    )


def test_a_round_of_texts_is_answered(start, person):
    """Suggestions are accepted, corrected, skipped and left open, in the order of ranks; the ledger knows all of it."""
    campaign = start(show=("title", "author"), batch=12)
    (campaign.folder / "told.md").write_text(
        f"# How to\n\n- one class only\n- not two\n\n{EVIL}\n", encoding="utf-8"
    )
    edit_config(campaign.folder, "neighbours = 0", "neighbours = 2")
    edit_config(campaign.folder, "blind_share = 0.2", "blind_share = 0.5")
    edit_config(campaign.folder, '# instructions = "instructions.md"', 'instructions = "told.md"')
    edit_config(campaign.folder, '# hotkeys = {blue = "q"}', f"hotkeys = {toml(HOTKEYS)}")
    edit_config(
        campaign.folder,
        '# descriptions = {blue = "what it means"}',
        f"descriptions = {toml({'blue': f'like the sky {EVIL}'})}",
    )
    campaign.curator("round")
    campaign.answer_all()
    campaign.curator("round")
    questions, items = asked(campaign, 2), texts(campaign)
    suggested = [row for row in questions if row["suggestion_shown"]]
    blind = [row for row in questions if not row["suggestion_shown"]]
    assert (len(suggested) >= 4, len(blind) >= 2) == (True, True)

    ada = person(campaign.studio, "ada")
    ada.open_project(campaign.number)
    assert ada.tabs == ["Round 2", "Round 1"]
    columns = ada.page.get_by_role("button", name=re.compile(r" str$"))
    expect(columns.first).to_be_visible()
    assert [name.split()[0] for name in columns.all_inner_texts()] == ["text", "rank", "why"]

    ada.label_all_tasks()
    expect(ada.instructions).to_contain_text(f"one class only not two {EVIL}")
    expect(ada.instructions.locator("li").first).to_have_css("list-style-type", "disc")
    ada.close_instructions()

    doing = dict(
        zip((row["key"] for row in suggested), ("accept", "correct", "skip", "cannot tell"), strict=False)
    )
    done = {}
    for row in questions:
        assert ada.task == int(row["external_id"])
        look_at(ada, row, items[row["item_id"]])
        what = doing.get(row["key"], "choose")
        others = [name for name in CLASSES if name != row["suggestion"]]
        done[row["key"]] = {"accept": row["suggestion"], "correct": others[0], "choose": CLASSES[0]}.get(what)
        if what == "correct":
            ada.press(HOTKEYS[others[0]])
        elif what == "cannot tell":
            ada.choose(CANNOT_TELL)
        elif what == "choose" and ada.chosen != [CLASSES[0]]:
            ada.choose(CLASSES[0])
        if what == "skip":
            ada.skip()
        else:
            ada.submit()
    assert ada.task is None

    assert "Round 2 measured" in campaign.curator("round").stdout
    for row in questions:
        answer, what = answer_of(campaign, row["key"]), doing.get(row["key"], "choose")
        assert (answer["annotator"], answer["label"], answer["problem"]) == (
            ada.email,
            done[row["key"]],
            None,
        )
        assert answer["seconds"] > 0
        assert (answer["skipped"], answer["cannot_tell"]) == (what == "skip", what == "cannot tell")
        if row in blind or what == "skip":
            assert answer["suggestion"] is None
        else:
            accepted = answer["label"] == row["suggestion"]
            assert answer["suggestion"] == ("accepted" if accepted else "changed")
    effect = json.loads(campaign.curator("status", "--json").stdout)["suggestions"]
    assert (effect["shown"], effect["blind"]) == (len(suggested) - 2, len(blind))  # a label is compared


def look_at(person: Annotator, row: dict[str, Any], item: dict[str, str]) -> None:
    """What stands on the page of one question of a round with suggestions, fields and neighbours."""
    editor, page = person.editor, person.page
    first, last = item["text"].splitlines()[0], item["text"].splitlines()[-1]
    expect(editor).to_contain_text(first)
    expect(editor).to_contain_text(last)
    expect(editor).to_contain_text(f"title: {item['title']}author: first line**second** line")
    expect(editor.get_by_text(row["why"], exact=True)).to_be_visible()
    near = editor.locator("li")
    if row["suggestion_shown"]:
        assert person.chosen == [row["suggestion"]]
        assert row["suggestion"] in row["why"]
        assert near.count() == len(json.loads(row["neighbours"])) == 2
        assert any(near.first.inner_text().startswith(f"{name}: number ") for name in CLASSES)
    else:
        assert person.chosen == []
        assert not any(name in row["why"] for name in CLASSES)
        assert near.count() == 0
        expect(editor.get_by_text("Labeled items like this one")).to_have_count(0)
    # however long the text is: it scrolls, and the classes stay in sight
    assert person.choices.count() == len(CLASSES) + 1
    assert all(is_in_window(person, box) for box in person.choices.all())
    if item["text"].count("\n") > LONG:
        cut = page.evaluate(
            "[...document.querySelectorAll('div')].some(e => getComputedStyle(e).overflowY == 'auto' "
            "&& e.innerText.includes('and so on') && e.scrollHeight > e.clientHeight + 100)"
        )
        assert cut
    person.choice(CLASSES[0]).hover()
    expect(page.get_by_text(f"like the sky {EVIL}", exact=True)).to_be_visible(timeout=PATIENCE)
    page.mouse.move(0, 0)
    assert page.evaluate("window.hacked") is None


def toml(table: dict[str, str]) -> str:
    """A table in one line of TOML."""
    return "{" + ", ".join(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in table.items()) + "}"


def test_two_people_and_two_open_rounds(start, person):
    """All tasks: by round and rank, each to one person at a time. As displayed: those of the round's tab alone."""
    campaign = start(batch=4, holdout="4")
    edit_config(campaign.folder, "blind_share = 0.2", "blind_share = 0.0")
    campaign.curator("round")
    campaign.answer_all()
    campaign.curator("round")
    campaign.answer_all(most=2)
    campaign.curator("round", "--partial")
    late = [int(row["external_id"]) for row in asked(campaign, 2)[2:]]
    new = [int(row["external_id"]) for row in asked(campaign, 3)]
    suggested = {int(row["external_id"]): row["suggestion"] for row in asked(campaign, 3)}
    ada, bob = (person(campaign.studio, name) for name in ("ada", "bob"))
    for one in (ada, bob):
        one.open_project(campaign.number)
        assert one.tabs == ["Round 3", "Round 2", "Round 1"]
        assert [int(text) for text in one.listed] == new
    ada.label_all_tasks()
    bob.label_all_tasks()
    assert [ada.task, bob.task] == late
    # suggestions of an older model are not shown any more, so they cannot be accepted either
    assert {row["suggestion_shown"] for row in asked(campaign, 2)} == {1}
    assert (ada.chosen, bob.chosen) == ([], [])
    assert [ada.skip(), bob.skip(), ada.skip()] == new[:3]
    assert (ada.chosen, bob.chosen) == ([suggested[new[2]]], [suggested[new[1]]])
    bob.open_project(campaign.number)
    bob.label_as_displayed()
    assert bob.task == new[1]
    assert [bob.skip() for _ in range(3)] == [*new[2:], None]


def test_several_answers_to_each_item(start, person):
    """Each of two people gets each task once, in the stream; a tie is asked again, with a line that says so."""
    campaign = start(batch=2, holdout="2")
    edit_config(campaign.folder, "overlap = 1", "overlap = 2")
    campaign.curator("round", "--batch", "3")
    questions = asked(campaign, 1)
    wanted = {int(row["external_id"]): row["answers_wanted"] for row in questions}
    twice = [task for task, count in wanted.items() if count == 2]
    assert len(twice) > 1
    # what happens to a project in the meantime does not take the second answer away
    imported = campaign.api.projects.import_tasks(
        id=campaign.number, request=[{"data": {"text": "by hand"}}], return_task_ids=True
    )
    campaign.api.projects.update(
        id=campaign.number, sampling="Sequential sampling", show_collab_predictions=True
    )
    listed = campaign.api.tasks.list(project=campaign.number, include="id,overlap", page_size=100).items or ()
    assert {task.id: task.overlap for task in listed if task.id in wanted} == wanted
    campaign.api.tasks.delete(id=str(imported.task_ids[0]))

    tied = next(row["item_id"] for row in questions if row["answers_wanted"] == 2)
    for name, gets in (("ada", list(wanted)), ("bob", twice)):
        one = person(campaign.studio, name)
        one.open_project(campaign.number)
        assert one.tabs == ["Round 1"]
        one.label_all_tasks()
        got = []
        while one.task is not None:
            got.append(one.task)
            item = next(row["item_id"] for row in questions if row["external_id"] == str(one.task))
            one.choose(CLASSES[name == "bob"] if item == tied else campaign.truth[item])
            one.submit()
        assert got == gets
        one.open_project(campaign.number)
        one.label_all_tasks()
        assert one.task is None
        if name == "ada":
            once = len(wanted) - len(twice)
            assert f"{once} of {len(wanted)} questions answered" in campaign.curator("round", code=3).stdout
    # Only where somebody is left to ask, so a third person has to be at work in the campaign.
    token = sign_up(campaign.studio.url, f"cid-{secrets.token_hex(3)}@browser.example.org", "secret-12345")
    third = sdk(campaign.studio.url, token)
    other = next(row for row in questions if row["item_id"] != tied)
    campaign.answer(int(other["external_id"]), campaign.truth[other["item_id"]], third)
    done = campaign.curator("round")
    assert "Asked about again because their answers disagree or cannot be read: 1 item" in done.stderr

    (again,) = [row for row in asked(campaign, 2) if row["item_id"] == tied]
    assert int(again["external_id"]) not in wanted
    one.open_task(campaign.number, int(again["external_id"]))
    expect(one.editor.get_by_text(AGAIN, exact=True)).to_be_visible()
    assert one.chosen == []
    campaign.answer(int(again["external_id"]), CLASSES[1], third)
    campaign.curator("round", "--partial")
    (label,) = campaign.rows(f"select * from current_labels where item_id = '{tied}'")
    assert (label["label"], label["answers"]) == (CLASSES[1], 3)
