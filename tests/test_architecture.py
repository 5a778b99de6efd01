"""Which way imports point, and what an import costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = {"strategies": {"curator", "integrations"}, "integrations": {"curator", "strategies"}}


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


@pytest.mark.parametrize("package", ["curator", "strategies", "integrations", "strategies.registry"])
def test_importing_is_cheap(package):
    """No import of a package pulls in torch, faiss or scikit-learn; the registry of strategies neither."""
    heavy = "{'torch', 'faiss', 'sklearn', 'transformers', 'modAL'}"
    script = f"import sys, {package}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
