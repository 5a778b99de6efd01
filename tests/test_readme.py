"""README.md says what the program does: its commands, options and outputs are checked against the real ones."""

import csv
import re
import shlex

import pytest
import typer
from support.readme import COMMANDS, README, ROOT, SAMPLE, block, masked, outputs, with_block
from typer.testing import CliRunner

from curator.cli.app import app

TEXT = README.read_text(encoding="utf-8")
ROOT_COMMAND = typer.main.get_command(app)


def commands(group=ROOT_COMMAND, path=()):
    """Every command with the words that call it, those of sub-commands too."""
    found = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found |= commands(command, (*path, name))
        else:
            found[*path, name] = command
    return found


def called(words):
    """The command that a line calls."""
    return next(command for path, command in commands().items() if tuple(words[: len(path)]) == path)


def documented():
    """Every `curator ...` line of the shell fences, as words."""
    found = []
    for fence in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL):
        for line in fence.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["curator"]:
                found.append(words[1:])
    return found


@pytest.mark.parametrize("path", sorted(commands()), ids=" ".join)
def test_every_command_is_documented_and_explains_itself(path):
    """A command is named in README.md, and it and all its options have help."""
    command = commands()[path]
    assert f"`curator {path[0]}" in TEXT or path[:1] in [tuple(words[:1]) for words in documented()]
    assert path[-1] in TEXT
    assert command.help
    assert [p.name for p in command.params if not getattr(p, "help", None)] == []


def test_documented_commands_exist_with_their_options():
    """What a reader copies from README.md is something that the program understands."""
    assert len(documented()) >= 8
    for words in documented():
        command = called(words)
        known = {flag for p in command.params for flag in p.opts} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= known, words


def test_the_commands_behind_the_outputs_are_those_shown():
    """The five minutes that README.md tells are the commands that were run for its output."""
    shown = [
        line.removeprefix("$ ") for line in block(TEXT, "five-minutes").splitlines() if line.startswith("$ ")
    ]
    assert shown == COMMANDS["five-minutes"]


def test_the_demo_shows_at_least_six_measured_rounds():
    """The table on the first screen has the rounds that the demo promises."""
    rows = re.findall(r"^ +\d+ +\d+ +\$", block(TEXT, "demo"), re.MULTILINE)
    assert len(rows) >= 6


def test_the_five_minutes_are_what_the_program_prints():
    """The sample campaign, run again, prints what README.md shows."""
    assert outputs("five-minutes") == block(TEXT, "five-minutes")


def test_the_list_of_strategies_is_current():
    """A strategy that is added appears in README.md too."""
    done = CliRunner().invoke(app, ["strategies"])
    assert done.exit_code == 0
    assert block(TEXT, "strategies") == masked(done.stdout, ROOT)


@pytest.mark.parametrize("words", ["make demo", "make demo-studio", "make test", "make readme"])
def test_the_make_targets_that_are_named_exist(words):
    """README.md names the one-word tasks, and the Makefile has them."""
    assert words in TEXT
    assert f"\n{words.split()[1]}:" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_links_lead_somewhere():
    """Every relative link of README.md and docs/ names a file that exists."""
    for page in [README, *sorted((ROOT / "docs").rglob("*.md")), ROOT / "data" / "README.md"]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


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
