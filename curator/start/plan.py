"""Everything about a new project that can be decided before all of its data are read."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from curator.amounts import currency_named, format_amount, parse_amount, plain_amount
from curator.config import Config, CostSection, DataSection, LabelerSection, parse_config
from curator.errors import ConfigError, DataError
from curator.evidence.holdout_size import DISAGREEMENT, TARGET_GAIN, size_for_gain
from curator.money.holdout_price import planned_holdouts
from curator.own_labels.read import OwnLabels, labeled_classes
from curator.pool.columns import Columns
from curator.pool.formats import check_name, kept_reading
from curator.pool.inference import Inferred, columns_listing, infer_columns
from curator.pool.labels import alike_warning, check_classes, sorted_classes
from curator.project.modal import check_strategy
from curator.start.options import InitOptions, Kind
from curator.tasks.registry import find_kind
from curator.tasks.task import Task
from integrations.class_names import ClassNames, alike_key, plain
from integrations.encoders.precomputed import NAME as PRECOMPUTED
from integrations.encoders.registry import make_encoder
from integrations.errors import EncoderError, LabelerError
from integrations.labelers.registry import find_labeler, traits_of

DEFAULT_CURRENCY = "USD"
DEFAULT_BATCH = 100
DEFAULT_STRATEGY = "auto"
LABEL_STUDIO = "http://localhost:8080"  # where a server listens unless told otherwise
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
        own: labels that the user owns already.
    """

    config: Config
    columns: Columns
    holdout_columns: Columns | None
    notes: list[str]
    inferred: Inferred
    own: OwnLabels = field(default_factory=OwnLabels)


def make_plan(options: InitOptions) -> Plan:
    """Decide everything that can be decided without reading all the data.

    Raises:
        ConfigError: the options cannot be.
        DataError: it is not clear what the data hold.
    """
    try:
        task = find_kind(options.task)
    except ValueError as error:
        raise ConfigError(f"--task: {error}.") from error
    given = Columns(
        options.id,
        options.text,
        options.image,
        options.label,
        options.embedding,
        show=options.show,
        reading=options.reading,
        label_level=options.label_level,
        merge_case=options.merge_case,
        cells=task.cells,
    )
    named = None if options.classes is None else tuple(plain(name) for name in options.classes)
    inferred = infer_columns(
        options.data, given, options.kind, classes=named, allow_outside=options.allow_outside
    )
    if options.price is None and options.hourly_rate is None:
        raise ConfigError(
            "Say what answers cost: --price 0.08 (per label) or --hourly-rate 25 (0 is fine, too)."
        )
    _check_names(options, task, inferred.kind)
    cost, notes = _cost(options)
    holdout_file = None if options.holdout is None or _is_count(options.holdout) else options.holdout
    holdout = None
    if holdout_file is not None:
        check_name(Path(holdout_file))
        holdout = _holdout(Path(holdout_file), inferred, options)
        notes += [f"hold-out: {note}" for note in holdout.notes if note not in inferred.notes]
    classes = _classes(options, named, inferred, holdout)
    if warning := alike_warning(classes, None if named else inferred.label_counts):
        notes.append(warning)
    labeler = _labeler(options, inferred, notes)
    batch = DEFAULT_BATCH if options.batch is None else options.batch
    seed_batch = max(batch, 2 * len(classes))
    if seed_batch > batch:
        notes.append(f"the first batch has {seed_batch} questions: two per class")
    # Without a number the size is set when the pool's is known.
    size = None if holdout_file else int(options.holdout or size_for_gain(TARGET_GAIN, DISAGREEMENT))
    values: dict[str, Any] = {
        "project": {
            "name": options.name,
            "kind": inferred.kind,
            "task": options.task,
            "classes": classes,
            "seed": options.seed,
        },
        "data": {
            "source": str(options.data),
            **_named(inferred.columns),
            **vars(kept_reading(options.data, options.reading)),
            "allow_outside": options.allow_outside,
        },
        "encoder": {"name": _encoder_name(options, inferred.columns)},
        "acquisition": {
            "batch": batch,
            "seed_batch": seed_batch,
            "strategy": options.strategy or DEFAULT_STRATEGY,
        },
        "holdout": {"file": holdout_file} if holdout_file else {"size": size},
        "labeler": labeler | {"cannot_tell": _cannot_tell(options, classes)},
        "cost": cost,
    }
    if options.metric is not None:
        values["holdout"]["metric"] = options.metric
    config = parse_config(values, "the options")
    return Plan(config, inferred.columns, holdout.columns if holdout else None, notes, inferred)


