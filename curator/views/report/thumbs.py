"""Small images as data URIs, so that a page needs no other file."""

import base64
from collections.abc import Iterable
from io import BytesIO

from integrations.encoders.images import picture
from integrations.errors import EncoderError

SIDE = 64  # pixels
_QUALITY = 70


def thumbnails(paths: Iterable[str], room: int) -> dict[str, str]:
    """Thumbnails of image files, in their order, until there is no room left.

    Args:
        paths: of image files; one that is a URL or cannot be opened is left out.
        room: bytes that all of them together may take.

    Returns:
        path -> data URI.
    """
    made: dict[str, str] = {}
    for path in paths:
        if path in made:
            continue
        uri = _thumbnail(path)
        if uri is None:
            continue
        room -= len(uri)
        if room < 0:
            break
        made[path] = uri
    return made


def _thumbnail(path: str) -> str | None:
    try:
        small = picture(path, draft=2 * SIDE).convert("RGB")
    except EncoderError:
        return None
    small.thumbnail((SIDE, SIDE))
    packed = BytesIO()
    small.save(packed, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(packed.getvalue()).decode()}"
