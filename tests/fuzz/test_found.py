"""What fuzzing has found, one plain case each: input that once ended in a traceback, a half-written state or a lie."""

import io
import json
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzz.harness import contents, curator, explains
from fuzz.inputs import as_json
from fuzz.test_fuzz_answers import ANNOTATION, CONTROL, is_answer
from PIL import Image
from support.projects import make_project, write_pool

from curator.config import parse_config
from curator.errors import ConfigError, DataError, LedgerError
from curator.files import project_lock
from curator.learner.checkpoint import load_checkpoint, read_meta, save_checkpoint
from curator.learner.model import build_model
from curator.pool.segments import load_manifest
from curator.pool.vectors import StoreManifest
from curator.project.instance import instance_name
from integrations.encoders.images import picture, why_broken
from integrations.encoders.npy import read_header
from integrations.encoders.precomputed import AlignedArray
from integrations.encoders.tfidf import TfidfEncoder
from integrations.errors import EncoderError, LabelerError
from integrations.labelers.exports import read_exports
from integrations.labelers.files import FilesLabeler
from integrations.labelers.label_studio.process import ProcessId
from integrations.labelers.protocol import ProjectSpec
from integrations.labelers.replay import ReplayLabeler
from integrations.labelers.studio_json import merge_tasks, read_answer, task_key, utc

DEEP = b"[" * 50_000
CSV = b"id,text,label\n" + b"".join(
    b"r%d,text number %d,%s\n" % (n, n, [b"a", b"b"][n % 2]) for n in range(8)
)

# ---------------------------------------------------------------- what Label Studio sends


@pytest.mark.parametrize(
    "changed",
    [
        {"result": [{**ANNOTATION["result"][0], "origin": ["prediction"]}]},
        {"result": [{**ANNOTATION["result"][0], "value": {"choices": [[["pos"]]]}}]},
        {"result": [{**ANNOTATION["result"][0], "value": {"choices": [{"\ud800": 1}]}}]},
        {"lead_time": 10**400},
        {"lead_time": 1e308},
        {"completed_by": {"email": "\udcff@example.org"}},
        {"completed_by": True},
        {"\ud800": "\udfff"},
        {"created_at": "0033-01-02T03:04:05Z"},
    ],
)
def test_an_odd_annotation_is_an_answer(changed):
    """Lists where texts belong, endless times, halves of characters: read, and fit for the ledger."""
    is_answer(read_answer({**ANNOTATION, **changed}, CONTROL, lambda user: f"user-{user}", "here"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id": [7]}, "no id"),
        ({"id": True}, "no id"),
        ({"created_at": "0001-01-01T00:00:00+14:00"}, "no time in UTC"),
    ],
)
def test_an_annotation_that_cannot_be_identified_is_refused(changed, said):
    """An id that is none, and a time before all times."""
    with pytest.raises(ValueError, match=said):
        read_answer({**ANNOTATION, **changed}, CONTROL, str, "here")


def test_an_annotation_of_somebody_who_is_gone_is_the_same_annotation():
    """An export made before its author's account was deleted, and one made after: one answer, the newer."""
    old = read_answer(ANNOTATION, CONTROL, str, "here")
    new = read_answer({**ANNOTATION, "completed_by": None}, CONTROL, str, "here")
    elsewhere = read_answer(ANNOTATION, CONTROL, str, "there")
    for one, other in [(old, new), (new, old)]:
        (merged,) = merge_tasks([("k", "1", [one]), ("k", "2", [other])])
        assert merged.answers == (one,)
    (merged,) = merge_tasks([("k", "1", [old, elsewhere])])
    assert merged.answers == (old, elsewhere)


@pytest.mark.parametrize("number", [[1], {"a": 1}, None, 1.5, True])
def test_tasks_of_any_number_are_compared(tmp_path, number):
    """Two exports whose tasks and annotations carry lists where numbers belong."""
    rows = [
        {
            "id": number,
            "project": number,
            "data": {"key": "k"},
            "annotations": [{"id": number, "unique_id": number}],
        }
    ]
    for name in ("a.json", "b.json"):
        written(tmp_path / name, as_json(rows))
    assert [export.name for export in read_exports(tmp_path).files] == ["a.json", "b.json"]


def test_a_deep_annotation_is_cut():
    """Deeper than Python walks, but not than JSON is read: kept as far as it makes sense."""
    deep = json.loads("[" * 600 + "]" * 600)
    is_answer(read_answer({**ANNOTATION, "result": deep, "more": {"inner": deep}}, CONTROL, str, "here"))


