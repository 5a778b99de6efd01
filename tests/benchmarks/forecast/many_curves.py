"""Many learning curves of many kinds, for the back-test: other encoders, models, noise, classes and batches than one's own.

    python tests/benchmarks/forecast/many_curves.py OUT.csv DATA [DATA ...] [--seeds 1] [--part 0/2] [--minutes 25]

DATA is a folder of sets as `make bench-efficiency` takes it. Every set is played in every recipe that suits it, by the player of
`curator simulate`: with random labels, and with one of the active strategies. OUT.csv has the columns of `make
bench-forecast`, with the kind of the data and the macro-F1 beside them; finished campaigns in it are not played again.
"""

# ruff: noqa: T201  a script says how far it is

import argparse
import csv
import json
import os
import sys
import time
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # read when numpy is imported; who imports this file keeps the threads there are
    os.environ.update({"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"})
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from benchmarks.efficiency.data import load, set_names  # noqa: E402
from benchmarks.player import LOGISTIC  # noqa: E402
from sklearn.decomposition import TruncatedSVD  # noqa: E402
from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402

from curator.simulate.play import Plan, play  # noqa: E402
from curator.simulate.task import Task  # noqa: E402
from curator.tasks.single import SingleChoice  # noqa: E402

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
COLUMNS = ("dataset", "strategy", "seed", "labels", "accuracy", "n_holdout", "macro_f1", "kind")
KINDS = {
    "sentiment": ("phrase_polarity", "airline_tweets", "reddit_emotions", "subj"),
    "topics": ("newsgroups", "programming_titles", "product_titles", "clickbait"),
    "intents": ("banking77", "airline_intents", "assistant_intents"),
    "sentences": ("trec6", "abstract_sections"),
    "rare": ("sms_spam", "check_worthy", "forum_hate", "german_offence"),
    "images": ("digits", "simpsons", "chest_xray"),
}
# Joined by "+". Of the data: rpN = a random projection to N axes, tfidf = another encoder, noiseN = N % random labels, sub =
# half of the classes, imb = classes of very unequal size; the rest a model.
RECIPES = (
    "", "rp16", "noise10+rp64", "tfidf", "forest+rp32", "sub", "lr1", "noise20+rp32", "head", "imb", "knn", "rp4", "nb+rp64",
    "tfidf+noise20", "tfidf+lr1", "sub+rp24+knn",
)  # fmt: skip
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "lr": (LOGISTIC["model"], LOGISTIC["params"]),
    "lr1": (LOGISTIC["model"], {**LOGISTIC["params"], "C": 1.0}),
    "forest": ("sklearn:ensemble.RandomForestClassifier", {"n_estimators": 20, "min_samples_leaf": 2}),
    "knn": ("sklearn:neighbors.KNeighborsClassifier", {"n_neighbors": 5, "weights": "distance"}),
    "nb": ("sklearn:naive_bayes.GaussianNB", {"var_smoothing": 1e-2}),
    "head": ("head", {}),
}
_ACTIVE = ("auto", "margin", "coverage")
_SIZES = (300, 1_000)
_MOST_POOL, _POOL_SHARE, _MOST_TEST, _FEWEST_TEST = 1_600, 0.4, 3_000, 2_000
_ROUNDS, _ROUNDS_IF_SLOW, _MANY_CLASSES, _MOST_CLASSES_OF_HEAD = 32, 16, 10, 10


@dataclass(frozen=True)
class Variant:
    """What a recipe makes of a set: all items, which are dealt by the seed, and the model that is trained on them."""

    embeddings: FloatArray
    y: IntArray
    model: str


