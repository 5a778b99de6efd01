"""W3: BADGE, TypiClust, ProbCover and others that cluster. W4: ranked batch and facility location. 100 picks each."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from benchmarks.speed.case import NAIVE, OURS, Case, Prepared
from benchmarks.speed.data import CLASSES, clustered, linear_head
from benchmarks.speed.peers import Given, Rows, skactiveml_classifier, unlabeled_y

PICKS = 100


def _predict(rows: np.ndarray) -> np.ndarray:
    weight, bias = linear_head()
    odds = rows @ weight.T + bias
    np.exp(odds, out=odds)
    odds /= odds.sum(axis=1, keepdims=True)
    return odds


def _uncertainty(rows: np.ndarray) -> np.ndarray:
    return 1.0 - _predict(rows).max(axis=1)


def _split(n: int, labeled: int) -> tuple[np.ndarray, np.ndarray]:
    rows = clustered(n + labeled)
    return rows[:n], rows[n:]


def _ours(name: str, labeled: int, n: int) -> Prepared:
    from strategies.registry import SELECTORS

    rows, known = _split(n, labeled)
    selector = SELECTORS[name]
    needed = {"predict": _predict, "uncertainty": _uncertainty(rows)}

    def run() -> Any:
        return selector.select(
            rows,
            PICKS,
            labeled=known if labeled else None,
            weights=None,
            rng=np.random.default_rng(0),
            **{need: needed[need] for need in selector.needs},
        )

    return Prepared(run)


def _numpy_badge(n: int) -> Prepared:
    """k-means++ on the two factors of the gradients, a pass over the pool per pick."""
    rows = clustered(n)

    def run() -> list[int]:
        rng = np.random.default_rng(0)
        residuals = _predict(rows)
        residuals[np.arange(n), residuals.argmax(axis=1)] -= 1.0
        squares = np.square(rows).sum(axis=1) * np.square(residuals).sum(axis=1)
        picks = [int(squares.argmax())]
        nearest = np.full(n, np.inf, dtype=np.float32)
        while len(picks) < PICKS:
            last = picks[-1]
            gaps = squares + squares[last] - 2.0 * (rows @ rows[last]) * (residuals @ residuals[last])
            np.minimum(nearest, np.maximum(gaps, 0.0), out=nearest)
            nearest[picks] = 0.0
            picks.append(int(rng.choice(n, p=nearest / nearest.sum(dtype=np.float64))))
        return picks

    return Prepared(run)


def _numpy_ranked_batch(n: int) -> Prepared:
    """A pass over the pool per pick."""
    rows, known = _split(n, 1_000)
    uncertainty = _uncertainty(rows)

    def run() -> list[int]:
        nearest = (rows @ known.T).max(axis=1)
        picks: list[int] = []
        for _ in range(PICKS):
            alpha = (n - len(picks)) / (n + len(known))
            similarity = 1.0 / (1.0 + np.sqrt(np.maximum(2.0 - 2.0 * nearest, 0.0)))
            scores = alpha * (1.0 - similarity) + (1.0 - alpha) * uncertainty
            scores[picks] = -1.0
            picks.append(int(scores.argmax()))
            np.maximum(nearest, rows @ rows[picks[-1]], out=nearest)
        return picks

    return Prepared(run)


def _numpy_facility_location(n: int) -> Prepared:
    """Every gain anew at every pick, on the kernel of all pairs."""
    rows = clustered(n)

    def run() -> list[int]:
        kernel = np.maximum(rows @ rows.T, 0.0)
        covered = np.zeros(n, dtype=np.float32)
        picks: list[int] = []
        for _ in range(PICKS):
            picks.append(int(np.maximum(kernel, covered).sum(axis=1).argmax()))
            np.maximum(covered, kernel[picks[-1]], out=covered)
        return picks

    return Prepared(run)


def _skactiveml_badge(n: int) -> Prepared:
    from skactiveml.pool import Badge

    rows, y = clustered(n), unlabeled_y(n)
    model = skactiveml_classifier(_predict, CLASSES)
    return Prepared(lambda: Badge(random_state=0).query(rows, y, model, fit_clf=False, batch_size=PICKS))


def _skactiveml(make: Callable[[], Any], n: int) -> Prepared:
    """One that needs no model, with 100 labeled."""
    rows = clustered(n + 100)
    y = unlabeled_y(n + 100, slice(n, None))
    return Prepared(lambda: make().query(rows, y, batch_size=PICKS))


def _skactiveml_typiclust() -> Any:
    from skactiveml.pool import TypiClust

    return TypiClust(random_state=0)


def _skactiveml_probcover() -> Any:
    from skactiveml.pool import ProbCover

    return ProbCover(deltas=[0.75], random_state=0)  # to look for a radius costs it more


def _small_text_badge(n: int) -> Prepared:
    from small_text.integrations.pytorch.query_strategies import BADGE

    rows = clustered(n)
    model = Given(_predict(rows))
    empty = np.array([], dtype=int)
    return Prepared(lambda: BADGE(CLASSES).sample(model, Rows(n), np.arange(n), empty, None, PICKS, rows))


def _modal_ranked_batch(n: int) -> Prepared:
    from modAL.batch import ranked_batch

    rows, known = _split(n, 1_000)
    uncertainty = _uncertainty(rows)
    learner: Any = Given(None)
    learner.on_transformed = False
    learner.X_training = known
    return Prepared(lambda: ranked_batch(learner, rows, uncertainty, PICKS, metric="euclidean", n_jobs=None))


def _apricot(optimizer: str, n: int) -> Prepared:
    """Its similarity is the largest squared distance less the squared distance."""
    from apricot import FacilityLocationSelection

    rows = clustered(n)
    return Prepared(
        lambda: FacilityLocationSelection(PICKS, metric="euclidean", optimizer=optimizer).fit(rows).ranking
    )


_BESIDE_PEERS = (2_500, 10_000)
_LARGE = (10_000, 100_000)
_SOON = 300  # items of a first run that would otherwise take as long as the one that is measured


def _alone(workload: str, task: str, name: str, labeled: int) -> Case:
    return Case(workload, task, OURS, _LARGE, partial(_ours, name, labeled))


_TYPICLUST, _PROBCOVER = "TypiClust, 100 labeled", "ProbCover, 100 labeled"
_RANKED, _FACILITY = "ranked batch, 1,000 labeled", "facility location"
CASES = (
    Case("W3", "BADGE", OURS, (2_500, 5_000, 100_000), partial(_ours, "badge", 0)),
    Case("W3", "BADGE", NAIVE, (2_500, 5_000, 100_000), _numpy_badge),
    Case("W3", "BADGE", "scikit-activeml", (2_500, 5_000), _skactiveml_badge, "skactiveml", _SOON),
    Case("W3", "BADGE", "small-text", (2_500, 5_000), _small_text_badge, "small_text", _SOON),
    _alone("W3", "BADGE, 1,000 labeled", "badge", 1_000),
    Case("W3", _TYPICLUST, OURS, (*_BESIDE_PEERS, 100_000), partial(_ours, "typiclust", 100)),
    Case(
        "W3",
        _TYPICLUST,
        "scikit-activeml",
        _BESIDE_PEERS,
        partial(_skactiveml, _skactiveml_typiclust),
        "skactiveml",
    ),
    Case("W3", _PROBCOVER, OURS, (*_BESIDE_PEERS, 100_000), partial(_ours, "probcover", 100)),
    Case(
        "W3",
        _PROBCOVER,
        "scikit-activeml, radius given",
        _BESIDE_PEERS,
        partial(_skactiveml, _skactiveml_probcover),
        "skactiveml",
    ),
    _alone("W3", "margin k-means, 1,000 labeled", "margin_kmeans", 1_000),
    _alone("W3", "DropQuery, 1,000 labeled", "dropquery", 1_000),
    Case("W4", _RANKED, OURS, (*_BESIDE_PEERS, 100_000), partial(_ours, "ranked_batch", 1_000)),
    Case("W4", _RANKED, NAIVE, (*_BESIDE_PEERS, 100_000), _numpy_ranked_batch),
    Case("W4", _RANKED, "modAL", _BESIDE_PEERS, _modal_ranked_batch, "modAL"),
    Case("W4", _FACILITY, OURS, (*_BESIDE_PEERS, 100_000), partial(_ours, "facility_location", 0)),
    Case("W4", _FACILITY, NAIVE, _BESIDE_PEERS, _numpy_facility_location),
    Case("W4", _FACILITY, "apricot, lazy", _BESIDE_PEERS, partial(_apricot, "lazy"), "apricot"),
    Case("W4", _FACILITY, "apricot, two-stage", _BESIDE_PEERS, partial(_apricot, "two-stage"), "apricot"),
)
