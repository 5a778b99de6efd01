"""What a Label Studio server holds of campaigns: the projects made for them, and the questions in each."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.errors import LabelerError
from integrations.labelers.form import Form
from integrations.labelers.inventory import AskedQuestion, InventoryPage, IsOurs, read_question, split_tasks
from integrations.labelers.label_studio.client import KEY_FIELDS, StudioClient
from integrations.labelers.label_studio.connection import AS_THE_ENVIRONMENT_SAYS, Route
from integrations.labelers.label_studio.project_notes import ProjectNotes
from integrations.labelers.label_studio.replies import Project
from integrations.labelers.protocol import Kind
from integrations.labelers.single_choice import SINGLE_CHOICE
from integrations.labelers.studio_config import Control, read_control
from integrations.labelers.studio_json import task_key

# The list applies to the predictions inside as well: what is not named is missing there.
_QUESTION_FIELDS = "id,data,meta,overlap,created_at,predictions,result,score,model_version"
_PAGE = 500  # tasks with their predictions: about 1 MB
_TITLE = re.compile(r"(?P<name>.*) \((?P<campaign>[^() ]+)\)")
_OURS = "Made by curator for campaign "


@dataclass(frozen=True, slots=True)
class StudioProject:
    """A project at the server.

    Attributes:
        number: of the project.
        title: as people see it.
        description: with the lines that we left in it, if it is ours.
        tasks: how many it has.
    """

    number: int
    title: str
    description: str
    tasks: int

    @property
    def is_ours(self) -> bool:
        """Whether curator asks, or asked, in it."""
        return _OURS in self.description

    @property
    def name(self) -> str:
        """Of the campaign's project, as far as the title says it."""
        found = _TITLE.fullmatch(self.title)
        return self.title if found is None else found["name"]

    @property
    def campaign(self) -> str | None:
        """The campaign that it was made for, when title and description agree on it."""
        found = _TITLE.fullmatch(self.title)
        return found["campaign"] if found is not None and self.is_of(self.title) else None

    def is_of(self, title: str) -> bool:
        """Whether its description names the campaign whose full title this is."""
        return ProjectNotes.read("", title).is_in(self.description)


class StudioProjects:
    """The projects that a token's user sees at a server.

    Args:
        url: where the server is, with its scheme.
        token: a personal access token or a legacy token; appears in no message.
        timeout: seconds that one call may take.
        route: how the server is reached.

    Raises:
        LabelerError: the address or the token cannot be right. The network is not used yet.
    """

    def __init__(
        self, url: str, token: str, *, timeout: float = 300.0, route: Route = AS_THE_ENVIRONMENT_SAYS
    ) -> None:
        self._client = StudioClient(url, token, timeout=timeout, route=route)

    def ours(self) -> list[StudioProject]:
        """Those that curator asks, or asked, in, by number."""
        listed = (_seen(found) for found in self._client.projects())
        return sorted((found for found in listed if found.is_ours), key=lambda p: p.number)

    def project(self, number: int) -> StudioProject:
        """One project.

        Raises:
            LabelerError: it is gone.
        """
        return _seen(self._client.project(number))

    def inventory(
        self, number: int, kind: Kind, cannot_tell: str = "", form: Form = SINGLE_CHOICE
    ) -> "StudioInventory":
        """The questions of one project.

        Args:
            number: of the project.
            kind: what is asked about.
            cannot_tell: the choice that is no class, if there is one.
            form: the kind of label that is asked for.

        Raises:
            LabelerError: it is gone, or asks about something else.
        """
        try:
            control = read_control(self._client.project(number).config, kind, cannot_tell, form)
        except LabelerError as exc:
            raise LabelerError(f"project {number} at {self._client.url} does not fit: {exc}") from exc
        return StudioInventory(self._client, number, control)


class StudioInventory:
    """The tasks of one project, by ascending id. See `Inventory`."""

    def __init__(self, client: StudioClient, number: int, control: Control) -> None:
        self._client = client
        self._number = number
        self._control = control

    def count(self) -> int:
        """See `Inventory.count`."""
        return self._client.project(self._number).tasks

    def all_keys(self) -> Iterator[str]:
        """See `Inventory.all_keys`."""
        for tasks in self._walk(KEY_FIELDS):
            yield from (key for task in tasks if (key := task_key(task.get("data"))) is not None)

    def pages(self, ours: IsOurs) -> Iterator[InventoryPage]:
        """See `Inventory.pages`."""
        for tasks in self._walk(_QUESTION_FIELDS):
            mine, others, keyless = split_tasks(tasks, ours)
            yield InventoryPage(tuple(map(self._read, mine)), tuple(others), keyless)

    def _read(self, task: Mapping[str, Any]) -> AskedQuestion:
        try:
            return read_question(task, self._control, str(task["id"]))
        except ValueError as exc:
            raise LabelerError(
                f"task {task['id']} of project {self._number} at {self._client.url} carries the key "
                f"{task_key(task['data'])!r}, but it was changed there: {exc}. Undo the change, or delete the task."
            ) from exc

    def _walk(self, fields: str) -> Iterator[Sequence[Mapping[str, Any]]]:
        return self._client.walk(self._number, [], fields=fields, size=_PAGE)


def _seen(found: Project) -> StudioProject:
    return StudioProject(found.number, found.title, found.description, found.tasks)
