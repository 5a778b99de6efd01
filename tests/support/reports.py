"""Campaigns for the tests of the report: hostile texts, metadata columns, several annotators; quick to run."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
from support.projects import CLASSES, edit_config, make_project

from curator.project.project import Project
from curator.rounds.run import run_round
from curator.views.report.gather import Report
from curator.views.report.holdout import load_holdout
from curator.views.report.section import Section

S = TypeVar("S", bound=Section)
SCRIPT = "<script>window.hacked = true</script>"
BREAKOUT = "</script><img src=x onerror='window.hacked = true'>"
EVIL_CLASS = "red <b>&amp; %{x}</script>"
TEXTS = (
    SCRIPT,
    BREAKOUT,
    "שלום עולם, this ends in English \u202e and turns around",
    "😀👩‍👩‍👧 emoji, and a NUL:\x07",
    "long " * 4000,
    "w" * 5000,
    "\"quotes\" 'single' {{ 7 * 7 }} {% raw %} \u2028 line",
)


def write_hostile(path: Path, n: int = 240) -> Path:
    """Clusters with a metadata column of few values, one of numbers, one of many values, and texts of the worst kind."""
    rng = np.random.default_rng(5)
    centres = np.random.default_rng(99).normal(size=(len(CLASSES), 16))
    names = (*CLASSES[:2], EVIL_CLASS)
    with path.open("w", encoding="utf-8") as file:
        for i in range(n):
            y = int(rng.integers(3))
            row = {
                "id": f"item-{i:04d}",
                "text": f"{TEXTS[i % len(TEXTS)]} number {i}",
                "label": names[y],
                "embedding": [round(float(v), 5) for v in centres[y] + 1.3 * rng.normal(size=16)],
                "source": ["mail", SCRIPT, ""][i % 3],
                "age": str(int(rng.integers(1000))),
                "session": f"s-{i}",
            }
            file.write(json.dumps(row) + "\n")
    return path


def campaign(folder: Path, calls: int, **options: Any) -> Path:
    """A project after so many calls of `curator round`, with a quick model; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    options.setdefault("data", write_hostile(folder / "pool.jsonl"))
    if "show" not in options and options["data"].name == "pool.jsonl":
        options["show"] = ("source", "age", "session")
    make_project(folder, **{"batch": 12, "holdout": "80", "strategy": "margin"} | options)
    quick_model(folder)
    with Project(folder) as project:
        for _ in range(calls):
            run_round(project)
    return folder


def quick_model(folder: Path) -> None:
    """A logistic regression of two seeds stands in for the head: a round takes a second."""
    edit_config(folder, 'name = "head"', 'name = "sklearn:sklearn.linear_model.LogisticRegression"')
    edit_config(folder, "seeds = 3", "seeds = 2")


def accuracy_by_hand(project: Project, round_id: int) -> float:
    """The accuracy that the kept probabilities amount to."""
    found = load_holdout(project, round_id)
    return float(np.mean([(probs.argmax(axis=1) == found.y).mean() for probs in found.probs]))


def told(report: Report) -> SimpleNamespace:
    """What a report says, by the names of its JSON."""
    return SimpleNamespace(**report.as_json())


def section(report: Report, kind: type[S]) -> S:
    """One section of a report."""
    (found,) = [part for part in report.sections if isinstance(part, kind)]
    return found