def variant(folder: Path, name: str, recipe: str, seed: int) -> Variant | None:
    """The set after a recipe; None where it cannot be followed."""
    x, y = _items(folder, name)
    model = "lr"
    rng = np.random.default_rng([seed, zlib.crc32(f"{name}/{recipe}".encode())])
    for part in filter(None, recipe.split("+")):
        classes = int(y.max()) + 1
        if part == "tfidf":
            if name in KINDS["images"]:
                return None
            x = _tfidf(folder, name)
        elif part.startswith("rp"):
            n = int(part[2:])
            if n >= x.shape[1]:
                return None
            x = _unit((x - x.mean(axis=0)) @ rng.standard_normal((x.shape[1], n)))
        elif part == "sub" or part == "imb":
            if classes < 4:
                return None
            kept = rng.permutation(classes)[: max(classes // 2, 2)]
            sizes = np.geomspace(1, 0.08, classes)[rng.permutation(classes)]
            rows = np.isin(y, kept) if part == "sub" else rng.random(len(y)) < sizes[y]
            x, y = x[rows], np.unique(y[rows], return_inverse=True)[1]
        elif part.startswith("noise"):
            wrong = rng.random(len(y)) < int(part[5:]) / 100
            y = np.where(wrong, rng.integers(0, classes, len(y)), y)
        else:
            model = part
    if model == "head" and int(y.max()) + 1 > _MOST_CLASSES_OF_HEAD:
        return None  # minutes a campaign
    return Variant(x.astype(np.float32), np.unique(y, return_inverse=True)[1].astype(np.int64), model)


@cache
def _items(folder: Path, name: str) -> tuple[FloatArray, IntArray]:
    data = load(folder, name)
    return np.concatenate((data.pool, data.test)), np.concatenate((data.labels, data.truth))


@cache
def _tfidf(folder: Path, name: str) -> FloatArray:
    data = load(folder, name)
    texts = {
        part: [json.loads(line) for line in (folder / name / f"{part}.jsonl").read_text("utf-8").splitlines()]
        for part in ("pool", "test")
    }
    known = {str(row["label"]) for row in texts["pool"]}
    kept = texts["pool"] + [row for row in texts["test"] if str(row["label"]) in known]
    assert len(kept) == len(data.pool) + len(data.test)
    counts = TfidfVectorizer(sublinear_tf=True, min_df=2, max_features=20_000).fit_transform(
        [str(row["text"]) for row in kept]
    )
    return _unit(TruncatedSVD(100, random_state=0).fit_transform(counts))


def _unit(x: FloatArray) -> FloatArray:
    return (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def play_curve(
    name: str, found: Variant, how: str, number: int, seed: int
) -> Iterator[tuple[int, int, float, float]]:
    """One campaign: (labels, hold-out items, accuracy, macro-F1) of each model and hold-out; these are nested."""
    n, n_classes = len(found.y), int(found.y.max()) + 1
    order = np.random.default_rng([seed, 7]).permutation(n)
    n_pool = min(_MOST_POOL, int(_POOL_SHARE * n))
    test, pool = order[n_pool:][:_MOST_TEST], np.sort(order[:n_pool])
    sizes = [*(s for s in _SIZES if s == _SIZES[0] or len(test) >= _FEWEST_TEST), len(test)]
    slow = found.model in ("head", "forest") or n_classes > _MANY_CLASSES or how != "random"
    rounds = _ROUNDS_IF_SLOW if slow else _ROUNDS
    batch = (10, 20, 40)[number % 3] * (1 if n_classes <= 10 else 2)
    batch = min(max(batch, n_classes // 2), int(0.85 * n_pool / (rounds + 1)))
    model, params = MODELS[found.model]
    classes = tuple(map(str, range(n_classes)))
    task = Task(
        name, found.embeddings[pool], found.y[pool], found.embeddings[test], found.y[test], classes,
        np.ones(n_pool, dtype=np.int64),
    )  # fmt: skip
    plan = Plan(
        seed_batch=max(batch * (1 + number // 3 % 2), 2 * n_classes), batch=batch, rounds=rounds, strategy=how,
        seed_strategy="random" if how == "random" else "maxherding", model=model, params=params,
        model_seeds=1, random_share=0.0 if how == "random" else 0.1,
    )  # fmt: skip
    for played in play(task, plan, seed):
        probs = np.asarray(played.model.predict_proba(task.holdout))
        for size in sizes:
            measured = SingleChoice(classes).evaluate(probs[:size], task.holdout_y[:size]).values
            yield played.labels, size, measured["accuracy"], measured["macro_f1"]


def campaigns(folders: list[Path], seeds: int) -> Iterator[tuple[Path, str, str, str, str, int, int]]:
    """(folder, kind, set, recipe, strategy, number, seed): recipe by recipe, so that a stopped call has some of every set."""
    kinds = {name: kind for kind, names in KINDS.items() for name in names}
    number = 0
    for seed in range(seeds):
        for place, recipe in enumerate(RECIPES):
            for at, (folder, name) in enumerate((f, n) for f in folders for n in set_names(f)):
                for how in ("random", _ACTIVE[(seed + place + at) % len(_ACTIVE)]):
                    yield folder, kinds.get(name, name), name, recipe, how, number, seed
                number += 1


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--part", default="0/1", help="of the campaigns, for several processes: 0/2 and 1/2")
    parser.add_argument("--minutes", type=float, default=np.inf)
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # logistic regression stops after its 300 steps
    part, parts = (int(n) for n in given.part.split("/"))
    done = set()
    if given.out.exists():
        with given.out.open(newline="", encoding="utf-8") as file:
            done = {(row["dataset"], row["strategy"], row["seed"]) for row in csv.DictReader(file)}
    else:
        given.out.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    begun = time.monotonic()
    for folder, kind, name, recipe, how, number, seed in campaigns(given.data, given.seeds):
        shown = f"{name}/{recipe or 'base'}"
        if number % parts != part or (shown, how, str(seed)) in done:
            continue
        if time.monotonic() - begun > 60 * given.minutes:
            break
        found = variant(folder, name, recipe, seed)
        if found is None:
            continue
        at = time.monotonic()
        rows = [
            f"{shown},{how},{seed},{labels},{accuracy:.6f},{size},{macro_f1:.6f},{kind}\n"
            for labels, size, accuracy, macro_f1 in play_curve(name, found, how, number, seed)
        ]
        with given.out.open("a", encoding="utf-8") as file:
            file.writelines(rows)
        print(f"{shown} {how} {seed}: {time.monotonic() - at:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
