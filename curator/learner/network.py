"""Heads trained by gradient steps: one hidden layer, or a linear layer with noise; all seeds in one batch.

The answer of these depends on where a seed starts and on the noise it sees, so that several seeds are trained, as one
batched problem: matrix products over (n_models, ...) instead of a loop over models. Every model draws its start and
its noise from a generator of its own seed: a model does not change when others are trained beside it.

Sources: Loshchilov & Hutter, "Decoupled Weight Decay Regularization" (2019); Zhang et al., "mixup" (2018);
Srivastava et al., "Dropout" (2014).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_RATE_LINEAR = 0.05
_RATE_HIDDEN = 0.005


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        hidden: units of the hidden layer; 0 = a linear layer.
        weight_decay: AdamW's decoupled decay.
        dropout: share of inputs (and hidden units) set to zero at each step.
        mixup: alpha of the Beta distribution that mixes pairs of rows; 0 = no mixing.
        epochs: full-batch steps; the cosine schedule ends here.
    """

    hidden: int
    weight_decay: float
    dropout: float
    mixup: float
    epochs: int


@dataclass(frozen=True)
class Network:
    """Trained weights: logits = GELU(x @ inner + inner_bias) @ outer + outer_bias; linear: x @ outer + outer_bias.

    Attributes:
        inner: (n_models, dim, hidden), None when linear.
        inner_bias: (n_models, hidden), None when linear.
        outer: (n_models, hidden or dim, n_classes).
        outer_bias: (n_models, n_classes).
    """

    inner: Tensor | None
    inner_bias: Tensor | None
    outer: Tensor
    outer_bias: Tensor

    def logits(self, rows: Tensor) -> Tensor:
        """(n_models, n, n_classes) of rows (n, dim)."""
        inputs = rows
        if self.inner is not None and self.inner_bias is not None:
            inputs = torch.nn.functional.gelu(rows @ self.inner + self.inner_bias[:, None, :])
        return inputs @ self.outer + self.outer_bias[:, None, :]

    def scaled(self, factor: Tensor) -> "Network":
        """The network with its logits multiplied by one factor per model, (n_models,)."""
        return Network(
            inner=self.inner,
            inner_bias=self.inner_bias,
            outer=factor[:, None, None] * self.outer,
            outer_bias=factor[:, None] * self.outer_bias,
        )


def train_network(
    rows: Tensor,
    targets: Tensor,
    weights: Tensor,
    recipe: Recipe,
    seeds: Sequence[Sequence[int]],
    *,
    stop_after: Sequence[int] | None = None,
) -> Network:
    """Train one model per row of `weights`.

    Args:
        rows: (n, dim) float32 unit-length embeddings.
        targets: (n_models, n, n_classes) target distributions.
        weights: (n_models, n); 0 keeps a row out of a model.
        recipe: how to train.
        seeds: n_models sequences of whole numbers, what each model starts from.
        stop_after: epochs after which each model is taken; all of them when None.

    Returns:
        The models on the device of `rows`.
    """
    trainer = _Trainer(rows, targets, weights, recipe, seeds)
    stops = np.full(len(seeds), recipe.epochs) if stop_after is None else np.asarray(stop_after)
    taken = trainer.snapshot()
    for epoch in range(1, int(stops.max()) + 1):
        trainer.step()
        now = torch.from_numpy(stops == epoch).to(rows.device)
        if now.any():
            taken = [
                torch.where(now.view(-1, *[1] * (new.ndim - 1)), new, old)
                for new, old in zip(trainer.snapshot(), taken, strict=True)
            ]
    return trainer.network(taken)


def validation_curves(
    rows: Tensor,
    targets: Tensor,
    weights: Tensor,
    held_out: Tensor,
    y: Tensor,
    recipe: Recipe,
    seeds: Sequence[Sequence[int]],
) -> Tensor:
    """Summed log loss on held-out rows after each epoch, to choose when to stop.

    Args:
        rows: (n, dim) float32 unit-length embeddings.
        targets: (n_models, n, n_classes) target distributions.
        weights: (n_models, n) training weights; 0 where held out.
        held_out: (n_models, n) bool; rows that count for the loss.
        y: (n,) true class of each row.
        recipe: how to train.
        seeds: n_models sequences of whole numbers.

    Returns:
        (epochs, n_models) losses.
    """
    trainer = _Trainer(rows, targets, weights, recipe, seeds)
    curve = []
    for _ in range(recipe.epochs):
        trainer.step()
        log_probs = torch.log_softmax(trainer.network(trainer.snapshot()).logits(rows), dim=2)
        loss = -log_probs.gather(2, y.expand(len(seeds), -1)[:, :, None])[:, :, 0]
        curve.append((loss * held_out).sum(dim=1))
    return torch.stack(curve)


