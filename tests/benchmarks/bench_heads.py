"""Heads side by side at few labels per class: ours against scikit-learn and label spreading, on the same labels.

    python tests/benchmarks/bench_heads.py DATA_DIR [--seeds 5] [--options] [--by-set]

DATA_DIR holds NAME/pool.jsonl and NAME/test.jsonl (one object with a "label" per line) and NAME/embeddings.npz (arrays
`pool` and `test`, unit-length rows). A seed draws a sub-pool (80 %, at most 3,000 items; 4,000 above 50 classes) and
labels from it: 2, 5 and 10 times the number of classes, at random, by MaxHerding or nearest to the centres of as many
k-means clusters. The rest of the sub-pool is what heads may learn from without labels. Up to 1,500 test items are
measured; they are not in the pool. The table shows means over seeds and sets, in points.

The reference rows use scikit-learn, scipy and numpy alone. Label spreading predicts a test item from its nearest items of
the pool, which a deployed head could not do without keeping the pool.
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
from scipy import sparse
from scipy.optimize import minimize_scalar
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.preprocessing import normalize

from curator.evidence.metrics import METRICS
from curator.learner.head import EmbeddingHead
from strategies import maxherding

# (labeled rows, their classes, test rows, number of classes, unlabeled rows) -> probs of the test rows
Head = Callable[[np.ndarray, np.ndarray, np.ndarray, int, np.ndarray], np.ndarray]


def logistic(*, balanced: bool, tol: float = 1e-3, max_iter: int = 300) -> Head:
    """scikit-learn's logistic regression, C = 100; a tight `tol` is what the exact head is compared with."""

    def probs(
        rows: np.ndarray, y: np.ndarray, test: np.ndarray, n_classes: int, _pool: np.ndarray
    ) -> np.ndarray:
        out = np.zeros((len(test), n_classes))
        if len(np.unique(y)) == 1:
            out[:, y[0]] = 1.0
            return out
        weight = "balanced" if balanced else None
        model = LogisticRegression(C=100, class_weight=weight, tol=tol, max_iter=max_iter).fit(rows, y)
        out[:, model.classes_] = model.predict_proba(test)
        return out

    return probs


def class_means(
    rows: np.ndarray, y: np.ndarray, test: np.ndarray, n_classes: int, _pool: np.ndarray
) -> np.ndarray:
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


def label_spreading(
    rows: np.ndarray, y: np.ndarray, test: np.ndarray, n_classes: int, pool: np.ndarray
) -> np.ndarray:
    """Spreading over the 15 nearest neighbours; a test item reads its 15 nearest items of the pool."""
    everyone = np.concatenate([rows, pool])
    near, ties = _nearest(everyone, everyone, skip_first=True)
    n = len(everyone)
    graph = sparse.csr_array((ties.ravel(), (np.repeat(np.arange(n), near.shape[1]), near.ravel())), (n, n))
    graph = graph.maximum(graph.T)
    scale = sparse.diags_array(1 / np.sqrt(np.maximum(graph.sum(axis=1), 1e-9)))
    graph = (scale @ graph @ scale).tocsr()
    start = np.zeros((n, n_classes))
    start[np.arange(len(y)), y] = 1 / np.bincount(y)[y]
    shares = start
    for _ in range(15):
        shares = 0.8 * (graph @ shares) + 0.2 * start
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-9)
    near, ties = _nearest(test, everyone, skip_first=False)
    out = np.einsum("nk,nkc->nc", ties, shares[near]) + 1e-3 / n_classes
    return out / out.sum(axis=1, keepdims=True)


def _nearest(queries: np.ndarray, rows: np.ndarray, *, skip_first: bool) -> tuple[np.ndarray, np.ndarray]:
    """The 15 nearest rows of each query and cubed cosines; `skip_first`: the queries are the rows."""
    cosines = queries @ rows.T
    if skip_first:
        np.fill_diagonal(cosines, -2)
    near = np.argpartition(-cosines, 15, axis=1)[:, :15]
    return near, np.maximum(np.take_along_axis(cosines, near, axis=1), 0) ** 3


def mean_of(*heads: Head) -> Head:
    """The arithmetic mean of several heads' probs."""
    return lambda *args: sum(head(*args) for head in heads) / len(heads)


def ours(**params: Any) -> Head:
    """The head of curator with these parameters."""

    def probs(
        rows: np.ndarray, y: np.ndarray, test: np.ndarray, n_classes: int, pool: np.ndarray
    ) -> np.ndarray:
        return EmbeddingHead(classes=tuple(range(n_classes)), **params).fit(rows, y, pool).predict_proba(test)

    return probs


