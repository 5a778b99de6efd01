"""Campaigns to measure on: made, copied, answered."""

import json
import random
import secrets
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from support.campaign import Campaign
from support.local_studio import LocalStudio
from support.projects import edit_config, labels_of, make_project, write_pool
from support.studio import choice

from curator.ledger.store import Ledger
from curator.project.project import Project
from integrations.labelers.label_studio.annotator import sign_up

PRICE = 10_000  # micro-dollars per label
_PASSWORD = "secret-12345"


@dataclass(frozen=True)
class Place:
    """Where a part runs.

    Attributes:
        root: an empty folder.
        studio: a running server.
        executable: its program, for parts that start one of their own.
        prepared: folder with the data that a server is started from.
    """

    root: Path
    studio: LocalStudio
    executable: Path
    prepared: Path


def make(place: Place, name: str, *, items: int, batch: int, holdout: int, **options: Any) -> Campaign:
    """A fresh campaign at the server; nothing is sent yet."""
    folder = place.root / name
    folder.mkdir(parents=True)
    # So far apart that hardly an item is a near-duplicate of another: as many can be asked about as there are.
    data = write_pool(folder / "pool.jsonl", items, spread=options.pop("spread", 1.4))
    make_project(
        folder, data=data, batch=batch, holdout=str(holdout), price="0.01", labeler="label-studio",
        url=place.studio.url, **options,
    )  # fmt: skip
    with Project(folder) as project:
        return Campaign(folder, place.studio, labels_of(project))


def copy(fresh: Campaign, folder: Path, *, own: bool = True, url: str | None = None) -> Campaign:
    """The same project in another folder.

    Args:
        fresh: a campaign that has sent nothing.
        folder: does not exist.
        own: make it a campaign of its own; otherwise it asks the same questions.
        url: another address of the same server.
    """
    shutil.copytree(fresh.folder, folder)
    if own:
        with Ledger(folder / ".curator" / "ledger.db") as ledger, ledger.write():
            ledger.put("campaign", secrets.token_hex(4))
    if url is not None:
        edit_config(folder, fresh.studio.url, url)
    return Campaign(folder, fresh.studio, fresh.truth)


def sign_up_all(studio: LocalStudio, count: int) -> list[str]:
    """Accounts of annotators; returns their tokens."""
    batch = secrets.token_hex(3)
    return [sign_up(studio.url, f"annotator-{batch}-{n}@example.org", _PASSWORD) for n in range(count)]


class Api:
    """One annotator's hand on the server."""

    def __init__(self, studio_url: str, token: str) -> None:
        self._client = httpx.Client(
            base_url=studio_url, headers={"Authorization": f"Token {token}"}, timeout=60.0
        )

    def answer(self, task: int, label: str | None, seconds: float) -> int:
        """Give an answer, or skip; returns its id."""
        return int(self._post(f"/api/tasks/{task}/annotations/", label, seconds)["id"])

    def edit(self, answer: int, label: str, seconds: float) -> None:
        """Give another answer in place of one."""
        body = {"result": choice(label), "lead_time": seconds}
        self._client.patch(f"/api/annotations/{answer}/", json=body).raise_for_status()

    def take_back(self, answer: int) -> None:
        """Delete an answer."""
        self._client.delete(f"/api/annotations/{answer}/").raise_for_status()

    def delete_task(self, task: int) -> None:
        """Delete a task with its answers."""
        self._client.delete(f"/api/tasks/{task}/").raise_for_status()

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _post(self, path: str, label: str | None, seconds: float) -> Any:
        body = {
            "result": [] if label is None else choice(label),
            "was_cancelled": label is None,
            "lead_time": seconds,
        }
        return self._client.post(path, json=body).raise_for_status().json()


def answer_tasks(campaign: Campaign, tasks: Sequence[tuple[int, str]], tokens: Sequence[str]) -> None:
    """Give the true label to tasks, each annotator a share, all at once.

    Args:
        campaign: whose tasks.
        tasks: (id at the server, item_id).
        tokens: of the annotators.
    """

    def work(place: int) -> None:
        api = Api(campaign.studio.url, tokens[place])
        for task, item_id in tasks[place :: len(tokens)]:
            api.answer(task, campaign.truth[item_id], seconds_for(item_id))
        api.close()

    with ThreadPoolExecutor(len(tokens)) as pool:
        list(pool.map(work, range(len(tokens))))


def seconds_for(item_id: str) -> float:
    """How long the answer about an item is said to have taken: the same in every run."""
    return 1.0 + random.Random(item_id).randrange(90) / 10


def unanswered(campaign: Campaign) -> list[tuple[int, str]]:
    """(id at the server, item_id) of the questions without an answer there, by rank: asked the server, not the ledger."""
    query = {
        "filters": {
            "conjunction": "and",
            "items": [
                {"filter": f"filter:tasks:{counter}", "operator": "equal", "type": "Number", "value": 0}
                for counter in ("total_annotations", "cancelled_annotations")
            ],
        },
        "ordering": ["tasks:id"],
    }
    page: Any = campaign.api.tasks.list(
        project=campaign.number, query=json.dumps(query), include="id,data", page_size=100_000
    )
    return [(int(task.id), task.data["item_id"]) for task in page.items or ()]
