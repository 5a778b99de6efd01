"""Whether the model can be trusted: the generalisation gap, and how sure it is against how often it is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypedDict

import numpy as np

from curator.evidence.metrics import BINS, Brier, CalibrationError, LogLoss, confidence_bins
from curator.ledger import queries
from curator.ledger.store import Row
from curator.views.report import words
from curator.views.report.figures import ACCENT, FAINT, INK, MUTED, Figure, axis, bars, layout, line
from curator.views.report.holdout import Holdout, with_interval
from curator.views.report.section import Campaign, Head, Section

_FEW = 5  # items of a bin: its interval says next to nothing, so it is drawn faintly
_AREA = 22.0  # pixels across the largest dot of the reliability diagram


# Answers that are about as sure: `items` of the mean training seed, with the 95% interval of the accuracy.
Bin = TypedDict(
    "Bin",
    {"from": float, "to": float, "confidence": float, "accuracy": float, "low": float, "high": float, "items": float},
)  # fmt: skip


class Calibration(TypedDict):
    """Calibration error, Brier score and log loss of the last round, as the ledger has them, and the bins."""

    ece: float | None
    brier: float | None
    log_loss: float | None
    items: int
    bins: list[Bin]


@dataclass(frozen=True)
class Fit(Section):
    """Its own is the calibration; None: the hold-out's probabilities are not there."""

    calibration: Calibration | None

    @classmethod
    def gather(cls, campaign: Campaign) -> Self:
        """Bin what the newest model said of the hold-out."""
        if campaign.holdout is None or not campaign.task.traits.calibration:
            return cls(None)
        found = queries.measures.holdout_values(campaign.ledger, campaign.last_round)
        return cls(
            {
                "ece": found.get(CalibrationError.name),
                "brier": found.get(Brier.name),
                "log_loss": found.get(LogLoss.name),
                "items": len(campaign.holdout.y),
                "bins": calibration_bins(campaign.holdout),
            }
        )

    def figures(self, head: Head) -> dict[str, Figure]:
        """The gap, and where there is a calibration the reliability diagram."""
        drawn = {"gap": gap(head.rounds, head.metric)} if head.rounds else {}
        return drawn | ({"reliability": reliability(self.calibration["bins"])} if self.calibration else {})


def calibration_bins(holdout: Holdout) -> list[Bin]:
    """Confidence against accuracy in equal bins, all training seeds together; empty bins are left out."""
    confidence = holdout.probs.max(axis=2).ravel().astype(np.float64)
    right = holdout.right_by_seed.ravel()
    bins = confidence_bins(confidence)
    rows: list[Bin] = []
    for i in np.unique(bins):
        inside = bins == i
        items = float(inside.sum() / len(holdout.probs))
        value = float(right[inside].mean())
        accuracy = with_interval(value, items)
        rows.append(
            {
                "from": float(i / BINS),
                "to": float((i + 1) / BINS),
                "confidence": float(confidence[inside].mean()),
                "accuracy": value,
                "low": accuracy["low"],
                "high": accuracy["high"],
                "items": items,
            }
        )
    return rows


def gap(rounds: Sequence[Row], metric: str) -> Figure:
    """The metric on the labels it learned from, cross-validated on them, and on the hold-out."""
    places = [row["labels"] for row in rounds]
    styles = {
        "train": ("training labels", MUTED, "dot"),
        "validation": ("cross-validated", INK, "dash"),
        "holdout": ("hold-out", ACCENT, "solid"),
    }
    traces = []
    for split, (name, color, dash) in styles.items():
        texts = [
            f"round {row['round']}, {name}: {words.share(row[split])}"
            for row in rounds
            if row[split] is not None
        ]
        at = [place for place, row in zip(places, rounds, strict=True) if row[split] is not None]
        values = [row[split] for row in rounds if row[split] is not None]
        trace = line(at, values, texts, name, color=color)
        trace["line"]["dash"] = dash
        traces.append(trace)
    x = axis("training labels") | {"tickformat": ",d", "rangemode": "tozero"}
    return {"data": traces, "layout": layout(x, axis(metric) | {"tickformat": ".0%"}, legend=True)}


def reliability(bins: Sequence[Bin]) -> Figure:
    """How often the model is right against how sure it is; on the diagonal the two are the same."""
    most = max(one["items"] for one in bins)
    diagonal = {
        "type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "hoverinfo": "skip",
        "line": {"color": MUTED, "width": 1, "dash": "dot"},
    }  # fmt: skip
    few = [one for one in bins if one["items"] < _FEW]
    many = [one for one in bins if one["items"] >= _FEW]
    sides = {"range": [-0.02, 1.02], "tickformat": ".0%"}
    return {
        "data": [
            diagonal,
            *(_dots(part, most, color) for part, color in ((few, FAINT), (many, ACCENT)) if part),
        ],
        "layout": layout(axis("how sure the model is") | sides, axis("how often it is right") | sides),
    }


def _dots(bins: Sequence[Bin], most: float, color: str) -> Figure:
    texts = [
        f"{words.share(one['confidence'], 0)} sure, {words.share(one['accuracy'], 0)} right "
        f"({words.share(one['low'], 0)} to {words.share(one['high'], 0)})<br>{one['items']:,.0f} items"
        for one in bins
    ]
    dots = line(
        [one["confidence"] for one in bins], [one["accuracy"] for one in bins], texts, "", color=color
    )
    dots |= {"mode": "markers", "error_y": bars(bins, "accuracy", "low", "high") | {"color": color}}
    dots["marker"]["size"] = [max(5.0, _AREA * float(np.sqrt(one["items"] / most))) for one in bins]
    return dots
