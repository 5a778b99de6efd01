"""Which way imports point, and what an import costs."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = {"strategies": {"curator", "integrations"}, "integrations": {"curator", "strategies"}}
# The house from the ground up: a room imports from lower floors only, never from its own.
FLOORS = (
    {"errors", "amounts", "progress"},
    {"files", "output", "learner", "ledger", "evidence"},
    {"pool", "studio", "tasks"},
    {"config"},
    {"money", "project"},
    {"rounds"},
    {"views", "own_labels", "serve"},
    {"start", "simulate", "care"},
    {"cli"},
)


def violations(package, folder):
    """Imports in the package's files of packages it may not know, as "file:line imports name"."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            else:
                continue
            found += [
                f"{path.name}:{node.lineno} imports {name}"
                for name in names
                if name.split(".")[0] in FORBIDDEN[package]
            ]
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_arrows_point_down(package):
    """strategies and integrations know neither curator nor each other."""
    assert list((ROOT / package).rglob("*.py"))
    assert violations(package, ROOT / package) == []


@pytest.mark.parametrize("line", ["import curator.pool", "from integrations.modal import make_learner"])
def test_a_planted_violation_is_caught(tmp_path, line):
    """The check sees both forms of import, inside functions too."""
    (tmp_path / "guilty.py").write_text(f"import os\n\ndef late():\n    {line}\n", encoding="utf-8")
    assert violations("strategies", tmp_path) == [f"guilty.py:4 imports {line.split()[1]}"]


def rooms_imported(path):
    """Rooms of curator/ that a file imports from, inside functions too; the front door and its version apart."""
    named = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module == "curator":
            named |= {f"curator.{alias.name}" for alias in node.names if alias.name != "__version__"}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            named.add(node.module)
    return {name.split(".")[1] for name in named if name.startswith("curator.")}


def climbs(curator):
    """Imports within curator/ that do not go down, as "room/file imports room"."""
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    found = []
    for path in sorted(curator.rglob("*.py")):
        inside = path.relative_to(curator)
        room = inside.parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        found += [
            f"{inside} imports {other}"
            for other in sorted(rooms_imported(path) - {room})
            if floor[other] >= floor[room]
        ]
    return found


def test_no_import_within_curator_climbs():
    """Nine floors, no circle, and no room that the table above does not know."""
    known = set().union(*FLOORS)
    files = (path.relative_to(ROOT / "curator") for path in (ROOT / "curator").rglob("*.py"))
    rooms = {path.parts[0].removesuffix(".py") for path in files}
    assert rooms - {"__init__"} == known
    assert climbs(ROOT / "curator") == []


@pytest.mark.parametrize(
    "line", ["from curator.cli.app import app", "from curator import views", "import curator.serve.app"]
)
def test_an_import_that_climbs_is_caught(tmp_path, line):
    """All forms of import, inside functions too."""
    (tmp_path / "rounds").mkdir()
    (tmp_path / "rounds" / "guilty.py").write_text(f"def late():\n    {line}\n", encoding="utf-8")
    assert len(climbs(tmp_path)) == 1


@pytest.mark.parametrize("package", ["curator", "strategies", "integrations", "strategies.registry"])
def test_importing_is_cheap(package):
    """No import of a package pulls in torch, faiss or scikit-learn; the registry of strategies neither."""
    heavy = "{'torch', 'faiss', 'sklearn', 'transformers', 'modAL'}"
    script = f"import sys, {package}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


SQL = re.compile(
    r"\b(select\b.+?\bfrom\b|insert\s+(or\s+\w+\s+)?into\b|update\s+\S+\s+set\b|delete\s+from\b)",
    re.IGNORECASE | re.DOTALL,
)


def text_of(node):
    """The text of a string, or of an f-string with something in place of each value; None of anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "value" for part in node.values)
    return None


def prose_of(tree):
    """Docstrings, and the parts of f-strings, which are read as a whole."""
    scopes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, scopes)]
    return found | {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}


def sql_strings(curator):
    """SQL in curator/ outside of the ledger's room, as "room/file:line"."""
    found = []
    for path in sorted(curator.rglob("*.py")):
        inside = path.relative_to(curator)
        if inside.parts[0] == "ledger":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        prose = prose_of(tree)
        found += [
            f"{inside}:{node.lineno}"
            for node in ast.walk(tree)
            if id(node) not in prose and SQL.search(text_of(node) or "")
        ]
    return found


def test_only_the_ledger_speaks_sql():
    """Every question to the ledger has a name in ledger/queries, and every change one in ledger/."""
    assert sql_strings(ROOT / "curator" / "ledger") != []
    assert sql_strings(ROOT / "curator") == []


@pytest.mark.parametrize(
    "line",
    [
        'ledger.rows("select id "\n    "from rounds")',
        'ledger.execute(f"update {table} set round = ?")',
        'QUERY = """\n    Insert or replace into state values (?, ?)"""',
        "ledger.execute(f'delete from costs where round = {round_id}')",
    ],
)
def test_planted_sql_is_caught(tmp_path, line):
    """In plain, joined and formatted strings; a docstring may speak of it."""
    (tmp_path / "rounds").mkdir()
    prose = '"""Update labels set before; select some from many."""\n'
    (tmp_path / "rounds" / "guilty.py").write_text(f"{prose}def late():\n    {line}\n", encoding="utf-8")
    assert sql_strings(tmp_path) == ["rounds/guilty.py:3"]