def test_times_sort_as_text_and_keys_can_be_stored():
    """Years before 1000 have four digits too; half a character is in no key of ours."""
    assert utc("0033-01-02") == "0033-01-02T00:00:00.000000Z"
    assert task_key({"key": "k\ud800"}) is None


# ---------------------------------------------------------------- data files


def init(folder: Path, data: Path, *options: object) -> str:
    """A failed `init`: what it said; proves that the folder is as before."""
    before = contents(folder)
    target = folder / "a" / "project"
    outcome = curator("init", "found", "--data", data, "--project", target, "--price", "0.08", *options)
    assert outcome.code in (1, 2), outcome
    assert contents(folder) == before
    return outcome.message


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_failed_init_leaves_no_folder(tmp_path):
    """Neither the project's folder nor those above it that were made for it."""
    data = written(tmp_path / "data.csv", b"id,text,label\n1,,a\n2,b,b\n")
    assert "no text" in init(tmp_path, data, "--labeler", "replay")


def test_one_class_in_the_data_is_said_of_the_data(tmp_path):
    """Not of options that nobody gave."""
    data = written(tmp_path / "data.csv", CSV.replace(b",b\n", b",a\n"))
    assert f"{data}, labels in 'label': fewer than two classes (only 'a')" in init(tmp_path, data)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--holdout=²", "no such file"),
        (f"--holdout={'9' * 5000}", "too long"),
        ("--price=1e999999999", "too large for an amount"),
        ("--price=1000000001", "more than 1,000,000,000"),
        (f"--seed={10**40}", "project.seed"),
        (f"--batch={10**40}", "acquisition.batch"),
    ],
)
def test_numbers_beyond_all_measure_are_refused(tmp_path, option, said):
    """Digits that are no digits, and numbers that the ledger could not hold."""
    assert said in init(tmp_path, written(tmp_path / "data.csv", CSV), option)


def test_a_parquet_column_twice_is_refused(tmp_path):
    """As in CSV: which of the two is meant?"""
    table = pa.Table.from_arrays([pa.array(["a", "b"])] * 2, names=["text", "text"])
    pq.write_table(table, tmp_path / "data.parquet")
    assert "'text' is in the header twice" in init(tmp_path, tmp_path / "data.parquet")


def test_an_add_that_cannot_be_encoded_is_undone(tmp_path):
    """The encoder fails when the new items are in the pool already: they are taken out again."""
    folder = make_project(tmp_path, data=written(tmp_path / "data.csv", CSV), batch=2, holdout="2")
    toml = (folder / "curator.toml").read_text("utf-8").replace('name = "tfidf"', 'name = "nobody"')
    (folder / "curator.toml").write_text(toml, encoding="utf-8")
    before = contents(folder / ".curator" / "pool")
    outcome = curator(
        "add", written(tmp_path / "more.csv", b"id,text,label\nnew,one more,a\n"), "--project", folder
    )
    assert "There is no encoder 'nobody'" in outcome.message
    assert contents(folder / ".curator" / "pool") == before


def test_texts_without_a_word_are_said_with_their_file(tmp_path):
    """The encoder does not know where they come from."""
    data = written(tmp_path / "data.csv", b"id,text,label\n1,\0,a\n2,\0,b\n")
    assert f"{data}: tfidf found no words" in init(tmp_path, data, "--labeler", "replay")


def test_texts_that_are_all_alike_are_encoded_without_a_warning():
    """The variance of one point is nothing to divide by."""
    encoder = TfidfEncoder()
    encoder.fit(["the same"] * 3)
    assert len(encoder.encode(["the same"])) == 1


# ---------------------------------------------------------------- images


def image(kind: str, size: tuple[int, int] = (8, 8)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"II*\x00\x08\x00\x00\x00",  # a TIFF that ends: Pillow warns instead of failing
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 5\n%%EndComments\n",  # would be run by Ghostscript
        image("TIFF"),
        image("PNG")[:40],
        b"",
    ],
)
def test_what_is_no_image_for_a_browser_is_broken(tmp_path, content):
    """Whatever Pillow makes of it: few formats are tried, and every failure is one sentence."""
    assert why_broken(content)
    path = written(tmp_path / "a.png", content)
    with pytest.raises(EncoderError) as caught:
        picture(str(path))
    explains(caught.value, path, "cannot be opened")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_what_browsers_show_is_read(kind):
    """The formats that stay."""
    assert why_broken(image(kind)) is None


