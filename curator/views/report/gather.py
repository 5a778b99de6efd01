"""Everything the report says, as plain values: gathered once, written as JSON and drawn as a page."""

from dataclasses import asdict, dataclass
from typing import Any

from curator import __version__
from curator.errors import CuratorError, DataError
from curator.evidence.holdout_size import TARGET_GAIN
from curator.evidence.metrics import Brier, CalibrationError, LogLoss
from curator.ledger import queries
from curator.ledger.store import Row, utc_now
from curator.money import savings
from curator.pool.problems import listed
from curator.project.project import Project
from curator.rounds import advice
from curator.rounds.agreement import agreement_text, read_agreement
from curator.views.report import money, outlook, people, picks, quality
from curator.views.report.holdout import Holdout, load_holdout
from curator.views.report.pool_map import pool_map
from curator.views.report.slices import slices
from curator.views.report.words import cut
from integrations.errors import IntegrationError

MOST_ERRORS = 40  # of the hold-out, in the table beside the map
_LONGEST = 280  # characters of a text
_OF_PROBABILITIES = (CalibrationError.name, Brier.name, LogLoss.name)


@dataclass(frozen=True)
class Report:
    """A campaign as it stands. Amounts are micro-units of the currency; shares and metrics are 0-1."""

    project: dict[str, Any]
    missing: list[str]  # what cannot be shown yet or any more, and why
    last: Row | None  # the last measured round
    against: list[Row]  # the last round against earlier ones, the nearest first
    spend: dict[str, Any]
    forecast: dict[str, Any] | None
    stop: dict[str, Any] | None
    savings: Row | None
    live_pool: dict[str, Any] | None  # accuracy on the live pool, by the random share of the last batches
    rounds: list[Row]  # measured rounds
    slope: list[dict[str, Any]] | None
    calibration: dict[str, Any] | None
    classes: list[dict[str, Any]]
    slices: list[dict[str, Any]]
    slices_left_out: list[str]  # columns that are no slices, and why
    confusion: dict[str, Any] | None
    errors: list[dict[str, Any]]
    map: dict[str, Any] | None
    annotators: list[dict[str, Any]]
    agreement: dict[
        str, Any
    ]  # of all of them: shared items, on how many people differ, alpha, and that in a sentence
    batch: picks.Batch | None
    written_at: str
    curator: str = __version__

    def as_json(self) -> dict[str, Any]:
        """The same as the page, for programs."""
        return asdict(self)


def gather(project: Project) -> Report:
    """Read ledger, pool and the newest model's hold-out probabilities; nothing is changed.

    What is missing, in a young campaign or after a loss, is said in `missing`; the rest is there.
    """
    ledger, config, task = project.ledger, project.config, project.task
    comparisons = queries.measures.comparisons_by(ledger, config.holdout.metric)
    measured = money.rounds(ledger, comparisons)
    missing = _not_yet(project, measured)
    holdout = _holdout(project, measured, missing)
    items = project.pool.items(holdout.rows) if holdout else []
    by_slice, left_out = slices(items, holdout.right) if holdout else ([], [])
    last_round = measured[-1]["round"] if measured else 0
    return Report(
        project=_project(project, measured, holdout),
        missing=missing,
        last=money.last(measured),
        against=[row for row in comparisons if row["round"] == last_round],
        spend=money.spend(ledger, config),
        forecast=outlook.forecast(project, measured),
        stop=advice.current(project),
        savings=savings.current(ledger),
        live_pool=outlook.live_pool(ledger, project.task),
        rounds=measured,
        slope=money.slope(ledger, measured, config.project.seed),
        calibration=_calibration(project, holdout, last_round),
        classes=quality.per_class(ledger, last_round, task) if measured and task.traits.class_table else [],
        slices=by_slice,
        slices_left_out=left_out,
        confusion=quality.confusion(holdout, task.classes) if holdout and task.traits.confusion else None,
        errors=_errors(project, holdout) if holdout else [],
        map=_map(project, holdout, missing),
        annotators=people.annotators(ledger, project.task),
        agreement=_agreement(project),
        batch=picks.last_batch(project),
        written_at=utc_now(),
    )


def _agreement(project: Project) -> dict[str, Any]:
    found = read_agreement(project.ledger, project.task)
    return {
        "shared": found.shared,
        "differ": found.differ,
        "alpha": found.alpha,
        "text": agreement_text(found),
    }


def _project(project: Project, measured: list[Row], holdout: Holdout | None) -> dict[str, Any]:
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
        "chance": None if holdout is None else project.task.chance(metric.name, holdout.y),
        "currency": config.cost.currency,
        "items": project.pool.n_items,
        "labels": len(queries.labels.training_labels(ledger)),
        "holdout_items": len(queries.holdout.holdout_ids(ledger)),
        "holdout_labeled": len(queries.holdout.holdout_labels(ledger)),
        "round": measured[-1]["round"] if measured else 0,
        "looks": queries.measures.count_looks(ledger),
        "seeds": config.model.seeds,
        "fewest_items": quality.FEWEST,
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


def _holdout(project: Project, measured: list[Row], missing: list[str]) -> Holdout | None:
    if not measured:
        return None
    try:
        found = load_holdout(project, measured[-1]["round"])
    except DataError as exc:
        missing.append(f"No calibration, slices, confusions or errors: {exc}")
        return None
    traits = project.task.traits
    parts = {
        "calibration": traits.calibration,
        "precision and recall": traits.class_table,
        "confusions": traits.confusion,
    }
    absent = [part for part, there in parts.items() if not there]
    if absent:
        missing.append(
            f"No {listed(absent)}: there is no such thing for labels that are {project.task.summary}."
        )
    return found


def _calibration(project: Project, holdout: Holdout | None, round_id: int) -> dict[str, Any] | None:
    if holdout is None or not project.task.traits.calibration:
        return None
    found = queries.measures.holdout_values(project.ledger, round_id)
    values = {metric: found.get(metric) for metric in _OF_PROBABILITIES}
    return values | {"items": len(holdout.y), "bins": quality.calibration(holdout)}


def _errors(project: Project, holdout: Holdout) -> list[dict[str, Any]]:
    """The most confident mistakes, to be read: wrong models and wrong labels are both found there."""
    at = quality.errors(holdout)[:MOST_ERRORS]
    task, words = project.task, project.task.form.words
    true, predicted = task.decode(holdout.y[at]), task.suggestions(holdout.mean_probs[at])
    return [
        {
            "item_id": holdout.ids[i],
            "content": cut(content, _LONGEST),
            "true": words(label),
            "predicted": words(answer),
            "confidence": confidence,
        }
        for i, content, label, (answer, confidence) in zip(
            at, project.pool.contents(holdout.rows[at]), true, predicted, strict=True
        )
    ]


def _map(project: Project, holdout: Holdout | None, missing: list[str]) -> dict[str, Any] | None:
    """The map needs embeddings, and those may need an encoder that is not on this machine."""
    try:
        found = pool_map(project, holdout)
    except (CuratorError, IntegrationError) as exc:
        missing.append(f"No map of the pool: {exc}")
        return None
    if found is None:
        missing.append("No map of the pool: too few items.")
    return found
