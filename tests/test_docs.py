"""The pages say what is there: their links, the reference, the errors they explain, the names they give to packages of others."""

import ast
import importlib
import inspect
import re
import subprocess
import tomllib
from functools import cache

import numpy as np
import pytest
from support.readme import DOCS, README, ROOT
from support.reference import PAGES

from integrations.encoders import registry as encoders
from integrations.encoders.protocol import Encoder
from integrations.labelers import registry as labelers
from integrations.labelers.protocol import Labeler
from strategies import registry as strategies

TROUBLE = DOCS / "troubleshooting.md"
EVERY_PAGE = [
    README,
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "data/README.md")),
    *sorted(DOCS.rglob("*.md")),
]
FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")


@cache
def anchors(path):
    """What a link may name after `#` on a page: its headings, written as GitHub writes them."""
    found = set()
    for title in re.findall(r"^#{1,6} +(.+)$", FENCE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        count = sum(one == anchor or one.rsplit("-", 1)[0] == anchor for one in found)
        found.add(f"{anchor}-{count}" if anchor in found else anchor)
    return found


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """Every relative link names a file that is there, and every anchor a heading of it."""
    wrong = []
    for target, anchor in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            wrong.append(f"{target}#{anchor}" if anchor else target)
    assert wrong == []


def test_every_page_is_in_the_list_of_pages():
    """docs/README.md leads to each page of docs/."""
    index = DOCS / "README.md"
    linked = {
        (DOCS / target).resolve() for target, _ in LINK.findall(index.read_text(encoding="utf-8")) if target
    }
    assert {page for page in DOCS.rglob("*.md") if page != index} <= linked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_reference_is_current(page):
    """Commands and Python are described as they are: `make reference` would change nothing."""
    assert page.read_text(encoding="utf-8") == PAGES[page]()


@cache
def messages():
    """Every text in the code but docstrings, with … where a value is put in."""
    found = []
    for folder in ("curator", "strategies", "integrations"):
        for path in (ROOT / folder).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            constants = _constants(tree)
            docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if isinstance(node, ast.JoinedStr):
                    found.append("".join(_piece(part, constants) for part in node.values))
                elif (
                    isinstance(node, ast.Constant)
                    and isinstance(node.value, str)
                    and id(node) not in docstrings
                ):
                    found.append(node.value)
    return found


def _constants(tree):
    """Texts with a name at the top of a module, and those that are imported: CONFIG_NAME is curator.toml."""
    named = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }
    return {"CONFIG_NAME": "curator.toml", **named}


def _piece(part, constants):
    if isinstance(part, ast.Constant):
        return part.value
    return constants.get(part.value.id, "…") if isinstance(part.value, ast.Name) else "…"


def explained():
    return re.findall(r"^\*\*(.+)\*\*\n: ", TROUBLE.read_text(encoding="utf-8"), re.MULTILINE)


def begins(message, words):
    """Whether a message begins with words; … stands for anything."""
    first, *others = [part.strip() for part in words.split("…")]
    at = len(first)
    for part in others:
        at = message.find(part, at) + len(part)
        if at < len(part):
            return False
    return message.startswith(first)


@pytest.mark.parametrize("words", explained())
def test_an_explained_error_is_one_of_the_program(words):
    """What the page explains is a message that the code has, by its first words."""
    assert any(begins(message, words) for message in messages())


def test_a_message_that_is_not_there_is_not_found():
    """The comparison can fail: it takes the words in their order, from one message."""
    assert len(explained()) > 40
    assert not any(begins(message, "could not …: nobody ever wrote this") for message in messages())
    assert begins("could not …: no answer from …", "could not …: no answer")
    assert not begins("could not …: no answer from …", "no answer")
    assert not begins("could not …: no answer from …", "… no answer … could not")


