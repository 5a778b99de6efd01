"""Which questions get a suggestion, and which: asked by the server for each request of Label Studio.

The ledger is read in one thread, for SQLite ties a connection to it. A new model is loaded in another, so that a slow
one (a scikit-learn model is trained again when loaded) holds nobody up for longer than `PATIENCE`; a suggestion of an
older model is never given meanwhile, for Label Studio would keep it and never ask again.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from curator.config import CONFIG_NAME
from curator.errors import CuratorError
from curator.ledger import queries
from curator.project.project import Project
from curator.rounds.questions import is_blind
from curator.rounds.suggestions import suggestions_on
from curator.serve.model import LoadedModel, ModelStamp, newest_model
from integrations.errors import IntegrationError
from integrations.labelers.protocol import Suggestion

PATIENCE = 3.0  # seconds that a request waits for a model to be loaded; an annotator is waiting for it
RETRY_AFTER = 10.0  # seconds until a model that could not be loaded is tried again

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """A task that Label Studio wants a suggestion for, as its data says."""

    key: str
    item_id: str


class Suggester:
    """Suggestions for questions of one campaign.

    Args:
        folder: of the project.
        say: told, in a sentence, what a person should know.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say
        self._reader = ThreadPoolExecutor(1, "read")
        self._loader = ThreadPoolExecutor(1, "load")
        self._project: Project | None = None
        self._config_time = 0
        self._model: LoadedModel | None = None
        self._loading: tuple[ModelStamp, asyncio.Future[LoadedModel | None]] | None = None
        self._failed: tuple[ModelStamp, float] | None = None
        self._complaint = ""

    async def version(self) -> str | None:
        """Name of the newest model; None when there is none, or when suggestions are off."""
        stamp = await self._read(self._newest)
        return None if stamp is None else stamp.version

    async def suggest(self, asked: Sequence[Asked]) -> list[Suggestion | None]:
        """A suggestion for each, or None: unknown, of the hold-out, blind, or there is nothing to suggest."""
        stamp = await self._read(self._newest)
        model = None if stamp is None else await self._loaded(stamp)
        if model is None:
            return [None] * len(asked)
        found = await self._read(partial(self._answer, model, asked))
        return found or [None] * len(asked)

    async def warm_up(self) -> None:
        """Load the newest model, so that nobody has to wait for it."""
        await self.suggest([])

    def close(self) -> None:
        """Let go of everything. Call it when no request is left."""
        self._reader.submit(self._let_go).result()
        self._reader.shutdown()
        self._loader.shutdown()

    async def _read(self, work: Callable[[], T]) -> T | None:
        """Do something with the ledger; None when it cannot be done, which is said."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._guarded, work)

    async def _loaded(self, stamp: ModelStamp) -> LoadedModel | None:
        """The model, when it is there within `PATIENCE`."""
        if self._model is not None and self._model.stamp == stamp:
            return self._model
        if self._failed is not None and self._failed[0] == stamp and time.monotonic() < self._failed[1]:
            return None
        if self._loading is None or self._loading[0] != stamp:
            work = partial(self._guarded, partial(LoadedModel, self._folder, stamp))
            self._loading = (stamp, asyncio.get_running_loop().run_in_executor(self._loader, work))
        future = self._loading[1]
        done, _ = await asyncio.wait({future}, timeout=PATIENCE)
        if not done:
            return None
        model = future.result()
        if self._loading is not None and self._loading[1] is future:
            self._loading = None
            self._model = model
            if model is None:
                self._failed = (stamp, time.monotonic() + RETRY_AFTER)
            else:
                self._complaint = ""
                self._say(f"Suggestions now come from the model {stamp.version}.")
        return model

    def _guarded(self, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except (CuratorError, IntegrationError, OSError) as exc:
            if str(exc) != self._complaint:
                self._complaint = str(exc)
                self._say(f"No suggestions for now: {exc}")
            return None

    def _newest(self) -> ModelStamp | None:
        project = self._current()
        return newest_model(project) if suggestions_on(project) else None

    def _answer(self, model: LoadedModel, asked: Sequence[Asked]) -> list[Suggestion | None]:
        project = self._current()
        ours = [task.key for task in asked if _may_be_key(task.key, project.campaign)]
        rows = queries.questions.training_questions(project.ledger, ours)
        seed, share = project.config.project.seed, project.config.labeler.blind_share
        items = {
            row["key"]: row["item_id"]
            for row in rows
            if (
                row["suggestion_shown"] == 1
                # Asked before there was a model: the same chance decides as would have then.
                or (
                    row["suggestion_shown"] is None
                    and row["picked_with"] is None
                    and not is_blind(row["item_id"], seed, share)
                )
            )
        }
        wanted = [task.key for task in asked if items.get(task.key) == task.item_id]
        suggestions = model.suggest([items[key] for key in wanted])
        by_key = dict(zip(wanted, suggestions, strict=True))
        return [by_key[task.key] if items.get(task.key) == task.item_id else None for task in asked]

    def _current(self) -> Project:
        """The project with the curator.toml of now."""
        changed = (self._folder / CONFIG_NAME).stat().st_mtime_ns
        if self._project is None or changed != self._config_time:
            self._let_go()
            self._project, self._config_time = Project(self._folder), changed
        return self._project

    def _let_go(self) -> None:
        if self._project is not None:
            self._project.close()
            self._project = None


def _may_be_key(key: str, campaign: str) -> bool:
    return key.isascii() and key.startswith(f"{campaign}-")
