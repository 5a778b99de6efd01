"""Many learning curves from few data sets, for learning the prior: subsets of classes, other encoders, heads, noise.

    python tests/benchmarks/forecast/variants.py DATA OUT.csv [SEEDS]

DATA is a folder of sets as `make bench-efficiency` takes it. Each variant is played with random labels and with one active
strategy per seed. OUT.csv has the columns of `make bench-forecast`; finished campaigns in it are not played again.
"""

# ruff: noqa: T201  a script says how far it is

import csv
import json
import os
import sys
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # read when numpy is imported; who imports this file keeps the threads there are
    os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from benchmarks.efficiency.contender import Moment  # noqa: E402
from benchmarks.efficiency.data import load  # noqa: E402
from benchmarks.efficiency.ours import strategy  # noqa: E402
from benchmarks.forecast.curves import COLUMNS  # noqa: E402
from sklearn.decomposition import TruncatedSVD  # noqa: E402
from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.naive_bayes import GaussianNB  # noqa: E402
from sklearn.neighbors import KNeighborsClassifier  # noqa: E402

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
# Joined by "+": subN = N random classes, one = one class against the rest, group = four random groups of classes,
# tfidf and pcaN = other encoders, noiseN = N % random labels, imb = classes of very unequal size, the rest a head.
VARIANTS: dict[str, tuple[str, ...]] = {
    "banking77": (
        "", "sub2", "sub4", "sub8", "sub15", "sub30", "group", "tfidf+sub10", "tfidf+sub25", "sub10+noise15", "sub20+imb",
        "sub10+knn", "sub15+nb", "pca24+sub20", "sub6+lr1", "one",
    ),
    "trec6": ("", "tfidf", "noise15", "imb", "knn", "nb", "pca16", "sub2", "sub3", "one", "lr1", "tfidf+one", "pca64"),
    "subj": ("", "tfidf", "noise20", "knn", "nb", "pca8", "pca64", "lr1", "imb", "tfidf+noise10"),
    "sms_spam": ("", "tfidf", "noise10", "knn", "nb", "pca8", "pca64", "lr1", "tfidf+knn"),
    "digits": ("", "sub2", "sub4", "sub7", "noise15", "knn", "nb", "pca8", "pca20", "one", "group", "imb"),
}  # fmt: skip
_ACTIVE = ("margin", "entropy", "uncertainty_herding")
_ROUNDS, _MOST_TEST, _MOST_POOL, _MOST_LABELS = 34, 3_000, 3_000, 1_700


class Head:
    """A classifier that gives every class a probability, those that it has not seen 0."""

    def __init__(self, name: str, n_classes: int) -> None:
        self.n_classes = n_classes
        self._name = name

    def fit(self, x: FloatArray, y: IntArray) -> None:
        self._classes = np.unique(y)
        strength = 1.0 if self._name == "lr1" else 100.0
        heads: dict[str, Any] = {
            "knn": KNeighborsClassifier(n_neighbors=min(5, len(y)), weights="distance"),
            "nb": GaussianNB(var_smoothing=1e-2),
        }
        head = heads.get(self._name) or LogisticRegression(C=strength, max_iter=300, tol=1e-3)
        self._fitted = head.fit(x, y) if len(self._classes) > 1 else None

    def predict_proba(self, x: FloatArray) -> FloatArray:
        probs = np.zeros((len(x), self.n_classes), np.float32)
        if self._fitted is None:
            probs[:, self._classes[0]] = 1.0
        else:
            found = self._fitted.predict_proba(x)
            probs[:, self._classes] = found / found.sum(axis=1, keepdims=True)
        return probs


