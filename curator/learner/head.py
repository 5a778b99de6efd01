"""The default model: a small head on frozen embeddings, sound from the first labels on.

What is trained by default is the weighted sum of the logits of up to five parts:

* a linear softmax layer, class-balanced, with scikit-learn's C = 100, solved to convergence (`training.py`);
* cosines to class means, read at a temperature fitted on left-out labels (`prototypes.py`);
* given unlabeled items of the pool: a softmax layer and class means that learn from what the labels spread over the
  neighbour graph (`pool_teacher.py`), and the vote of some of these items (`neighbour_vote.py`), weighed by left-out
  labels and dropped where these say so (`semi_supervised.py`).

Without the pool it is the mean of the first two. All but the vote are linear in the embedding, and so is their sum: one
matrix; the vote asks some 1,000 landmarks. Both score a pool of any size in blocks. Classes that nobody has labeled yet
share a small mass: Laplace's rule of succession, unseen / (labels + classes). tests/benchmarks/bench_heads.py measures
this against scikit-learn on five sets with 2, 5 and 10 labels per class; docs/measured/heads.md has the table and what else was
tried.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import fields
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
from curator.learner.neighbour_vote import NeighbourVote
from curator.learner.network import Network
from curator.learner.params import check_head_params
from curator.learner.parts import Layers
from curator.learner.semi_supervised import Spreading, alone, learn_from_pool
from curator.learner.threads import each_on_a_core, one_thread, torch_on_one_thread
from curator.learner.training import FOLDS, Training
from strategies.kernels.linear_head import LinearHead
from strategies.kernels.ties import likeliest

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
Temperature = Literal["none", "cv"]

_BLOCK = 4_096  # rows that one thread predicts at a time
_VOTE_ARRAYS = ("landmarks", "shares", "vote_scales")
_TEMPERATURE_BOUNDS = (0.2, 5.0)
# Up to these one thread trains: 1,000 labels of 77 classes took 14 core seconds with one, 41 with two on busy cores.
_FEW_LABELS = 10_000


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
        spreading: learn from unlabeled items too, when `fit` is given some.
        dropout: share of inputs and hidden units dropped while training, 0 to below 1. The linear layer is then trained
            by gradient steps instead of the exact solver; the same holds for `mixup` and `early_stopping`.
        label_smoothing: share of the target that is spread over the labeled classes, 0 to below 1.
        mixup: alpha of the Beta distribution that mixes pairs of embeddings; 0 = none.
        early_stopping: choose the number of epochs on a fifth of the training labels (when every class has at least five
            labels, else by cross-validation over them), then train on all of them for that long.
        temperature: "cv" scales the finished logits by a temperature fitted on cross-validated training labels; at few
            labels it measured worse than "none", as the models it sees have fewer labels still. Where the pool is learned
            from, left-out labels have set the temperature already, and this is not used.
        n_seeds: models per fit. They differ in what is random: start, noise, folds. The default head has nothing random,
            its seeds coincide and are computed once: training adds no noise to its gain.
        random_state: fixes every random choice: the same weights on the same machine, up to 10,000 labels for any number
            of threads.
        device: "auto" (CUDA when there is one), "cpu" or "cuda".
        max_iter: Newton steps of the exact solver (None = 200) or epochs of gradient training (None = 100).
        tol: of the exact solver: about how far a logit may be from its optimum.

    Attributes:
        classes_: (n_classes,) the classes, in the order of the columns.
        n_features_in_: dim of the embeddings.
        seen_: (n_seen,) columns of the classes that have labels.
        unseen_mass_: probability that all classes without labels share, evenly.
        inverse_temperature_: (n_seeds,) what "cv" found; ones otherwise.
        spreading_: whether the pool was learned from, why not, and the weights of the parts; None for a head that was
            saved before there was spreading.
        left_out_: (n, n_classes) float32 probs of the training labels, each by a model that did not see it; None where
            the pool was not looked at.
    """

    def __init__(
        self,
        *,
        classes: Sequence[Any] | None = None,
        hidden: int = 0,
        weight_decay: float = 0.01,
        class_balanced: bool = True,
        prototype: bool = True,
        spreading: bool = True,
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
        self.spreading = spreading
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

    def fit(self, X: ArrayLike, y: ArrayLike, pool: ArrayLike | None = None) -> Self:  # noqa: N803
        """Train from scratch.

        Args:
            X: (n, dim) unit-length embeddings.
            y: (n,) their classes.
            pool: (m, dim) unit-length embeddings of unlabeled items, best a random sample of them; time grows with m
                (10,000 are plenty). None: nothing is learned from the pool.

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
        unlabeled = None if pool is None else self._pool(pool)
        self.seen_, labels = np.unique(columns, return_inverse=True)
        n_unseen = len(self.classes_) - len(self.seen_)
        self.unseen_mass_ = n_unseen / (len(labels) + len(self.classes_)) if n_unseen else 0.0
        seeds = [[self.random_state, seed] for seed in range(self.n_seeds)] if self._is_random() else [[0]]
        rows = torch.from_numpy(embeddings).to(device)
        everything = np.ones((len(seeds), len(labels)), dtype=np.bool_)
        why_not = self._why_not(unlabeled)
        self.left_out_: FloatArray | None = None
        with one_thread() if len(labels) <= _FEW_LABELS else nullcontext():
            parts = self._training().fit(rows, labels, everything, seeds)
            if unlabeled is None or why_not:
                self.spreading_: Spreading | None = alone(parts, why_not)
            else:
                taught = learn_from_pool(self._training(), parts, rows, labels, unlabeled, self.random_state)
                parts, self.spreading_ = taught.parts, taught.spreading
                self.left_out_ = self._with_unseen(taught.left_out)
            self.inverse_temperature_: NDArray[np.float64] = np.ones(self.n_seeds)
            if self.temperature == "cv" and len(self.seen_) > 1 and not self.spreading_.used:
                self.inverse_temperature_ = self._cross_validated_temperatures(rows, labels)
        self._keep(parts.weighted_sum(self.spreading_.weights))
        return self

    def check_params(self) -> None:
        """Raise one `ConfigError` that names every parameter that cannot be."""
        check_head_params(self.get_params(deep=False))

    def _training(self) -> Training:
        return Training(**{field.name: getattr(self, field.name) for field in fields(Training)})

    def _is_random(self) -> bool:
        return self._training().by_gradient or self.temperature == "cv"

    def _pool(self, pool: ArrayLike) -> FloatArray:
        unlabeled = _embeddings(pool, allow_empty=True)
        if unlabeled.shape[1] != self.n_features_in_:
            raise DataError(
                f"the pool has embeddings of dim {unlabeled.shape[1]}, the labels have dim {self.n_features_in_}. "
                "Embed both with the same encoder."
            )
        return unlabeled

    def _with_unseen(self, left_out: NDArray[np.float64]) -> FloatArray:
        """Probs over all classes; those a fold had no label of share the mass that `unseen_mass_` would be there."""
        log_probs = np.full((len(left_out), len(self.classes_)), -np.inf)
        log_probs[:, self.seen_] = left_out
        unseen = np.isneginf(log_probs)
        n_unseen = unseen.sum(axis=1, keepdims=True)
        n_learned_from = len(left_out) * (1.0 - 1.0 / min(FOLDS, len(left_out)))
        mass = n_unseen / (n_learned_from + len(self.classes_))
        probs = np.where(unseen, mass / np.maximum(n_unseen, 1), (1.0 - mass) * np.exp(log_probs))
        return probs.astype(np.float32)

    def _why_not(self, unlabeled: FloatArray | None) -> str:
        """Why nothing can be learned from the pool; empty when it can."""
        if not self.spreading:
            return "spreading is turned off in the parameters of the model"
        if unlabeled is None or len(unlabeled) == 0:
            return "no unlabeled items were given"
        return "all labels are of one class" if len(self.seen_) == 1 else ""

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
                "Add them to `classes`, or fix the labels."
            )
        return np.array([column_of[label] for label in y.tolist()], dtype=np.int64)

    def _cross_validated_temperatures(self, rows: Tensor, labels: IntArray) -> NDArray[np.float64]:
        """(n_seeds,) inverse temperature of each seed on its own folds; ones while there are too few labels."""
        n_folds = min(FOLDS, len(labels))
        if n_folds < 2:
            return np.ones(self.n_seeds)
        found = []
        for seed in range(self.n_seeds):
            fold = stratified_folds(labels, n_folds, [self.random_state, seed, 3])
            masks = fold != np.arange(n_folds)[:, None]
            parts = self._training().fit(
                rows, labels, masks, [[self.random_state, seed, 4, part] for part in range(n_folds)]
            )
            fit = parts.weighted_sum(alone(parts, "").weights)
            logits = fit.logits(rows).cpu().numpy()[fold, np.arange(len(labels))]
            # A label whose class its fold had never seen says nothing about sharpness.
            known = np.isfinite(logits[np.arange(len(labels)), labels])
            found.append(
                fit_inverse_temperature(
                    logits[known], labels[known], start=1.0, pseudo_labels=0.0, bounds=_TEMPERATURE_BOUNDS
                )
            )
        return np.array(found)

    def _keep(self, fit: Layers) -> None:
        """Store the models as float32 arrays, the temperature multiplied in; seeds that coincide are kept once."""
        inverse = torch.from_numpy(self.inverse_temperature_).to(fit.linear.device)
        if len(fit.linear) == 1 and not self._is_random():
            inverse = inverse[:1]
        scale = inverse[:, None, None]
        self.weight_: FloatArray = (scale * fit.linear).float().cpu().numpy()
        self.bias_: FloatArray = (inverse[:, None] * fit.bias).float().cpu().numpy()
        self.network_: dict[str, FloatArray] = {}
        if fit.network is not None and fit.network.inner is not None and fit.network.inner_bias is not None:
            network = fit.network.scaled(inverse.float())
            self.network_ = {
                "inner": fit.network.inner.cpu().numpy(),
                "inner_bias": fit.network.inner_bias.cpu().numpy(),
                "outer": network.outer.cpu().numpy(),
                "outer_bias": network.outer_bias.cpu().numpy(),
            }
        # The vote comes with the pool, and then left-out labels have set the temperature: `inverse` is 1.
        self.vote_: dict[str, NDArray[Any]] = {}
        if fit.vote is not None:
            self.vote_ = {
                "landmarks": fit.vote.landmarks.cpu().numpy(),
                "shares": fit.vote.shares.cpu().numpy(),
                "vote_scales": np.array([fit.vote.sharpness, fit.vote.weight]),
            }

    def _vote(self, device: torch.device) -> NeighbourVote | None:
        if not self.vote_:
            return None
        landmarks, shares, scales = (torch.from_numpy(self.vote_[part]) for part in _VOTE_ARRAYS)
        landmarks, shares = landmarks.to(device), shares.to(device)
        sharpness, weight = scales.tolist()
        return NeighbourVote(landmarks, shares, sharpness, weight)

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
        return np.asarray(self.classes_[likeliest(self.predict_proba(X))])

    @property
    def n_outputs_(self) -> int:
        """A probability for each class."""
        return len(self.classes_)

    def linear_head(self) -> LinearHead | None:
        """What `predict_proba` computes as softmaxes of one matrix product.

        None where there is more to it: with a hidden layer, where neighbours vote, and with a single class.

        Raises:
            NotFittedError: before `fit`.
        """
        check_is_fitted(self)
        if self.network_ or self.vote_ or len(self.classes_) < 2:
            return None
        return LinearHead(self.weight_, self.bias_, self.seen_, len(self.classes_), self.unseen_mass_)

    def _distinct_probs(self, X: ArrayLike) -> FloatArray:  # noqa: N803
        """(n_seeds, n, n_classes), or (1, n, n_classes) when the seeds coincide."""
        check_is_fitted(self)
        embeddings = _embeddings(X, allow_empty=True)
        if embeddings.shape[1] != self.n_features_in_:
            raise DataError(
                f"the head was trained on embeddings of dim {self.n_features_in_}, got dim {embeddings.shape[1]}. "
                "Embed with the encoder used in training, or retrain."
            )
        device = self._device()
        weight, bias = (torch.from_numpy(part).to(device) for part in (self.weight_, self.bias_))
        network = (
            Network(**{k: torch.from_numpy(v).to(device) for k, v in self.network_.items()})
            if self.network_
            else None
        )
        vote = self._vote(device)
        unseen = np.setdiff1d(np.arange(len(self.classes_)), self.seen_)
        out = np.empty((len(weight), len(embeddings), len(self.classes_)), dtype=np.float32)

        def predict_block(first: int) -> None:
            rows = torch.from_numpy(embeddings[first : first + _BLOCK]).to(device)
            logits = rows @ weight.transpose(1, 2) + bias[:, None, :]
            if network is not None:
                logits = logits + network.logits(rows)
            if vote is not None:
                logits = logits + vote.logits(rows)
            probs = torch.softmax(logits, dim=2).cpu().numpy()
            out[:, first : first + _BLOCK, self.seen_] = (1.0 - self.unseen_mass_) * probs

        if len(embeddings) <= _BLOCK:  # a few rows are done before threads have started
            with torch_on_one_thread():
                predict_block(0)
        else:
            list(each_on_a_core(predict_block, range(0, len(embeddings), _BLOCK), device))
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
            "spreading": None if self.spreading_ is None else self.spreading_.to_json(),
        }
        if self.left_out_ is not None:
            arrays["left_out"] = self.left_out_
        return {**arrays, **self.network_, **self.vote_}, values

    @classmethod
    def from_state(cls, arrays: dict[str, NDArray[Any]], values: dict[str, Any]) -> Self:
        """The head whose `state` this is: the same probs, bit for bit.

        Raises:
            KeyError, TypeError, ValueError: it is not a state.
        """
        params = dict(values["params"])
        if params["classes"] is not None:
            params["classes"] = tuple(params["classes"])
        head = cls(**params)
        head.check_params()
        head.classes_ = np.asarray(values["classes"])
        head.unseen_mass_ = float(values["unseen_mass"])
        spreading = values.get("spreading")
        head.spreading_ = None if spreading is None else Spreading.from_json(spreading)
        head.weight_, head.bias_ = arrays["weight"], arrays["bias"]
        head.seen_, head.inverse_temperature_ = arrays["seen"], arrays["inverse_temperature"]
        head.network_ = {k: arrays[k] for k in ("inner", "inner_bias", "outer", "outer_bias") if k in arrays}
        head.vote_ = {k: arrays[k] for k in _VOTE_ARRAYS if k in arrays}
        head.left_out_ = arrays.get("left_out")
        head.n_features_in_ = head.weight_.shape[2]
        head._check_vote()
        return head

    def _check_vote(self) -> None:
        """Raise ValueError where the arrays of the vote are not those of one."""
        if not self.vote_:
            return
        shapes = {name: array.shape for name, array in self.vote_.items()}
        m = shapes.get("landmarks", (0,))[0]
        wanted = dict(zip(_VOTE_ARRAYS, ((m, self.n_features_in_), (m, len(self.seen_)), (2,)), strict=True))
        if m == 0 or shapes != wanted or not all(np.isfinite(array).all() for array in self.vote_.values()):
            raise ValueError(f"a vote of {shapes}, which do not fit together")


def _embeddings(values: ArrayLike, *, allow_empty: bool = False) -> FloatArray:
    array = np.ascontiguousarray(values, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] == 0 or (len(array) == 0 and not allow_empty):
        raise DataError(f"embeddings must have the shape (n, dim), none of them zero; got {array.shape}.")
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise DataError(f"{len(bad)} of {len(array)} embeddings are not finite; first is row {bad[0]}.")
    return array if array.flags.writeable else array.copy()
