"""A change of the classes as somebody asks for it: checked against today's classes, all problems at once."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from curator.errors import ConfigError
from curator.ledger.class_history import Asks, Change, History, Kind
from curator.pool.problems import listed


def add(
    history: History, names: Sequence[str], *, carved_from: Sequence[str] = (), keep: bool = False
) -> Change:
    """Further classes, at the end of the list.

    Args:
        history: of the campaign.
        names: of the new classes.
        carved_from: classes that items of the new ones were given until now.
        keep: nothing that was labeled so far is of the new classes.

    Raises:
        ConfigError: a name is a class already, or what it is carved from is none.
    """
    problems = [*_taken(history, names), *_unknown(history, carved_from)]
    if keep and carved_from:
        problems.append(
            "--keep-answers says that no item belongs to the new class, --from that some do: give only one of them."
        )
    asks: Asks = "nothing" if keep else "all" if carved_from else "hold-out"
    return _change(history, "add", carved_from, names, asks, (*history.classes, *names), problems)


def rename(history: History, old: str, new: str) -> Change:
    """Another name for a class that means what it meant.

    Raises:
        ConfigError: there is no such class, or the new name is another one's.
    """
    problems = _unknown(history, [old])
    if new in history.classes:
        problems.append(
            f"{new!r} is a class already. To make one class of the two: `curator classes merge {_quoted(old)} {_quoted(new)} "
            f"--into {_quoted(new)}`."
        )
    classes = tuple(new if name == old else name for name in history.classes)
    return _change(history, "rename", [old], [new], "nothing", classes, problems)


def merge(history: History, names: Sequence[str], into: str) -> Change:
    """One class in place of several.

    Raises:
        ConfigError: one of them is no class, or there are too few.
    """
    problems = _unknown(history, names)
    merged = tuple(dict.fromkeys(names))
    gone = {*merged, into}
    if len(gone & set(history.classes)) < 2 and not problems:
        problems.append(
            "To merge, name at least two classes; to change a name, use `curator classes rename`."
        )
    classes = tuple(dict.fromkeys(into if name in gone else name for name in history.classes))
    if len(classes) < 2 and not problems:
        problems.append("That would leave a single class: there would be nothing to tell apart.")
    return _change(history, "merge", merged, [into], "nothing", classes, problems)


def split(history: History, name: str, parts: Sequence[str]) -> Change:
    """Several classes in place of one, which may be one of its parts.

    Raises:
        ConfigError: there is no such class, or a part is another class.
    """
    problems = [*_unknown(history, [name]), *_taken(history, [part for part in parts if part != name])]
    if len(set(parts)) < 2:
        problems.append("To split, name at least two parts; to change a name, use `curator classes rename`.")
    classes = [part for each in history.classes for part in (parts if each == name else [each])]
    return _change(history, "split", [name], parts, "all", classes, problems)


def _change(
    history: History,
    kind: Kind,
    sources: Iterable[str],
    targets: Iterable[str],
    asks: Asks,
    classes: Iterable[str],
    problems: list[str],
) -> Change:
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    return Change(history.newest + 1, kind, tuple(sources), tuple(targets), asks, tuple(classes))


def _unknown(history: History, names: Sequence[str]) -> list[str]:
    """A sentence for each name that is no class."""
    problems = []
    for name in names:
        if name not in history.classes:
            close = get_close_matches(name, history.classes, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            problems.append(f"{name!r} is not a class; the classes are {listed(history.classes)}.{hint}")
    return problems


def _taken(history: History, names: Sequence[str]) -> list[str]:
    """A sentence for each name that cannot be a new class."""
    problems = [f"{name!r} is a class already." for name in names if name in history.classes]
    problems += [f"{name!r} is named twice." for name in dict.fromkeys(names) if list(names).count(name) > 1]
    return problems


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name