def test_a_large_image_is_no_warning_and_a_bomb_is_refused(tmp_path):
    """From 89 million pixels Pillow warns, from 179 million it refuses."""
    assert why_broken(image("GIF", (9500, 9500))) is None
    head = struct.pack(">I4sIIBBBBB", 13, b"IHDR", 60_000, 60_000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + head + struct.pack(">I", 0)
    assert why_broken(bomb) is not None


# ---------------------------------------------------------------- arrays


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + b"\0" * 96


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (8, 3)}}\n",
        "{" * 5000,
        "(" * 9000 + ")" * 9000,
        "\0",
        "'''",
    ],
)
def test_a_damaged_npy_header_is_a_value_error(text):
    """NumPy reads it as Python source: SyntaxError, TokenError and RecursionError come out of that."""
    with pytest.raises(ValueError, match=r"\w"):
        read_header(io.BytesIO(header(text)))


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("(8, 10**18)", "not a NumPy array"),
        (f"(8, {10**18})", "entries per row, more than the 32,768 allowed"),
        (f"(8, {10**4})", "the file ends in row 1 of 8"),
        ("(-8, -3)", "neither of them 0"),
    ],
)
def test_a_shape_that_the_file_cannot_hold_is_refused(tmp_path, shape, said):
    """Before memory is asked for it."""
    path = written(
        tmp_path / "e.npy", header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}\n")
    )
    with pytest.raises(EncoderError, match=said):
        AlignedArray(str(path))


def test_a_shape_of_truths_is_one_of_numbers(tmp_path):
    """NumPy takes True for a number of rows."""
    path = written(
        tmp_path / "e.npy", header("{'descr': '<f4', 'fortran_order': False, 'shape': (True, True)}\n")
    )
    array = AlignedArray(str(path))
    assert array.read(5).tolist() == [[0.0]]
    array.close()


@pytest.mark.parametrize("member", ["a", "a.npy"])
@pytest.mark.parametrize("harm", ["none", "method", "encrypted", "content"])
def test_an_archive_of_any_kind_is_read_or_refused(tmp_path, member, harm):
    """A member without its ending, an unknown method, a password, damaged content."""
    array, out = io.BytesIO(), io.BytesIO()
    np.save(array, np.ones((400, 3)))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, array.getvalue())
    content = bytearray(out.getvalue())
    listed = content.index(b"PK\x01\x02")
    if harm == "method":
        content[listed + 10], content[8] = 77, 77
    elif harm == "encrypted":
        content[listed + 8], content[6] = 1, 1
    elif harm == "content":
        content[listed - 20 : listed - 10] = b"\xff" * 10
    path = written(tmp_path / "e.npz", bytes(content))
    if harm == "none":
        opened_array = AlignedArray(f"{path}:a")
        assert opened_array.read(400).shape == (400, 3)
        opened_array.close()
        return
    with pytest.raises(EncoderError, match=str(path)):
        AlignedArray(str(path)).read(400)


# ---------------------------------------------------------------- curator.toml

SETTINGS = {
    "project": {"name": "n", "kind": "text", "classes": ["a", "b"]},
    "data": {"source": "x.csv"},
    "encoder": {"name": "tfidf"},
    "holdout": {"size": 5},
    "cost": {"price_per_label": "0.08"},
}


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("project", "seed", -1),
        ("project", "seed", 2**63),
        ("acquisition", "batch", 10**10),
        ("acquisition", "seed_batch", 10**40),
        ("acquisition", "strategy", {"margin": float("inf")}),
        ("holdout", "size", 10**40),
        ("labeler", "seconds", float("inf")),
        ("labeler", "seconds", 1e308),
        ("labeler", "project", 0),
        ("labeler", "project", 10**40),
    ],
)
def test_a_number_that_cannot_be_is_named(section, name, value):
    """No seed below 0, nothing endless, nothing that the ledger could not hold."""
    settings = {**SETTINGS, section: {**SETTINGS.get(section, {}), name: value}}
    with pytest.raises(ConfigError, match=rf"{section}\.{name}"):
        parse_config(settings, "curator.toml")


@pytest.mark.parametrize(
    ("section", "name"), [("data", "source"), ("labeler", "folder"), ("labeler", "instructions")]
)
def test_a_path_with_a_nul_is_named(section, name):
    """No system opens it: said of the setting, before anything is written."""
    settings = {**SETTINGS, section: {**SETTINGS.get(section, {}), name: "a\0b"}}
    with pytest.raises(ConfigError, match=rf"{section}\.{name}: no path holds a NUL"):
        parse_config(settings, "curator.toml")


