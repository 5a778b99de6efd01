"""The parts of the head, and their weighted sum: layers trained on the labels, class means, what the pool taught."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from curator.learner.neighbour_vote import NeighbourVote
from curator.learner.network import Network
from curator.learner.pool_teacher import PoolLayers


@dataclass(frozen=True)
class Layers:
    """Trained models; logits of `models` rows, one per set of training labels.

    Attributes:
        linear: (n_models, n_classes, dim) float64, the linear part of the logits.
        bias: (n_models, n_classes) float64; -inf for a class a model has not seen.
        network: the hidden layer, if there is one.
        vote: of the items around, the same for all models, if there is one.
    """

    linear: Tensor
    bias: Tensor
    network: Network | None = None
    vote: NeighbourVote | None = None

    def logits(self, rows: Tensor) -> Tensor:
        """(n_models, n, n_classes) float64."""
        out = rows.double() @ self.linear.transpose(1, 2) + self.bias[:, None, :]
        if self.network is not None:
            out = out + self.network.logits(rows).double()
        return out if self.vote is None else out + self.vote.logits(rows).double()


@dataclass(frozen=True)
class Parts:
    """Parts of equal kind for each of `models` models; each of them gives logits.

    Attributes:
        layers: trained on the labels alone.
        prototypes: (n_models, n_classes, dim) float64, sharpness times class means; None = without.
        pool: what the pool taught, for each model or one for all of them; None = nothing.
    """

    layers: Layers
    prototypes: Tensor | None = None
    pool: PoolLayers | None = None

    def logits(self, rows: Tensor) -> Tensor:
        """(n_models, n, n_classes, n_parts) float64 of rows (n, dim)."""
        return torch.stack([part.logits(rows) for part in self._each()], dim=3)

    def weighted_sum(self, weights: Sequence[float]) -> Layers:
        """The models whose logits are the weighted sums of those of the parts, in the order of `logits`."""
        first, *others = self._each()
        linear, bias, vote = weights[0] * first.linear, weights[0] * first.bias, None
        for weight, part in zip(weights[1:], others, strict=True):
            linear, bias = linear + weight * part.linear, bias + weight * part.bias
            vote = part.vote.scaled(weight) if part.vote is not None else vote
        if first.network is None:
            return Layers(linear, bias, vote=vote)
        same = torch.full((len(first.bias),), weights[0], device=bias.device, dtype=torch.float32)
        return Layers(linear, bias, first.network.scaled(same), vote)

    def _each(self) -> list[Layers]:
        absent = torch.where(torch.isinf(self.layers.bias), self.layers.bias, 0.0)
        found = [self.layers]
        if self.prototypes is not None:
            found.append(Layers(self.prototypes, absent))
        if self.pool is not None:
            nothing = torch.zeros_like(self.pool.student_bias)
            found.append(Layers(self.pool.student, self.pool.student_bias))
            found.append(Layers(self.pool.means, nothing))
            if self.pool.vote is not None:
                found.append(Layers(torch.zeros_like(self.pool.means), nothing, vote=self.pool.vote))
        return found
