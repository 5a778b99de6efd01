"""Label Studio's JSON as a labeled file: an item per task, with the label that its annotators agree on."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from curator.errors import DataError
from curator.pool.problems import Problems
from curator.tasks.task import Task

LABEL = "label"
# What curator adds to the data of a task, and nobody labels.
_NOT_DATA = frozenset({"key", "rank", "round", "why", "fields", "neighbours"})


@contextmanager
def as_table(path: Path, task: Task) -> Iterator[Path]:
    """A file with a row per item: the file itself, or, of an export in JSON, one made from it for as long as inside.

    Errors that name the made file name the export instead.

    Raises:
        DataError: a .json file is no export with tasks.
    """
    if path.suffix.lower() != ".json":
        yield path
        return
    with TemporaryDirectory() as folder:
        made = Path(folder) / f"{path.stem}.jsonl"
        made.write_text("".join(f"{json.dumps(row)}\n" for row in _rows(path, task)), encoding="utf-8")
        try:
            yield made
        except DataError as exc:
            raise DataError(str(exc).replace(str(made), str(path))) from exc


def _rows(path: Path, kind: Task) -> list[dict[str, Any]]:
    """A row per task: its data, and its label."""
    try:
        tasks = json.loads(path.read_bytes())  # also with a byte order mark, or in UTF-16
    except OSError as exc:
        raise DataError(f"{path} cannot be read: {exc.strerror}.") from exc
    except (ValueError, RecursionError) as exc:
        raise DataError(f"{path} is not JSON ({exc}). Export the project again, in the format JSON.") from exc
    if not isinstance(tasks, list) or not tasks or not all(isinstance(task, Mapping) for task in tasks):
        raise DataError(
            f"{path} is not a list of tasks. Export the project from Label Studio in the format JSON."
        )
    if not any("annotations" in task or "data" in task for task in tasks):
        return [dict(task) for task in tasks]  # JSON-MIN, or a list of rows
    problems = Problems(path)
    rows = []
    for number, task in enumerate(tasks, start=1):
        data = task.get("data")
        if not isinstance(data, Mapping):
            problems.add(
                "no data in a task", f"task {number}", "Export the project again, in the format JSON."
            )
            continue
        shown = {k: v for k, v in data.items() if k not in _NOT_DATA and isinstance(v, str | int | float)}
        rows.append({**shown, LABEL: _label(task, kind, problems, number)})
    problems.raise_if_any()
    return rows


def _label(task: Mapping[str, Any], kind: Task, problems: Problems, number: int) -> str | None:
    """What its annotators agree on; None: nobody gave a label, or they do not."""
    votes: list[str | None] = []
    for annotation in task.get("annotations") or ():
        if not isinstance(annotation, Mapping) or annotation.get("was_cancelled"):
            continue
        said = kind.form.given(_regions(annotation, kind))
        if said.problem and _regions(annotation, kind):
            problems.add(
                "an annotation without a label that can be read",
                f"task {number}: {said.problem}",
                f"A label is {kind.summary}: export a project that asks for it.",
            )
        votes += [] if said.label is None else [said.label]
    return kind.consensus(votes).label


def _regions(annotation: Mapping[str, Any], kind: Task) -> list[Mapping[str, Any]]:
    """What an annotation says by controls of this kind; regions that say nothing are left out."""
    return [
        region
        for region in annotation.get("result") or ()
        if isinstance(region, Mapping)
        and region.get("type") == kind.form.result_type
        and any((region.get("value") or {}).values())
    ]
