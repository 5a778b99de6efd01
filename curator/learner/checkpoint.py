"""One folder per trained model: `model.safetensors` and `model.json`, never pickles.

A head is its arrays and values (`HEADS`). A scikit-learn style estimator has no neutral form of its insides: what is kept is what it was
trained from (rows and labels), and it is trained again when loaded; a few of its probs are kept beside them, so
that a training which comes out differently (another version of a library, another machine) is noticed and said.
"""

import hashlib
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from curator.errors import CuratorError, LedgerError
from curator.learner.head import EmbeddingHead
from curator.learner.model import Model, SeededEstimator, build_estimator
from integrations.disk import write_through

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

_FORMAT = 1
_ARRAYS, _VALUES = "model.safetensors", "model.json"
_SAME_PROBS = 1e-4


class Head(Model, Protocol):
    """A model that is kept as it is."""

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays, and values that JSON can hold."""
        ...

    @classmethod
    def from_state(cls, arrays: dict[str, NDArray[Any]], values: dict[str, Any]) -> Self:
        """The head whose `state` this is: the same predictions, bit for bit.

        Raises:
            KeyError, TypeError, ValueError: it is not a state.
        """
        ...


# By the name that stands in model.json: another kind of label adds its head here.
HEADS: dict[str, type[Head]] = {"head": EmbeddingHead}


class RefitWarning(UserWarning):
    """A refitted estimator does not predict what the saved one did."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained model and what it was trained from.

    Attributes:
        model: ready to predict.
        train_rows: (n,) rows of the pool it was trained on.
        train_labels: (n, ...) their labels, as `Task.encode` has them.
        meta: what the caller stored beside it; looking up what is not there raises LedgerError.
    """

    model: Model
    train_rows: IntArray
    train_labels: NDArray[Any]
    meta: dict[str, Any]


def save_checkpoint(
    folder: Path,
    model: Model,
    *,
    train_rows: IntArray,
    train_labels: NDArray[Any],
    meta: dict[str, Any],
) -> None:
    """Write a trained model, all or nothing.

    The files are written beside the folder and renamed into place; a model saved there before, whole or torn by a
    kill, is replaced.

    Args:
        folder: where; its parent is made if need be.
        model: a trained head or seeded estimator.
        train_rows: (n,) rows of the pool it was trained on, in the order of `fit`.
        train_labels: (n, ...) their labels, as `Task.encode` has them.
        meta: anything JSON can hold.

    Raises:
        LedgerError: the model has values that JSON cannot hold, or the disk refuses.
    """
    arrays, values = _state(model)
    arrays = {**arrays, "train_rows": train_rows, "train_labels": train_labels}
    packed = save({key: np.ascontiguousarray(value) for key, value in arrays.items()})
    values = {**values, "format": _FORMAT, "arrays_sha256": hashlib.sha256(packed).hexdigest(), "meta": meta}
    try:
        text = json.dumps(values, indent=1, sort_keys=True)
    except (TypeError, ValueError) as exc:
        raise LedgerError(
            f"the model for {folder} cannot be saved: {exc}. Use plain values in its parameters."
        ) from exc
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            write_through(fresh / _ARRAYS, packed)
            write_through(fresh / _VALUES, text.encode())
            if folder.exists():
                shutil.rmtree(folder)
            fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as exc:
        raise LedgerError(
            f"the model cannot be saved to {folder}: {exc}. Free space or change the path, then run again."
        ) from exc


def load_checkpoint(folder: Path, take: Callable[[IntArray], FloatArray]) -> Checkpoint:
    """Read a trained model back.

    Args:
        folder: where `save_checkpoint` wrote it.
        take: embeddings (n, dim) of rows of the pool; called for a scikit-learn style estimator only, which is trained
            again.

    Returns:
        The model and what it was trained from. A head predicts bit for bit what it did.

    Raises:
        LedgerError: a file is missing, torn or not of this format; names it and the way out.
    """
    values = _read_values(folder / _VALUES)
    arrays = _read_arrays(folder / _ARRAYS, values)
    with _reading(folder / _VALUES):
        rows, labels, meta = (
            arrays.pop("train_rows"),
            arrays.pop("train_labels"),
            _meta(values, folder / _VALUES),
        )
        head = HEADS.get(values["kind"])
    embeddings = None if head is not None else take(rows)
    with _reading(folder / _VALUES):
        model: Model = (
            head.from_state(arrays, values["state"])
            if head is not None
            else _refit(folder, arrays["probes"], values, cast("FloatArray", embeddings), labels)
        )
        probs = model.predict_proba(np.zeros((1, model.n_features_in_), dtype=np.float32))
        if probs.shape != (1, model.n_outputs_) or not np.isfinite(probs).all():
            raise ValueError("its parts, which do not fit together")
    return Checkpoint(model=model, train_rows=rows, train_labels=labels, meta=meta)


def read_meta(folder: Path) -> dict[str, Any]:
    """What was stored beside a model, without loading the model.

    Raises:
        LedgerError: the file is missing, torn or not of this format; later, when a fact is looked up that is not in it.
    """
    values = _read_values(folder / _VALUES)
    with _reading(folder / _VALUES):
        return _meta(values, folder / _VALUES)


def _state(model: Model) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    if isinstance(model, SeededEstimator):
        return _estimator_state(model)
    kind = next((kind for kind, head in HEADS.items() if type(model) is head), None)
    if kind is None:
        raise LedgerError(f"a {type(model).__name__} cannot be saved: it is not among the heads.")
    arrays, values = cast("Head", model).state()
    return arrays, {"kind": kind, "state": values}


def _estimator_state(model: SeededEstimator) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    found = type(model.estimator)
    values = {
        "kind": "estimator",
        "name": f"{found.__module__}.{found.__qualname__}",
        "params": model.estimator.get_params(deep=False),
        "classes": model.classes_.tolist(),
        "n_seeds": model.n_seeds,
        "random_state": model.random_state,
    }
    return {"probes": model.probes_}, values


def _refit(
    folder: Path, probes: FloatArray, values: dict[str, Any], embeddings: FloatArray, labels: IntArray
) -> SeededEstimator:
    model = SeededEstimator(
        build_estimator(values["name"], values["params"]),
        classes=tuple(values["classes"]),
        n_seeds=values["n_seeds"],
        random_state=values["random_state"],
    )
    model.fit(embeddings, np.asarray(values["classes"])[labels])
    now = model.probes_
    apart = float(np.abs(now - probes).max(initial=0.0)) if now.shape == probes.shape else 1.0
    if apart > _SAME_PROBS:
        warnings.warn(
            f"the model of {folder} was trained again and differs from the saved one: probs are up to {apart:.2g} apart "
            "on its training rows, more than rounding explains. A library or the embeddings have changed since, or another "
            "processor's rounding led it elsewhere; its numbers in the ledger stand, and "
            "new scores come from the retrained model.",
            RefitWarning,
            stacklevel=3,
        )
    return model


class _Meta(dict[str, Any]):
    """What was stored beside a model; a fact that is missing is the file's fault, whoever looks it up."""

    def __init__(self, found: dict[str, Any], path: Path) -> None:
        super().__init__(found)
        self._path = path

    def __missing__(self, fact: str) -> Any:
        raise _broken(self._path, f"it lacks {fact!r}")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever goes wrong inside is the file's fault."""
    try:
        yield
    except CuratorError as exc:
        raise type(exc)(f"{path}: {exc}") from exc
    except Exception as exc:
        raise _broken(
            path, f"it lacks or garbles {' '.join(str(exc).split()) or type(exc).__name__}"
        ) from exc