def test_a_long_wrong_value_is_cut():
    """A message is read by a person."""
    with pytest.raises(ConfigError) as caught:
        parse_config({**SETTINGS, "encoder": {"name": ["x" * 10**6]}}, "curator.toml")
    assert len(str(caught.value)) < 1000


# ---------------------------------------------------------------- the labelers' files

SPEC = ProjectSpec("found", "text", ("a", "b"))


def test_deep_files_of_the_labelers_are_refused(tmp_path):
    """An export and a replay file that are nothing but brackets."""
    labeler = FilesLabeler(tmp_path)
    labeler.prepare(SPEC, None)
    path = written(tmp_path / "answers" / "export.json", DEEP)
    with pytest.raises(LabelerError, match="is not JSON"):
        labeler.pull(None)
    path.unlink()
    replay = ReplayLabeler({}, tmp_path / "replay.jsonl")
    replay.prepare(SPEC, None)
    with (tmp_path / "replay.jsonl").open("ab") as file:
        file.write(DEEP + b"\n")
    with pytest.raises(LabelerError, match="line 2 of"):
        replay.pull(None)


@pytest.mark.parametrize("wanted", [0, -1, 10**40, "3", [1]])
def test_a_replay_question_cannot_want_any_number_of_answers(tmp_path, wanted):
    """Once it counted to 10**40."""
    replay = ReplayLabeler({}, tmp_path / "replay.jsonl")
    replay.prepare(replace(SPEC), None)
    with (tmp_path / "replay.jsonl").open("ab") as file:
        file.write(as_json({"key": "k", "answers": wanted}) + b"\n")
    with pytest.raises(LabelerError, match="line 2 of"):
        replay.pull(None)


# ---------------------------------------------------------------- .curator

ENTRY = {"file": "segment-000000.parquet", "rows": 2, "content_hash": "0", "role": "pool"}


@pytest.mark.parametrize(
    "content",
    [
        DEEP,
        as_json({"format": 1, "kind": "text"}),
        as_json({"format": 1, "kind": "text", "segments": 3}),
        as_json({"format": 1, "kind": "video", "segments": []}),
        as_json({"format": 1, "kind": ["text"], "segments": []}),
        *(
            as_json({"format": 1, "kind": "text", "segments": [ENTRY | changed]})
            for changed in (
                {"rows": 10**12},
                {"rows": "2"},
                {"rows": 0},
                {"file": "../../elsewhere.parquet"},
                {"role": None},
                {"content_hash": []},
            )
        ),
    ],
)
def test_a_damaged_manifest_of_the_pool_is_named(tmp_path, content):
    """Before an array of its size is made, or a file outside the pool is read."""
    path = written(tmp_path / "manifest.json", content)
    written(tmp_path / "segment-000000.parquet", b"")
    with pytest.raises(DataError, match="damaged") as caught:
        load_manifest(tmp_path)
    explains(caught.value, path, "backup")


STORED = {"rows": 2, "content_hash": "0", "file": "segment-000000.npy", "zero_rows": 0}
STORE = {"format": 1, "encoder": "e", "fingerprint": "f", "dim": 3, "about": {}, "segments": {"0": STORED}}


@pytest.mark.parametrize(
    "content",
    [
        DEEP,
        as_json(STORE | {"fingerprint": 7}),
        as_json(STORE | {"dim": 0}),
        as_json(STORE | {"dim": "3"}),
        as_json(STORE | {"dim": True}),
        as_json(STORE | {"about": None}),
        as_json(STORE | {"about": {"\ud800": None}}),
        as_json(STORE | {"segments": {"0": STORED | {"file": "../x.npy"}}}),
        as_json(STORE | {"segments": {"0": STORED | {"rows": None}}}),
    ],
)
def test_a_damaged_manifest_of_embeddings_is_named(tmp_path, content):
    """With the way to have them computed again."""
    written(tmp_path / "manifest.json", content)
    with pytest.raises(DataError, match=r"manifest\.json: damaged.*computed again"):
        StoreManifest.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", DEEP])
