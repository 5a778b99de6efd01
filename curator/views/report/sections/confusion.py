"""What is taken for what: the confusion matrix and the most frequent mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypedDict

import numpy as np

from curator.views.report.figures import ACCENT, PAPER, Figure, axis, layout, quoted
from curator.views.report.holdout import Holdout, IntArray
from curator.views.report.section import Campaign, Head, Section
from curator.views.report.words import cut

MOST_CLASSES = 100  # of a confusion matrix; more than that nobody can read
MOST_CONFUSIONS = 30
_NAME = 60  # characters of a class beside the pointer
_TICK = 22  # characters of a class beside an axis
_MOST_TICKS = 40  # classes that an axis can name
_MOST_COUNTS = 12  # classes whose cells have room for a number


class Mistake(TypedDict):
    """How many `items` of a class, `of` how many, were taken for another."""

    true: str
    predicted: str
    items: int
    of: int


class Matrix(TypedDict):
    """`counts[true][predicted]` of the classes shown, how many are `left_out`, and the most frequent mistakes."""

    classes: list[str]
    left_out: int
    counts: list[list[int]]
    top: list[Mistake]


@dataclass(frozen=True)
class Confusion(Section):
    """None: the hold-out's probabilities are not there, or no class is taken for another."""

    confusion: Matrix | None

    @classmethod
    def gather(cls, campaign: Campaign) -> Self:
        """Of the hold-out as the newest model saw it."""
        holdout, task = campaign.holdout, campaign.task
        if holdout is None or not task.traits.confusion:
            return cls(None)
        return cls(confusion_matrix(holdout, task.classes))

    def is_shown(self, head: Head) -> bool:
        """Where there is a matrix."""
        return bool(head.rounds) and self.confusion is not None

    def figures(self, head: Head) -> dict[str, Figure]:  # noqa: ARG002
        """The matrix."""
        return {"confusion": heatmap(self.confusion)} if self.confusion else {}


def confusion_matrix(holdout: Holdout, classes: tuple[str, ...]) -> Matrix:
    """How often each class was taken for each, by the mean over training seeds.

    Returns:
        `classes` shown (those with most mistakes where there are too many), `counts[true][predicted]`, and `top`: the
        most frequent mistakes.
    """
    n = len(classes)
    counts = np.bincount(holdout.y * n + holdout.predicted, minlength=n * n).reshape(n, n)
    wrong = counts - np.diag(np.diag(counts))
    shown: IntArray = np.arange(len(classes))
    if len(classes) > MOST_CLASSES:
        mistakes = wrong.sum(axis=0) + wrong.sum(axis=1)
        shown = np.sort(np.argsort(-mistakes, kind="stable")[:MOST_CLASSES])
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSIONS]
    pairs = [divmod(int(at), len(classes)) for at in order if wrong.ravel()[at]]
    return {
        "classes": [classes[i] for i in shown],
        "left_out": len(classes) - len(shown),
        "counts": counts[np.ix_(shown, shown)].tolist(),
        "top": [
            {
                "true": classes[true],
                "predicted": classes[guess],
                "items": int(wrong[true, guess]),
                "of": int(counts[true].sum()),
            }
            for true, guess in pairs
        ],
    }


def heatmap(matrix: Matrix) -> Figure:
    """Rows are what items are, columns what they were taken for, shades the share of the row."""
    names = _distinct([cut(name, _NAME) for name in matrix["classes"]])
    counts = np.array(matrix["counts"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    heat = {
        "type": "heatmap",
        "x": names,
        "y": names,
        "z": np.round(shares, 4).tolist(),
        "customdata": counts.tolist(),
        "hovertemplate": "is %{y}<br>taken for %{x}: %{customdata:,}<extra></extra>",
        "colorscale": [[0, PAPER], [1, ACCENT]],
        "zmin": 0,
        "zmax": 1,
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
    }
    if len(names) <= _MOST_COUNTS:
        heat |= {
            "text": [[f"{n:,}" if n else "" for n in row] for row in counts.tolist()],
            "texttemplate": "%{text}",
        }
    shown = len(names) <= _MOST_TICKS
    ticks = {
        "type": "category",
        "tickvals": list(range(len(names))) if shown else [],
        "ticktext": [quoted(cut(name, _TICK)) for name in matrix["classes"]] if shown else [],
        "showgrid": False,
    }
    plane = layout(
        axis("taken for") | ticks | {"tickangle": -45 if max(map(len, names)) > 3 else 0},
        axis("is") | ticks | {"autorange": "reversed"},
    )
    return {"data": [heat], "layout": plane}


def _distinct(names: Sequence[str]) -> list[str]:
    """Names to show as categories, of which there must be no two alike."""
    shown: dict[str, None] = {}
    for i, name in enumerate(names):
        shown[quoted(name if quoted(name) not in shown else f"{name} ({i + 1})")] = None
    return list(shown)
