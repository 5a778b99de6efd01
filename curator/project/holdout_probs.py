"""The hold-out probabilities of every measured model, kept beside it: the next gain, and an auditor, need them per item."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from curator.errors import CuratorError
from curator.files import write_bytes
from curator.pool.embeddings import EmbeddingStore

if TYPE_CHECKING:
    from curator.learner.checkpoint import Checkpoint  # loads torch

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
_NAME = "holdout.safetensors"
# Two processors add up in different orders, and steps of training carry that on: probs of the same model on the same data
# were up to 1e-5 apart. Whatever else changes a model moves some item of the hold-out by more than this.
SAME = 1e-3


def keep(folder: Path, rows: IntArray, probs: FloatArray) -> None:
    """Write what a model said.

    Args:
        folder: of the model.
        rows: (n,) pool rows of the hold-out.
        probs: (n_seeds, n, n_classes).
    """
    packed = save({"rows": rows, "probs": np.ascontiguousarray(probs, dtype=np.float32)})
    write_bytes(folder / _NAME, packed)


def is_kept(folder: Path) -> bool:
    """Whether they are there: a restored campaign may lack those of older rounds."""
    return (folder / _NAME).is_file()


def kept(folder: Path) -> tuple[IntArray, FloatArray]:
    """The rows and probs of `keep`.

    Raises:
        CuratorError: they cannot be read.
    """
    path = folder / _NAME
    try:
        arrays = load_file(path)
    except (OSError, ValueError, SafetensorError) as exc:
        raise CuratorError(
            f"{path} cannot be read ({exc}); without it the next gain cannot be stated. Restore it from a backup."
        ) from exc
    return arrays["rows"], arrays["probs"]


def says_the_same(folder: Path, found: Checkpoint, embeddings: EmbeddingStore, holdout: IntArray) -> bool:
    """Whether a model says of the hold-out today what it said when it was measured, to within rounding.

    So it does on the embeddings of an encoder that was learned from the same texts on another processor, and not on those of
    another encoder: whether fingerprints are equal cannot tell the two apart.

    Args:
        folder: of the model.
        found: what is kept there.
        embeddings: of today.
        holdout: (n,) pool rows.
    """
    if found.meta["encoder"] != embeddings.encoder or not is_kept(folder):
        return False
    rows, then = kept(folder)
    if not np.array_equal(rows, holdout) or embeddings.dim != found.model.n_features_in_:
        return False
    now = found.model.predict_proba_seeds(embeddings.take(rows))
    return now.shape == then.shape and bool(np.abs(now - then).max(initial=0.0) <= SAME)