class _Trainer:
    """AdamW over all models at once; the loss is a sum over models, so none feels the others."""

    def __init__(
        self, rows: Tensor, targets: Tensor, weights: Tensor, recipe: Recipe, seeds: Sequence[Sequence[int]]
    ) -> None:
        dim, n_classes = rows.shape[1], targets.shape[2]
        self._unit_scale = math.sqrt(dim)  # unit-length rows become unit scale per feature
        self._rows = rows * self._unit_scale
        self._targets = targets.float()
        self._weights = (weights / weights.sum(dim=1, keepdim=True)).float()
        self._recipe = recipe
        self._random = [np.random.default_rng(seed) for seed in seeds]
        widths = [dim, recipe.hidden, n_classes] if recipe.hidden else [dim, n_classes]
        self._parameters: list[Tensor] = []
        for fan_in, fan_out in pairwise(widths):
            bound = 1.0 / math.sqrt(fan_in)
            start = self._draw(partial(_uniform, bound=bound, shape=(fan_in, fan_out)))
            bias = torch.zeros(len(seeds), fan_out, device=rows.device)
            self._parameters += [start.requires_grad_(), bias.requires_grad_()]
        rate = _RATE_HIDDEN if recipe.hidden else _RATE_LINEAR
        self._optimiser = torch.optim.AdamW(self._parameters, lr=rate, weight_decay=recipe.weight_decay)
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self._optimiser, recipe.epochs)

    def step(self) -> None:
        """One full-batch step of every model."""
        inputs, goal = self._mixed()
        inputs = self._dropped(inputs)
        if self._recipe.hidden:
            inner, inner_bias = self._parameters[:2]
            inputs = torch.nn.functional.gelu(inputs @ inner + inner_bias[:, None, :])
            inputs = self._dropped(inputs)
        outer, outer_bias = self._parameters[-2:]
        log_probs = torch.log_softmax(inputs @ outer + outer_bias[:, None, :], dim=2)
        self._optimiser.zero_grad()
        loss = -(goal * log_probs).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        self._schedule.step()

    def snapshot(self) -> list[Tensor]:
        return [parameter.detach().clone() for parameter in self._parameters]

    def network(self, parameters: list[Tensor]) -> Network:
        """The models as functions of unit-length rows: the input scale moves into the first layer."""
        first = parameters[0] * self._unit_scale
        if self._recipe.hidden:
            return Network(
                inner=first, inner_bias=parameters[1], outer=parameters[2], outer_bias=parameters[3]
            )
        return Network(inner=None, inner_bias=None, outer=first, outer_bias=parameters[1])

    def _draw(self, draw: Callable[[np.random.Generator], NDArray[Any]]) -> Tensor:
        """One draw per model, stacked; drawn on the CPU, so that every device sees the same noise."""
        stacked = np.stack([draw(random) for random in self._random]).astype(np.float32)
        return torch.from_numpy(stacked).to(self._rows.device)

    def _mixed(self) -> tuple[Tensor, Tensor]:
        """Inputs (n_models or 1, n, dim) and weighted targets of this step."""
        goal = self._weights[:, :, None] * self._targets
        alpha, n = self._recipe.mixup, len(self._rows)
        if alpha == 0:
            return self._rows[None], goal
        share = self._draw(lambda random: random.beta(alpha, alpha, n))[:, :, None]
        partner = self._draw(lambda random: random.permutation(n)).long()
        models = torch.arange(len(goal), device=goal.device)[:, None]
        # A held-out row is nobody's partner: neither its label nor its embedding may enter training.
        share = torch.where((self._weights[models, partner] > 0)[:, :, None], share, 1.0)
        share = torch.where((self._weights > 0)[:, :, None], share, 1.0)
        inputs = share * self._rows[None] + (1.0 - share) * self._rows[partner]
        return inputs, share * goal + (1.0 - share) * goal[models, partner]

    def _dropped(self, inputs: Tensor) -> Tensor:
        rate = self._recipe.dropout
        if rate == 0:
            return inputs
        shape = inputs.shape[1:]
        keep = self._draw(lambda random: random.random(shape, dtype=np.float32) >= rate)
        return inputs * keep / (1.0 - rate)


def _uniform(random: np.random.Generator, *, bound: float, shape: tuple[int, int]) -> NDArray[np.float64]:
    return random.uniform(-bound, bound, shape)
