"""What is installed is pinned: every package, and every file of it by its hash."""

import re
import tomllib
from importlib import metadata
from itertools import chain
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
# Installed before anything else, or not at all.
_NOT_PINNED = {"curator", "pip"}


def constraints():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {
        canonicalize_name(name): version
        for name, _, version in (line.partition("==") for line in lines if not line.startswith("#"))
    }


def brought(wanted, extras):
    """Names of all packages that requirements bring here, by what is installed."""
    found, todo = set(), [(Requirement(line), extra) for line in wanted for extra in extras]
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker is not None and not requirement.marker.evaluate(
            {**default_environment(), "extra": extra}
        ):
            continue
        name = canonicalize_name(requirement.name)
        if (name, frozenset(requirement.extras)) in found:
            continue
        found.add((name, frozenset(requirement.extras)))
        inner = metadata.requires(name) or []
        todo += [(Requirement(line), extra) for line in inner for extra in ("", *requirement.extras)]
    return {name for name, _ in found}


def test_every_package_that_comes_with_curator_is_pinned():
    """Those of its extras, and what they bring in turn."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    names = brought(wanted, [""])
    assert {"torch", "keyring", "transformers", "opentelemetry-api", "lazy-importer"} <= names
    assert names - constraints().keys() - _NOT_PINNED == set()


def test_every_pin_has_the_hashes_of_its_files():
    """requirements.txt is what `make lock` writes: the versions of constraints.txt, none missing, none more."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text)
    pins = {}
    for entry in entries:
        if entry.startswith("#"):
            continue
        found = re.match(r"([a-z0-9.-]+)==(\S+)", entry)
        assert found, entry
        assert "--hash=sha256:" in entry, entry
        pins[canonicalize_name(found[1])] = found[2]
    assert pins == constraints()


def test_constraints_and_installation_agree():
    """The versions that are tested are those that are pinned."""
    pinned = constraints()
    installed = {canonicalize_name(found.name): found.version for found in metadata.distributions()}
    differing = {
        name: (version, installed[name])
        for name, version in pinned.items()
        if name in installed and installed[name].split("+")[0] != version
    }
    assert differing == {}
