"""W3 and W4: BADGE, TypiClust, ProbCover, ranked batch and facility location, 100 picks, beside every peer that is installed.

`CASES` names what can be measured, `measure` measures one of them in this process; a fresh process per case keeps the
peaks of memory apart. As a program it does that for all cases (PYTHONPATH is the root and its tests folder):

    OMP_NUM_THREADS=1 taskset -c 0 python -m benchmarks.speed.batch_selectors [--only W4]
"""

import argparse
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from benchmarks.speed.data import CLASSES, clustered, linear_head

PICKS = 100
_REPEAT_SECONDS = 3.0  # a case shorter than that is run three times
_STATUS = Path("/proc/self/status")

Prepared = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Case:
    """Something to measure.

    Attributes:
        name: workload, strategy, library.
        n: candidates.
        prepare: makes the data; what it returns is timed.
        package: that must be installed; None: ours.
    """

    name: str
    n: int
    prepare: Callable[[int], Prepared]
    package: str | None = None

    @property
    def installed(self) -> bool:
        """Whether it can run here."""
        return self.package is None or find_spec(self.package) is not None


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one case took.

    Attributes:
        core_seconds: processor time of all threads, the median of the runs.
        wall_seconds: the median of the runs.
        peak_gib: highest resident memory while it ran, the data and the imports in it.
    """

    name: str
    n: int
    core_seconds: float
    wall_seconds: float
    peak_gib: float


def measure(case: Case) -> Measurement:
    """Prepare and time one case: once, or three times when that is short (the first time compiles or loads)."""
    run = case.prepare(case.n)
    core: list[float] = []
    wall: list[float] = []
    _forget_peak()
    while len(core) < (4 if core and core[0] < _REPEAT_SECONDS else 1):
        cpu, clock = time.process_time(), time.perf_counter()
        run()
        core.append(time.process_time() - cpu)
        wall.append(time.perf_counter() - clock)
    warm = slice(1, None) if len(core) > 1 else slice(None)
    return Measurement(
        case.name, case.n, float(np.median(core[warm])), float(np.median(wall[warm])), _peak_gib()
    )


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak_gib() -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) / 2**20


def _predict(rows):
    weight, bias = linear_head()
    odds = rows @ weight.T + bias
    np.exp(odds, out=odds)
    odds /= odds.sum(axis=1, keepdims=True)
    return odds


def _split(n, labeled):
    rows = clustered(n + labeled)
    return rows[:n], rows[n:]


def _ours(name, labeled, n) -> Prepared:
    from strategies.registry import SELECTORS

    rows, known = _split(n, labeled)
    selector = SELECTORS[name]
    needed = {"predict": _predict, "uncertainty": 1.0 - _predict(rows).max(axis=1)}
    return lambda: selector.select(
        rows,
        PICKS,
        labeled=known if labeled else None,
        weights=None,
        rng=np.random.default_rng(0),
        **{need: needed[need] for need in selector.needs},
    )


class _Fitted:
    """A fitted classifier that gives probabilities worked out before."""

    def __init__(self, probs):
        self.probs = probs

    def predict_proba(self, _rows):
        return self.probs


class _Rows:
    """The least that small-text asks of a data set."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, positions):
        return _Rows(len(positions))


def _skactiveml(query, labeled, n) -> Prepared:
    rows, known = _split(n, labeled)
    y = np.full(n + labeled, np.nan)
    y[n:] = 0
    return partial(query, np.concatenate((rows, known)), y)


def _skactiveml_badge(n) -> Prepared:
    from skactiveml.base import SkactivemlClassifier
    from skactiveml.pool import Badge

    class Classifier(SkactivemlClassifier):
        def fit(self, X, y, sample_weight=None):  # noqa: N803  scikit-learn's names
            return self

        def predict_proba(self, X):  # noqa: N803
            return _predict(X)

    def query(rows, y):
        model = Classifier(classes=list(range(CLASSES)))
        return Badge(random_state=0).query(rows, y, model, fit_clf=False, batch_size=PICKS)

    return _skactiveml(query, 0, n)


def _skactiveml_typiclust(n) -> Prepared:
    from skactiveml.pool import TypiClust

    return _skactiveml(lambda rows, y: TypiClust(random_state=0).query(rows, y, batch_size=PICKS), 100, n)