def variant(folder: Path, name: str, recipe: str, seed: int) -> tuple[FloatArray, IntArray, str]:
    """Embeddings, classes and head of a variant; all items, pool and test together."""
    data = load(folder, name)
    x, y, head = np.concatenate((data.pool, data.test)), np.concatenate((data.labels, data.truth)), "lr"
    rng = np.random.default_rng([seed, zlib.crc32(f"{name}/{recipe}".encode())])
    for part in filter(None, recipe.split("+")):
        classes = int(y.max()) + 1
        if part == "tfidf":
            x = _tfidf(folder, name)
        elif part.startswith("pca"):
            centred = x - x.mean(axis=0)
            axes = np.linalg.svd(
                centred[rng.choice(len(x), min(2_000, len(x)), replace=False)], full_matrices=False
            )[2]
            x = _unit(centred @ axes[: int(part[3:])].T)
        elif part.startswith("sub") or part == "imb":
            kept = (
                np.sort(rng.choice(classes, min(int(part[3:]), classes), replace=False))
                if part != "imb"
                else None
            )
            sizes = np.geomspace(1, 0.08, classes)[rng.permutation(classes)]
            rows = np.isin(y, kept) if kept is not None else rng.random(len(y)) < sizes[y]
            x, y = x[rows], y[rows]
        elif part == "one":
            y = (y == rng.choice(np.flatnonzero(np.bincount(y) >= 60))).astype(np.int64)
        elif part == "group":
            y = rng.permutation(np.arange(classes) % 4)[y]
        elif part.startswith("noise"):
            wrong = rng.random(len(y)) < int(part[5:]) / 100
            y = np.where(wrong, rng.integers(0, classes, len(y)), y)
        else:
            head = part
    return x.astype(np.float32), np.unique(y, return_inverse=True)[1].astype(np.int64), head


def _tfidf(folder: Path, name: str) -> FloatArray:
    texts = [
        str(json.loads(line)["text"])
        for part in ("pool", "test")
        for line in (folder / name / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    counts = TfidfVectorizer(sublinear_tf=True, min_df=2, max_features=20_000).fit_transform(texts)
    return _unit(TruncatedSVD(100, random_state=0).fit_transform(counts))


def _unit(x: FloatArray) -> FloatArray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)


def play(folder: Path, name: str, recipe: str, how: str, seed: int) -> Iterator[tuple[int, float, int]]:
    """One campaign: (labels, accuracy, items it was measured on) of each model."""
    x, y, head_name = variant(folder, name, recipe, seed)
    n_classes = int(y.max()) + 1
    order = np.random.default_rng([seed, 7]).permutation(len(y))
    n_test = min(_MOST_TEST, len(y) // 2)
    test, pool = order[:n_test], order[n_test : n_test + _MOST_POOL]
    rng = np.random.default_rng([seed, 99, zlib.crc32(f"{name}/{recipe}/{how}".encode())])
    first, batch = max(20, 2 * n_classes), max(20, n_classes)
    labeled = rng.permutation(len(pool))[:first]
    head = Head(head_name, n_classes)
    for number in range(_ROUNDS):
        rows = np.sort(labeled)
        head.fit(x[pool[rows]], y[pool[rows]])
        right = head.predict_proba(x[test]).argmax(axis=1) == y[test]
        yield len(labeled), float(right.mean()), n_test
        # random labels need no model in between: far out, rounds are skipped
        steps = max(1, number // 6) if how == "random" else 1
        if len(labeled) + steps * batch > min(0.8 * len(pool), _MOST_LABELS):
            return
        moment = Moment(x[pool], labeled, y[pool[labeled]], head, n_classes, rng)
        labeled = np.concatenate((labeled, strategy(how)(moment, steps * batch))).astype(np.int64)


def main(folder: Path, out: Path, seeds: int) -> None:
    warnings.simplefilter("ignore")  # logistic regression stops after its 300 steps
    done = set()
    if out.exists():
        with out.open(newline="", encoding="utf-8") as file:
            done = {(row["dataset"], row["strategy"], row["seed"]) for row in csv.DictReader(file)}
    else:
        out.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    for seed in range(seeds):
        for name, recipes in VARIANTS.items():
            for recipe in recipes:
                for how in ("random", _ACTIVE[seed % len(_ACTIVE)]):
                    shown = f"{name}/{recipe or 'base'}"
                    if (shown, how, str(seed)) in done:
                        continue
                    points = [
                        f"{shown},{how},{seed},{labels},{value:.6f},{n_test}\n"
                        for labels, value, n_test in play(folder, name, recipe, how, seed)
                    ]
                    with out.open("a", encoding="utf-8") as file:
                        file.writelines(points)
                    print(shown, how, seed, len(points))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 3)
