"""Which encoders there are, by the name that curator.toml says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from integrations.errors import EncoderError
from integrations.plugins import Plugins

if TYPE_CHECKING:  # the protocol imports numpy, and the names alone are wanted by whoever reads curator.toml
    from integrations.encoders.protocol import Encoder, Kind

    Factory = Callable[[str | None, Kind], Encoder]

SMALL_SIDE = 64  # pixels; `pixels` sees shapes up to here, not what larger photographs show


def _tfidf(argument: str | None, kind: Kind) -> Encoder:
    from integrations.encoders.tfidf import TfidfEncoder

    _check("tfidf", "text", kind, argument)
    return TfidfEncoder()


def _pixels(argument: str | None, kind: Kind) -> Encoder:
    from integrations.encoders.pixels import PixelsEncoder

    _check("pixels", "image", kind, argument)
    return PixelsEncoder()


def _precomputed(argument: str | None, kind: Kind) -> Encoder:
    from integrations.encoders.precomputed import PrecomputedEncoder

    return PrecomputedEncoder(argument, kind)


def _sentence_transformers(argument: str | None, kind: Kind) -> Encoder:
    from integrations.encoders.sentence_transformers import (
        SentenceTransformersEncoder,
    )

    _check("sentence-transformers", "text", kind, None)
    return SentenceTransformersEncoder(_needed("sentence-transformers", argument))


def _transformers(argument: str | None, kind: Kind) -> Encoder:
    from integrations.encoders.transformers_images import (
        TransformersImageEncoder,
    )

    _check("transformers", "image", kind, None)
    return TransformersImageEncoder(_needed("transformers", argument))


ENCODERS: dict[str, Factory] = {
    "tfidf": _tfidf,
    "pixels": _pixels,
    "precomputed": _precomputed,
    "sentence-transformers": _sentence_transformers,
    "transformers": _transformers,
}
ARGUMENTS = {
    "sentence-transformers": "NAME_OR_PATH",
    "transformers": "NAME_OR_PATH",
}  # what follows the colon
PLUGINS = Plugins("curator.encoders", "encoder", ENCODERS, EncoderError)


# what a pool gets when nobody names an encoder: both work offline
DEFAULT_ENCODERS: dict[Kind, str] = {"text": "tfidf", "image": "pixels"}


def make_encoder(spec: str, kind: Kind) -> Encoder:
    """The encoder that a name stands for.

    Args:
        spec: `NAME` or `NAME:ARGUMENT`, like `sentence-transformers:all-MiniLM-L6-v2`.
        kind: of the items.

    Raises:
        EncoderError: unknown name, wrong kind of items, or a wrong argument.
    """
    name, _, argument = spec.partition(":")
    if name in ENCODERS:
        return ENCODERS[name](argument or None, kind)
    made = PLUGINS.load(name)
    if not callable(made):
        raise PLUGINS.refuse(name, f"is not a function or class but a {type(made).__name__}. Ask its author.")
    hint = f"Its documentation says what {name}:ARGUMENT may be, and what must be installed."
    return cast("Encoder", PLUGINS.make(name, made, argument or None, kind, hint=hint))


def describe_encoders() -> str:
    """Our encoders as curator.toml names them: for help texts."""
    return ", ".join(f"{name}:{ARGUMENTS[name]}" if name in ARGUMENTS else name for name in ENCODERS)


def default_encoder(kind: Kind, sample: Sequence[str]) -> tuple[str, str]:
    """The encoder for a pool when nobody names one.

    Args:
        kind: of the items.
        sample: a few texts or image paths of the pool.

    Returns:
        Its name, and a sentence that says why.
    """
    name = DEFAULT_ENCODERS[kind]
    if kind == "text":
        return (
            name,
            f"encoder: {name} (needs no download; sentence-transformers:NAME usually needs fewer labels)",
        )
    from integrations.encoders.pixels import median_size

    width, height = median_size(sample)
    if max(width, height) <= SMALL_SIDE:
        return name, f"encoder: {name} (images are {width}x{height})"
    return name, (
        f"encoder: {name}, which is made for small images, and these are {width}x{height}; transformers:NAME usually"
        " needs far fewer labels"
    )


def _check(name: str, expected: Kind, kind: Kind, argument: str | None) -> None:
    if kind != expected:
        raise EncoderError(f"encoder {name} is for {expected}s, and this is a pool of {kind}s.")
    if argument is not None:
        raise EncoderError(f"encoder {name} takes no argument, got {argument!r}.")


def _needed(name: str, argument: str | None) -> str:
    if argument is None:
        raise EncoderError(f"encoder {name} needs a model: {name}:{ARGUMENTS[name]}.")
    return argument
