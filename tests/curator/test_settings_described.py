"""Each setting is described once, and that feeds curator.toml, `--help` and the reference."""

import subprocess
import sys
import tomllib

import pytest
from support.settings_page import PAGE, page
from typer.testing import CliRunner

from curator.cli.app import app
from curator.config import parse_config
from curator.config.describe import describe_settings, first_sentence, purpose, sections
from curator.start.config_text import render_config
from integrations.encoders.registry import ENCODERS
from integrations.labelers.registry import LABELERS

SETTINGS = [
    pytest.param(section, name, id=f"{section}.{name}")
    for section, kind in sections().items()
    for name in kind.model_fields
]


def values(**labeler):
    """What stands in a curator.toml that leaves out all it can."""
    return {
        "project": {"name": "p", "kind": "image", "classes": ["a", "b"]},
        "data": {"source": "images"},
        "encoder": {"name": "pixels"},
        "holdout": {"size": 300},
        "labeler": labeler,
        "cost": {"price_per_label": "0.08"},
    }


@pytest.mark.parametrize(("section", "name"), SETTINGS)
def test_every_setting_says_what_it_is_for(section, name):
    """In a sentence that ends like one, starts no second line, and is not about another setting."""
    field = sections()[section].model_fields[name]
    assert field.description
    assert field.description.endswith(".")
    assert "\n" not in field.description
    assert purpose(field) == first_sentence(field.description) != ""


def test_the_reference_is_that_of_these_settings():
    """`make reference` was run after the last change."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_reference_names_every_setting():
    """A row for each, in its section."""
    tables = dict(zip(sections(), page().split("\n## [")[1:], strict=True))
    for section, kind in sections().items():
        assert tables[section].startswith(f"{section}]")
        assert [row for row in kind.model_fields if f"| `{row}` |" not in tables[section]] == []


@pytest.mark.parametrize("labeler", LABELERS)
def test_all_that_is_commented_out_could_be_used(labeler):
    """Each example of the file that `curator init` writes parses, in its place, but where the choice is one of two."""
    config = parse_config(values(name=labeler), "here")
    lines = render_config(config).splitlines()
    written = tomllib.loads("\n".join(lines))
    tried = 0
    for i, line in enumerate(lines):
        if not line.startswith("# ") or " = " not in line.split("  # ")[0]:
            continue
        name = line[2:].split(" = ")[0]
        changed = tomllib.loads("\n".join([*lines[:i], line[2:], *lines[i + 1 :]]))
        assert changed != written
        if name in ("file", "hourly_rate"):  # of a choice that is made already
            continue
        if name == "review_price":
            changed["cost"]["review_share"] = 0.5
        if name in ("value_per_error", "predictions"):
            changed["stop"] |= {"value_per_error": "0.50", "predictions": 1}
        parse_config(changed, line)
        tried += 1
    assert tried > 20


def test_a_labeler_of_another_package_has_a_place_for_its_options():
    """In the file that is written, and as a section of its own; one of ours takes none."""
    text = render_config(parse_config(values(name="theirs"), "here"))
    assert '# options = {key = "value"}' in text
    assert "url" not in tomllib.loads(text)["labeler"]
    again = tomllib.loads(text.replace("[cost]", '[labeler.options]\nmodel = "small"\n\n[cost]'))
    config = parse_config(again, "here")
    assert config.labeler.options == {"model": "small"}
    assert parse_config(tomllib.loads(render_config(config)), "again") == config
    again["labeler"]["name"] = "files"
    with pytest.raises(
        Exception, match=r"\[labeler\.options\] is for labelers from other packages; the settings of 'files'"
    ):
        parse_config(again, "here")


@pytest.mark.parametrize("command", ["init", "add"])
def test_help_says_what_the_settings_say(command):
    """Options that set something are described as in curator.toml; nothing is left to be filled in."""
    shown = " ".join(CliRunner().invoke(app, [command, "--help"]).stdout.split())
    assert describe_settings("{data.header}") in shown
    assert "{data." not in shown
    if command == "init":
        assert purpose(sections()["acquisition"].model_fields["batch"]) in shown


def test_reading_settings_is_quick():
    """Names of encoders, labelers, strategies and metrics are checked and listed without what computes them."""
    heavy = "{'torch', 'sklearn', 'scipy', 'pandas', 'pyarrow', 'faiss', 'numba', 'PIL'}"
    code = f"import sys, curator.config; sys.exit(not {heavy}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_help_lists_what_the_registries_have():
    """All encoders and labelers of ours, by name."""
    shown = CliRunner(env={"COLUMNS": "400"}).invoke(app, ["init", "--help"]).stdout
    shown = "".join(shown.split())  # names are broken at their hyphens
    assert [name for name in (*ENCODERS, *LABELERS) if name not in shown] == []
