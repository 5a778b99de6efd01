"""The newest trained model of a project with all it needs to answer, read without writing anything."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curator.config import CONFIG_NAME
from curator.errors import CuratorError
from curator.learner.checkpoint import load_checkpoint
from curator.ledger import queries
from curator.pool.catalogue import Pool
from curator.pool.embeddings import EmbeddingStore
from curator.pool.segments import MANIFEST
from curator.project.holdout_probs import says_the_same
from curator.project.project import Project
from integrations.encoders.registry import make_encoder
from integrations.labelers.protocol import Suggestion


@dataclass(frozen=True)
class ModelStamp:
    """Which model is the newest, and as of when: two that are equal stand for the same suggestions.

    Attributes:
        round: that trained it.
        version: its name.
        trained_at: when; a round that was killed may train again.
        files: (size, time) of what else decides: curator.toml and the list of the pool's items.
    """

    round: int
    version: str
    trained_at: str
    files: tuple[tuple[int, int], ...]


def newest_model(project: Project) -> ModelStamp | None:
    """The newest model that a round has finished training; None before the first."""
    row = queries.rounds.last_trained(project.ledger)
    if row is None:
        return None
    paths = (project.folder / CONFIG_NAME, project.state / "pool" / MANIFEST)
    return ModelStamp(row["id"], row["model_version"], row["trained_at"] or "", tuple(map(_stat, paths)))


def _stat(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


class LoadedModel:
    """A model that answers for items of the pool.

    It reads only: unlike `Project.embeddings` and `Project.checkpoint` it computes no missing embedding and trains
    nothing anew for another encoder, which a `curator round` may be doing at the same moment.

    Args:
        folder: of the project.
        stamp: of the model to load.

    Raises:
        CuratorError, IntegrationError: something it needs cannot be read; says what.
    """

    def __init__(self, folder: Path, stamp: ModelStamp) -> None:
        self.stamp = stamp
        with Project(folder) as project:
            self._task = project.task
            self._pool: Pool = project.pool
            encoder = make_encoder(project.config.encoder.name, project.config.project.kind)
            self._embeddings = EmbeddingStore(project.state / "embeddings", self._pool, encoder)
            folder, holdout = project.model_folder(stamp.round), project.holdout_rows()
            found = load_checkpoint(folder, self._embeddings.take)
        if found.meta["encoder_fingerprint"] != self._embeddings.fingerprint and not says_the_same(
            folder, found, self._embeddings, holdout
        ):
            raise CuratorError(
                f"The encoder has changed since {stamp.version} was trained: no suggestions until the next "
                "`curator round` has trained a model on the new embeddings."
            )
        if tuple(found.model.classes_.tolist()) != self._task.classes:
            raise CuratorError(
                f"The classes have changed since {stamp.version} was trained: no suggestions until the next `curator round` has "
                "trained a model on them."
            )
        self._model: Any = found.model
        self._pool.rows([])  # reads the index of ids, so that the first question need not wait for it

    def suggest(self, item_ids: list[str]) -> list[Suggestion]:
        """What the model thinks of these items, in this order.

        Raises:
            DataError: an item is unknown, or has no embedding yet.
        """
        if not item_ids:
            return []
        probs = self._model.predict_proba(self._embeddings.take(self._pool.rows(item_ids)))
        return [
            Suggestion(label, score, self.stamp.version) for label, score in self._task.suggestions(probs)
        ]
