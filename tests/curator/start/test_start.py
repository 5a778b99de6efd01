"""What `curator init` understands, shows and refuses; a dry run writes nothing."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.projects import make_project
from typer.testing import CliRunner

from curator.care.doctor import examine
from curator.cli.app import app
from curator.cli.text.init import init_text
from curator.config import load_config
from curator.errors import ConfigError, DataError
from curator.pool.problems import counted
from curator.progress import NoProgress
from curator.project.project import Project
from curator.rounds.run import run_round
from curator.start.create import init_project, try_init
from curator.start.languages import languages_of
from curator.start.load import first_round_note
from curator.start.options import InitOptions
from curator.start.plan import make_plan
from curator.start.understood import chance_of_none, refuse_alike
from curator.views.export import export_labels, own_columns
from curator.views.status import read_status

TOPICS = ("billing", "login", "shipping")
WORDS = ("the refund of my card payment", "a new password for my account", "the parcel has not arrived")


def rows(n=24, **columns):
    made = {"id": str, "text": lambda i: f"{WORDS[i % 3]} number {i}", "label": lambda i: TOPICS[i % 3]}
    made |= columns
    return [{name: value(i) for name, value in made.items() if value} for i in range(n)]


def write(path, records):
    path.write_text("".join(json.dumps(row) + "\n" for row in records), encoding="utf-8")
    return path


def options(data, **changes):
    settings = {"name": "x", "data": data, "price": "0.1", "labeler": "replay", "batch": 6, "holdout": "4"}
    return InitOptions(**(settings | changes))


def dry(data, **changes):
    return try_init(options(data, **changes), NoProgress())


def refusal(data, **changes):
    with pytest.raises((ConfigError, DataError)) as caught:
        make_plan(options(data, **changes))
    return str(caught.value)


def vectors(n, values):
    return {"embedding": lambda i: [float(v) for v in values[i]]}


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(size=(40, 4))


def test_a_dry_run_understands_the_same_and_writes_nothing(tmp_path, monkeypatch):
    """No folder, no file; by the command line, for people and as JSON."""
    data = write(tmp_path / "a.jsonl", rows(label=lambda i: "Card" if i == 1 else ("card", "cash")[i % 2]))
    monkeypatch.chdir(tmp_path)
    args = [
        "init",
        "x",
        "--data",
        "a.jsonl",
        "--price",
        "1",
        "--labeler",
        "replay",
        "--holdout",
        "4",
        "--batch",
        "6",
    ]
    shown = CliRunner().invoke(app, [*args, "--project", "new", "--dry-run"])
    assert shown.exit_code == 0, shown.stderr
    assert re.search(r"label +label +text +3 +card, Card, cash +by its name", shown.stdout)
    assert "'Card' (1) and 'card' (12)" in " ".join(shown.stdout.split())
    assert "Dry run: nothing was written" in shown.stdout
    assert sorted(tmp_path.iterdir()) == [data]
    told = json.loads(CliRunner().invoke(app, [*args, "--dry-run", "--json"]).stdout)
    assert sorted(tmp_path.iterdir()) == [data]
    assert told["folder"] is None
    real = json.loads(CliRunner().invoke(app, [*args, "--project", "new", "--json"]).stdout)
    assert real["understood"] == told["understood"]
    assert [one["items"] for one in told["understood"]["classes"]] == [1, 12, 11]


def test_files_are_found_from_the_project_when_it_is_made_elsewhere(tmp_path, monkeypatch):
    """Paths are relative to where the command runs; where that is not the project, curator.toml holds them whole."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "data.jsonl", rows(note=lambda i: f"note {i}"))
    write(
        tmp_path / "held.jsonl", rows(6, id=lambda i: f"h{i}", text=lambda i: f"{WORDS[i % 3]} held out {i}")
    )
    given = options(Path("data.jsonl"), holdout="held.jsonl")
    for folder, source, file in (
        ("elsewhere", str(tmp_path / "data.jsonl"), str(tmp_path / "held.jsonl")),
        (".", "data.jsonl", "held.jsonl"),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        init_project(given, Path(folder), NoProgress())
        config = load_config(tmp_path / folder)
        assert (config.data.source, config.holdout.file) == (source, file)
        with Project(tmp_path / folder) as project:
            monkeypatch.chdir(tmp_path.parent)
            own, notes = own_columns(project, ["3"])
            assert (own, notes) == ({"3": {"note": "note 3"}}, ())
            with pytest.raises(ConfigError):
                export_labels(project, tmp_path / "data.jsonl")
        monkeypatch.chdir(tmp_path)


def test_what_a_rare_class_means_is_said(tmp_path):
    """One of a hundred: what the hold-out can be expected to have of it, and what that does to the metric."""
    data = write(tmp_path / "a.jsonl", rows(200, label=lambda i: "odd" if i < 2 else ("a", "b")[i % 2]))
    report = dry(data, holdout="50")
    odd = next(one for one in report.understood.classes if one.name == "odd")
    assert (odd.items, odd.holdout) == (2, 0.5)
    assert odd.absent == pytest.approx(150 * 149 / (200 * 199))
    text = " ".join(init_text(report).split())
    assert (
        "rare in the hold-out: 'odd' (about 0.5, 56% chance of none). Gains in such a class hardly show"
        in text
    )
    assert "macro_f1" in text


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 30))
def test_the_chance_that_a_sample_has_none(n, items, drawn):
    """As by multiplying what is left at each draw."""
    items, drawn = min(items, n), min(drawn, n)
    left = 1.0
    for at in range(drawn):
        left *= max(0, n - items - at) / (n - at)
    assert chance_of_none(n, items, drawn) == pytest.approx(left, abs=1e-9)


