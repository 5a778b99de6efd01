"""curator.toml after a change of the classes: what names a class follows, all else stays as its writer left it."""

import tomllib
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any, cast

import tomlkit
from tomlkit.exceptions import TOMLKitError

from curator.config import CONFIG_NAME, Config, parse_config
from curator.config.describe import inline_table
from curator.errors import ConfigError
from curator.files import write_bytes
from curator.ledger.class_history import Change


def changed_settings(folder: Path, change: Change) -> tuple[str, Config, list[str]]:
    """The new text of curator.toml; nothing is written.

    Args:
        folder: with curator.toml, whose list of classes is that before the change, or already that after it.
        change: whose classes it gets.

    Returns:
        The text, what it says, and sentences about settings that could not simply follow.

    Raises:
        ConfigError: it cannot be changed, or could not be used afterwards. It is as it was.
    """
    path = folder / CONFIG_NAME
    notes: list[str] = []
    try:
        document: Any = tomlkit.parse(path.read_bytes().decode())
        _set_classes(document["project"]["classes"], change)
        labeler = document.get("labeler", {})
        for setting in ("descriptions", "hotkeys"):
            if setting in labeler:
                _follow(labeler[setting], change, f"[labeler] {setting}", notes)
        if "mistakes" in document.get("holdout", {}):
            _follow_costs(document["holdout"]["mistakes"], change)
        text = tomlkit.dumps(document)
        config = parse_config(tomllib.loads(text), f"{path} after the change")
    except (TOMLKitError, KeyError, tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(
            f"{path} could not be changed ({exc}). Set [project] classes to {list(change.classes)} by hand, with what else names "
            "a class, and run the same command again."
        ) from exc
    return text, config, notes


def write_settings(folder: Path, text: str) -> None:
    """Replace curator.toml in one step; where it is a link, the file that it leads to."""
    write_bytes((folder / CONFIG_NAME).resolve(), text.encode())


def _set_classes(array: Any, change: Change) -> None:
    """Change the list in place, so that its layout and comments stay."""
    before, after = list(map(str, array)), list(change.classes)
    if before == after:
        return
    if set(before) == set(after):  # edited by hand already, in another order
        for i, name in enumerate(after):
            array[i] = name
        return
    if change.kind == "add":
        for name in change.targets:
            array.append(name)
        return
    place = next(i for i, name in enumerate(before) if name in (*change.sources, *change.targets))
    for i in reversed(range(len(before))):
        if i != place and before[i] in (*change.sources, *change.targets):
            del array[i]
    array[place] = change.targets[0]
    for offset, name in enumerate(change.targets[1:], start=1):
        array.insert(place + offset, name)


def _follow(table: MutableMapping[str, Any], change: Change, what: str, notes: list[str]) -> None:
    """Settings of classes by name: renamed with them; of what was merged or split only the name that stays keeps its own."""
    if change.kind == "rename":
        _move(table, change.sources[0], change.targets[0])
        return
    for name in change.sources if change.kind in ("merge", "split") else ():
        if name in table and name not in change.targets:
            notes.append(
                f"{what}: {name!r} = {str(table[name])!r} was removed; set it for {_either(change.targets)}."
            )
            del table[name]


def _follow_costs(costs: MutableMapping[str, Any], change: Change) -> None:
    """What mistakes cost: of merged classes the dearer mistake counts, each part of a split one costs what the whole did."""
    if change.kind == "rename":
        _both(costs, lambda table, _top: _move(table, change.sources[0], change.targets[0]))
    elif change.kind == "merge":
        into = change.targets[0]
        _both(costs, lambda table, top: _join(table, change.sources, into, top=top))
        costs.get(into, {}).pop(into, None)
    elif change.kind == "split":
        name = change.sources[0]
        _both(costs, lambda table, _top: _copy(table, name, change.targets))


def _both(costs: MutableMapping[str, Any], do: Callable[[MutableMapping[str, Any], bool], None]) -> None:
    """Do something with the true classes, and with the predicted ones of each."""
    do(costs, True)
    for name in list(costs):
        do(costs[name], False)
        if not costs[name]:
            del costs[name]


def _move(table: MutableMapping[str, Any], old: str, new: str) -> None:
    if old in table:
        table[new] = table.pop(old)


def _join(table: MutableMapping[str, Any], sources: Sequence[str], into: str, *, top: bool) -> None:
    values = [table.pop(name) for name in dict.fromkeys((*sources, into)) if name in table]
    if not values:
        return
    if not top:
        table[into] = max(float(cost) for cost in values)
        return
    joined: dict[str, float] = {}
    for costs in values:
        for name, cost in cast("MutableMapping[str, float]", costs).items():
            if name not in sources and name != into:
                joined[str(name)] = max(joined.get(str(name), 0.0), float(cost))
    if joined:
        table[into] = inline_table(joined)


def _copy(table: MutableMapping[str, Any], name: str, parts: Sequence[str]) -> None:
    if name in table:
        value = table.pop(name)
        value = value.unwrap() if hasattr(value, "unwrap") else value
        for part in parts:
            table[part] = inline_table(value) if isinstance(value, dict) else value


def _either(names: Sequence[str]) -> str:
    return " or ".join(map(repr, names))