def _labeler(options: InitOptions, inferred: Inferred, notes: list[str]) -> dict[str, Any]:
    """The labeler's settings, but for the choice "can't tell"; adds to the notes what was decided."""
    name: str = options.labeler or LabelerSection.model_fields["name"].default
    traits, labeled = traits_of(name), inferred.columns.label
    _check_labeler(options, name, inferred)
    if not options.labeler and not options.url and labeled:
        notes.append("the data have labels: --labeler replay would answer from them, to try curator out")
    url = options.url
    if traits.needs_address and url is None:
        url = LABEL_STUDIO
        notes.append(f"labeler: Label Studio at {url} (--url for another address)")
    _check_use_labels(options, name, labeled)
    if not traits.uses_known_labels and labeled and not options.use_labels:
        notes.append(
            f"the labels in column {labeled} are not used: annotators answer "
            "(--use-labels makes them training labels at no price)"
        )
    return {"name": name, "url": url, "folder": "labeling" if "folder" in traits.settings else None}


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
    classes = _known_classes(options, inferred) or (holdout.classes if holdout else None)
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


def _known_classes(options: InitOptions, inferred: Inferred) -> tuple[str, ...] | None:
    """The classes that the data and the labeled files name; None where neither names any."""
    known, task = set(inferred.classes or ()), find_kind(options.task)(())
    columns = _named(inferred.columns)
    reading = vars(kept_reading(options.data, options.reading))
    data = DataSection(source=str(options.data), **columns, **reading)
    for path in options.labeled:
        names = ClassNames(sorted(known), merge_case=options.merge_case)
        known |= {
            name for name in labeled_classes(path, data, inferred.kind, task) if names.find(name) is None
        }
    return sorted_classes(known) if known else None


def _named(columns: Columns) -> dict[str, Any]:
    """What [data] says of the columns."""
    return {name: value for name, value in vars(columns).items() if name not in ("reading", "cells")}


def _check_use_labels(options: InitOptions, labeler: str, label: str | None) -> None:
    if not options.use_labels:
        return
    if traits_of(labeler).uses_known_labels:
        raise ConfigError(
            f"The {labeler} labeler answers from the label column; with --use-labels nothing would be left for it. Leave one of the "
            "two out."
        )
    if label is None:
        raise ConfigError(f"{options.data}: --use-labels needs a column of labels; name it with --label.")


def rate_in_words(cost: CostSection) -> str:
    """What answers cost: "0.08 per label"."""
    if cost.price_per_label is not None:
        return f"{cost.price_per_label} per label"
    return f"{cost.hourly_rate} per hour"


def _check_labeler(options: InitOptions, labeler: str, inferred: Inferred) -> None:
    """Known labels have to be there for the labeler that answers from them."""
    if traits_of(labeler).uses_known_labels and inferred.columns.label is None:
        why = " ".join(f"{note[:1].upper()}{note[1:]}." for note in inferred.missing if "label" in note)
        raise ConfigError(
            f"{options.data}: the {labeler} labeler answers from known labels, and no column holds them. {why} Name the column"
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


def _check_names(options: InitOptions, task: type[Task], kind: Kind) -> None:
    """A strategy, encoder or labeler that does not exist is said before anything is read or written."""
    check_strategy(options.strategy or DEFAULT_STRATEGY, task)
    try:
        if options.encoder:
            make_encoder(options.encoder, kind)
        if options.labeler:
            find_labeler(options.labeler)
    except (EncoderError, LabelerError) as error:
        raise ConfigError(str(error)) from error


def _is_count(text: str) -> bool:
    return text.isdecimal() and len(text) <= _MOST_DIGITS


def _encoder_name(options: InitOptions, columns: Columns) -> str:
    if options.encoder:
        return options.encoder
    return PRECOMPUTED if options.embeddings_file or columns.embedding else BY_KIND


def _cost(options: InitOptions) -> tuple[dict[str, str | None], list[str]]:
    """[cost] of curator.toml, and notes: the currency is the one named, else that of the amounts, else USD.

    Raises:
        ConfigError: amounts that cannot be read, or that are in another currency; all at once.
    """
    given = {"--price": options.price, "--hourly-rate": options.hourly_rate, "--budget": options.budget}
    named = {currency for text in given.values() if text is not None and (currency := currency_named(text))}
    currency = options.currency or (named.pop() if len(named) == 1 else DEFAULT_CURRENCY)
    problems: list[str] = []
    values: dict[str, str | None] = {}
    if options.currency is None and len(named) > 1:
        raise ConfigError(
            f"The amounts are in {' and '.join(sorted(named))}; a campaign has one currency. Name it with --currency."
        )
    for option, text in given.items():
        try:
            if text is not None:
                parse_amount(text, currency)
            values[option] = text if text is None else plain_amount(text)
        except ValueError as exc:
            problems.append(f"{option}: {exc}")
    if problems:
        raise ConfigError("\n".join(problems))
    notes = []
    if options.currency is None and currency != DEFAULT_CURRENCY:
        notes.append(f"currency: {currency}, as in the amounts given (--currency for another)")
    cost = {
        "currency": currency,
        "price_per_label": values["--price"],
        "hourly_rate": values["--hourly-rate"],
        "budget": values["--budget"],
    }
    return cost, notes


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
