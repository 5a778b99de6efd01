"""What the files of the labeler of files hold of the questions themselves."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from integrations.errors import LabelerError
from integrations.labelers.exports import read_exports, read_tasks, read_text
from integrations.labelers.form import Form
from integrations.labelers.inventory import AskedQuestion, InventoryPage, IsOurs, read_question, split_tasks
from integrations.labelers.protocol import Kind
from integrations.labelers.single_choice import SINGLE_CHOICE
from integrations.labelers.studio_config import Control, read_control
from integrations.labelers.studio_json import task_key


class FilesInventory:
    """Files of questions, and exports with answers, which hold the questions as well. See `Inventory`.

    Args:
        folder: of the labeler.
        kind: what is asked about.
        cannot_tell: the choice that is no class, if there is one.
        form: the kind of label that is asked for.

    Raises:
        LabelerError: the files are gone, or ask about something else.
    """

    def __init__(self, folder: Path, kind: Kind, cannot_tell: str = "", form: Form = SINGLE_CHOICE) -> None:
        self._folder = folder
        config = folder / "label_config.xml"
        if not config.is_file():
            raise LabelerError(f"the files of the labeler are gone: {config} does not exist. Put them back.")
        self._control: Control = read_control(read_text(config), kind, cannot_tell, form)

    def count(self) -> int | None:
        """Unknown before all files are read. See `Inventory.count`."""
        return None

    def all_keys(self) -> Iterator[str]:
        """See `Inventory.all_keys`."""
        for _, tasks in self._files():
            yield from (key for task in tasks if (key := task_key(task.get("data"))) is not None)

    def pages(self, ours: IsOurs) -> Iterator[InventoryPage]:
        """A page per file, those of questions first; an export repeats what is in them. See `Inventory.pages`."""
        for path, tasks in self._files():
            mine, others, keyless = split_tasks(tasks, ours)
            yield InventoryPage(tuple(self._read(task, path) for task in mine), tuple(others), keyless)

    def _files(self) -> Iterator[tuple[Path, Sequence[Mapping[str, Any]]]]:
        for path in sorted((self._folder / "questions").glob("*.json")):
            yield path, read_tasks(path)
        for export in read_exports(self._folder / "answers").files:
            yield self._folder / "answers" / export.name, export.tasks

    def _read(self, task: Mapping[str, Any], path: Path) -> AskedQuestion:
        try:
            return read_question(task, self._control, path.name)
        except ValueError as exc:
            raise LabelerError(
                f"{path}: the task with the key {task_key(task['data'])!r} was changed: {exc}. "
                "Undo the change, or take the task out."
            ) from exc
