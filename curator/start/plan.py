"""Everything about a new project that can be decided before all of its data are read."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curator.config import Config, LabelerSection, parse_config
from curator.errors import ConfigError, DataError
from curator.money.amounts import format_amount, parse_amount
from curator.money.holdout_size import size_for_gain
from curator.pool.columns import Columns
from curator.pool.inference import Inferred, columns_listing, infer_columns
from curator.pool.labels import alike_warning, check_classes
from curator.project import check_strategy
from curator.rounds.holdout_price import planned_holdouts
from curator.start.options import InitOptions, Kind
from integrations.class_names import alike_key, plain
from integrations.encoders.registry import make_encoder
from integrations.errors import EncoderError, LabelerError
from integrations.labelers.registry import labeler_class

# Share of items on which two successive models differ in being right: sets how large a hold-out must be.
DISAGREEMENT = 0.10
TARGET_GAIN = 0.05
DEFAULT_BATCH = 100
DEFAULT_STRATEGY = "auto"
LABEL_STUDIO = "http://localhost:8080"  # where a server listens unless told otherwise
PRECOMPUTED = "precomputed"
BY_KIND = "by kind"  # until the pool is read: what images look like decides
_MOST_DIGITS = 18  # of a number of items; what has more is rather the name of a file


@dataclass(frozen=True)
class Plan:
    """Everything decided before anything is written.

    Attributes:
        config: what curator.toml will say.
        columns: of the pool.
        holdout_columns: of the hold-out file; None without one.
        notes: what was decided for the user, a sentence each.
        inferred: what was found out about the data.
    """

    config: Config
    columns: Columns
    holdout_columns: Columns | None
    notes: list[str]
    inferred: Inferred


def make_plan(options: InitOptions) -> Plan:
    """Decide everything that can be decided without reading all the data.

    Raises:
        ConfigError: the options cannot be.
        DataError: it is not clear what the data hold.
    """
    given = Columns(
        options.id,
        options.text,
        options.image,
        options.label,
        options.embedding,
        show=options.show,
        label_level=options.label_level,
        merge_case=options.merge_case,
    )
    named = None if options.classes is None else tuple(plain(name) for name in options.classes)
    inferred = infer_columns(
        options.data, given, options.kind, classes=named, allow_outside=options.allow_outside
    )
    if options.price is None and options.hourly_rate is None:
        raise ConfigError(
            "Say what answers cost: --price 0.08 (per label) or --hourly-rate 25 (0 is fine, too)."
        )
    _check_names(options, inferred.kind)
    notes: list[str] = []
    holdout_file = None if options.holdout is None or _is_count(options.holdout) else options.holdout
    holdout = None
    if holdout_file is not None:
        holdout = _holdout(Path(holdout_file), inferred, options)
        notes += [f"hold-out: {note}" for note in holdout.notes if note not in inferred.notes]
    classes = _classes(options, named, inferred, holdout)
    warning = alike_warning(classes, None if named else inferred.label_counts)
    if warning:
        notes.append(warning)
    labeler = options.labeler or "label-studio"
    _check_labeler(options, labeler, inferred)
    if not options.labeler and not options.url and inferred.columns.label:
        notes.append("the data have labels: --labeler replay would answer from them, to try curator out")
    url = options.url
    if labeler == "label-studio" and url is None:
        url = LABEL_STUDIO
        notes.append(f"labeler: Label Studio at {url} (--url for another address)")
    if labeler != "replay" and inferred.columns.label:
        notes.append(f"the labels in column {inferred.columns.label} are not used: annotators answer")
    batch = DEFAULT_BATCH if options.batch is None else options.batch
    seed_batch = max(batch, 2 * len(classes))
    if seed_batch > batch:
        notes.append(f"the first batch has {seed_batch} questions: two per class")
    values: dict[str, Any] = {
        "project": {"name": options.name, "kind": inferred.kind, "classes": classes, "seed": options.seed},
        "data": {
            "source": str(options.data),
            **vars(inferred.columns),
            "allow_outside": options.allow_outside,
        },
        "encoder": {"name": _encoder_name(options, inferred.columns)},
        "acquisition": {
            "batch": batch,
            "seed_batch": seed_batch,
            "strategy": options.strategy or DEFAULT_STRATEGY,
        },
        # Without a number the size is set when the pool's is known.
        "holdout": {"file": holdout_file}
        if holdout_file is not None
        else {"size": int(options.holdout or size_for_gain(TARGET_GAIN, DISAGREEMENT))},
        "labeler": {
            "name": labeler,
            "url": url,
            "folder": "labeling" if labeler == "files" else None,
            "cannot_tell": _cannot_tell(options, classes),
        },
        "cost": {
            "currency": options.currency,
            "price_per_label": options.price,
            "hourly_rate": options.hourly_rate,
            "budget": options.budget,
        },
    }
    if options.metric is not None:
        values["holdout"]["metric"] = options.metric
    config = parse_config(values, "the options")
    return Plan(config, inferred.columns, holdout.columns if holdout else None, notes, inferred)


def _holdout(path: Path, inferred: Inferred, options: InitOptions) -> Inferred:
    """The columns of the hold-out file, which is read like the pool."""
    # nobody is asked about a hold-out that comes labeled, so it need not have the columns to show
    given = replace(inferred.columns, show=())
    found = infer_columns(path, given, inferred.kind, allow_outside=options.allow_outside)
    if found.columns.label is None:
        raise DataError(
            f"{path}: a hold-out file needs a column with labels; name it with --label. "
            f"{columns_listing(found.seen)}"
        )
    return found


def _classes(
    options: InitOptions, named: tuple[str, ...] | None, inferred: Inferred, holdout: Inferred | None
) -> tuple[str, ...]:
    """The classes: those that are named, else those of the labels."""
    if named is not None:
        return named
    classes = inferred.classes or (holdout.classes if holdout else None)
    if not classes:
        reasons = "".join(f" {note[:1].upper()}{note[1:]}." for note in inferred.missing if "(" in note)
        listing = f" {columns_listing(inferred.seen)}" if inferred.seen else ""
        raise ConfigError(
            f"{options.data}: no column holds labels that give the classes.{reasons} Name the classes: --classes"
            f" positive,negative. Or name the column of known labels to take them from: --label COLUMN.{listing}"
        )
    column = inferred.columns.label
    where = (
        f"{options.data}, labels in {column!r}"
        if inferred.classes
        else f"{options.holdout}, the hold-out file"
    )
    return check_classes(classes, where)


def _check_labeler(options: InitOptions, labeler: str, inferred: Inferred) -> None:
    """Known labels have to be there for the labeler that answers from them."""
    if labeler == "replay" and inferred.columns.label is None:
        why = " ".join(f"{note[:1].upper()}{note[1:]}." for note in inferred.missing if "label" in note)
        raise ConfigError(
            f"{options.data}: the replay labeler answers from known labels, and no column holds them. {why} Name the column"
            " with --label COLUMN, or take another labeler (--labeler label-studio or files)."
        )


def _cannot_tell(options: InitOptions, classes: tuple[str, ...]) -> str:
    """The choice of an annotator who cannot decide.

    Raises:
        ConfigError: it is a class as well.
    """
    given = options.cannot_tell
    text: str = LabelerSection.model_fields["cannot_tell"].default if given is None else plain(given)
    same = [name for name in classes if text and alike_key(name) == alike_key(text)]
    if same:
        raise ConfigError(
            f"{same[0]!r} is a class, and also the choice of an annotator who cannot decide. Name that choice otherwise,"
            ' with --cannot-tell "unsure", or do without it: --cannot-tell "".'
        )
    return text


def _check_names(options: InitOptions, kind: Kind) -> None:
    """A strategy, encoder or labeler that does not exist is said before anything is read or written."""
    check_strategy(options.strategy or DEFAULT_STRATEGY)
    try:
        if options.encoder:
            make_encoder(options.encoder, kind)
        if options.labeler:
            labeler_class(options.labeler)
    except (EncoderError, LabelerError) as error:
        raise ConfigError(str(error)) from error


def _is_count(text: str) -> bool:
    return text.isdecimal() and len(text) <= _MOST_DIGITS


def _encoder_name(options: InitOptions, columns: Columns) -> str:
    if options.encoder:
        return options.encoder
    return PRECOMPUTED if options.embeddings_file or columns.embedding else BY_KIND


def check_budget(config: Config, n_items: int) -> None:
    """A hold-out that the budget cannot pay for is said now, not in the first round."""
    planned = [row for row in planned_holdouts(config, n_items) if row.size == config.holdout.size]
    if config.cost.budget is None or not planned or planned[0].price is None:
        return
    price, budget, currency = planned[0].price, parse_amount(config.cost.budget), config.cost.currency
    if price > budget:
        raise ConfigError(
            f"The hold-out of {config.holdout.size:,} labels costs {format_amount(price, currency)}, the budget is "
            f"{format_amount(budget, currency)}. Raise --budget, give a smaller --holdout, or a labeled --holdout FILE."
        )
