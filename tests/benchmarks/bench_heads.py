"""Heads side by side at few labels per class: ours against scikit-learn, on the same labels.

    python tests/benchmarks/bench_heads.py DATA_DIR [--seeds 5] [--options]

DATA_DIR holds NAME/pool.jsonl and NAME/test.jsonl (one object with a "label" per line) and NAME/embeddings.npz (arrays
`pool` and `test`, unit-length rows). A seed draws a sub-pool (80 %, at most 3,000 items; 4,000 above 50 classes) and
labels from it: 2, 5 and 10 times the number of classes, at random or nearest to the centres of as many k-means
clusters. Up to 1,500 test items are measured. The table shows means over seeds and sets, in points.

The reference rows use scikit-learn and numpy alone.
"""

# ruff: noqa: T201  a benchmark prints its table

import argparse
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.preprocessing import normalize

from curator.learner.evaluation import expected_calibration_error
from curator.learner.head import EmbeddingHead

Head = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]


def logistic(*, balanced: bool, tol: float = 1e-3, max_iter: int = 300) -> Head:
    """scikit-learn's logistic regression, C = 100; a tight `tol` is what the exact head is compared with."""

    def probs(rows: np.ndarray, y: np.ndarray, test: np.ndarray, n_classes: int) -> np.ndarray:
        out = np.zeros((len(test), n_classes))
        if len(np.unique(y)) == 1:
            out[:, y[0]] = 1.0
            return out
        weight = "balanced" if balanced else None
        model = LogisticRegression(C=100, class_weight=weight, tol=tol, max_iter=max_iter).fit(rows, y)
        out[:, model.classes_] = model.predict_proba(test)
        return out

    return probs


def class_means(rows: np.ndarray, y: np.ndarray, test: np.ndarray, n_classes: int) -> np.ndarray:
    """Cosine to class means; the temperature minimises the plain leave-one-out log loss."""
    seen, labels = np.unique(y, return_inverse=True)
    sums = np.stack([rows[labels == c].sum(axis=0, dtype=np.float64) for c in range(len(seen))])
    scores = rows @ normalize(sums).T
    own = (rows * normalize(sums[labels] - rows)).sum(axis=1)
    alone = np.bincount(labels)[labels] == 1
    scores[np.arange(len(y)), labels] = np.where(alone, 0.0, own)

    def loss(log_t: float) -> float:
        return -np.log(np.maximum(_softmax(scores * np.exp(log_t))[np.arange(len(y)), labels], 1e-9)).mean()

    sharpness = np.exp(minimize_scalar(loss, bounds=(-2, 6), method="bounded").x)
    out = np.zeros((len(test), n_classes))
    out[:, seen] = _softmax(sharpness * (test @ normalize(sums).T))
    return out


def mean_of(*heads: Head) -> Head:
    """The arithmetic mean of several heads' probs."""
    return lambda *args: sum(head(*args) for head in heads) / len(heads)


def ours(**params: Any) -> Head:
    """The head of curator with these parameters."""

    def probs(rows: np.ndarray, y: np.ndarray, test: np.ndarray, n_classes: int) -> np.ndarray:
        return EmbeddingHead(classes=tuple(range(n_classes)), **params).fit(rows, y).predict_proba(test)

    return probs


HEADS: dict[str, Head] = {
    "sklearn lr C=100": logistic(balanced=False),
    "sklearn lr C=100 balanced": logistic(balanced=True),
    "sklearn lr C=100 + prototype": mean_of(logistic(balanced=False), class_means),
    "head (default)": ours(),
    "head, not balanced": ours(class_balanced=False),
    "head, no prototype": ours(prototype=False),
    "head, label_smoothing=0.05": ours(label_smoothing=0.05),
}
SLOW_HEADS: dict[str, Head] = {
    "head, temperature=cv": ours(temperature="cv"),
    "head, hidden=256": ours(hidden=256),
    "head, hidden=256 dropout=0.5": ours(hidden=256, dropout=0.5),
    "head, hidden=256 mixup=0.2": ours(hidden=256, mixup=0.2),
    "head, hidden=256 early_stopping": ours(hidden=256, early_stopping=True),
}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--options", action="store_true", help="also cross-validated temperature and hidden layers (slow)"
    )
    parser.add_argument("--selections", default="random,kmeans")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    heads = HEADS | (SLOW_HEADS if args.options else {})
    folders = [folder for folder in sorted(args.data.iterdir()) if (folder / "embeddings.npz").exists()]
    for selection in args.selections.split(","):
        found = defaultdict(list)
        for folder in folders:
            for rows, y, test, truth, n_classes, per_class in labeled(folder, args.seeds, selection):
                for name, head in heads.items():
                    start = time.perf_counter()
                    probs = head(rows, y, test, n_classes)
                    seconds = time.perf_counter() - start
                    found[name, per_class].append([*measures(probs, truth), 1000 * seconds])
        print_table(selection, heads, found)


def labeled(folder: Path, n_seeds: int, selection: str) -> Iterator[tuple[Any, ...]]:
    """Labeled rows, their classes, test rows, their classes, the number of classes and labels per class, of each seed and size."""
    arrays = np.load(folder / "embeddings.npz")
    names, y = np.unique(_labels(folder / "pool.jsonl"), return_inverse=True)
    test_labels = _labels(folder / "test.jsonl")
    known = np.isin(test_labels, names)
    truth = np.searchsorted(names, test_labels[known])[:1500]
    pool, test = arrays["pool"].astype(np.float32), arrays["test"].astype(np.float32)[known][:1500]
    for seed in range(n_seeds):
        size = min(int(0.8 * len(pool)), 4000 if len(names) > 50 else 3000)
        sub = np.random.default_rng([seed, 3]).choice(len(pool), size, replace=False)
        for per_class in (2, 5, 10):
            n = per_class * len(names)
            if selection == "random":
                chosen = np.random.default_rng([seed, 17, per_class]).choice(size, n, replace=False)
            else:
                chosen = (
                    KMeans(n, n_init=1, max_iter=10, random_state=seed)
                    .fit_transform(pool[sub])
                    .argmin(axis=0)
                )
            yield pool[sub][chosen], y[sub][chosen], test, truth, len(names), per_class


def measures(probs: np.ndarray, truth: np.ndarray) -> list[float]:
    """Accuracy, ECE and macro-F1 in points, log loss in nats."""
    guess = probs.argmax(axis=1)
    f1 = f1_score(truth, guess, labels=np.unique(truth), average="macro", zero_division=0)
    loss = -np.log(np.clip(probs[np.arange(len(truth)), truth], 1e-6, 1)).mean()
    return [100 * (guess == truth).mean(), 100 * expected_calibration_error(probs, truth), 100 * f1, loss]


def print_table(
    selection: str, heads: dict[str, Head], found: dict[tuple[str, int], list[list[float]]]
) -> None:
    """One line per head: each measure at 2, 5 and 10 labels per class."""
    print(f"\nlabels chosen by {selection}; each column at 2 / 5 / 10 labels per class")
    print("| head | accuracy | ECE | macro-F1 | log loss | ms |\n|---|---|---|---|---|---|")
    for name in heads:
        means = np.array([np.mean(found[name, per_class], axis=0) for per_class in (2, 5, 10)]).T
        digits = (1, 1, 1, 2, 0)
        cells = [" / ".join(f"{value:.{d}f}" for value in row) for row, d in zip(means, digits, strict=True)]
        print(f"| {name} | {' | '.join(cells)} |")


def _labels(path: Path) -> np.ndarray:
    return np.array([json.loads(line)["label"] for line in path.read_text(encoding="utf-8").splitlines()])


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    main()