def _skactiveml_probcover(n) -> Prepared:
    """With a radius that is given: to look for one costs it more."""
    from skactiveml.pool import ProbCover

    return _skactiveml(
        lambda rows, y: ProbCover(deltas=[0.75], random_state=0).query(rows, y, batch_size=PICKS), 100, n
    )


def _small_text_badge(n) -> Prepared:
    from small_text.integrations.pytorch.query_strategies import BADGE

    rows = clustered(n)
    probs = _predict(rows)
    empty = np.array([], dtype=int)
    return lambda: BADGE(CLASSES).sample(_Fitted(probs), _Rows(n), np.arange(n), empty, None, PICKS, rows)


def _modal_ranked_batch(n) -> Prepared:
    from modAL.batch import ranked_batch

    rows, known = _split(n, 1_000)
    uncertainty = 1.0 - _predict(rows).max(axis=1)
    learner = _Fitted(None)
    learner.on_transformed = False
    learner.X_training = known
    return lambda: ranked_batch(learner, rows, uncertainty, PICKS, metric="euclidean", n_jobs=None)


def _apricot(optimizer, n) -> Prepared:
    """With the metric of the yardstick; its similarity is the largest squared distance less the squared distance."""
    from apricot import FacilityLocationSelection

    def fit(rows, picks):
        return FacilityLocationSelection(picks, metric="euclidean", optimizer=optimizer).fit(rows).ranking

    rows = clustered(n)
    fit(rows[:200], 5)  # compiles
    return lambda: fit(rows, PICKS)


CASES = (
    Case("W3 BADGE curator", 5_000, partial(_ours, "badge", 0)),
    Case("W3 BADGE scikit-activeml", 5_000, _skactiveml_badge, "skactiveml"),
    Case("W3 BADGE small-text", 5_000, _small_text_badge, "small_text"),
    Case("W3 BADGE curator", 100_000, partial(_ours, "badge", 0)),
    Case("W3 BADGE curator, 1,000 labeled", 100_000, partial(_ours, "badge", 1_000)),
    Case("W3 TypiClust curator", 10_000, partial(_ours, "typiclust", 100)),
    Case("W3 TypiClust scikit-activeml", 10_000, _skactiveml_typiclust, "skactiveml"),
    Case("W3 TypiClust curator", 100_000, partial(_ours, "typiclust", 100)),
    Case("W3 ProbCover curator", 10_000, partial(_ours, "probcover", 100)),
    Case("W3 ProbCover scikit-activeml, radius given", 10_000, _skactiveml_probcover, "skactiveml"),
    Case("W3 ProbCover curator", 100_000, partial(_ours, "probcover", 100)),
    Case("W3 margin k-means curator", 100_000, partial(_ours, "margin_kmeans", 1_000)),
    Case("W3 DropQuery curator", 100_000, partial(_ours, "dropquery", 1_000)),
    Case("W4 ranked batch curator", 10_000, partial(_ours, "ranked_batch", 1_000)),
    Case("W4 ranked batch modAL", 10_000, _modal_ranked_batch, "modAL"),
    Case("W4 ranked batch curator", 100_000, partial(_ours, "ranked_batch", 1_000)),
    Case("W4 facility location curator", 10_000, partial(_ours, "facility_location", 0)),
    Case("W4 facility location apricot, lazy", 10_000, partial(_apricot, "lazy"), "apricot"),
    Case("W4 facility location apricot, two-stage", 10_000, partial(_apricot, "two-stage"), "apricot"),
    Case("W4 facility location curator", 100_000, partial(_ours, "facility_location", 0)),
)


def main() -> None:
    """Measure all cases, each in a process of its own, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=".", help="a pattern of case names")
    parser.add_argument("--case", type=int, help="the number of one case, measured in this process")
    options = parser.parse_args()
    if options.case is not None:
        warnings.simplefilter("ignore")  # of the peers
        found = measure(CASES[options.case])
        sys.stdout.write(
            f"{found.name:44} n={found.n:>9,} core {found.core_seconds:8.3f} s "
            f"wall {found.wall_seconds:8.3f} s peak {found.peak_gib:5.2f} GiB\n"
        )
        return
    for number, case in enumerate(CASES):
        if re.search(options.only, case.name) and case.installed:
            command = [sys.executable, "-m", "benchmarks.speed.batch_selectors", "--case", str(number)]
            done = subprocess.run(command, check=False, text=True, capture_output=True)
            last = done.stderr.strip().rpartition("\n")[2]
            sys.stdout.write(done.stdout or f"{case.name:44} n={case.n:>9,} fails: {last}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
