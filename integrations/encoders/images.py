"""The one decoder of image files: pictures as a browser shows them, so that the model sees what people see.

Turned as their EXIF says, transparent parts on white, 16 bits scaled to 8, the first frame of an animation; colour
profiles are not applied. Files may be broken or made to do harm: few formats, one error for whatever a decoder trips over.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from integrations.errors import EncoderError

# What browsers show. Pillow knows some forty more, and would run Ghostscript on one of them, whatever the file's name is.
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
_GREY = frozenset({"1", "L", "LA", "La"})
_DEEP = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)


def picture(path: str, draft: int | None = None) -> Image.Image:
    """The picture in a file.

    Args:
        path: of the file.
        draft: pixels a side that are enough: a large JPEG is then decoded at a fraction of its size. None: all of them.

    Returns:
        Of mode "L" where the file knows grey levels only, else "RGB"; upright, opaque, 8 bits per channel.

    Raises:
        EncoderError: the file cannot be opened or decoded, is too large to be decoded safely, or is a URL.
    """
    with opened(path) as image:
        if draft is not None:
            image.draft("RGB", (draft, draft))
        image.load()
        return _upright(_opaque(image), _orientation(image))


def size_of(path: str) -> tuple[int, int]:
    """Width and height of the picture in a file, from its header.

    Raises:
        EncoderError: as `picture`.
    """
    with opened(path) as image:
        width, height = image.size
        return (height, width) if _orientation(image) in _SIDEWAYS else (width, height)


def is_grey(path: str) -> bool:
    """Whether `picture` gives grey levels, from the file's header.

    Raises:
        EncoderError: as `picture`.
    """
    with opened(path) as image:
        return image.mode in _GREY | _DEEP


def seen_anew(path: str, *, scaled: bool) -> bool:
    """Whether decoder 1 made another picture of a file, from its header; False for one that cannot be opened.

    Args:
        path: of the file.
        scaled: the first decoder scaled 16 bits already.
    """
    try:
        with opened(path) as image:
            deep = image.mode in _DEEP and not scaled
            return deep or image.has_transparency_data or _orientation(image) in _TURNS
    except EncoderError:
        return False


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
def opened(path: str) -> Iterator[Image.Image]:
    """An image file as Pillow opens it: for its header; `picture` decodes.

    Raises:
        EncoderError: it cannot be opened, what is done inside fails, or it is a URL.
    """
    if "://" in path:
        raise EncoderError(
            f"{path}: encoders do not fetch images. Download them, or give precomputed embeddings."
        )
    try:
        with _decoded(Path(path)) as image:
            yield image
    except Exception as error:
        remedy = "Make it smaller." if isinstance(error, Image.DecompressionBombError) else "Restore it."
        raise EncoderError(f"{path}: the image cannot be opened ({_why(error)}). {remedy}") from error


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
    if isinstance(error, Image.DecompressionBombError) and Image.MAX_IMAGE_PIXELS:
        return f"it claims to have more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels, too many to decode safely"
    return " ".join(str(error).split()) or type(error).__name__


def _orientation(image: Image.Image) -> int:
    """By EXIF; 1, upright, where it is not said. Metadata that cannot be read turns nothing, as in a browser."""
    if image.format == "PNG" and "exif" not in image.info and "xmp" not in image.info:
        return 1  # getexif() would decode all of the file to look for it behind the pixels
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - as of broken pixels
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _opaque(image: Image.Image) -> Image.Image:
    """Grey or RGB, 8 bits per channel, on white."""
    if image.mode in _DEEP:
        return _eight_bits(image)
    grey = image.mode in _GREY
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(coloured)
        image = white
    # CMYK is inverted by Pillow where Adobe's convention says so, as browsers do
    return image.convert("L" if grey else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Of 16-bit grey levels: convert() would clip everything above 255 to white."""
    levels = np.asarray(image, dtype=np.float32)
    grey = np.clip(levels / 257, 0, 255).astype(np.uint8)
    if "transparency" in image.info:
        grey[levels == image.info["transparency"]] = 255
    return Image.fromarray(grey)
