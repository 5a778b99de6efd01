"""Start a project: infer what can be inferred, check everything, then write all of it or nothing."""

import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from curator.config import CONFIG_NAME, Config
from curator.errors import DataError
from curator.evidence.holdout_size import DISAGREEMENT, smallest_shown
from curator.files import write_bytes
from curator.ledger.class_history import begin_history
from curator.ledger.store import Ledger
from curator.money.holdout_price import planned_holdouts
from curator.money.holdout_table import HoldoutRow
from curator.own_labels.enter import OwnLabelsReport, enter_own_labels, own_labels_notes
from curator.pool.catalogue import Pool
from curator.pool.embeddings import FIT_SAMPLE, EmbeddingStore
from curator.pool.importing import ImportReport
from curator.progress import Progress
from curator.project.holdout import seal_file
from curator.project.project import Project, state_folder
from curator.start.beginning import check_unicode, held_for_init, refuse_existing
from curator.start.config_text import render_config
from curator.start.load import load_data
from curator.start.options import InitOptions
from curator.start.plan import DEFAULT_CURRENCY, Plan, make_plan, rate_in_words
from curator.start.understood import EXAMPLES, FloatArray, IntArray, Understood, refuse_alike, understand
from integrations.encoders.precomputed import NAME as PRECOMPUTED
from integrations.encoders.protocol import Encoder
from integrations.encoders.registry import make_encoder
from integrations.errors import EncoderError

_DRY_SAMPLE = 1_000  # items that a dry run encodes


@dataclass
class InitReport:
    """What was set up, and what was inferred on the way."""

    folder: str | None  # None: a dry run, nothing was written
    items: int
    rows_per_second: float
    encode_rows_per_second: float
    holdout_size: int
    # smallest gain (0 to 1) that this hold-out is likely to show; None: none at all
    detectable_gain: float | None
    understood: Understood
    notes: list[str] = field(default_factory=list)
    holdout_rows: list[HoldoutRow] = field(default_factory=list)  # none where the hold-out came labeled
    currency: str = DEFAULT_CURRENCY
    rate: str = ""  # what answers cost, in words: "0.08 per label"


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
    plan = make_plan(options)
    with held_for_init(folder, state):
        imported, plan = load_data(plan, options, state, progress)
        with Ledger(state / "ledger.db") as ledger:
            own = _begin(ledger, state, plan)
        plan.notes.extend(own_labels_notes(own, plan.config.cost.currency))
        # Last: with curator.toml there, the folder holds a project.
        write_bytes(folder / CONFIG_NAME, render_config(_with_lasting_paths(plan.config, folder)).encode())
        with Project(folder, progress=progress, say=say) as project:
            try:
                encoded = project.encode()
                refuse_alike(project.embeddings.blocks(), project.pool.n_items)
            except (EncoderError, DataError) as exc:
                # It would fail the next time as well: better to start anew with another encoder.
                raise type(exc)(f"{options.data}: {exc}") from exc
            store = project.embeddings
            zero = (encoded.zero_rows, store.zero_rows(EXAMPLES))
            understood = understand(plan, project.pool, imported, store.take, zero)
            return _report(plan, imported, understood, folder, encoded.rows_per_second)


def _with_lasting_paths(config: Config, folder: Path) -> Config:
    """As curator.toml keeps it: files that were given relative to another folder than the project's by their whole path."""

    def lasting(named: str) -> str:
        there = folder / named
        return named if there.exists() and there.samefile(named) else str(Path(named).resolve())

    source = config.data.model_copy(update={"source": lasting(config.data.source)})
    file = config.holdout.file
    holdout = config.holdout.model_copy(update={"file": None if file is None else lasting(file)})
    return config.model_copy(update={"data": source, "holdout": holdout})


def try_init(options: InitOptions, progress: Progress) -> InitReport:
    """What `init_project` would understand; nothing is left on disk.

    All rows are read and checked, in a temporary folder; of what an encoder has to compute, a sample is looked at.

    Raises:
        ConfigError: the options cannot be.
        DataError: the data cannot be used.
        EncoderError: the encoder cannot.
    """
    plan = make_plan(options)
    with tempfile.TemporaryDirectory(prefix="curator-init-") as temporary:
        state = Path(temporary)
        # A list of rows left out is a file as well: in a dry run it goes where the rest goes.
        skipping = options.skip_bad_rows and state / "skipped.csv"
        imported, plan = load_data(plan, replace(options, skip_bad_rows=skipping), state, progress)
        pool = Pool.open(state / "pool")
        encoder = make_encoder(plan.config.encoder.name, pool.kind)
        try:
            if encoder.name == PRECOMPUTED:
                store = EmbeddingStore(state / "embeddings", pool, encoder)
                zero = (store.ensure(progress).zero_rows, store.zero_rows(EXAMPLES))
                refuse_alike(store.blocks(), pool.n_items)
                understood = understand(plan, pool, imported, store.take, zero)
            else:
                understood = _understand_sample(plan, pool, imported, encoder)
        except (EncoderError, DataError) as exc:
            raise type(exc)(f"{options.data}: {exc}") from exc
    return _report(plan, imported, understood, None, 0.0)


def _understand_sample(plan: Plan, pool: Pool, imported: ImportReport, encoder: Encoder) -> Understood:
    """With the embeddings of some items only: an encoder may need hours for all."""
    rows = pool.role_rows("pool")
    rng = np.random.default_rng(plan.config.project.seed)
    if encoder.needs_fit:
        fitted = rows if len(rows) <= FIT_SAMPLE else np.sort(rng.choice(rows, FIT_SAMPLE, replace=False))
        encoder.fit(pool.contents(fitted))

    def embed(wanted: IntArray) -> FloatArray:
        found = encoder.encode(pool.contents(wanted))
        if len(wanted) > 1:
            refuse_alike([(0, found)], pool.n_items)
        return found

    return understand(plan, pool, imported, embed, None, among=_DRY_SAMPLE)


def _report(
    plan: Plan, imported: ImportReport, understood: Understood, folder: Path | None, encoded_per_second: float
) -> InitReport:
    holdout = understood.holdout_size
    items = understood.items + (holdout if plan.holdout_columns else 0)
    return InitReport(
        folder=None if folder is None else str(folder),
        items=items,
        rows_per_second=imported.rows_per_second,
        encode_rows_per_second=encoded_per_second,
        holdout_size=holdout,
        detectable_gain=smallest_shown(max(1, holdout), DISAGREEMENT),
        understood=understood,
        notes=plan.notes,
        holdout_rows=planned_holdouts(plan.config, items),
        currency=plan.config.cost.currency,
        rate=rate_in_words(plan.config.cost),
    )


def _begin(ledger: Ledger, state: Path, plan: Plan) -> OwnLabelsReport:
    """A campaign's id, the hold-out when it came as a file, and the labels that are there already."""
    pool = Pool.open(state / "pool")
    with ledger.write():
        ledger.put("campaign", secrets.token_hex(4))
        seal_file(ledger, pool)
        if plan.own.labels:
            begin_history(ledger, plan.config.project.classes)
        return enter_own_labels(ledger, plan.config.task(), plan.own)
