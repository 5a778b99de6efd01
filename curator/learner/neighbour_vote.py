"""What the items around say: each votes with its shares of the classes, the nearer the more.

The one part of the head that is not linear in the embedding: it follows clusters of any shape. It asks some 1,000 landmarks,
however many items there are: scoring a block of the pool is two matrix products.

Source: Nadaraya, "On Estimating Regression", 1964; Watson, "Smooth Regression Analysis", 1964: a mean weighted by a kernel.
"""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

# The sixth nearest of a landmark has e^-2 of the say of its nearest.
_NEIGHBOURS = 6
_FALL = 2.0
_LEAST_SHARPNESS, _MOST_SHARPNESS = 1.0, 1_000.0
_SHARPNESS_OF_A_FEW = (
    20.0  # that of class means at first (prototypes.py): too few landmarks to tell how close they lie
)
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
        if len(landmarks) <= _NEIGHBOURS:
            return cls(landmarks, shares.float(), _SHARPNESS_OF_A_FEW)
        nearest = (landmarks @ landmarks.T).topk(_NEIGHBOURS + 1, dim=1).values
        # in column 0 each meets itself, or a copy
        gap = float((nearest[:, 1] - nearest[:, _NEIGHBOURS]).median())
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
