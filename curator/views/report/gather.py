"""Everything the report says, as plain values: gathered once, written as JSON and drawn as a page."""

from dataclasses import asdict, dataclass
from typing import Any

from curator import __version__
from curator.amounts import MICRO
from curator.errors import DataError
from curator.evidence.holdout_size import TARGET_GAIN
from curator.ledger import queries
from curator.ledger.store import Ledger, Row, utc_now
from curator.money.verdict import gain_word
from curator.pool.problems import listed
from curator.project.project import Project
from curator.views.report.holdout import FEWEST, Holdout, load_holdout
from curator.views.report.outlook import read_forecast
from curator.views.report.section import Campaign, Facts, Head, Section
from curator.views.report.sections import SECTIONS


@dataclass(frozen=True)
class Report:
    """A campaign as it stands: what all sections refer to, and the sections in the order of the page."""

    head: Head
    sections: tuple[Section, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as the page, for programs."""
        parts = [asdict(part) for part in (self.head, *self.sections)]  # type: ignore[call-overload]
        return {name: value for part in parts for name, value in part.items()}


def gather(project: Project) -> Report:
    """Read ledger, pool and the newest model's hold-out probabilities; nothing is changed.

    What is missing, in a young campaign or after a loss, is said in `missing`; the rest is there.
    """
    comparisons = queries.measures.comparisons_by(project.ledger, project.config.holdout.metric)
    measured = measured_rounds(project.ledger, comparisons)
    head = Head(
        project=_facts(project, measured),
        missing=_not_yet(project, measured),
        rounds=measured,
        forecast=read_forecast(project, measured),
        written_at=utc_now(),
        curator=__version__,
    )
    campaign = Campaign(project, head, comparisons, _holdout(project, head))
    return Report(head, tuple(section.gather(campaign) for section in SECTIONS))


def measured_rounds(ledger: Ledger, comparisons: list[Row]) -> list[Row]:
    """One row per measured round: what it cost, the metric on each split, the gain and the gain per unit of currency.

    Args:
        ledger: of the campaign.
        comparisons: rounds against earlier ones, each with its verdict; where there is none, the interval gives the word.
    """
    words = {(row["round"], row["previous"]): row["verdict"] for row in comparisons}
    splits = queries.measures.values_by_split(ledger)
    rows = []
    for row in queries.measures.gain_table(ledger):
        split = splits.get((row["round"], row["metric"]), {})
        facts = queries.rounds.round_by_number(ledger, row["round"]) or {}
        gain = queries.measures.gains_row(ledger, row["round"]) or {}
        per_dollar = _per_dollar(row)
        said = words.get((row["round"], gain.get("previous")))
        rows.append(
            row
            | {name: facts.get(name) for name in ("strategy", "measured_at", "holdout_items", "partial")}
            | {name: gain.get(name) for name in ("previous", "mcnemar_b", "mcnemar_c", "mcnemar_p")}
            | {name: split.get(name) for name in ("train", "validation", "holdout", "generalisation_gap")}
            | {
                "per_dollar_low": per_dollar[0],
                "per_dollar_high": per_dollar[1],
                "verdict": said or gain_word(row),
            }
        )
    return rows


def _per_dollar(row: Row) -> tuple[float | None, float | None]:
    """The ends of the gain's interval over the same, exact cost."""
    if row["gain_per_dollar"] is None:
        return None, None
    return row["gain_low"] * MICRO / row["cost"], row["gain_high"] * MICRO / row["cost"]


def _facts(project: Project, measured: list[Row]) -> Facts:
    ledger, config = project.ledger, project.config
    metric, share = project.task.metrics[config.holdout.metric], project.task.by_item
    current = queries.rounds.current_round(ledger)
    progress = None if current is None else queries.questions.progress(ledger, current["id"])
    return {
        "name": config.project.name,
        "kind": config.project.kind,
        "classes": len(config.project.classes),
        "task": project.task.kind,
        "metric": metric.name,
        "is_share_right": metric.paired == "mcnemar",
        "share_right": "share right" if share is None else share.title,
        "currency": config.cost.currency,
        "items": project.pool.n_items,
        "labels": len(queries.labels.training_labels(ledger)),
        "holdout_items": len(queries.holdout.holdout_ids(ledger)),
        "holdout_labeled": len(queries.holdout.holdout_labels(ledger)),
        "round": measured[-1]["round"] if measured else 0,
        "looks": queries.measures.count_looks(ledger),
        "seeds": config.model.seeds,
        "fewest_items": FEWEST,
        "target_gain": TARGET_GAIN,
        "open_round": None
        if current is None or progress is None
        else {"round": current["id"], "asked": progress.asked, "answered": progress.answered},
    }


def _not_yet(project: Project, measured: list[Row]) -> list[str]:
    """What a campaign has to go through before there is more to show."""
    if measured:
        return []
    current = queries.rounds.current_round(project.ledger)
    if current is None and not queries.rounds.last_round_id(project.ledger):
        return ["No round has been opened yet: `curator round` sends the hold-out and the first batch."]
    if current is None:
        return ["No round could be measured yet: see `curator status`."]
    progress = queries.questions.progress(project.ledger, current["id"])
    answered = f"{progress.answered:,} of {progress.asked:,} questions of round {current['id']} are answered"
    return [f"No round has been measured yet: {answered}. `curator round` trains and measures when they are."]


def _holdout(project: Project, head: Head) -> Holdout | None:
    if not head.rounds:
        return None
    try:
        found = load_holdout(project, head.project["round"])
    except DataError as exc:
        head.missing.append(f"No calibration, slices, confusions or errors: {exc}")
        return None
    traits = project.task.traits
    parts = {
        "calibration": traits.calibration,
        "precision and recall": traits.class_table,
        "confusions": traits.confusion,
    }
    absent = [part for part, there in parts.items() if not there]
    if absent:
        head.missing.append(
            f"No {listed(absent)}: there is no such thing for labels that are {project.task.summary}."
        )
    return found
