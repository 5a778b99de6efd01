"""What lies in `.curator`, after a person or a disk damaged it: each command works or says which file, never a traceback."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from fuzz.harness import contents, curator, says, scratch
from fuzz.inputs import DEEP, HTML, as_json, cases, damaged, damaged_bytes, json_files
from fuzz.test_fuzz_answers import is_consistent
from hypothesis import given
from hypothesis import strategies as st
from support.projects import make_project, write_pool

from curator.ledger.store import Ledger

COMMANDS = ("status", "round", "add", "export")


def trained(folder: Path, **options: str) -> Path:
    """Two rounds, the first one measured; and a file to add."""
    make_project(folder, n=24, batch=4, holdout="6", **options)
    for _ in range(2):
        assert curator("round", "--project", folder).code == 0
    write_pool(folder / "more.jsonl", 3, seed=5)
    return folder


@pytest.fixture(scope="module")
def given_(tmp_path_factory) -> Path:
    """A campaign on embeddings that came with the data, with the default model."""
    return trained(tmp_path_factory.mktemp("fuzz"))


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> Path:
    """A campaign on embeddings of an encoder that learned, with a scikit-learn model."""
    folder = tmp_path_factory.mktemp("fuzz")
    write_pool(folder / "pool.jsonl", 24)
    rows = [json.loads(line) for line in (folder / "pool.jsonl").read_text("utf-8").splitlines()]
    rows = [{name: row[name] for name in ("id", "text", "label")} for row in rows]
    (folder / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    make_project(folder, data=folder / "pool.jsonl", batch=4, holdout="6", encoder="tfidf")
    toml = (folder / "curator.toml").read_text("utf-8")
    model = 'name = "sklearn:linear_model.LogisticRegression"'
    (folder / "curator.toml").write_text(toml.replace('name = "head"', model), encoding="utf-8")
    for _ in range(2):
        assert curator("round", "--project", folder).code == 0
    write_pool(folder / "more.jsonl", 3, seed=5)
    return folder


def state_files(project: Path) -> list[Path]:
    """Every file of the state but the ledger, relative to the project."""
    found = sorted(path for path in (project / ".curator").rglob("*") if path.is_file())
    return [path.relative_to(project) for path in found if not path.name.startswith("ledger.db")]


FORMATS = {
    ".npy": [b"'<f8'", b"'|O'", b"(24, 16)", b"True", b"\x93NUMPY", b"\n"],
    ".npz": [b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"],
    ".parquet": [b"PAR1", b"\xff" * 8],
    ".safetensors": [b'"F32"', b'"dtype"', b"[0,8]", b"\xff" * 8],
}


@cases
@given(st.data(), st.lists(st.sampled_from(COMMANDS), min_size=1, max_size=2, unique=True), st.booleans())
def test_a_damaged_state_is_mended_or_named(given_, learned, data, commands, encoder_learned):
    """One file damaged, emptied, removed, or turned into a folder; then a command or two."""
    project = learned if encoder_learned else given_
    path = data.draw(st.sampled_from(state_files(project)))
    good = (project / path).read_bytes()
    harm = data.draw(st.sampled_from(["damage"] * 8 + ["remove", "folder", "empty"]))
    content = b""
    if harm == "damage" and path.suffix == ".json":
        document = json.loads(good)
        content = data.draw(st.one_of(damaged(document).map(as_json), json_files(document)))
    elif harm == "damage":
        tokens = FORMATS.get(path.suffix, [])
        content = data.draw(
            st.one_of(damaged_bytes(good, tokens=tokens), st.binary(max_size=60), DEEP, st.just(HTML))
        )
    with scratch(project) as folder:
        target = folder / path
        target.unlink()
        if harm == "folder":
            target.mkdir()
        elif harm != "remove":
            target.write_bytes(content)
        for command in commands:
            extra = {
                "add": [folder / "more.jsonl"],
                "export": [folder / "labels.jsonl"],
                "status": ["--offline"],
            }
            outcome = curator(command, *extra.get(command, []), "--project", folder)
            says(outcome, ".curator")
        with Ledger(folder / ".curator" / "ledger.db") as ledger:
            is_consistent(ledger, by_label=True)


@cases
@given(st.data(), st.integers(0, 3))
def test_a_model_that_was_tampered_with_is_refused(given_, data, which):
    """A model.json that is whole but says something else, with the digest of its arrays made to fit."""
    folder_name = Path(".curator") / "models" / "round-001"
    good = json.loads((given_ / folder_name / "model.json").read_text("utf-8"))
    with scratch(given_) as folder:
        arrays = folder / folder_name / "model.safetensors"
        if which == 0:
            arrays.write_bytes(data.draw(damaged_bytes(arrays.read_bytes(), tokens=FORMATS[".safetensors"])))
        values = data.draw(damaged(good))
        if isinstance(values, dict) and which <= 1:
            values = {**good, "arrays_sha256": hashlib.sha256(arrays.read_bytes()).hexdigest()}
        (folder / folder_name / "model.json").write_bytes(as_json(values))
        shutil.rmtree(folder / ".curator" / "reports", ignore_errors=True)
        says(curator("round", "--project", folder), "model.json", "model.safetensors", "models")


@cases
@given(st.data())
def test_any_backup_is_restored_or_refused(given_, data):
    """One file of a backup damaged: the project comes back from it, or is as it was before."""
    with scratch(given_) as folder:
        backup = folder / "backup"
        assert curator("backup", backup, "--project", folder).code == 0
        path = data.draw(st.sampled_from(sorted(backup.iterdir())))
        good = path.read_bytes()
        document = [json.loads(good)] if path.suffix == ".json" else []
        path.write_bytes(
            data.draw(
                st.one_of(
                    damaged_bytes(good, tokens=[b"SQLite format 3\0", b"\xff" * 4]),
                    damaged_bytes(good),
                    st.binary(max_size=40),
                    *(damaged(found).map(as_json) for found in document),
                )
            )
        )
        before = contents(folder / ".curator")
        outcome = curator("restore", "--from", backup, "--force", "--project", folder)
        if outcome.code:
            after = contents(folder / ".curator")
            assert {name: kept for name, kept in after.items() if "lock" not in name} == {
                name: kept for name, kept in before.items() if "lock" not in name
            }
            says(outcome, folder)
        else:
            assert curator("status", "--offline", "--project", folder).code in (0, 1)
