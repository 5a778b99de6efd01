"""The exports that people put into the labeler's folder of answers: which are read, and where each is from.

    answers/export.json            an export; which of several servers it is from is told by its tasks
    answers/NAME/export.json       an export of the server, or the person, that the folder is named after

Users, tasks and annotations have numbers that count on one server only. So every export has an origin: the folder it
lies in, or else a group of exports that can be of one server. Two can not when a question stands in both as two
different tasks, or one number for two different things.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from integrations.errors import LabelerError
from integrations.labelers.json_values import utc
from integrations.labelers.studio_json import task_key

OTHER_FORMATS = frozenset({".csv", ".tsv", ".conll", ".zip", ".jsonl", ".xml", ".parquet"})
_LISTED = 5  # files that a message names

Rows = Sequence[Mapping[str, Any]]
Things = dict[tuple[object, ...], tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Export:
    """One file of Label Studio's JSON.

    Attributes:
        name: below the folder of answers.
        tasks: as they came.
        origin: tells the numbers in it from those of other origins; "" where one server gave all of them.
        folder: the folder below `answers` that it lies in; "" = none.
        user_name: what to call a user without an e-mail: the folder, where nobody else answered in it; "" = not known.
    """

    name: str
    tasks: Rows
    origin: str
    folder: str
    user_name: str = ""


@dataclass(frozen=True, slots=True)
class Exports:
    """What lies in the folder of answers.

    Attributes:
        files: the exports, the oldest first.
        passed_over: files that are no exports.
    """

    files: tuple[Export, ...]
    passed_over: tuple[str, ...]


def read_exports(folder: Path) -> Exports:
    """Read every export in the folder of answers, and in folders below it.

    Raises:
        LabelerError: a file cannot be read, or is an export in another format; all of those are named.
    """
    written: list[tuple[int, str, Path]] = []
    for path in export_paths(folder):
        with suppress(FileNotFoundError):  # somebody is just putting a newer export in its place
            written.append((path.stat().st_mtime_ns, path.relative_to(folder).as_posix(), path))
    found, passed_over, other = [], [], []
    for _, name, path in sorted(written):
        if path.suffix.lower() == ".json":
            found.append(_export(name, read_tasks(path)))
        elif path.suffix.lower() in OTHER_FORMATS:
            other.append(str(path))
        elif (tasks := _tasks_under_another_name(path)) is not None:
            found.append(_export(name, tasks))
        else:
            passed_over.append(name)
    if other:
        raise LabelerError(
            f"{_listed(other)} {'is an export' if len(other) == 1 else 'are exports'} in another format than JSON; only JSON "
            "says whose question each answer is. Export the project again, in the format JSON, or take the file out of the "
            "folder."
        )
    return Exports(tuple(_with_names(_with_origins(found))), tuple(passed_over))


def export_paths(folder: Path) -> Iterator[Path]:
    """Every file in a folder and below it, by name; hidden ones are left out: half-written, or the system's."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def read_tasks(path: Path) -> Rows:
    """The tasks in a file of Label Studio's JSON."""
    try:
        rows = json.loads(read_text(path))
    except (ValueError, RecursionError) as exc:
        raise LabelerError(
            f"{path} is not JSON ({exc}). Export it again, or take it out of the folder."
        ) from exc
    if not _are_tasks(rows):
        raise LabelerError(
            f"{path} is not a list of Label Studio's tasks with their data. Export the project in the format JSON "
            "(not JSON-MIN), or take the file out of the folder."
        )
    return rows  # type: ignore[no-any-return]


