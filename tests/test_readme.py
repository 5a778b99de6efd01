"""The pages say what the program does: their commands, options and outputs are checked against the real ones."""

import csv
import re
import shlex

import pytest
from support.readme import BLOCKS, DOCS, README, ROOT, SAMPLE, masked, outputs, shown, with_block
from support.reference import PAGES as GENERATED
from support.reference import commands
from typer.testing import CliRunner

from curator.cli.app import app

# Those that people wrote; the rest is made from the program itself.
PAGES = {
    str(page.relative_to(ROOT)): page.read_text(encoding="utf-8")
    for page in (README, ROOT / "CONTRIBUTING.md", ROOT / "data" / "README.md", *sorted(DOCS.rglob("*.md")))
    if page not in GENERATED
}
TEXT = "\n".join(PAGES.values())


def called(words):
    """The command that a line calls; a group by itself lists."""
    every = commands()
    return next(every[path] for path in every if path in (tuple(words[: len(path)]), (*words, "list")))


def documented(text):
    """Every `curator ...` line of the shell fences, as words."""
    found = []
    for fence in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in fence.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["curator"]:
                found.append(words[1:])
    return found


@pytest.mark.parametrize("path", sorted(commands()), ids=" ".join)
def test_every_command_is_documented_and_explains_itself(path):
    """A command is named on a page that somebody wrote, and it and all its options have help."""
    command = commands()[path]
    assert f"curator {path[0]}" in TEXT
    assert path[-1] in TEXT
    assert command.help
    assert [p.name for p in command.params if not getattr(p, "help", None)] == []


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if documented(text)])
def test_documented_commands_exist_with_their_options(page):
    """What a reader copies from a page is something that the program understands."""
    for words in documented(PAGES[page]):
        command = called(words)
        known = {flag for p in command.params for flag in (*p.opts, *p.secondary_opts)} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= known, words


def test_the_first_page_is_short_and_shows_commands():
    """A newcomer reads README.md to its end, and can copy from it."""
    assert len(PAGES["README.md"].splitlines()) <= 150
    assert len(documented(PAGES["README.md"])) >= 8


def test_the_commands_behind_the_outputs_are_those_shown():
    """The five minutes that a page tells are the commands that were run for its output."""
    told = [line.removeprefix("$ ") for line in shown("five-minutes").splitlines() if line.startswith("$ ")]
    assert tuple(told) == BLOCKS["five-minutes"].commands
    first_page = [" ".join(["curator", *words]) for words in documented(PAGES["README.md"])]
    assert any(first_page[at : at + len(told)] == told for at in range(len(first_page)))


def test_the_demo_shows_at_least_six_measured_rounds():
    """The table on the first screen has the rounds that the demo promises."""
    rows = re.findall(r"^ +\d+ +\d+ +\$", shown("demo"), re.MULTILINE)
    assert len(rows) >= 6


@pytest.mark.parametrize("name", BLOCKS)
def test_every_output_has_its_place(name):
    """Each block stands once on its page, with something in it."""
    assert shown(name).strip()


def test_the_five_minutes_are_what_the_program_prints(curator_program):
    """The sample campaign, run again, prints what the page shows."""
    assert outputs("five-minutes", curator_program) == shown("five-minutes")


def test_the_list_of_strategies_is_current():
    """A strategy that is added appears on its page too."""
    done = CliRunner().invoke(app, ["strategies"])
    assert done.exit_code == 0
    assert shown("strategies") == masked(done.stdout, ROOT)


def test_the_make_targets_that_are_named_exist():
    """The pages name the one-word tasks, and the Makefile has them."""
    named = set(re.findall(r"(?:`|^)make ([a-z][a-z-]*[a-z])\b(?!\.)", TEXT, re.MULTILINE))
    assert {"demo", "demo-studio", "test", "readme", "reference", "lint"} <= named
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert named - {"bench"} <= set(targets)


def test_the_sample_is_fit_for_a_campaign():
    """Four classes of at least fifty, and no message twice."""
    with (ROOT / SAMPLE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [row["label"] for row in rows]
    assert len({row["text"].casefold() for row in rows}) == len({row["id"] for row in rows}) == len(rows)
    assert {label: labels.count(label) >= 50 for label in set(labels)} == dict.fromkeys(set(labels), True)
    assert len(set(labels)) == 4


def test_a_block_is_replaced_and_nothing_else():
    """Renewing one output leaves the prose and the other outputs as they are."""
    text = "a\n<!-- x:begin -->\n```text\nold\n```\n<!-- x:end -->\nb\n"
    assert with_block(text, "x", r"new \1") == text.replace("old", r"new \1")
    with pytest.raises(ValueError, match="0 blocks 'y'"):
        with_block(text, "y", "new")


def test_what_differs_between_runs_is_masked(tmp_path):
    """Times, rates and the temporary folder do not reach README.md."""
    raw = f"5 items at 14,290 rows/s\nStages: pull 0.1 s, train 12.0 s\nLedger: {tmp_path}/a.db\n"
    assert masked(raw, tmp_path) == "5 items at … rows/s\nStages: pull … s, train … s\nLedger: a.db"
