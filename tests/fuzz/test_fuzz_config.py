"""Any curator.toml, and any instructions: a command does its work or says what is wrong, and writes nothing by halves."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from fuzz.harness import contents, curator, explains, says, scratch
from fuzz.inputs import cases, damaged_bytes, encodable, numbers, words
from hypothesis import given
from hypothesis import strategies as st
from support.projects import make_project, write_pool

from curator.config import LabelerSection
from curator.errors import ConfigError
from curator.project.instructions import instructions_html
from curator.project.project import Project

# A folder for questions is made where curator.toml says, so it stays below the project here.
FOLDERS = st.sampled_from(
    ["labeling", "a b", "é", "curator.toml", ".curator", "x" * 300, ".", "", "\0", "pool.jsonl"]
)
KEPT = ("folder", "url", "source")  # what could lead out of the example's own folder

toml_words = words.filter(encodable)
toml_values = st.one_of(
    st.booleans(),
    numbers,
    toml_words,
    st.lists(toml_words, max_size=4),
    st.dictionaries(
        st.sampled_from(["margin", "entropy", "blue", "green", "x"]),
        st.one_of(numbers, toml_words),
        max_size=3,
    ),
    st.sampled_from(
        [
            "text",
            "image",
            "margin",
            "coverage:x",
            "sklearn:dummy.DummyClassifier",
            "macro_f1",
            "replay",
            "files",
        ]
    ),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A project of 40 items that was just made, and a file to add."""
    folder = make_project(tmp_path_factory.mktemp("fuzz"), n=40, batch=4, holdout="6")
    write_pool(folder / "more.jsonl", 3, seed=5)
    (folder / "instructions.md").write_text(
        "# Read\n\n* [this](http://a.test)\n\n| a | b |\n|--|--|\n| 1 | 2 |\n"
    )
    return folder


@pytest.fixture(scope="module")
def settings_of(project) -> dict[str, dict[str, Any]]:
    """Every setting there is, by section, as this project has it."""
    found = tomllib.loads((project / "curator.toml").read_text("utf-8"))
    found["labeler"] |= {name: None for name in LabelerSection.model_fields if name not in found["labeler"]}
    found["data"] |= {"show": [], "allow_outside": False}
    return found


def written(settings: dict[str, dict[str, Any]]) -> str:
    """The settings as TOML; what is None is left out."""
    return tomlkit.dumps(
        {
            section: {name: value for name, value in values.items() if value is not None}
            for section, values in settings.items()
        }
    )


@st.composite
def changes(draw: Any) -> list[tuple[int, str, Any, Any]]:
    """(number of a setting, what to do with it, any value, a number), one to three."""
    kinds = st.sampled_from([*["set"] * 4, *["number"] * 6, "drop", "add", "section"])
    return draw(st.lists(st.tuples(st.integers(0, 99), kinds, toml_values, numbers), min_size=1, max_size=3))


COMMANDS = st.sampled_from(
    [
        ("status", "--offline"),
        ("status",),
        ("round",),
        ("round", "--batch", "3"),
        ("add", "more.jsonl"),
        ("export", "labels.csv"),
    ]
)


@cases
@given(data=st.data(), changed=changes(), command=COMMANDS)
def test_any_settings_are_used_or_refused(project, settings_of, data, changed, command):
    """Values of any type for any key: exit code and message as promised, the pool whole."""
    settings = {section: dict(values) for section, values in settings_of.items()}
    for number, what, anything, a_number in changed:
        places = [(section, name) for section, values in settings.items() for name in values]
        numeric = [
            (section, name) for section, name in places if isinstance(settings[section][name], int | float)
        ]
        chosen = numeric if what == "number" and numeric else places
        section, name = chosen[number % len(chosen)]
        value = a_number if what == "number" else anything
        if what == "section":
            settings.pop(section)
            break
        if what == "drop":
            settings[section].pop(name)
        elif what == "add":
            settings[section][data.draw(toml_words)] = value
        elif name == "folder":
            settings[section][name] = data.draw(FOLDERS)
        elif name not in KEPT:
            settings[section][name] = value
    settings.get("labeler", {})["name"] = data.draw(
        st.sampled_from(["replay", "replay", "files", "nobody", "a:b"])
    )
    with scratch(project) as folder:
        (folder / "curator.toml").write_text(written(settings), encoding="utf-8")
        run(folder, command)


@cases
@given(st.data(), COMMANDS)
def test_any_bytes_as_curator_toml(project, data, command):
    """Damaged text and plain bytes: refused by name, with the line where it broke."""
    good = (project / "curator.toml").read_bytes()
    broken = data.draw(
        st.one_of(
            damaged_bytes(good, tokens=[b"[project]\n", b"[[data]]\n", b"''' ", b" = 1\n"]), st.binary()
        )
    )
    with scratch(project) as folder:
        (folder / "curator.toml").write_bytes(broken)
        run(folder, command)


def run(folder: Path, command: tuple[str, ...]) -> None:
    """One command in a project; what it refuses it leaves alone."""
    pool = contents(folder / ".curator" / "pool")
    args = [folder / arg if "." in arg else arg for arg in command]
    outcome = curator(*args, "--project", folder)
    if command[0] != "add" or outcome.code:
        assert contents(folder / ".curator" / "pool") == pool
    assert not list(folder.glob(".labels*"))
    says(outcome, folder, "curator.toml", "--", "[", "encoder", "strategy", "model", "labeler", "the head")


@cases
@given(
    st.one_of(
        damaged_bytes(b"# Read\n\n* [a](http://b)\n\n<b>x</b>\n\n| a |\n|--|\n| 1 |\n"),
        st.binary(),
        st.sampled_from(
            [
                b"[" * 3000,
                b"> " * 2000 + b"x",
                b"* " * 1500,
                b"*" * 5000,
                b"`" * 5000,
                b"[a]: <" * 500,
                "é".encode("utf-16"),
            ]
        ),
    )
)
def test_any_instructions_are_shown_without_their_markup_or_refused(project, content):
    """Markdown of any bytes becomes HTML in which nothing of the file's own HTML runs, or a ConfigError with its path."""
    with scratch() as folder:
        path = folder / "instructions.md"
        path.write_bytes(content)
        with Project(project) as opened:
            labeler = opened.config.labeler.model_copy(update={"instructions": "instructions.md"})
            config = opened.config.model_copy(update={"labeler": labeler})
        try:
            shown = instructions_html(config, folder)
        except ConfigError as exc:
            explains(exc, path)
        else:
            assert "<script" not in shown.lower()
            shown.encode()