def _meta(values: dict[str, Any], path: Path) -> dict[str, Any]:
    meta = values["meta"]
    if not isinstance(meta, dict):
        raise TypeError("what was stored beside it")
    return _Meta(meta, path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise _broken(path, f"it cannot be read ({exc.strerror})") from exc


def _read_values(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(_read(path))
    except (ValueError, RecursionError) as exc:
        raise _broken(path, f"it is not JSON ({exc})") from exc
    if not isinstance(values, dict) or values.get("format") != _FORMAT:
        raise _broken(path, f"it is not of format {_FORMAT}")
    return values


def _read_arrays(path: Path, values: dict[str, Any]) -> dict[str, NDArray[Any]]:
    packed = _read(path)
    if hashlib.sha256(packed).hexdigest() != values.get("arrays_sha256"):
        raise _broken(path, f"its content does not match {_VALUES}")
    try:
        arrays: dict[str, NDArray[Any]] = load(packed)
    except SafetensorError as exc:
        raise _broken(path, f"it is not a safetensors file ({exc})") from exc
    return arrays


def _broken(path: Path, why: str) -> LedgerError:
    return LedgerError(
        f"{path} is not a usable model: {why}. Remove the folder {path.parent} and run `curator round` again to "
        "retrain the model from the ledger's labels, or restore the folder from a backup."
    )
