"""Learn from past curves what the package ships: a prior over the families, and how curves went on.

    python tests/benchmarks/forecast/learn.py CURVES.csv

CURVES.csv is what `variants.py` writes, and any other curves with it. The shipped file was learnt from 945 campaigns on the
development sets: 445 of the kinds of `variants.py`, with further strategies and batch sizes on the unchanged sets, and 500 drawn
from the curves of `make bench-efficiency` (n_holdout added). Of a name like "banking77/sub4" the part before the stroke is the data set. Writes
curator/evidence/forecast/learnt.json, and left_out.json beside this file: the same for each data set, learnt without it and all its
variants, for the back-test.

Of the prior the weights of the atoms (shape, scatter, gain) maximise the mean log density of what came, given what was seen: density of
both over density of what was seen. Data sets count the same. A Kullback-Leibler penalty to the vague prior, few steps, and
5 % of the vague prior mixed in keep it from knowing its data sets too well.
"""

# ruff: noqa: T201  a script says how far it is

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from benchmarks.forecast import learn_past  # noqa: E402
from benchmarks.forecast.curves import Campaign, FloatArray, read_curves  # noqa: E402

from curator.evidence.forecast.families import Prior, error_now, weigh  # noqa: E402
from curator.evidence.forecast.learnt import FILE, LEARNT_FROM, Learnt, as_table  # noqa: E402
from curator.evidence.forecast.prior import vague_prior  # noqa: E402
from curator.evidence.forecast.seen import Seen  # noqa: E402

_GAINS = np.array([0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.37, 0.45])
_GAIN_SD = 0.06
_STEPS, _RATE, _PENALTY, _VAGUE = 150, 0.05, 0.02, 0.05
_SEEN = (4, 5, 6, 8, 10)
_PER_CURVE, _LATER = 2, 5


def start() -> Prior:
    """The vague prior on the atoms of the learnt one."""
    shapes = vague_prior().weights
    weights = np.repeat(shapes / len(_GAINS), len(_GAINS), axis=2)
    return Prior(weights, _GAINS, _GAIN_SD)


def examples(
    campaigns: list[Campaign], rng: np.random.Generator
) -> list[tuple[str, str, FloatArray, FloatArray]]:
    """(data set, variant, log evidence of all, of what was seen) of two cuts through each curve."""
    atoms = start()
    found = []
    for campaign in campaigns:
        labels, values = campaign.truth.labels, campaign.truth.values
        for m in rng.choice(_SEEN, _PER_CURVE, replace=False):
            if len(labels) <= m or labels[-1] / labels[m - 1] < 1.35:
                continue
            seen = Seen.of(labels[:m], values[:m], campaign.truth.n_holdout)
            later = np.flatnonzero((labels > 1.1 * seen.now) & (labels <= 8.01 * seen.now))
            marks = np.log(seen.now) + np.linspace(0.15, np.log(labels[later[-1]] / seen.now), _LATER)
            places = np.searchsorted(np.log(labels[later]), marks).clip(0, len(later) - 1)
            rows = np.concatenate((np.arange(m), np.unique(later[places])))
            whole = Seen.of(labels[rows], values[rows], seen.n_holdout)
            error = error_now(seen)
            both = weigh(whole.labels / seen.now, whole.values, whole.binomial, error, atoms).log_evidence
            before = weigh(seen.relative, seen.values, seen.binomial, error, atoms).log_evidence
            found.append((campaign.dataset.partition("/")[0], campaign.dataset, both, before))
    return found


def learn(rows: list[tuple[str, str, FloatArray, FloatArray]]) -> Prior:
    """Gradient steps (Adam) on the logarithms of the weights."""
    counts = learn_past.shares([row[0] for row in rows], [row[1] for row in rows])
    both, before = (_likelihoods([row[place] for row in rows]) for place in (2, 3))
    first = start().weights.ravel()
    logs, mean, square = np.log(first), np.zeros_like(first), np.zeros_like(first)
    for step in range(1, _STEPS + 1):
        weights = np.exp(logs - logs.max())
        weights /= weights.sum()
        gradient = weights * ((counts / (both @ weights)) @ both - (counts / (before @ weights)) @ before)
        away = np.log(np.maximum(weights, 1e-30)) - np.log(first)
        gradient -= _PENALTY * weights * (away - (weights * away).sum())
        mean, square = 0.9 * mean + 0.1 * gradient, 0.99 * square + 0.01 * np.square(gradient)
        logs += _RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
    mixed = (1 - _VAGUE) * weights + _VAGUE * first
    return Prior(mixed.reshape(start().weights.shape), _GAINS, _GAIN_SD)


def _likelihoods(logs: list[FloatArray]) -> FloatArray:
    table = np.array([log.ravel() for log in logs])
    return np.exp(table - table.max(axis=1, keepdims=True))


def main(path: Path) -> None:
    campaigns = read_curves(path)
    rows = examples(campaigns, np.random.default_rng(0))
    cuts = learn_past.examples(campaigns, np.random.default_rng(0))
    print(f"{len(rows)} examples of the prior, {len(cuts)} of how curves went on")

    def learnt_without(name: str) -> dict[str, Any]:
        prior = learn([row for row in rows if row[0] != name])
        return as_table(Learnt(prior, learn_past.learn([cut for cut in cuts if cut.dataset != name])))

    package = ROOT / "curator" / "money" / "forecast" / FILE
    package.write_text(json.dumps(learnt_without(""), separators=(",", ":")) + "\n", encoding="utf-8")
    left_out = {name: learnt_without(name) for name in LEARNT_FROM}
    beside = Path(__file__).with_name("left_out.json")
    beside.write_text(json.dumps(left_out, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
