"""Start a project: infer what can be inferred, check everything, then write all of it or nothing."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np

from curator.beginning import check_unicode, held_for_init, refuse_existing
from curator.classes.edits import refuse_hand_edit
from curator.classes.history import begin_history
from curator.config import (
    CONFIG_NAME,
    Config,
    CostSection,
    DataSection,
    parse_config,
    render_config,
)
from curator.errors import ConfigError, DataError
from curator.holdout import seal_file
from curator.ledger.store import Ledger
from curator.money.amounts import currency_named, format_amount, parse_amount, plain_amount
from curator.money.holdout_size import DISAGREEMENT, TARGET_GAIN, size_for_gain, smallest_shown
from curator.money.holdout_table import HoldoutRow
from curator.own_labels.enter import OwnLabelsReport, enter_own_labels, own_labels_notes
from curator.own_labels.read import OwnLabels, labeled_classes, read_own_labels
from curator.pool.atomic import write_bytes
from curator.pool.catalogue import ImportReport, Pool, import_records
from curator.pool.columns import Columns, Inferred, check_classes, infer_columns, sorted_classes
from curator.pool.formats import check_name, kept_reading
from curator.pool.incoming import EmbeddingSource
from curator.pool.problems import BadRows, listing
from curator.pool.reading import UNKNOWN, Reading
from curator.progress import Progress
from curator.project import Project, check_strategy, state_folder
from curator.rounds.holdout_price import planned_holdouts
from integrations.encoders.registry import default_encoder, make_encoder
from integrations.errors import EncoderError, LabelerError
from integrations.labelers.registry import labeler_class

Kind = Literal["text", "image"]
DEFAULT_CURRENCY = "USD"
LARGEST_HOLDOUT_SHARE = 1 / 3
DEFAULT_BATCH = 100
DEFAULT_STRATEGY = "auto"
LABEL_STUDIO = "http://localhost:8080"  # where a server listens unless told otherwise
PRECOMPUTED = "precomputed"
_MOST_DIGITS = 18  # of a number of items; what has more is rather the name of a file
_ENOUGH_TO_TELL = 20  # labels; fewer may all differ by chance
_MOST_DISTINCT = 0.9  # share of the labels
BY_KIND = "by kind"  # until the pool is read: what images look like decides


@dataclass(frozen=True)
class InitOptions:
    """What `curator init` was told; None means infer, or take the default."""

    name: str
    data: Path
    kind: Kind | None = None
    id: str | None = None
    text: str | None = None
    image: str | None = None
    label: str | None = None
    embedding: str | None = None
    show: tuple[str, ...] = ()  # further columns that annotators see beside the item
    allow_outside: bool = False  # images may lie outside the folder of the data file
    reading: Reading = UNKNOWN  # how files of text are written
    skip_bad_rows: Path | None = None  # rows that cannot be used are listed there and left out
    embeddings_file: str | None = None  # .npy, or .npz:ARRAY, aligned with the data
    classes: tuple[str, ...] | None = None
    price: str | None = None
    hourly_rate: str | None = None
    currency: str | None = None  # None: that of the amounts, or USD
    budget: str | None = None
    encoder: str | None = None
    labeler: str | None = None
    url: str | None = None
    strategy: str | None = None
    batch: int | None = None
    holdout: str | None = None  # a size, or the path of a labeled file
    holdout_embeddings: str | None = None  # as embeddings_file, for the hold-out file
    metric: str | None = None
    seed: int = 0
    labeled: tuple[Path, ...] = ()  # files with labels that the user owns
    use_labels: bool = False  # the data's own label column is one


@dataclass
class InitReport:
    """What was set up, and what was inferred on the way."""

    folder: str
    items: int
    rows_per_second: float
    encode_rows_per_second: float
    holdout_size: int
    detectable_gain: (
        float | None
    )  # smallest gain (0 to 1) that this hold-out is likely to show; None: none at all
    notes: list[str] = field(default_factory=list)
    holdout_rows: list[HoldoutRow] = field(default_factory=list)  # none where the hold-out came labeled
    currency: str = DEFAULT_CURRENCY
    rate: str = ""  # what answers cost, in words: "0.08 per label"


@dataclass(frozen=True)
class _Plan:
    """Everything decided before anything is written. `columns` are those of the pool, then of the hold-out file."""

    config: Config
    columns: Columns
    holdout_columns: Columns | None
    notes: list[str]
    own: OwnLabels = field(default_factory=OwnLabels)


def parse_kind(text: str | None) -> Kind | None:
    """`--kind` as a value.

    Raises:
        ConfigError: neither text nor image.
    """
    if text is not None and text not in get_args(Kind):
        raise ConfigError(f"--kind is {text!r}; it must be one of {', '.join(get_args(Kind))}.")
    return cast("Kind | None", text)


def split_columns(text: str | None) -> tuple[str, ...]:
    """`--show` as the names of columns."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def init_project(
    options: InitOptions, folder: Path, progress: Progress, say: Callable[[str], None] = lambda _text: None
) -> InitReport:
    """Create a project in `folder`: curator.toml, pool, embeddings, an empty ledger.

    Raises:
        ConfigError: the folder holds a project already, or the options cannot be.
        DataError: the data cannot be used. Nothing is left behind.
    """
    folder = folder.resolve()
    state = state_folder(folder)
    check_unicode({**vars(options), "project": folder})
    refuse_existing(folder, state)
    plan = _plan(options)
    with held_for_init(folder, state):
        imported, plan = _import_all(plan, options, state, progress)
        with Ledger(state / "ledger.db") as ledger:
            own = _begin(ledger, state, plan.config, plan.own)
        # Last: with curator.toml there, the folder holds a project.
        write_bytes(folder / CONFIG_NAME, render_config(plan.config).encode())
        with Project(folder, progress=progress, say=say) as project:
            try:
                encoded = project.encode()
            except (EncoderError, DataError) as exc:
                # It would fail the next time as well: better to start anew with another encoder.
                raise type(exc)(f"{options.data}: {exc}") from exc
            holdout = plan.config.holdout.size or len(project.pool.role_rows("holdout"))
            return InitReport(
                folder=str(folder),
                items=project.pool.n_items,
                rows_per_second=imported.rows_per_second,
                encode_rows_per_second=encoded.rows_per_second,
                holdout_size=holdout,
                detectable_gain=smallest_shown(max(1, holdout), DISAGREEMENT),
                notes=[*plan.notes, *own_labels_notes(own, plan.config.cost.currency)],
                holdout_rows=planned_holdouts(plan.config, project.pool.n_items),
                currency=plan.config.cost.currency,
                rate=_rate_in_words(plan.config.cost),
            )


