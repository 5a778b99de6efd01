"""What encoders with a pretrained model have in common: nothing to learn, nothing to keep, a model to load once."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from integrations.encoders.model_files import fingerprint_after
from integrations.errors import EncoderError

# A model is numbers, never a program: no Python files that come with it, no pickles.
SAFE: dict[str, Any] = {"trust_remote_code": False}
SAFE_WEIGHTS: dict[str, Any] = {"use_safetensors": True}


class PretrainedEncoder(ABC):
    """Loads its model when first needed; a folder works offline.

    Args:
        prefix: what stands before the colon in curator.toml, which is also the library's name.
        module: of the library.
        extra: of curator that brings the library.
        model: folder or name of the model.

    Raises:
        EncoderError: the library is not installed.
    """

    def __init__(self, prefix: str, module: str, extra: str, model: str) -> None:
        if find_spec(module) is None:
            raise EncoderError(f"encoder {prefix} is not installed: pip install 'curator[{extra}]'")
        self.name = f"{prefix}:{model}"
        self._library = prefix
        self._path = model
        self._fingerprint: str | None = None

    @property
    def fingerprint(self) -> str:
        """Of the model's files. A model that is not here yet is downloaded to tell."""
        if self._fingerprint is None:
            self._fingerprint = fingerprint_after(self._path, self._load, self._version)
        return self._fingerprint

    @property
    def needs_fit(self) -> bool:
        """Pretrained."""
        return False

    def fit(self, sample: Sequence[str]) -> None:  # noqa: B027 - really nothing, for every one of them
        """Pretrained: nothing to learn."""

    def save(self, folder: Path) -> None:  # noqa: B027 - as fit
        """Pretrained: nothing to keep."""

    def load(self, folder: Path) -> bool:  # noqa: ARG002 - the protocol's argument
        """Pretrained: nothing to read."""
        return True

    def describe(self) -> dict[str, Any]:
        """Which model, by which library."""
        return {"model": self._path, self._library: version(self._library)}

    @property
    def _version(self) -> str:
        """Counts changes of the numbers."""
        return "1"

    @abstractmethod
    def _load(self) -> None:
        """Load the model unless it is there; an `EncoderError` made by `_unloadable` when it cannot be."""

    def _unloadable(self, error: Exception) -> EncoderError:
        return EncoderError(
            f"{self.name}: the model cannot be loaded ({error}). Give the folder of a model with its weights as safetensors,"
            " or check name and network."
        )
