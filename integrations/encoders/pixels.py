"""Small images as their pixels: centred on the pool's mean image, unit length. The default for images."""

import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from integrations.encoders.images import is_grey, picture, size_of
from integrations.encoders.protocol import DECODER, FloatArray, Kind, PictureEncoder, unit_rows
from integrations.errors import EncoderError

ByteArray = NDArray[np.uint8]

LARGEST_SIDE = 32
SAMPLE = 5000  # images: the mean of more differs by less than a grey level
VERSION = 1  # counts changes of the numbers, beside those of the decoder
ARRAYS = "pixels.npz"
SETTINGS = "pixels.json"
_ANEW = "Delete this folder to fit it again; all embeddings are then recomputed."


class PixelsEncoder(PictureEncoder):
    """Grey levels (or RGB, when the sample has colour) at the images' own size or 32 pixels a side, less the mean."""

    name = "pixels"
    kind: Kind = "image"
    scaled = True

    def __init__(self) -> None:
        self._size = (0, 0)  # width, height
        self._mode = "L"
        self._mean: FloatArray | None = None
        self._decoded: dict[str, ByteArray] = {}  # by `fit`, until `encode` wants them

    @property
    def fingerprint(self) -> str:
        """Of size, mode and mean; empty before fitting."""
        if self._mean is None:
            return ""
        decoder = [self.decoder] if self.decoder > 1 else []  # the first one was not counted
        state = json.dumps([VERSION, *self._size, self._mode, *decoder]).encode() + self._mean.tobytes()
        return blake2b(state, digest_size=8).hexdigest()

    @property
    def needs_fit(self) -> bool:
        """True until fitted or loaded."""
        return self._mean is None

    def fit(self, sample: Sequence[str]) -> None:
        """Choose size and mode, and learn the mean image.

        Args:
            sample: paths of images, in random order or all of them.
        """
        used = sample[:: max(1, len(sample) // SAMPLE)]
        width, height = median_size(used)
        self._size = (min(width, LARGEST_SIDE), min(height, LARGEST_SIDE))
        self._mode = "L" if all(is_grey(path) for path in used) else "RGB"
        total = np.zeros(self._size[0] * self._size[1] * (1 if self._mode == "L" else 3))
        for path in used:
            self._decoded[path] = self._decode(path)
            total += self._decoded[path]
        self._mean = (total / len(used)).astype(np.float32)
        self.decoder = DECODER

    def encode(self, items: Sequence[str]) -> FloatArray:
        """(n, width x height x channels) unit rows; an image equal to the mean is a zero row."""
        if self._mean is None:
            raise EncoderError("pixels must be fitted before it encodes.")
        decoded = [self._decoded.pop(path) if path in self._decoded else self._decode(path) for path in items]
        pixels = np.stack(decoded).astype(np.float32) if decoded else np.empty((0, len(self._mean)))
        return unit_rows(pixels - self._mean)[0]

    def save(self, folder: Path) -> None:
        """Keep size, mode and mean."""
        if self._mean is None:
            raise EncoderError("pixels has nothing to save before it is fitted.")
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / ARRAYS, mean=self._mean)
        content = {
            "version": VERSION,
            "decoder": self.decoder,
            "size": self._size,
            "mode": self._mode,
            "fingerprint": self.fingerprint,
        }
        (folder / SETTINGS).write_text(json.dumps(content), encoding="utf-8")

    def load(self, folder: Path) -> bool:
        """Read what `save` kept.

        Raises:
            EncoderError: it is damaged, or of another version.
        """
        if not (folder / SETTINGS).exists():
            return False
        try:
            content = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
            with (folder / ARRAYS).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                self._mean = arrays["mean"]
            width, height = content["size"]
            self._size, self._mode = (int(width), int(height)), str(content["mode"])
            self.decoder = int(content.get("decoder", 1))
            intact = content["version"] == VERSION and content["fingerprint"] == self.fingerprint
        except Exception as error:
            # a damaged archive fails in many ways: NumPy reads the headers in it as Python source
            raise EncoderError(f"{folder}: what pixels learned cannot be read ({error}). {_ANEW}") from error
        if not intact:
            raise EncoderError(f"{folder}: damaged, or written by another version of curator. {_ANEW}")
        return True

    def describe(self) -> dict[str, Any]:
        """Version, size and mode."""
        return {"version": VERSION, "size": list(self._size), "mode": self._mode}

    def _decode(self, path: str) -> ByteArray:
        """(width x height x channels,) in 0 to 255."""
        small = picture(path).convert(self._mode)
        if small.size != self._size:
            # the box filter averages what falls into a pixel, so that thin strokes do not vanish
            small = small.resize(self._size, Image.Resampling.BOX)
        return np.asarray(small, dtype=np.uint8).reshape(-1)


def median_size(paths: Sequence[str]) -> tuple[int, int]:
    """Median width and height of images, from their headers."""
    sizes = [size_of(path) for path in paths]
    return int(median(width for width, _ in sizes)), int(median(height for _, height in sizes))
