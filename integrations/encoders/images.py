"""Opens image files, which may be broken or made to do harm: few formats, one error for whatever a decoder trips over."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from integrations.errors import EncoderError

# What browsers show. Pillow knows some forty more, and would run Ghostscript on one of them, whatever the file's name is.
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")


@contextmanager
def opened(path: str) -> Iterator[Image.Image]:
    """An image file, opened; its pixels are read inside the context.

    Raises:
        EncoderError: it cannot be opened or decoded, or it is a URL.
    """
    if "://" in path:
        raise EncoderError(
            f"{path}: encoders do not fetch images. Download them, or give precomputed embeddings."
        )
    try:
        with _decoded(Path(path)) as image:
            yield image
    except EncoderError:
        raise
    except Exception as error:
        raise EncoderError(f"{path}: the image cannot be opened ({_why(error)}). Restore it.") from error


def why_broken(content: bytes) -> str | None:
    """Why the bytes of an image file cannot be decoded, in words; None when they can."""
    try:
        with _decoded(BytesIO(content)) as image:
            # reads a JPEG to its end at an eighth of its size: a cut file shows, at little cost
            image.draft("RGB", (64, 64))
            image.load()
    except Exception as error:  # noqa: BLE001 - on a broken file decoders raise anything, struct.error and IndexError too
        return _why(error)
    return None


@contextmanager
def _decoded(source: Any) -> Iterator[Image.Image]:
    with warnings.catch_warnings():
        # about metadata that nobody reads; a file that is too large to decode is an error anyway
        warnings.filterwarnings("ignore", module=r"PIL\.")
        with Image.open(source, formats=FORMATS) as image:
            yield image


def _why(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    return " ".join(str(error).split()) or type(error).__name__
