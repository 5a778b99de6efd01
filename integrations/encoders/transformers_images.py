"""Images by a vision model of the transformers library: from a local folder (offline) or from the hub."""

from collections.abc import Sequence
from typing import Any

from integrations.encoders.images import picture
from integrations.encoders.pretrained import SAFE, SAFE_WEIGHTS, PretrainedEncoder
from integrations.encoders.protocol import FloatArray, Kind, PictureEncoder, unit_rows

BATCH = 32


class TransformersImageEncoder(PictureEncoder, PretrainedEncoder):
    """A pretrained vision model; runs on the GPU when torch finds one.

    The embedding is the model's own image embedding (CLIP and its kin), else the mean over its patches.

    Args:
        model: folder or name of the model.

    Raises:
        EncoderError: the extra `vision` is not installed.
    """

    kind: Kind = "image"

    def __init__(self, model: str) -> None:
        super().__init__("transformers", "transformers", "vision", model)
        self._model: Any = None
        self._processor: Any = None

    def encode(self, items: Sequence[str]) -> FloatArray:
        """(n, dim) unit rows.

        Raises:
            EncoderError: the model or an image cannot be loaded.
        """
        import torch

        self._load()
        parts = []
        with torch.inference_mode():
            for start in range(0, len(items), BATCH):
                images = [picture(path).convert("RGB") for path in items[start : start + BATCH]]
                pixels = self._processor(images=images, return_tensors="pt")["pixel_values"].to(
                    self._model.device
                )
                parts.append(self._pooled(pixels).float().cpu())
        return unit_rows(torch.cat(parts).numpy())[0]

    @property
    def _version(self) -> str:
        return str(self.decoder)

    def _pooled(self, pixels: Any) -> Any:
        """(n, dim) from (n, channels, height, width)."""
        if hasattr(self._model, "vision_model"):
            output = self._model.vision_model(pixel_values=pixels)
            return output.pooler_output
        states = self._model(pixel_values=pixels).last_hidden_state
        # transformers give (n, patches, dim), convolutional models (n, dim, height, width)
        return states.mean(dim=1) if states.ndim == 3 else states.mean(dim=(2, 3))

    def _load(self) -> None:
        if self._model is not None:
            return
        import torch
        import transformers

        library: Any = transformers  # its classes are typed in part only
        device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._processor = library.AutoImageProcessor.from_pretrained(self._path, **SAFE)
            model = library.AutoModel.from_pretrained(self._path, **SAFE, **SAFE_WEIGHTS)
            self._model = model.to(device).eval()
        except (OSError, ValueError, KeyError) as error:
            raise self._unloadable(error) from error
