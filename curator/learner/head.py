"""The default model: a small head on frozen embeddings, sound from the first labels on.

What is trained by default is the mean of two logits:

* a linear softmax layer, class-balanced, with scikit-learn's C = 100, solved to convergence;
* cosines to class means, read at a temperature fitted on left-out labels (`prototypes.py`).

The mean of the logits (the geometric mean of the probs) is again linear in the embedding: one matrix scores a pool of
any size. Classes that nobody has labeled yet share a small mass: Laplace's rule of succession, unseen / (labels +
classes). tests/benchmarks/bench_heads.py measures this against scikit-learn on five sets with 2, 5 and 10 labels per
class; every default below is what it measured best there in the mean over the sets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from curator.errors import ConfigError, DataError
from curator.learner.calibration import fit_inverse_temperature
from curator.learner.folds import stratified_folds
from curator.learner.network import Network, Recipe, train_network, validation_curves
from curator.learner.prototypes import fit_prototypes
from curator.learner.softmax_regression import fit_softmax_regression

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Temperature = Literal["none", "cv"]

_FOLDS = 5
_NEWTON_STEPS = 200
_EPOCHS = 100
_BLOCK = 16_384
_TEMPERATURE_BOUNDS = (0.2, 5.0)


@dataclass(frozen=True)
class _Fit:
    """Trained models before they are put together; logits of `models` rows, one per training mask.

    Attributes:
        linear: (n_models, n_classes, dim) float64, the linear part of the logits.
        bias: (n_models, n_classes) float64; -inf for a class a model has not seen.
        network: the hidden layer, if there is one.
    """

    linear: Tensor
    bias: Tensor
    network: Network | None

    def logits(self, rows: Tensor) -> Tensor:
        """(n_models, n, n_classes) float64."""
        out = rows.double() @ self.linear.transpose(1, 2) + self.bias[:, None, :]
        return out if self.network is None else out + self.network.logits(rows).double()


class EmbeddingHead(ClassifierMixin, BaseEstimator):
    """A classifier on frozen, unit-length embeddings, with scikit-learn's interface and torch inside.

    Args:
        classes: all classes of the project, in the order of the columns of `predict_proba`, also those that nobody has
            labeled yet; None = the sorted classes of `y`.
        hidden: units of a hidden layer (GELU); 0 = linear.
        weight_decay: linear: scikit-learn's 1 / C on the sum of losses, the intercept free (and, as there, on the
            difference of the two rows when there are two classes). Trained by gradient steps: AdamW's decay.
        class_balanced: each class weighs the same in the loss, as scikit-learn's class_weight="balanced".
        prototype: average the logits with cosines to class means.
        dropout: share of inputs and hidden units dropped while training, 0 to below 1. The linear layer is then trained
            by gradient steps instead of the exact solver; the same holds for `mixup` and `early_stopping`.
        label_smoothing: share of the target that is spread over the labeled classes, 0 to below 1.
        mixup: alpha of the Beta distribution that mixes pairs of embeddings; 0 = none.
        early_stopping: choose the number of epochs on a fifth of the training labels (when every class has at least five
            labels, else by cross-validation over them), then train on all of them for that long.
        temperature: "cv" scales the finished logits by a temperature fitted on cross-validated training labels; at few
            labels it measured worse than "none", as the models it sees have fewer labels still.
        n_seeds: models per fit. They differ in what is random: start, noise, folds. The default head has nothing random,
            its seeds coincide and are computed once: training adds no noise to its gain.
        random_state: fixes every random choice; the same numbers on the same machine and thread count.
        device: "auto" (CUDA when there is one), "cpu" or "cuda".
        max_iter: Newton steps of the exact solver (None = 200) or epochs of gradient training (None = 100).
        tol: of the exact solver: about how far a logit may be from its optimum.

    Attributes:
        classes_: (n_classes,) the classes, in the order of the columns.
        n_features_in_: dim of the embeddings.
        seen_: (n_seen,) columns of the classes that have labels.
        unseen_mass_: probability that all classes without labels share, evenly.
        inverse_temperature_: (n_seeds,) what "cv" found; ones otherwise.
    """

    def __init__(
        self,
        *,
        classes: Sequence[Any] | None = None,
        hidden: int = 0,
        weight_decay: float = 0.01,
        class_balanced: bool = True,
        prototype: bool = True,
        dropout: float = 0.0,
        label_smoothing: float = 0.0,
        mixup: float = 0.0,
        early_stopping: bool = False,
        temperature: Temperature = "none",
        n_seeds: int = 3,
        random_state: int = 0,
        device: str = "auto",
        max_iter: int | None = None,
        tol: float = 1e-2,
    ) -> None:
        self.classes = classes
        self.hidden = hidden
        self.weight_decay = weight_decay
        self.class_balanced = class_balanced
        self.prototype = prototype
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        self.mixup = mixup
        self.early_stopping = early_stopping
        self.temperature = temperature
        self.n_seeds = n_seeds
        self.random_state = random_state
        self.device = device
        self.max_iter = max_iter
        self.tol = tol

    # ------------------------------------------------------------------ training

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803
        """Train from scratch.

        Args:
            X: (n, dim) unit-length embeddings.
            y: (n,) their classes.

        Returns:
            The head itself.

        Raises:
            ConfigError: a parameter that cannot be, or CUDA asked for where there is none.
            DataError: shapes that do not fit, values that are not finite, or a class outside `classes`.
        """
        self.check_params()
        device = self._device()
        embeddings = _embeddings(X)
        columns = self._columns(np.asarray(y), len(embeddings))
        self.n_features_in_ = embeddings.shape[1]
        self.seen_, labels = np.unique(columns, return_inverse=True)
        n_unseen = len(self.classes_) - len(self.seen_)
        self.unseen_mass_ = n_unseen / (len(labels) + len(self.classes_)) if n_unseen else 0.0
        seeds = [[self.random_state, seed] for seed in range(self.n_seeds)] if self._is_random() else [[0]]
        rows = torch.from_numpy(embeddings).to(device)
        fitted = self._train(rows, labels, np.ones((len(seeds), len(labels)), dtype=np.bool_), seeds)
        self.inverse_temperature_: NDArray[np.float64] = np.ones(self.n_seeds)
        if self.temperature == "cv" and len(self.seen_) > 1:
            self.inverse_temperature_ = self._cross_validated_temperatures(rows, labels)
        self._keep(fitted)
        return self

    def check_params(self) -> None:
        """Raise one `ConfigError` that names every parameter that cannot be."""
        rules: list[tuple[str, bool, str]] = [
            ("hidden", _is_whole(self.hidden) and self.hidden >= 0, "a whole number, 0 or more"),
            ("weight_decay", _is_real(self.weight_decay) and self.weight_decay > 0, "a number above 0"),
            ("class_balanced", isinstance(self.class_balanced, bool), "true or false"),
            ("prototype", isinstance(self.prototype, bool), "true or false"),
            ("dropout", _is_real(self.dropout) and 0 <= self.dropout < 1, "a number from 0 to below 1"),
            (
                "label_smoothing",
                _is_real(self.label_smoothing) and 0 <= self.label_smoothing < 1,
                "a number from 0 to below 1",
            ),
            ("mixup", _is_real(self.mixup) and self.mixup >= 0, "a number, 0 or more"),
            ("early_stopping", isinstance(self.early_stopping, bool), "true or false"),
            ("temperature", self.temperature in ("none", "cv"), '"none" or "cv"'),
            ("n_seeds", _is_whole(self.n_seeds) and self.n_seeds >= 1, "a whole number, 1 or more"),
            (
                "random_state",
                _is_whole(self.random_state) and self.random_state >= 0,
                "a whole number, 0 or more",
            ),
            ("device", self.device in ("auto", "cpu", "cuda"), '"auto", "cpu" or "cuda"'),
            (
                "max_iter",
                self.max_iter is None or (_is_whole(self.max_iter) and self.max_iter >= 1),
                "a whole number, 1 or more, or unset",
            ),
            ("tol", _is_real(self.tol) and self.tol > 0, "a number above 0"),
        ]
        wrong = [
            f"{name} = {getattr(self, name)!r} (must be {rule})" for name, right, rule in rules if not right
        ]
        if wrong:
            raise ConfigError(f"The head cannot be built: {'; '.join(wrong)}.")

    def _is_gradient(self) -> bool:
        return self.hidden > 0 or self.dropout > 0 or self.mixup > 0 or self.early_stopping

    def _is_random(self) -> bool:
        return self._is_gradient() or self.temperature == "cv"

    def _device(self) -> torch.device:
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ConfigError(
                'device = "cuda", but PyTorch finds no CUDA device here. '
                'Use device = "auto" or "cpu", or install a PyTorch with CUDA and its driver.'
            )
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return torch.device(self.device)

    def _columns(self, y: NDArray[Any], n: int) -> IntArray:
        """Sets `classes_`; the column of each label."""
        if y.shape != (n,):
            raise DataError(f"{n} embeddings need {n} labels in one dimension; y has the shape {y.shape}.")
        self.classes_ = np.unique(y) if self.classes is None else np.asarray(list(self.classes))
        column_of = {name: column for column, name in enumerate(self.classes_.tolist())}
        if len(column_of) < len(self.classes_):
            raise ConfigError(f"classes must differ from each other, got {self.classes_.tolist()}.")
        unknown = sorted({str(label) for label in y.tolist() if label not in column_of})
        if unknown:
            raise DataError(
                f"{len(unknown)} labels are not among the {len(column_of)} classes, first {unknown[0]!r}. "
                "Add them to `classes`, or mend the labels."
            )
        return np.array([column_of[label] for label in y.tolist()], dtype=np.int64)

    def _train(
        self, rows: Tensor, labels: IntArray, masks: BoolArray, seeds: Sequence[Sequence[int]]
    ) -> _Fit:
        """One model per training mask (n_models, n), each from its own seed."""
        n_classes = len(self.seen_)
        counts = np.stack([np.bincount(labels[mask], minlength=n_classes) for mask in masks])
        present = torch.from_numpy(counts > 0).to(rows.device)
        if n_classes == 1:
            zeros = torch.zeros(len(masks), 1, rows.shape[1], dtype=torch.float64, device=rows.device)
            return _Fit(linear=zeros, bias=zeros[..., 0], network=None)
        weights = torch.from_numpy(self._weights(labels, masks, counts)).to(rows.device)
        targets = self._targets(labels, counts > 0).to(rows.device)
        fit = self._train_layers(rows, labels, targets, weights, present, seeds)
        return self._with_prototypes(fit, rows, labels, masks) if self.prototype else fit

    def _train_layers(
        self,
        rows: Tensor,
        labels: IntArray,
        targets: Tensor,
        weights: Tensor,
        present: Tensor,
        seeds: Sequence[Sequence[int]],
    ) -> _Fit:
        absent = torch.where(present, 0.0, -torch.inf).double()
        if not self._is_gradient():
            # Two classes in scikit-learn are one row of weights, the difference of ours: half the decay it feels.
            decay = torch.where(present.sum(dim=1) == 2, 2.0, 1.0).double() * self.weight_decay
            steps = self.max_iter or _NEWTON_STEPS
            linear = fit_softmax_regression(
                rows, targets, weights, present, decay, tol=self.tol, max_iter=steps
            )
            return _Fit(linear=linear.weight, bias=linear.bias, network=None)
        stops = self._epochs(rows, labels, targets, weights, seeds) if self.early_stopping else None
        network = train_network(rows, targets, weights, self._recipe(), seeds, stop_after=stops)
        if self.hidden == 0:
            return _Fit(network.outer.transpose(1, 2).double(), network.outer_bias.double() + absent, None)
        nothing = torch.zeros(*present.shape, rows.shape[1], dtype=torch.float64, device=rows.device)
        return _Fit(linear=nothing, bias=absent, network=network)

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
        self, rows: Tensor, labels: IntArray, targets: Tensor, weights: Tensor, seeds: Sequence[Sequence[int]]
    ) -> list[int]:
        """Epochs at which the held-out log loss of each model is lowest."""
        y = torch.from_numpy(labels).to(rows.device)
        stops = []
        for model, seed in enumerate(seeds):
            trains = weights[model].cpu().numpy() > 0
            fold = np.full(len(labels), -1)
            n_folds = min(_FOLDS, int(trains.sum()))
            if n_folds < 2:
                stops.append(self._recipe().epochs)
                continue
            fold[trains] = stratified_folds(labels[trains], n_folds, [*seed, 1])
            fewest = np.bincount(labels[trains]).min(
                initial=len(labels), where=np.bincount(labels[trains]) > 0
            )
            parts = [0] if fewest >= _FOLDS else list(range(n_folds))
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
            stops.append(int(curves.sum(dim=1).argmin()) + 1)
        return stops

    def _with_prototypes(self, fit: _Fit, rows: Tensor, labels: IntArray, masks: BoolArray) -> _Fit:
        """The mean of the logits with those of the class means."""
        embeddings = rows.cpu().numpy()
        cosines = np.zeros((len(masks), len(self.seen_), rows.shape[1]))
        for model, mask in enumerate(masks):
            prototypes = fit_prototypes(embeddings[mask], labels[mask], len(self.seen_))
            cosines[model] = prototypes.sharpness * prototypes.means
        linear = 0.5 * (fit.linear + torch.from_numpy(cosines).to(rows.device))
        network = (
            None
            if fit.network is None
            else _scaled(fit.network, torch.full((len(masks),), 0.5, device=rows.device))
        )
        return _Fit(linear=linear, bias=0.5 * fit.bias, network=network)

    def _cross_validated_temperatures(self, rows: Tensor, labels: IntArray) -> NDArray[np.float64]:
        """(n_seeds,) inverse temperature of each seed on its own folds; ones while there are too few labels."""
        n_folds = min(_FOLDS, len(labels))
        if n_folds < 2:
            return np.ones(self.n_seeds)
        found = []
        for seed in range(self.n_seeds):
            fold = stratified_folds(labels, n_folds, [self.random_state, seed, 3])
            masks = fold != np.arange(n_folds)[:, None]
            fit = self._train(
                rows, labels, masks, [[self.random_state, seed, 4, part] for part in range(n_folds)]
            )
            logits = fit.logits(rows).cpu().numpy()[fold, np.arange(len(labels))]
            # A label whose class its fold had never seen says nothing about sharpness.
            known = np.isfinite(logits[np.arange(len(labels)), labels])
            found.append(
                fit_inverse_temperature(
                    logits[known], labels[known], start=1.0, pseudo_labels=0.0, bounds=_TEMPERATURE_BOUNDS
                )
            )
        return np.array(found)

    def _keep(self, fit: _Fit) -> None:
        """Store the models as float32 arrays, the temperature multiplied in; seeds that coincide are kept once."""
        inverse = torch.from_numpy(self.inverse_temperature_).to(fit.linear.device)
        if len(fit.linear) == 1 and not self._is_random():
            inverse = inverse[:1]
        scale = inverse[:, None, None]
        self.weight_: FloatArray = (scale * fit.linear).float().cpu().numpy()
        self.bias_: FloatArray = (inverse[:, None] * fit.bias).float().cpu().numpy()
        self.network_: dict[str, FloatArray] = {}
        if fit.network is not None and fit.network.inner is not None and fit.network.inner_bias is not None:
            network = _scaled(fit.network, inverse.float())
            self.network_ = {
                "inner": fit.network.inner.cpu().numpy(),
                "inner_bias": fit.network.inner_bias.cpu().numpy(),
                "outer": network.outer.cpu().numpy(),
                "outer_bias": network.outer_bias.cpu().numpy(),
            }

    # ------------------------------------------------------------------ predicting

    def predict_proba_seeds(self, X: ArrayLike) -> FloatArray:  # noqa: N803
        """Probs of every seed.

        Args:
            X: (n, dim) unit-length embeddings.

        Returns:
            (n_seeds, n, n_classes) float32, rows sum to 1.

        Raises:
            NotFittedError: before `fit`.
            DataError: another dim than in training, or values that are not finite.
        """
        probs = self._distinct_probs(X)
        return np.broadcast_to(probs, (self.n_seeds, *probs.shape[1:])).copy() if len(probs) == 1 else probs

    def predict_proba(self, X: ArrayLike) -> FloatArray:  # noqa: N803
        """Mean of the probs over seeds.

        Args:
            X: (n, dim) unit-length embeddings.

        Returns:
            (n, n_classes) float32, rows sum to 1, columns in the order of `classes_`.

        Raises:
            NotFittedError: before `fit`.
            DataError: another dim than in training, or values that are not finite.
        """
        probs = self._distinct_probs(X)
        mean: FloatArray = probs[0] if len(probs) == 1 else probs.mean(axis=0)
        return mean

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """(n,) the likeliest class of each row; see `predict_proba`."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[likeliest])

    def _distinct_probs(self, X: ArrayLike) -> FloatArray:  # noqa: N803
        """(n_seeds, n, n_classes), or (1, n, n_classes) when the seeds coincide."""
        check_is_fitted(self)
        embeddings = _embeddings(X, allow_empty=True)
        if embeddings.shape[1] != self.n_features_in_:
            raise DataError(
                f"the head was trained on embeddings of dim {self.n_features_in_}, got dim {embeddings.shape[1]}. "
                "Embed with the encoder of the training, or retrain."
            )
        device = self._device()
        weight, bias = (torch.from_numpy(part).to(device) for part in (self.weight_, self.bias_))
        network = (
            Network(**{k: torch.from_numpy(v).to(device) for k, v in self.network_.items()})
            if self.network_
            else None
        )
        unseen = np.setdiff1d(np.arange(len(self.classes_)), self.seen_)
        out = np.empty((len(weight), len(embeddings), len(self.classes_)), dtype=np.float32)
        for first in range(0, len(embeddings), _BLOCK):
            rows = torch.from_numpy(embeddings[first : first + _BLOCK]).to(device)
            logits = rows @ weight.transpose(1, 2) + bias[:, None, :]
            if network is not None:
                logits = logits + network.logits(rows)
            probs = torch.softmax(logits, dim=2).cpu().numpy()
            out[:, first : first + _BLOCK, self.seen_] = (1.0 - self.unseen_mass_) * probs
        if len(unseen):
            out[:, :, unseen] = self.unseen_mass_ / len(unseen)
        return out

    # ------------------------------------------------------------------ keeping

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """What a checkpoint needs: arrays, and values that JSON can hold.

        Raises:
            NotFittedError: before `fit`.
        """
        check_is_fitted(self)
        params = self.get_params()
        if self.classes is not None:
            params["classes"] = np.asarray(list(self.classes)).tolist()
        arrays: dict[str, NDArray[Any]] = {"weight": self.weight_, "bias": self.bias_, "seen": self.seen_}
        arrays["inverse_temperature"] = self.inverse_temperature_
        values = {
            "params": params,
            "classes": self.classes_.tolist(),
            "unseen_mass": self.unseen_mass_,
        }
        return {**arrays, **self.network_}, values

    @classmethod
    def from_state(cls, arrays: dict[str, NDArray[Any]], values: dict[str, Any]) -> Self:
        """The head whose `state` this is: the same probs, bit for bit."""
        params = dict(values["params"])
        if params["classes"] is not None:
            params["classes"] = tuple(params["classes"])
        head = cls(**params)
        head.check_params()
        head.classes_ = np.asarray(values["classes"])
        head.unseen_mass_ = float(values["unseen_mass"])
        head.weight_, head.bias_ = arrays["weight"], arrays["bias"]
        head.seen_, head.inverse_temperature_ = arrays["seen"], arrays["inverse_temperature"]
        head.network_ = {k: arrays[k] for k in ("inner", "inner_bias", "outer", "outer_bias") if k in arrays}
        head.n_features_in_ = head.weight_.shape[2]
        return head


def _scaled(network: Network, factor: Tensor) -> Network:
    """The network with its logits multiplied by one factor per model."""
    return Network(
        inner=network.inner,
        inner_bias=network.inner_bias,
        outer=factor[:, None, None] * network.outer,
        outer_bias=factor[:, None] * network.outer_bias,
    )


def _embeddings(values: ArrayLike, *, allow_empty: bool = False) -> FloatArray:
    array = np.ascontiguousarray(values, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] == 0 or (len(array) == 0 and not allow_empty):
        raise DataError(f"embeddings must have the shape (n, dim), none of them zero; got {array.shape}.")
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise DataError(f"{len(bad)} of {len(array)} embeddings are not finite; first is row {bad[0]}.")
    return array if array.flags.writeable else array.copy()


def _is_whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_real(value: object) -> bool:
    return _is_whole(value) or (isinstance(value, (float, np.floating)) and bool(np.isfinite(value)))
