"""What an encoder is: items in, unit-length embeddings out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Kind = Literal["text", "image"]
# Counts changes of what `images.picture` makes of a file. 1 knew neither EXIF nor transparency, and not every encoder's 16 bits.
DECODER = 2


class Encoder(Protocol):
    """Turns items into embeddings.

    `name` is what curator.toml says. `fingerprint` is a short hash that changes whenever the numbers would
    (version, parameters, model files, what was learned from the pool): embeddings are cached under it.
    """

    name: str
    kind: Kind

    @property
    def fingerprint(self) -> str:
        """Changes when the numbers would."""
        ...

    @property
    def needs_fit(self) -> bool:
        """True until an encoder that learns from the pool has been fitted or loaded."""
        ...

    def fit(self, sample: Sequence[str]) -> None:
        """Learn from a sample of the pool: texts, or paths of images. A no-op for pretrained encoders."""
        ...

    def encode(self, items: Sequence[str]) -> FloatArray:
        """(n, dim) float32, rows of unit length (a zero row stays zero). Items are texts or image paths."""
        ...

    def save(self, folder: Path) -> None:
        """Keep what was learned (npz and JSON, never pickles)."""
        ...

    def load(self, folder: Path) -> bool:
        """Read what `save` kept; False when there is nothing."""
        ...

    def describe(self) -> dict[str, Any]:
        """Facts for the manifest: version, parameters."""
        ...


class PictureEncoder:
    """What encoders that see what `integrations.encoders.images` decodes have in common.

    Attributes:
        decoder: the version that the fingerprint counts: an earlier one for embeddings made with it, where every picture of
            the pool still looks the same.
        scaled: 16 bits were scaled to 8 with the first decoder too.
    """

    decoder: int = DECODER
    scaled: bool = False

    def changed(self, items: Sequence[str]) -> bool:
        """Whether the first decoder made another picture of any of these image files."""
        from integrations.encoders.images import seen_anew  # pillow takes a while to import

        return any(seen_anew(path, scaled=self.scaled) for path in items)


def unit_rows(rows: NDArray[np.floating[Any]]) -> tuple[FloatArray, int]:
    """Scale each row to length 1.

    Args:
        rows: (n, dim) finite numbers of any float type.

    Returns:
        (n, dim) float32, and how many rows are all zero (they stay zero). A row is divided by its largest
        entry first, so that neither 1e300 nor 1e-300 is lost on the way to float32.
    """
    wide = rows.astype(np.float32) if rows.dtype == np.float16 else rows
    largest = np.abs(wide).max(axis=1, keepdims=True, initial=0.0)
    zero = largest == 0
    scaled = (wide / np.where(zero, 1, largest)).astype(np.float32)
    scaled /= np.where(zero, 1, np.sqrt(np.einsum("ij,ij->i", scaled, scaled))[:, None])
    return scaled, int(zero.sum())
