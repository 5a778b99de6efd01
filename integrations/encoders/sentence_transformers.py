"""Texts by a sentence-transformers model: from a local folder (offline) or from the Hugging Face hub."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from integrations.encoders.model_files import fingerprint_after
from integrations.encoders.protocol import FloatArray, Kind
from integrations.encoders.rows import unit_rows
from integrations.errors import EncoderError

BATCH = 64
VERSION = "1"  # counts changes of the numbers


class SentenceTransformersEncoder:
    """A pretrained sentence encoder; runs on the GPU when torch finds one.

    Args:
        model: folder or name of the model.

    Raises:
        EncoderError: the extra `text` is not installed.
    """

    kind: Kind = "text"

    def __init__(self, model: str) -> None:
        if find_spec("sentence_transformers") is None:
            raise EncoderError("encoder sentence-transformers is not installed: pip install 'curator[text]'")
        self.name = f"sentence-transformers:{model}"
        self._path = model
        self._model: Any = None
        self._fingerprint: str | None = None

    @property
    def fingerprint(self) -> str:
        """Of the model's files. A model that is not here yet is downloaded to tell."""
        if self._fingerprint is None:
            self._fingerprint = fingerprint_after(self._path, self._loaded, VERSION)
        return self._fingerprint

    @property
    def needs_fit(self) -> bool:
        """Pretrained."""
        return False

    def fit(self, sample: Sequence[str]) -> None:
        """Pretrained: nothing to learn."""

    def encode(self, items: Sequence[str]) -> FloatArray:
        """(n, dim) unit rows."""
        model = self._loaded()
        return unit_rows(
            model.encode(list(items), batch_size=BATCH, show_progress_bar=False, convert_to_numpy=True)
        )[0]

    def save(self, folder: Path) -> None:
        """Pretrained: nothing to keep."""

    def load(self, folder: Path) -> bool:  # noqa: ARG002 - the protocol's argument
        """Pretrained: nothing to read."""
        return True

    def describe(self) -> dict[str, Any]:
        """Which model, by which library."""
        from importlib.metadata import version

        return {"model": self._path, "sentence-transformers": version("sentence-transformers")}

    def _loaded(self) -> Any:
        if self._model is None:
            from sentence_transformers import SentenceTransformer

            try:
                self._model = SentenceTransformer(self._path)
            except (OSError, ValueError, KeyError) as error:
                raise EncoderError(
                    f"{self.name}: the model cannot be loaded ({error}). Give the folder of a model, or check name and"
                    " network."
                ) from error
        return self._model