def add_to_pool(
    project: Project,
    path: Path,
    embeddings_file: str | None = None,
    *,
    reading: Reading = UNKNOWN,
    skip_bad_rows: Path | None = None,
) -> ImportReport:
    """Append a file to the pool, read with the columns of curator.toml; known items are skipped.

    Args:
        project: it is added to.
        path: a data file or a folder of images.
        embeddings_file: where embeddings are precomputed and in a file of their own.
        reading: how this file is written, where that differs from what curator.toml says.
        skip_bad_rows: rows that cannot be used are listed there and left out; None: they are an error.

    Raises:
        ConfigError: curator.toml names other classes than the campaign has.
        DataError: rows cannot be used, or a known id comes with other content. The pool is as before.
        EncoderError: items cannot be encoded. The pool is as before.
    """
    config = project.config
    columns = Columns(**config.data.columns())
    columns = replace(columns, reading=columns.reading.overridden(reading))
    if config.labeler.name != "replay":
        columns = replace(columns, label=None)  # annotators answer: a file without known labels is as good
    with project.locked("add"), listing(skip_bad_rows) as bad_rows:
        refuse_hand_edit(project)
        before = project.pool.segments
        report = import_records(
            project.pool,
            path,
            columns,
            classes=config.project.classes,
            allow_outside=config.data.allow_outside,
            embeddings=embedding_source(config, project.state, embeddings_file),
            bad_rows=bad_rows,
            progress=project.progress,
        )
        try:
            project.encode()
        except (EncoderError, DataError):
            # It would fail the next time as well, and so would every round over these items.
            project.pool.go_back(before)
            raise
        with project.ledger.write():
            added = [*json.loads(project.ledger.get("added_data") or "[]"), str(path.resolve())]
            project.ledger.put(
                "added_data", json.dumps(list(dict.fromkeys(added)))
            )  # `curator export` reads them again
    return report