HEADS: dict[str, Head] = {
    "sklearn lr C=100": logistic(balanced=False),
    "sklearn lr C=100 balanced": logistic(balanced=True),
    "sklearn lr C=100 + prototype": mean_of(logistic(balanced=False), class_means),
    "label spreading": label_spreading,
    "sklearn lr C=100 + label spreading": mean_of(logistic(balanced=False), label_spreading),
    "head (default)": ours(),
    "head, labels alone": ours(spreading=False),
}
SLOW_HEADS: dict[str, Head] = {
    "head, no prototype": ours(prototype=False),
    "head, labels alone, not balanced": ours(spreading=False, class_balanced=False),
    "head, labels alone, no prototype": ours(spreading=False, prototype=False),
    "head, labels alone, label_smoothing=0.05": ours(spreading=False, label_smoothing=0.05),
    "head, labels alone, temperature=cv": ours(spreading=False, temperature="cv"),
    "head, labels alone, hidden=256": ours(spreading=False, hidden=256),
    "head, labels alone, hidden=256 dropout=0.5": ours(spreading=False, hidden=256, dropout=0.5),
    "head, labels alone, hidden=256 mixup=0.2": ours(spreading=False, hidden=256, mixup=0.2),
    "head, labels alone, hidden=256 early_stopping": ours(spreading=False, hidden=256, early_stopping=True),
}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--options", action="store_true", help="also the options of the head, hidden layers among them (slow)"
    )
    parser.add_argument("--by-set", action="store_true", help="also the accuracy on each set")
    parser.add_argument("--selections", default="random,maxherding,kmeans")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    heads = HEADS | (SLOW_HEADS if args.options else {})
    folders = [folder for folder in sorted(args.data.iterdir()) if (folder / "embeddings.npz").exists()]
    for selection in args.selections.split(","):
        found = defaultdict(list)
        for folder in folders:
            for rows, y, test, truth, n_classes, per_class, pool in labeled(folder, args.seeds, selection):
                for name, head in heads.items():
                    start = time.perf_counter()
                    probs = head(rows, y, test, n_classes, pool)
                    seconds = time.perf_counter() - start
                    found[name, per_class].append([*measures(probs, truth), 1000 * seconds])
        print_table(selection, heads, found)
        if args.by_set:
            print_sets([folder.name for folder in folders], heads, found, args.seeds)


def labeled(folder: Path, n_seeds: int, selection: str) -> Iterator[tuple[Any, ...]]:
    """Labeled rows, their classes, test rows, theirs, number of classes, labels per class, the rest: each seed and size."""
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
            chosen = choose(pool[sub], per_class * len(names), selection, [seed, 17, per_class])
            rest = np.delete(pool[sub], chosen, axis=0)
            yield pool[sub][chosen], y[sub][chosen], test, truth, len(names), per_class, rest


def choose(pool: np.ndarray, n: int, selection: str, seed: list[int]) -> np.ndarray:
    """Positions of n items of the pool."""
    rng = np.random.default_rng(seed)
    if selection == "random":
        return rng.choice(len(pool), n, replace=False)
    if selection == "maxherding":
        return maxherding.select(pool, n, labeled=None, weights=None, rng=rng)
    centres = KMeans(n, n_init=1, max_iter=10, random_state=seed[0]).fit_transform(pool)
    return np.unique(centres.argmin(axis=0))


def measures(probs: np.ndarray, truth: np.ndarray) -> list[float]:
    """Accuracy, ECE and macro-F1 in points, log loss in nats."""
    guess = probs.argmax(axis=1)
    f1 = f1_score(truth, guess, labels=np.unique(truth), average="macro", zero_division=0)
    loss = -np.log(np.clip(probs[np.arange(len(truth)), truth], 1e-6, 1)).mean()
    return [100 * (guess == truth).mean(), 100 * METRICS["ece"].measure(probs, truth), 100 * f1, loss]


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


def print_sets(
    sets: list[str], heads: dict[str, Head], found: dict[tuple[str, int], list[list[float]]], n_seeds: int
) -> None:
    """One line per head: accuracy on each set, at 2, 5 and 10 labels per class."""
    print(f"\n| head | {' | '.join(sets)} |\n|---|{'---|' * len(sets)}")
    for name in heads:
        by_size = [
            np.array([row[0] for row in found[name, per_class]]).reshape(len(sets), n_seeds).mean(axis=1)
            for per_class in (2, 5, 10)
        ]
        cells = [" / ".join(f"{value:.1f}" for value in of_set) for of_set in zip(*by_size, strict=True)]
        print(f"| {name} | {' | '.join(cells)} |")


def _labels(path: Path) -> np.ndarray:
    return np.array([json.loads(line)["label"] for line in path.read_text(encoding="utf-8").splitlines()])


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    main()
