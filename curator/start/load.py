"""Reads the data of a new project into its pool, and decides what depends on how many there are."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from curator.config import Config
from curator.errors import ConfigError, DataError
from curator.own_labels.read import OwnLabels, read_own_labels
from curator.pool.catalogue import Pool
from curator.pool.columns import Columns
from curator.pool.importing import ImportReport, import_records
from curator.pool.incoming import embedding_source
from curator.pool.problems import BadRows, counted, listing
from curator.pool.segments import Role
from curator.progress import Progress
from curator.start.options import InitOptions
from curator.start.plan import BY_KIND, Plan, check_budget
from integrations.encoders.registry import default_encoder

LARGEST_HOLDOUT_SHARE = 1 / 3
NEW_CLASS = "if they are classes too, name them among the --classes (without these, every label is a class)"
_ENOUGH_TO_TELL = 20  # labels; fewer may all differ by chance
_MOST_DISTINCT = 0.9  # share of the labels


def load_data(plan: Plan, options: InitOptions, state: Path, progress: Progress) -> tuple[ImportReport, Plan]:
    """Read the pool, and the hold-out file if there is one.

    Returns:
        What the import of the pool did; the plan, with encoder and hold-out size decided.

    Raises:
        DataError: the data cannot be used.
        ConfigError: there are too few of them for the hold-out, or the budget does not pay for it.
    """
    with listing(options.skip_bad_rows) as bad_rows:
        return _load(plan, options, state, bad_rows, progress)


def _load(
    plan: Plan, options: InitOptions, state: Path, bad_rows: BadRows | None, progress: Progress
) -> tuple[ImportReport, Plan]:
    config = plan.config
    pool = Pool.create(state / "pool", config.project.kind)

    def take(path: Path, columns: Columns, embeddings: str | None, role: Role = "pool") -> ImportReport:
        return import_records(
            pool,
            path,
            columns,
            classes=config.project.classes,
            role=role,
            allow_outside=config.data.allow_outside,
            embeddings=embedding_source(config.encoder.name, state / "embeddings", embeddings),
            bad_rows=bad_rows,
            new_class=NEW_CLASS,
            progress=progress,
        )

    imported = take(options.data, plan.columns, options.embeddings_file)
    if options.classes is None and imported.labeled >= _ENOUGH_TO_TELL:
        _check_labels_repeat(options, plan, imported.labeled)
    notes = [*imported.notes, *plan.notes]
    if config.encoder.name == BY_KIND:
        name, why = default_encoder(config.project.kind, pool.contents(np.arange(min(50, pool.n_items))))
        config = config.model_copy(update={"encoder": config.encoder.model_copy(update={"name": name})})
        notes.append(why)
    if imported.respelled:
        notes.append(imported.respelled)
    if config.labeler.traits.uses_known_labels and imported.labeled < imported.added:
        notes.append(
            f"{counted(imported.added - imported.labeled, 'item')} without a label: the {config.labeler.name} labeler skips them"
        )
    own = _own_labels(pool, config, options, state, progress)
    # what may be asked about
    imported = replace(imported, added=imported.added + own.added - len(own.labels))
    if plan.holdout_columns and config.holdout.file:
        held = take(
            Path(config.holdout.file), plan.holdout_columns, options.holdout_embeddings, role="holdout"
        )
        notes += [f"hold-out: {note}" for note in (*held.notes, held.account, held.respelled) if note]
    elif options.holdout is None:
        config = _with_smaller_holdout(config, imported.added, notes)
    if config.holdout.size >= imported.added:
        raise ConfigError(
            f"A hold-out of {counted(config.holdout.size, 'item')} leaves nothing to learn from: "
            f"{options.data} has {counted(imported.added, 'item')}. Give a smaller --holdout, or more data."
        )
    if first := first_round_note(config, imported.added):
        notes.append(first)
    check_budget(config, imported.added)
    return imported, replace(plan, config=config, notes=notes, own=own)


def _with_smaller_holdout(config: Config, n: int, notes: list[str]) -> Config:
    """A hold-out of at most a third of the `n` items; the notes say what that costs."""
    largest = max(1, int(LARGEST_HOLDOUT_SHARE * n))
    if config.holdout.size <= largest:
        return config
    notes.append(
        f"hold-out: {counted(largest, 'item')}, a third of the pool; {config.holdout.size} would show gains of 5 points"
    )
    return config.model_copy(update={"holdout": config.holdout.model_copy(update={"size": largest})})


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
            task=config.task(), classes=config.project.classes,
            embeddings=embedding_source(config.encoder.name, state / "embeddings", None), progress=progress,
        )  # fmt: skip
    return found


def first_round_note(config: Config, n: int) -> str | None:
    """What a first round that takes more than half of the pool leaves; None when it takes less."""
    asked = min(config.acquisition.seed_batch + config.holdout.size, n)
    if asked <= n / 2:
        return None
    if asked == n:
        return f"the first round asks about all {n:,} items: a smaller --batch leaves some to choose from"
    return (
        f"the first round asks about {asked:,} of {n:,} items: a smaller --batch leaves more to choose from"
    )


def _check_labels_repeat(options: InitOptions, plan: Plan, labeled: int) -> None:
    """Labels that hardly ever come twice name items, not classes: most likely the wrong column was taken."""
    classes = plan.config.project.classes
    if plan.columns.label is not None and len(classes) > _MOST_DISTINCT * labeled:
        raise DataError(
            f"{options.data}: column {plan.columns.label!r} has {len(classes):,} different values in {labeled:,} labeled rows:"
            " they name items, not classes. Name the label column with --label, or the classes with --classes."
        )