def _plan(options: InitOptions) -> _Plan:
    """Decide everything that can be decided without reading all the data."""
    given = Columns(
        options.id,
        options.text,
        options.image,
        options.label,
        options.embedding,
        show=options.show,
        reading=options.reading,
    )
    inferred = infer_columns(options.data, given, options.kind)
    if options.price is None and options.hourly_rate is None:
        raise ConfigError(
            "Say what answers cost: --price 0.08 (per label) or --hourly-rate 25 (0 is fine, too)."
        )
    cost, cost_notes = _cost(options)
    notes = [*inferred.notes, *cost_notes]
    _check_names(options, inferred.kind)
    holdout_file = None if _is_count(options.holdout or "0") else options.holdout
    holdout_columns, classes = None, options.classes or _all_classes(options, inferred)
    if holdout_file:
        check_name(Path(holdout_file))
        # nobody is asked about a hold-out that comes labeled, so it need not have the columns to show
        found = infer_columns(Path(holdout_file), replace(inferred.columns, show=()), inferred.kind)
        if found.columns.label is None:
            raise DataError(
                f"{holdout_file}: a hold-out file needs a column with labels; name it with --label."
            )
        notes += [f"hold-out: {note}" for note in found.notes]
        holdout_columns, classes = found.columns, classes or found.classes
    if not classes:
        raise ConfigError(
            "Name the classes: --classes positive,negative. Or name the column of known labels to take them from: "
            "--label COLUMN."
        )
    if options.classes is None:
        check_classes(classes, str(options.data if inferred.classes else holdout_file))
    labeler = options.labeler or "label-studio"
    if not options.labeler and not options.url and inferred.columns.label:
        notes.append("the data has labels: --labeler replay would answer from them, to try curator out")
    url = options.url
    if labeler == "label-studio" and url is None:
        url = LABEL_STUDIO
        notes.append(f"labeler: Label Studio at {url} (--url for another address)")
    _check_use_labels(options, labeler, inferred.columns.label)
    if labeler != "replay" and inferred.columns.label and not options.use_labels:
        notes.append(
            f"the labels in column {inferred.columns.label} are not used: annotators answer "
            "(--use-labels makes them training labels at no price)"
        )
    batch = options.batch or DEFAULT_BATCH
    seed_batch = max(batch, 2 * len(classes))
    if seed_batch > batch:
        notes.append(f"the first batch has {seed_batch} questions: two per class")
    values: dict[str, Any] = {
        "project": {"name": options.name, "kind": inferred.kind, "classes": classes, "seed": options.seed},
        "data": {
            "source": str(options.data),
            **{name: value for name, value in vars(inferred.columns).items() if name != "reading"},
            **vars(kept_reading(options.data, options.reading)),
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
        if holdout_file
        else {"size": int(options.holdout or size_for_gain(TARGET_GAIN, DISAGREEMENT))},
        "labeler": {
            "name": labeler,
            "url": url,
            "folder": "labeling" if labeler == "files" else None,
        },
        "cost": cost,
    }
    if options.metric:
        values["holdout"]["metric"] = options.metric
    return _Plan(parse_config(values, "the options"), inferred.columns, holdout_columns, notes)


def _all_classes(options: InitOptions, inferred: Inferred) -> tuple[str, ...] | None:
    """The classes that the data and the labeled files name; None where neither names any."""
    found = set(inferred.classes or ())
    data = DataSection(source=str(options.data), **vars(inferred.columns))
    for path in options.labeled:
        found |= set(labeled_classes(path, data, inferred.kind))
    return sorted_classes(found) if found else None


def _check_use_labels(options: InitOptions, labeler: str, label: str | None) -> None:
    if not options.use_labels:
        return
    if labeler == "replay":
        raise ConfigError(
            "The replay labeler answers from the label column; with --use-labels nothing would be left for it. Leave one of the "
            "two out."
        )
    if label is None:
        raise ConfigError(f"{options.data}: --use-labels needs a column of labels; name it with --label.")


def _rate_in_words(cost: CostSection) -> str:
    if cost.price_per_label is not None:
        return f"{cost.price_per_label} per label"
    return f"{cost.hourly_rate} per hour"


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


def _check_labels_repeat(options: InitOptions, plan: _Plan, labeled: int) -> None:
    """Labels that hardly ever come twice name items, not classes: most likely the wrong column was taken."""
    classes = plan.config.project.classes
    if plan.columns.label is not None and len(classes) > _MOST_DISTINCT * labeled:
        raise DataError(
            f"{options.data}: column {plan.columns.label!r} has {len(classes):,} different values in {labeled:,} labeled rows:"
            " they name items, not classes. Name the label column with --label, or the classes with --classes."
        )


def _is_count(text: str) -> bool:
    return text.isdecimal() and len(text) <= _MOST_DIGITS


def _encoder_name(options: InitOptions, columns: Columns) -> str:
    if options.encoder:
        return options.encoder
    return PRECOMPUTED if options.embeddings_file or columns.embedding else BY_KIND


def _import_all(
    plan: _Plan, options: InitOptions, state: Path, progress: Progress
) -> tuple[ImportReport, _Plan]:
    """Read the pool, and the hold-out file if there is one."""
    with listing(options.skip_bad_rows) as bad_rows:
        return _import_listing(plan, options, state, bad_rows, progress)


def _import_listing(
    plan: _Plan, options: InitOptions, state: Path, bad_rows: BadRows | None, progress: Progress
) -> tuple[ImportReport, _Plan]:
    config = plan.config
    pool = Pool.create(state / "pool", config.project.kind)
    imported = import_records(
        pool,
        options.data,
        plan.columns,
        classes=config.project.classes,
        allow_outside=config.data.allow_outside,
        embeddings=embedding_source(config, state, options.embeddings_file),
        bad_rows=bad_rows,
        progress=progress,
    )
    if options.classes is None and imported.labeled >= _ENOUGH_TO_TELL:
        _check_labels_repeat(options, plan, imported.labeled)
    notes = [*imported.notes, *plan.notes]
    if imported.account:
        notes.append(imported.account)
    if config.encoder.name == BY_KIND:
        name, why = default_encoder(config.project.kind, pool.contents(np.arange(min(50, pool.n_items))))
        config = config.model_copy(update={"encoder": config.encoder.model_copy(update={"name": name})})
        notes.append(why)
    if imported.duplicates_collapsed:
        notes.append(
            f"{imported.duplicates_collapsed:,} rows repeat the content of another: each is one item"
        )
    if config.labeler.name == "replay" and imported.labeled < imported.added:
        notes.append(
            f"{imported.added - imported.labeled:,} items have no label: the replay labeler will skip them"
        )
    own = _own_labels(pool, config, options, state, progress)
    imported = replace(
        imported, added=imported.added + own.added - len(own.labels)
    )  # what may be asked about
    if plan.holdout_columns and config.holdout.file:
        held = import_records(
            pool,
            Path(config.holdout.file),
            plan.holdout_columns,
            classes=config.project.classes,
            role="holdout",
            allow_outside=config.data.allow_outside,
            embeddings=embedding_source(config, state, options.holdout_embeddings),
            bad_rows=bad_rows,
            progress=progress,
        )
        notes += [f"hold-out: {note}" for note in (*held.notes, held.account) if note]
    elif not options.holdout:
        largest = max(1, int(LARGEST_HOLDOUT_SHARE * imported.added))
        if config.holdout.size > largest:
            notes.append(
                f"hold-out: {largest} items, a third of the pool; {config.holdout.size} would show gains of 5 points"
            )
            config = config.model_copy(
                update={"holdout": config.holdout.model_copy(update={"size": largest})}
            )
    if config.acquisition.seed_batch + config.holdout.size > imported.added / 2:
        notes.append(
            f"the first round asks about {config.acquisition.seed_batch + config.holdout.size} of "
            f"{imported.added} items: a smaller --batch leaves more to choose from"
        )
    if config.holdout.size >= imported.added:
        raise ConfigError(
            f"A hold-out of {config.holdout.size} items leaves nothing to learn from: "
            f"{options.data} has {imported.added} items. Give a smaller --holdout."
        )
    _check_budget(config, imported.added)
    return imported, _Plan(config, plan.columns, plan.holdout_columns, notes, own)


def _check_budget(config: Config, n_items: int) -> None:
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


def embedding_source(config: Config, state: Path, file: str | None) -> EmbeddingSource | None:
    """Where precomputed embeddings come from; None when an encoder computes them."""
    if config.encoder.name != PRECOMPUTED:
        return None
    return EmbeddingSource(state / "embeddings", file)


def _own_labels(
    pool: Pool, config: Config, options: InitOptions, state: Path, progress: Progress
) -> OwnLabels:
    """Labels that the user owns already: of the data's own column, and of further files."""
    found = OwnLabels()
    if options.use_labels:
        rows = pool.role_rows("pool")
        for item_id, label in zip(pool.ids(rows), pool.labels(rows), strict=True):
            if label is not None:
                found.take(item_id, label, options.data.name)
        if len(found.labels) == len(rows):
            raise DataError(
                f"{options.data}: every item has a label, so nothing is left to ask about. For a rehearsal on known labels leave "
                "--use-labels out and take --labeler replay."
            )
    for path in options.labeled:
        read_own_labels(
            pool, path, config.data, found,
            classes=config.project.classes, embeddings=embedding_source(config, state, None), progress=progress,
        )  # fmt: skip
    return found


def _begin(ledger: Ledger, state: Path, config: Config, own: OwnLabels) -> OwnLabelsReport:
    """A campaign's id, the hold-out when it came as a file, and the labels that are there already."""
    pool = Pool.open(state / "pool")
    with ledger.write():
        ledger.put("campaign", secrets.token_hex(4))
        seal_file(ledger, pool)
        if own.labels:
            begin_history(ledger, config.project.classes)
        return enter_own_labels(ledger, own)
