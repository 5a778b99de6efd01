"""What a Label Studio server holds of campaigns: the projects made for them, and the questions in each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from integrations.errors import LabelerError
from integrations.labelers.form import Form
from integrations.labelers.inventory import Inventory, Task
from integrations.labelers.label_studio.client import StudioClient
from integrations.labelers.label_studio.connection import AS_THE_ENVIRONMENT_SAYS, Route
from integrations.labelers.label_studio.project_notes import ProjectNotes
from integrations.labelers.label_studio.replies import Project
from integrations.labelers.protocol import Kind
from integrations.labelers.single_choice import SINGLE_CHOICE
from integrations.labelers.studio_config import read_control

_QUESTION_FIELDS = "id,data,meta,overlap,created_at"
_PAGE = 500  # tasks
_SECONDS = 300.0  # that one call may take
_TITLE = re.compile(r"(?P<name>.*) \((?P<campaign>[^() ]+)\)")
_OURS = "Made by curator for campaign "


@dataclass(frozen=True, slots=True)
class StudioProject:
    """A project at the server.

    Attributes:
        number: of the project.
        title: as people see it.
        tasks: how many it has.
        name: of the campaign's project, as the title says it; "" = it was not made by curator, or has another title now.
        campaign: that it was made for, when title and description agree on it.
    """

    number: int
    title: str
    tasks: int
    name: str = ""
    campaign: str | None = None

    @classmethod
    def of(cls, found: Project) -> "StudioProject":
        """What a reply of the server says."""
        parts = _TITLE.fullmatch(found.title)
        if parts is None or not ProjectNotes.read("", found.title).is_in(found.description):
            return cls(found.number, found.title, found.tasks)
        return cls(found.number, found.title, found.tasks, parts["name"], parts["campaign"])


class StudioProjects:
    """The projects that a token's user sees at a server.

    Args:
        url: where the server is, with its scheme.
        token: a personal access token or a legacy token; appears in no message.
        route: how the server is reached.

    Raises:
        LabelerError: the address or the token cannot be right. The network is not used yet.
    """

    def __init__(self, url: str, token: str, *, route: Route = AS_THE_ENVIRONMENT_SAYS) -> None:
        self._client = StudioClient(url, token, timeout=_SECONDS, route=route)

    def ours(self) -> list[StudioProject]:
        """Those that curator asks, or asked, in, by number."""
        ours = (found for found in self._client.projects() if _OURS in found.description)
        return sorted(map(StudioProject.of, ours), key=lambda project: project.number)

    def project(self, number: int) -> StudioProject:
        """One project.

        Raises:
            LabelerError: it is gone.
        """
        return StudioProject.of(self._client.project(number))

    def inventory(
        self, number: int, kind: Kind, cannot_tell: str = "", form: Form = SINGLE_CHOICE
    ) -> Inventory:
        """The questions of one project, by ascending id of their tasks.

        Args:
            number: of the project.
            kind: what is asked about.
            cannot_tell: the choice that is no class, if there is one.
            form: the kind of label that is asked for.

        Raises:
            LabelerError: it is gone, or asks about something else.
        """
        where = f"project {number} at {self._client.url}"
        try:
            control = read_control(self._client.project(number).config, kind, cannot_tell, form)
        except LabelerError as exc:
            raise LabelerError(f"{where} does not fit: {exc}") from exc

        def pages() -> Iterator[list[tuple[str, Task]]]:
            for tasks in self._client.walk(number, [], fields=_QUESTION_FIELDS, size=_PAGE):
                yield [(str(task["id"]), task) for task in tasks]

        return Inventory(where, control, pages)
