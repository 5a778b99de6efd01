"""How the head learns from labels alone: the layer that is solved or trained, and the class means beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from curator.learner.folds import stratified_folds
from curator.learner.network import Recipe, train_network, validation_curves
from curator.learner.parts import Layers, Parts
from curator.learner.prototypes import fit_prototypes
from curator.learner.softmax_regression import fit_softmax_regression
from strategies.kernels.ties import first_of_largest

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Seeds = Sequence[Sequence[int]]

FOLDS = 5
_NEWTON_STEPS = 200
_EPOCHS = 100


@dataclass(frozen=True)
class Training:
    """The parameters of `EmbeddingHead` that say how labels are learned from; what they mean stands there."""

    hidden: int
    weight_decay: float
    class_balanced: bool
    prototype: bool
    dropout: float
    label_smoothing: float
    mixup: float
    early_stopping: bool
    max_iter: int | None
    tol: float

    @property
    def by_gradient(self) -> bool:
        """Whether gradient steps train the layers, and not the exact solver."""
        return bool(self.hidden or self.dropout or self.mixup or self.early_stopping)

    def fit(self, rows: Tensor, labels: IntArray, masks: BoolArray, seeds: Seeds) -> Parts:
        """Train one model per set of labels.

        Args:
            rows: (n, dim) float32 embeddings.
            labels: (n,) classes, 0 to n_classes - 1.
            masks: (n_models, n) the labels that each model trains on.
            seeds: of each model.

        Returns:
            Layers and, where asked for, class means.
        """
        n_classes = int(labels.max()) + 1
        if n_classes == 1:
            zeros = torch.zeros(len(masks), 1, rows.shape[1], dtype=torch.float64, device=rows.device)
            return Parts(Layers(zeros, zeros[..., 0]), zeros if self.prototype else None)
        counts = np.stack([np.bincount(labels[mask], minlength=n_classes) for mask in masks])
        layers = self._layers(rows, labels, masks, counts, seeds)
        return Parts(layers, _prototypes(rows, labels, masks, n_classes) if self.prototype else None)

    def _layers(
        self, rows: Tensor, labels: IntArray, masks: BoolArray, counts: IntArray, seeds: Seeds
    ) -> Layers:
        present = torch.from_numpy(counts > 0).to(rows.device)
        weights = torch.from_numpy(self._weights(labels, masks, counts)).to(rows.device)
        targets = self._targets(labels, counts > 0).to(rows.device)
        if not self.by_gradient:
            # Two classes in scikit-learn are one row of weights, the difference of ours: half the decay it feels.
            decay = torch.where(present.sum(dim=1) == 2, 2.0, 1.0).double() * self.weight_decay
            steps = self.max_iter or _NEWTON_STEPS
            linear = fit_softmax_regression(
                rows, targets, weights, present, decay, tol=self.tol, max_iter=steps
            )
            return Layers(linear.weight, linear.bias)
        absent = torch.where(present, 0.0, -torch.inf).double()
        stops = self._epochs(rows, labels, targets, weights, seeds) if self.early_stopping else None
        network = train_network(rows, targets, weights, self._recipe(), seeds, stop_after=stops)
        if self.hidden == 0:
            return Layers(network.outer.transpose(1, 2).double(), network.outer_bias.double() + absent)
        nothing = torch.zeros(*present.shape, rows.shape[1], dtype=torch.float64, device=rows.device)
        return Layers(nothing, absent, network)

    def _recipe(self) -> Recipe:
        return Recipe(
            hidden=self.hidden,
            weight_decay=self.weight_decay,
            dropout=self.dropout,
            mixup=self.mixup,
            epochs=self.max_iter or _EPOCHS,
        )

    def _weights(self, labels: IntArray, masks: BoolArray, counts: IntArray) -> NDArray[np.float64]:
        """(n_models, n) weight of each label; 0 where a model does not train on it."""
        if not self.class_balanced:
            return masks.astype(np.float64)
        n_present = (counts > 0).sum(axis=1, keepdims=True)
        each = counts.sum(axis=1, keepdims=True) / (n_present * np.maximum(counts, 1))
        return np.where(masks, each[:, labels], 0.0)

    def _targets(self, labels: IntArray, present: BoolArray) -> Tensor:
        """(n_models, n, n_classes) target distributions, smoothed over the classes a model has labels of."""
        one_hot = np.eye(present.shape[1])[labels]
        even = present / present.sum(axis=1, keepdims=True)
        smooth = (1.0 - self.label_smoothing) * one_hot + self.label_smoothing * even[:, None, :]
        return torch.from_numpy(np.where(present[:, None, :], smooth, 0.0))

    def _epochs(
        self, rows: Tensor, labels: IntArray, targets: Tensor, weights: Tensor, seeds: Seeds
    ) -> list[int]:
        """Epochs at which the held-out log loss of each model is lowest."""
        y = torch.from_numpy(labels).to(rows.device)
        stops = []
        for model, seed in enumerate(seeds):
            trains = weights[model].cpu().numpy() > 0
            fold = np.full(len(labels), -1)
            n_folds = min(FOLDS, int(trains.sum()))
            if n_folds < 2:
                stops.append(self._recipe().epochs)
                continue
            fold[trains] = stratified_folds(labels[trains], n_folds, [*seed, 1])
            fewest = np.bincount(labels[trains]).min(
                initial=len(labels), where=np.bincount(labels[trains]) > 0
            )
            parts = [0] if fewest >= FOLDS else list(range(n_folds))
            held_out = np.stack([fold == part for part in parts])
            learns = trains & ~held_out
            # A class that is wholly held out cannot be learned there; it has no say in when to stop.
            known = np.stack([np.isin(labels, labels[mask]) for mask in learns])
            curves = validation_curves(
                rows,
                targets[model].expand(len(parts), -1, -1),
                weights[model] * torch.from_numpy(learns).to(rows.device),
                torch.from_numpy(held_out & known).to(rows.device),
                y,
                self._recipe(),
                [[*seed, 2, part] for part in parts],
            )
            # where the curve is flat, rounding must not decide: the first of the lowest
            stops.append(first_of_largest(-curves.sum(dim=1).double().cpu().numpy()) + 1)
        return stops


def _prototypes(rows: Tensor, labels: IntArray, masks: BoolArray, n_classes: int) -> Tensor:
    """(n_models, n_classes, dim) float64, sharpness times class means."""
    embeddings = rows.cpu().numpy()
    out = np.zeros((len(masks), n_classes, rows.shape[1]))
    for model, mask in enumerate(masks):
        prototypes = fit_prototypes(embeddings[mask], labels[mask], n_classes)
        out[model] = prototypes.sharpness * prototypes.means
    return torch.from_numpy(out).to(rows.device)