def test_packages_of_others_are_found_under_the_names_that_the_pages_give():
    """A group of entry points that is renamed would silently lose what others have registered."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        groups = set(tomllib.load(file)["project"]["entry-points"])
    assert groups == {"curator.strategies", "curator.labelers", "curator.encoders"}
    for registry, group in (
        (strategies, "curator.strategies"),
        (labelers, "curator.labelers"),
        (encoders, "curator.encoders"),
    ):
        tree = ast.parse(inspect.getsource(registry))
        assert group in {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    told = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "how-to").glob("own-*.md"))
    assert set(re.findall(r'\[project\.entry-points\."(.+?)"\]', told)) == groups


PATHS = re.compile(r"`((?:curator|strategies|integrations|tests|data|docs|\.ci)/[\w./-]*)`")


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md"])
def test_paths_that_are_named_are_there(page):
    """A file of this repository that a page tells to touch has not been moved."""
    named = {path for path in PATHS.findall((ROOT / page).read_text(encoding="utf-8")) if "NAME" not in path}
    assert named
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def exists(name):
    """Whether a dotted name is a module, or something in one."""
    module, _, attribute = name.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), attribute) or bool(importlib.import_module(name))
    except ImportError:
        return False


def test_python_names_that_are_given_exist():
    """What a page tells to import from curator can be imported."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md") if page not in PAGES)
    named = set(re.findall(r"`(?:\w+ = )?(curator\.(?!toml|db|local)[\w.]*\w)", text))
    named -= {strategies.GROUP, "curator.labelers", "curator.encoders"}
    assert len(named) > 1
    assert sorted(name for name in named if not exists(name)) == []


def made(target):
    """The commands that `make TARGET` would run."""
    done = subprocess.run(["make", "--dry-run", "--assume-old=.venv/installed", target],
                          cwd=ROOT, capture_output=True, text=True, check=True)  # fmt: skip
    return done.stdout.splitlines()


def test_hooks_run_what_lint_runs():
    """Somebody who uses pre-commit is told before CI tells them."""
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"^ +entry: (.+)$", hooks, re.MULTILINE) == [
        line for line in made("lint") if line.startswith(".venv/bin/")
    ]


def test_the_numeric_tests_are_there():
    """Files that were moved are not silently named by `make test-numeric`."""
    files = re.findall(r"tests/\S+\.py", "\n".join(made("test-numeric")))
    assert len(files) > 10
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_tables_are_written_where_they_stand():
    """What WRITE=1 puts tables into is a page with the markers for them."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    written = re.findall(r"^(bench-[a-z-]+):.*\n\t.*--write (\S+?)\)", makefile, re.MULTILINE)
    assert len(written) >= 7
    for target, page in written:
        text = (ROOT / page).read_text(encoding="utf-8")
        assert text.count(f"<!-- {target}: begin -->") == text.count(f"<!-- {target}: end -->") == 1


def example(page):
    """The names that the first Python example of a how-to defines."""
    text = (DOCS / "how-to" / page).read_text(encoding="utf-8")
    (code, *_) = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    names = {}
    exec(code, names)
    return names


def test_the_strategy_of_the_how_to_is_one():
    """Copied as it stands it scores: one number per item, the unsure first."""
    gini = example("own-strategy.md")["GINI"]
    assert isinstance(gini, strategies.Scorer)
    scores = gini.score(np.array([[1.0, 0.0], [0.5, 0.5]]))
    np.testing.assert_allclose(scores, [0.0, 0.5])


def test_the_encoder_of_the_how_to_is_one():
    """Copied as it stands it has every part of an encoder, and its rows are of length 1, or zero."""
    encoder = example("own-encoder.md")["make_letters"](None, "text")
    parts = {name for name in vars(Encoder) if not name.startswith("_")} | set(Encoder.__annotations__)
    assert [name for name in parts if not hasattr(encoder, name)] == []
    rows = encoder.encode(["abba", "Zoo", "123"])
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1.0, 1.0, 0.0], rtol=1e-6)


def test_the_labeler_of_the_how_to_names_every_method():
    """The table has every method that curator calls, and the class every attribute."""
    text = (DOCS / "how-to" / "own-labeler.md").read_text(encoding="utf-8")
    methods = {name for name in vars(Labeler) if not name.startswith("_")}
    assert [name for name in methods if f"`{name}(" not in text] == []
    assert [
        name for name in Labeler.__annotations__ if name != "traits" and f"    {name} = " not in text
    ] == []