def read_text(path: Path) -> str:
    """The text of a file of the labeler; a `LabelerError` names one that cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise LabelerError(f"{path} cannot be read ({exc}). Replace it by a good copy.") from exc


def note_passed_over(names: Sequence[str], folder: Path) -> str:
    """Says which files of the folder of answers are no exports; "" when all are."""
    if not names:
        return ""
    many = len(names) > 1
    return (
        f"{_listed([str(folder / name) for name in names])} {'are' if many else 'is'} not read: "
        f"{'none of them holds' if many else 'it does not hold'} Label Studio's tasks in JSON. If there are answers in "
        f"{'them' if many else 'it'}, export the project again, in the format JSON."
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _are_tasks(rows: Any) -> bool:
    return isinstance(rows, list) and all(isinstance(row, Mapping) and "data" in row for row in rows)


def _tasks_under_another_name(path: Path) -> Rows | None:
    """The tasks in an export that somebody renamed, say to end in .txt; None of any other file."""
    try:
        with path.open("rb") as file:
            if not file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
                return None
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    return rows if rows and _are_tasks(rows) else None


def _export(name: str, tasks: Rows) -> Export:
    folder, slash, _ = name.partition("/")
    return Export(name, tasks, folder if slash else "", folder if slash else "")


def _with_names(exports: Sequence[Export]) -> list[Export]:
    users: dict[str, set[object]] = defaultdict(set)
    for export in exports:
        users[export.folder] |= _users(export.tasks)
    return [
        replace(export, user_name=export.folder) if len(users[export.folder]) == 1 else export
        for export in exports
    ]


def _with_origins(exports: Sequence[Export]) -> list[Export]:
    """The exports, each that lies in no folder of its own with the server that it seems to be from."""
    loose = [number for number, export in enumerate(exports) if not export.folder]
    things = [_things(exports[number].tasks) for number in loose]
    group = _same_server(things)
    if not any(_contradict(a, b) for i, a in enumerate(things) for b in things[:i]):
        group = [0] * len(loose)
    named = dict(enumerate(exports))
    several = len(set(group)) > 1
    for of in set(group):
        members = [number for number, its in zip(loose, group, strict=True) if its == of]
        origin = _origin([exports[number] for number in members]) if several else ""
        named |= {number: replace(exports[number], origin=origin) for number in members}
    return [named[number] for number in range(len(exports))]


def _same_server(things: Sequence[Things]) -> list[int]:
    """A number for each export, the same for those that have a task or an annotation in common."""
    group = list(range(len(things)))
    first: dict[object, int] = {}
    for number, found in enumerate(things):
        for thing in found.items():
            if not thing[1][-1]:
                continue
            other = group[first.setdefault(thing, number)]
            if other != group[number]:
                joined = group[number]
                group = [other if its == joined else its for its in group]
    return group


def _things(tasks: Rows) -> Things:
    """What an export says of a server: which task a question is, what each number of a task or an annotation stands for.

    Each thing ends with the time at which it was made, "" where the export does not say: without it two that look alike
    prove nothing.
    """
    found: Things = {}
    for row in tasks:
        key, made = task_key(row.get("data")), _time(row.get("created_at"))
        if key is None:
            continue
        # as text: a number may be anything in a file that was edited
        project, number = str(row.get("project")), str(row.get("id"))
        found["question", key] = (project, number, made)
        if row.get("project") is not None:
            found["task", project, number] = (key, made)
        for annotation in _known(row):
            value = (key, str(annotation.get("unique_id")), _time(annotation.get("created_at")))
            found["annotation", str(annotation.get("id"))] = value
    return found


def _contradict(a: Things, b: Things) -> bool:
    """Whether two exports cannot be of one server. One thing that both have proves that they are, whatever else."""
    shared = a.keys() & b.keys()
    if any(a[thing] == b[thing] and a[thing][-1] for thing in shared):
        return False
    return any(a[thing] != b[thing] for thing in shared)


def _origin(exports: Sequence[Export]) -> str:
    """A name for a server that no export names: the project, and when its first task or annotation was made."""
    projects = sorted(
        {str(row["project"]) for e in exports for row in e.tasks if row.get("project") is not None}
    )
    times = sorted(
        time
        for export in exports
        for row in export.tasks
        for time in (_time(row.get("created_at")), *(_time(a.get("created_at")) for a in _known(row)))
        if time
    )
    since = times[0].rstrip("Z").removesuffix(".000000").replace("T", " ") if times else exports[0].name
    return f"project {projects[0]} since {since}" if projects else f"export since {since}"


def _users(tasks: Rows) -> set[object]:
    """Numbers of those who answered."""
    given = [annotation.get("completed_by") for row in tasks for annotation in _known(row)]
    return {str(who.get("id") if isinstance(who, Mapping) else who) for who in given}


def annotations_of(row: Mapping[str, Any]) -> list[Any]:
    """The annotations of a task, as they came."""
    found = row.get("annotations")
    return found if isinstance(found, list) else []


def _known(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [found for found in annotations_of(row) if isinstance(found, Mapping)]


def _time(value: object) -> str:
    """A time as text that sorts; "" where the export does not say."""
    try:
        return "" if value is None else utc(value)
    except (ValueError, OverflowError):
        return ""
