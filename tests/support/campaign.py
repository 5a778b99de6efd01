"""A campaign at the real Label Studio: curator as typed on one side, annotators by the API on the other."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import Result
from label_studio_sdk import LabelStudio
from support.local_studio import LocalStudio
from support.studio import choice, sdk
from typer.testing import CliRunner

from curator.cli.app import app
from curator.ledger.store import Ledger
from integrations.labelers.label_studio.annotator import SimulatedAnnotator

TOKEN = "LABEL_STUDIO_API_KEY"


@dataclass
class Campaign:
    """A project of curator and its counterpart at the server."""

    folder: Path
    studio: LocalStudio
    truth: dict[str, str]

    def __post_init__(self) -> None:
        self.api: LabelStudio = sdk(self.studio.url, self.studio.token)

    def curator(self, command: str, *args: str, code: int = 0) -> Result:
        """`curator COMMAND --project ...` as typed; the exit code must be as expected."""
        result = CliRunner().invoke(app, [command, "--project", str(self.folder), *args])
        assert result.exit_code == code, f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
        return result

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with Ledger(self.folder / ".curator" / "ledger.db") as ledger:
            return ledger.rows(sql)

    @property
    def number(self) -> int:
        (row,) = self.rows("select value from state where key = 'labeler_project'")
        return int(row["value"])

    def tasks(self) -> list[Any]:
        """Every task of the project, in the order in which annotators get them."""
        fields = "id,data,meta,predictions,annotations"
        return list(
            self.api.tasks.list(
                project=self.number,
                include=fields,
                page_size=1000,
                fields="all",
                query=json.dumps({"ordering": ["tasks:id"]}),
            ).items
            or ()
        )

    def task_ids(self, role: str) -> list[int]:
        """The tasks of the questions of one role, by rank."""
        asked = self.rows(f"select external_id from questions where role = '{role}' order by round, rank")
        return [int(row["external_id"]) for row in asked]

    def answer_all(self, *, most: int | None = None, token: str | None = None) -> int:
        """A simulated annotator gives the true labels to what nobody has answered."""
        annotator = SimulatedAnnotator(
            self.studio.url, token or self.studio.token, lambda data: self.truth[data["item_id"]], seconds=2.0
        )
        return annotator.run(self.number, most=most)

    def answer(self, task: int, label: str | None, api: LabelStudio | None = None) -> int:
        """One annotation; None skips. Returns its id."""
        result: Any = [] if label is None else choice(label)
        made = (api or self.api).annotations.create(
            id=task, result=result, was_cancelled=label is None, lead_time=2.0
        )
        return int(made.id)
