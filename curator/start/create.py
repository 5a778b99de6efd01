"""Start a project: infer what can be inferred, check everything, then write all of it or nothing."""

import secrets
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from curator.config import CONFIG_NAME, render_config
from curator.errors import ConfigError, DataError
from curator.holdout import seal_file
from curator.ledger.store import Ledger
from curator.money.holdout_size import smallest_shown
from curator.money.holdout_table import HoldoutRow
from curator.pool.catalogue import ImportReport, Pool
from curator.pool.embeddings import FIT_SAMPLE, EmbeddingStore
from curator.progress import Progress
from curator.project import Project, state_folder
from curator.rounds.holdout_price import planned_holdouts
from curator.start.load import load_data
from curator.start.options import InitOptions
from curator.start.plan import DISAGREEMENT, PRECOMPUTED, Plan, make_plan
from curator.start.understood import EXAMPLES, FloatArray, IntArray, Understood, refuse_alike, understand
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
    _refuse_existing(folder, state)
    plan = make_plan(options)
    made = [missing for missing in (folder, *folder.parents) if not missing.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        state.mkdir()
        imported, plan = load_data(plan, options, state, progress)
        with Ledger(state / "ledger.db") as ledger:
            _begin(ledger, state)
        # Last: with curator.toml there, the folder holds a project.
        (folder / CONFIG_NAME).write_text(render_config(plan.config), encoding="utf-8")
    except BaseException:
        # Also on Ctrl-C: a project that is half there would be refused by the next `init`.
        _undo(folder, state, made)
        raise
    with Project(folder, progress=progress, say=say) as project:
        try:
            encoded = project.encode()
            refuse_alike(project.embeddings.blocks(), project.pool.n_items)
        except (EncoderError, DataError) as exc:
            # It would fail the next time as well: better to start anew with another encoder. (Ctrl-C is different: what
            # is encoded stays, and `curator round` goes on with the rest.)
            _undo(folder, state, made)
            raise type(exc)(f"{options.data}: {exc}") from exc
        store = project.embeddings
        zero = (encoded.zero_rows, store.zero_rows(EXAMPLES))
        understood = understand(plan, project.pool, imported, store.take, zero)
        return _report(plan, imported, understood, folder, encoded.rows_per_second)


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
        imported, plan = load_data(plan, options, state, progress)
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
    )


def _refuse_existing(folder: Path, state: Path) -> None:
    if (folder / CONFIG_NAME).exists():
        raise ConfigError(
            f"{folder} already holds a project ({CONFIG_NAME}). Add data with `curator add PATH`, start the new one "
            f"elsewhere with --project DIR, or move {CONFIG_NAME} and .curator away to start over."
        )
    if (state / "ledger.db").exists():
        raise ConfigError(
            f"{state} holds a ledger but {folder} has no {CONFIG_NAME}. Put the {CONFIG_NAME} back, "
            "or move .curator away before starting anew."
        )
    # A killed `init` leaves a state folder without a ledger: nothing of value, so it is cleared.
    if state.exists():
        shutil.rmtree(state)


def _undo(folder: Path, state: Path, made: list[Path]) -> None:
    """Leave the folder as it was; those that were made for it, innermost first, go as well."""
    shutil.rmtree(state, ignore_errors=True)
    (folder / CONFIG_NAME).unlink(missing_ok=True)
    for empty in made:
        with suppress(OSError):  # somebody may have put a file there meanwhile
            empty.rmdir()


def _begin(ledger: Ledger, state: Path) -> None:
    """A campaign's id, and the hold-out when it came as a file."""
    pool = Pool.open(state / "pool")
    with ledger.write():
        ledger.put("campaign", secrets.token_hex(4))
        seal_file(ledger, pool)
