"""Texts by a sentence-transformers model: from a local folder (offline) or from the Hugging Face hub."""

from collections.abc import Sequence
from typing import Any

from integrations.encoders.pretrained import SAFE, SAFE_WEIGHTS, PretrainedEncoder
from integrations.encoders.protocol import FloatArray, Kind, unit_rows

BATCH = 64


class SentenceTransformersEncoder(PretrainedEncoder):
    """A pretrained sentence encoder; runs on the GPU when torch finds one.

    Args:
        model: folder or name of the model.

    Raises:
        EncoderError: the extra `text` is not installed.
    """

    kind: Kind = "text"

    def __init__(self, model: str) -> None:
        super().__init__("sentence-transformers", "sentence_transformers", "text", model)
        self._model: Any = None

    def encode(self, items: Sequence[str]) -> FloatArray:
        """(n, dim) unit rows.

        Raises:
            EncoderError: the model cannot be loaded.
        """
        self._load()
        return unit_rows(
            self._model.encode(list(items), batch_size=BATCH, show_progress_bar=False, convert_to_numpy=True)
        )[0]

    def _load(self) -> None:
        if self._model is not None:
            return
        from sentence_transformers import SentenceTransformer

        try:
            self._model = SentenceTransformer(self._path, model_kwargs=dict(SAFE_WEIGHTS), **SAFE)
        except (OSError, ValueError, KeyError) as error:
            raise self._unloadable(error) from error