def test_copies_and_near_copies_are_counted_with_an_example(tmp_path):
    """Word for word, and by the embeddings; the pair that is shown is one that differs."""
    values = np.eye(24)
    values[5] = values[4] + 0.01
    data = write(
        tmp_path / "a.jsonl",
        rows(**vectors(24, values), text=lambda i: "same" if i in (1, 9) else f"text {i}"),
    )
    found = dry(data).understood
    assert found.copies == 2
    assert (found.embeddings.near_copies, found.embeddings.compared) == (2, 24)
    assert found.embeddings.example == ("text 4", "text 5")
    assert found.embeddings.zero == 0
    assert not found.embeddings.all_near


def test_zero_embeddings_are_said_at_init_and_by_doctor(tmp_path, noise):
    """How many, and which."""
    values = noise[:24].copy()
    values[4:8] = 0
    data = write(tmp_path / "a.jsonl", rows(**vectors(24, values)))
    report = init_project(options(data), tmp_path / "p", NoProgress())
    seen = report.understood.embeddings
    assert (seen.zero, seen.looked_at, len(seen.zero_examples)) == (4, 24, 3)
    assert "Zero embeddings: 4 of 24" in init_text(report)
    assert dry(data).understood.embeddings == seen
    finding = next(one for one in examine(tmp_path / "p") if one.name == "embeddings")
    assert finding.state == "warn"
    assert "4 of them zero" in finding.detail
    assert "'4' (" in finding.detail


@pytest.mark.parametrize(
    "values",
    [
        lambda noise: np.tile(noise[0], (24, 1)),
        lambda noise: np.zeros((24, 4)),
        lambda noise: np.outer(np.arange(1, 25), noise[0]),
        lambda noise: np.outer(np.arange(24) % 2, noise[0]),
    ],
    ids=["the same", "zero", "the same direction", "the same or zero"],
)
def test_embeddings_that_are_all_alike_are_refused(tmp_path, noise, values):
    """No model could learn; nothing is left behind, in a dry run neither."""
    data = write(tmp_path / "a.jsonl", rows(**vectors(24, values(noise))))
    with pytest.raises(
        DataError, match=r"a\.jsonl: the embeddings of all 24 items are .* another column with --embedding"
    ):
        init_project(options(data), tmp_path / "p", NoProgress())
    assert not (tmp_path / "p").exists()
    with pytest.raises(DataError, match="of all 24 items"):
        dry(data)


def test_nearly_alike_is_said(tmp_path, noise):
    """All within the cosine of copies: then nothing would be asked, and the setting is named."""
    data = write(tmp_path / "a.jsonl", rows(**vectors(24, 100 + noise)))
    report = dry(data)
    assert report.understood.embeddings.all_near
    assert "duplicate_cosine" in init_text(report)
    refuse_alike([(0, np.eye(3, dtype=np.float32))], 3)
    refuse_alike([(0, np.zeros((1, 3), dtype=np.float32))], 1)


def test_languages_of_texts():
    """The most frequent first; too short to tell is not guessed."""
    texts = ["Where is my parcel, please?"] * 3 + ["Je voudrais rendre cet article"] * 2 + ["ok", "😀"]
    assert list(languages_of(texts).items()) == [("en", 3), ("fr", 2), (None, 2)]
    assert languages_of([]) == {}