def test_damaged_learning_of_an_encoder_is_named_and_closed(tmp_path, content):
    """The archive cannot be opened: said, and the file is not left open."""
    encoder = TfidfEncoder()
    encoder.fit(["some words", "other words"])
    encoder.save(tmp_path)
    written(tmp_path / "tfidf.npz", content)
    with pytest.raises(EncoderError, match="cannot be read"):
        TfidfEncoder().load(tmp_path)


def checkpoint(folder: Path) -> dict:
    rows = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    model = build_model("head", {"device": "cpu"}, ("a", "b"), 1, 0).fit(rows, np.array(list("abababab")))
    save_checkpoint(folder, model, train_rows=np.arange(8), train_labels=np.arange(8) % 2, meta={"round": 1})
    return json.loads((folder / "model.json").read_text("utf-8"))


@pytest.mark.parametrize(
    "changed",
    [
        {"meta": None},
        {"kind": ["head"]},
        {"state": None},
        {"state": {"params": {}, "classes": ["a"], "unseen_mass": 0}},
        {"state": {"params": {"classes": None}, "classes": ["a"], "unseen_mass": 0.0}},
        {"state": {"params": {"classes": None}, "classes": ["a", "b"], "unseen_mass": float("nan")}},
        {"state": {"params": {"classes": None, "device": 7}, "classes": ["a", "b"], "unseen_mass": 0.0}},
    ],
)
def test_a_model_whose_parts_do_not_fit_is_named(tmp_path, changed):
    """Said when it is loaded, not when it scores a pool."""
    values = checkpoint(tmp_path / "m")
    written(tmp_path / "m" / "model.json", as_json({**values, **changed}))
    with pytest.raises((LedgerError, ConfigError), match=r"model\.json"):
        load_checkpoint(tmp_path / "m", lambda rows: np.zeros((len(rows), 3), dtype=np.float32))


@pytest.mark.parametrize("content", [DEEP, as_json({"format": 1}), as_json({"format": 1, "meta": 3})])
def test_what_is_stored_beside_a_model_is_read_or_named(tmp_path, content):
    """Also where the model itself is not loaded."""
    checkpoint(tmp_path / "m")
    written(tmp_path / "m" / "model.json", content)
    with pytest.raises(LedgerError, match=r"model\.json is not a usable model"):
        read_meta(tmp_path / "m")


def test_embeddings_that_do_not_fit_the_pool_are_said_with_its_folder(tmp_path):
    """A manifest with another width: the message of `add` leads to it."""
    folder = make_project(tmp_path, data=write_pool(tmp_path / "pool.jsonl", 12), batch=2, holdout="2")
    manifest = folder / ".curator" / "embeddings" / "precomputed" / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace('"dim": 16', '"dim": 1'), "utf-8")
    outcome = curator("add", write_pool(tmp_path / "more.jsonl", 3, seed=1), "--project", folder)
    assert "16 entries" in outcome.message
    assert str(manifest.parent) in " ".join(outcome.message.split())


def test_embeddings_that_are_gone_are_said_with_their_folder(tmp_path):
    """Precomputed ones cannot be computed again: which folder to restore."""
    folder = make_project(tmp_path, data=write_pool(tmp_path / "pool.jsonl", 12), batch=2, holdout="2")
    (folder / ".curator" / "embeddings" / "precomputed" / "manifest.json").unlink()
    assert str(folder / ".curator" / "embeddings") in curator("round", "--project", folder).message


@pytest.mark.parametrize("content", ["[" * 5000, "{}", "[1]", "x"])
def test_files_that_name_things_are_written_anew_or_say_nothing(tmp_path, content):
    """The name of this copy of a project, the process of a server, what a backup says of itself."""
    (tmp_path / "instance.json").write_text(content)
    name = instance_name(tmp_path)
    assert instance_name(tmp_path) == name
    record = tmp_path / "record"
    record.write_text(content)
    assert ProcessId.read(record) is None
    folder = make_project(tmp_path / "project", n=12, batch=2, holdout="2")
    assert curator("backup", tmp_path / "copy", "--project", folder).code == 0
    (tmp_path / "copy" / "backup.json").write_text(content)
    (folder / ".curator").rename(tmp_path / "lost")
    assert curator("restore", "--from", tmp_path / "copy", "--project", folder).code == 0


def test_a_lock_file_of_any_content_locks(tmp_path):
    """It says who held it last; nonsense in it says nothing."""
    path = tmp_path / "lock"
    for content in ("[" * 5000, "{}", "[1]", "x"):
        path.write_text(content)
        with project_lock(path, "round") as dead:
            assert "it did not say which" in (dead or "")
