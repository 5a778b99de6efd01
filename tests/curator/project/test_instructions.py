"""What annotators are told before they begin."""

import pytest
from support.projects import edit_config, make_project

from curator.config import load_config
from curator.errors import ConfigError
from curator.project.instructions import instructions_html


@pytest.fixture
def folder(tmp_path):
    """A project that asks people."""
    return make_project(tmp_path, n=12, batch=4, holdout="4", labeler="files")


def told(folder):
    return instructions_html(load_config(folder), folder)


def use(folder, text):
    (folder / "told.md").write_bytes(text.encode() if isinstance(text, str) else text)
    edit_config(folder, '# instructions = "instructions.md"', 'instructions = "told.md"')


def describe(folder, toml):
    edit_config(folder, '# descriptions = {blue = "what it means"}', f"descriptions = {toml}")


def test_without_a_file_and_descriptions_nothing_is_told(folder):
    """No dialog over the page then."""
    assert told(folder) == ""


def test_markdown_becomes_html(folder):
    """Headings, lists, emphasis, links and tables."""
    use(
        folder,
        "# How\n\n- *one*\n- [two](https://example.org/a?b=1&c=2)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    )
    html = told(folder)
    for part in (
        "<h1>How</h1>",
        "<li><em>one</em></li>",
        '<a href="https://example.org/a?b=1&amp;c=2">two</a>',
        "<th>a</th>",
        "<td>2</td>",
    ):
        assert part in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "[x](javascript:alert(1))",
        "![x](javascript:alert(1))",
        "<javascript:alert(1)>",
        "| <svg onload=alert(1)> |\n|---|\n",
        "```\n</code><script>alert(1)</script>\n```",
        '[x](https://e.org "><script>alert(1)</script>")',
    ],
)
def test_nothing_in_the_file_can_run(folder, text):
    """Tags are shown as text, and no link begins with a script."""
    use(folder, text)
    html = told(folder).partition("</style>")[2].lower()
    for bad in ("<script", "<img src=x", "<svg", 'href="javascript', 'src="javascript'):
        assert bad not in html


def test_descriptions_are_listed_in_the_order_of_the_classes(folder):
    """Below the file, with markup as text; a class without one is left out."""
    use(folder, "First this.")
    describe(folder, '{red = "<b>hot</b>", blue = "cold & calm"}')
    html = told(folder)
    assert html.index("First this.") < html.index("<li><b>blue</b>: cold &amp; calm</li>")
    assert html.index("cold &amp;") < html.index("<li><b>red</b>: &lt;b&gt;hot&lt;/b&gt;</li>")
    assert "green" not in html


def test_descriptions_alone_are_told_too(folder):
    """A hint is seen only under the pointer."""
    describe(folder, '{green = "like grass"}')
    assert "<li><b>green</b>: like grass</li>" in told(folder)


@pytest.mark.parametrize("content", [None, b"\xff\xfe no UTF-8"])
def test_a_file_that_cannot_be_read_is_named(folder, content):
    """With what to do about it."""
    use(folder, content or "")
    if content is None:
        (folder / "told.md").unlink()
    with pytest.raises(ConfigError, match=r"instructions in curator.toml: .*told.md cannot be read"):
        told(folder)
