"""What the items around say: each votes with its shares of the classes, the nearer the more.

The one part of the head that is not linear in the embedding: it follows clusters of any shape. It asks a fixed number of
landmarks, so that scoring a pool is two matrix products a block, whatever the pool's size.

Source: Nadaraya, "On Estimating Regression", 1964; Watson, "Smooth Regression Analysis", 1964: a mean weighted by a kernel.
"""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

# The landmark six places behind the nearest has e^-2 of its say.
_NEIGHBOURS = 6
_FALL = 2.0
_LEAST_SHARPNESS, _MOST_SHARPNESS = 1.0, 1_000.0
_SHARPNESS_ROWS = 256
# Share of the votes that is spread over all classes: no vote is unanimous for certain.
_DOUBT = 0.1


@dataclass(frozen=True)
class NeighbourVote:
    """Logits from the shares of landmarks.

    Attributes:
        landmarks: (m, dim) float32 unit-length embeddings.
        shares: (m, n_classes) float32, rows sum to 1.
        sharpness: votes weigh exp(sharpness * cosine).
        weight: of these logits in a sum.
    """

    landmarks: Tensor
    shares: Tensor
    sharpness: float
    weight: float = 1.0

    @classmethod
    def of(cls, landmarks: Tensor, shares: Tensor) -> Self:
        """The vote of landmarks, as sharp as they lie close to each other.

        Args:
            landmarks: (m, dim) float32, m > 0.
            shares: (m, n_classes).
        """
        probed = landmarks[:_SHARPNESS_ROWS]
        last = min(_NEIGHBOURS, len(landmarks) - 1)
        nearest = (probed @ landmarks.T).topk(last + 1, dim=1).values
        # Beside itself each probe has a nearest, and the one that is so many places behind it.
        gap = float((nearest[:, min(1, last)] - nearest[:, last]).median())
        sharpness = _MOST_SHARPNESS if gap <= 0.0 else _FALL / gap
        sharpness = min(max(sharpness, _LEAST_SHARPNESS), _MOST_SHARPNESS)
        return cls(landmarks, shares.float(), sharpness)

    def logits(self, rows: Tensor) -> Tensor:
        """(n, n_classes) float32 of rows (n, dim): weighted log probs."""
        votes = torch.softmax(self.sharpness * (rows.float() @ self.landmarks.T), dim=1) @ self.shares
        return self.weight * torch.log((1.0 - _DOUBT) * votes + _DOUBT / self.shares.shape[1])

    def scaled(self, factor: float) -> "NeighbourVote":
        """The same with its logits multiplied by a factor."""
        return replace(self, weight=self.weight * factor)
