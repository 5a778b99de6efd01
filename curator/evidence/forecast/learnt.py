"""What was learnt from past curves, as it is shipped: a prior over the families, and how curves went on."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from curator.evidence.forecast import past_curves, prior
from curator.evidence.forecast.families import Prior
from curator.evidence.forecast.past_curves import PastCurves

FILE = "learnt.json"
# The data sets whose simulated campaigns, and those of variants of them, the shipped file was learnt from.
LEARNT_FROM = ("banking77", "digits", "sms_spam", "subj", "trec6")


@dataclass(frozen=True)
class Learnt:
    """Made by `tests/benchmarks/forecast/learn.py`. It never stands alone: on data unlike those it knows it can be far off."""

    prior: Prior
    past: PastCurves


@cache
def shipped() -> Learnt:
    """What comes with the package."""
    return learnt_from(
        json.loads(files("curator.evidence.forecast").joinpath(FILE).read_text(encoding="utf-8"))
    )


def learnt_from(table: dict[str, Any]) -> Learnt:
    """As it is written."""
    return Learnt(prior.prior_from(table["prior"]), past_curves.past_from(table["past_curves"]))


def as_table(learnt: Learnt) -> dict[str, Any]:
    """The inverse of `learnt_from`."""
    return {"prior": prior.as_table(learnt.prior), "past_curves": past_curves.as_table(learnt.past)}
