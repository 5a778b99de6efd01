"""What the newest model says of items: those of the pool, or of any file that reads like the pool's."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curator.errors import CuratorError
from curator.learner.checkpoint import Checkpoint
from curator.ledger import queries
from curator.ledger.store import Row
from curator.pool.catalogue import Pool
from curator.pool.columns import Columns
from curator.pool.embeddings import LEARNED, EmbeddingStore
from curator.pool.importing import import_records
from curator.pool.incoming import embedding_source
from curator.pool.reading import UNKNOWN, Reading
from curator.project.project import Project
from curator.tasks.task import Task
from integrations.encoders.registry import make_encoder

FloatArray = NDArray[np.float32]
_BLOCK_ROWS = 65_536


@dataclass(frozen=True)
class Predictions:
    """The model's probabilities of some items.

    Attributes:
        item_ids: (n,) of the items.
        probs: (n, width) in the order of `Task.columns`; of classes rows sum to 1.
        task: what a label is.
        model_version: which model said so.
        repeats: rows of the file that repeat the content of another, and so are not listed again.
    """

    item_ids: list[str]
    probs: FloatArray
    task: Task
    model_version: str
    repeats: int = 0

    def rows(self) -> list[Row]:
        """A row per item: of classes the likeliest, its probability and margin, then the probability of every class."""
        names, summaries = self.columns(), self.task.summaries(self.probs)
        return [
            dict(zip(names, (item_id, *summary, *row), strict=True))
            for item_id, summary, row in zip(self.item_ids, summaries, self.probs.tolist(), strict=True)
        ]

    def columns(self) -> list[str]:
        """The names of what `rows` gives."""
        return ["item_id", *self.task.summary_columns, *self.task.columns]


def predict_pool(project: Project, item_ids: Sequence[str] | None = None) -> Predictions:
    """Predict items of the pool.

    Args:
        project: opened.
        item_ids: which; None = all, the hold-out's included, in the order of the pool.

    Raises:
        CuratorError: no round has trained a model yet.
        DataError: an id is not in the pool.
    """
    checkpoint = _newest(project)
    if item_ids is not None:
        ids = list(item_ids)
        return _predicted(project, checkpoint, ids, project.embeddings.take(project.pool.rows(ids)))
    blocks = [
        checkpoint.model.predict_proba(block)
        for _, block in project.embeddings.blocks(block_rows=_BLOCK_ROWS)
    ]
    ids = project.pool.ids(np.arange(project.pool.n_items))
    return _as_predictions(project, checkpoint, ids, np.concatenate(blocks))


def predict_file(
    project: Project, path: Path, embeddings: str | None = None, *, reading: Reading = UNKNOWN
) -> Predictions:
    """Predict the items of a file; the pool and the ledger stay as they are.

    Args:
        project: opened.
        path: read with the columns of curator.toml; a label column need not be there.
        embeddings: .npy or .npz:ARRAY in row order, where embeddings came with the pool and not as a column.
        reading: how this file is written, where that differs from what curator.toml says.

    Raises:
        CuratorError: no round has trained a model yet.
        DataError: rows cannot be used; names all of them.
        EncoderError: items cannot be encoded.
    """
    checkpoint, config = _newest(project), project.config
    known = project.embeddings.folder / LEARNED  # the encoder has learned what it must
    with tempfile.TemporaryDirectory(prefix="curator-predict-") as folder:
        base = Path(folder)
        pool = Pool.create(base / "pool", config.project.kind)
        columns = replace(
            Columns(**config.columns()),
            label=None,
            show=(),
            reading=config.data.reading.overridden(reading),
        )
        report = import_records(
            pool,
            path,
            columns,
            classes=config.project.classes,
            allow_outside=config.data.allow_outside,
            embeddings=embedding_source(config.encoder.name, base / "embeddings", embeddings),
            progress=project.progress,
        )
        store = EmbeddingStore(
            base / "embeddings", pool, make_encoder(config.encoder.name, config.project.kind)
        )
        if known.exists():
            shutil.copytree(known, store.folder / LEARNED)
        store.ensure(project.progress)
        ids = pool.ids(np.arange(pool.n_items))
        found = _predicted(project, checkpoint, ids, store.take(np.arange(pool.n_items)))
    return Predictions(
        found.item_ids, found.probs, found.task, found.model_version, report.duplicates_collapsed
    )


def _newest(project: Project) -> Checkpoint:
    newest = queries.rounds.last_trained(project.ledger)
    if newest is None:
        raise CuratorError(
            "No model yet: the first is trained when the seed batch is answered. Run `curator round`."
        )
    return project.checkpoint(newest["id"])


def _predicted(
    project: Project, checkpoint: Checkpoint, ids: list[str], embeddings: FloatArray
) -> Predictions:
    return _as_predictions(project, checkpoint, ids, checkpoint.model.predict_proba(embeddings))


def _as_predictions(
    project: Project, checkpoint: Checkpoint, ids: list[str], probs: FloatArray
) -> Predictions:
    return Predictions(
        ids,
        np.asarray(probs, dtype=np.float32),
        project.task,
        str(checkpoint.meta["version"]),
    )
