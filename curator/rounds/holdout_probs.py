"""The hold-out probabilities of every measured model, kept beside it: the next gain, and an auditor, need them per item."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from curator.errors import CuratorError
from curator.pool.atomic import write_bytes

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
_NAME = "holdout.safetensors"


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