@pytest.mark.parametrize("name", ["can't tell", "Can't tell", "can\u2019t tell "])
def test_a_class_that_is_also_the_way_out_needs_another_text_for_it(tmp_path, name):
    """The message names the option, and with it the project opens again."""
    data = write(tmp_path / "a.jsonl", rows(label=lambda i: (name, "b")[i % 2]))
    if "\u2019" in name:
        assert make_plan(options(data)).config.labeler.cannot_tell == "can't tell"
        return
    assert "--cannot-tell" in refusal(data)
    for text in ("unsure", ""):
        init_project(options(data, cannot_tell=text), tmp_path / f"p{text}", NoProgress())
        assert load_config(tmp_path / f"p{text}").labeler.cannot_tell == text


def test_what_is_zero_is_not_taken_for_the_default(tmp_path):
    """In Python, where no option parser has looked at it."""
    data = write(tmp_path / "a.jsonl", rows())
    assert "batch" in refusal(data, batch=0)
    assert "batch" in refusal(data, batch=-1)
    assert "holdout" in refusal(data, holdout="0")


@pytest.mark.parametrize(
    ("seed_batch", "holdout", "n", "note"),
    [
        (100, 1, 5, "the first round asks about all 5 items: a smaller --batch leaves some to choose from"),
        (4, 2, 9, "the first round asks about 6 of 9 items: a smaller --batch leaves more to choose from"),
        (4, 2, 12, None),
    ],
)
def test_the_first_round_asks_about_no_more_than_there_is(tmp_path, seed_batch, holdout, n, note):
    """Right counts in the note."""
    data = write(tmp_path / "a.jsonl", rows())
    config = make_plan(options(data)).config
    config = config.model_copy(
        update={
            "acquisition": config.acquisition.model_copy(update={"seed_batch": seed_batch}),
            "holdout": config.holdout.model_copy(update={"size": holdout}),
        }
    )
    assert first_round_note(config, n) == note


def test_numbers_with_their_nouns():
    """One is one."""
    assert [counted(n, "item") for n in (0, 1, 1200)] == ["0 items", "1 item", "1,200 items"]
    assert counted(2, "class", "classes") == "2 classes"


def test_classes_that_cannot_be_found_are_explained(tmp_path):
    """What is wrong with the column that looks like them, and all columns with examples."""
    message = refusal(write(tmp_path / "a.jsonl", rows(label=lambda i: [TOPICS[i % 3]])))
    assert "column 'label' is not the label: row 1 (line 1) holds ['billing'] (a list)" in message
    assert "'text': text, 24 different" in message
    assert "--classes" in message
    message = refusal(write(tmp_path / "a.jsonl", rows(label=lambda i: float(i % 3))), label="label")
    assert "column 'label' (--label) cannot hold the labels: row 1 (line 1) holds 0.0" in message
    message = refusal(write(tmp_path / "a.jsonl", rows(label=None)), classes=("a", "b"))
    assert "the replay labeler answers from known labels, and no column holds them" in message


def test_a_note_is_said_once(tmp_path):
    """What holds for the hold-out file as for the pool is not said again."""
    data = write(tmp_path / "a.jsonl", rows(id=None))
    held = write(tmp_path / "h.jsonl", rows(6, id=None, text=lambda i: f"{WORDS[i % 3]} held {i}"))
    report = dry(data, holdout=str(held))
    said = [*report.understood.notes, *report.notes]
    assert len([note for note in said if "hash of the content" in note]) == 1
    assert [one.holdout for one in report.understood.classes] == [2.0, 2.0, 2.0]


