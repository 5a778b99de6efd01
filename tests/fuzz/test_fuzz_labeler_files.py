"""The files of the labelers `files` and `replay`, whatever a person or another program put into them."""

import json
from pathlib import Path
from typing import Any

import pytest
from fuzz.harness import contents, curator, explains, says, scratch
from fuzz.inputs import as_json, cases, damaged, damaged_bytes, json_files, words
from fuzz.test_fuzz_answers import is_consistent
from hypothesis import given
from hypothesis import strategies as st
from support.projects import make_project, train_at_once
from support.studio import choice, spec

from curator.ledger.store import Ledger
from integrations.errors import LabelerError
from integrations.labelers.files import FilesLabeler
from integrations.labelers.studio_config import build_config

CLASSES = ("blue", "green", "red")
CONFIG = build_config(spec("fuzz", *CLASSES)).encode()


@pytest.fixture(scope="module")
def by_files(tmp_path_factory) -> Path:
    """A project whose first round was asked by files; all of it is answered in export.json."""
    folder = make_project(tmp_path_factory.mktemp("fuzz"), n=24, batch=4, holdout="4", labeler="files")
    train_at_once(folder)
    assert curator("round", "--project", folder).code == 0
    (asked,) = (folder / "labeling" / "questions").iterdir()
    rows = []
    for number, task in enumerate(json.loads(asked.read_text("utf-8")), start=1):
        annotation = {
            "id": number,
            "created_at": f"2026-01-02T03:04:{number:02d}.5Z",
            "completed_by": {"id": 3, "email": "ann@example.org"},
            "lead_time": 3.5,
            "was_cancelled": number == 2,
            "result": [] if number == 2 else choice(CLASSES[number % 3]),
        }
        rows.append({"id": number, "project": 1, "data": task["data"], "annotations": [annotation]})
    (folder / "labeling" / "answers" / "export.json").write_text(json.dumps(rows), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def by_replay(tmp_path_factory) -> Path:
    """A project whose first round was asked of the replay labeler."""
    folder = train_at_once(make_project(tmp_path_factory.mktemp("fuzz"), n=24, batch=4, holdout="4"))
    assert curator("round", "--project", folder).code == 0
    return folder


def round_(folder: Path, where: str, *options: str) -> None:
    """`curator round`, then `status`: as promised, and the ledger consistent after both."""
    for command in (("round", *options), ("status",), ("export", folder / "labels.jsonl")):
        says(
            curator(*command, "--project", folder),
            where,
            "round 1",
            "replay",
            ".curator",
        )
    with Ledger(folder / ".curator" / "ledger.db") as ledger:
        is_consistent(ledger, by_label=True)


@cases
@given(st.data(), st.sampled_from([(), ("--partial",)]))
def test_any_export_is_pulled_or_refused(by_files, data, options):
    """The JSON that a person brings back from Label Studio."""
    good = json.loads((by_files / "labeling" / "answers" / "export.json").read_text("utf-8"))
    content = data.draw(st.one_of(damaged(good[:3] + good).map(as_json), json_files(good)))
    with scratch(by_files) as folder:
        (folder / "labeling" / "answers" / "export.json").write_bytes(content)
        if data.draw(st.booleans()):
            (folder / "labeling" / "answers" / "second.json").write_bytes(as_json(data.draw(damaged(good))))
        round_(folder, "labeling", *options)


@cases
@given(st.data())
def test_any_questions_are_read_or_refused(by_files, data):
    """The files of questions, which a person may open, edit or move."""
    (asked,) = (by_files / "labeling" / "questions").iterdir()
    good = json.loads(asked.read_text("utf-8"))
    content = data.draw(json_files(good))
    with scratch(by_files) as folder:
        (folder / "labeling" / "questions" / asked.name).write_bytes(content)
        round_(folder, "labeling")


XML = [
    b"View",
    b"Choices",
    b"<Choice value='x' alias='blue'/>",
    b"$text",
    b"<!DOCTYPE a [<!ENTITY b 'ha'>]>",
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    b"&x;",
    b'<?xml version="1.0" encoding="klingon"?>',
    b'<?xml version="1.0" encoding="utf-16"?>',
    b"<![CDATA[",
    b"choice='multiple'",
]
LAUGHS = (
    b"<!DOCTYPE l [<!ENTITY a 'ha'>"
    + b"".join(b"<!ENTITY %c '%s'>" % (98 + n, b"&%c;" % (97 + n) * 40) for n in range(8))
    + b"]><View>&i;</View>"
)
any_config = st.one_of(
    damaged_bytes(CONFIG, tokens=XML),
    damaged_bytes(CONFIG, tokens=XML),
    st.binary(max_size=40),
    st.sampled_from(
        [LAUGHS, b"<a>" * 50_000, CONFIG.decode().encode("utf-16"), b"\xef\xbb\xbf" + CONFIG, b""]
    ),
)


@cases
@given(any_config)
def test_any_configuration_is_read_or_refused(by_files, content):
    """label_config.xml, as a person may have edited it in Label Studio."""
    with scratch(by_files) as folder:
        (folder / "labeling" / "label_config.xml").write_bytes(content)
        round_(folder, "label_config.xml")


@cases
@given(st.lists(words, min_size=2, max_size=5, unique=True), words, st.dictionaries(words, words, max_size=3))
def test_any_classes_make_a_configuration_that_reads_back(names, cannot_tell, beside):
    """Classes, descriptions and hotkeys of any text: a configuration that a labeler of files reads back, or one error."""
    wanted = spec("fuzz", *names)
    object.__setattr__(wanted, "cannot_tell", cannot_tell)
    object.__setattr__(wanted, "descriptions", beside)
    object.__setattr__(wanted, "hotkeys", beside)
    with scratch() as folder:
        try:
            FilesLabeler(folder).prepare(wanted, None)
        except LabelerError as exc:
            assert contents(folder) == {}
            explains(exc)
        else:
            FilesLabeler(folder).prepare(wanted, "files")


@cases
@given(st.data())
def test_any_replay_file_is_read_or_refused(by_replay, data):
    """replay.jsonl: the questions that the replay labeler was asked."""
    path = by_replay / ".curator" / "replay.jsonl"
    good = path.read_bytes()
    lines = [json.loads(line) for line in good.splitlines()]

    def some(rows: Any) -> bytes:
        return b"".join(as_json(row) + b"\n" for row in rows)

    wanting = [*lines, {"key": lines[1]["key"], "answers": 3}, {"key": lines[2]["key"], "answers": 1}]
    content = data.draw(
        st.one_of(
            damaged(lines, wanting).map(some), damaged_bytes(good, some(wanting), tokens=[b"\n", b"\r"])
        )
    )
    with scratch(by_replay) as folder:
        (folder / ".curator" / "replay.jsonl").write_bytes(content)
        round_(folder, "replay.jsonl")