def test_look_alike_classes_are_merged_for_good(tmp_path):
    """At init, in the hold-out file, and by what is added later."""
    data = write(
        tmp_path / "a.jsonl", rows(label=lambda i: TOPICS[i % 3].title() if i % 5 == 0 else TOPICS[i % 3])
    )
    held = write(
        tmp_path / "h.jsonl",
        rows(
            6,
            id=lambda i: f"h{i}",
            text=lambda i: f"held {i} {WORDS[i % 3]}",
            label=lambda i: TOPICS[i % 3].upper(),
        ),
    )
    folder = tmp_path / "p"
    report = init_project(options(data, merge_case=True, holdout=str(held)), folder, NoProgress())
    assert load_config(folder).project.classes == TOPICS
    assert any("5 labels taken as the class they look like" in note for note in report.notes)
    assert any(note.startswith("hold-out: 6 labels taken") for note in report.notes)
    write(data, [{"id": "new", "text": "the card again", "label": "BILLING"}])
    added = CliRunner().invoke(app, ["add", str(data), "--project", str(folder)])
    assert "1 item added" in added.stdout
    assert "'BILLING' as 'billing' (1)" in added.stdout
    text = (folder / "curator.toml").read_text("utf-8").replace('"billing", ', '"billing", "Billing", ')
    (folder / "curator.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="merge_case makes one class of 'billing' and 'Billing'"):
        load_config(folder)


def test_a_new_class_in_added_data_says_how_classes_are_added(tmp_path):
    """By the command that does it, not by advice that `round` would refuse."""
    folder = make_project(tmp_path, n=30, holdout="5")
    more = write(
        tmp_path / "more.jsonl", [{"id": "n", "text": "t", "label": "brandnew", "embedding": [1.0] * 16}]
    )
    refused = CliRunner().invoke(app, ["add", str(more), "--project", str(folder)])
    assert refused.exit_code == 1
    assert "'brandnew' (1 row, first row 1 (line 1))" in refused.stderr
    assert "curator classes add" in refused.stderr


def test_forty_columns_stay_readable(tmp_path):
    """Those that are used, some of the others, the names of the rest; no line of the tables is wider than a page."""
    more = {f"field_{k:02}": lambda i, k=k: f"{'long value ' * 8}{i % 2} of {k}" for k in range(37)}
    shown = init_text(dry(write(tmp_path / "a.jsonl", rows(**more)), text="text"))
    assert re.search(r"29 more columns not used: 'field_08', 'field_09'.* and 17 more", shown)
    table = [line for line in shown.splitlines() if line.startswith("  ") and not line.startswith("   ")]
    assert max(len(line) for line in table[:12]) <= 100


def test_what_was_left_out_of_a_folder_of_images(tmp_path):
    """A stray image has no label, other files are counted, and the level that is the class is said."""
    for path in ("sick/p1/1", "sick/p2/2", "well/p3/3", "well/p4/4", "well/p4/5", "stray"):
        (tmp_path / "i" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((8, 8), 10 + len(path) * ord(path[-1])).save(tmp_path / "i" / f"{path}.png")
    (tmp_path / "i" / "notes.txt").write_text("x")
    folder = tmp_path / "p"
    report = init_project(options(tmp_path / "i", holdout="1", batch=2), folder, NoProgress())
    found = report.understood
    assert found.left_out == ("1 file that is neither PNG nor JPEG",)
    assert [(one.name, one.items) for one in found.classes] == [("sick", 2), ("well", 3)]
    assert found.unlabeled == 1
    assert found.languages is None
    assert load_config(folder).data.label_level == 1
    assert "level 2 has 4 names" in " ".join(found.notes)
    assert asdict(report)["understood"]["classes"][0]["name"] == "sick"
    with Project(folder) as project:
        assert sorted(project.pool.label_counts().items()) == [("sick", 2), ("well", 3)]


def starving(kind):
    """24 items of two classes that can be learned, and 12 of a third that only copies hold-out items."""
    rng = np.random.default_rng(1)
    base = rng.normal(size=(36, 8))
    base[24:] = base[24] if kind == "copies" else base[24:]
    return [
        {
            "id": f"i{i:02}",
            "text": f"t{i}",
            "label": "confirm" if i >= 24 else ("a", "b")[i % 2],
            "embedding": base[i].tolist(),
        }
        for i in range(36)
    ]


def test_a_class_that_the_hold_out_starves_is_explained(tmp_path):
    """In `round` and in `status`: all of its items are hold-out items or copies of these, and what can be done."""
    data = write(tmp_path / "a.jsonl", starving("copies"))
    folder = make_project(tmp_path, data=data, holdout="12", batch=6)
    with Project(folder) as project:
        run_round(project)
        notes = run_round(project).notes
        (why,) = [note for note in notes if "'confirm'" in note]
        held = sum(item >= "i24" for item in holdout_ids(project))
        assert f"{held} items of it are in the hold-out; {12 - held} other items copy these" in why
        assert "There are no other items of it." in why
        assert "curator add" in why
        assert read_status(project).starved == [why]
    shown = CliRunner().invoke(app, ["status", "--project", str(folder)])
    assert "No label to learn 'confirm' from" in shown.stdout


def test_a_class_that_was_only_not_asked_about_yet_is_not_called_starved(tmp_path):
    """Its other items may still be asked about."""
    data = write(tmp_path / "a.jsonl", starving("apart"))
    folder = make_project(tmp_path, data=data, holdout="12", batch=6)
    with Project(folder) as project:
        run_round(project)
        assert not any("No label to learn" in note for note in run_round(project).notes)
        assert read_status(project).starved == []


def holdout_ids(project):
    return [row["item_id"] for row in project.ledger.rows("select item_id from holdout")]
